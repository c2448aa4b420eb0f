//! The parts through which readings come to the disk: store, committer, sources. They need no model, so they start first.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;
use tokio::sync::oneshot;

use super::settings::Settings;
use super::{DaemonError, DaemonTask, arbiters};
use crate::actors::committer::{self, Command, Commands, Ended};
use crate::actors::outlets::reporter::{Reported, report};
use crate::actors::sources::broker::Broker;
use crate::actors::sources::intake::Intake;
use crate::actors::sources::listener::Listener;
use crate::actors::sources::source::{DecoderFactory, SourceCounters, SourceLink};
use crate::actors::stop::{Stop, StopTrigger};
use crate::actors::supervised_task::Persistence;
use crate::actors::system_clock::SystemClock;
use crate::ingest::decoder::Decoder;
use crate::ingest::topic_memory::TopicMemory;
use crate::live::Live;
use crate::pipeline::Pipeline;
use crate::sensor::SensorDirectory;
use crate::store::{self, AsideCause, Reader, Store};
use crate::telemetry::metrics;
use crate::time::{Clock, Timestamp};

/// The parts at work through which readings come to the disk, and what the other parts need of them.
pub(super) struct Receiving {
    pub(super) reader: Reader,
    pub(super) directory: Arc<SensorDirectory>,
    pub(super) clock: SystemClock,
    pub(super) intake: Intake,
    pub(super) decoders: DecoderFactory,
    pub(super) commands: Commands,
    pub(super) ended: Ended,
    /// What each source counts, by the source's name.
    pub(super) counters: Vec<(&'static str, Arc<SourceCounters>)>,
    /// The source that can be away, if there is one.
    pub(super) link: Option<Arc<SourceLink>>,
    /// The threads that serve connections.
    pub(super) threads: Vec<ArbiterHandle>,
    pub(super) stop: StopTrigger,
    pub(super) sources: Vec<DaemonTask>,
    pub(super) background: Vec<DaemonTask>,
}

impl Receiving {
    /// Opens the store, replays the journal, and opens the sources.
    ///
    /// # Errors
    /// When the store cannot be opened, or the system refuses a thread.
    pub(super) fn start(
        settings: &mut Settings,
        listener: Option<Listener>,
        broker: Option<Broker>,
        note_configuration: impl FnOnce(),
        live: &Arc<Live>,
    ) -> Result<Self, DaemonError> {
        if settings.recuts
            && let Some(recut) = store::recut(&settings.store)?
        {
            tracing::info!("{recut}");
        }
        let mut store = Store::open(settings.store.clone())?;
        say_what_is_set_aside(&settings.store.directory);
        note_configuration();
        store.take_signals();
        store.free_silent_sensors(settings.max_sensors)?;
        let reader = store.reader.clone();
        let directory = Arc::new(SensorDirectory::new(settings.max_sensors, reader.sensors()?));
        let clock = SystemClock::new(settings.clock_trust);
        let pipeline_settings = settings.pipeline(Arc::clone(&directory), Arc::clone(live));
        let pipeline = Pipeline::recover(store, Arc::clone(&directory), pipeline_settings, clock.read())?;
        let is_first_start = pipeline.position().closed == Timestamp::MIN;
        let (intake, submissions) = Intake::new(settings.intake_bytes);
        let (commands, ended) = committer::start(pipeline, submissions, intake.heard(), settings.pace, clock.clone())?;
        // Their end is that of the daemon.
        ["committer", "keeper"].into_iter().for_each(|part| live.parts.began(part, Timestamp::now()));
        if let Clock::Wall = settings.scheduler.clock
            && is_first_start
        {
            // Windows count from here: readings of earlier ones are late from the first on.
            let (done, _) = oneshot::channel();
            let until = settings.cut.window_of(clock.read().believed).start();
            commands.send(Command::Close { until, done });
        }

        let noted_subscriptions = reader.subscriptions().unwrap_or_else(|error| {
            tracing::warn!("which subscriptions the broker holds cannot be read, so that none is given up: {error}");
            Vec::new()
        });
        let (routes, filters, times) = (Arc::clone(&settings.routes), Arc::clone(&settings.filters), settings.times);
        let topics = TopicMemory::new(settings.topic_memory_bytes);
        let kept_message_bytes = settings.kept_message_bytes;
        let names = Arc::clone(&directory);
        let decoders: DecoderFactory = Arc::new(move || {
            Decoder::new(Arc::clone(&routes), Arc::clone(&filters), times, Arc::clone(&names), &topics)
                .keeping_messages(kept_message_bytes)
        });
        let counters: Vec<_> = listener
            .iter()
            .map(|listener| ("listener", listener.counters()))
            .chain(broker.iter().map(|broker| ("broker", broker.counters())))
            .collect();
        let mut background = Vec::new();
        if let Some(reporter) = settings.reporter.take() {
            let reported = Reported { sources: counters.clone(), intake: intake.clone(), reader: reader.clone() };
            let report = move || report(reporter.clone(), reported.clone());
            background.push(DaemonTask::supervised("reporter", Persistence::GoesOn, &live.parts, report));
        }
        let link = broker.as_ref().map(Broker::link);
        let threads = if listener.is_some() { arbiters(settings.threads) } else { Vec::new() };
        let (trigger, stop) = Stop::new();
        let mut sources = Vec::new();
        if let Some(listener) = listener {
            let serve = listener.run(
                intake.clone(),
                Arc::clone(&decoders),
                threads.clone(),
                Arc::clone(&live.connections),
                Arc::clone(&live.parts),
                stop.clone(),
            );
            let parts = Arc::clone(&live.parts);
            let serve = async move {
                if let Err(error) = serve.await {
                    parts.gave_up("listener", &error.to_string(), Timestamp::now());
                }
            };
            // It shows by itself whether it is at work.
            sources.push(DaemonTask { name: "listener", task: actix_rt::spawn(serve) });
        }
        if let Some(broker) = broker {
            let serve = broker.run(
                intake.clone(),
                Arc::clone(&decoders),
                noted_subscriptions,
                Arc::clone(&live.connections),
                stop,
            );
            sources.push(DaemonTask::start("broker's source", &live.parts, serve));
        }
        Ok(Self {
            reader,
            directory,
            clock,
            intake,
            decoders,
            commands,
            ended,
            counters,
            link,
            threads,
            stop: trigger,
            sources,
            background,
        })
    }

