//! `anomalyd replay`: publishes a history as the devices would have.

mod pace;
mod report;
mod times;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

pub use self::pace::{Speed, SpeedError};
pub use self::report::{Ending, Report};
pub use self::times::StrangeTimes;
use super::publish::url::ServerUrl;
use super::publish::{PublishError, Publisher, Settings, json_payload};
use crate::cli::history::{Histories, HistoriesError, HistoryOptions};
use crate::ingest::history::NamedReading;
use crate::time::Timestamp;

/// Publishes history files over MQTT, as the devices would have.
///
/// Each reading becomes one message with QoS 1, in the order of the files, such as {"ts":"2018-08-28T23:00:05Z","value":10.16}.
/// Readings come at a multiple of their own pace, by their times, or as fast as the server acknowledges. What is not
/// acknowledged when a connection breaks is sent again.
///
/// Ends with a summary; the exit code is 0 when every message was acknowledged, else 1. An acknowledgement says that a
/// message was taken in, not that its reading counts: a daemon rejects what is too late for its clock. Its log and
/// `anomalyd dump rejects` tell what it has rejected.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The history: tables of text with a header, a reading a row or a column a sensor, also packed by gzip; - is standard
    /// input; several files are read one after the other
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The MQTT server: the daemon's own listener, or a broker
    #[arg(long, value_name = "mqtt://HOST:PORT")]
    to: ServerUrl,
    /// How many times as fast as it was: 60 plays an hour in a minute, max as fast as the server acknowledges
    #[arg(long, default_value_t = Speed::Times(1.0), value_name = "TIMES|max")]
    speed: Speed,
    /// The topic of a reading, in which {device} and {sensor} stand for its names
    #[arg(long, default_value = "plant/{device}/{sensor}", value_name = "TEMPLATE", value_parser = parse_topic)]
    topic: String,
    /// The name of the MQTT session; two replays at once need two names
    #[arg(long, default_value = "anomalyd-replay", value_name = "NAME")]
    client_id: String,
    #[command(flatten)]
    history: HistoryOptions,
}

/// Why a replay did not begin, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The files.
    #[error(transparent)]
    History(#[from] HistoriesError),
    /// The server.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The summary could not be written.
    #[error("cannot write the summary: {0}")]
    Output(#[from] io::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("a topic holds {{device}} and {{sensor}} and no '+' or '#', as plant/{{device}}/{{sensor}} does")]
struct TopicError;

fn parse_topic(text: &str) -> Result<String, TopicError> {
    let accepted = text.contains("{device}") && text.contains("{sensor}") && !text.contains(['+', '#', '\0']);
    accepted.then(|| text.to_owned()).ok_or(TopicError)
}

/// How long to try for a first connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How long to wait for the last acknowledgements, and for those under way at an interruption.
const DRAIN_WITHIN: Duration = Duration::from_secs(60);
const DRAIN_INTERRUPTED_WITHIN: Duration = Duration::from_secs(5);

/// How often the progress line is renewed.
const REDRAW: Duration = Duration::from_millis(200);

/// Replays, and writes the summary to `out`. The progress line goes to standard error, when that is a terminal.
///
/// # Errors
/// When a file cannot be read or lacks a column, or the server cannot be reached.
pub async fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, ReplayError> {
    let report = replay(args).await?;
    write!(out, "{report}")?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Replays, and writes nothing but the progress line.
///
/// # Errors
/// When a file cannot be read or lacks a column, or the server cannot be reached.
pub async fn replay(args: &Args) -> Result<Report, ReplayError> {
    let mut histories = Histories::open(&args.files, &args.history)?;
    let settings = Settings::new(args.to.clone(), &args.client_id);
    let publisher = Publisher::connect(settings, CONNECT_WITHIN).await?;
    let line = ProgressLine::new(histories.bytes_total());
    let begin = Instant::now();
    let mut times = StrangeTimes::default();
    let ending = {
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        tokio::select! {
            biased;
            ending = publish_all(args, &mut histories, &publisher, &line, &mut times) => ending,
            _ = &mut interrupted => Ending::Interrupted,
        }
    };
    line.finish(&publisher);
    let within = if ending == Ending::EndOfFile { DRAIN_WITHIN } else { DRAIN_INTERRUPTED_WITHIN };
    let published = publisher.drain(within).await;
    let (server, history, took) = (args.to.clone(), histories.into_tally(), begin.elapsed());
    Ok(Report { server, history, ending, published, times, took })
}

/// Publishes the readings, each when it is due. May be dropped between any two of them.
async fn publish_all(
    args: &Args,
    histories: &mut Histories,
    publisher: &Publisher,
    line: &ProgressLine,
    times: &mut StrangeTimes,
) -> Ending {
    let begin = Instant::now();
    let mut first = None;
    loop {
        let NamedReading { sensor, time, value, .. } = match histories.read() {
            Ok(Some(reading)) => reading,
            Ok(None) => return Ending::EndOfFile,
            Err(error) => return Ending::Failed(error.to_string()),
        };
        if histories.tally().readings.is_multiple_of(1_000) {
            line.show(histories.bytes_read(), publisher);
        }
        let due = args.speed.due(*first.get_or_insert(time), time);
        while let Some(wait) = due.checked_sub(begin.elapsed()).filter(|wait| !wait.is_zero()) {
            line.show(histories.bytes_read(), publisher);
            tokio::time::sleep(wait.min(REDRAW)).await;
        }
        if times.note(time, Timestamp::now()) {
            line.warn(times);
        }
        if let Err(error) = publisher.publish(&sensor.fill(&args.topic), json_payload(time, value)).await {
            return Ending::Failed(error.to_string());
        }
    }
}

/// The line on a terminal that shows how far a replay is.
struct ProgressLine(ProgressBar);

impl ProgressLine {
    fn new(bytes: u64) -> Self {
        let style = ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {percent}%  {msg}");
        let bar = ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    fn show(&self, bytes_read: u64, publisher: &Publisher) {
        if self.0.is_hidden() {
            return;
        }
        let progress = publisher.progress();
        self.0.set_message(format!("{} sent, {} acknowledged", progress.sent, progress.acknowledged));
        self.0.set_position(bytes_read);
    }

    /// Warns at once of what the summary will report in full, because a replay may take hours.
    fn warn(&self, times: &StrangeTimes) {
        self.0.println(format!("warning: {times}"));
    }

    fn finish(self, publisher: &Publisher) {
        self.show(self.0.length().unwrap_or_default(), publisher);
        self.0.finish_and_clear();
    }
}
