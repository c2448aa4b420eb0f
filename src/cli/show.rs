//! `anomalyd show`: all about one sensor, on one screen.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::answers::{List, Model, ModelState, Outcome, Sensor, SensorDetail, Series, Severity, Verdict};
use crate::cli::conditions::condition_word;
use crate::cli::sensors::{minute, state_word};
use crate::cli::sparkline::sparkline;
use crate::cli::store_access::running_daemon;
use crate::cli::table::{Colours, Output, Tint};
use crate::cli::time_bound::{TimeBound, now_of, parse_bound};
use crate::cli::verdicts::outcome_word;
use crate::config::Config;
use crate::http::client::quoted;
use crate::printable::Printable;
use crate::time::{Span, Timestamp};
use crate::verdict::significant;

/// Shows a sensor: its state, its last hours, its last verdict with the reason, its model, and its device's sensors.
///
/// The running daemon is asked over its local socket.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The sensor, as device/sensor
    sensor: String,
    /// Where the line of its values begins: such as 2018-08-28T23:00:00Z, 2018-08-28 (UTC), or -24h for that long ago;
    /// six hours before its newest reading, if left out
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_bound)]
    since: Option<TimeBound>,
    /// JSON: a line for the sensor, and one for its values
    #[arg(long)]
    json: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// How many marks the line of values has.
const MARKS: usize = 60;
/// How far back the line of values goes.
const SHOWN: Span = Span::from_secs(6 * 3600);
/// How many sensors of the device are told.
const MOST_NEIGHBOURS: usize = 200;
/// How many spans of anomalies are told.
const MOST_SPANS: usize = 5;

/// A text that names no sensor.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no sensor; write device/sensor, as `anomalyd sensors` lists them")]
pub struct SensorArgumentError(String);

/// Shows a sensor.
///
/// # Errors
/// When no daemon answers, it knows no such sensor, or standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let Some(split) = args.sensor.rsplit_once('/') else {
        return Err(SensorArgumentError(args.sensor.clone()).into());
    };
    let daemon = running_daemon(&Config::read(&args.config)?)?;
    // Device and sensor may both hold slashes, and the daemon knows where the one ends.
    let question = format!("/api/v1/sensors?pattern={}&limit=1", quoted(&args.sensor));
    let named =
        daemon.get(&question)?.json::<List<Sensor>>()?.items.into_iter().find(|found| found.name == args.sensor);
    let (device, sensor) = named.as_ref().map_or(split, |found| (&*found.device, &*found.sensor));
    let path = format!("/api/v1/sensors/{}/{}", quoted(device), quoted(sensor));
    let detail: SensorDetail = daemon.get(&path)?.json()?;
    let seen = detail.sensor.last_seen;
    let since = match (args.since, seen) {
        (Some(bound), _) => Some(bound.time(now_of(&daemon, [args.since, None])?)),
        (None, seen) => seen.map(|seen| seen - SHOWN),
    };
    let mut question = format!("{path}/series?width={MARKS}");
    // The end is behind the newest reading, so that its interval is in the line.
    let end = seen.map(|seen| seen + Span::from_millis(1));
    for (name, time) in [("since", since), ("until", end.filter(|end| since.is_some_and(|since| since < *end)))] {
        if let Some(time) = time {
            question.push_str(&format!("&{name}={}", quoted(&time.to_string())));
        }
    }
    let series: Series = daemon.get(&question)?.json()?;
    if args.json {
        let mut out = Output::json();
        writeln!(out, "{}", serde_json::to_string(&detail)?)?;
        return Ok(writeln!(out, "{}", serde_json::to_string(&series)?)?);
    }
    let pattern = quoted(&format!("{device}/*"));
    let neighbours: List<Sensor> =
        daemon.get(&format!("/api/v1/sensors?pattern={pattern}&limit={MOST_NEIGHBOURS}"))?.json()?;
    let neighbours: Vec<_> = neighbours
        .items
        .into_iter()
        .filter(|other| other.device == detail.sensor.device && other.name != detail.sensor.name)
        .collect();
    let colours = Colours::of_stdout();
    let mut screen = Screen { colours, out: &mut Output::text(colours) };
    Ok(screen.write(&detail, &series, &neighbours)?)
}

