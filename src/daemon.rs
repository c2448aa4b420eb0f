//! The composition root: builds every part, starts them in order, and ends them in order.
//!
//! *Start*: steps that can be refused come first (ports, folders, the store). Then the journal is replayed and the sources
//! open (`receiving.rs`): a device's first reading does not wait until all models are read. Then models get their actors,
//! and runs are resumed.
//!
//! *Stop*: the sources stop reading and get their last acknowledgements, the run that goes on ends, and the committer
//! writes what is there, all within the deadline of the configuration. A kill instead loses nothing that was acknowledged;
//! it only leaves more work for the next start.

pub(crate) mod descriptors;
pub(crate) mod import_before_start;
mod receiving;
pub(crate) mod running_configuration;
pub(crate) mod settings;
mod surroundings;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_rt::{Arbiter, ArbiterHandle};
use futures_util::FutureExt;
use futures_util::future::{join_all, select_all};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{Mutex, Notify};
use tokio::task::{JoinError, JoinHandle};

use crate::actors::aside::{Share, aside};
use crate::actors::committer::{Command, Commands, Ended};
use crate::actors::outlets::publisher::{Published, publish_files, publish_mqtt};
use crate::actors::scoring::commanded::CommandedRuns;
use crate::actors::scoring::condition_survey::ConditionSources;
use crate::actors::scoring::condition_watch::watch_conditions;
use crate::actors::scoring::evaluation::StoredWindows;
use crate::actors::scoring::folder_watch::FolderWatch;
use crate::actors::scoring::model_loader::{ModelLoader, StartError};
use crate::actors::scoring::model_watcher::watch_models;
use crate::actors::scoring::recorder::{Recorder, end_cut_off_runs};
use crate::actors::scoring::release::ModelRelease;
use crate::actors::scoring::scheduler::{Scheduler, SchedulerSources, StopScheduling};
use crate::actors::scoring::supervisor::SensorSupervisor;
use crate::actors::scoring::workers::Workers;
use crate::actors::service_manager::{self, Course, Probed, keep_informed};
use crate::actors::sources::broker::{Broker, BrokerError};
use crate::actors::sources::importer::Importer;
use crate::actors::sources::listener::{ListenError, Listener};
use crate::actors::sources::source::SourceCounters;
use crate::actors::stop::StopTrigger;
use crate::actors::supervised_task::{Persistence, supervised};
use crate::actors::system_clock::SystemClock;
use crate::config::Config;
use crate::config::connect::PasswordError;
use crate::daemon::receiving::Receiving;
use crate::daemon::settings::Settings;
use crate::http::{self, Api, Port, PortError};
use crate::ingest::trial::MessageTrial;
use crate::interval::Cut;
use crate::live::{Live, OpenWindow, OrderEntry, PartBook, Questions};
use crate::model_memory::ModelMemory;
use crate::overview::{Overview, RunScores, SensorIndex};
use crate::rescoring::Rescorer;
use crate::store::{self, KeptModels, ShortLives, StoreError};
use crate::telemetry::{metrics, panics};
use crate::time::{Span, Timestamp};

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The listener's port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The port of the page and the API.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The broker's settings.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The password for the broker.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store could not be opened, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory of models.
    #[error(transparent)]
    Models(#[from] StartError),
    /// The thread that has the models read could not be started, or died of a defect.
    #[error("the models could not be read: their thread ended, of a defect or because the system refused it")]
    ModelLoader,
    /// The system refused a thread or a signal handler.
    #[error("the system refused a resource: {0}")]
    System(#[from] std::io::Error),
    /// The committer died of a defect.
    #[error("the committer died of a defect; nothing that was acknowledged is lost")]
    CommitterPanicked,
    /// A part that should go on for ever has ended.
    #[error(
        "the {part} ended: {}; nothing that was acknowledged is lost",
        .reason.as_deref().unwrap_or("of a defect, or because the system refused it something")
    )]
    PartEnded {
        /// Its name.
        part: &'static str,
        /// Why, if it could tell.
        reason: Option<String>,
    },
    /// The deadline for stopping has passed.
    #[error("the daemon did not stop within {} (stop.deadline); nothing that was acknowledged is lost", Span::from(*.0))]
    StopDeadline(Duration),
}

