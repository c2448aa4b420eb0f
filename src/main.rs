//! The `anomalyd` binary: arguments, configuration, log, command, exit code.
//!
//! Exit codes: 0 when all went well; 2 when the command was called wrongly; 78 when the configuration has to be changed
//! first (`cli::exit_code`); 1 when the command failed otherwise. The commands about one model use 1 when their answer
//! is no, and 2 when they found no answer.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::PathBuf;
use std::process::ExitCode;

use anomalyd::cli::{
    check, conditions, configuration, connections, demo, dump, exit_code, export, groups, import, model, models,
    rejects, reload, replay, route_test, run_now, runs, schedule, score, sensors, show, status, store, tail, token,
    top, verdicts, version,
};
use anomalyd::config::Config;
use anomalyd::daemon;
use anomalyd::printable::{PrintableWriter, Style, steers};
use anomalyd::telemetry::journal::{self, Priority, marked};
use anomalyd::telemetry::logging::{self, LogFormat};
use anomalyd::telemetry::panics;
use clap::{Parser, Subcommand};

/// mimalloc in the place of the system's allocator, because a run takes and gives back many small pieces of memory on
/// all cores at once, at which the system's allocator is slow (docs/performance.md). Huge pages are off (Cargo.toml):
/// they would quadruple the memory of a small installation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Scores many anomaly models on a schedule, on one edge gateway.
///
/// Devices publish sensor readings over MQTT. anomalyd makes them durable, aggregates them over intervals, and scores
/// each sensor's window with that sensor's pre-trained model, every hour. See it work: anomalyd demo
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How log lines look
    #[arg(long, global = true, value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

// The commands' own arguments carry their help.
#[derive(Subcommand)]
enum Command {
    /// Runs the daemon until it is told to stop
    ///
    /// SIGTERM or SIGINT (Ctrl-C) stops the daemon in order; a second signal stops it at once. Either way nothing that
    /// was acknowledged is lost. SIGHUP makes the daemon look at the model files at once, as `anomalyd reload` does.
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
        config: PathBuf,
    },
    Check(check::Args),
    Demo(demo::Args),
    Score(Box<score::Args>),
    Replay(replay::Args),
    Reload(reload::Args),
    Dump(dump::Args),
    Export(export::Args),
    Status(status::Args),
    Top(top::Args),
    Groups(groups::Args),
    Sensors(sensors::Args),
    Show(show::Args),
    Verdicts(verdicts::Args),
    Runs(runs::Args),
    RunNow(run_now::Args),
    Schedule(schedule::Args),
    Models(models::Args),
    Conditions(conditions::Args),
    Connections(connections::Args),
    Configuration(configuration::Args),
    Version(version::Args),
    Tail(tail::Args),
    Import(import::Args),
    Rejects(rejects::Args),
    Test(route_test::Args),
    #[command(subcommand)]
    Store(store::Command),
    Token(token::Args),
    #[command(subcommand)]
    Model(model::Command),
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(say_panic));
    panics::install();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // The error quotes the arguments, and these may be file names that hold steering characters.
        Err(error) if error.to_string().contains(|c| steers(c) && c != '\n') => {
            let _ = write!(PrintableWriter::new(io::stderr(), Style::Text), "{error}");
            return ExitCode::from(exit_code::USAGE);
        }
        Err(error) => error.exit(),
    };
    let is_about_model = matches!(arguments.command, Command::Model(_));
    match execute(arguments) {
        Ok(code) => code,
        // A broken pipe is no failure: the program that reads our output, such as `head`, has all it wants.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(if is_about_model { exit_code::USAGE } else { exit_code::of(&error) })
        }
    }
}

/// Prints the error alone: its message already holds the messages of its causes.
fn complain(error: &dyn std::fmt::Display) {
    say_failure(&format!("anomalyd: {error}"));
}

/// Says on standard error why the process ends.
fn say_failure(text: &str) {
    let text = if journal::is_standard_error() { marked(Priority::Error, text) } else { format!("{text}\n") };
    // A failure to write is ignored: there is no other place to report it.
    let _ = PrintableWriter::new(io::stderr(), Style::Text).write_all(text.as_bytes());
}

/// Prints a panic through the writer that replaces steering characters: its message may quote a file or an MQTT
/// message.
fn say_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("without a name"));
    if backtrace.status() == BacktraceStatus::Captured {
        text = format!("{text}\n{backtrace}");
    }
    say_failure(&text);
}

/// What a command writes to standard output.
fn style(command: &Command) -> Style {
    match command {
        Command::Dump(_) => Style::Json,
        Command::Rejects(args) if args.is_json() => Style::Json,
        Command::Test(args) if args.json => Style::Json,
        Command::Model(model::Command::Inspect(args)) if args.output == model::Output::Json => Style::Json,
        Command::Model(model::Command::Check(args)) if args.output == model::Output::Json => Style::Json,
        _ => Style::Text,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn execute(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { log_format, command } = arguments;
    let mut stdout = io::stdout().lock();
    let out = &mut PrintableWriter::new(&mut stdout, style(&command));
    match command {
        Command::Run { config } => {
            let config = Config::read(&config)?;
            logging::start(log_format, &config.log.level)?;
            for warning in config.warnings() {
                tracing::warn!("{warning}");
            }
            let stopped = actix_rt::System::new().block_on(daemon::run(&config));
            // The process exits here rather than returns. A return would wait for files that are still being written,
            // and would ignore signals meanwhile. The next start writes these files again.
            let code = stopped.map_or_else(
                |error| {
                    complain(&error);
                    exit_code::of(&error.into())
                },
                |()| 0,
            );
            std::process::exit(code.into())
        }
        Command::Check(args) => Ok(check::run(&args, out)?),
        // Its screen is drawn by escapes of its own, of sensors of its own.
        Command::Demo(args) => Ok(runtime()?.block_on(demo::run(&args, &mut io::stdout()))?),
        Command::Score(args) => {
            logging::start(log_format, "warn")?;
            Ok(score::run(&args, out)?)
        }
        Command::Replay(args) => {
            logging::start(log_format, "warn")?;
            Ok(runtime()?.block_on(replay::run(&args, out))?)
        }
        Command::Reload(args) => {
            reload::run(&Config::read(&args.config)?, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Dump(args) => {
            logging::start(log_format, "warn")?;
            dump::run(args.what, &Config::read(&args.config)?, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Export(args) => {
            logging::start(log_format, "warn")?;
            export::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Status(args) => status::run(&args),
        Command::Top(args) => {
            top::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sensors(args) => {
            sensors::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show(args) => {
            show::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Groups(args) => {
            groups::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verdicts(args) => {
            verdicts::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Runs(args) => {
            runs::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::RunNow(args) => run_now::run(&args),
        Command::Schedule(args) => {
            schedule::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Models(args) => {
            models::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Connections(args) => {
            connections::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Conditions(args) => {
            conditions::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Configuration(args) => {
            configuration::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Version(args) => {
            version::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Tail(args) => {
            tail::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Import(args) => {
            logging::start(log_format, "warn")?;
            Ok(import::run(&args, out)?)
        }
        Command::Rejects(args) => {
            logging::start(log_format, "warn")?;
            Ok(rejects::run(&args, out)?)
        }
        Command::Test(args) => {
            logging::start(log_format, "warn")?;
            Ok(route_test::run(&args, out)?)
        }
        Command::Store(command) => {
            logging::start(log_format, "error")?;
            store::run(&command, out)
        }
        Command::Token(args) => {
            token::run(&args, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Model(command) => model::run(&command, out),
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
