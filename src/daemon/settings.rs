//! From the configuration to the settings of each part: the one place where the two meet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::MqttOptions;

use crate::actors::committer::PaceSettings;
use crate::actors::outlets::publisher::{self, MqttOutletSettings};
use crate::actors::outlets::reporter::ReporterSettings;
use crate::actors::scoring::assignment::SensorSettings;
use crate::actors::scoring::evaluation::pool::PoolSettings;
use crate::actors::scoring::model_loader::ModelDirectory;
use crate::actors::scoring::recorder::{RecorderSettings, RunRules};
use crate::actors::scoring::scheduler::SchedulerSettings;
use crate::actors::scoring::supervisor::SupervisorSettings;
use crate::actors::sources::broker::BrokerSettings;
use crate::actors::sources::listener::{AddressSettings, ListenerSettings};
use crate::condition::ConditionSettings;
use crate::config::connect::{ConnectSettings, PasswordError};
use crate::config::group::GroupSettings;
use crate::config::http::{HttpSettings, TlsFiles};
use crate::config::limits::LimitSettings;
use crate::config::listen::ListenSettings;
use crate::config::schedule::EventIdle;
use crate::config::supervision::{Release, SupervisionSettings};
use crate::config::{ClockSource, Config};
use crate::features::{Assigner, Bounds};
use crate::group::{ByGroup, Groups};
use crate::http::{GateSettings, PortSettings, ServerSettings, SocketSettings, TlsSettings, default_paths};
use crate::ingest::filter::{FilterSettings, Filters, PlausibleTimes};
use crate::ingest::route::RouteSettings;
use crate::ingest::session::SessionSettings;
use crate::ingest::subscription::subscriptions;
use crate::interval::{Cut, WindowGrid};
use crate::live::Live;
use crate::model::Limits;
use crate::pipeline::{HeldSettings, PipelineSettings};
use crate::rescoring::{GroupRescoring, RescoringSettings};
use crate::run_in_progress::RunScope;
use crate::schedule::Schedule;
use crate::schedule::agenda::GroupPlan;
use crate::schedule::clock_trust::ClockTrustSettings;
use crate::schedule::closing::ClosingSettings;
use crate::scoring::ScoringSettings;
use crate::sensitivity::Sensitivities;
use crate::sensor::SensorDirectory;
use crate::sink::files::FileSettings;
use crate::store::{ShedSettings, StoreSettings};
use crate::supervision::SupervisionPolicy;
use crate::time::{Clock, EventTime, Span};
use crate::window::WindowSettings;

/// The settings of all parts.
pub(crate) struct Settings {
    pub(crate) cut: Cut,
    pub(crate) max_sensors: usize,
    pub(crate) intake_bytes: u32,
    /// How much the decoders of all connections may remember of topics.
    pub(crate) topic_memory_bytes: usize,
    /// How many threads serve connections, and how many score.
    pub(crate) threads: usize,
    pub(crate) stop_deadline: Duration,
    /// After so many short lives in a row the daemon waits before it starts.
    pub(crate) short_lives: u32,
    pub(crate) listener: Option<ListenerSettings>,
    pub(crate) broker: Option<BrokerSettings>,
    pub(crate) routes: Arc<[RouteSettings]>,
    pub(crate) filters: Arc<[FilterSettings]>,
    pub(crate) times: PlausibleTimes,
    /// How long a message may be to be kept with its reject.
    pub(crate) kept_message_bytes: usize,
    pub(crate) store: StoreSettings,
    /// Whether a store that was made with other settings is written anew.
    pub(crate) recuts: bool,
    pub(crate) pace: PaceSettings,
    pub(crate) models: ModelDirectory,
    pub(crate) features: Assigner,
    pub(crate) supervisor: SupervisorSettings,
    /// When windows are scored.
    pub(crate) schedule: Schedule,
    pub(crate) scheduler: SchedulerSettings,
    pub(crate) conditions: Arc<ConditionSettings>,
    pub(crate) clock_trust: ClockTrustSettings,
    pub(crate) files: Option<FileSettings>,
    pub(crate) mqtt: Option<MqttOutletSettings>,
    pub(crate) reporter: Option<ReporterSettings>,
    pub(crate) socket: ServerSettings,
    /// The port of the page and the API; `None` when it is off.
    pub(crate) port: Option<PortSettings>,
    /// How much of what finished runs said is kept in memory.
    pub(crate) timeline_bytes: usize,
    sessions: SessionSettings,
    windows: WindowSettings,
    held: HeldSettings,
    /// How much memory the models at work may take.
    pub(crate) model_memory_bytes: usize,
    /// How much of models that gave verdicts is kept.
    pub(crate) kept_models_bytes: u64,
    pub(crate) groups: Groups,
    rules: ByGroup<GroupRules>,
    sensitivities: ByGroup<Sensitivities>,
    max_anomalous: usize,
    /// How much of what is logged of a run is kept.
    run_log_bytes: usize,
}

