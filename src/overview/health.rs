//! What the state of daemon and plant comes to: the sentence of the banner, and each problem, the worst first.

mod conditions;

use std::cmp::Reverse;

use super::HealthFacts;
use crate::answers::{
    ConfigurationState, Health, Problem, ProblemKind, Sensor, SensorCounts, SensorState, Severity, SinkState,
};
use crate::time::{Span, Timestamp};
use conditions::conditions;

/// A problem, and a few words for it in the sentence of the banner.
struct Finding {
    problem: Problem,
    short: String,
}

/// The longest name of a sensor in the sentence, in characters; of a longer one the end is left out.
const LONGEST_NAME: usize = 28;
/// How many sensors the words of a problem name.
const MOST_NAMED: usize = 3;
/// A disk that will be full within this time is a problem.
const FULL_SOON: Span = Span::from_secs(7 * 86_400);
/// A disk that will be full within this time will soon keep the daemon from its work.
const FULL_AT_ONCE: Span = Span::from_secs(86_400);
/// So many rejects in ten minutes are many, when they are also one in [`MANY_REJECTS_ONE_IN`] inputs.
const MANY_REJECTS: u64 = 10;
const MANY_REJECTS_ONE_IN: u64 = 20;
/// A sink that is behind by one run may have been about to take it.
const RUNS_BEHIND: u64 = 2;

/// What the facts come to.
pub fn health(facts: &HealthFacts) -> Health {
    let mut findings: Vec<Finding> = [
        disk(facts),
        broker(facts),
        clock(facts),
        sensors(facts, SensorState::Anomalous),
        sensors(facts, SensorState::Failed),
        quarantined(facts),
        hung_threads(facts),
        unusable_models(facts),
        windows_skipped(facts),
        rejecting(facts),
        configuration(facts),
        store(facts),
    ]
    .into_iter()
    .flatten()
    .chain(conditions(facts))
    .chain(sinks(facts))
    .collect();
    findings.sort_by_key(|Finding { problem, .. }| (Reverse(problem.severity), problem.kind));
    Health {
        severity: findings.first().map_or(Severity::Ok, |worst| worst.problem.severity),
        sentence: sentence(facts.sensors, &findings),
        problems: findings.into_iter().map(|finding| finding.problem).collect(),
    }
}

/// All in one sentence: how many sensors are healthy, and the worst problem. What keeps the daemon from its work comes
/// first.
fn sentence(sensors: SensorCounts, findings: &[Finding]) -> String {
    let healthy = healthy(sensors);
    let Some((worst, others)) = findings.split_first() else {
        return capital(&format!("{healthy}{}", others_than_healthy(sensors)));
    };
    let more = match others.len() {
        0 => String::new(),
        1 => "; 1 more problem".to_owned(),
        others => format!("; {others} more problems"),
    };
    let (first, second) = match worst.problem.severity {
        Severity::Error => (&worst.short, &healthy),
        Severity::Warning | Severity::Ok => (&healthy, &worst.short),
    };
    capital(&format!("{first}; {second}{more}"))
}

/// How many of the sensors with a model are healthy.
fn healthy(counts: SensorCounts) -> String {
    let SensorCounts { known, with_model, healthy, waiting, .. } = counts;
    match (known, with_model) {
        (0, _) => return "no sensor has sent a reading yet".to_owned(),
        (1, 0) => return "the one sensor has no model".to_owned(),
        (_, 0) => return format!("none of {} sensors has a model", grouped(known)),
        _ => {}
    }
    let of = if with_model == known { "" } else { " with a model" };
    if waiting == with_model {
        return match waiting {
            1 => format!("the one sensor{of} waits for its first run"),
            _ => format!("all {} sensors{of} wait for their first run", grouped(waiting)),
        };
    }
    match (healthy, with_model) {
        (1, 1) => format!("the one sensor{of} is healthy"),
        (0, 1) => format!("the one sensor{of} is not healthy"),
        (0, _) => format!("none of {} sensors{of} is healthy", grouped(with_model)),
        (1, _) => format!("1 of {} sensors{of} is healthy", grouped(with_model)),
        _ if healthy == with_model => format!("all {} sensors{of} are healthy", grouped(healthy)),
        _ => format!("{} of {} sensors{of} are healthy", grouped(healthy), grouped(with_model)),
    }
}

