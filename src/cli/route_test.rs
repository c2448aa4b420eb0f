//! `anomalyd test`: what becomes of a message.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::answers::{JudgedBy, Judgement, Payload, RouteTest, TestedMessage};
use crate::cli::{exit_code, store_access};
use crate::config::{Config, ConfigError};
use crate::daemon::running_configuration;
use crate::daemon::settings::Settings;
use crate::http::client::ClientError;
use crate::ingest::decoder::Message;
use crate::ingest::trial::MessageTrial;
use crate::overview::{Fate, RouteTester};
use crate::time::Timestamp;

/// Tells what would become of a message, and takes nothing in.
///
/// Which route takes it, which readings it holds, and what filters, lateness and the clock say of each; or why it would be
/// rejected, and what would be accepted instead. A daemon that runs is asked, as it knows what came before. Without one, or
/// with --offline, the configuration alone answers: use that to try a configuration before the restart.
///
/// The exit code is 0 when all of the message would be taken in, and 1 when it would be rejected or parts of it.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The topic of the message
    #[arg(long)]
    topic: String,
    /// The payload, as text
    #[arg(long, allow_hyphen_values = true, required_unless_present = "payload_file")]
    payload: Option<String>,
    /// A file that holds the payload; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<PathBuf>,
    /// The broker kept the message from earlier
    #[arg(long)]
    retained: bool,
    /// Ask no daemon: judge by the configuration file alone
    #[arg(long)]
    offline: bool,
    /// Write the answer as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Why a message cannot be tested.
#[derive(Debug, thiserror::Error)]
pub enum RouteTestError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// The payload.
    #[error("the payload cannot be read from {}: {problem}", file.display())]
    Payload {
        /// The file.
        file: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The payload is larger than any message.
    #[error("the payload in {} is longer than {MAX_PAYLOAD_BYTES} bytes; devices send less in a message", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl RouteTestError {
    /// Whether the error lasts until the configuration is changed.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}

/// The longest payload that is tested.
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// Tests a message, and says on `out` what becomes of it.
///
/// # Errors
/// When the configuration, the payload or the daemon cannot be read, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, RouteTestError> {
    let config = Config::read(&args.config)?;
    let payload = payload(args)?;
    let daemon = if args.offline { None } else { store_access::daemon(&config)? };
    let test: RouteTest = match &daemon {
        Some(daemon) => {
            let message =
                TestedMessage { topic: args.topic.clone(), payload: Payload::of(&payload), is_retained: args.retained };
            let body = serde_json::to_vec(&message).map_err(io::Error::from)?;
            daemon.post("/api/v1/routes/test", body)?.json()?
        }
        None => {
            let trial = offline_trial(&config);
            let message = Message { topic: &args.topic, payload: &payload, retained: args.retained };
            let tried = trial.try_message(message, Timestamp::now());
            let fates = tried.readings.iter().map(Fate::by_configuration).collect();
            offline_tester(&trial).of_message(&args.topic, &tried, fates)
        }
    };
    if args.json {
        serde_json::to_writer(&mut *out, &test).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write_test(&test, out)?;
        if daemon.is_some() && running_configuration::is_another(&config.store.directory, &config) {
            writeln!(
                out,
                "note      the daemon runs with another configuration than {}; --offline tests that one, and a restart puts it \
                 in force",
                args.config.display()
            )?;
        }
    }
    Ok(if is_taken_in(&test) { ExitCode::SUCCESS } else { ExitCode::from(exit_code::FAILURE) })
}

/// Tries messages by a configuration file alone.
pub(super) fn offline_trial(config: &Config) -> MessageTrial {
    let settings = Settings::of(config);
    MessageTrial::new(settings.routes, settings.filters, settings.times)
}

pub(super) fn offline_tester(trial: &MessageTrial) -> RouteTester<'_> {
    RouteTester { trial, judged_by: JudgedBy::Configuration }
}

/// Whether nothing of a message is rejected.
pub(super) fn is_taken_in(test: &RouteTest) -> bool {
    test.rejects.is_empty() && test.readings.iter().all(|reading| reading.judgement != Judgement::Rejected)
}

/// Writes an answer for people.
pub(super) fn write_test(test: &RouteTest, out: &mut dyn Write) -> io::Result<()> {
    if let (Some(number), Some(route)) = (test.number, &test.route) {
        writeln!(out, "route     {number}, {route}")?;
    }
    if let Some(format) = &test.format {
        writeln!(out, "payload   {format}")?;
    }
    let width = test.readings.iter().map(|reading| reading.sensor.chars().count()).max().unwrap_or(0);
    for reading in &test.readings {
        let becomes = match reading.judgement {
            Judgement::Accepted => "counts",
            Judgement::PassedOver => "is passed over",
            Judgement::Held => "waits",
            Judgement::Rejected => "is rejected",
        };
        write!(out, "reading   {:width$}  {}  {}  {becomes}", reading.sensor, reading.time, reading.value)?;
        match &reading.reason {
            Some(reason) => writeln!(out, ": {reason}")?,
            None => writeln!(out)?,
        }
    }
    for reject in &test.rejects {
        writeln!(out, "rejected  {reject}")?;
    }
    if !test.passed_over.is_empty() {
        writeln!(out, "not read  {}: members that are no numbers", test.passed_over.join(", "))?;
    }
    writeln!(out, "result    {}", test.words)
}

fn payload(args: &Args) -> Result<Vec<u8>, RouteTestError> {
    let Some(file) = &args.payload_file else { return Ok(args.payload.clone().unwrap_or_default().into_bytes()) };
    let mut payload = Vec::new();
    let read =
        |from: &mut dyn Read, payload: &mut Vec<u8>| from.take(MAX_PAYLOAD_BYTES as u64 + 1).read_to_end(payload);
    let result = if file.as_os_str() == "-" {
        read(&mut io::stdin().lock(), &mut payload)
    } else {
        std::fs::File::open(file).and_then(|mut opened| read(&mut opened, &mut payload))
    };
    result.map_err(|problem| RouteTestError::Payload { file: file.clone(), problem })?;
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(RouteTestError::TooLarge { file: file.clone() });
    }
    Ok(payload)
}
