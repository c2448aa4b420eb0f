//! What `anomalyd dump` writes of a store: everything that it holds, as JSON, for people and scripts.

use std::io::{self, Write};

use serde_json::json;

use crate::interval::Window;
use crate::reading::RejectId;
use crate::rescoring::Rescorer;
use crate::run::{Run, RunState, Trigger};
use crate::sensor::{NumberedSensor, SensorName};
use crate::store::{ChunkId, Reader, StoreError, StoredRejects};
use crate::verdict::{Label, ModelHash, Outcome, Scored, Verdict, score};

/// What to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum What {
    /// The runs in the ledger, the oldest first
    Runs,
    /// The verdicts of those runs, with every row
    Verdicts,
    /// The models that gave those verdicts: of each sensor which, from when until when, and in how many windows
    Models,
    /// The inputs that were not accepted, the oldest first
    Rejects,
    /// The sensors that are known
    Sensors,
}

/// Why the store could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl What {
    /// What can be written, by its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("runs", Self::Runs),
        ("verdicts", Self::Verdicts),
        ("models", Self::Models),
        ("rejects", Self::Rejects),
        ("sensors", Self::Sensors),
    ];

    /// What has this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, what)| what)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, what)| *what == self).map_or("", |(name, _)| name)
    }
}

/// Writes what `what` asks for to `out`.
///
/// # Errors
/// When the store cannot be read, or `out` cannot be written.
pub fn write(what: What, reader: &Reader, rescorer: &Rescorer, out: &mut dyn Write) -> Result<(), DumpError> {
    let sensors: Vec<_> = reader.sensors()?.into_iter().map(named).collect();
    match what {
        What::Runs => reader.runs()?.iter().try_for_each(|run| writeln!(out, "{}", run_line(run)))?,
        What::Verdicts => {
            for run in reader.runs()? {
                write_verdicts(reader, rescorer, &sensors, &run, out)?;
            }
        }
        What::Models => {
            let times = sensors.iter().zip(times_at_work(reader, sensors.len())?);
            let times = times.filter_map(|(name, times)| Some((name.as_ref()?, times)));
            for (name, time) in times.flat_map(|(name, times)| times.into_iter().map(move |time| (name, time))) {
                writeln!(out, "{}", time.line(name))?;
            }
        }
        What::Rejects => {
            for StoredRejects { number, kept, mut counts } in reader.rejects()? {
                for (place, reject) in (0..).zip(kept) {
                    let received = reject.received.to_string();
                    let id = RejectId { block: number, place }.to_string();
                    let line = json!({ "id": id, "received": received, "origin": reject.origin, "kind": reject.kind,
                        "reason": reject.reason, "excerpt": reject.excerpt });
                    writeln!(out, "{line}")?;
                    counts
                        .iter_mut()
                        .filter(|(kind, _)| *kind == reject.kind)
                        .for_each(|(_, count)| *count = count.saturating_sub(1));
                }
                for (kind, more) in counts.into_iter().filter(|(_, count)| *count > 0) {
                    writeln!(out, "{}", json!({ "kind": kind, "more_of_this_kind": more }))?;
                }
            }
        }
        What::Sensors => {
            for name in sensors.iter().flatten() {
                writeln!(out, "{}", json!({ "device": name.device(), "sensor": name.sensor() }))?;
            }
        }
    }
    Ok(())
}

/// The sensor of a number; `None` when it has no name.
fn named(sensor: NumberedSensor) -> Option<SensorName> {
    match sensor {
        NumberedSensor::Named(name) => Some(name),
        NumberedSensor::Freed | NumberedSensor::Unreadable => None,
    }
}

fn run_line(run: &Run) -> serde_json::Value {
    let mut line = json!({
        "run": run.id.0,
        "window_start": run.window.start().to_string(),
        "window_end": run.window.end().to_string(),
        "interval_seconds": run.interval.to_std().as_secs_f64(),
        "group": run.group.as_str(),
        "trigger": run.trigger.as_str(),
        "revision": run.revision,
        "scope": run.scope.len(),
        "settings": format!("{:016x}", run.settings),
        "models": format!("{:016x}", run.models),
        "closed": run.closing.to_string(),
        "state": "started",
    });
    if let RunState::Finished(tally) = run.state {
        line["state"] = json!("finished");
        line["scored"] = json!(tally.scored);
        line["no_data"] = json!(tally.no_data);
        line["too_little_data"] = json!(tally.too_little_data);
        line["failed"] = json!(tally.failed);
        line["timed_out"] = json!(tally.timed_out);
        line["quarantined"] = json!(tally.quarantined);
        line["unproven"] = json!(tally.unproven);
        line["rows"] = json!(tally.rows);
        line["anomalies"] = json!(tally.anomalies);
    }
    line
}