impl DaemonError {
    /// Whether the error lasts until the configuration, or a file that it names, is changed: another start would end
    /// the same way.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Listen(error) => error.is_lasting(),
            Self::Port(error) => error.is_lasting(),
            Self::Broker(_) | Self::Password(_) => true,
            Self::Store(error) => error.is_lasting(),
            Self::Models(error) => error.is_lasting(),
            Self::ModelLoader
            | Self::System(_)
            | Self::CommitterPanicked
            | Self::PartEnded { .. }
            | Self::StopDeadline(_) => false,
        }
    }
}

/// A daemon at work. To be made and stopped inside an actix system.
pub struct Daemon {
    stop: StopTrigger,
    sources: Vec<DaemonTask>,
    /// Tasks that are aborted at a stop: publishing goes on at the next start, and reporting has no end of its own.
    background: Vec<DaemonTask>,
    scheduler: Addr<Scheduler>,
    recorder: Addr<Recorder>,
    supervisor: Addr<SensorSupervisor>,
    commands: Commands,
    ended: Ended,
    look_at_models: Arc<Notify>,
    live: Arc<Live>,
    /// How often the process ended soon; `None` where that cannot be counted.
    lives: Option<Arc<ShortLives>>,
    stop_deadline: Duration,
}

/// A task that goes on as long as the daemon.
struct DaemonTask {
    name: &'static str,
    task: JoinHandle<()>,
}

impl DaemonTask {
    /// A task whose end is the daemon's.
    fn start(name: &'static str, parts: &PartBook, task: impl Future<Output = ()> + 'static) -> Self {
        parts.began(name, Timestamp::now());
        Self { name, task: actix_rt::spawn(task) }
    }

    /// A task that begins anew when it ends or panics.
    fn supervised<F: Future<Output = ()> + 'static>(
        name: &'static str,
        persistence: Persistence,
        parts: &Arc<PartBook>,
        begin: impl FnMut() -> F + 'static,
    ) -> Self {
        Self { name, task: actix_rt::spawn(supervised(name, persistence, Arc::clone(parts), begin)) }
    }
}

/// Actors as parts of the daemon.
const SCHEDULER: &str = "scheduler";
const RECORDER: &str = "recorder";

/// How often the actors are checked: a task reports its end by itself, an actor's address has to be asked.
const ROUNDS: Duration = Duration::from_secs(1);

/// How often the counts of the last minutes are noted.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

/// How long the daemon waits for the committer's error after another part has ended.
const COMMITTERS_WORD: Duration = Duration::from_secs(2);

/// Runs a daemon until SIGTERM or SIGINT tells it to stop; a second signal ends the process at once. SIGHUP makes it
/// look at the model files.
///
/// # Errors
/// When it cannot start, fails, or does not stop in time.
pub async fn run(config: &Config) -> Result<(), DaemonError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    service_manager::tell(&[NotifyState::Status("starting: reads the store and the models")]);
    let started = tokio::select! {
        started = Daemon::start(config) => Some(started?),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    let Some(mut daemon) = started else {
        tracing::info!("stopped before the start was over");
        ShortLives::forget(&config.store.directory);
        return Ok(());
    };
    service_manager::tell(&[NotifyState::Ready]);
    tracing::info!("ready");
    let look_at_models = Arc::clone(&daemon.look_at_models);
    let told_to_look = async {
        while hangup.recv().await.is_some() {
            look_at_models.notify_one();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        failure = daemon.failure() => {
            if let Some(lives) = &daemon.lives {
                waiting::note_end(lives, &failure);
            }
            return Err(failure);
        }
        () = told_to_look => {}
    }
    service_manager::tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        stopped = daemon.stop() => stopped.inspect(|()| log_end()),
        _ = terminate.recv() => end_at_once(),
        _ = interrupt.recv() => end_at_once(),
    }
}

/// Logs the totals of readings at the end.
fn log_end() {
    let accepted = metrics::READINGS_ACCEPTED.get();
    let repeated = metrics::READINGS_REPEATED.get();
    let suppressed = metrics::READINGS_SUPPRESSED.get();
    let rejected = metrics::REJECTS.get();
    tracing::info!(accepted, repeated, suppressed, rejected, "stopped");
}

fn end_at_once() -> ! {
    tracing::warn!("stopped at once by a second signal; nothing that was acknowledged is lost");
    std::process::exit(1)
}

