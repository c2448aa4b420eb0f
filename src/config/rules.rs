//! What must hold between sections, and settings that are accepted but seldom meant.

use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::reader::Notes;
use super::rings::{Rings, count, max_ahead, windows_needed};
use super::{ClockSource, Config, without_effect};
use crate::features::{Bounds, FeatureSettings, Plan};
use crate::time::Span;

/// A setting that is accepted and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The key.
    pub key: &'static str,
    /// What is odd about it, and what to do.
    pub advice: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.advice)
    }
}

/// Notes the settings that contradict each other.
pub(super) fn check(config: &Config, notes: &mut Notes<'_>) {
    let Config { mqtt, window, scoring, .. } = config;
    if mqtt.listen.is_none() && mqtt.connect.is_none() {
        let why = "nothing takes readings in; add [mqtt.listen] for devices that connect to this daemon, \
                   or [mqtt.connect] for a broker";
        notes.rule(&["mqtt.listen", "mqtt.connect"], why);
    }
    if mqtt.routes.is_empty() {
        notes.rule(&["mqtt.route"], "no message would be read; add a [[mqtt.route]] with a topic");
    }
    if let (Some(listen), Some(connect)) = (&mqtt.listen, &mqtt.connect) {
        let here = connect.host == "localhost" || connect.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let ours = listen.address.ip().is_loopback() || listen.address.ip().is_unspecified();
        if here && ours && listen.address.port() == connect.port {
            let why = format!(
                "the broker cannot be at {}:{}, where [mqtt.listen] itself listens; change one of the ports",
                connect.host, connect.port
            );
            notes.rule(&["mqtt.connect.port", "mqtt.listen.address", "mqtt.connect.host"], why);
        }
    }
    if config.publish.mqtt.is_some() && mqtt.connect.is_none() {
        let why = "verdicts are published over the connected broker, and there is none; add [mqtt.connect]";
        notes.rule(&["publish.mqtt", "mqtt.connect"], why);
    }
    rings(config, notes);
    let intervals = window.cut.intervals_per_window();
    if i64::from(scoring.min_intervals) > intervals {
        let why = format!("a window has {intervals} intervals and could never hold {}", scoring.min_intervals);
        notes.rule(&["scoring.min_intervals", "window.length", "window.interval"], why);
    }
    features(config, notes);
    folders_apart(config, notes);
}

/// The times that things are kept must hold what is still needed, and what the rings can hold.
fn rings(config: &Config, notes: &mut Notes<'_>) {
    let (store, window) = (&config.store, config.window.cut.window());
    let (needed, catch_up) = (windows_needed(config), config.schedule.catch_up);
    let kept = config.rings().windows;
    if kept < needed {
        let early = max_ahead(config).map_or_else(String::new, |ahead| {
            format!(", and those that are early, as readings may be {ahead} ahead (limits.max_ahead)")
        });
        let remedy = match needed > Rings::MAX_WINDOWS {
            true => format!("no more than {} can be kept, so catch up on fewer", Rings::MAX_WINDOWS),
            false => format!("make it at least \"{}\"", window.times(needed.into())),
        };
        let why = format!(
            "room for {needed} windows of {window} is needed: {catch_up} that are caught up on (schedule.catch_up), one that \
             is open{early}; store.keep_intervals has room for {kept}; {remedy}"
        );
        notes.rule(&["store.keep_intervals", "schedule.catch_up", "limits.max_ahead"], why);
    }
    for (key, keep, max) in [
        ("store.keep_intervals", store.keep_intervals, Rings::MAX_WINDOWS),
        ("store.keep_runs", store.keep_runs, Rings::MAX_RUNS),
        ("store.keep_verdicts", store.keep_verdicts, Rings::MAX_RUNS),
    ] {
        if let Some(keep) = keep.filter(|keep| count(*keep, window) > max) {
            let why = format!(
                "{keep} are {} windows of {window}, and at most {max} can be kept; make it at most \"{}\"",
                count(keep, window),
                window.times(max.into())
            );
            notes.rule(&[key, "window.length"], why);
        }
    }
    if let Some(keep) = store.keep_verdicts.filter(|keep| count(*keep, window) > config.rings().runs) {
        let runs = window.times(config.rings().runs.into());
        let why = format!(
            "verdicts cannot be kept for {keep}, as their runs are kept for {runs}; make store.keep_runs longer"
        );
        notes.rule(&["store.keep_verdicts", "store.keep_runs"], why);
    }
}

/// The earlier windows that a model's rows need must still be stored, and a window's rows must fit into memory.
fn features(config: &Config, notes: &mut Notes<'_>) {
    let bounds = Bounds { cut: config.window.cut, windows_back: config.windows_back() };
    for (place, FeatureSettings { features, .. }) in (1..).zip(&config.features) {
        // With the name of a real sensor the rows can only become smaller.
        if let Err(why) = Plan::new(Arc::clone(features), "", bounds) {
            let [columns, missing] = ["columns", "missing"].map(|key| format!("features[{place}].{key}"));
            notes.rule(
                &[&columns, &missing, "store.keep_intervals", "schedule.catch_up", "limits.max_ahead", "window"],
                why,
            );
        }
    }
}

