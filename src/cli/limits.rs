//! The bounds on reading a model: options of the commands that read one without a configuration.

use std::ops::RangeInclusive;

use crate::config::bytes::ByteSize;
use crate::config::models::{DEPTH, ELEMENTS, INSTRUCTIONS, OPERATIONS, ROW_OPERATIONS, SIZES};
use crate::model::Limits;

/// Bounds on reading a model, as `[models]` has them in the configuration. An error that names one names it as there.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Limits on reading a model, for one that is refused and trusted")]
pub struct LimitArgs {
    /// The largest file
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().max_file, value_parser = parse_size)]
    pub max_file: ByteSize,
    /// The most memory that reading it may take beside the file itself
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().max_memory, value_parser = parse_size)]
    pub max_memory: ByteSize,
    /// The most instructions (of a pickle) or parts (of other formats) in it
    #[arg(long, value_name = "COUNT", default_value_t = Self::default().max_instructions, value_parser = parse_instructions)]
    pub max_instructions: usize,
    /// The most elements of one array in it
    #[arg(long, value_name = "COUNT", default_value_t = Self::default().max_elements, value_parser = parse_elements)]
    pub max_elements: usize,
    /// The most operations that reading it may take beside going through it once
    #[arg(long, value_name = "COUNT", default_value_t = Self::default().max_operations, value_parser = parse_operations)]
    pub max_operations: usize,
    /// The most operations that scoring one row may take
    #[arg(long, value_name = "COUNT", default_value_t = Self::default().max_row_operations, value_parser = parse_row_operations)]
    pub max_row_operations: usize,
    /// How deep its parts may lie within each other
    #[arg(long, value_name = "LEVELS", default_value_t = Self::default().max_depth, value_parser = parse_depth)]
    pub max_depth: usize,
}

impl Default for LimitArgs {
    fn default() -> Self {
        let Limits { file_bytes, memory_bytes, instructions, elements, operations, row_operations, depth, .. } =
            Limits::default();
        Self {
            max_file: size(file_bytes),
            max_memory: size(memory_bytes),
            max_instructions: instructions,
            max_elements: elements,
            max_operations: operations,
            max_row_operations: row_operations,
            max_depth: depth,
        }
    }
}

impl LimitArgs {
    /// The limits that the options set.
    pub fn limits(&self) -> Limits {
        Limits {
            file_bytes: self.max_file.saturating_usize(),
            memory_bytes: self.max_memory.saturating_usize(),
            instructions: self.max_instructions,
            elements: self.max_elements,
            operations: self.max_operations,
            row_operations: self.max_row_operations,
            depth: self.max_depth,
            ..Limits::default()
        }
    }
}

fn size(bytes: usize) -> ByteSize {
    ByteSize::from_bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

fn parse_size(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text).filter(|size| SIZES.contains(size));
    size.ok_or_else(|| format!("not a size from {} to {}; write it as 64MiB", SIZES.start(), SIZES.end()))
}

fn parse_instructions(text: &str) -> Result<usize, String> {
    parse_count(text, &INSTRUCTIONS)
}

fn parse_elements(text: &str) -> Result<usize, String> {
    parse_count(text, &ELEMENTS)
}

fn parse_operations(text: &str) -> Result<usize, String> {
    parse_count(text, &OPERATIONS)
}

fn parse_row_operations(text: &str) -> Result<usize, String> {
    parse_count(text, &ROW_OPERATIONS)
}

fn parse_depth(text: &str) -> Result<usize, String> {
    parse_count(text, &DEPTH)
}

fn parse_count(text: &str, accepted: &RangeInclusive<u32>) -> Result<usize, String> {
    let count = text.replace('_', "").parse().ok().filter(|count| accepted.contains(count));
    let count = count.and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| format!("not a whole number from {} to {}", accepted.start(), accepted.end()))
}
