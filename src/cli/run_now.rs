//! `anomalyd run-now`: has the running daemon score windows again, with the models of today, and tells what differs.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::answers::{ChangedSensor, Comparison, NewRunOrder, OrderState, RunOrder};
use crate::cli::progress::waiting_line;
use crate::cli::status::window;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Column, Output, TableCell, TextTable, Tint};
use crate::cli::time_bound::{TimeBound, now_of, parse_bound};
use crate::config::Config;
use crate::http::client::DaemonClient;
use crate::printable::Printable;

/// Has windows that were scored be scored again, with the models of today, and tells how the anomalies differ from those
/// that stand.
///
/// The running daemon does it, one window after the other, whenever no run is due. The verdicts become the next revision of
/// their windows; those of a dry run are compared and dropped. When this command is ended, the daemon goes on; `--cancel`
/// ends it.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Only the windows and sensors of a group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Only sensors that fit a pattern, such as press-1/*
    #[arg(long, value_name = "PATTERN")]
    sensor: Option<String>,
    /// The windows that lie whole between two times, such as -6h.. or 2026-03-01T08:00..2026-03-01T12:00; the last one of
    /// each group that was scored if it is left out
    #[arg(long, value_name = "FROM..TO", value_parser = parse_range, allow_hyphen_values = true)]
    window: Option<WindowRange>,
    /// Compares the verdicts with those that stand, and stores none
    #[arg(long)]
    dry_run: bool,
    /// Cancels what was asked for under this number; it ends with the window that is being scored
    #[arg(long, value_name = "ORDER", conflicts_with_all = ["group", "sensor", "window", "dry_run"])]
    cancel: Option<u64>,
    /// The answer of the API, as JSON
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// A range of time, of which either end may be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WindowRange {
    since: Option<TimeBound>,
    until: Option<TimeBound>,
}

fn parse_range(text: &str) -> Result<WindowRange, String> {
    let (since, until) =
        text.split_once("..").ok_or("two times are expected, with .. between them, such as -6h..-1h")?;
    let bound = |text: &str| if text.is_empty() { Ok(None) } else { parse_bound(text).map(Some) };
    let [since, until] = [bound(since), bound(until)].map(|bound| bound.map_err(|error| error.to_string()));
    let range = WindowRange { since: since?, until: until? };
    if range.since.is_none() && range.until.is_none() {
        return Err("at least one time is expected beside .., such as -6h..".to_owned());
    }
    Ok(range)
}

