//! Panics of code that should never panic, turned into errors: a model file must not end the daemon.

use super::formats::printable::printable_within;
use crate::telemetry::panics;

/// Reading a file led to a panic: the code that reads it has a defect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading it panicked: {0}; please report this file")]
pub struct Panicked(pub String);

/// Does work that reads a file, or evaluates what was read.
///
/// # Errors
/// When the work panics.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Data that the work had half changed is dropped: the work shares no data that it changes.
    panics::catch(work).map_err(|caught| Panicked(short(&caught.to_string())))
}

/// A text as one line, cut to a readable length.
pub(super) fn short(text: &str) -> String {
    printable_within(300, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_of_one_line_that_says_what_it_said() {
        let width = 3;
        assert_eq!(guarded(|| width), Ok(3));
        let error = guarded(|| panic!("rows of {width}\nfeatures")).unwrap_err();
        assert_eq!(error.to_string(), "reading it panicked: rows of 3·features; please report this file");
    }
}
