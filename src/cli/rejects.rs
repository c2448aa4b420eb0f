//! `anomalyd rejects`: the inputs that were not accepted; why, what becomes of them now, and a way back in.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::answers::{Payload, Reject, RejectTest, Rejects};
use crate::cli::exit_code;
use crate::cli::route_test::{is_taken_in, offline_tester, offline_trial, write_test};
use crate::cli::store_access::{StoreAccess, StoreAccessError};
use crate::config::{Config, ConfigError};
use crate::http::client::{ClientError, DaemonClient, quoted};
use crate::overview::{Fate, NoInput, RejectQuery, RejectTrial, list_rejects, reject_answer};
use crate::reading::{RejectId, RejectScope, RejectedMessage, RejectedReading};
use crate::sensor::SensorName;
use crate::store::{StoreError, StoredReject};
use crate::time::Timestamp;

/// Shows the inputs that were not accepted, tests them, and takes them in again.
///
/// Without a further word it lists those that are kept, the newest first. A daemon that runs is asked; without one, the store
/// is read, and only a replay is not possible.
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
    /// Lists those that are kept, the newest first, as without a further word
    List(ListArgs),
    /// Shows one reject, with its whole message
    Show(OneArgs),
    /// Tells what would become of a reject now, and takes nothing in
    ///
    /// The exit code is 0 when all that was rejected would be taken in, else 1.
    Test(TestArgs),
    /// Takes rejects in again, the way of live messages, the oldest first
    ///
    /// What would be rejected again stays a reject. One of which something was taken in is noted as replayed, and is not
    /// replayed again unless --again says so; also then nothing counts twice. The exit code is 0 when all that was rejected
    /// was taken in, else 1.
    Replay(ReplayArgs),
}

#[derive(clap::Args, Clone, Debug)]
struct ListArgs {
    /// Only those of this kind, such as `no_route`
    #[arg(long)]
    kind: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args, Clone, Debug)]
struct OneArgs {
    /// Its id, such as 1042-3
    #[arg(value_parser = parse_id)]
    id: RejectId,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args, Clone, Debug)]
struct TestArgs {
    /// Its id, such as 1042-3
    #[arg(value_parser = parse_id)]
    id: RejectId,
    /// Ask no daemon: judge by the configuration file alone, as before a restart that puts it in force
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args, Clone, Debug)]
struct ReplayArgs {
    /// Their ids, such as 1042-3
    #[arg(value_parser = parse_id, value_name = "ID", required_unless_present = "kind")]
    ids: Vec<RejectId>,
    /// All that are kept of this kind, such as `no_route`
    #[arg(long, conflicts_with = "ids")]
    kind: Option<String>,
    /// Also those that were replayed already
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args, Clone, Debug)]
struct CommonArgs {
    /// Write JSON, a line each
    #[arg(long)]
    json: bool,
    /// The configuration file of the daemon
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// Why there is no answer about rejects.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store, or its daemon.
    #[error(transparent)]
    Access(#[from] StoreAccessError),
    /// The daemon.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be tested.
    #[error(transparent)]
    NoInput(#[from] NoInput),
    /// It is not kept.
    #[error("no reject {0} is kept; anomalyd rejects lists those that are")]
    NotKept(RejectId),
    /// Without a daemon nothing is taken in.
    #[error("no daemon runs on the store {}; start one, as it is the daemon that takes messages in", directory.display())]
    NoDaemon {
        /// The store.
        directory: PathBuf,
    },
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl RejectsError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Config(_) => true,
            Self::Access(error) => error.is_lasting(),
            Self::Store(error) => error.is_lasting(),
            _ => false,
        }
    }
}

/// How many rejects are asked for at once: with their messages they are an answer that is read whole.
const AT_ONCE: usize = 8;

impl Args {
    /// Whether the output is JSON.
    pub fn is_json(&self) -> bool {
        let common = match &self.command {
            None => &self.list.common,
            Some(Command::List(args)) => &args.common,
            Some(Command::Show(args)) => &args.common,
            Some(Command::Test(args)) => &args.common,
            Some(Command::Replay(args)) => &args.common,
        };
        common.json
    }
}

/// Answers about rejects on `out`.
///
/// # Errors
/// When configuration, store or daemon cannot be read, a reject is not kept, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, RejectsError> {
    match &args.command {
        None => list(&args.list, out).map(|()| ExitCode::SUCCESS),
        Some(Command::List(args)) => list(args, out).map(|()| ExitCode::SUCCESS),
        Some(Command::Show(args)) => show(args, out).map(|()| ExitCode::SUCCESS),
        Some(Command::Test(args)) => test(args, out),
        Some(Command::Replay(args)) => replay(args, out),
    }
}

