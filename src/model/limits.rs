//! Bounds on the cost of reading a model file, whatever its content.

/// Bounds on reading models. A file that exceeds one is refused with an error that names the setting.
///
/// The defaults leave a wide margin over real files: a forest of a hundred trees that saw 10,000 rows each, and a
/// LocalOutlierFactor of 100,000 rows. They keep the refusal of a hostile file of up to 2 MiB below a twentieth of a
/// second and 64 MiB; a larger one may take more in proportion to its own size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest file, in bytes: `models.max_file`.
    pub file_bytes: usize,
    /// The bytes of memory that reading may take beside the file itself: `models.max_memory`. Decompressed bytes count
    /// too. A large file may take more: as much again as its own size (ONNX twice that); a compressed one eight times
    /// its size, but no more than the largest file.
    pub memory_bytes: usize,
    /// The most instructions, or parts, that a file may hold: `models.max_instructions`.
    pub instructions: usize,
    /// The most elements that one array may have: `models.max_elements`.
    pub elements: usize,
    /// The most operations that reading a file may take, beside one pass through its bytes: `models.max_operations`. An
    /// operation takes about a nanosecond on a core of a desktop.
    pub operations: usize,
    /// The most operations that scoring one row may take, about: `models.max_row_operations`.
    pub row_operations: usize,
    /// How deep parts of a file, or steps of a model, may lie within each other: `models.max_depth`.
    pub depth: usize,
    /// The most files that are looked at in a directory of models: `models.max_files`.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            memory_bytes: 48 << 20,
            instructions: 500_000,
            elements: 1 << 22,
            operations: 40_000_000,
            row_operations: 3_000_000,
            depth: 32,
            files: 500_000,
        }
    }
}

/// A file reached a bound on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it takes more than {max} {what}, the most that is accepted; if the file is honest, {}", raise(setting))]
pub struct Exceeded {
    /// The quantity that was counted.
    pub what: &'static str,
    /// The bound.
    pub max: usize,
    /// The bound's name in the configuration's section `[models]`.
    pub setting: &'static str,
}

/// How many times its size a large compressed file may have when it is decompressed. Forests of whole numbers compress
/// that far.
const EXPANSION: usize = 8;

/// The n-th part of the memory may hold the decompressed bytes of a small file; the rest is for its values.
const OUTPUT_SHARE: usize = 3;

/// How to raise a bound, in words: in the configuration, or by the command's option, whose name follows from the
/// setting's.
pub(super) fn raise(setting: &str) -> String {
    format!("raise models.{setting} in the configuration, or give the command --{}", setting.replace('_', "-"))
}

impl Limits {
    /// The limits for a file of `file` bytes that is read without decompression: most of its memory is the file itself.
    pub(super) fn in_place(&self, file: usize) -> Self {
        let operations = self.operations.saturating_add(file);
        Self { memory_bytes: self.memory_bytes.saturating_add(file), operations, ..*self }
    }

    /// The limits for the content of a file of `file` bytes that has to be decompressed first.
    pub(super) fn unpacking(&self, file: usize) -> Self {
        let content = file.saturating_mul(EXPANSION).min(self.file_bytes);
        Self { memory_bytes: self.memory_bytes.saturating_add(content), ..self.in_place(file) }
    }

    /// How many bytes a file of so many may come to, decompressed.
    pub(super) fn unpacked(&self, file: usize) -> usize {
        (self.memory_bytes / OUTPUT_SHARE).max(file.saturating_mul(EXPANSION).min(self.file_bytes))
    }

    pub(super) fn memory_exceeded(&self) -> Exceeded {
        Exceeded { what: "bytes of memory", max: self.memory_bytes, setting: "max_memory" }
    }

    pub(super) fn instructions_exceeded(&self) -> Exceeded {
        Exceeded { what: "instructions", max: self.instructions, setting: "max_instructions" }
    }

    pub(super) fn elements_exceeded(&self) -> Exceeded {
        Exceeded { what: "elements in an array", max: self.elements, setting: "max_elements" }
    }

    pub(super) fn operations_exceeded(&self) -> Exceeded {
        Exceeded { what: "operations to read", max: self.operations, setting: "max_operations" }
    }

    pub(super) fn depth_exceeded(&self) -> Exceeded {
        Exceeded { what: "levels within each other", max: self.depth, setting: "max_depth" }
    }
}