/// No folder may hold another: files of the store are not models, and predictions are removed by age.
fn folders_apart(config: &Config, notes: &mut Notes<'_>) {
    let store = ("store.directory", normal(&config.store.directory));
    let models = ("models.directory", normal(&config.models.directory));
    let files = config.publish.files.as_ref().map(|files| ("publish.files.directory", normal(&files.directory)));
    let folders: Vec<_> = [store, models].into_iter().chain(files).collect();
    for (index, (key, folder)) in folders.iter().enumerate() {
        for (other_key, other) in &folders[index + 1..] {
            if folder.starts_with(other) || other.starts_with(folder) {
                let why = format!(
                    "{} and {other_key}, {}, lie one within the other; keep them apart",
                    folder.display(),
                    other.display()
                );
                notes.rule(&[key, other_key], why);
            }
        }
    }
}

/// The path without `.` and `..`, by the text alone: the disk is not looked at.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Whether a subscription matches a topic that a template with placeholders may become.
fn takes(filter: &str, template: &str) -> bool {
    let (mut filter, mut template) = (filter.split('/'), template.split('/'));
    // A wildcard in the first level does not match topics of the broker itself (MQTT 3.1.1, section 4.7.2).
    let mut own = template.clone().next().is_some_and(|level| level.starts_with('$'));
    loop {
        let takes = match (filter.next(), template.next()) {
            (None, None) => return true,
            (Some("#"), _) => return !own,
            (Some("+"), Some(_)) => !own,
            (Some(level), Some(text)) => level == text || text.contains('{'),
            _ => false,
        };
        if !takes {
            return false;
        }
        own = false;
    }
}

/// The settings that are accepted and probably not meant.
pub(super) fn warnings(config: &Config) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |key, advice| warnings.push(Warning { key, advice });
    if let Some(listen) = config.mqtt.listen.as_ref().filter(|listen| !listen.address.ip().is_loopback()) {
        let advice = format!(
            "{} can be reached from the network, by anyone and unencrypted; see that a firewall admits only the devices",
            listen.address
        );
        warn("mqtt.listen.address", advice);
    }
    if let Some(address) = config.http.listen.filter(|address| !address.ip().is_loopback())
        && config.http.tls.is_none()
    {
        let advice = format!(
            "{address} can be reached from the network, and tokens go there unencrypted, for all to read on the way; add TLS \
             (http.certificate_file, http.key_file), or listen on 127.0.0.1 behind a proxy that has it"
        );
        warn("http.listen", advice);
    }
    if let Some(listen) = &config.mqtt.listen
        && listen.max_packet.bytes().saturating_mul(2) > config.limits.connections.bytes()
    {
        let advice = format!(
            "two packets of {} (mqtt.listen.max_packet) have room in any case, which is more than {}; raise it, or make \
             max_packet smaller",
            listen.max_packet, config.limits.connections
        );
        warn("limits.connections", advice);
    }
    if config.publish.files.is_none() && config.publish.mqtt.is_none() {
        let advice = "verdicts go nowhere: they are in the store, where anomalyd dump verdicts shows them; add \
                      [publish.files] or [publish.mqtt]";
        warn("publish", advice.to_owned());
    }
    if config.store.commit_delay > Span::ZERO && config.mqtt.connect.is_some() {
        let advice = format!(
            "acknowledgements to the broker wait up to {} for company, and a broker sends only so many messages before it has \
             them (mosquitto 20): with few in flight that many get through in a delay; raise its max_inflight_messages, or \
             leave this at 0 and rely on store.daily_write_budget",
            config.store.commit_delay
        );
        warn("store.commit_delay", advice);
    }
    if let Some(publish) = &config.publish.mqtt
        && let Some(filter) = config
            .mqtt
            .routes
            .iter()
            .map(|route| route.topic().subscription())
            .find(|filter| takes(filter, &publish.topic))
    {
        let advice = format!(
            "verdicts to {} come back to this daemon, which subscribes to {filter} for a [[mqtt.route]]; choose a topic that \
             no route takes",
            publish.topic
        );
        warn("publish.mqtt.topic", advice);
    }
    let window = config.window.cut.window();
    let period = config.schedule.firings().shortest_period_after(config.limits.earliest);
    if let Some(period) = period.filter(|period| *period < window) {
        let advice =
            format!("it fires {period} apart, more often than windows of {window} end; most firings will find nothing");
        warn("schedule.cron", advice);
    }
    let caught_up = window.times(i64::from(config.schedule.catch_up));
    if let Some(period) = period.filter(|period| *period > caught_up) {
        let advice = format!(
            "it fires {period} apart, and {caught_up} of windows are scored each time (schedule.catch_up): the others are \
             never scored; let it fire more often, or make window.length or catch_up larger"
        );
        warn("schedule.cron", advice);
    }
    if config.clock == ClockSource::Event && config.limits.max_ahead.is_some() {
        warn("limits.max_ahead", "nothing is ahead of the event clock, so this is unused; remove it".to_owned());
    }
    warnings.extend(without_effect::warnings(config));
    warnings
}