/// Where rejects are read.
struct RejectSource {
    config: Config,
    access: StoreAccess,
}

impl RejectSource {
    fn of(path: &Path) -> Result<Self, RejectsError> {
        let config = Config::read(path)?;
        let access = StoreAccess::of(&config)?;
        Ok(Self { config, access })
    }

    fn page(&self, kind: Option<&str>, after: Option<&str>, limit: usize) -> Result<Rejects, RejectsError> {
        match &self.access {
            StoreAccess::Daemon(daemon) => page_of(daemon, kind, after, limit),
            StoreAccess::Copy(reader) => {
                let after = after.and_then(RejectId::parse);
                let query = RejectQuery { kind: kind.map(str::to_owned), after, limit };
                Ok(list_rejects(reader, &offline_trial(&self.config), &query)?)
            }
        }
    }
}

fn page_of(
    daemon: &DaemonClient,
    kind: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<Rejects, RejectsError> {
    let kind = kind.map_or_else(String::new, |kind| format!("&kind={}", quoted(kind)));
    let after = after.map_or_else(String::new, |after| format!("&after={}", quoted(after)));
    Ok(daemon.get(&format!("/api/v1/rejects?limit={limit}{kind}{after}"))?.json()?)
}

fn list(args: &ListArgs, out: &mut dyn Write) -> Result<(), RejectsError> {
    let source = RejectSource::of(&args.common.config)?;
    let mut left = args.limit as usize;
    let mut after = None;
    let kinds = loop {
        let page = source.page(args.kind.as_deref(), after.as_deref(), left.min(AT_ONCE))?;
        for reject in &page.items {
            if args.common.json {
                write_json(reject, out)?;
            } else {
                write_line(reject, out)?;
            }
        }
        left = left.saturating_sub(page.items.len());
        match page.next {
            Some(next) if left > 0 => after = Some(next),
            _ => break page.kinds,
        }
    };
    if !args.common.json {
        let kinds = kinds.iter().filter(|kind| args.kind.as_ref().is_none_or(|wanted| *wanted == kind.kind));
        let kinds: Vec<_> = kinds.map(|kind| format!("{} {}", kind.count, kind.kind)).collect();
        if kinds.is_empty() {
            let of_kind = args.kind.as_ref().map_or_else(String::new, |kind| format!(" of the kind {kind}"));
            writeln!(out, "no rejects{of_kind} are kept")?;
        } else {
            writeln!(out, "in all    {}, counted in what is kept", kinds.join(", "))?;
        }
    }
    Ok(())
}

/// A reject in two lines.
fn write_line(reject: &Reject, out: &mut dyn Write) -> io::Result<()> {
    let replayed = if reject.is_replayed { ", replayed" } else { "" };
    writeln!(out, "{:9} {}  {}  {}{replayed}", reject.id, reject.received, reject.kind, reject.origin)?;
    writeln!(out, "          {}", reject.reason)
}

fn show(OneArgs { id, common }: &OneArgs, out: &mut dyn Write) -> Result<(), RejectsError> {
    let source = RejectSource::of(&common.config)?;
    let reject: Reject = match &source.access {
        StoreAccess::Daemon(daemon) => daemon.get(&format!("/api/v1/rejects/{id}"))?.json()?,
        StoreAccess::Copy(reader) => {
            let stored = reader.reject(*id)?.ok_or(RejectsError::NotKept(*id))?;
            reject_answer(&id.to_string(), &stored, &offline_trial(&source.config))
        }
    };
    if common.json {
        return write_json(&reject, out);
    }
    writeln!(out, "received  {}", reject.received)?;
    writeln!(out, "kind      {}", reject.kind)?;
    writeln!(out, "of        {}", reject.origin)?;
    writeln!(out, "reason    {}", reject.reason)?;
    if let Some(topic) = &reject.topic {
        writeln!(out, "topic     {topic}")?;
    }
    if let Some(reading) = &reject.reading {
        writeln!(out, "reading   {}  {}  {}", reading.sensor, reading.time, reading.value)?;
    }
    match &reject.payload {
        Some(Payload::Text(text)) => writeln!(out, "payload   {text}")?,
        Some(Payload::Base64(text)) => writeln!(out, "payload   {text} (base64)")?,
        None => writeln!(out, "begins    {}", reject.excerpt)?,
    }
    let replayed = if reject.is_replayed { "yes: it was taken in" } else { "no" };
    writeln!(out, "replayed  {replayed}")?;
    Ok(())
}

fn test(TestArgs { id, offline, common }: &TestArgs, out: &mut dyn Write) -> Result<ExitCode, RejectsError> {
    let source = RejectSource::of(&common.config)?;
    let test = match &source.access {
        StoreAccess::Daemon(daemon) if !offline => {
            daemon.post(&format!("/api/v1/rejects/{id}/test"), Vec::new())?.json()?
        }
        StoreAccess::Daemon(daemon) => {
            let reject: Reject = daemon.get(&format!("/api/v1/rejects/{id}"))?.json()?;
            offline_test(*id, &as_stored(reject), &source.config)?
        }
        StoreAccess::Copy(reader) => {
            let stored = reader.reject(*id)?.ok_or(RejectsError::NotKept(*id))?;
            offline_test(*id, &stored, &source.config)?
        }
    };
    say(&test, common.json, out)?;
    Ok(code(is_taken_in(&test.result)))
}

fn offline_test(id: RejectId, reject: &StoredReject, config: &Config) -> Result<RejectTest, RejectsError> {
    let messages = offline_trial(config);
    let trial = RejectTrial::new(id, reject, &messages, Timestamp::now())?;
    let fates = trial.chosen().iter().map(Fate::by_configuration).collect();
    Ok(RejectTest { id: id.to_string(), result: trial.answer(offline_tester(&messages), fates) })
}

/// A reject as it is stored, from the answer that tells it.
fn as_stored(reject: Reject) -> StoredReject {
    let Reject { received, origin, kind, reason, excerpt, is_retained, is_replayed, .. } = reject;
    let payload = reject.payload.as_ref().and_then(Payload::bytes);
    let message = reject.topic.zip(payload);
    let message = message.map(|(topic, payload)| Arc::new(RejectedMessage { topic, payload, is_retained }));
    let reading = reject.reading.and_then(|reading| {
        let (device, sensor) = reading.sensor.rsplit_once('/')?;
        let sensor = SensorName::new(device, sensor).ok()?;
        Some(RejectedReading { sensor, time: reading.time, value: reading.value })
    });
    let scope = if reject.is_partial { RejectScope::Reading } else { RejectScope::Message };
    StoredReject { received, origin, kind, reason, excerpt, message, scope, reading, is_replayed }
}

fn replay(args: &ReplayArgs, out: &mut dyn Write) -> Result<ExitCode, RejectsError> {
    let source = RejectSource::of(&args.common.config)?;
    let StoreAccess::Daemon(daemon) = &source.access else {
        return Err(RejectsError::NoDaemon { directory: source.config.store.directory.clone() });
    };
    let mut ids = match &args.kind {
        Some(kind) => of_kind(daemon, kind, args.again)?,
        None => args.ids.clone(),
    };
    // A later reading would make an earlier one late.
    ids.sort_unstable();
    ids.dedup();
    let (mut taken_in, mut not) = (0_u64, 0_u64);
    for id in ids {
        let answer = daemon.post(&format!("/api/v1/rejects/{id}/replay?again={}", args.again), Vec::new());
        match answer.and_then(|answer| answer.json::<RejectTest>()) {
            Ok(test) => {
                *(if is_taken_in(&test.result) { &mut taken_in } else { &mut not }) += 1;
                say(&test, args.common.json, out)?;
            }
            // The others can be replayed all the same.
            Err(ClientError::Refused(why)) => {
                not += 1;
                if args.common.json {
                    write_json(&serde_json::json!({ "id": id.to_string(), "refused": why }), out)?;
                } else {
                    writeln!(out, "reject    {id}\nresult    {why}\n")?;
                }
            }
            Err(problem) => return Err(problem.into()),
        }
    }
    if !args.common.json {
        writeln!(out, "replayed  {taken_in} were taken in, {not} were not, or not all of it")?;
    }
    Ok(code(not == 0))
}

/// The ids of all rejects of a kind.
fn of_kind(daemon: &DaemonClient, kind: &str, again: bool) -> Result<Vec<RejectId>, RejectsError> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = page_of(daemon, Some(kind), after.as_deref(), AT_ONCE)?;
        let wanted = page.items.iter().filter(|reject| again || !reject.is_replayed);
        ids.extend(wanted.filter_map(|reject| RejectId::parse(&reject.id)));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(ids),
        }
    }
}

fn say(test: &RejectTest, json: bool, out: &mut dyn Write) -> Result<(), RejectsError> {
    if json {
        return write_json(test, out);
    }
    writeln!(out, "reject    {}", test.id)?;
    write_test(&test.result, out)?;
    writeln!(out)?;
    Ok(())
}

fn write_json(value: &impl serde::Serialize, out: &mut dyn Write) -> Result<(), RejectsError> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

fn code(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::from(exit_code::FAILURE) }
}

fn parse_id(text: &str) -> Result<RejectId, String> {
    RejectId::parse(text).ok_or_else(|| format!("{text} is not the id of a reject, such as 1042-3"))
}