impl Daemon {
    /// Starts all parts.
    ///
    /// # Errors
    /// When one of them cannot start; the parts that were started are stopped again.
    pub async fn start(config: &Config) -> Result<Self, DaemonError> {
        let mut settings = Settings::of(config);
        settings.log_in(config)?;
        let devices = settings.listener.as_ref().map_or(0, |listener| listener.max_connections);
        descriptors::provide(devices, settings.port.as_ref().map_or(0, |port| port.max_connections));
        let lives = ShortLives::read(&settings.store.directory).map(Arc::new);
        if let Some(lives) = &lives {
            waiting::begin(lives, &settings).await;
        }
        let started = Self::start_at_once(config, settings, lives.clone()).await;
        if let (Err(error), Some(lives)) = (&started, &lives) {
            waiting::note_end(lives, error);
        }
        started
    }

    async fn start_at_once(
        config: &Config,
        mut settings: Settings,
        lives: Option<Arc<ShortLives>>,
    ) -> Result<Self, DaemonError> {
        let listener = settings.listener.clone().map(Listener::bind).transpose()?;
        let broker = settings.broker.clone().map(Broker::new).transpose()?;
        let port = settings.port.as_ref().map(Port::open).transpose()?;

        let live = Arc::new(Live::new(config.http.max_listeners as usize, config.scoring.max_orders as usize));
        let note_configuration = || running_configuration::note(&config.store.directory, config);
        store::wait_for_copies(&settings.store.directory).await?;
        let mut receiving = Receiving::start(&mut settings, listener, broker, note_configuration, &live)?;
        tracing::info!("readings are taken in; the models are being read");
        service_manager::tell(&[NotifyState::Status("takes readings in; reads the models")]);
        let Receiving { reader, directory, commands, clock, intake, .. } = &receiving;
        let (reader, directory, commands) = (reader.clone(), Arc::clone(directory), commands.clone());
        let kept =
            KeptModels::open(&settings.store.directory, settings.kept_models_bytes, settings.store.shed.reserve_bytes);
        let kept = kept.inspect_err(|problem| {
            tracing::warn!(
                "models are not kept, so that verdicts cannot be computed again once theirs is replaced: {problem}"
            );
        });
        let memory =
            ModelMemory::new(settings.model_memory_bytes, settings.store.directory.clone(), settings.models.limits);
        let loader = ModelLoader {
            memory,
            kept: kept.ok().map(Arc::new),
            models: settings.models.clone(),
            features: settings.features.clone(),
            sensors: Arc::clone(&directory),
            workers: Workers::on_all_cores(),
            folder_watch: FolderWatch::open(),
        };
        let of_conditions = ConditionSources {
            settings: Arc::clone(&settings.conditions),
            base: settings.cut,
            reader: reader.clone(),
            directory: Arc::clone(&directory),
            live: Arc::clone(&live),
            clock: settings.scheduler.clock.clone(),
            system_clock: clock.clone(),
            started: Timestamp::now(),
        };
        let imports = Arc::new(SourceCounters::default());
        let counters = receiving.counters.iter().map(|(_, counters)| Arc::clone(counters));
        let way_in = SchedulerSources {
            counters: counters.chain([Arc::clone(&imports)]).collect(),
            link: receiving.link.clone(),
            intake: intake.clone(),
            threads: receiving.threads.clone(),
        };
        let clock = clock.clone();
        let surroundings = Arc::new(surroundings::surroundings(config, &settings));
        let reading = loader.clone();
        let models = tokio::select! {
            models = aside("model loader", Share::Equal, move || reading.start()) => models.ok_or(DaemonError::ModelLoader).and_then(|read| Ok(read?)),
            ended = &mut receiving.ended => return Err(committers_word(ended)),
        };
        let (scope, watch) = match models {
            Ok(models) => models,
            Err(error) => {
                receiving.end(settings.stop_deadline).await;
                return Err(error);
            }
        };
        let of_runs = scope.iter().map(|scope| (scope.sensor, scope.model_hash())).collect();

        let windows = StoredWindows { reader: reader.clone(), directory: Arc::clone(&directory) };
        [SCHEDULER, RECORDER, SensorSupervisor::PART]
            .iter()
            .for_each(|actor| live.parts.began(actor, Timestamp::now()));
        let supervisor = SensorSupervisor::new(
            settings.supervisor.clone(),
            windows.clone(),
            arbiters(settings.threads),
            scope,
            Arc::clone(&live),
        )
        .start();
        let recorder =
            Recorder::new(settings.recorder(of_runs), windows, commands.clone(), supervisor.clone(), Arc::clone(&live))
                .start();
        let course = Course {
            reader: reader.clone(),
            plans: settings.scheduler.plans.clone(),
            clock: settings.scheduler.clock.clone(),
        };
        let rescoring = settings.rescoring();
        let (schedule, schedule_clock) = (settings.schedule, course.clock.clone());
        let questions = questions(&commands, &clock, settings.cut);
        let commanded = CommandedRuns { live: Arc::clone(&live), reader: reader.clone() };
        let ledger = reader.runs()?;
        end_cut_off_runs(&ledger, &commands);
        live.orders.begin_at(reader.next_order()?);
        let plans = settings.scheduler.plans.clone().into();
        let scheduled = settings.scheduler;
        let scheduler =
            Scheduler::new(scheduled, way_in, clock, commands.clone(), recorder.clone(), commanded, &ledger).start();

        let rescorer = Arc::new(Rescorer::new(rescoring, reader.clone(), Arc::clone(&directory)));
        let published = Published { reader, directory, rescorer: Arc::clone(&rescorer) };
        let Receiving { stop, sources, mut background, ended, intake, decoders, .. } = receiving;
        let look_at_models = Arc::new(Notify::new());
        let (watch, to, look) = (Arc::new(Mutex::new(watch)), recorder.clone(), Arc::clone(&look_at_models));
        let watch_for_models = move || watch_models(loader.clone(), Arc::clone(&watch), to.clone(), Arc::clone(&look));
        background.push(DaemonTask::supervised("model watcher", Persistence::GoesOn, &live.parts, watch_for_models));
        if let Some(lives) = lives.clone() {
            let count = waiting::count_as_long(lives);
            background.push(DaemonTask::start("count of short lives", &live.parts, count));
        }
        let to = commands.clone();
        let watch = move || watch_conditions(of_conditions.clone(), to.clone());
        background.push(DaemonTask::supervised("watch for conditions", Persistence::GoesOn, &live.parts, watch));
        if service_manager::is_there() {
            let probed = Probed {
                commands: commands.clone(),
                scheduler: scheduler.clone(),
                recorder: recorder.clone(),
                supervisor: supervisor.clone(),
            };
            let inform = keep_informed(probed, course);
            background.push(DaemonTask::start("service manager's informant", &live.parts, inform));
        }
        if let Some(files) = settings.files {
            let (published, commands) = (published.clone(), commands.clone());
            let publish = move || publish_files(published.clone(), files.clone(), commands.clone());
            background.push(DaemonTask::supervised("file publisher", Persistence::GoesOn, &live.parts, publish));
        }
        if let Some(mqtt) = settings.mqtt {
            let (published, commands) = (published.clone(), commands.clone());
            let publish = move || publish_mqtt(published.clone(), mqtt.clone(), commands.clone());
            background.push(DaemonTask::supervised("MQTT publisher", Persistence::GoesOn, &live.parts, publish));
        }
        let overview = Overview {
            reader: published.reader.clone(),
            rescorer,
            sensors: Arc::clone(&published.directory),
            index: Arc::new(SensorIndex::new(settings.groups.clone())),
            scores: Arc::new(RunScores::new(settings.timeline_bytes)),
            states: Arc::default(),
            live: Arc::clone(&live),
            questions,
            messages: MessageTrial::new(Arc::clone(&settings.routes), Arc::clone(&settings.filters), settings.times),
            base: settings.cut,
            groups: settings.groups,
            schedule,
            plans,
            clock: schedule_clock,
            started: Timestamp::now(),
            surroundings,
        };
        let counted = overview.clone();
        let count = move || {
            let counted = counted.clone();
            async move {
                loop {
                    counted.note_counts();
                    tokio::time::sleep(COUNTED_EVERY).await;
                }
            }
        };
        background.push(DaemonTask::supervised("counts of the last minutes", Persistence::GoesOn, &live.parts, count));
        let api = Api {
            store: settings.store.directory.clone(),
            overview,
            commands: commands.clone(),
            started: Instant::now(),
            look_at_models: Arc::clone(&look_at_models),
            release: ModelRelease::by(supervisor.clone().recipient()),
            importer: Importer::new(intake, decoders, imports),
        };
        let api = Arc::new(api);
        if let Some(port) = port {
            background.push(DaemonTask::start("HTTP port", &live.parts, port.serve(Arc::clone(&api))));
        }
        let serve = move || http::serve(settings.socket.clone(), Arc::clone(&api));
        background.push(DaemonTask::supervised("local socket", Persistence::GivesUp, &live.parts, serve));
        Ok(Self {
            stop,
            sources,
            background,
            scheduler,
            recorder,
            supervisor,
            commands,
            ended,
            look_at_models,
            live,
            lives,
            stop_deadline: settings.stop_deadline,
        })
    }