/// Where the other sensors are when there is no problem: they have too few readings, or no verdict yet.
fn others_than_healthy(SensorCounts { with_model, sparse, waiting, .. }: SensorCounts) -> String {
    let has = |count| if count == 1 { "has" } else { "have" };
    let waits = |count| if count == 1 { "waits" } else { "wait" };
    match (sparse, waiting) {
        (0, 0) => String::new(),
        (_, 0) => format!(", {} {} too few readings", grouped(sparse), has(sparse)),
        // That all wait was said.
        _ if waiting == with_model => String::new(),
        _ => format!(", {} {} for a first run", grouped(waiting), waits(waiting)),
    }
}

/// The sensors in a state that is a problem.
fn sensors(facts: &HealthFacts, state: SensorState) -> Option<Finding> {
    let in_state: Vec<&Sensor> = facts.unhealthy.iter().filter(|sensor| sensor.state == state).collect();
    let (kind, count, listed) = match state {
        SensorState::Anomalous => (ProblemKind::Anomalous, facts.sensors.anomalous, in_state),
        // A sensor whose model is at fault is told of with the models.
        _ => {
            let (of_models, others): (Vec<_>, Vec<_>) =
                in_state.into_iter().partition(|sensor| has_bad_model(facts, &sensor.name));
            (ProblemKind::ScoringFailed, facts.sensors.failed.saturating_sub(of_models.len() as u64), others)
        }
    };
    if count == 0 {
        return None;
    }
    let one = listed.first().filter(|_| count == 1);
    let earliest = listed.iter().filter_map(|sensor| sensor.since).min();
    let since_words = earliest.map_or(String::new(), |since| format!(" since {}", moment(since, facts.now)));
    let does = match (kind, count) {
        (ProblemKind::Anomalous, 1) => "has been anomalous",
        (ProblemKind::Anomalous, _) => "are anomalous",
        (..) => "could not be scored",
    };
    let (subject, since_words) = match one {
        Some(sensor) => (shortened(&sensor.name), since_words),
        None => (sensors_in_words(count), if count == 1 { since_words } else { String::new() }),
    };
    let short = format!("{subject} {does}{since_words}");
    let reason = one.and_then(|sensor| reason(sensor)).map_or(String::new(), |reason| format!(": {reason}"));
    let words = match one {
        Some(sensor) => format!("{} {does}{since_words}{reason}", sensor.name),
        None => {
            let names: Vec<&str> = listed.iter().map(|sensor| sensor.name.as_str()).collect();
            format!("{short}{}", named(&names, count))
        }
    };
    let problem = Problem {
        kind,
        severity: Severity::Warning,
        words,
        since: earliest,
        count,
        sensor: one.map(|sensor| sensor.name.clone()),
    };
    Some(Finding { problem, short })
}

/// Why a sensor is as it is, as far as its last verdict tells.
fn reason(sensor: &Sensor) -> Option<String> {
    let verdict = sensor.verdict.as_ref()?;
    match sensor.state {
        SensorState::Anomalous => verdict.explanation.as_ref().map(|explanation| explanation.words.clone()),
        SensorState::Failed => verdict.reason.clone(),
        _ => None,
    }
}

fn has_bad_model(facts: &HealthFacts, sensor: &str) -> bool {
    let is_quarantined = facts.quarantined.iter().any(|quarantined| quarantined == sensor);
    is_quarantined || facts.unusable_models.iter().any(|(unusable, _)| unusable == sensor)
}

/// `: a, b, c and 4 more`.
fn named(names: &[&str], count: u64) -> String {
    list_of(&names[..names.len().min(MOST_NAMED)], count)
}

fn list_of(names: &[&str], count: u64) -> String {
    let more = count.saturating_sub(names.len() as u64);
    match (names, more) {
        ([], _) => String::new(),
        ([one], 0) => format!(": {one}"),
        ([first @ .., last], 0) => format!(": {} and {last}", first.join(", ")),
        (all, more) => format!(": {} and {} more", all.join(", "), grouped(more)),
    }
}

fn disk(facts: &HealthFacts) -> Option<Finding> {
    if facts.is_disk_full {
        let words =
            "the disk is full, and readings wait; nothing that was acknowledged is lost: make room on the disk, \
                     or lower store.max_size"
                .to_owned();
        return Some(plain(ProblemKind::DiskFull, Severity::Error, words, "the disk is full, and readings wait"));
    }
    let full_at = facts.disk.full_at.filter(|full_at| *full_at < facts.now + FULL_SOON)?;
    let severity = if full_at < facts.now + FULL_AT_ONCE { Severity::Error } else { Severity::Warning };
    let short = format!("the disk will be full by {}", moment(full_at, facts.now));
    let words = format!("{short} at the pace of now; make room on it, or lower store.max_size");
    Some(plain(ProblemKind::DiskNearlyFull, severity, words, &short))
}

