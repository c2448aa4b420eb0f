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

/// Below which the parts lie.
const SCORING: &str = "anomalyd::actors::scoring::";
/// The parts whose lines are of a run. The others there read models, or look for conditions, also while no run goes on.
const PARTS: [&str; 10] = [
    "commanded",
    "evaluation",
    "fault_news",
    "model_watch",
    "recorder",
    "restart_queue",
    "scheduler",
    "sensor",
    "supervisor",
    "troubles",
];

static IS_GATHERING: AtomicBool = AtomicBool::new(false);
static GATHERED: Mutex<Option<Gathering>> = Mutex::new(None);

#[derive(Debug)]
struct Gathering {
    log: RunLog,
    bytes: usize,
    max_bytes: usize,
    /// The last of the lines that did not fit: how a run ended is told by its last line.
    last: Option<LogLine>,
}

/// Gathers lines from now on, up to so many bytes. What was gathered before is dropped.
pub fn begin(max_bytes: usize) {
    *gathered() = Some(Gathering { log: RunLog::default(), bytes: 0, max_bytes, last: None });
    IS_GATHERING.store(true, Ordering::Release);
}

/// Ends the gathering. Returns what was logged since it began. The last line is there in any case.
pub fn end() -> RunLog {
    IS_GATHERING.store(false, Ordering::Release);
    gathered().take().map(Gathering::end).unwrap_or_default()
}

fn gathered() -> MutexGuard<'static, Option<Gathering>> {
    // A thread that panicked has left every value whole.
    GATHERED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gathering {
    fn add(&mut self, line: LogLine) {
        let bytes = line.bytes();
        if self.bytes + bytes > self.max_bytes {
            self.log.left_out += u64::from(self.last.replace(line).is_some());
            return;
        }
        self.bytes += bytes;
        self.log.lines.push(line);
    }

    fn end(mut self) -> RunLog {
        self.log.lines.extend(self.last);
        metrics::RUN_LOG_LINES_LEFT_OUT.add(self.log.left_out);
        self.log
    }
}

/// Whether lines of this origin are of runs.
pub(super) fn is_of_runs(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO && is_part_of_runs(metadata.target())
}

/// Whether lines with this target are of a part of runs, or of a file below it.
fn is_part_of_runs(target: &str) -> bool {
    let part = target.strip_prefix(SCORING).and_then(|part| part.split("::").next());
    part.is_some_and(|part| PARTS.contains(&part))
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
        let mut gathering = Gathering { log: RunLog::default(), bytes: 0, max_bytes: two, last: None };
        for text in ["first", "second", "third", "fourth", "run finished"] {
            gathering.add(line(text));
        }
        let log = gathering.end();
        let texts: Vec<_> = log.lines.iter().map(|line| &*line.text).collect();
        assert_eq!((texts, log.left_out), (vec!["first", "second", "run finished"], 2));
    }

    #[test]
    fn a_run_has_the_lines_of_the_parts_that_score_and_of_no_other() {
        for part in ["recorder", "recorder::commanded", "evaluation::pool", "model_watch", "sensor"] {
            assert!(is_part_of_runs(&format!("anomalyd::actors::scoring::{part}")), "{part}");
        }
        for part in ["model_watcher", "model_loader", "model_news", "condition_watch", "folder_watch"] {
            assert!(!is_part_of_runs(&format!("anomalyd::actors::scoring::{part}")), "{part}");
        }
        assert!(!is_part_of_runs("anomalyd::actors::committer") && !is_part_of_runs("anomalyd::actors::scoring"));
    }

    /// A part that is renamed is noticed here.
    #[test]
    fn each_part_of_runs_is_there() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/actors/scoring");
        for part in PARTS {
            assert!(folder.join(format!("{part}.rs")).is_file(), "{part}");
        }
    }
}
