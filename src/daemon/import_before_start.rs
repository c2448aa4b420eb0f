//! Takes a history into a store while no daemon runs.
//!
//! The parts are those of a daemon, less the sources and everything that scores: store, pipeline, committer. So readings
//! are judged and stored as a daemon does, except that nothing closes windows for all sensors. That is why a history
//! fits into an empty store before the daemon's first start, and into no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::DaemonError;
use super::settings::Settings;
use crate::actors::committer::{self, Command, Commands, Ended};
use crate::actors::sources::importer::Importer;
use crate::actors::sources::intake::Intake;
use crate::actors::sources::source::{DecoderFactory, SourceCounters};
use crate::actors::system_clock::SystemClock;
use crate::config::Config;
use crate::ingest::decoder::Decoder;
use crate::ingest::topic_memory::TopicMemory;
use crate::pipeline::Pipeline;
use crate::sensor::SensorDirectory;
use crate::store::Store;

/// How long an import that has ended waits for the database. The journal has what is not in it then.
const STORE_WITHIN: Duration = Duration::from_secs(60);

/// The parts of a daemon that an import needs, at work.
pub(crate) struct ImportBeforeStart {
    commands: Commands,
    ended: Ended,
}

impl ImportBeforeStart {
    /// Opens the store, or makes it.
    ///
    /// # Errors
    /// When the store cannot be opened, or the system refuses a thread.
    pub(crate) fn begin(config: &Config) -> Result<(Self, Importer), DaemonError> {
        let settings = Settings::of(config);
        let store = Store::open(settings.store.clone())?;
        let directory = Arc::new(SensorDirectory::new(settings.max_sensors, store.reader.sensors()?));
        let clock = SystemClock::new(settings.clock_trust);
        // Nobody looks at what an import shows of itself.
        let of_pipeline = settings.pipeline(Arc::clone(&directory), Arc::default());
        let pipeline = Pipeline::recover(store, Arc::clone(&directory), of_pipeline, clock.read())?;
        let (intake, submissions) = Intake::new(settings.intake_bytes);
        let (commands, ended) = committer::start(pipeline, submissions, intake.heard(), settings.pace, clock)?;
        let (routes, filters, times) = (settings.routes, settings.filters, settings.times);
        let topics = TopicMemory::new(settings.topic_memory_bytes);
        let decoders: DecoderFactory = Arc::new(move || {
            Decoder::new(Arc::clone(&routes), Arc::clone(&filters), times, Arc::clone(&directory), &topics)
        });
        let importer = Importer::new(intake, decoders, Arc::new(SourceCounters::default()));
        Ok((Self { commands, ended }, importer))
    }

    /// Has everything written, and closes the store.
    ///
    /// # Errors
    /// When the last commit fails.
    pub(crate) async fn end(self) -> Result<(), DaemonError> {
        self.commands.send(Command::Stop { leave_at: Instant::now() + STORE_WITHIN });
        match self.ended.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(DaemonError::CommitterPanicked),
        }
    }
}
