//! The publisher: tells each sink's outlet which finished runs are due, and notes how far each sink is.
//!
//! There is no queue: a sink has to publish the finished runs in the ledger behind its own mark. The mark moves on,
//! durably, when the sink has taken a run. A sink that fails is tried again for ever, and a crash repeats at most the
//! run that was under way; both sinks can take the same run twice. A sink that lags behind until its runs leave the
//! ring loses them, and the log says so.
//!
//! A verdict that a sink cannot take must not hold up the others: while an outlet takes other verdicts, it passes over
//! the one that it cannot take, and counts it.

mod file_outlet;
mod mqtt_outlet;

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::interval::{Cut, Interval, Window};
use crate::pipeline::Position;
use crate::run::{Run, RunState};
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::sink::files::{FileError, FileSettings};
use crate::store::{ChunkId, Progress, Reader, StoreError, StoredIntervals};
use crate::telemetry::metrics;
use crate::time::Timestamp;
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
    /// The lengths of intervals and windows.
    pub cut: Cut,
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
    async fn take(&mut self, published: &Published, window: Window) -> Result<OutletCount, PublishError>;
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
    let mark = published.reader.progress(Progress::Published { sink })?;
    for run in published.runs_after(mark)? {
        let OutletCount { published: verdicts, passed_over } = outlet.take(published, run.window).await?;
        metrics::PUBLISHED.add(verdicts);
        metrics::PASSED_OVER.add(passed_over);
        let until = run.window.end();
        tracing::info!(sink, window = %run.window.start(), verdicts, passed_over, "run published");
        commands.commit(|done| Command::Published { sink, until, done }).await?;
    }
    Ok(())
}

impl Published {
    /// The finished runs behind `mark`, the oldest first.
    fn runs_after(&self, mark: Option<Timestamp>) -> Result<Vec<Run>, StoreError> {
        let mut runs = self.reader.runs()?;
        runs.retain(|run| {
            matches!(run.state, RunState::Finished(_)) && mark.is_none_or(|mark| run.window.start() >= mark)
        });
        if let (Some(mark), Some(first)) = (mark, runs.first())
            && first.window.start() > mark
        {
            warn_limited!(from = %mark, until = %first.window.start(), "runs in this time cannot be published: they were skipped, or left the ring (store.keep_runs)");
        }
        Ok(runs)
    }

    /// The verdicts of a run, chunk by chunk, because a run over all sensors need not fit into memory.
    fn chunks(&self, window: Window) -> impl Iterator<Item = Result<Vec<Outgoing>, StoreError>> {
        // All sensors are asked for, because models come and go. A sensor without a model has no verdict, so that
        // nothing is read for it.
        let numbers = u32::try_from(self.directory.numbers()).unwrap_or(u32::MAX);
        let chunks: BTreeSet<ChunkId> = (0..numbers).map(|id| ChunkId::of(SensorId(id))).collect();
        chunks.into_iter().map(move |chunk| {
            let verdicts = self.reader.verdicts(window, chunk)?;
            Ok(verdicts.into_iter().filter_map(|verdict| self.outgoing(verdict)).collect())
        })
    }

    fn outgoing(&self, verdict: Verdict) -> Option<Outgoing> {
        Some(Outgoing { sensor: self.directory.name(verdict.sensor)?, verdict })
    }

    /// A sensor's own intervals of a window that was scored; `None` when the window is no longer kept, or cannot be
    /// read. The list may be empty: a row can be made of other sensors alone.
    fn intervals(&self, window: Window, sensor: SensorId) -> Result<Option<Vec<Interval>>, StoreError> {
        Ok(match self.reader.intervals(sensor, window)? {
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
