//! What a model file may cost to read, whatever stands in it.

/// Bounds on reading models. A file that exceeds one is refused with an error that says which.
///
/// The defaults leave a wide margin over real files, and keep the refusal of a hostile one below a tenth of a second
/// and some tens of megabytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest file, in bytes.
    pub file_bytes: usize,
    /// The most instructions that a pickle may hold.
    pub opcodes: usize,
    /// The most values that may wait on the pickle machine's stack.
    pub stack: usize,
    /// The highest number, plus one, under which a pickle may remember a value.
    pub memo: usize,
    /// The memory that the values of a pickle may take while it is read, in bytes.
    pub memory_bytes: usize,
    /// The most elements that one array may have.
    pub array_elements: usize,
    /// The most files that are looked at in a directory of models.
    pub directory_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 16 << 20,
            opcodes: 500_000,
            stack: 100_000,
            memo: 500_000,
            memory_bytes: 48 << 20,
            array_elements: 1 << 20,
            directory_files: 500_000,
        }
    }
}