    /// Ends these parts when the others cannot start: the sources get their last acknowledgements, within the deadline.
    pub(super) async fn end(self, deadline: Duration) {
        let leave_at = Instant::now() + deadline.mul_f64(0.85);
        self.stop.stop();
        self.background.into_iter().for_each(|part| part.task.abort());
        let sources = futures_util::future::join_all(self.sources.into_iter().map(|part| part.task));
        // What a connection cannot send in this time is sent again by its device.
        let _ = tokio::time::timeout(deadline.mul_f64(0.7), sources).await;
        self.commands.send(Command::Stop { leave_at });
        let _ = tokio::time::timeout(deadline.mul_f64(0.3), self.ended).await;
    }
}

/// Warns of each store that was set aside: it takes room, and its data is missing in every answer, until an operator deals
/// with it.
fn say_what_is_set_aside(directory: &Path) {
    // A folder that can be opened but not listed is no error here: the next use of it reports the failure.
    let aside = store::set_aside(directory).unwrap_or_default();
    let of_cause = |cause| aside.iter().filter(|aside| aside.cause == cause).count() as u64;
    metrics::STORES_SET_ASIDE.set(of_cause(AsideCause::Damaged));
    metrics::STORES_REPLACED.set(of_cause(AsideCause::Replaced));
    aside.iter().for_each(|aside| tracing::warn!("{aside}"));
}
