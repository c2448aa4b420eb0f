//! The end of a demo: the numbers of the run, for a user who sees the daemon for the first time.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::board::Board;
use super::findings::{Finding, Findings};
use super::wording::{counted, grouped};
use crate::cli::publish;
use crate::printable::shown;
use crate::time::Span;

/// The time that the batch job takes for a sensor: it starts a Python process that reads a model and scores one window.
const BATCH_SECONDS: f64 = 1.0;

/// How the daemon ended, or that it is still up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DaemonEnd {
    /// In order, with its own counts.
    Stopped {
        /// How many readings it accepted.
        accepted: u64,
        /// How many inputs it refused.
        rejected: u64,
    },
    /// Not yet: it stays up for the user, with its counts until now.
    StillUp {
        /// How many readings it accepted.
        accepted: u64,
        /// How many inputs it refused.
        rejected: u64,
    },
    /// Otherwise; how.
    Badly(String),
}

/// All results of a run.
pub struct Summary {
    /// The verdicts.
    pub board: Board,
    /// The devices' own counts.
    pub published: publish::Summary,
    /// How the daemon ended, or that it is still up.
    pub daemon: DaemonEnd,
    /// Where its prediction files are.
    pub predictions: PathBuf,
    /// How long the demo took.
    pub took: Duration,
}

