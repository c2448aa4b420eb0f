//! Writes a day anew when it is over: one block a sensor, or several full ones. It is done in slices, so that whoever
//! does it can do other work between them.
//!
//! The new file is written beside the old ones, synced, and renamed; then the open file is removed. A crash before the
//! rename leaves everything as it was. A crash before the removal leaves readings in both files, which count once.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sensor::SensorName;
use crate::store::history::block::{self, TimedValue};
use crate::store::history::day::{Day, DayFile};
use crate::store::history::merge::{DayBlocks, SensorReadings};
use crate::store::unreadable::UnreadableEntries;

/// How many readings a slice takes: some milliseconds.
const READINGS_A_SLICE: usize = 1 << 15;
/// How many sensors a slice takes at the most.
const SENSORS_A_SLICE: usize = 1 << 8;

/// A day that is being written anew.
#[derive(Debug)]
pub(super) struct DayMerge {
    folder: PathBuf,
    pub(super) day: Day,
    blocks: DayBlocks,
    sensor: Option<(Arc<SensorName>, SensorReadings)>,
    /// Readings of the sensor that are not written yet; at most a block.
    gathered: Vec<TimedValue>,
    encoded: Vec<u8>,
    file: BufWriter<File>,
}

/// Whether a merge has more to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MergeProgress {
    /// It has.
    Unfinished,
    /// The day's merged file is in place, with so many bytes, and there is no open one.
    Finished {
        /// The length of the merged file.
        bytes: u64,
    },
}

impl DayMerge {
    pub(super) fn begin(folder: &Path, day: Day, unreadable: &UnreadableEntries) -> io::Result<Self> {
        let blocks = DayBlocks::open(folder, day, unreadable)?;
        let file = BufWriter::new(File::create(day.path(folder, DayFile::Unfinished))?);
        let (gathered, encoded) = (Vec::new(), Vec::new());
        Ok(Self { folder: folder.to_owned(), day, blocks, sensor: None, gathered, encoded, file })
    }

    /// Does a slice of the work.
    pub(super) fn slice(&mut self) -> io::Result<MergeProgress> {
        let (mut readings, mut sensors) = (0, 0);
        while readings < READINGS_A_SLICE && sensors < SENSORS_A_SLICE {
            if self.sensor.is_none() {
                let Some((sensor, blocks)) = self.blocks.next_sensor() else { return self.finish() };
                self.sensor = Some((sensor, SensorReadings::of(blocks)));
            }
            let Some((_, rest)) = &mut self.sensor else { continue };
            let before = self.gathered.len();
            self.gathered.extend(rest.take(block::MAX_READINGS - before));
            readings += self.gathered.len() - before;
            self.write_gathered()?;
            sensors += 1;
        }
        Ok(MergeProgress::Unfinished)
    }

    /// Writes a block that is full, or the last one of its sensor.
    fn write_gathered(&mut self) -> io::Result<()> {
        let Some((sensor, _)) = &self.sensor else { return Ok(()) };
        block::encode(sensor, &self.gathered, &mut self.encoded);
        self.file.write_all(&self.encoded)?;
        if self.gathered.len() < block::MAX_READINGS {
            self.sensor = None;
        }
        self.encoded.clear();
        self.gathered.clear();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<MergeProgress> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let bytes = self.file.get_ref().metadata()?.len();
        let [unfinished, merged, open] =
            [DayFile::Unfinished, DayFile::Merged, DayFile::Open].map(|file| self.day.path(&self.folder, file));
        fs::rename(unfinished, merged)?;
        File::open(&self.folder)?.sync_all()?;
        fs::remove_file(open)?;
        Ok(MergeProgress::Finished { bytes })
    }
}