/// How often the daemon is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Gives the order and waits until it is over, or cancels one.
///
/// # Errors
/// When no daemon answers, or it refuses.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    let order = match args.cancel {
        Some(id) => daemon.post(&format!("/api/v1/run-orders/{id}/cancel"), Vec::new())?.json()?,
        None => {
            let bounds = [args.window.and_then(|range| range.since), args.window.and_then(|range| range.until)];
            let now = now_of(&daemon, bounds)?;
            let [since, until] = bounds.map(|bound| bound.map(|bound| bound.time(now)));
            let wanted = NewRunOrder {
                group: args.group.clone(),
                sensors: args.sensor.clone(),
                since,
                until,
                is_dry_run: args.dry_run,
            };
            let order: RunOrder = daemon.post("/api/v1/run-orders", serde_json::to_vec(&wanted)?)?.json()?;
            wait(&daemon, order)?
        }
    };
    if args.json {
        writeln!(Output::json(), "{}", serde_json::to_string(&order)?)?;
    } else {
        tell(&order)?;
    }
    Ok(if order.state == OrderState::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits until an order is over, and shows on a terminal how far it is.
fn wait(daemon: &DaemonClient, mut order: RunOrder) -> anyhow::Result<RunOrder> {
    let line = waiting_line(&format!("order {}", order.id));
    loop {
        show_progress(&line, &order);
        if order.state.is_over() {
            line.finish_and_clear();
            // The last answer names the sensors that differ.
            return Ok(daemon.get(&format!("/api/v1/run-orders/{}", order.id))?.json()?);
        }
        std::thread::sleep(ASK_EVERY);
        order = daemon.get(&format!("/api/v1/run-orders/{}", order.id))?.json()?;
    }
}

fn show_progress(line: &ProgressBar, order: &RunOrder) {
    let RunOrder { id, windows, windows_done, .. } = order;
    let now = order.current.map_or_else(
        || "waits for the runs that are due".to_owned(),
        |current| {
            let span = window(current.window.start, current.window.end);
            format!("{span}: {} of {} sensors", current.answered, current.sensors)
        },
    );
    line.set_message(format!("{windows_done} of {windows} windows; {now} (to cancel: anomalyd run-now --cancel {id})"));
}

fn tell(order: &RunOrder) -> anyhow::Result<()> {
    let colours = Colours::of_stdout();
    let mut out = Output::text(colours);
    writeln!(out, "order {}: {}", order.id, Printable(&order.request))?;
    let state = match order.state {
        OrderState::Waiting => "it waits for the runs that are due",
        OrderState::GoesOn => "it goes on",
        OrderState::Cancelling => "it ends with the window that is being scored",
        OrderState::Finished => "finished",
        OrderState::Cancelled => "cancelled",
        OrderState::Failed => "given up",
    };
    let problem = order.problem.as_ref().map_or_else(String::new, |problem| format!(": {problem}"));
    let (done, windows) = (order.windows_done, order.windows);
    writeln!(out, "{state}, {done} of {windows} windows are done{}", Printable(problem))?;
    let runs = match (order.first_run, order.last_run) {
        (Some(first), Some(last)) if first == last => format!("; anomalyd runs show {first} tells more"),
        (Some(first), Some(last)) => format!("; runs {first} to {last}, which anomalyd runs show tells of"),
        _ if order.is_dry_run => "; a dry run, nothing was stored".to_owned(),
        _ => String::new(),
    };
    let tally = order.tally;
    writeln!(
        out,
        "{} windows of sensors scored, {} without a score; {} intervals anomalous{runs}",
        tally.scored,
        tally.not_scored() + tally.no_data + tally.too_little_data,
        tally.anomalies
    )?;
    let Comparison { new, gone, unchanged, other_outcomes, without_verdict, changed_sensors, .. } = &order.comparison;
    writeln!(out, "anomalous intervals beside the verdicts that stood: {new} new, {gone} gone, {unchanged} unchanged")?;
    if *other_outcomes > 0 {
        writeln!(
            out,
            "{other_outcomes} windows of sensors have another outcome than before, such as scored instead of failed"
        )?;
    }
    if *without_verdict > 0 {
        writeln!(out, "{without_verdict} windows of sensors had no verdict before, and are compared with nothing")?;
    }
    let most_changed = &order.comparison.most_changed;
    if most_changed.is_empty() {
        return Ok(());
    }
    let mut table = TextTable::new([
        Column::left("sensor"),
        Column::right("new"),
        Column::right("gone"),
        Column::right("unchanged"),
    ]);
    for ChangedSensor { sensor, new, gone, unchanged } in most_changed {
        let tint = if *new > 0 { Tint::Bad } else { Tint::None };
        table.row([
            sensor.clone().into(),
            TableCell::tinted(new.to_string(), tint),
            gone.to_string().into(),
            unchanged.to_string().into(),
        ]);
    }
    writeln!(out)?;
    table.write(colours, &mut out)?;
    let left_out = changed_sensors.saturating_sub(most_changed.len() as u64);
    if left_out > 0 {
        writeln!(out, "and {left_out} more sensors differ")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, Timestamp};

    #[test]
    fn either_end_of_a_range_may_be_left_open() {
        let ago = |hours: u32| Some(TimeBound::Ago(Span::from_secs(3600 * hours)));
        assert_eq!(parse_range("-6h..-1h"), Ok(WindowRange { since: ago(6), until: ago(1) }));
        assert_eq!(parse_range("-6h.."), Ok(WindowRange { since: ago(6), until: None }));
        let day = TimeBound::At(Timestamp::parse("2026-03-01T00:00:00Z").unwrap());
        assert_eq!(parse_range("..2026-03-01"), Ok(WindowRange { since: None, until: Some(day) }));
        assert!(parse_range("-6h").unwrap_err().contains(".. between"));
        assert!(parse_range("..").unwrap_err().contains("at least one time"));
        assert!(parse_range("then..now").unwrap_err().contains("not a time"));
    }
}
