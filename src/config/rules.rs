//! What must hold between sections, and settings that are accepted but seldom meant.

use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::group::GroupSettings;
use super::reader::Notes;
use super::rings::{Rings, WindowsNeeded, count, max_ahead, runs_in};
use super::{ClockSource, Config, schedule_advice, without_effect};
use crate::features::{Bounds, FeatureSettings, Plan};
use crate::group::GroupName;
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
    let Config { mqtt, .. } = config;
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
    groups(config, notes);
    rings(config, notes);
    features(config, notes);
    folders_apart(config, notes);
}

/// The most groups. A run takes one after the other, and every sensor is compared with every pattern.
const MAX_GROUPS: usize = 64;

/// Groups must have different names, windows that can hold what is asked of them, and a base cut.
fn groups(config: &Config, notes: &mut Notes<'_>) {
    if config.groups.len() > MAX_GROUPS {
        let why = format!("there are {} groups, at most {MAX_GROUPS} are accepted; join some", config.groups.len());
        notes.rule(&["group"], why);
    }
    for (place, GroupSettings { name, .. }) in (1..).zip(&config.groups) {
        if config.groups.iter().take(place - 1).any(|before| before.name == *name) {
            notes.rule(
                &[&format!("group[{place}].name")],
                format!("there is a group \"{name}\" before; choose another name"),
            );
        }
    }
    let tables = (1..=config.groups.len()).map(|place| format!("group[{place}]."));
    for (table, group) in tables.chain([String::new()]).zip(config.all_groups()) {
        let (intervals, least) = (group.grid.cut().intervals_per_window(), group.scoring.min_intervals);
        if i64::from(least) > intervals {
            let why = format!("a window has {intervals} intervals and could never hold {least}");
            let keys = ["scoring.min_intervals", "window.length", "window.interval"].map(|key| format!("{table}{key}"));
            notes.rule(&keys.each_ref().map(String::as_str), why);
        }
    }
    let lateness = config.window.lateness;
    match config.sensor_groups().base_cut() {
        Err(why) => {
            let why = format!(
                "the store cuts time so that the windows of all groups can be put together, and here {why}; choose \
                 intervals and windows of the groups that are multiples of each other"
            );
            notes.rule(&["group", "window.length", "window.interval"], why);
        }
        Ok(base)
            if lateness >= base.window()
                && !(config.groups.is_empty() && config.window.grid.length() == base.window()) =>
        {
            let why = format!(
                "{lateness} is not shorter than {}, of which windows and hops of all groups are multiples; make lateness \
                 shorter, or hop longer",
                base.window()
            );
            notes.rule(&["window.lateness", "window.hop", "group"], why);
        }
        Ok(_) => {}
    }
}

/// The times that things are kept must hold what is still needed, and what the rings can hold.
fn rings(config: &Config, notes: &mut Notes<'_>) {
    let (store, window) = (&config.store, config.base_cut().window());
    let needing = config.all_groups().into_iter().map(|group| (WindowsNeeded::of(config, &group), group));
    let (needed, group) = needing.max_by_key(|(needed, _)| needed.total()).unzip();
    if let (Some(needed), Some(group)) = (needed, group)
        && config.rings().windows < needed.total()
    {
        room_for_windows(config, &needed, &group, notes);
    }
    if let Some(keep) = store.keep_intervals.filter(|keep| count(*keep, window) > Rings::MAX_WINDOWS) {
        let (windows, max) = (count(keep, window), Rings::MAX_WINDOWS);
        let why = format!(
            "{keep} are {windows} windows of {window}, and at most {max} can be kept; make it at most \"{}\"",
            window.times(max.into())
        );
        notes.rule(&["store.keep_intervals", "window.length"], why);
    }
    for (key, keep) in [("store.keep_runs", store.keep_runs), ("store.keep_verdicts", store.keep_verdicts)] {
        let Some((keep, runs)) = keep.map(|keep| (keep, runs_in(config, keep))) else { continue };
        let max = Rings::MAX_RUNS;
        if runs > max {
            let longest = Span::from(keep.to_std() / runs).times(max.into());
            let why = format!("{keep} are {runs} runs, and at most {max} can be kept; make it at most \"{longest}\"");
            notes.rule(&[key, "window.length"], why);
        }
    }
    if let Some(keep) = store.keep_verdicts.filter(|keep| runs_in(config, *keep) > config.rings().runs) {
        let runs = store.keep_runs.unwrap_or(Rings::DEFAULT_RUNS);
        let why = format!(
            "verdicts cannot be kept for {keep}, as their runs are kept for {runs}; make store.keep_runs longer"
        );
        notes.rule(&["store.keep_verdicts", "store.keep_runs"], why);
    }
}