/// What the runs of a group go by.
struct GroupRules {
    scoring: ScoringSettings,
    settings_hash: u64,
    deadline: Duration,
}

impl Settings {
    pub(crate) fn of(config: &Config) -> Self {
        let Config { store, mqtt, limits, window, schedule, models, publish, .. } = config;
        let (cut, rings) = (config.base_cut(), config.rings());
        let groups = config.rules_by_group();
        let stop_deadline = config.stop.deadline.to_std();
        let sessions = sessions(mqtt.listen.as_ref());
        let plan = |group: &GroupSettings| GroupPlan {
            name: group.name.clone(),
            schedule: group.schedule.of_group(&group.name, group.grid, window.lateness),
        };
        let plans: Vec<_> = config.all_groups().iter().map(plan).collect();
        let schedule_of_runs = plan(&config.default_group()).schedule;
        // A group that catches up on less gives up what was held open for longer; the check warns of it.
        let caught_up = plans.iter().map(|plan| plan.schedule.reach()).max().unwrap_or_default();
        Self {
            cut,
            max_sensors: limits.sensors as usize,
            intake_bytes: u32::try_from(limits.intake.saturating_usize()).unwrap_or(u32::MAX),
            topic_memory_bytes: limits.connections.saturating_usize() / 4,
            sessions,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            stop_deadline,
            short_lives: config.supervision.short_lives,
            listener: mqtt.listen.as_ref().map(|listen| ListenerSettings {
                max_connections: listen.max_connections,
                addresses: AddressSettings {
                    max_connections: listen.max_connections_per_address,
                    max_failures_per_minute: listen.max_failures_per_minute,
                },
                memory_bytes: connection_memory(listen, limits),
                max_connect_bytes: listen.max_connect_packet.saturating_usize(),
                tcp_keep_alive: listen.tcp_keep_alive.to_std(),
                session_touch: SESSION_TOUCH.min(sessions.granularity().to_std()),
                max_packet_bytes: listen.max_packet.saturating_usize(),
                connect_timeout: listen.connect_timeout.to_std(),
                drain_timeout: stop_deadline / 4,
                write_timeout: (stop_deadline / 4).min(ListenerSettings::at(listen.address).write_timeout),
                ..ListenerSettings::at(listen.address)
            }),
            broker: mqtt.connect.as_ref().map(|connect| broker(connect, config)),
            routes: mqtt.routes.clone().into(),
            filters: config.filters.clone().into(),
            times: limits.plausible_times(config.clock),
            kept_message_bytes: store.rejected_message.saturating_usize(),
            store: StoreSettings {
                directory: store.directory.clone(),
                windows: rings.windows,
                runs: rings.runs,
                verdict_runs: rings.verdict_runs,
                keep_raw: store.keep_raw,
                shed: ShedSettings { max_bytes: store.max_size.bytes(), reserve_bytes: store.reserve.bytes() },
                verdict_rows: store.verdict_rows,
                reject_blocks: store.rejects,
                cache_bytes: store.cache.bytes(),
                cut,
            },
            recuts: store.recut,
            pace: PaceSettings { delay: store.commit_delay.to_std(), daily_budget: store.daily_write_budget.bytes() },
            models: ModelDirectory {
                directory: models.directory.clone(),
                names: models.names.clone(),
                limits: Limits {
                    file_bytes: models.max_file.saturating_usize(),
                    memory_bytes: models.max_memory.saturating_usize(),
                    instructions: models.max_instructions as usize,
                    elements: models.max_elements as usize,
                    operations: models.max_operations as usize,
                    row_operations: models.max_row_operations as usize,
                    depth: models.max_depth as usize,
                    files: models.max_files as usize,
                },
                deadline: models.deadline.to_std(),
                look_every: models.look_every.to_std(),
                settle: models.settle.to_std(),
            },
            features: assigner(config),
            supervisor: SupervisorSettings {
                sensors: groups.map(|group| Arc::new(sensors(config, group, cut))),
                restarts_per_second: config.supervision.restarts_per_second,
                evaluators: PoolSettings {
                    threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                    max_hung: config.scoring.hung_threads as usize,
                },
            },
            schedule: schedule_of_runs,
            scheduler: SchedulerSettings {
                plans,
                clock: match config.clock {
                    ClockSource::Wall => Clock::Wall,
                    ClockSource::Event => Clock::Event(EventTime::default()),
                },
                closing: ClosingSettings {
                    cut,
                    lateness: window.lateness,
                    settle: schedule.settle.to_std(),
                    hold: schedule.hold.to_std(),
                }
                .bounded(caught_up),
                event_idle: match schedule.event_idle {
                    EventIdle::After(span) => Some(span.to_std()),
                    EventIdle::Never => None,
                },
            },
            conditions: Arc::new(config.conditions.in_time(config.window.grid.cut())),
            clock_trust: ClockTrustSettings {
                // With an event clock, windows are not closed by the wall clock.
                tolerance: match config.clock {
                    ClockSource::Wall => ClockTrustSettings::tolerance(window.lateness),
                    ClockSource::Event => Span::from(Duration::MAX),
                },
                patience: schedule.jump_patience.to_std(),
            },
            files: publish.files.as_ref().map(|files| FileSettings {
                directory: files.directory.clone(),
                decisions: files.decisions,
                keep: Span::from_secs(86_400).times(i64::from(files.keep_days)),
            }),
            mqtt: publish.mqtt.as_ref().zip(mqtt.connect.as_ref()).map(|(topics, connect)| MqttOutletSettings {
                options: publisher_options(connect),
                topic: topics.topic.clone(),
            }),
            reporter: config
                .metrics
                .as_ref()
                .map(|metrics| ReporterSettings { file: metrics.file.clone(), every: metrics.every.to_std() }),
            windows: WindowSettings {
                cut,
                lateness: window.lateness,
                kept_per_interval: limits.readings_per_interval as usize,
                max_open_readings: limits.open_readings as usize,
            },
            held: HeldSettings {
                max_ahead: limits.plausible_times(config.clock).max_ahead,
                max_readings: limits.held_readings as usize,
                held_for: limits.held_for.to_std(),
            },
            model_memory_bytes: models.memory.saturating_usize(),
            kept_models_bytes: store.kept_models.bytes(),
            socket: socket(config),
            port: port(&config.http),
            timeline_bytes: config.http.timeline_memory.saturating_usize(),
            groups: groups.groups().clone(),
            sensitivities: groups.map(|group| sensitivities(config, group)),
            rules: groups.map(|group| rules(config, group)),
            max_anomalous: config.log.anomalies as usize,
            run_log_bytes: store.run_log.saturating_usize(),
        }
    }

