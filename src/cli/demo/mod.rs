//! `anomalyd demo`: the whole job in one command.
//!
//! The [simulation] is published by the [plant] over real MQTT to the real daemon, which runs as a [process of its
//! own](daemon_process) on a [temporary folder](workplace). The verdicts are [read](predictions) from the daemon's
//! prediction files, gathered on a [board], [shown](display) as they come, and [compared](findings) with the injected
//! faults. The daemon's page shows the same in a browser, and stays up (`page_open.rs`) for a user who wants to look around.

pub mod board;
pub mod daemon_process;
pub mod display;
pub mod findings;
mod leftovers;
pub mod models;
pub mod narration;
mod page_open;
pub mod plant;
pub mod predictions;
pub mod screen;
pub mod simulation;
pub mod summary;
mod wording;
pub mod workplace;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use self::board::Board;
use self::daemon_process::{DaemonProcess, Event};
use self::display::Display;
use self::plant::Plant;
use self::simulation::Simulation;
use self::summary::{DaemonEnd, Summary};
use self::workplace::{Keep, Workplace};
use super::publish::{self, PublishError};
use crate::printable::shown;

/// Shows the whole job on a simulated plant, in half a minute
///
/// Starts the real daemon on a temporary folder, and a small simulated plant: three devices with five sensors each,
/// which publish six hours of readings over MQTT, 1,200 times as fast as real time. Four of the sensors get a fault:
/// a drift, a spike, a stuck value, a burst of noise. The daemon puts every reading on the disk before it acknowledges
/// it, and scores each sensor's hour with that sensor's own model, which scikit-learn has trained on the plant in
/// health.
///
/// A table (plain lines in a pipe) shows what the daemon finds as it finds it. A summary holds that against what was
/// injected: faults found and missed, false alarms, readings, how long scoring took, and where the verdict files are. The
/// next demo removes them.
///
/// The page of the daemon shows the plant in a browser meanwhile; its address is printed first. With --keep it stays up
/// after the summary.
///
/// Nothing needs to be installed or configured, and nothing listens beyond this machine. The exit code is 0 when every
/// reading was acknowledged and accepted, every hour of every sensor scored, and a fault found, else 1.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The port of this machine on which a browser finds the page; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Leave the daemon and its page up after the summary, until Ctrl-C, and keep the whole folder, also from the next demo
    #[arg(long)]
    keep: bool,
    /// The number that decides the readings and the faults: another one is another day
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Why a demo did not come to its summary.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The temporary folder.
    #[error("the demo's temporary folder cannot be used: {0}; see that there is room, or set TMPDIR to another place")]
    Folder(io::Error),
    /// The daemon's process, or a signal handler.
    #[error("the system does not let the daemon be started and watched: {0}")]
    System(io::Error),
    /// The daemon ended on its own.
    #[error("the daemon has ended {how}; its last lines:\n  {lines}")]
    DaemonEnded {
        /// With which status.
        how: String,
        /// The daemon's last log lines.
        lines: String,
    },
    /// The daemon took no readings.
    #[error("the devices cannot publish: {0}")]
    Publish(#[from] PublishError),
    /// The demo takes too long.
    #[error("the demo is not through after {0:?}; the daemon's last lines:\n  {1}")]
    TooLong(Duration, String),
    /// Someone pressed Ctrl-C.
    #[error("the demo was interrupted; its daemon has stopped")]
    Interrupted,
    /// The output.
    #[error("cannot write what the demo shows: {0}")]
    Output(#[from] io::Error),
}

/// The longest that a demo may take.
const LIMIT: Duration = Duration::from_secs(90);

/// How long the last acknowledgements, and the daemon's end, may take.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
const STOP_WITHIN: Duration = Duration::from_secs(25);

/// How long a process may take to end once its log has.
const EXIT_AFTER_LAST_WORDS: Duration = Duration::from_secs(2);

/// How often the display is renewed.
const REDRAW: Duration = Duration::from_millis(200);

/// Runs the demo, and shows it on `out`, which is the standard output.
///
/// # Errors
/// When the demo cannot reach its summary.
pub async fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, DemoError> {
    let begin = Instant::now();
    let simulation = Simulation::new(args.seed);
    let keep = if args.keep { Keep::All } else { Keep::Predictions };
    let workplace = Workplace::create(args.port, keep).map_err(DemoError::Folder)?;
    if keep == Keep::All {
        writeln!(out, "Everything is kept in {}.", shown(workplace.path()))?;
    }
    // Signals are caught before a daemon is started, so that none can be left behind.
    let mut interruption = Interruption::new().map_err(DemoError::System)?;
    let mut daemon = DaemonProcess::start(&workplace.config()).map_err(DemoError::System)?;
    let predictions = workplace.predictions();
    let watched = tokio::select! {
        watched = timeout(LIMIT, watch(&simulation, &mut daemon, &predictions, out)) => watched,
        () = interruption.came() => Ok(Err(DemoError::Interrupted)),
    };
    let last_lines = daemon.last_lines().join("\n  ");
    let took = begin.elapsed();
    let mut kept_up = None;
    if let (Keep::All, Ok(Ok(_))) = (keep, &watched) {
        kept_up = Some(page_open::counts(workplace.store()).await);
    }
    let end = match kept_up {
        Some(counts) => counts,
        None => stop(&mut daemon).await.map_err(DemoError::System)?,
    };
    let Watched { board, published, page } = watched.map_err(|_| DemoError::TooLong(LIMIT, last_lines))??;

    let summary = Summary { board, published, daemon: end, predictions, took };
    let mut failures = summary.failures();
    if keep == Keep::All {
        write!(out, "\n{summary}\nThe page stays at http://{page}/ until Ctrl-C.\n")?;
        out.flush()?;
        tokio::select! {
            error = page_open::watch(&mut daemon) => return Err(error),
            () = interruption.came() => {}
        }
        if let DaemonEnd::Badly(how) = stop(&mut daemon).await.map_err(DemoError::System)? {
            writeln!(out, "{how}")?;
            failures.push(how);
        }
    }
    workplace.finish().map_err(DemoError::Folder)?;
    if keep == Keep::Predictions {
        write!(out, "\n{summary}")?;
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was seen of a plant.
struct Watched {
    board: Board,
    published: publish::Summary,
    /// Where the page is.
    page: SocketAddr,
}

/// Lets the plant publish, and shows the daemon's results, until the last window is published.
async fn watch(
    simulation: &Simulation,
    daemon: &mut DaemonProcess,
    predictions: &Path,
    out: &mut dyn Write,
) -> Result<Watched, DemoError> {
    let (mut devices, mut browsers) = (None, None);
    let (address, page) = loop {
        if let (Some(address), Some(page)) = (devices, browsers) {
            break (address, page);
        }
        match daemon.event().await {
            Some(Event::Listening(address)) => devices = Some(address),
            Some(Event::PageServed(address)) => browsers = Some(address),
            Some(_) => {}
            None => return Err(ended(daemon).await),
        }
    };
    writeln!(out, "The page is at http://{page}/ for as long as the daemon runs.")?;
    writeln!(out, "The plant publishes to its daemon at mqtt://{address}. Ctrl-C stops both.\n")?;
    let plant = Plant::connect(simulation, address).await?;
    let mut board = Board::new(simulation);
    let mut display = Display::new(out, &board);
    let mut redraw = interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    {
        let mut publishing = pin!(plant.publish(simulation));
        let mut all_sent = false;
        while !(all_sent && board.is_complete()) {
            tokio::select! {
                sent = &mut publishing, if !all_sent => {
                    sent?;
                    all_sent = true;
                }
                event = daemon.event() => match event {
                    Some(Event::Scored(figures)) => board.scored(figures),
                    Some(Event::Published(window)) => board.published(window, predictions),
                    Some(_) => {}
                    None => return Err(ended(daemon).await),
                },
                _ = redraw.tick() => {
                    (board.now, board.progress) = (plant.now(), plant.progress());
                    display.show(&board)?;
                }
            }
        }
    }
    board.now = plant.now();
    let published = plant.drain(DRAIN_WITHIN).await;
    board.progress = published.progress;
    display.show(&board)?;
    drop(display);
    Ok(Watched { board, published, page })
}

/// The error for a daemon that ended by itself.
async fn ended(daemon: &mut DaemonProcess) -> DemoError {
    let how = match daemon.exit(STOP_WITHIN).await {
        Ok(Some(status)) => format!("with {status}"),
        Ok(None) => "its log, but not its work".to_owned(),
        Err(error) => return DemoError::System(error),
    };
    DemoError::DaemonEnded { how, lines: daemon.last_lines().join("\n  ") }
}

/// Stops the daemon in order, as systemd would.
async fn stop(daemon: &mut DaemonProcess) -> io::Result<DaemonEnd> {
    daemon.terminate();
    let mut counts = None;
    let last_words = async {
        while let Some(event) = daemon.event().await {
            if let Event::Stopped { accepted, rejected } = event {
                counts = Some((accepted, rejected));
            }
        }
    };
    // When the last words take too long, so does the exit; both are bounded.
    let _ = timeout(STOP_WITHIN, last_words).await;
    Ok(match (daemon.exit(EXIT_AFTER_LAST_WORDS).await?, counts) {
        (Some(status), Some((accepted, rejected))) if status.success() => DaemonEnd::Stopped { accepted, rejected },
        (Some(status), None) if status.success() => {
            DaemonEnd::Badly("the daemon did not say what it has accepted".to_owned())
        }
        (Some(status), _) => {
            let lines = daemon.last_lines().join("\n  ");
            DaemonEnd::Badly(format!("the daemon ended with {status}; its last lines:\n  {lines}"))
        }
        (None, _) => DaemonEnd::Badly(format!("the daemon did not stop within {STOP_WITHIN:?} and was killed")),
    })
}

/// The signals that end the demo, so that it never leaves its daemon or a hidden cursor behind.
struct Interruption([tokio::signal::unix::Signal; 3]);

impl Interruption {
    fn new() -> io::Result<Self> {
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn came(&mut self) {
        let Self([interrupt, terminate, hangup]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
