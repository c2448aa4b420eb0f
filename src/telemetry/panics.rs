//! Panics: one that is caught becomes an error and prints nothing; any other is one line of the log.
//!
//! Rust prints a panic before it can be caught. Code that reads or evaluates a model catches the panics of libraries
//! and reports them as errors; the raw print on standard error would repeat each of them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message of a panic that was caught, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Its message.
    pub message: String,
    /// The place in the code; `None` when [`install`] was not called.
    pub place: Option<String>,
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.place.iter().try_for_each(|place| write!(f, " (at {place})"))
    }
}

thread_local! {
    /// How many nested calls of [`catch`] this thread is in.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// The place of the last panic within these calls.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does work, and catches its panic. Data that the work was changing may be half changed then, and must not be used any
/// more.
///
/// # Errors
/// When the work panics.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    CATCHING.set(CATCHING.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(CATCHING.get() - 1);
    done.map_err(|panic| Caught { message: one_line(message(&*panic)), place: PLACE.take() })
}

/// From this call on, panics that [`catch`] catches print nothing, and all others are lines of the log. Before there is
/// a log, they are printed as usual.
pub fn install() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        if CATCHING.try_with(Cell::get).is_ok_and(|catching| catching > 0) {
            PLACE.set(place);
        } else if tracing::dispatcher::has_been_set() {
            let place = place.unwrap_or_default();
            let thread = std::thread::current().name().unwrap_or("without a name").to_owned();
            tracing::error!(place, thread, "panicked: {}", one_line(message(panic.payload())));
        } else {
            before(panic);
        }
    }));
}

/// What a panic says.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_panic_becomes_an_error_of_one_line_and_those_around_it_stay_caught() {
        let width = 3;
        assert_eq!(catch(|| width), Ok(3));
        let caught = catch(|| {
            let inner = catch(|| panic!("rows of {width}\nfeatures")).unwrap_err();
            assert_eq!(inner.message, "rows of 3·features");
            panic!("at last");
        });
        assert_eq!(caught.unwrap_err().message, "at last");
        assert_eq!(catch(|| std::panic::panic_any(3)).unwrap_err().message, "without a word");
        assert_eq!(CATCHING.get(), 0);
    }

    /// Not a test of its own: the next test runs it in a process of its own, because hook and standard error belong to
    /// the whole process.
    #[test]
    #[ignore = "run by the test below"]
    fn process_that_panics() {
        install();
        crate::telemetry::logging::start(crate::telemetry::logging::LogFormat::Json, "info").unwrap();
        let caught = catch(|| panic!("in silence")).unwrap_err();
        let place = caught.place.unwrap();
        assert!(place.starts_with("src/telemetry/panics.rs:"), "{place}");
        let thread = std::thread::Builder::new().name("open".to_owned()).spawn(|| panic!("aloud\nand clear")).unwrap();
        thread.join().unwrap_err();
    }

    #[test]
    fn a_caught_panic_prints_nothing_and_another_is_one_line_of_the_log() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "telemetry::panics::tests::process_that_panics", "--ignored", "--nocapture"])
            .stdout(Stdio::null())
            .output()
            .unwrap();
        assert!(child.status.success());
        let said = String::from_utf8(child.stderr).unwrap();
        let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [line] = &lines[..] else { panic!("{said}") };
        assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"panicked: aloud·and clear".into()));
        assert_eq!(line["thread"], "open");
        assert!(line["place"].as_str().unwrap().starts_with("src/telemetry/panics.rs:"), "{said}");
    }
}
