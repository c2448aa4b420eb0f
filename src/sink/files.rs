//! The file sink: a prediction file for each scored sensor of a run, in a directory by date.
//!
//! A file is written under a temporary name and renamed, so that no program reads half a file. The temporary name is
//! the same for all files: a failure to write under it is the fault of the folder or the disk, and only a failure to
//! rename is the fault of one sensor's name. A run counts as published when the file system has all its files on the
//! disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::interval::{Interval, Window};
use crate::sensor::SensorName;
use crate::sink::prediction::{Decisions, FileNames, PredictionWriter};
use crate::time::{Span, Timestamp};
use crate::verdict::Scored;
use crate::warn_limited;

/// Where prediction files go, and for how long.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// The directory, with one directory a day below it.
    pub directory: PathBuf,
    /// Whether decision values are written.
    pub decisions: Decisions,
    /// How long files are kept, in event time.
    pub keep: Span,
}

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No file can be written there now.
    #[error("{}: {problem}; anomalyd must be able to write there (publish.files.directory)", path.display())]
    Folder {
        /// The folder, or the file.
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// This file cannot have its name. Others can.
    #[error("{} cannot have its name: {problem}; remove what is there, or give the sensor another name", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
}

/// Writes the prediction files of one run.
#[derive(Debug)]
pub struct RunFiles<'a> {
    settings: &'a FileSettings,
    window: Window,
    interval: Span,
    directory: PathBuf,
    state: FolderState,
    names: FileNames,
}

/// Whether the day's folder was made yet. A run without a scored window makes none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FolderState {
    Unmade,
    Made,
}

/// Under which every file is written.
const TEMPORARY_NAME: &str = "writing.part";

impl<'a> RunFiles<'a> {
    /// Files for the run of this revision over `window` in intervals of this length, in the directory of the day on which
    /// the window ends.
    pub fn new(settings: &'a FileSettings, window: Window, interval: Span, revision: u32) -> Self {
        let directory = settings.directory.join(day(window.end()));
        Self {
            settings,
            window,
            interval,
            directory,
            state: FolderState::Unmade,
            names: FileNames::of_revision(revision),
        }
    }

    /// Writes one sensor's file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, sensor: &SensorName, intervals: &[Interval], scored: &Scored) -> Result<(), FileError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |problem| FileError::Folder { path, problem }
        };
        if self.state == FolderState::Unmade {
            fs::create_dir_all(&self.directory).map_err(at(&self.directory))?;
            self.state = FolderState::Made;
        }
        let temporary = self.directory.join(TEMPORARY_NAME);
        self.write_file(&temporary, sensor, intervals, scored).map_err(at(&temporary))?;
        let path = self.directory.join(self.names.give(sensor, self.window.end()));
        fs::rename(&temporary, &path).map_err(|problem| {
            if is_of_the_name(&problem) {
                // A failure is ignored: the next file overwrites it in any case.
                let _ = fs::remove_file(&temporary);
                FileError::Name { path, problem }
            } else {
                FileError::Folder { path, problem }
            }
        })
    }

    /// Keeps the name of a sensor that gets no file in this run. Another sensor whose name would be the same must not
    /// get it in some runs and not in others.
    pub fn keep_name(&mut self, sensor: &SensorName) {
        self.names.give(sensor, self.window.end());
    }

    fn write_file(&self, path: &Path, sensor: &SensorName, intervals: &[Interval], scored: &Scored) -> io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        let mut writer = PredictionWriter::new(file, sensor.clone(), self.settings.decisions)?;
        writer.write(self.window, self.interval, intervals, scored)?;
        writer.finish()?.flush()
    }

    /// Syncs all files to the disk, and removes the directories of days that are no longer kept.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn finish(self) -> Result<(), FileError> {
        if self.state == FolderState::Unmade {
            return Ok(());
        }
        let at = |path: &Path| {
            let path = path.to_owned();
            move |problem| FileError::Folder { path, problem }
        };
        // One call for all files of the run, because a sync for each would wear out flash.
        let directory = File::open(&self.directory).map_err(at(&self.directory))?;
        rustix::fs::syncfs(&directory).map_err(|errno| at(&self.directory)(errno.into()))?;
        let oldest = day(self.window.end() - self.settings.keep);
        for entry in fs::read_dir(&self.settings.directory).map_err(at(&self.settings.directory))? {
            let path = entry.map_err(at(&self.settings.directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| is_day(name) && name < oldest.as_str())
                && let Err(error) = fs::remove_dir_all(&path)
            {
                // Old files that cannot be removed do not hold back new ones.
                warn_limited!(path = %path.display(), "old prediction files cannot be removed: {error}");
            }
        }
        Ok(())
    }
}

/// Whether a rename failed because of the new name: a file could just be written in the same folder.
fn is_of_the_name(problem: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        problem.kind(),
        InvalidFilename
            | InvalidInput
            | IsADirectory
            | NotADirectory
            | DirectoryNotEmpty
            | PermissionDenied
            | ResourceBusy
    ) || rustix::io::Errno::from_io_error(problem) == Some(rustix::io::Errno::ILSEQ)
}

