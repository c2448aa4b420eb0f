//! Days of event time (UTC), and the files of a day.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use crate::time::{Span, Timestamp};

const DAY: Span = Span::from_secs(86_400);

/// A day of UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Day(i64);

/// What a file of a day holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DayFile {
    /// What was taken since the day was merged last, in blocks as they came.
    Open,
    /// All readings of the day that were there when it was merged: sensor by sensor, in order of time.
    Merged,
    /// A merge that is not finished.
    Unfinished,
}

impl DayFile {
    const ALL: [Self; 3] = [Self::Open, Self::Merged, Self::Unfinished];

    fn ending(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Merged => "merged",
            Self::Unfinished => "part",
        }
    }
}

impl Day {
    /// The day that holds a point in time.
    pub(super) fn of(time: Timestamp) -> Self {
        Self(time.index(DAY))
    }

    /// Its first instant.
    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_nanos(self.0.saturating_mul(DAY.nanos()))
    }

    /// The first instant behind it.
    pub(super) fn end(self) -> Timestamp {
        self.start() + DAY
    }

    /// The path of one of its files.
    pub(super) fn path(self, folder: &Path, file: DayFile) -> PathBuf {
        folder.join(format!("{}.{}", self.start().format("%Y-%m-%d"), file.ending()))
    }
}

/// The files in a folder that are of days. Other files are passed over. Nothing when there is no folder.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(Day, DayFile)>> {
    let entries = match fs::read_dir(folder) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let Some((date, ending)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
        let file = DayFile::ALL.into_iter().find(|file| file.ending() == ending);
        let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok();
        let start = date.and_then(|date| date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt());
        found.extend(start.map(|nanos| Day::of(Timestamp::from_nanos(nanos))).zip(file));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_finds_its_files_again_also_before_the_epoch() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list(&folder.path().join("none")).unwrap(), []);
        let days = ["1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "2026-11-28T12:00:00Z"]
            .map(|time| Day::of(Timestamp::parse(time).unwrap()));
        for day in days {
            fs::write(day.path(folder.path(), DayFile::Open), "").unwrap();
        }
        for other in ["2026-11-28", "2026-11-28.csv", "2026-02-30.open", "notes.open"] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        let mut found = list(folder.path()).unwrap();
        found.sort_by_key(|(day, _)| *day);
        assert_eq!(found, days.map(|day| (day, DayFile::Open)));
        assert_eq!(days[1].path(folder.path(), DayFile::Merged).file_name().unwrap(), "1970-01-01.merged");
    }
}
