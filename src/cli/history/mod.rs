//! What the commands that read histories share: their options, the reading of several files, and the account of what
//! was read.

mod options;
mod tally;

use std::fs;
use std::path::{Path, PathBuf};
use std::vec;

pub use self::options::HistoryOptions;
pub use self::tally::Tally;
use crate::ingest::history::{AnyTime, History, HistoryError, HistorySettings, NamedReading, TimeError};
use crate::time::Timestamp;

/// Reads the files of a history one after the other.
#[derive(Debug)]
pub struct Histories {
    waiting: vec::IntoIter<PathBuf>,
    open: Option<History>,
    settings: HistorySettings,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    tally: Tally,
    bytes_total: u64,
    /// How many bytes the files had that were read to their end.
    bytes_behind: u64,
}

/// Why a history is not read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum HistoriesError {
    /// A file.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The time of --from or --until cannot be used.
    #[error("{option}: {problem}")]
    Bound {
        /// The option.
        option: &'static str,
        /// What is wrong with the time.
        problem: TimeError,
    },
}

impl Histories {
    /// Opens the first file, and reads the headers of the others, so that a mistake in the last shows before the first
    /// is read.
    ///
    /// # Errors
    /// When a file cannot be read, or its header does not name the columns that are needed.
    pub fn open(files: &[PathBuf], options: &HistoryOptions) -> Result<Self, HistoriesError> {
        let settings = options.settings();
        let bound = |option, time: Option<AnyTime>| {
            let time = time.map(|time| settings.times.place(time)).transpose();
            time.map_err(|problem| HistoriesError::Bound { option, problem })
        };
        let (from, until) = (bound("--from", options.from)?, bound("--until", options.until)?);
        let mut waiting = Vec::from(files).into_iter();
        let open = waiting.next().map(|file| History::open(&file, &settings)).transpose()?;
        for file in waiting.as_slice().iter().filter(|file| !can_be_read_once(file)) {
            History::open(file, &settings)?;
        }
        let bytes_total = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum();
        Ok(Self { waiting, open, settings, from, until, tally: Tally::default(), bytes_total, bytes_behind: 0 })
    }

    /// The next reading from --from on and before --until; `None` at the end.
    ///
    /// # Errors
    /// When a file cannot be read on. Bad rows are counted and are no errors.
    pub fn read(&mut self) -> Result<Option<NamedReading>, HistoriesError> {
        while let Some(history) = &mut self.open {
            for reading in history.by_ref() {
                match reading {
                    Ok(reading) if self.from.is_some_and(|from| reading.time < from) => self.tally.passed_over += 1,
                    Ok(reading) if self.until.is_some_and(|until| reading.time >= until) => self.tally.passed_over += 1,
                    Ok(reading) => {
                        self.tally.readings += 1;
                        return Ok(Some(reading));
                    }
                    Err(error) if error.is_of_row() => self.tally.refuse(&error),
                    Err(error) => return Err(error.into()),
                }
            }
            self.tally.end_of_file(history);
            self.bytes_behind += history.bytes_read();
            self.open = self.waiting.next().map(|file| History::open(&file, &self.settings)).transpose()?;
        }
        Ok(None)
    }

    /// The account of what was read so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The account of all that was read.
    pub fn into_tally(self) -> Tally {
        self.tally
    }

    /// How many bytes of the files were read: for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_behind + self.open.as_ref().map_or(0, History::bytes_read)
    }

    /// How many bytes the files have; the sizes that are not known count as zero.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }
}

/// Whether the file can be read only once, as standard input and pipes: its header must not be read beforehand.
fn can_be_read_once(file: &Path) -> bool {
    file == Path::new("-") || fs::metadata(file).is_ok_and(|metadata| !metadata.is_file())
}
