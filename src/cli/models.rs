//! `anomalyd models`: which models are at work, since when, proven or not, and with which warnings; `models release`.

use std::io::Write;
use std::path::PathBuf;

use crate::answers::{Model, ModelState, Released};
use crate::cli::pages::each_entry;
use crate::cli::sensors::{minute, parse_pattern};
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::config::Config;
use crate::http::client::quoted;
use crate::printable::Printable;
use crate::sensor_pattern::SensorPattern;

/// Lists the models: whether they are at work, since when, whether they are proven, and what is odd about them.
///
/// The running daemon is asked over its local socket. `anomalyd reload` has it look at the model files.
#[derive(clap::Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    /// Has models tried again that failed: from a pause, or from quarantine
    ///
    /// Those that were quarantined are on probation: the next failure quarantines them again, and the next scored window
    /// ends that. The exit code is 0 also when there is none to release.
    Release(ReleaseArgs),
}

#[derive(clap::Args, Clone, Debug)]
struct ReleaseArgs {
    /// The sensors, as device/sensor with * for any characters
    #[arg(value_parser = parse_pattern)]
    pattern: SensorPattern,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

#[derive(clap::Args, Clone, Debug)]
struct ListArgs {
    /// The sensors, as device/sensor with * for any characters; all, if left out
    #[arg(value_parser = parse_pattern)]
    pattern: Option<SensorPattern>,
    /// JSON, a line a model
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Lists the models, or releases some.
///
/// # Errors
/// When no daemon answers, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        None => list(&args.list),
        Some(Command::Release(args)) => release(args),
    }
}

fn release(args: &ReleaseArgs) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let path = format!("/api/v1/models/release?pattern={}", quoted(&args.pattern.to_string()));
    let Released { released } = daemon.post(&path, Vec::new())?.json()?;
    let words = match released {
        0 => format!("no model of {} is paused or quarantined", args.pattern),
        1 => "1 model is tried again".to_owned(),
        more => format!("{more} models are tried again"),
    };
    Ok(writeln!(Output::text(Colours::of_stdout()), "{}", Printable(words))?)
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let pattern = args.pattern.as_ref().map(|pattern| format!("?pattern={}", quoted(&pattern.to_string())));
    let question = format!("/api/v1/models{}", pattern.unwrap_or_default());
    if args.json {
        let mut out = Output::json();
        return each_entry(&daemon, &question, usize::MAX, |model: Model| {
            Ok(writeln!(out, "{}", serde_json::to_string(&model)?)?)
        });
    }
    let mut table = TextTable::new([
        Column::left("sensor"),
        Column::left("state"),
        Column::left("since (UTC)"),
        Column::left("detector"),
        Column::left("proven"),
        Column::left("hash"),
        Column::left("file"),
    ]);
    let mut remarks = Vec::new();
    each_entry(&daemon, &question, usize::MAX, |model: Model| {
        table.row(row(&model));
        let trouble = model.trouble.iter().map(|trouble| (Tint::Bad, &trouble.reason));
        let problem = model.problem.iter().map(|problem| (Tint::Bad, problem));
        let warnings = model.warnings.iter().map(|warning| (Tint::Warning, warning));
        remarks.extend(
            trouble
                .chain(problem)
                .chain(warnings)
                .map(|(tint, words)| (tint, model.sensor.clone(), Printable(words).to_string())),
        );
        anyhow::Ok(())
    })?;
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    table.write(colours, &mut out)?;
    for (number, (tint, sensor, words)) in remarks.into_iter().enumerate() {
        let gap = if number == 0 { "\n" } else { "" };
        writeln!(out, "{gap}{}: {words}", colours.paint(tint, &Printable(sensor).to_string()))?;
    }
    Ok(())
}

fn row(model: &Model) -> [TableCell; 7] {
    let (state, tint) = match model.state {
        ModelState::AtWork => ("at work", Tint::Good),
        ModelState::AtWorkNewerRefused => ("at work, newer file refused", Tint::Warning),
        ModelState::Paused => ("paused after a failure", Tint::Warning),
        ModelState::Probation => ("on probation", Tint::Warning),
        ModelState::Quarantined => ("quarantined", Tint::Bad),
        ModelState::Unusable => ("unusable", Tint::Bad),
    };
    let text = |text: &Option<String>| TableCell::from(text.as_deref().unwrap_or_default());
    [
        (&*model.sensor).into(),
        TableCell::tinted(state, tint),
        model.since.map_or_else(String::new, minute).into(),
        text(&model.detector),
        if model.is_proven == Some(true) { "yes" } else { "no" }.into(),
        model.hash.as_ref().map_or_else(String::new, |hash| hash.chars().take(12).collect()).into(),
        text(&model.file),
    ]
}
