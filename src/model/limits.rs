//! What a model file may cost to read, whatever stands in it.

/// Bounds on reading models. A file that exceeds one is refused with an error that names the setting.
///
/// The defaults leave a wide margin over real files, and keep the refusal of a hostile one below a twentieth of a second
/// and 64 MiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest file, in bytes: `models.max_file`.
    pub file_bytes: usize,
    /// The memory that the content of a file may take while it is read, in bytes: `models.max_memory`. What is
    /// decompressed counts as well.
    pub memory_bytes: usize,
    /// The most instructions, or parts, that a file may hold: `models.max_instructions`.
    pub instructions: usize,
    /// The most elements that one array may have: `models.max_elements`.
    pub elements: usize,
    /// How deep parts of a file, or steps of a model, may lie within each other: `models.max_depth`.
    pub depth: usize,
    /// The most files that are looked at in a directory of models: `models.max_files`.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 16 << 20,
            memory_bytes: 48 << 20,
            instructions: 500_000,
            elements: 1 << 20,
            depth: 32,
            files: 500_000,
        }
    }
}