    /// Reads the password, and adds the login to the settings of all that connect to the broker. No password is read
    /// when no login is configured.
    pub(crate) fn log_in(&mut self, config: &Config) -> Result<(), PasswordError> {
        let Some(login) = config.mqtt.connect.as_ref().and_then(|connect| connect.login.as_ref()) else {
            return Ok(());
        };
        let login = login.read()?;
        if let Some(mqtt) = &mut self.mqtt {
            mqtt.options.set_credentials(&login.username, login.password.reveal());
        }
        if let Some(broker) = &mut self.broker {
            broker.login = Some(login);
        }
        Ok(())
    }

    pub(crate) fn pipeline(&self, directory: Arc<SensorDirectory>, live: Arc<Live>) -> PipelineSettings {
        let filters = Filters::new(Arc::clone(&self.filters));
        PipelineSettings {
            windows: self.windows,
            plans: self.scheduler.plans.clone(),
            clock: self.scheduler.clock.clone(),
            deadbands: Box::new(move |sensor| filters.of(&directory.name(sensor)?).deadband()),
            sessions: self.sessions,
            sinks: [self.files.as_ref().map(|_| publisher::FILES), self.mqtt.as_ref().map(|_| publisher::MQTT)]
                .into_iter()
                .flatten()
                .collect(),
            max_unpublished: self.max_unpublished(),
            held: self.held,
            live,
        }
    }

