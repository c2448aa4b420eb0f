//! Gathers what is logged of a run while it goes on, so that it can be kept with the run.
//!
//! Runs never go on beside each other, so that all that the parts which score log between the beginning and the end of a run
//! is of it. The level of the log does not matter here: all that happens is gathered, up to a bound of bytes.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::run::{LogLine, RunLog, Urgency};
use crate::telemetry::metrics;
use crate::time::Timestamp;

/// The parts whose lines are of a run.
const TARGETS: &str = "anomalyd::actors::scoring";
/// Those of them that read models, which they also do while no run goes on.
const NOT_OF_RUNS: [&str; 3] = ["model_", "folder_watch", "workers"];

static IS_GATHERING: AtomicBool = AtomicBool::new(false);
static GATHERED: Mutex<Option<Gathering>> = Mutex::new(None);

#[derive(Debug)]
struct Gathering {
    log: RunLog,
    bytes: usize,
    max_bytes: usize,
}

/// Gathers lines from now on, up to so many bytes. What was gathered before is dropped.
pub fn begin(max_bytes: usize) {
    *gathered() = Some(Gathering { log: RunLog::default(), bytes: 0, max_bytes });
    IS_GATHERING.store(true, Ordering::Release);
}

/// Ends the gathering. Returns what was logged since it began.
pub fn end() -> RunLog {
    IS_GATHERING.store(false, Ordering::Release);
    gathered().take().map(|gathering| gathering.log).unwrap_or_default()
}

fn gathered() -> MutexGuard<'static, Option<Gathering>> {
    // A thread that panicked has left every value whole.
    GATHERED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gathering {
    fn add(&mut self, line: LogLine) {
        let bytes = line.bytes();
        if self.bytes + bytes > self.max_bytes {
            self.log.left_out += 1;
            metrics::RUN_LOG_LINES_LEFT_OUT.add(1);
            return;
        }
        self.bytes += bytes;
        self.log.lines.push(line);
    }
}

/// Whether lines of this origin are of runs.
pub(super) fn is_of_runs(metadata: &Metadata<'_>) -> bool {
    let part = metadata.target().strip_prefix(TARGETS);
    part.is_some_and(|part| {
        let part = part.trim_start_matches("::");
        *metadata.level() <= Level::INFO && !NOT_OF_RUNS.iter().any(|other| part.starts_with(other))
    })
}

/// Takes the lines while they are logged.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunLogLayer;

impl<S: Subscriber> Layer<S> for RunLogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !IS_GATHERING.load(Ordering::Acquire) {
            return;
        }
        let mut fields = LineFields::default();
        event.record(&mut fields);
        let urgency = match *event.metadata().level() {
            Level::ERROR => Urgency::Error,
            Level::WARN => Urgency::Warning,
            _ => Urgency::Info,
        };
        let LineFields { sensor, message, values } = fields;
        let mut text = message + &values;
        if text.len() > LogLine::MAX_TEXT_BYTES {
            let end = (0..=LogLine::MAX_TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or_default());
            text.push('…');
        }
        if let Some(gathering) = &mut *gathered() {
            gathering.add(LogLine { at: Timestamp::now(), urgency, sensor, text });
        }
    }
}

/// The fields of a line: its message first, the sensor apart, and the others behind as `name=value`.
#[derive(Default)]
struct LineFields {
    sensor: Option<String>,
    message: String,
    values: String,
}

impl Visit for LineFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "sensor" => {
                self.sensor = Some(format!("{value:?}"));
                Ok(())
            }
            name => write!(self.values, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { at: Timestamp::default(), urgency: Urgency::Info, sensor: None, text: text.to_owned() }
    }

    #[test]
    fn lines_are_kept_up_to_the_bound_and_the_others_counted() {
        let two = line("first").bytes() + line("second").bytes();
        let mut gathering = Gathering { log: RunLog::default(), bytes: 0, max_bytes: two };
        for text in ["first", "second", "third", "fourth"] {
            gathering.add(line(text));
        }
        let texts: Vec<_> = gathering.log.lines.iter().map(|line| &*line.text).collect();
        assert_eq!((texts, gathering.log.left_out), (vec!["first", "second"], 2));
    }
}