fn write_verdicts(
    reader: &Reader,
    rescorer: &Rescorer,
    sensors: &[Option<SensorName>],
    run: &Run,
    out: &mut dyn Write,
) -> Result<(), DumpError> {
    for chunk in ChunkId::of_scope(&run.scope) {
        for verdict in reader.verdicts(run.id, chunk)? {
            let Some(Some(name)) = sensors.get(verdict.sensor.index()) else { continue };
            writeln!(out, "{}", verdict_line(name, run, verdict, rescorer)?)?;
        }
    }
    Ok(())
}

/// Successive windows that the same model scored.
struct AtWork {
    model: ModelHash,
    proven: bool,
    first: Window,
    last: Window,
    windows: u64,
}

impl AtWork {
    fn line(&self, sensor: &SensorName) -> serde_json::Value {
        json!({
            "device": sensor.device(),
            "sensor": sensor.sensor(),
            "model": self.model.to_string(),
            "proven": self.proven,
            "from": self.first.start().to_string(),
            "until": self.last.end().to_string(),
            "windows": self.windows,
        })
    }
}

/// When which model was at work, by sensor, the earliest first.
fn times_at_work(reader: &Reader, sensors: usize) -> Result<Vec<Vec<AtWork>>, StoreError> {
    let mut times: Vec<Vec<AtWork>> = (0..sensors).map(|_| Vec::new()).collect();
    // Runs by command score windows of the past with models of later.
    let runs = reader.runs()?.into_iter().filter(|run| run.trigger != Trigger::Command);
    for Run { id, window, scope, .. } in runs {
        for chunk in ChunkId::of_scope(&scope) {
            for verdict in reader.verdicts(id, chunk)? {
                let (Outcome::Scored(scored), Some(times)) = (verdict.outcome, times.get_mut(verdict.sensor.index()))
                else {
                    continue;
                };
                let Scored { model, proven, .. } = scored;
                match times.last_mut().filter(|time| (time.model, time.proven) == (model, proven)) {
                    Some(time) => (time.last, time.windows) = (window, time.windows + 1),
                    None => times.push(AtWork { model, proven, first: window, last: window, windows: 1 }),
                }
            }
        }
    }
    Ok(times)
}

fn verdict_line(
    name: &SensorName,
    run: &Run,
    Verdict { sensor, mut outcome }: Verdict,
    rescorer: &Rescorer,
) -> Result<serde_json::Value, StoreError> {
    let window = run.window;
    let mut line = json!({
        "run": run.id.0,
        "group": run.group.as_str(),
        "revision": run.revision,
        "window_start": window.start().to_string(),
        "device": name.device(),
        "sensor": name.sensor(),
        "outcome": outcome.kind(),
    });
    match &mut outcome {
        Outcome::Scored(scored) => {
            match rescorer.rows(run, sensor, scored)? {
                Ok(rows) => scored.rows = rows,
                Err(problem) => line["decisions"] = json!(format!("only the worst are kept: {problem}")),
            }
            let interval = run.interval;
            let rows = scored.rows.iter().map(|(place, label, decision)| {
                let start = window.start() + interval.times(i64::from(place));
                let mut line = json!({ "interval": start.to_string(), "anomaly": label == Label::Anomaly });
                if let Some(decision) = decision {
                    line["decision"] = json!(decision);
                    if let Some(unit) = scored.unit {
                        line["score"] = json!(score(decision, unit));
                    }
                }
                line
            });
            line["model"] = json!(scored.model.to_string());
            line["proven"] = json!(scored.proven);
            if let Some(boundary) = scored.boundary {
                line["anomaly_score"] = json!(boundary.get());
            }
            if let Some(explanation) = &scored.explanation {
                line["explanation"] = json!(explanation.words(window, interval));
            }
            line["rows"] = rows.collect();
        }
        Outcome::TooLittleData { intervals, needed } => {
            line["intervals"] = json!(intervals);
            line["needed"] = json!(needed);
        }
        Outcome::Failed { .. } | Outcome::TimedOut { .. } => line["reason"] = json!(outcome.fault()),
        Outcome::NoData | Outcome::Quarantined | Outcome::Unproven => {}
    }
    Ok(line)
}