    /// By how many runs a sink may be behind: by those of half the time for which windows are kept, since those that are
    /// stored meanwhile need the other half.
    fn max_unpublished(&self) -> u64 {
        let kept = self.cut.window().times(i64::from(self.store.windows));
        let ends = |grid: WindowGrid| (kept.divide(grid.hop()).0 - grid.length().divide(grid.hop()).0 + 1).max(0);
        self.groups.iter().map(|group| ends(group.grid).unsigned_abs() / 2).sum::<u64>().max(1)
    }

    pub(crate) fn rescoring(&self) -> RescoringSettings {
        RescoringSettings {
            store: self.store.directory.clone(),
            limits: self.models.limits,
            features: self.features.clone(),
            sensitivities: self.sensitivities.clone(),
            groups: self.rules.map(GroupRules::rescoring),
        }
    }

    pub(crate) fn recorder(&self, scope: RunScope) -> RecorderSettings {
        RecorderSettings {
            rules: self.rules.map(GroupRules::of_runs),
            scope,
            max_anomalous: self.max_anomalous,
            log_bytes: self.run_log_bytes,
        }
    }
}

impl GroupRules {
    fn rescoring(&self) -> GroupRescoring {
        GroupRescoring { scoring: self.scoring, settings_hash: self.settings_hash }
    }

    fn of_runs(&self) -> RunRules {
        let Self { scoring, settings_hash, deadline } = *self;
        RunRules { settings_hash, deadline, interval: scoring.cut.interval() }
    }
}

fn rules(config: &Config, group: &GroupSettings) -> GroupRules {
    GroupRules {
        scoring: scoring(group, config.base_cut()),
        settings_hash: config.settings_hash(group),
        deadline: group.scoring.deadline.to_std(),
    }
}

fn scoring(group: &GroupSettings, base: Cut) -> ScoringSettings {
    ScoringSettings { cut: group.grid.cut(), base, min_intervals: group.scoring.min_intervals }
}

/// What the models of a group's sensors go by.
fn sensors(config: &Config, group: &GroupSettings, base: Cut) -> SensorSettings {
    let SupervisionSettings { backoff, quarantine_after, release, .. } = group.supervision;
    SensorSettings {
        scoring: scoring(group, base),
        sensitivities: sensitivities(config, group),
        supervision: SupervisionPolicy {
            backoff_min: backoff.min.to_std(),
            backoff_max: backoff.max.to_std(),
            quarantine_after,
            release_after: match release {
                Release::After(span) => Some(span.to_std()),
                Release::Never => None,
            },
        },
        deadline: group.scoring.sensor_deadline().to_std(),
        proof: group.scoring.proof,
        suspicious_after: group.scoring.suspicious_after,
    }
}

fn sensitivities(config: &Config, group: &GroupSettings) -> Sensitivities {
    Sensitivities::new(config.sensitivities.clone().into(), group.scoring.anomaly_score)
}

/// Decides which features each model gets, within the bounds of its sensor's group.
fn assigner(config: &Config) -> Assigner {
    let bounds = |group: &GroupSettings| Bounds { cut: group.grid.cut(), windows_back: config.windows_back(group) };
    Assigner::of_groups(config.features.clone().into(), &config.rules_by_group().map(bounds))
}

