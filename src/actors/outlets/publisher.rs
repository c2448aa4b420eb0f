//! The publisher: tells each sink's outlet which finished runs are due, and notes how far each sink is.
//!
//! There is no queue: a sink has to publish the finished runs in the ledger from its own cursor on. The cursor moves on,
//! durably, when the sink has taken a run. A sink that fails is tried again for ever, and a crash repeats at most the
//! run that was under way; both sinks can take the same run twice. A sink that lags behind until its runs leave the
//! ring loses them, and the log says so.
//!
//! Runs do not overlap, and only the newest run can go on after it was cut off. So a run that has not ended is waited for
//! when it is the newest, and passed over when others follow it.
//!
//! A verdict that a sink cannot take must not hold up the others: while an outlet takes other verdicts, it passes over
//! the one that it cannot take, and counts it.

mod file_outlet;
mod mqtt_outlet;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::interval::Interval;
use crate::pipeline::Position;
use crate::rescoring::Rescorer;
use crate::run::{Run, RunId, RunState};
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::sink::files::{FileError, FileSettings};
use crate::store::{ChunkId, Reader, StoreError, StoredIntervals};
use crate::telemetry::metrics;
use crate::verdict::Verdict;
use crate::warn_limited;
use file_outlet::FileOutlet;
use mqtt_outlet::MqttOutlet;

pub use mqtt_outlet::MqttOutletSettings;

/// The sink of prediction files.
pub const FILES: &str = "files";
/// The sink of MQTT messages.
pub const MQTT: &str = "mqtt";
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The parts that a sink reads from.
#[derive(Clone)]
pub struct Published {
    /// The verdicts and windows.
    pub reader: Reader,
    /// The sensors' names.
    pub directory: Arc<SensorDirectory>,
    /// Computes again what is not stored of verdicts.
    pub rescorer: Arc<Rescorer>,
}

/// Why a run could not be published now.
#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the broker cannot be reached: {0}")]
    Broker(String),
    #[error(transparent)]
    Stopped(#[from] CommitterStopped),
}

/// Takes a run's verdicts.
trait Outlet {
    async fn take(&mut self, published: &Published, run: &Run) -> Result<OutletCount, PublishError>;
}

/// How many of a run's verdicts an outlet took and passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OutletCount {
    published: u64,
    passed_over: u64,
}

/// A verdict on its way out.
struct Outgoing {
    sensor: SensorName,
    verdict: Verdict,
}

/// Publishes to files until the daemon stops.
pub async fn publish_files(published: Published, settings: FileSettings, commands: Commands) {
    publish(FILES, &mut FileOutlet::new(settings), &published, &commands).await;
}

/// Publishes over MQTT until the daemon stops.
pub async fn publish_mqtt(published: Published, settings: MqttOutletSettings, commands: Commands) {
    publish(MQTT, &mut MqttOutlet::new(settings), &published, &commands).await;
}

