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

/// A bound on reading that a file reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it takes more than {max} {what}, the most that is accepted; raise models.{setting} if the file is honest")]
pub struct Exceeded {
    /// What was counted.
    pub what: &'static str,
    /// The bound.
    pub max: usize,
    /// The bound's name in the configuration's section `[models]`.
    pub setting: &'static str,
}

impl Limits {
    pub(super) fn memory_exceeded(&self) -> Exceeded {
        Exceeded { what: "bytes of memory", max: self.memory_bytes, setting: "max_memory" }
    }

    pub(super) fn instructions_exceeded(&self) -> Exceeded {
        Exceeded { what: "instructions", max: self.instructions, setting: "max_instructions" }
    }

    pub(super) fn elements_exceeded(&self) -> Exceeded {
        Exceeded { what: "elements in an array", max: self.elements, setting: "max_elements" }
    }

    pub(super) fn depth_exceeded(&self) -> Exceeded {
        Exceeded { what: "levels within each other", max: self.depth, setting: "max_depth" }
    }
}
