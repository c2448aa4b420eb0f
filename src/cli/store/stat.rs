//! `anomalyd store stat`: what the store takes, how far back it goes, and how long the card lasts.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::size::size;
use crate::cli::store_access::StoreAccess;
use crate::config::Config;
use crate::store::{self, StoreStatistics, TableStatistics, WrittenStatistics};
use crate::time::Span;

const SECOND: Span = Span::from_secs(1);

/// Tells what takes how much of the disk, how far back each table goes, and how long the card lasts.
///
/// What is written a day is counted by a running daemon; the store of a daemon that has ended tells the rest.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
    /// How much the maker of the card lets one write to it in its life ("TBW"); 30 TB is that of a small industrial card
    #[arg(long, value_name = "SIZE", default_value = "30 TB", value_parser = Endurance::parse)]
    pub endurance: Endurance,
}

/// How much may be written to a card in its life, in bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Endurance(f64);

/// A text that is not an endurance.
#[derive(Debug, thiserror::Error)]
#[error("not an endurance; write it as makers of cards do, as 30 TB or 800 GB")]
pub struct EnduranceError;

impl Endurance {
    fn parse(text: &str) -> Result<Self, EnduranceError> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(EnduranceError)?;
        let (number, unit) = text.split_at(digits);
        // Makers of cards count by powers of ten.
        let unit = match unit.trim() {
            "GB" => 1e9,
            "TB" => 1e12,
            "PB" => 1e15,
            _ => return Err(EnduranceError),
        };
        let number: f64 = number.parse().map_err(|_| EnduranceError)?;
        if number > 0.0 { Ok(Self(number * unit)) } else { Err(EnduranceError) }
    }
}

/// Writes the statistics to `out`.
///
/// # Errors
/// When the store cannot be read, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = Config::read(&args.config)?;
    let statistics = match StoreAccess::of(&config)? {
        StoreAccess::Daemon(daemon) => daemon.get("/api/v1/store/stat")?.json()?,
        StoreAccess::Copy(reader) => store::statistics(&reader, None)?,
    };
    writeln!(out, "{}", config.store.directory.display())?;
    Ok(write(&statistics, args.endurance, out)?)
}

fn write(statistics: &StoreStatistics, Endurance(endurance): Endurance, out: &mut dyn Write) -> io::Result<()> {
    let StoreStatistics { pieces, free_bytes, tables, written } = statistics;
    for piece in pieces {
        writeln!(out, "{:>12}  {}", size(piece.bytes as f64), piece.name)?;
    }
    let total: u64 = pieces.iter().map(|piece| piece.bytes).sum();
    writeln!(out, "{:>12}  in all", size(total as f64))?;
    writeln!(out, "{:>12}  free on this disk", size(*free_bytes as f64))?;
    writeln!(out, "\n{:<10} {:>12} {:>12}  {:<24} newest", "table", "entries", "size", "oldest")?;
    for TableStatistics { name, entries, bytes, oldest, newest } in tables {
        let [oldest, newest] =
            [oldest, newest].map(|time| time.map_or_else(|| "-".to_owned(), |time| time.floor(SECOND).to_string()));
        writeln!(out, "{name:<10} {entries:>12} {:>12}  {oldest:<24} {newest}", size(*bytes as f64))?;
    }
    writeln!(out)?;
    let Some(written) = written else {
        return writeln!(out, "what is written a day is counted by the daemon; ask while it runs");
    };
    let (Some(bytes), Some(syncs)) = (written.bytes_a_day(), written.syncs_a_day()) else {
        return writeln!(
            out,
            "written since the daemon's start {:.0} s ago: {} and {} syncs; ask again after {} minutes for what that is a day",
            written.seconds,
            size(written.bytes as f64),
            written.syncs,
            WrittenStatistics::ENOUGH_SECONDS / 60.0
        );
    };
    let counted = match written.seconds {
        seconds if seconds < 7_200.0 => format!("{:.0} minutes", seconds / 60.0),
        seconds => format!("{:.1} hours", seconds / 3600.0),
    };
    writeln!(
        out,
        "written: {} and {syncs:.0} syncs a day, as counted over the {counted} since the daemon's start",
        size(bytes)
    )?;
    let years = endurance / bytes.max(1.0) / 365.25;
    let years = if years < 1_000.0 { format!("{years:.1} years") } else { "more than 1000 years".to_owned() };
    let rating = endurance / 1e12;
    writeln!(
        out,
        "a card that may be written with {rating} TB lasts {years} at this, if it writes no more than it is given \
         (cards write more when writes are small; --endurance names another card)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endurance_is_read_as_makers_write_it() {
        for (text, bytes) in [("30 TB", 3e13), ("800GB", 8e11), ("1.5 PB", 1.5e15)] {
            assert_eq!(Endurance::parse(text).unwrap(), Endurance(bytes));
        }
        for text in ["", "30", "TB", "30 TiB", "0 TB", "-1 TB", "1.2.3 TB"] {
            assert!(Endurance::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_cards_life_is_told_from_what_is_written() {
        let written = |seconds, bytes| Some(WrittenStatistics { seconds, bytes, syncs: 100 });
        let text = |written| {
            let mut out = Vec::new();
            let statistics = StoreStatistics { pieces: vec![], free_bytes: 5 << 30, tables: vec![], written };
            write(&statistics, Endurance(30e12), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        // 1 GB an hour is 24 GB a day, and 30 TB last 1250 days.
        let said = text(written(3_600.0, 1_000_000_000));
        assert!(said.contains("2400 syncs a day") && said.contains("30 TB lasts 3.4 years"), "{said}");
        assert!(text(written(3_600.0, 1)).contains("more than 1000 years"));
        let said = text(written(3.0, 2_048));
        assert!(said.contains("3 s ago: 2.0 KiB and 100 syncs; ask again after 10 minutes"), "{said}");
        assert!(text(None).contains("ask while it runs"));
    }
}
