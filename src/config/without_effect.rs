//! Settings that have no effect, or another one than was meant.

use super::Config;
use super::rules::Warning;
use crate::features::Feature;
use crate::ingest::route::RouteSettings;
use crate::ingest::subscription::{overlap, subscriptions};
use crate::sensor_pattern::{NameShape, SensorPattern, Slashes};
use crate::suggest::nearest;

/// Each is compared with each: of a file without end only so many are.
const COMPARED: usize = 500;

/// Warns of such settings.
pub(super) fn warnings(config: &Config) -> Vec<Warning> {
    let mut advice = Vec::new();
    routes(config, &mut advice);
    filters(config, &mut advice);
    features(config, &mut advice);
    groups(config, &mut advice);
    log_targets(&config.log.level, &mut advice);
    advice.into_iter().map(|(key, advice)| Warning { key, advice }).collect()
}

type Advice = Vec<(&'static str, String)>;

fn routes(config: &Config, advice: &mut Advice) {
    const KEY: &str = "mqtt.route";
    let routes = &config.mqtt.routes[..config.mqtt.routes.len().min(COMPARED)];
    for (place, route) in routes.iter().enumerate() {
        let topic = route.topic();
        if let Some(before) = routes[..place].iter().map(RouteSettings::topic).find(|before| before.covers(topic)) {
            let what = format!(
                "the route of \"{topic}\" is never used: that of \"{before}\" stands before it and takes all its topics; \
                 put the narrower one first, or remove it"
            );
            advice.push((KEY, what));
        }
        if let Some(level) = topic.level_with_blanks() {
            let what = format!(
                "the level \"{level}\" of \"{topic}\" begins or ends with a blank, so that it takes only topics that do as \
                 well; remove the blank"
            );
            advice.push((KEY, what));
        }
    }
    if config.mqtt.connect.is_some() {
        copies(routes, advice);
    }
}

/// Warns of subscriptions that overlap while none covers the other: a broker may deliver a message once for each.
fn copies(routes: &[RouteSettings], advice: &mut Advice) {
    let subscriptions = subscriptions(routes.iter().map(RouteSettings::topic));
    for (place, a) in subscriptions.iter().enumerate() {
        for b in subscriptions[..place].iter().filter(|b| overlap(a, b)) {
            let meets = |route: &&RouteSettings| {
                let own = route.topic().subscription();
                !route.has_time() && overlap(&own, a) && overlap(&own, b)
            };
            if let Some(route) = routes.iter().find(meets) {
                let what = format!(
                    "the subscriptions {b} and {a} overlap: some brokers deliver a message once for each, and readings of \
                     \"{}\" have no time of their own, so that each copy counts; choose topics that lie apart, or have \
                     devices send the time",
                    route.topic()
                );
                advice.push(("mqtt.route", what));
            }
        }
    }
}

fn filters(config: &Config, advice: &mut Advice) {
    const KEY: &str = "filter";
    let filters = &config.filters[..config.filters.len().min(COMPARED)];
    for (place, filter) in filters.iter().enumerate() {
        let pattern = &filter.sensors;
        if let Some(before) =
            filters[..place].iter().map(|filter| &filter.sensors).find(|before| before.covers(pattern))
        {
            let what = format!(
                "the filter of \"{pattern}\" is never used: that of \"{before}\" stands before it and fits all its \
                 sensors; put the narrower one first, or remove it"
            );
            advice.push((KEY, what));
        } else if !is_nameable(config, pattern) {
            advice.push((KEY, not_nameable(pattern)));
        }
    }
}

fn is_nameable(config: &Config, pattern: &SensorPattern) -> bool {
    let mut shapes: Vec<NameShape> = Vec::new();
    for shape in config.mqtt.routes.iter().map(RouteSettings::nameable) {
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    shapes.is_empty() || shapes.into_iter().any(|shape| pattern.can_fit(shape))
}

fn not_nameable(pattern: &SensorPattern) -> String {
    format!(
        "\"{pattern}\" fits no sensor that a route can name: {{device}} and {{sensor}} take one level each; mend the \
         pattern, or write {{device...}} in the topic of the route"
    )
}

fn features(config: &Config, advice: &mut Advice) {
    const KEY: &str = "features";
    let routes = &config.mqtt.routes;
    let takes_slashes = routes.iter().any(|route| route.nameable().sensor == Slashes::Any);
    for settings in config.features.iter().take(COMPARED) {
        let pattern = &settings.sensors;
        if !is_nameable(config, pattern) {
            advice.push((KEY, not_nameable(pattern)));
        }
        let named = settings.features.columns().iter().filter_map(|column| match column {
            Feature::Sensor { sensor: Some(sensor), .. } => Some(sensor),
            _ => None,
        });
        let mut unnameable: Vec<_> = named.filter(|sensor| sensor.contains('/') && !takes_slashes).collect();
        unnameable.sort_unstable();
        unnameable.dedup();
        for sensor in unnameable {
            let what = format!(
                "a column for \"{pattern}\" is of the sensor \"{sensor}\", which no route can name: a column's sensor is of \
                 the same device, and {{sensor}} takes one level; write {{sensor...}} in the topic of the route if it has more"
            );
            advice.push((KEY, what));
        }
    }
}

fn groups(config: &Config, advice: &mut Advice) {
    const KEY: &str = "group";
    for (place, group) in config.groups.iter().enumerate() {
        let pattern = &group.sensors;
        if let Some(before) = config.groups[..place].iter().find(|before| before.sensors.covers(pattern)) {
            let what = format!(
                "the group {} takes no sensor: {} stands before it, and its pattern \"{}\" fits all of \"{pattern}\"; put \
                 the narrower one first, or remove it",
                group.name, before.name, before.sensors
            );
            advice.push((KEY, what));
        } else if !is_nameable(config, pattern) {
            advice.push((KEY, not_nameable(pattern)));
        }
    }
}

/// The files that declare modules, each with the path of its own module.
const MODULES: [(&str, &str); 6] = [
    ("", include_str!("../lib.rs")),
    ("actors::", include_str!("../actors/mod.rs")),
    ("ingest::", include_str!("../ingest/mod.rs")),
    ("model::", include_str!("../model/mod.rs")),
    ("store::", include_str!("../store/mod.rs")),
    ("telemetry::", include_str!("../telemetry/mod.rs")),
];

/// Warns of log directives for modules that do not exist: they match nothing, and the log filter does not say so.
fn log_targets(level: &str, advice: &mut Advice) {
    const CRATE: &str = "anomalyd";
    let modules: Vec<String> = MODULES.iter().flat_map(|(path, text)| modules(path, text)).collect();
    for directive in level.split(',').map(str::trim) {
        let target = directive.split(['=', '[']).next().unwrap_or_default().trim();
        if target == directive || target.is_empty() {
            continue;
        }
        let (name, below) = target.split_once("::").unwrap_or((target, ""));
        if name != CRATE {
            if nearest(name, [CRATE]).is_some() {
                let what = format!(
                    "\"{target}\" is no part of the daemon: its parts begin with {CRATE}, as in {CRATE}::store"
                );
                advice.push(("log.level", what));
            }
            continue;
        }
        // The beginning of a name matches too. Modules below one of which only the name is known cannot be checked.
        let is_listed = |module: &str| MODULES.iter().any(|(path, _)| path.strip_suffix("::") == Some(module));
        let fits = |module: &String| {
            let is_below = below.strip_prefix(module.as_str()).is_some_and(|rest| rest.starts_with("::"));
            module.starts_with(below) || (is_below && !is_listed(module))
        };
        if !modules.iter().any(fits) {
            let meant = match nearest(below, modules.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean {CRATE}::{meant}?"),
                None => {
                    let parts: Vec<&str> =
                        modules.iter().map(String::as_str).filter(|part| !part.contains("::")).collect();
                    format!("the parts are {}", parts.join(", "))
                }
            };
            advice
                .push(("log.level", format!("there is no part \"{target}\", so that its level does nothing; {meant}")));
        }
    }
}

/// The modules that a file declares.
fn modules<'f>(path: &'f str, text: &'f str) -> impl Iterator<Item = String> + 'f {
    text.lines().filter_map(move |line| {
        let declared = ["pub mod ", "pub(crate) mod ", "pub(super) mod ", "mod "];
        let name = declared.iter().find_map(|words| line.strip_prefix(words))?.strip_suffix(';')?;
        Some(format!("{path}{name}"))
    })
}
