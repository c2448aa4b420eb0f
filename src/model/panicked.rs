//! Panics of what does not panic, made errors: whoever wrote the file, it must not end the daemon.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::formats::printable::printable_within;

/// A file has found a defect of the code that reads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading it panicked: {0}; please report this file")]
pub struct Panicked(pub String);

/// Does work that reads a file, or tries what was read.
///
/// # Errors
/// When it panics. It is said with its place on the standard error by then, as any panic is.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    // What was half done is lost with it: it shares nothing that it changes.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked(short(message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

/// One line, of a length that can be read.
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
        assert_eq!(guarded(|| panic!("at last")), Err(Panicked("at last".to_owned())));
        assert_eq!(guarded(|| std::panic::panic_any(3)), Err(Panicked("without a word".to_owned())));
    }
}