async fn publish(sink: &'static str, outlet: &mut impl Outlet, published: &Published, commands: &Commands) {
    let mut position: watch::Receiver<Position> = commands.position();
    let mut pause = RETRY_MIN;
    loop {
        match publish_due(sink, outlet, published, commands).await {
            Ok(()) => {
                pause = RETRY_MIN;
                if position.changed().await.is_err() {
                    break;
                }
            }
            Err(PublishError::Stopped(_)) => break,
            Err(error) => {
                metrics::PUBLISH_FAILURES.add(1);
                warn_limited!(sink, "publishing failed and is tried again: {error}");
                sleep(pause.mul_f64(1.0 - 0.25 * fastrand::f64())).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
    // This task waits for ever rather than ends: without the committer the daemon ends, and the committer's error is
    // the cause. An end of this task would look like a failure of its own. The next start publishes the rest.
    pending::<()>().await;
}

/// Publishes the runs that the sink has not taken yet.
async fn publish_due(
    sink: &'static str,
    outlet: &mut impl Outlet,
    published: &Published,
    commands: &Commands,
) -> Result<(), PublishError> {
    let next = published.reader.next_run()?;
    let mut cursor = published.reader.cursor(sink)?;
    while let Some(run) = published.first_finished(sink, cursor, next)? {
        let OutletCount { published: verdicts, passed_over } = outlet.take(published, &run).await?;
        metrics::PUBLISHED.add(verdicts);
        metrics::PASSED_OVER.add(passed_over);
        let Run { id, window, revision, .. } = run;
        tracing::info!(sink, window = %window.start(), run = %id, revision, verdicts, passed_over, "run published");
        let next = id.next();
        commands.commit(|done| Command::Published { sink, next, done }).await?;
        cursor = Some(next);
    }
    Ok(())
}

impl Published {
    /// The first run from `cursor` on, and before `next`, that has ended.
    fn first_finished(&self, sink: &str, cursor: Option<RunId>, next: RunId) -> Result<Option<Run>, StoreError> {
        let oldest = self.reader.oldest_run(next);
        if let Some(cursor) = cursor.filter(|cursor| *cursor < oldest) {
            warn_limited!(sink, from = %cursor, until = %oldest, "runs with these ids cannot be published: they left the ring (store.keep_runs)");
        }
        for id in (cursor.unwrap_or(oldest).max(oldest).0..next.0).map(RunId) {
            match self.reader.run(id)? {
                Some(run) if matches!(run.state, RunState::Finished(_)) => return Ok(Some(run)),
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    /// The verdicts of a run, chunk by chunk, because a run over all sensors need not fit into memory.
    fn chunks(&self, run: &Run) -> impl Iterator<Item = Result<Vec<Outgoing>, StoreError>> {
        let id = run.id;
        ChunkId::of_scope(&run.scope).into_iter().map(move |chunk| {
            let verdicts = self.reader.verdicts(id, chunk)?;
            Ok(verdicts.into_iter().filter_map(|verdict| self.outgoing(verdict)).collect())
        })
    }

    fn outgoing(&self, verdict: Verdict) -> Option<Outgoing> {
        Some(Outgoing { sensor: self.directory.name(verdict.sensor)?, verdict })
    }

    /// A sensor's own intervals of a window that was scored; `None` when the window is no longer kept, or cannot be
    /// read. The list may be empty: a row can be made of other sensors alone.
    fn intervals(&self, run: &Run, sensor: SensorId) -> Result<Option<Vec<Interval>>, StoreError> {
        Ok(match self.reader.intervals_within(sensor, run.window, run.interval)? {
            StoredIntervals::Kept(intervals) => Some(intervals),
            StoredIntervals::Overwritten => {
                let sensor = self.directory.name(sensor).map_or_else(String::new, |name| name.to_string());
                warn_limited!(sensor, "a window left the ring before it was published; raise store.keep_intervals");
                None
            }
            // The store has said so.
            StoredIntervals::Unreadable => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Assigner, Bounds};
    use crate::group::{ByGroup, Groups};
    use crate::interval::Cut;
    use crate::model::Limits;
    use crate::rescoring::{GroupRescoring, RescoringSettings};
    use crate::run::Tally;
    use crate::scoring::ScoringSettings;
    use crate::sensitivity::Sensitivities;
    use crate::store::{ShedSettings, Store, StoreSettings, StoredChunks};
    use crate::time::{Span, Timestamp};
    use crate::verdict::VerdictRows;

    #[test]
    fn a_sink_goes_on_from_its_cursor_passes_over_what_was_cut_off_and_waits_for_the_newest_run() {
        let folder = tempfile::tempdir().unwrap();
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let store = Store::open(StoreSettings {
            directory: folder.path().to_owned(),
            windows: 4,
            runs: 4,
            verdict_runs: 4,
            verdict_rows: VerdictRows::Worst,
            keep_raw: None,
            shed: ShedSettings::NEVER,
            reject_blocks: 1,
            cache_bytes: 1 << 20,
            cut,
        });
        let Store { mut writer, reader, .. } = store.unwrap();
        let finished = RunState::Finished(Tally::default());
        // Run 0 leaves the ring of four; run 2 was cut off, and so is run 4, which may go on.
        for (id, state) in [(0, finished), (1, finished), (2, RunState::Started), (3, finished), (4, RunState::Started)]
        {
            let run = Run { state, ..Run::for_test(id, cut.window_of(Timestamp::default())) };
            writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
        }
        writer.commit().unwrap();
        writer.settle().unwrap();
        let sensors = Arc::new(SensorDirectory::new(1, Vec::new()));
        let settings = RescoringSettings {
            store: folder.path().to_owned(),
            limits: Limits::default(),
            features: Assigner::new([].into(), Bounds { cut, windows_back: 0 }),
            sensitivities: ByGroup::new(Groups::new(Vec::new(), cut.into()), |_| Sensitivities::default()),
            groups: ByGroup::new(Groups::new(Vec::new(), cut.into()), |_| GroupRescoring {
                scoring: ScoringSettings { cut, base: cut, min_intervals: 1 },
                settings_hash: 0,
            }),
        };
        let rescorer = Arc::new(Rescorer::new(settings, reader.clone(), Arc::clone(&sensors)));
        let published = Published { reader, directory: sensors, rescorer };
        let next = published.reader.next_run().unwrap();
        let first = |cursor| published.first_finished("files", cursor, next).unwrap().map(|run| run.id);
        assert_eq!(next, RunId(5));
        assert_eq!([None, Some(RunId(0)), Some(RunId(1))].map(first), [Some(RunId(1)); 3]);
        assert_eq!([Some(RunId(2)), Some(RunId(3))].map(first), [Some(RunId(3)); 2]);
        assert_eq!([Some(RunId(4)), Some(RunId(5))].map(first), [None; 2]);
    }
}