/// A device's clock that is further off than this is told of, in seconds.
const CLOCK_OFF: f64 = 60.0;

/// What to say of a device's clock when its newest reading came so many seconds after its own time.
fn clock_words(lag: f64) -> Option<String> {
    let by = Span::from_secs(1).times(whole(lag.abs()));
    if lag > CLOCK_OFF {
        return Some(format!("it came {by} after its time: the device's clock is behind, or it sends late"));
    }
    (lag < -CLOCK_OFF).then(|| format!("it came {by} before its time: the device's clock is ahead; set it right"))
}

/// Lines with a heading at the left.
struct Screen<'a> {
    colours: Colours,
    out: &'a mut dyn Write,
}

impl Screen<'_> {
    fn line(&mut self, heading: &str, text: &str) -> io::Result<()> {
        let heading = self.colours.paint(Tint::Faint, &format!("{heading:<13}"));
        writeln!(self.out, "{heading} {text}")
    }

    fn write(&mut self, detail: &SensorDetail, series: &Series, neighbours: &[Sensor]) -> io::Result<()> {
        let sensor = &detail.sensor;
        let (word, tint) = state_word(sensor.state);
        let since = sensor.since.map_or_else(String::new, |since| format!(" since {} UTC", minute(since)));
        writeln!(self.out, "{}  {}{since}", Printable(&sensor.name), self.colours.paint(tint, word))?;
        let value = sensor.last_value.map_or_else(String::new, |value| format!("{} at ", significant(value)));
        match sensor.last_seen {
            Some(seen) => self.line("last reading", &format!("{value}{} UTC", seen.format("%Y-%m-%d %H:%M:%S")))?,
            None => self.line("last reading", "none is known")?,
        }
        if let Some(words) = sensor.lag_seconds.and_then(clock_words) {
            let words = self.colours.paint(Tint::Warning, &words);
            self.line("", &words)?;
        }
        for condition in &sensor.conditions {
            let tint = if condition.severity == Severity::Ok { Tint::None } else { Tint::Warning };
            let word = self.colours.paint(tint, condition_word(condition.condition));
            let words = Printable(&condition.words);
            self.line("condition", &format!("{word} since {} UTC: {words}", minute(condition.since)))?;
        }
        self.values(series)?;
        match &sensor.verdict {
            Some(verdict) => self.verdict(verdict)?,
            None => self.line("last verdict", "none")?,
        }
        match &detail.model {
            Some(model) => self.model(model)?,
            None => self.line("model", "none")?,
        }
        let names = neighbours.iter().map(|other| {
            let (word, tint) = state_word(other.state);
            format!("{} {}", Printable(&other.sensor), self.colours.paint(tint, word))
        });
        let names: Vec<_> = names.collect();
        if names.is_empty() { Ok(()) } else { self.line("same device", &names.join(", ")) }
    }

    fn values(&mut self, series: &Series) -> io::Result<()> {
        let place_of = |values: &[f64], is_before: fn(f64, f64) -> bool| {
            (0..values.len()).reduce(|best, place| if is_before(values[place], values[best]) { place } else { best })
        };
        let lowest = place_of(&series.min, |a, b| a < b);
        let highest = place_of(&series.max, |a, b| a > b);
        let (Some(lowest), Some(highest)) = (lowest, highest) else {
            return self.line("values", &format!("none from {} to {} UTC", minute(series.since), minute(series.until)));
        };
        self.line("values", &sparkline(series, MARKS))?;
        let time = |place: usize| {
            let nanos = series.time.get(place).map_or(0.0, |seconds| seconds * 1e9);
            Timestamp::from_nanos(whole(nanos)).format("%H:%M")
        };
        let step = Span::from_millis(1).times(whole(series.step_seconds * 1e3));
        let words = format!(
            "{} to {} UTC, {step} a mark; lowest {} around {}, highest {} around {}",
            minute(series.since),
            minute(series.until),
            significant(series.min[lowest]),
            time(lowest),
            significant(series.max[highest]),
            time(highest)
        );
        self.line("", &words)?;
        if series.forgotten.is_empty() {
            return Ok(());
        }
        self.line("", &format!("{} windows of this time are not kept any more", series.forgotten.len()))
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let window = format!("{} to {} UTC", minute(verdict.window.start), verdict.window.end.format("%H:%M"));
        let outcome = outcome_word(verdict.outcome).replace('_', " ");
        let outcome = match verdict.outcome {
            Outcome::Scored => {
                let score = verdict.score.map_or_else(String::new, |score| format!(", score {score:.2}"));
                format!("{} of {} intervals are anomalies{score}", verdict.anomalies, verdict.intervals)
            }
            _ => outcome,
        };
        self.line("last verdict", &format!("{window}, run {}: {outcome}", verdict.run))?;
        if let Some(reason) = &verdict.reason {
            self.line("", &Printable(reason).to_string())?;
        }
        if let Some(score) = verdict.anomaly_score {
            self.line("", &format!("intervals are anomalies from the score {score} on ([[sensitivity]])"))?;
        }
        if let Some(explanation) = &verdict.explanation {
            self.line("", &Printable(&explanation.words).to_string())?;
        }
        let spans = verdict.anomalous.iter().take(MOST_SPANS);
        let spans: Vec<_> =
            spans.map(|span| format!("{} to {}", span.start.format("%H:%M:%S"), span.end.format("%H:%M:%S"))).collect();
        let more = verdict.anomalous.len().saturating_sub(MOST_SPANS);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        if spans.is_empty() { Ok(()) } else { self.line("", &format!("anomalous {}{more}", spans.join(", "))) }
    }

    fn model(&mut self, model: &Model) -> io::Result<()> {
        let (state, tint) = match model.state {
            ModelState::AtWork => ("at work", Tint::Good),
            ModelState::AtWorkNewerRefused => ("at work; a newer file beside it cannot be used", Tint::Warning),
            ModelState::Paused => ("failed, and is tried again after a pause", Tint::Warning),
            ModelState::Probation => ("was released, and is on probation", Tint::Warning),
            ModelState::Quarantined => ("failed too often, and is not tried any more", Tint::Bad),
            ModelState::Unusable => ("cannot be used", Tint::Bad),
        };
        let proof = match model.is_proven {
            Some(true) => ", proven",
            Some(false) => ", not proven: it did not give the answers that were expected",
            None => ", not proven: no file beside it says what it should answer",
        };
        let proof = if model.hash.is_some() { proof } else { "" };
        let detector = model.detector.as_deref().unwrap_or("model");
        let since = model.since.map_or_else(String::new, |since| format!(" since {} UTC", minute(since)));
        let state = self.colours.paint(tint, state);
        self.line("model", &format!("{} {state}{since}{proof}", Printable(detector)))?;
        let hash = model.hash.as_deref().and_then(|hash| hash.get(..12)).map(|hash| format!("hash {hash}…"));
        let file = model.file.as_ref().map(|file| Printable(file).to_string());
        let identity: Vec<_> = [file, hash].into_iter().flatten().collect();
        if !identity.is_empty() {
            self.line("", &identity.join(", "))?;
        }
        for usual in &model.usual {
            let (low, high) = (significant(usual.low), significant(usual.high));
            self.line("", &format!("usually {} {low} to {high}", Printable(&usual.feature)))?;
        }
        if let Some(trouble) = &model.trouble {
            let (failures, since) = (trouble.failures, minute(trouble.since));
            let words = format!("{failures} failures in a row, since {since} UTC: {}", Printable(&trouble.reason));
            self.line("", &self.colours.paint(Tint::Bad, &words))?;
        }
        if let Some(problem) = &model.problem {
            let words = self.colours.paint(Tint::Bad, &Printable(problem).to_string());
            self.line("", &words)?;
        }
        for warning in &model.warnings {
            let words = self.colours.paint(Tint::Warning, &format!("warning: {}", Printable(warning)));
            self.line("", &words)?;
        }
        Ok(())
    }
}

/// The whole number of a time in the answers, which are far from what does not fit.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit becomes the nearest that does")]
fn whole(number: f64) -> i64 {
    number as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_clock_is_told_of_when_it_is_off_by_more_than_a_minute() {
        for lag in [-60.0, 0.0, 2.5, 60.0] {
            assert_eq!(clock_words(lag), None);
        }
        assert!(clock_words(-61.0).unwrap().contains("clock is ahead"));
        assert!(clock_words(125.0).unwrap().contains("clock is behind"));
    }
}
