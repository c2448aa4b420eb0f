//! The blocks of a day, sensor by sensor, and the readings of a sensor in order of time.
//!
//! The open file of a day holds sorted runs, one for each portion that was taken: within a run, blocks are sorted by the
//! sensor's name and by time. So a day is read by a merge of its runs (Knuth, The Art of Computer Programming, volume 3,
//! section 5.4.1), of which each holds one header in memory. Of a sensor, only blocks whose times overlap are held at
//! once.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::vec;

use crate::sensor::SensorName;
use crate::store::history::block::TimedValue;
use crate::store::history::block_file::{BlockFile, StoredBlock};
use crate::store::history::day::{Day, DayFile};
use crate::store::unreadable::UnreadableEntries;
use crate::time::Timestamp;

/// The blocks of a day, sensor by sensor.
#[derive(Debug)]
pub(super) struct DayBlocks {
    runs: Vec<SortedRun>,
    /// The next sensor of each run that is not at its end, with the run's place.
    next: BinaryHeap<Reverse<(Arc<SensorName>, usize)>>,
}

#[derive(Debug)]
struct SortedRun {
    file: Arc<BlockFile>,
    end: u64,
    next: Option<StoredBlock>,
}

impl DayBlocks {
    /// Opens the files of a day that are there.
    pub(super) fn open(folder: &Path, day: Day, unreadable: &UnreadableEntries) -> io::Result<Self> {
        // The open file is opened first: a merge that ends meanwhile has put what was in it into the merged one. What is
        // in both then counts once.
        let open = BlockFile::open(folder, day, DayFile::Open, unreadable)?;
        let merged = BlockFile::open(folder, day, DayFile::Merged, unreadable)?;
        // The merged file comes first: what it holds was taken before.
        let mut runs: Vec<_> = merged.into_iter().map(|file| SortedRun::new(&file, 0, file.bytes())).collect();
        runs.extend(open.iter().flat_map(SortedRun::all_of));
        let names = runs.iter().enumerate().filter_map(|(place, run)| Some(Reverse((run.sensor()?, place))));
        let next = names.collect();
        Ok(Self { runs, next })
    }

    /// The next sensor by name, and its blocks in the order in which they were taken.
    pub(super) fn next_sensor(&mut self) -> Option<(Arc<SensorName>, Vec<StoredBlock>)> {
        let sensor = Arc::clone(&self.next.peek()?.0.0);
        let mut blocks = Vec::new();
        while self.next.peek().is_some_and(|top| top.0.0 == sensor) {
            let Some(Reverse((_, place))) = self.next.pop() else { break };
            let Some(run) = self.runs.get_mut(place) else { continue };
            while let Some(block) = run.next.take_if(|block| block.header.sensor == sensor) {
                run.next = run.file.block_from(block.end(), run.end);
                blocks.push(block);
            }
            self.next.extend(run.sensor().map(|sensor| Reverse((sensor, place))));
        }
        Some((sensor, blocks))
    }
}

impl SortedRun {
    fn new(file: &Arc<BlockFile>, start: u64, end: u64) -> Self {
        Self { file: Arc::clone(file), end, next: file.block_from(start, end) }
    }

    /// The runs of a file. Two that happen to follow each other in order count as one.
    fn all_of(file: &Arc<BlockFile>) -> Vec<Self> {
        let mut starts = Vec::new();
        let (mut at, mut before) = (0, None);
        while let Some(block) = file.block_from(at, file.bytes()) {
            let begins = Some((Arc::clone(&block.header.sensor), block.header.first));
            if begins <= before || starts.is_empty() {
                starts.push(at);
            }
            at = block.end();
            before = Some((block.header.sensor, block.header.last));
        }
        let ends = starts.iter().copied().skip(1).chain([at]);
        starts.iter().zip(ends).map(|(start, end)| Self::new(file, *start, end)).collect()
    }

    fn sensor(&self) -> Option<Arc<SensorName>> {
        Some(Arc::clone(&self.next.as_ref()?.header.sensor))
    }
}

/// The readings of a sensor in order of time. Of several of the same time, the one that was taken first.
#[derive(Debug)]
pub(super) struct SensorReadings {
    /// The blocks that are not opened yet, by the time of their first reading, each with its place in the order in which
    /// they were taken.
    waiting: vec::IntoIter<(usize, StoredBlock)>,
    opened: BinaryHeap<Reverse<OpenedBlock>>,
    before: Option<Timestamp>,
}

#[derive(Debug)]
struct OpenedBlock {
    next: TimedValue,
    place: usize,
    rest: vec::IntoIter<TimedValue>,
}

impl SensorReadings {
    /// Those of blocks of one sensor, given in the order in which they were taken.
    pub(super) fn of(blocks: Vec<StoredBlock>) -> Self {
        let mut waiting: Vec<_> = blocks.into_iter().enumerate().collect();
        waiting.sort_by_key(|(_, block)| block.header.first);
        Self { waiting: waiting.into_iter(), opened: BinaryHeap::new(), before: None }
    }

    /// Opens the blocks that may hold the next reading.
    fn open(&mut self) {
        while let Some((place, block)) = self.waiting.as_slice().first() {
            if self.opened.peek().is_some_and(|top| top.0.next.0 < block.header.first) {
                return;
            }
            let mut rest = block.readings().into_iter();
            self.opened.extend(rest.next().map(|next| Reverse(OpenedBlock { next, place: *place, rest })));
            self.waiting.next();
        }
    }
}

impl Iterator for SensorReadings {
    type Item = TimedValue;

    fn next(&mut self) -> Option<TimedValue> {
        loop {
            self.open();
            let mut top = self.opened.peek_mut()?;
            let reading = top.0.next;
            match top.0.rest.next() {
                Some(next) => top.0.next = next,
                None => {
                    PeekMut::pop(top);
                }
            }
            if self.before.replace(reading.0) != Some(reading.0) {
                return Some(reading);
            }
        }
    }
}

impl OpenedBlock {
    fn key(&self) -> (Timestamp, usize) {
        (self.next.0, self.place)
    }
}

impl Ord for OpenedBlock {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for OpenedBlock {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OpenedBlock {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for OpenedBlock {}