fn broker(facts: &HealthFacts) -> Option<Finding> {
    let broker = facts.broker.as_ref().filter(|broker| !broker.is_up)?;
    let since = broker.since.map_or(String::new(), |since| format!(" since {}", moment(since, facts.now)));
    let short = format!("the broker has been out of reach{since}");
    let why = broker.problem.as_ref().map_or(String::new(), |problem| format!(": {problem}"));
    let words = format!("the broker {} has been out of reach{since}{why}", broker.address);
    let mut finding = plain(ProblemKind::BrokerAway, Severity::Error, words, &short);
    finding.problem.since = broker.since;
    Some(finding)
}

fn clock(facts: &HealthFacts) -> Option<Finding> {
    if facts.clock.is_trusted {
        return None;
    }
    let waiting = match facts.clock.held_readings {
        0 => String::new(),
        1 => ", and 1 reading waits".to_owned(),
        held => format!(", and {} readings wait", grouped(held)),
    };
    let short = format!("the clock is not believed{waiting}");
    let words = format!("{short}: {}", facts.clock.words);
    Some(plain(ProblemKind::ClockDoubted, Severity::Error, words, &short))
}

/// What has a quarantined model tried again.
const TRIED_AGAIN: &str = "put another file in its place, or have it tried again as it is (`anomalyd models release`); by \
                           itself it is tried again after supervision.release_after";

fn quarantined(facts: &HealthFacts) -> Option<Finding> {
    let names: Vec<&str> = facts.quarantined.iter().map(String::as_str).collect();
    let count = names.len() as u64;
    let (short, words, sensor) = match *names {
        [] => return None,
        [sensor] => {
            let words = format!(
                "the model of {sensor} failed too often and is not tried any more; `anomalyd models` has the reason: \
                 {TRIED_AGAIN}"
            );
            (format!("the model of {} failed too often", shortened(sensor)), words, Some(sensor.to_owned()))
        }
        [..] => {
            let short = format!("{} models failed too often", grouped(count));
            let names = list_of(&names[..names.len().min(MOST_NAMED)], count);
            let words = format!("{short} and are not tried any more: {TRIED_AGAIN}{names}");
            (short.clone(), words, None)
        }
    };
    let problem =
        Problem { kind: ProblemKind::Quarantined, severity: Severity::Warning, words, since: None, count, sensor };
    Some(Finding { problem, short })
}

fn hung_threads(facts: &HealthFacts) -> Option<Finding> {
    let short = match facts.hung_threads {
        0 => return None,
        1 => "1 thread hangs at a model that does not end".to_owned(),
        hung => format!("{} threads hang at models that do not end", grouped(hung)),
    };
    let words = format!(
        "{short} within scoring.sensor_deadline, and more than scoring.hung_threads are not replaced; `anomalyd status \
         --tree` shows which models were given up: put other files in their places, or raise scoring.sensor_deadline"
    );
    let mut finding = plain(ProblemKind::ThreadsHung, Severity::Warning, words, &short);
    finding.problem.count = facts.hung_threads;
    Some(finding)
}

fn unusable_models(facts: &HealthFacts) -> Option<Finding> {
    let count = facts.unusable_models.len() as u64;
    let (short, words, sensor) = match &*facts.unusable_models {
        [] => return None,
        [(sensor, why)] => (
            format!("the model file of {} cannot be used", shortened(sensor)),
            format!("the model file of {sensor} cannot be used: {why}"),
            Some(sensor.clone()),
        ),
        several => {
            let short = format!("{} model files cannot be used", grouped(count));
            let names: Vec<&str> = several.iter().take(MOST_NAMED).map(|(sensor, _)| sensor.as_str()).collect();
            (short.clone(), format!("{short}; the list of models says why{}", list_of(&names, count)), None)
        }
    };
    let problem =
        Problem { kind: ProblemKind::ModelUnusable, severity: Severity::Warning, words, since: None, count, sensor };
    Some(Finding { problem, short })
}

