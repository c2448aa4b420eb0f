//! `anomalyd top`: the plant on a terminal, live, by keys.
//!
//! - `dashboard.rs` is what is shown and what each key does, pure.
//! - `screen.rs` draws it.
//! - `feed.rs` asks the daemon, on threads of its own, so that keys are answered while the daemon is busy.
//! - `terminal.rs` takes the terminal over and gives it back.

mod dashboard;
mod feed;
mod screen;
mod terminal;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc;

use crate::cli::store_access::running_daemon;
use crate::config::Config;
use dashboard::{Dashboard, Effect};
use feed::{Feed, News};
use terminal::{OwnTerminal, TerminalEvent};

/// Shows the plant live: the sensors, the most unusual first, readings, runs and what happens.
///
/// Keys: q quits, arrows or j and k move, Enter shows a sensor, / filters, s sorts, ? helps. It works over ssh, and needs
/// a terminal; `anomalyd status` tells the same to a script.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    config: PathBuf,
}

/// There is no terminal.
#[derive(Debug, thiserror::Error)]
#[error("top needs a terminal at standard input and output; `anomalyd status --json` tells a script how things are")]
pub struct NoTerminalError;

/// What the screen reacts to.
#[derive(Debug)]
enum Input {
    Terminal(TerminalEvent),
    News(Box<News>),
}

/// Shows the plant until it is told to quit.
///
/// # Errors
/// When no daemon answers at first, or there is no terminal.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::read(&args.config)?;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(NoTerminalError.into());
    }
    // An error is told before the screen is taken over.
    drop(running_daemon(&config)?);
    let (inputs, received) = mpsc::channel();
    let feed = Feed::start(&config, inputs.clone())?;
    let mut terminal = OwnTerminal::take_over()?;
    terminal::listen(inputs)?;
    let mut dashboard = Dashboard::default();
    loop {
        terminal.draw(&mut dashboard)?;
        // All that is there is taken in before it is drawn: a burst of events is one picture.
        let Ok(first) = received.recv() else { return Ok(()) };
        for input in std::iter::once(first).chain(received.try_iter()) {
            match input {
                Input::Terminal(TerminalEvent::Stop) => return Ok(()),
                Input::Terminal(TerminalEvent::Resized) => {}
                Input::Terminal(TerminalEvent::Key(key)) => match dashboard.press(key) {
                    Effect::None => {}
                    Effect::Show(sensor) => feed.show(sensor),
                    Effect::Quit => return Ok(()),
                },
                Input::News(news) => dashboard.take(*news),
            }
        }
    }
}
