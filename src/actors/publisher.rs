//! The publisher: hands finished runs to the sinks, each at its own pace.
//!
//! There is no queue: what a sink has to publish are the finished runs in the ledger behind its own mark, which moves
//! on, durably, when the sink has taken a run. A sink that fails is tried again for ever, and a crash repeats at most the
//! run that was under way; both sinks can take the same run twice. A sink that lags behind until its runs leave the
//! ring loses them, and says so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::actors::committer::{Command, Commands};
use crate::interval::{Cut, Interval, Window};
use crate::pipeline::Position;
use crate::run::{Run, RunState};
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::sink::files::{FileError, FileSettings, RunFiles};
use crate::sink::message::verdict_message;
use crate::store::{ChunkId, Progress, Reader, StoreError, StoredIntervals};
use crate::telemetry::metrics;
use crate::time::Timestamp;
use crate::verdict::{Outcome, Verdict};
use crate::warn_limited;

/// What a sink reads from.
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
}

/// A verdict on its way out.
struct Outgoing {
    sensor: SensorName,
    verdict: Verdict,
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
            warn_limited!(from = %mark, until = %first.window.start(), "runs in this time cannot be published: they were skipped, or left the ring (store.runs)");
        }
        Ok(runs)
    }

    /// The verdicts of a run, chunk by chunk: a run over all sensors need not fit into memory.
    fn chunks(&self, window: Window) -> impl Iterator<Item = Result<Vec<Outgoing>, StoreError>> {
        // Of all sensors, as models come and go: most have one, and where none has there is nothing to read.
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

    /// A sensor's own intervals of a window that was scored; `None` when the window is no longer kept, or cannot be read.
    /// There may be none of them: a row can be made of other sensors alone.
    fn intervals(&self, window: Window, sensor: SensorId) -> Result<Option<Vec<Interval>>, StoreError> {
        Ok(match self.reader.intervals(sensor, window)? {
            StoredIntervals::Kept(intervals) => Some(intervals),
            StoredIntervals::Overwritten => {
                let sensor = self.directory.name(sensor).map_or_else(String::new, |name| name.to_string());
                warn_limited!(sensor, "a window left the ring before it was published; raise store.windows");
                None
            }
            // The store has said so.
            StoredIntervals::Unreadable => None,
        })
    }
}

/// The sink of prediction files.
pub const FILES: &str = "files";
/// The sink of MQTT messages.
pub const MQTT: &str = "mqtt";
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Publishes to files until the daemon stops.
pub async fn publish_files(published: Published, settings: FileSettings, commands: Commands) {
    let mut outlet = FileOutlet { settings };
    publish(FILES, &mut outlet, &published, &commands).await;
}

/// Publishes over MQTT until the daemon stops.
pub async fn publish_mqtt(published: Published, settings: MqttOutletSettings, commands: Commands) {
    let mut outlet = MqttOutlet { settings };
    publish(MQTT, &mut outlet, &published, &commands).await;
}

/// What takes a run.
trait Outlet {
    async fn take(&mut self, published: &Published, window: Window) -> Result<u64, PublishError>;
}

async fn publish(sink: &'static str, outlet: &mut impl Outlet, published: &Published, commands: &Commands) {
    let mut position: watch::Receiver<Position> = commands.position();
    let mut pause = RETRY_MIN;
    loop {
        match publish_due(sink, outlet, published, commands).await {
            Ok(()) => {
                pause = RETRY_MIN;
                if position.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                metrics::PUBLISH_FAILURES.add(1);
                warn_limited!(sink, "publishing failed and is tried again: {error}");
                sleep(pause.mul_f64(1.0 - 0.25 * fastrand::f64())).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
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
        let verdicts = outlet.take(published, run.window).await?;
        metrics::PUBLISHED.add(verdicts);
        let until = run.window.end();
        tracing::info!(sink, window = %run.window.start(), verdicts, "run published");
        if commands.commit(|done| Command::Published { sink, until, done }).await.is_err() {
            // The daemon stops; the next start publishes the run again.
            return Ok(());
        }
    }
    Ok(())
}

struct FileOutlet {
    settings: FileSettings,
}

impl Outlet for FileOutlet {
    async fn take(&mut self, published: &Published, window: Window) -> Result<u64, PublishError> {
        let (published, settings) = (published.clone(), self.settings.clone());
        let write = move || {
            let mut files = RunFiles::new(&settings, published.cut, window);
            let mut count = 0;
            for chunk in published.chunks(window) {
                for Outgoing { sensor, verdict } in chunk? {
                    let Outcome::Scored(scored) = &verdict.outcome else { continue };
                    if let Some(intervals) = published.intervals(window, verdict.sensor)? {
                        files.write(&sensor, &intervals, scored)?;
                        count += 1;
                    }
                }
            }
            files.finish()?;
            Ok(count)
        };
        tokio::task::spawn_blocking(write).await.unwrap_or_else(|panic| {
            Err(PublishError::Store(StoreError::Database(format!("publishing panicked: {panic}"))))
        })
    }
}

/// How verdicts are published over MQTT.
#[derive(Clone, Debug)]
pub struct MqttOutletSettings {
    /// The broker, and who we are to it.
    pub options: MqttOptions,
    /// The topic of a sensor's verdicts, with `{device}` and `{sensor}`.
    pub topic: String,
}

struct MqttOutlet {
    settings: MqttOutletSettings,
}

/// How many messages are under way at once.
const IN_FLIGHT: u16 = 100;
/// How long the broker may take for an acknowledgement.
const BROKER_PATIENCE: Duration = Duration::from_secs(30);

impl Outlet for MqttOutlet {
    /// Connects for this run alone: until the next one there is nothing to say.
    async fn take(&mut self, published: &Published, window: Window) -> Result<u64, PublishError> {
        let broker = |error: &dyn std::fmt::Display| PublishError::Broker(error.to_string());
        let mut options = self.settings.options.clone();
        options.set_inflight(IN_FLIGHT);
        let (client, mut events) = AsyncClient::new(options, usize::from(IN_FLIGHT));
        let mut count = 0;
        for chunk in published.chunks(window) {
            let chunk = chunk?;
            let mut unacknowledged = 0;
            for Outgoing { sensor, verdict } in &chunk {
                let topic = sensor.fill(&self.settings.topic);
                let message = verdict_message(sensor, window, published.cut.interval(), verdict);
                // A chunk is smaller than the channel, which is empty: there is room without polling.
                client.try_publish(topic, QoS::AtLeastOnce, true, message).map_err(|error| broker(&error))?;
                unacknowledged += 1;
            }
            count += unacknowledged;
            let mut deadline = Instant::now() + BROKER_PATIENCE;
            while unacknowledged > 0 {
                match timeout_at(deadline, events.poll()).await {
                    Ok(Ok(Event::Incoming(Incoming::PubAck(_)))) => {
                        unacknowledged -= 1;
                        deadline = Instant::now() + BROKER_PATIENCE;
                    }
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(broker(&error)),
                    Err(_) => return Err(broker(&"it does not acknowledge")),
                }
            }
        }
        client.try_disconnect().map_err(|error| broker(&error))?;
        // Everything is acknowledged: how the connection ends does not matter.
        while let Ok(Ok(event)) = timeout(BROKER_PATIENCE, events.poll()).await {
            if event == Event::Outgoing(rumqttc::Outgoing::Disconnect) {
                break;
            }
        }
        Ok(count)
    }
}
