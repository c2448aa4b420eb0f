//! The disk that holds the store: how full it is, when it will be full, and what is written to it a day.

use std::time::{Duration, Instant};

use super::Overview;
use crate::answers::Disk;
use crate::store::{self, StoreError, WrittenStatistics};
use crate::telemetry::{disk, metrics};
use crate::time::{Span, Timestamp};

/// How full the disk was at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskSample {
    /// When.
    pub at: Instant,
    /// What the store took.
    pub store_bytes: u64,
    /// What was free on the disk.
    pub free_bytes: u64,
}

/// For how long the disk must have been watched before it is told when it will be full: a start allocates more than the
/// rest of the day.
const WATCHED_FOR: Duration = Duration::from_secs(3600);

impl DiskSample {
    /// Looks at the disk of a folder; `None` where the system does not tell.
    pub fn of(folder: &std::path::Path) -> Option<Self> {
        let free_bytes = store::free_bytes(folder).ok()?;
        Some(Self { at: Instant::now(), store_bytes: store::bytes_on_disk(folder), free_bytes })
    }
}

impl Overview {
    pub(super) fn disk(&self) -> Result<Disk, StoreError> {
        let surroundings = &self.surroundings;
        let sample = DiskSample::of(&surroundings.store);
        let written = WrittenStatistics {
            seconds: surroundings.started.elapsed().as_secs_f64(),
            bytes: disk::written_bytes().unwrap_or_default(),
            syncs: metrics::DATABASE_SYNCS.get() + metrics::JOURNAL_SYNCS.get(),
        };
        let full_in = (surroundings.disk_at_start.zip(sample))
            .and_then(|(start, now)| full_in(&start, &now, surroundings.store_max_bytes));
        Ok(Disk {
            store_bytes: sample.map_or_else(|| self.reader.size_bytes(), |sample| Ok(sample.store_bytes))?,
            store_max_bytes: surroundings.store_max_bytes,
            free_bytes: sample.map(|sample| sample.free_bytes),
            total_bytes: store::total_bytes(&surroundings.store).ok(),
            written_bytes_per_day: disk::written_bytes().and_then(|_| written.bytes_a_day()),
            full_at: full_in.map(|span| Timestamp::now() + Span::from(span)),
        })
    }
}

/// How long until the disk is full, when the store and everything else on the disk grow as they did since the start, and
/// the store grows no larger than `store_max_bytes`. `None` when the disk will not be full, or it is too early to tell.
fn full_in(start: &DiskSample, now: &DiskSample, store_max_bytes: u64) -> Option<Duration> {
    let seconds = now.at.saturating_duration_since(start.at).as_secs_f64();
    if seconds < WATCHED_FOR.as_secs_f64() {
        return None;
    }
    let grown = |before: u64, after: u64| (after as f64 - before as f64) / seconds;
    let store = grown(start.store_bytes, now.store_bytes).max(0.0);
    let others = grown(now.free_bytes, start.free_bytes) - store;
    let free = now.free_bytes as f64;
    let room = store_max_bytes.saturating_sub(now.store_bytes) as f64;
    let both = store + others;
    let until_full = if both > 0.0 { free / both } else { f64::INFINITY };
    let until_store_is_full = if store > 0.0 { room / store } else { f64::INFINITY };
    let left = if until_full <= until_store_is_full {
        until_full
    } else if others > 0.0 {
        (free - room) / others
    } else {
        return None;
    };
    Duration::try_from_secs_f64(left).ok().filter(|left| *left < CENTURY)
}

/// Beyond this, a disk will not be full.
const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;

    /// What one hour made of a disk.
    fn after_an_hour(store: [u64; 2], free: [u64; 2], max: u64) -> Option<u64> {
        let at = Instant::now();
        let start = DiskSample { at, store_bytes: store[0], free_bytes: free[0] };
        let now = DiskSample { at: at + Duration::from_secs(HOUR), store_bytes: store[1], free_bytes: free[1] };
        full_in(&start, &now, max).map(|left| left.as_secs() / HOUR)
    }

    #[test]
    fn a_store_that_grows_fills_the_disk_unless_it_is_bounded_below_that() {
        assert_eq!(after_an_hour([0, 10], [1_010, 1_000], 10_000), Some(100));
        assert_eq!(after_an_hour([0, 10], [1_010, 1_000], 500), None);
    }

    #[test]
    fn what_others_write_fills_the_disk_too() {
        assert_eq!(after_an_hour([0, 0], [1_010, 1_000], 10_000), Some(100));
        // The store takes 100 more and stops; the others fill the 900 that are left by 10 an hour.
        assert_eq!(after_an_hour([0, 10], [1_020, 1_000], 110), Some(90));
    }

    #[test]
    fn a_disk_that_does_not_fill_up_or_was_not_watched_for_long_has_no_end() {
        assert_eq!(after_an_hour([10, 10], [1_000, 1_000], 10_000), None);
        assert_eq!(after_an_hour([10, 5], [1_000, 1_005], 10_000), None);
        let at = Instant::now();
        let start = DiskSample { at, store_bytes: 0, free_bytes: 1_000 };
        let now = DiskSample { at: at + Duration::from_secs(60), store_bytes: 500, free_bytes: 500 };
        assert_eq!(full_in(&start, &now, 10_000), None);
    }
}