fn day(time: Timestamp) -> String {
    time.format("%Y-%m-%d")
}

/// Whether a directory has the name of a day: no other directory is ever removed.
fn is_day(name: &str) -> bool {
    Timestamp::parse(&format!("{name} 00:00")).is_some() && name.len() == "2018-08-29".len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;
    use crate::verdict::{Label, ModelHash, Row};

    fn settings(directory: &Path) -> FileSettings {
        let keep = Span::from_secs(86_400);
        FileSettings { directory: directory.to_owned(), decisions: Decisions::Omit, keep }
    }

    fn publish(settings: &FileSettings, at: &str, sensors: &[(&str, &str)]) {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let window = cut.window_of(Timestamp::parse(at).unwrap());
        let mut files = RunFiles::new(settings, window, cut.interval(), 0);
        for (device, sensor) in sensors {
            let interval = Interval::aggregate(window.start(), [1.5].into_iter()).unwrap();
            let rows = vec![Row { interval: 0, label: Label::Normal, decision: 1.0 }].into();
            let scored = Scored {
                model: ModelHash([0; 32]),
                proven: false,
                unit: None,
                boundary: None,
                rows,
                explanation: None,
            };
            let written = files.write(&SensorName::new(device, sensor).unwrap(), &[interval], &scored);
            assert!(matches!(written, Ok(()) | Err(FileError::Name { .. })), "{written:?}");
        }
        files.finish().unwrap();
    }

    fn tree(directory: &Path) -> Vec<String> {
        let mut paths: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path().strip_prefix(directory).unwrap().display().to_string())
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn files_go_into_a_directory_by_date_and_nothing_temporary_remains() {
        let directory = tempfile::tempdir().unwrap();
        publish(&settings(directory.path()), "2018-08-28 23:30", &[("1", "4")]);
        assert_eq!(tree(directory.path()), ["2018-08-29/preds_1_4_180829000000.csv"]);
    }

    #[test]
    fn sensors_whose_names_run_together_get_files_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        publish(&settings(directory.path()), "2018-08-29 02:30", &[("a_b", "c"), ("a", "b_c")]);
        let expected = ["2018-08-29/preds_a_b_c_180829030000-2.csv", "2018-08-29/preds_a_b_c_180829030000.csv"];
        assert_eq!(tree(directory.path()), expected);
    }

    #[test]
    fn a_name_that_cannot_be_had_costs_its_own_file_alone() {
        let directory = tempfile::tempdir().unwrap();
        let taken = "2018-08-29/preds_1_4_180829030000.csv";
        fs::create_dir_all(directory.path().join(taken)).unwrap();
        publish(&settings(directory.path()), "2018-08-29 02:30", &[("1", "3"), ("1", "4"), ("1", "5")]);
        let expected = ["2018-08-29/preds_1_3_180829030000.csv", taken, "2018-08-29/preds_1_5_180829030000.csv"];
        assert_eq!(tree(directory.path()), expected);
        assert!(directory.path().join(taken).is_dir());
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_no_fault_of_a_name() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("2018-08-29").join(TEMPORARY_NAME)).unwrap();
        let settings = settings(directory.path());
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let window = cut.window_of(Timestamp::parse("2018-08-29 02:30").unwrap());
        let scored = Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows: Vec::new().into(),
            explanation: None,
        };
        let written = RunFiles::new(&settings, window, cut.interval(), 0).write(
            &SensorName::new("1", "4").unwrap(),
            &[],
            &scored,
        );
        assert!(matches!(written, Err(FileError::Folder { .. })), "{written:?}");
    }

    #[test]
    fn a_name_that_is_kept_is_given_to_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let window = cut.window_of(Timestamp::parse("2018-08-29 02:30").unwrap());
        let scored = Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows: Vec::new().into(),
            explanation: None,
        };
        let mut files = RunFiles::new(&settings, window, cut.interval(), 0);
        files.keep_name(&SensorName::new("a_b", "c").unwrap());
        files.write(&SensorName::new("a", "b_c").unwrap(), &[], &scored).unwrap();
        files.finish().unwrap();
        assert_eq!(tree(directory.path()), ["2018-08-29/preds_a_b_c_180829030000-2.csv"]);
    }

    #[test]
    fn days_that_are_no_longer_kept_go_and_what_is_not_ours_stays() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("0000-notes")).unwrap();
        for day in ["2018-08-27", "2018-08-28", "2018-08-29"] {
            publish(&settings(directory.path()), &format!("{day} 12:30"), &[("1", "4")]);
        }
        let mut days: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|day| day.unwrap().file_name()).collect();
        days.sort();
        assert_eq!(days, ["0000-notes", "2018-08-28", "2018-08-29"]);
    }
}
