//! `anomalyd verdicts`: what the models said, the newest first.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::answers::{List, Outcome, Verdict};
use crate::cli::arguments::parse_group;
use crate::cli::sensors::{minute, parse_pattern, said};
use crate::cli::store_access::StoreAccess;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::cli::time_bound::{TimeBound, now_of, parse_bound};
use crate::config::Config;
use crate::daemon::settings::Settings;
use crate::group::GroupName;
use crate::http::client::{DaemonClient, quoted};
use crate::overview::{StoredVerdicts, TimeRange, VerdictCursor, VerdictSelection, WantedAnomalies, WantedSensors};
use crate::sensor::SensorDirectory;
use crate::sensor_pattern::SensorPattern;
use crate::store::Reader;
use crate::time::Timestamp;

/// Lists what the models said, the newest first.
///
/// The running daemon is asked over its local socket; when none runs, a copy of its store is read.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The sensors, as device/sensor with * for any characters; all, if left out
    #[arg(value_parser = parse_pattern)]
    pattern: Option<SensorPattern>,
    /// Only verdicts of runs of this group
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    group: Option<GroupName>,
    /// Windows that end behind this time: such as 2018-08-28T23:00:00Z, 2018-08-28 (UTC), or -24h for that long ago
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_bound)]
    since: Option<TimeBound>,
    /// Windows that begin before this time, written as for --since
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_bound)]
    until: Option<TimeBound>,
    /// Only verdicts with anomalies
    #[arg(long)]
    anomalous: bool,
    /// Only verdicts with this outcome
    #[arg(long, value_enum)]
    outcome: Option<Outcome>,
    /// JSON, a line a verdict
    #[arg(long)]
    json: bool,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// How many verdicts one question asks for: its answer is read whole.
const PAGE: usize = 100;

/// Lists the verdicts.
///
/// # Errors
/// When neither the daemon nor its store can be asked, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::read(&args.config)?;
    let mut verdicts = Vec::new();
    match StoreAccess::of(&config)? {
        StoreAccess::Daemon(daemon) => args.ask(&daemon, &mut verdicts)?,
        StoreAccess::Copy(reader) => {
            // A failure is ignored: the note is no part of the list.
            let _ = writeln!(io::stderr(), "note: no daemon runs; this is what its store holds");
            args.read(&config, &reader, &mut verdicts)?;
        }
    }
    if args.json {
        let mut out = Output::json();
        return verdicts.iter().try_for_each(|verdict| Ok(writeln!(out, "{}", serde_json::to_string(verdict)?)?));
    }
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    if verdicts.is_empty() {
        return Ok(writeln!(out, "no verdict fits; without --since, those of the last day are looked through")?);
    }
    Ok(table(&verdicts).write(colours, &mut out)?)
}

impl Args {
    /// Asks the daemon, page by page.
    fn ask(&self, daemon: &DaemonClient, verdicts: &mut Vec<Verdict>) -> anyhow::Result<()> {
        let mut question = format!("/api/v1/verdicts?anomalous={}", self.anomalous);
        let now = now_of(daemon, [self.since, self.until])?;
        for (name, bound) in [("since", self.since), ("until", self.until)] {
            if let Some(bound) = bound {
                question.push_str(&format!("&{name}={}", quoted(&bound.time(now).to_string())));
            }
        }
        if let Some(pattern) = &self.pattern {
            question.push_str(&format!("&pattern={}", quoted(&pattern.to_string())));
        }
        if let Some(group) = &self.group {
            question.push_str(&format!("&group={}", quoted(group.as_str())));
        }
        if let Some(outcome) = self.outcome {
            question.push_str(&format!("&outcome={}", outcome_word(outcome)));
        }
        let mut after = String::new();
        while verdicts.len() < self.limit {
            let limit = PAGE.min(self.limit - verdicts.len());
            let page: List<Verdict> = daemon.get(&format!("{question}&limit={limit}{after}"))?.json()?;
            verdicts.extend(page.items);
            let Some(next) = page.next else { break };
            after = format!("&after={}", quoted(&next));
        }
        Ok(())
    }

    /// Reads a copy of the store.
    fn read(&self, config: &Config, reader: &Reader, verdicts: &mut Vec<Verdict>) -> anyhow::Result<()> {
        let sensors = SensorDirectory::new(Settings::of(config).max_sensors, reader.sensors()?);
        let stored = StoredVerdicts { reader, sensors: &sensors };
        let now = Timestamp::now();
        let wanted = VerdictSelection {
            sensors: self.pattern.clone().map_or(WantedSensors::All, WantedSensors::Fitting),
            group: self.group.clone(),
            range: TimeRange {
                since: self.since.map_or(Timestamp::MIN, |bound| bound.time(now)),
                until: self.until.map_or(Timestamp::MAX, |bound| bound.time(now)),
            },
            outcome: self.outcome,
            anomalies: if self.anomalous { WantedAnomalies::Some } else { WantedAnomalies::Any },
        };
        let mut after = None;
        while verdicts.len() < self.limit {
            let page = stored.list(&wanted, after, self.limit - verdicts.len())?;
            verdicts.extend(page.items);
            after = page.next.as_deref().and_then(VerdictCursor::parse);
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }
}

fn table(verdicts: &[Verdict]) -> TextTable {
    let mut table = TextTable::new([
        Column::left("window (UTC)"),
        Column::left("sensor"),
        Column::left("outcome"),
        Column::right("anomalies"),
        Column::right("score"),
        Column::left("why"),
    ]);
    for verdict in verdicts {
        let anomalies = match verdict.outcome {
            Outcome::Scored => format!("{} of {}", verdict.anomalies, verdict.intervals),
            _ => String::new(),
        };
        table.row([
            minute(verdict.window.start).into(),
            (&*verdict.sensor).into(),
            TableCell::tinted(outcome_word(verdict.outcome).replace('_', " "), tint(verdict)),
            anomalies.into(),
            verdict.score.map_or_else(String::new, |score| format!("{score:.2}")).into(),
            said(verdict).into(),
        ]);
    }
    table
}

/// The colour of a verdict.
fn tint(verdict: &Verdict) -> Tint {
    match verdict.outcome {
        Outcome::Scored if verdict.anomalies > 0 => Tint::Bad,
        Outcome::Scored => Tint::Good,
        Outcome::NoData | Outcome::TooLittleData => Tint::Warning,
        Outcome::Failed | Outcome::TimedOut | Outcome::Quarantined | Outcome::Unproven => Tint::Bad,
    }
}

/// An outcome as the API has it.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Scored => "scored",
        Outcome::NoData => "no_data",
        Outcome::TooLittleData => "too_little_data",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed_out",
        Outcome::Quarantined => "quarantined",
        Outcome::Unproven => "unproven",
    }
}

impl clap::ValueEnum for Outcome {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Scored,
            Self::NoData,
            Self::TooLittleData,
            Self::Failed,
            Self::TimedOut,
            Self::Quarantined,
            Self::Unproven,
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let name = match self {
            Self::NoData => "no-data",
            Self::TooLittleData => "too-little-data",
            Self::TimedOut => "timed-out",
            other => outcome_word(*other),
        };
        Some(clap::builder::PossibleValue::new(name))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn an_outcome_is_asked_for_as_the_api_writes_it() {
        for outcome in Outcome::value_variants() {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome_word(*outcome));
        }
    }
}
