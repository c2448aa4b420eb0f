//! `anomalyd sensors`: the sensors, each with its state, its newest reading and its last verdict.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::{List, Sensor, SensorState, Verdict};
use crate::cli::arguments::parse_group;
use crate::cli::conditions::condition_word;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::config::Config;
use crate::group::GroupName;
use crate::http::client::{DaemonClient, quoted};
use crate::sensor_pattern::{PatternError, SensorPattern};
use crate::time::Timestamp;
use crate::verdict::significant;

/// Lists the sensors: how each is, when it was last heard of, and what its model said last.
///
/// The running daemon is asked over its local socket.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The sensors, as device/sensor with * for any characters; all, if left out
    #[arg(value_parser = parse_pattern)]
    pattern: Option<SensorPattern>,
    /// Only sensors in this group
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    group: Option<GroupName>,
    /// Only sensors in this state
    #[arg(long, value_enum)]
    state: Option<SensorState>,
    /// JSON, a line a sensor
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// How many sensors one question asks for: its answer is read whole.
const PAGE: usize = 200;

pub(crate) fn parse_pattern(text: &str) -> Result<SensorPattern, PatternError> {
    SensorPattern::parse(text)
}

/// Lists the sensors.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let mut question = format!("/api/v1/sensors?limit={PAGE}");
    if let Some(pattern) = &args.pattern {
        question.push_str(&format!("&pattern={}", quoted(&pattern.to_string())));
    }
    if let Some(group) = &args.group {
        question.push_str(&format!("&group={}", quoted(group.as_str())));
    }
    if let Some(state) = args.state {
        question.push_str(&format!("&state={}", state_key(state)));
    }
    if args.json {
        let mut out = Output::json();
        return each_sensor(&daemon, &question, |sensor| Ok(writeln!(out, "{}", serde_json::to_string(&sensor)?)?));
    }
    let mut table = TextTable::new([
        Column::left("sensor"),
        Column::left("state"),
        Column::left("since (UTC)"),
        Column::left("last seen (UTC)"),
        Column::right("value"),
        Column::right("score"),
        Column::left("last verdict"),
    ]);
    let mut count = 0_u64;
    each_sensor(&daemon, &question, |sensor| {
        count += 1;
        table.row(row(&sensor));
        Ok(())
    })?;
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    if count == 0 {
        return Ok(writeln!(out, "no sensor fits")?);
    }
    Ok(table.write(colours, &mut out)?)
}

/// Hands over each sensor of a list, page by page.
fn each_sensor(
    daemon: &DaemonClient,
    question: &str,
    mut each: impl FnMut(Sensor) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let List { items, next, .. } = daemon.get(&format!("{question}{after}"))?.json::<List<Sensor>>()?;
        items.into_iter().try_for_each(&mut each)?;
        let Some(next) = next else { return Ok(()) };
        after = format!("&after={}", quoted(&next));
    }
}

fn row(sensor: &Sensor) -> [TableCell; 7] {
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, minute);
    let (word, tint) = state_word(sensor.state);
    let verdict = sensor.verdict.as_ref();
    [
        (&*sensor.name).into(),
        TableCell::tinted(state_and_conditions(word, sensor), tint),
        time(sensor.since).into(),
        time(sensor.last_seen).into(),
        sensor.last_value.map_or_else(String::new, significant).into(),
        verdict.and_then(|verdict| verdict.score).map_or_else(String::new, |score| format!("{score:.2}")).into(),
        verdict.map_or_else(String::new, said).into(),
    ]
}

/// `healthy, stuck`: a state with the conditions beside it.
fn state_and_conditions(state: &str, sensor: &Sensor) -> String {
    let beside = sensor.conditions.iter().map(|condition| condition_word(condition.condition));
    std::iter::once(state).chain(beside.filter(|word| *word != state)).collect::<Vec<_>>().join(", ")
}

/// What a verdict says, in few words.
pub(crate) fn said(verdict: &Verdict) -> String {
    match (&verdict.reason, &verdict.explanation) {
        (Some(reason), _) => reason.clone(),
        (None, Some(explanation)) => explanation.words.clone(),
        (None, None) if verdict.anomalies > 0 => {
            format!("{} of {} intervals are anomalies", verdict.anomalies, verdict.intervals)
        }
        (None, None) => String::new(),
    }
}

/// A time in UTC, to the minute.
pub(crate) fn minute(time: Timestamp) -> String {
    time.format("%Y-%m-%d %H:%M")
}

/// A state as it is shown, and its colour.
pub(crate) fn state_word(state: SensorState) -> (&'static str, Tint) {
    match state {
        SensorState::Anomalous => ("anomalous", Tint::Bad),
        SensorState::Failed => ("failed", Tint::Bad),
        SensorState::Silent => ("silent", Tint::Warning),
        SensorState::Sparse => ("sparse", Tint::Warning),
        SensorState::Healthy => ("healthy", Tint::Good),
        SensorState::Waiting => ("waiting", Tint::None),
        SensorState::NoModel => ("no model", Tint::Faint),
    }
}

/// A state as the API has it.
fn state_key(state: SensorState) -> &'static str {
    match state {
        SensorState::NoModel => "no_model",
        other => state_word(other).0,
    }
}

impl clap::ValueEnum for SensorState {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Anomalous, Self::Failed, Self::Silent, Self::Sparse, Self::Healthy, Self::Waiting, Self::NoModel]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let name = match self {
            Self::NoModel => "no-model",
            other => state_word(*other).0,
        };
        Some(clap::builder::PossibleValue::new(name))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn a_state_is_asked_for_as_the_api_writes_it() {
        for state in SensorState::value_variants() {
            assert_eq!(serde_json::to_value(state).unwrap(), state_key(*state));
        }
    }
}
