//! All metrics, each with its name and its meaning. Metrics are named in this file only.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A number that is counted up, or set.
#[derive(Debug)]
pub struct Metric {
    /// Its name, in the form that Prometheus asks for.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    value: AtomicU64,
}

impl Metric {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, value: AtomicU64::new(0) }
    }

    /// Counts `count` more.
    pub fn add(&self, count: u64) {
        self.value.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts `count` less, in a number that goes up and down.
    pub fn subtract(&self, count: u64) {
        self.value.fetch_sub(count, Ordering::Relaxed);
    }

    /// Sets a number that goes up and down.
    pub fn set(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

macro_rules! metrics {
    ($($ident:ident $name:literal $help:literal)*) => {
        $(#[doc = $help] pub static $ident: Metric = Metric::new($name, $help);)*

        /// Every metric, in the order in which they are shown.
        pub static ALL: &[&Metric] = &[$(&$ident),*];
    };
}

metrics! {
    READINGS_ACCEPTED "anomalyd_readings_accepted_total" "Readings that are durable and count."
    READINGS_REPEATED "anomalyd_readings_repeated_total" "Readings that were there already, for example because a device sent them again."
    READINGS_SUPPRESSED "anomalyd_readings_suppressed_total" "Readings that a deadband passed over."
    READINGS_HELD "anomalyd_readings_held" "Readings from ahead of the system's clock that wait until it is known whether that is right; limits.held_readings bounds them."
    READINGS_HELD_EVER "anomalyd_readings_held_total" "Readings that were held because they were ahead of a clock that may be wrong."
    MESSAGES_PASSED_OVER "anomalyd_messages_passed_over_total" "Messages that a broker kept from earlier, and that their routes pass over (retained = \"skip\")."
    SESSIONS "anomalyd_sessions" "MQTT sessions of devices that are remembered; mqtt.listen.max_sessions bounds them."
    SESSIONS_FORGOTTEN "anomalyd_sessions_forgotten_total" "MQTT sessions that were forgotten: ended by their device, not used for mqtt.listen.session_expiry, or displaced by newer ones."
    CONNECTION_MEMORY_BYTES "anomalyd_connection_memory_bytes" "Bytes that the connections of devices hold beyond their first buffers; three quarters of limits.connections bound them."
    TOPIC_MEMORY_BYTES "anomalyd_topic_memory_bytes" "Bytes that connections hold for the topics that they know; a quarter of limits.connections bounds them."
    SENSORS "anomalyd_sensors" "Sensors known."
    SENSORS_FREED "anomalyd_sensors_freed_total" "Sensors that were forgotten, as they went silent and limits.sensors was nearly reached."
    SENSORS_SILENT "anomalyd_sensors_silent" "Sensors that send nothing any more (conditions.silent)."
    SENSORS_STUCK "anomalyd_sensors_stuck" "Sensors whose readings all have one value where they usually vary (conditions.stuck)."
    SENSORS_SPARSE "anomalyd_sensors_sparse" "Sensors that send in far fewer intervals than usual (conditions.sparse)."
    SENSORS_OUT_OF_RANGE "anomalyd_sensors_out_of_range" "Sensors whose windows are unlike the training of their models (conditions.out_of_range)."
    SENSORS_DRIFTING "anomalyd_sensors_drifting" "Sensors whose level has left what is usual for them (conditions.drifting)."
    SENSORS_CLOCK_WRONG "anomalyd_sensors_clock_wrong" "Sensors whose readings come long after or before their own times (conditions.clock_wrong)."
    CONDITIONS_RAISED "anomalyd_conditions_raised_total" "Conditions of sensors that were raised."
    CONDITION_LOOK_MILLIS "anomalyd_condition_look_milliseconds" "How long the last look for conditions took, over all sensors."
    COMMITS "anomalyd_commits_total" "Group commits: each syncs the disk once."
    COMMIT_DELAY "anomalyd_commit_delay_microseconds" "How long a commit may wait for company now: store.commit_delay, or more when store.daily_write_budget is used up."
    JOURNAL_WRITTEN_BYTES "anomalyd_journal_written_bytes_total" "Bytes that commits wrote into the journal's files, in whole pages."
    DATABASE_SYNCS "anomalyd_database_syncs_total" "Syncs of the database's file."
    DISK_WRITTEN_BYTES "anomalyd_disk_written_bytes_total" "Bytes that the kernel counts as written to disks by this process, in whole pages: journal, database, verdict files."
    OPEN_READINGS "anomalyd_open_readings" "Readings in intervals that are not closed yet; limits.open_readings bounds them."
    JOURNAL_RECORDS "anomalyd_journal_records" "Records in the journal; its oldest segment goes when stored windows cover it."
    JOURNAL_BYTES "anomalyd_journal_bytes" "The size of the journal on the disk."
    JOURNAL_SYNCS "anomalyd_journal_syncs_total" "How often the disk was asked to sync the journal."
    JOURNAL_PINS "anomalyd_journal_pins" "Copies of the store that are being made, such as backups: the journal frees nothing meanwhile."
    JOURNAL_RECORDS_LOST "anomalyd_journal_records_lost_total" "Records of the journal that were damaged or missing at the start; the log names them."
    SETTLED_RECORDS_LOST "anomalyd_store_settled_records_lost_total" "Records of the journal whose effects the database had stored and did not hold at the start; the log says what was put back."
    STORE_BACKLOG_BYTES "anomalyd_store_backlog_bytes" "Bytes of windows, runs and verdicts that wait for the thread that writes the database."
    DISK_FULL "anomalyd_store_disk_full" "How many of the store's two threads wait for room on the disk; zero while there is room."
    INTAKE_WAITING_BYTES "anomalyd_intake_waiting_bytes" "Bytes taken in and not yet durable."
    STORE_BYTES "anomalyd_store_bytes" "The store's size on the disk."
    HISTORY_BYTES "anomalyd_history_bytes" "The size of the raw history on the disk; store.keep_raw and store.max_size bound it."
    HISTORY_DAYS "anomalyd_history_days" "Days of raw history."
    HISTORY_OLDEST "anomalyd_history_oldest_seconds" "The start of the oldest day of raw history, in seconds since 1970."
    HISTORY_READINGS "anomalyd_history_readings_total" "Readings that were added to the raw history."
    HISTORY_NAMELESS "anomalyd_history_nameless_total" "Readings that were not added to the raw history, as the name of their sensor was lost."
    HISTORY_GIVEN_UP "anomalyd_history_given_up_total" "Readings that were not added to the raw history, as the disk was full and no older day was left to give up."
    HISTORY_DAYS_SHED "anomalyd_history_days_shed_total" "Days of raw history that were given up before their time, as the store was too large or the disk nearly full."
    VERDICT_RUNS_SHED "anomalyd_verdict_runs_shed_total" "Runs whose verdicts were given up before their time, as the store was too large or the disk nearly full."
    SOCKET_REQUESTS "anomalyd_socket_requests_total" "Requests over the local socket."
    LONG_ANSWERS "anomalyd_socket_long_answers" "Long answers over the local socket that go on, such as exports; socket.max_answers bounds them."
    HTTP_REQUESTS "anomalyd_http_requests_total" "Requests over the port of the page and the API."
    HTTP_CONNECTIONS "anomalyd_http_connections" "Connections to the port of the page and the API; http.max_connections and http.max_connections_per_address bound them."
    HTTP_CONNECTIONS_REFUSED "anomalyd_http_connections_refused_total" "Connections to that port that were closed at once, as there were too many."
    HTTP_REQUESTS_LIMITED "anomalyd_http_requests_limited_total" "Requests over that port that were refused, as http.max_requests_per_second came from their address."
    HTTP_REQUESTS_TOO_LARGE "anomalyd_http_requests_too_large_total" "Requests over that port that were larger than http.max_request."
    HTTP_LOGINS_FAILED "anomalyd_http_logins_failed_total" "Tokens over that port that are nobody's; http.max_failed_logins_per_minute bounds them."
    HTTP_SESSIONS "anomalyd_http_sessions" "Logins of browsers that are remembered; http.max_sessions bounds them."
    HTTP_LONG_ANSWERS "anomalyd_http_long_answers" "Long answers over that port that go on, such as exports; http.max_answers bounds them."
    HTTP_READS "anomalyd_http_reads" "Answers that are being read from the store; http.max_reads bounds them."
    HTTP_READS_REFUSED "anomalyd_http_reads_refused_total" "Questions that were refused, as those before them took too long."
    EVENT_LISTENERS "anomalyd_event_listeners" "Pages and commands that listen to what happens as it happens; http.max_listeners bounds them."
    EVENTS_MISSED "anomalyd_events_missed_total" "Events that a page or a command missed because it took them more slowly than they came."
    FAILED_CONNECTIONS_FORGOTTEN "anomalyd_failed_connections_forgotten_total" "Entries of the list of failed connections that gave way to newer ones."
    TIMELINE_BYTES "anomalyd_timeline_bytes" "What is remembered of finished runs, in bytes; http.timeline_memory bounds it."
    ENTRIES_UNREADABLE "anomalyd_store_entries_unreadable_total" "Entries of the store that could not be read. Each costs itself; the log names it."
    MODELS_KEPT_BYTES "anomalyd_store_models_kept_bytes" "The size of the models that are kept so that verdicts can be computed again; store.kept_models bounds it."
    MODELS_RESIDENT "anomalyd_models_resident" "Models at work that are in memory."
    MODELS_RESIDENT_BYTES "anomalyd_models_resident_bytes" "About how much memory they take; models.memory bounds it."
    MODELS_READ_AGAIN "anomalyd_models_read_again_total" "Times that a model at work was needed and not in memory, and was read again."
    STORES_SET_ASIDE "anomalyd_stores_set_aside" "Damaged stores that were set aside and lie in the store's folder."
    STORES_REPLACED "anomalyd_stores_replaced" "Stores that were replaced by one made anew and lie in the store's folder."
    WINDOWS_STORED "anomalyd_windows_stored_total" "Windows of single sensors that were closed and stored."
    RUN_ORDERS "anomalyd_run_orders" "Orders of operators (anomalyd run-now) that wait or go on; scoring.max_orders bounds them."
    RUN_LOG_LINES_LEFT_OUT "anomalyd_run_log_lines_left_out_total" "Lines that did not fit into the log that is kept of a run; store.run_log bounds it."
    RUNS_FINISHED "anomalyd_runs_finished_total" "Runs in which every sensor in scope has its outcome."
    WINDOWS_SKIPPED "anomalyd_windows_skipped_total" "Windows that were never scored: more had been missed than schedule.catch_up and schedule.horizon allow, or schedule.overlap skipped them."
    WAKES_MISSED "anomalyd_scheduler_wakes_missed_total" "Times that the scheduler was not woken on time, and its watchdog noticed."
    VERDICTS_SCORED "anomalyd_verdicts_scored_total" "Verdicts of windows that were scored."
    VERDICTS_FAILED "anomalyd_verdicts_failed_total" "Verdicts of windows whose scoring failed."
    VERDICTS_TIMED_OUT "anomalyd_verdicts_timed_out_total" "Verdicts of windows whose scoring was given up because it took too long."
    VERDICTS_UNPROVEN "anomalyd_verdicts_unproven_total" "Verdicts of windows that were not scored because their model is not proven (scoring.proof)."
    ANOMALIES "anomalyd_anomalies_total" "Intervals that a model called an anomaly."
    MODELS_LOADED "anomalyd_models_loaded" "Models at work."
    MODELS_BROKEN "anomalyd_models_broken" "Sensors whose model file cannot be used."
    MODELS_CHANGED "anomalyd_models_changed_total" "Models that were added, replaced or taken off while the daemon ran."
    MODELS_REFUSED "anomalyd_models_refused_total" "Model files that were changed to something that cannot be used: the model before stays at work."
    MODELS_SUSPICIOUS "anomalyd_models_suspicious" "Models that called every row of their recent windows an anomaly."
    MODELS_DRIFTING "anomalyd_models_drifting" "Models whose last window was unlike what they were trained on."
    MODEL_LOOKS "anomalyd_model_looks_total" "Looks through the folder of models, each at all of its files."
    PARTS_RESTARTED "anomalyd_parts_restarted_total" "Parts of the daemon that ended or panicked, and were begun anew."
    ACTORS_PAUSED "anomalyd_sensor_actors_paused" "Sensor actors that wait to be started again after a failure; supervision.restarts_per_second bounds the pace."
    EVALUATORS_HUNG "anomalyd_scoring_threads_hung" "Threads that are still at scorings that were given up; scoring.hung_threads bounds those that are replaced."
    READS_LATE "anomalyd_model_reads_late_total" "Model files, or looks through their folder, that took longer than models.deadline allows."
    READERS_ABANDONED "anomalyd_model_readers_abandoned" "Threads that are still at work on model files that were given up."
    SCORINGS_SLOW "anomalyd_scorings_slow_total" "Scorings of one sensor that took longer than scoring.sensor_deadline."
    SCORINGS_MISSING "anomalyd_scorings_missing_total" "Sensors that had not answered at their run's deadline."
    ACTORS_RESTARTED "anomalyd_sensor_actors_restarted_total" "Sensor actors that were restarted after an error or a panic."
    ACTORS_QUARANTINED "anomalyd_sensor_actors_quarantined" "Models that failed too often in a row and are not tried any more before they are released (anomalyd models release, supervision.release_after), or another file takes their place."
    PUBLISHED "anomalyd_verdicts_published_total" "Verdicts that a sink took."
    PASSED_OVER "anomalyd_verdicts_passed_over_total" "Verdicts that a sink could not take, while it took others: a file name or a message that is refused, a window that is gone."
    PUBLISH_FAILURES "anomalyd_publish_failures_total" "Attempts to publish that failed and were tried again."
}

/// Inputs that were not accepted, by the kind of their reason.
pub static REJECTS: KindCounts =
    KindCounts::new("anomalyd_rejects_total", "Inputs that were not accepted, by the kind of reason.");

/// Members of payloads that are not numbers, by their kind.
pub static MEMBERS_PASSED_OVER: KindCounts = KindCounts::new(
    "anomalyd_members_passed_over_total",
    "Members of payloads that are no numbers, where a route takes all numbers (values), by what they are.",
);

/// A set of numbers that only grow, one for each kind.
#[derive(Debug)]
pub struct KindCounts {
    name: &'static str,
    help: &'static str,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl KindCounts {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, counts: Mutex::new(BTreeMap::new()) }
    }

    /// Counts more.
    pub fn add(&self, more: impl Iterator<Item = (&'static str, u64)>) {
        let mut more = more.peekable();
        if more.peek().is_none() {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, count) in more {
            *counts.entry(kind).or_default() += count;
        }
    }

    /// How many there were of all kinds.
    pub fn get(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl fmt::Display for KindCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, help, .. } = self;
        writeln!(f, "# HELP {name} {help}\n# TYPE {name} counter")?;
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().try_for_each(|(kind, count)| writeln!(f, "{name}{{kind=\"{kind}\"}} {count}"))
    }
}

/// Writes all metrics in the Prometheus text format.
#[derive(Debug)]
pub struct Exposition;

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ALL.iter().try_for_each(|metric| {
            let kind = if metric.name.ends_with("_total") { "counter" } else { "gauge" };
            let Metric { name, help, .. } = metric;
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {}", metric.get())
        })?;
        write!(f, "{REJECTS}{MEMBERS_PASSED_OVER}")
    }
}