    /// Waits until a part of the daemon ends on its own, and returns why.
    pub async fn failure(&mut self) -> DaemonError {
        let parts = self.sources.iter_mut().chain(&mut self.background);
        let ends: Vec<_> = parts.map(|DaemonTask { name, task }| task.map(|end| (*name, reason_of(end)))).collect();
        let (scheduler, recorder, supervisor) = (&self.scheduler, &self.recorder, &self.supervisor);
        let dead_actor = async {
            let mut rounds = tokio::time::interval(ROUNDS);
            loop {
                rounds.tick().await;
                let alive = [
                    (SCHEDULER, scheduler.connected()),
                    (RECORDER, recorder.connected()),
                    (SensorSupervisor::PART, supervisor.connected()),
                ];
                if let Some((name, _)) = alive.into_iter().find(|(_, connected)| !connected) {
                    return (name, None);
                }
            }
        };
        let dead_task = async { if ends.is_empty() { std::future::pending().await } else { select_all(ends).await.0 } };
        let (part, reason) = tokio::select! {
            ended = &mut self.ended => return committers_word(ended),
            part = dead_task => part,
            part = dead_actor => part,
        };
        // A part may end because the committer ended, and its end may be seen first. The committer's error is the cause
        // then.
        match tokio::time::timeout(COMMITTERS_WORD, &mut self.ended).await {
            Ok(ended) => committers_word(ended),
            Err(_) => DaemonError::PartEnded { part, reason: self.live.parts.reason(part).or(reason) },
        }
    }

