//! `anomalyd store repair`: removes what `store check` found to be damaged.

use std::io::Write;
use std::path::PathBuf;

use crate::cli::progress;
use crate::config::Config;
use crate::daemon::settings::Settings;
use crate::store::{Finding, Repair, StorePlace};

/// Removes damaged places from the store, by the names that `anomalyd store check` gives them, while no daemon runs.
///
/// Without --yes it only shows what it would do and what is lost with it. The store is made anew without these places, and
/// the old one is kept beside it, whole.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
    /// Do it
    #[arg(long)]
    pub yes: bool,
    /// The places, such as windows/0000000500000007
    #[arg(required = true)]
    pub places: Vec<StorePlace>,
}

/// Shows the repair on `out`, and makes it if that is wanted.
///
/// # Errors
/// When the store cannot be read or written, is in use, or nothing is to be repaired at one of the places.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let settings = Settings::of(&Config::read(&args.config)?).store;
    let line = progress::waiting_line("looking at the store");
    let repair = Repair::plan(settings, &args.places);
    line.finish_and_clear();
    let repair = repair?;
    for Finding { place, problem, cost, .. } in &repair.mended {
        writeln!(out, "{place} is removed ({problem}); lost: {cost}")?;
    }
    for Finding { place, problem, .. } in &repair.left_out {
        writeln!(out, "{place} goes too, because it cannot be copied ({problem})")?;
    }
    for Finding { place, .. } in &repair.staying {
        writeln!(out, "{place} stays as it is")?;
    }
    if !args.yes {
        writeln!(out, "nothing was changed; --yes does it, and keeps the store as it is now beside the new one")?;
        return Ok(());
    }
    let line = progress::waiting_line("writing the store anew");
    let made = repair.make();
    line.finish_and_clear();
    if let Some(replaced) = made? {
        let replaced = replaced.display();
        writeln!(out, "done; the store as it was is in {replaced}; remove it when it is not wanted any more")?;
    }
    Ok(())
}
