//! `anomalyd conditions`: what is wrong with the sensors themselves, with or without a model.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::{Condition, ConditionKind, Severity};
use crate::cli::pages::each_entry;
use crate::cli::sensors::{minute, parse_pattern};
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::config::Config;
use crate::http::client::quoted;
use crate::sensor_pattern::SensorPattern;

/// Lists the conditions of sensors: which are silent, stuck, sparse, out of their model's range, drifting, or have a wrong
/// clock, since when, and what showed it.
///
/// The running daemon is asked over its local socket. The section conditions of the configuration says when
/// one is raised.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The sensors, as device/sensor with * for any characters; all, if left out
    #[arg(value_parser = parse_pattern)]
    pattern: Option<SensorPattern>,
    /// Only conditions of this kind
    #[arg(long, value_enum)]
    condition: Option<ConditionKind>,
    /// JSON, a line a condition
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Lists the conditions.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let pattern = args.pattern.as_ref().map(|pattern| format!("pattern={}", quoted(&pattern.to_string())));
    let kind = args.condition.map(|kind| format!("condition={}", condition_key(kind)));
    let wanted: Vec<String> = pattern.into_iter().chain(kind).collect();
    let question = match &*wanted {
        [] => "/api/v1/conditions".to_owned(),
        wanted => format!("/api/v1/conditions?{}", wanted.join("&")),
    };
    if args.json {
        let mut out = Output::json();
        return each_entry(&daemon, &question, usize::MAX, |condition: Condition| {
            Ok(writeln!(out, "{}", serde_json::to_string(&condition)?)?)
        });
    }
    let mut table = TextTable::new([
        Column::left("sensor"),
        Column::left("condition"),
        Column::left("since (UTC)"),
        Column::left("what showed it"),
    ]);
    let mut count = 0_u64;
    each_entry(&daemon, &question, usize::MAX, |condition: Condition| {
        count += 1;
        let tint = if condition.severity == Severity::Ok { Tint::None } else { Tint::Warning };
        table.row([
            (&*condition.sensor).into(),
            TableCell::tinted(condition_word(condition.condition), tint),
            minute(condition.since).into(),
            (&*condition.words).into(),
        ]);
        anyhow::Ok(())
    })?;
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    if count == 0 {
        return Ok(writeln!(out, "no condition stands")?);
    }
    Ok(table.write(colours, &mut out)?)
}

/// A condition as it is shown.
pub(crate) fn condition_word(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Silent => "silent",
        ConditionKind::Stuck => "stuck",
        ConditionKind::Sparse => "sparse",
        ConditionKind::OutOfRange => "out of range",
        ConditionKind::Drifting => "drifting",
        ConditionKind::ClockWrong => "clock wrong",
    }
}

/// A condition as the API has it.
fn condition_key(kind: ConditionKind) -> String {
    condition_word(kind).replace(' ', "_")
}

impl clap::ValueEnum for ConditionKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Silent, Self::Stuck, Self::Sparse, Self::OutOfRange, Self::Drifting, Self::ClockWrong]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let name = match self {
            Self::OutOfRange => "out-of-range",
            Self::ClockWrong => "clock-wrong",
            other => condition_word(*other),
        };
        Some(clap::builder::PossibleValue::new(name))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn a_condition_is_asked_for_as_the_api_writes_it() {
        for kind in ConditionKind::value_variants() {
            assert_eq!(serde_json::to_value(kind).unwrap(), condition_key(*kind));
        }
    }
}