/// There is no room for the windows that a group needs.
fn room_for_windows(config: &Config, needed: &WindowsNeeded, group: &GroupSettings, notes: &mut Notes<'_>) {
    let (window, total) = (config.base_cut().window(), needed.total());
    let GroupSettings { name, grid, schedule, .. } = group;
    let catch_up = schedule.catch_up;
    let of_group = if config.groups.is_empty() { String::new() } else { format!(" for the group {name}") };
    // The group whose windows are cut into the smallest pieces.
    let piece = |group: &GroupSettings| group.grid.length().common_divisor(group.grid.hop());
    let smallest = config.all_groups().into_iter().min_by_key(piece).filter(|smallest| piece(smallest) < piece(group));
    let because = smallest.as_ref().map_or_else(String::new, |smallest| {
        let GroupSettings { name, grid, .. } = smallest;
        format!(
            "; the store's windows are so short because of the group {name}: windows of {}, one after each {}",
            grid.length(),
            grid.hop()
        )
    });
    let caught_up = match grid.length() == window {
        true => format!("{catch_up} that are caught up on (schedule.catch_up)"),
        false => format!(
            "{} for the last {catch_up} of {}, one after each {}, that are caught up on (schedule.catch_up)",
            needed.caught_up,
            grid.length(),
            grid.hop()
        ),
    };
    let delayed = match needed.delayed {
        0 => String::new(),
        delayed => format!(
            ", {delayed} that are closed before the runs of a firing begin, up to {} after it (schedule.offset, \
             schedule.jitter)",
            schedule.longest_delay()
        ),
    };
    let early = max_ahead(config).map_or_else(String::new, |ahead| {
        format!(", and those that are early, as readings may be {ahead} ahead (limits.max_ahead)")
    });
    let remedy = match total > Rings::MAX_WINDOWS {
        true => format!("no more than {} can be kept, so catch up on fewer{because}", Rings::MAX_WINDOWS),
        false => format!("make it at least \"{}\"{because}", window.times(total.into())),
    };
    let why = format!(
        "room for {total} windows of {window} is needed{of_group}: {caught_up}, one that is open{delayed}{early}; \
         store.keep_intervals has room for {}; {remedy}",
        config.rings().windows
    );
    let table = |name: &GroupName| {
        let place = config.groups.iter().position(|one| one.name == *name);
        place.map_or_else(String::new, |place| format!("group[{}].", place + 1))
    };
    let of_group = ["schedule.catch_up", "window.hop", "window.length", "schedule.offset", "schedule.jitter"];
    let of_group = of_group.map(|key| format!("{}{key}", table(name)));
    let of_smallest =
        smallest.iter().flat_map(|one| ["hop", "length"].map(|key| format!("{}window.{key}", table(&one.name))));
    let keys: Vec<_> = of_group.into_iter().chain(of_smallest).collect();
    let keys = std::iter::once("store.keep_intervals").chain(keys.iter().map(String::as_str));
    let inherited = ["schedule.catch_up", "schedule.offset", "schedule.jitter", "limits.max_ahead"];
    notes.rule(&keys.chain(inherited).collect::<Vec<_>>(), why);
}

/// The earlier windows that a model's rows need must still be stored, and a window's rows must fit into memory.
fn features(config: &Config, notes: &mut Notes<'_>) {
    let default = config.default_group();
    for (place, FeatureSettings { sensors, features }) in (1..).zip(&config.features) {
        let group = config.groups.iter().find(|group| group.sensors.covers(sensors)).unwrap_or(&default);
        let bounds = Bounds { cut: group.grid.cut(), windows_back: config.windows_back(group) };
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
    let pause_and_deadline = |group: &GroupSettings| (group.supervision.backoff.max, group.scoring.deadline);
    let of_all = config.default_group();
    let differs = |group: &&GroupSettings| pause_and_deadline(group) != pause_and_deadline(&of_all);
    let own = config.groups.iter().filter(differs).map(|group| ("group", group));
    for (key, group) in own.chain([("supervision.backoff_max", &of_all)]) {
        let (longest, deadline) = pause_and_deadline(group);
        if longest >= deadline {
            let advice = format!(
                "after failures a model of group {} pauses for up to {longest}, which is not shorter than a run may take \
                 (scoring.deadline, {deadline}): it may miss whole runs; make backoff_max shorter",
                group.name
            );
            warn(key, advice);
        }
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
    if config.clock == ClockSource::Event && config.limits.max_ahead.is_some() {
        warn("limits.max_ahead", "nothing is ahead of the event clock, so this is unused; remove it".to_owned());
    }
    warnings.extend(schedule_advice::warnings(config));
    warnings.extend(without_effect::warnings(config));
    warnings
}