    /// Stops all parts in order.
    ///
    /// # Errors
    /// When that takes longer than the configuration allows, or the last commit fails.
    pub async fn stop(self) -> Result<(), DaemonError> {
        let (deadline, lives) = (self.stop_deadline, self.lives.clone());
        // Whatever comes of the stop: it was asked for.
        lives.iter().for_each(|lives| lives.is_sound());
        tokio::time::timeout(deadline, self.stop_in_order()).await.unwrap_or(Err(DaemonError::StopDeadline(deadline)))
    }

    async fn stop_in_order(self) -> Result<(), DaemonError> {
        // What is left then is for the last sync of the database.
        let leave_at = Instant::now() + self.stop_deadline.mul_f64(0.85);
        self.stop.stop();
        // With an event clock, readings may wait for the run that goes on. A part that takes too long is not waited
        // for: the last commit needs its share of the time.
        let sources_and_run = async {
            tokio::join!(join_all(self.sources.into_iter().map(|part| part.task)), self.scheduler.send(StopScheduling))
        };
        if tokio::time::timeout(self.stop_deadline.mul_f64(0.7), sources_and_run).await.is_err() {
            tracing::warn!("a connection or a run did not end in time and is cut off; it goes on at the next start");
        }
        for (id, OrderEntry { order, windows_done, .. }) in self.live.orders.end() {
            let (windows, request) = (order.windows.len(), order.request.as_str());
            tracing::warn!(
                request,
                "order {id} ended by the stop: {windows_done} of {windows} windows done; the daemon does not go on with it"
            );
        }
        // Those who listen see the end of the run, and then their own.
        self.live.events.close();
        for part in self.background {
            part.task.abort();
        }
        self.commands.send(Command::Stop { leave_at });
        match self.ended.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(DaemonError::CommitterPanicked),
        }
    }
}

/// Why a task ended, if it panicked.
fn reason_of(end: Result<(), JoinError>) -> Option<String> {
    let panic = end.err()?.try_into_panic().ok()?;
    Some(format!("it panicked: {}", panics::message(&*panic)))
}

/// Why the committer ended although nobody asked it to.
fn committers_word(ended: Result<Result<(), StoreError>, RecvError>) -> DaemonError {
    match ended {
        Ok(Err(error)) => DaemonError::Store(error),
        Ok(Ok(())) | Err(_) => DaemonError::CommitterPanicked,
    }
}

/// What the API asks of the committer and of the clocks.
fn questions(commands: &Commands, clock: &SystemClock, cut: Cut) -> Questions {
    let (commands, clock) = (commands.clone(), clock.clone());
    let open_window = move |sensor| {
        let copy = commands.open_window(sensor)?;
        let watermark = copy.watermark;
        Some(OpenWindow { watermark, intervals: copy.intervals(cut).ok()? })
    };
    Questions::new(open_window, move || clock.read())
}

fn arbiters(threads: usize) -> Vec<ArbiterHandle> {
    (0..threads).map(|_| Arbiter::new().handle()).collect()
}