fn sinks(facts: &HealthFacts) -> impl Iterator<Item = Finding> {
    let behind = |sink: &&crate::answers::Sink| sink.state == SinkState::Behind && sink.runs_behind >= RUNS_BEHIND;
    facts.sinks.iter().filter(behind).map(|sink| {
        let short = format!("the sink {} is {} runs behind", sink.name, grouped(sink.runs_behind));
        let taken = sink.taken_until.map_or(String::new(), |until| {
            format!("; it has taken what was scored until {}", moment(until, facts.now))
        });
        let words = format!("{short}{taken}; the log says what keeps it");
        let mut finding = plain(ProblemKind::SinkBehind, Severity::Warning, words, &short);
        finding.problem.count = sink.runs_behind;
        finding
    })
}

fn windows_skipped(facts: &HealthFacts) -> Option<Finding> {
    let short = match facts.windows_skipped {
        0 => return None,
        1 => "1 window was never scored".to_owned(),
        skipped => format!("{} windows were never scored", grouped(skipped)),
    };
    let words = format!("{short}; anomalyd schedule says which, and why");
    let mut finding = plain(ProblemKind::WindowsSkipped, Severity::Warning, words, &short);
    finding.problem.count = facts.windows_skipped;
    Some(finding)
}

fn rejecting(facts: &HealthFacts) -> Option<Finding> {
    let HealthFacts { rejects_lately: rejects, readings_lately: readings, .. } = *facts;
    let inputs = readings.saturating_add(rejects);
    if rejects < MANY_REJECTS || rejects < inputs / MANY_REJECTS_ONE_IN {
        return None;
    }
    let short = format!("{} inputs were rejected in the last ten minutes", grouped(rejects));
    let words = format!(
        "{} of {} inputs of the last ten minutes were rejected; the list of rejects says why",
        grouped(rejects),
        grouped(inputs)
    );
    let mut finding = plain(ProblemKind::Rejecting, Severity::Warning, words, &short);
    finding.problem.count = rejects;
    Some(finding)
}

fn configuration(facts: &HealthFacts) -> Option<Finding> {
    let (short, what_to_do) = match facts.configuration {
        ConfigurationState::InForce => return None,
        ConfigurationState::Changed => ("the configuration's file was changed", "a restart puts it in force"),
        ConfigurationState::Invalid => {
            ("the configuration's file has mistakes", "the next start would fail; `anomalyd check` says what they are")
        }
        ConfigurationState::Unreadable => ("the configuration's file cannot be read", "the next start would fail"),
    };
    let words = format!("{short}; {what_to_do}");
    Some(plain(ProblemKind::ConfigurationChanged, Severity::Warning, words, short))
}

fn store(facts: &HealthFacts) -> Option<Finding> {
    let entries = match facts.entries_lost {
        0 => None,
        1 => Some("1 entry of the store could not be read".to_owned()),
        lost => Some(format!("{} entries of the store could not be read", grouped(lost))),
    };
    let stores = match facts.stores_set_aside {
        0 => None,
        1 => Some("1 damaged store was set aside".to_owned()),
        stores => Some(format!("{} damaged stores were set aside", grouped(stores))),
    };
    let short = stores.clone().or(entries.clone())?;
    let both: Vec<String> = stores.into_iter().chain(entries).collect();
    let words = format!("{}; the log and `anomalyd store check` say what was lost", both.join(", and "));
    let mut finding = plain(ProblemKind::StoreDamaged, Severity::Warning, words, &short);
    finding.problem.count = facts.entries_lost.saturating_add(facts.stores_set_aside);
    Some(finding)
}

/// A problem of no sensor in particular.
fn plain(kind: ProblemKind, severity: Severity, words: String, short: &str) -> Finding {
    let problem = Problem { kind, severity, words, since: None, count: 1, sensor: None };
    Finding { problem, short: short.to_owned() }
}

fn sensors_in_words(count: u64) -> String {
    if count == 1 { "1 sensor".to_owned() } else { format!("{} sensors", grouped(count)) }
}

/// A time for people, in UTC: with its day when it is further than twenty hours from now.
fn moment(time: Timestamp, now: Timestamp) -> String {
    let distance = now.since(time).max(time.since(now));
    let is_near = distance < Span::from_secs(20 * 3600);
    time.format(if is_near { "%H:%M UTC" } else { "%-d %b %H:%M UTC" })
}

/// A name of which the sentence has room.
fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// A number with commas: `100,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn capital(sentence: &str) -> String {
    // A sensor's name keeps its letters; no sentence begins with one.
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