impl Summary {
    /// Why the demo has failed, a reason a line; empty when it has not. Missed faults and false alarms are reported but
    /// do not count, unless no fault was found at all.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let sent = self.published.progress.sent;
        if self.published.unacknowledged() > 0 {
            let missing = counted(self.published.unacknowledged(), "reading");
            let reason = self.published.failure.as_deref().unwrap_or("the connection ended");
            failures.push(format!("{missing} of {} not acknowledged: {reason}", grouped(sent)));
        }
        match &self.daemon {
            DaemonEnd::Stopped { accepted, .. } | DaemonEnd::StillUp { accepted, .. } if *accepted != sent => {
                failures.push(format!("{} readings were sent, and {} accepted", grouped(sent), grouped(*accepted)));
            }
            DaemonEnd::Stopped { .. } | DaemonEnd::StillUp { .. } => {}
            DaemonEnd::Badly(how) => failures.push(how.clone()),
        }
        for hour in &self.board.hours {
            let from = hour.start.format("%H:%M");
            let sensors = self.board.rows.len() as u64;
            match hour.figures {
                None => failures.push(format!("the hour from {from} was not scored")),
                Some(figures) if figures.scored != sensors => {
                    failures
                        .push(format!("in the hour from {from}, {} of {sensors} sensors were scored", figures.scored));
                }
                Some(_) => {}
            }
        }
        failures.extend(self.board.unreadable.iter().map(ToString::to_string));
        if self.findings().found() == 0 {
            failures.push("none of the injected faults was found".to_owned());
        }
        failures
    }

    fn findings(&self) -> Findings {
        Findings::of(&self.board.faults, &self.board.verdicts)
    }

    fn write_faults(&self, f: &mut fmt::Formatter<'_>, findings: &Findings) -> fmt::Result {
        let day = self.board.hours.first().map(|hour| hour.start.format("%Y-%m-%d")).unwrap_or_default();
        let (found, injected) = (findings.found(), findings.faults.len());
        writeln!(f, "Faults: {injected} injected, {found} found (on the plant's clock, {day})")?;
        let row = |f: &mut fmt::Formatter<'_>, [verdict, kind, sensor, time, flagged, after]: [&str; 6]| {
            writeln!(f, " {verdict:<6} {kind:<11} {sensor:<19} {time:<17} {flagged:>12}  {after}")
        };
        row(f, ["", "fault", "injected into", "from-until", "flagged", "after"])?;
        for Finding { fault, minutes, flagged } in &findings.faults {
            let (verdict, count, after) = match flagged {
                Some((count, delay)) => ("found", *count, after(*delay)),
                None => ("MISSED", 0, "-".to_owned()),
            };
            let time = format!("{}-{}", fault.from.format("%H:%M:%S"), fault.until.format("%H:%M:%S"));
            let (kind, sensor) = (fault.kind.to_string(), fault.sensor.to_string());
            row(f, [verdict, &kind, &sensor, &time, &format!("{count} of {minutes} min"), &after])?;
        }
        Ok(())
    }

    fn write_false_alarms(&self, f: &mut fmt::Formatter<'_>, findings: &Findings) -> fmt::Result {
        let count: usize = findings.false_alarms.values().sum();
        let share = 100.0 * ratio(count as u64, findings.healthy as u64);
        let healthy = grouped(findings.healthy as u64);
        writeln!(f, "False alarms: {count} of {healthy} healthy minutes ({share:.2} %)")?;
        let sensors: Vec<_> = findings.false_alarms.iter().map(|(sensor, count)| format!("{sensor} {count}")).collect();
        if sensors.is_empty() { Ok(()) } else { writeln!(f, "  {}", sensors.join(", ")) }
    }

    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = &self.published.progress;
        let (sent, acknowledged) = (grouped(progress.sent), grouped(progress.acknowledged));
        write!(f, "Readings: {sent} published, {acknowledged} acknowledged")?;
        match self.daemon {
            DaemonEnd::Stopped { accepted, rejected } | DaemonEnd::StillUp { accepted, rejected } => {
                writeln!(f, ", {} accepted, {rejected} rejected", grouped(accepted))?;
            }
            DaemonEnd::Badly(_) => writeln!(f, "; what the daemon accepted is not known")?,
        }
        let (sensors, hours) = (self.board.rows.len(), self.board.hours.len());
        let (count, rows) = (self.board.verdict_count(), self.figures(|figures| figures.rows).sum());
        writeln!(f, "Verdicts: {count} ({sensors} sensors x {hours} hours), on {} minutes", grouped(rows))
    }

    fn write_scoring(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdicts: u64 = self.figures(|figures| figures.scored).sum();
        let scoring: Duration = self.figures(|figures| figures.scoring).sum();
        let durable: Duration = self.figures(|figures| figures.total).sum();
        if verdicts == 0 || durable.is_zero() {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let count = verdicts as f64;
        let batch = count * BATCH_SECONDS;
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        writeln!(
            f,
            "Scoring: {:.1} ms in all, {:.0} µs a sensor; {:.1} ms until safe on the disk",
            millis(scoring),
            millis(scoring) * 1e3 / count,
            millis(durable)
        )?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and positive")]
        let times = (batch / durable.as_secs_f64()).round() as u64;
        writeln!(f, "  The batch job that this replaces takes about one second and a Python process")?;
        writeln!(f, "  of 160 MB a sensor: {batch:.0} s for these verdicts, {} times as long.", grouped(times))
    }

    fn figures<T>(&self, figure: impl Fn(&super::daemon_process::RunFigures) -> T) -> impl Iterator<Item = T> {
        self.board.hours.iter().filter_map(|hour| hour.figures.as_ref()).map(figure)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = self.findings();
        self.write_faults(f, &findings)?;
        self.write_false_alarms(f, &findings)?;
        self.write_counts(f)?;
        self.write_scoring(f)?;
        writeln!(f, "Verdict files: {}", shown(&self.predictions))?;
        let took = self.took.as_secs_f64();
        let failures = self.failures();
        if failures.is_empty() {
            return writeln!(f, "The demo did its job in {took:.0} s.");
        }
        writeln!(f, "THE DEMO FAILED after {took:.0} s:")?;
        failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}

/// How long after a fault began its first flagged minute did.
fn after(delay: Span) -> String {
    let seconds = delay.to_std().as_secs();
    match seconds {
        0 => "at once".to_owned(),
        1..60 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

/// A share, 0 of 0 being nothing.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