/// The local socket. Its file is where the configuration says, else in the folder that the service's manager made for
/// this process, else beside the store.
fn socket(config: &Config) -> ServerSettings {
    let socket = &config.socket;
    let service = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from).filter(|folder| folder.is_dir());
    let [of_service, beside_store] = default_paths(&config.store.directory, service.as_deref());
    let otherwise = if service.is_some() { of_service } else { beside_store };
    ServerSettings {
        socket: SocketSettings {
            path: socket.path.clone().unwrap_or(otherwise),
            group: socket.group.clone(),
            mode: socket.mode,
        },
        max_connections: socket.max_connections as usize,
        max_answers: socket.max_answers as usize,
    }
}

/// The port of the page and the API.
fn port(http: &HttpSettings) -> Option<PortSettings> {
    let tls = http.tls.clone().map(|TlsFiles { certificate, key }| TlsSettings { certificate, key });
    Some(PortSettings {
        address: http.listen?,
        tls,
        token_file: http.token_file.clone(),
        gate: GateSettings {
            host_names: http.host_names.clone(),
            max_requests_per_second: http.max_requests_per_second,
            max_failed_logins_per_minute: http.max_failed_logins_per_minute,
            max_sessions: http.max_sessions as usize,
            max_request_bytes: http.max_request.saturating_usize(),
        },
        max_connections: http.max_connections,
        max_connections_per_address: http.max_connections_per_address,
        max_reads: http.max_reads as usize,
        max_answers: http.max_answers as usize,
    })
}

/// Where commands look for the socket of a daemon that has not noted it where they can read it.
pub(crate) fn socket_places(config: &Config) -> Vec<PathBuf> {
    match &config.socket.path {
        Some(path) => vec![path.clone()],
        None => default_paths(&config.store.directory, None).into(),
    }
}

/// The shortest time between two notes that a session is in use. Most of these notes write nothing: the store writes
/// far more seldom.
const SESSION_TOUCH: Duration = Duration::from_secs(600);

/// The settings of device sessions. Without a listener, the sessions that are stored stay as they are.
fn sessions(listen: Option<&ListenSettings>) -> SessionSettings {
    match listen {
        Some(listen) => SessionSettings { max: listen.max_sessions as usize, expiry: listen.session_expiry },
        None => SessionSettings { max: usize::MAX, expiry: Span::MAX },
    }
}

/// The bound on what connections hold of incomplete packets. At least one packet of the largest size fits.
fn connection_memory(listen: &ListenSettings, limits: &LimitSettings) -> usize {
    let share = limits.connections.saturating_usize() / 4 * 3;
    share.max(listen.max_packet.saturating_usize().saturating_mul(2))
}

fn broker(connect: &ConnectSettings, config: &Config) -> BrokerSettings {
    let subscriptions = subscriptions(config.mqtt.routes.iter().map(RouteSettings::topic));
    BrokerSettings {
        keep_alive: connect.keep_alive.to_std(),
        qos: connect.qos,
        max_packet_bytes: connect.max_packet.saturating_usize(),
        max_gathered_bytes: config.limits.intake.saturating_usize(),
        min_backoff: connect.backoff.min.to_std(),
        max_backoff: connect.backoff.max.to_std(),
        drain_timeout: config.stop.deadline.to_std() / 2,
        ..BrokerSettings::at(&connect.host, connect.port, &connect.client_id, subscriptions)
    }
}

/// Options of the publisher's own MQTT client. It is a client apart, so that its waiting does not hold up what comes
/// in.
fn publisher_options(connect: &ConnectSettings) -> MqttOptions {
    let mut options = MqttOptions::new(format!("{}-publisher", connect.client_id), &connect.host, connect.port);
    options.set_keep_alive(connect.keep_alive.to_std());
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_catches_up_on_little_does_not_shorten_the_hold_of_all() {
        let text = "[mqtt.listen]\n[[mqtt.route]]\ntopic = \"plant/{device}/{sensor}\"\n[[group]]\nname = \"fast\"\nsensors = \
                    \"fast/*\"\nwindow.length = \"1m\"\nschedule.catch_up = 2\n";
        let config = Config::parse(text, std::path::Path::new("config.toml")).unwrap();
        assert_eq!(Settings::of(&config).scheduler.closing.hold, Duration::from_secs(3_600));
    }
}
