//! What is given up before the store becomes too large, or the disk full.
//!
//! The order is fixed. Raw history goes first, the oldest day first: what was computed from it stays. Then the verdicts
//! of the oldest run go, if the run is over and published: the ledger still has the run itself. Nothing else is given
//! up: neither the journal, nor windows, which may not be scored yet.

/// The bounds that decide when something is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShedSettings {
    /// How many bytes the store may take on the disk.
    pub max_bytes: u64,
    /// How many bytes of the disk stay free for others.
    pub reserve_bytes: u64,
}

/// How full store and disk are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskUse {
    /// Bytes of the disk that are free to us.
    pub free_bytes: u64,
    /// Bytes that the store's folder takes: database, journal, history, models, and stores that were set aside.
    pub store_bytes: u64,
    /// Days of raw history.
    pub history_days: usize,
    /// Runs that are over and published, and still have verdicts.
    pub verdict_runs: usize,
}

/// What is to be done before the next portion is written to the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relief {
    /// Write it.
    Proceed,
    /// Delete the oldest day of raw history, and ask again.
    ShedHistoryDay,
    /// Remove the verdicts of the oldest run, then write the portion. The database's file becomes no smaller by it, and
    /// grows no further, as it uses the room again. So one run a portion is enough.
    ShedVerdicts,
    /// Write nothing. Ask again after a while: the disk is full, and nothing is left that may be given up.
    Wait,
}

impl ShedSettings {
    /// Nothing is ever given up, and the disk is never too full.
    pub const NEVER: Self = Self { max_bytes: u64::MAX, reserve_bytes: 0 };

    /// What is to be done.
    pub fn decide(&self, disk: &DiskUse) -> Relief {
        let is_nearly_full = disk.free_bytes < self.reserve_bytes;
        if !is_nearly_full && disk.store_bytes <= self.max_bytes {
            return Relief::Proceed;
        }
        if disk.history_days > 0 {
            return Relief::ShedHistoryDay;
        }
        // The room of verdicts is used again, so they help until the disk has nothing left for the database's own
        // overhead.
        if disk.free_bytes < self.reserve_bytes / 4 {
            return Relief::Wait;
        }
        match (disk.verdict_runs, is_nearly_full) {
            (1.., _) => Relief::ShedVerdicts,
            (0, true) => Relief::Wait,
            // The store is larger than it should be, and the disk has room. Readings that were promised are stored.
            (0, false) => Relief::Proceed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: ShedSettings = ShedSettings { max_bytes: 1_000, reserve_bytes: 100 };

    fn decide(free_bytes: u64, store_bytes: u64, history_days: usize, verdict_runs: usize) -> Relief {
        SETTINGS.decide(&DiskUse { free_bytes, store_bytes, history_days, verdict_runs })
    }

    #[test]
    fn history_goes_first_then_verdicts_then_writing_waits() {
        for (free, days, runs, relief) in [
            (100, 3, 3, Relief::Proceed),
            (99, 3, 3, Relief::ShedHistoryDay),
            (0, 1, 3, Relief::ShedHistoryDay),
            (99, 0, 3, Relief::ShedVerdicts),
            (24, 0, 3, Relief::Wait),
            (99, 0, 0, Relief::Wait),
        ] {
            assert_eq!(decide(free, 500, days, runs), relief, "{free} bytes free, {days} days, {runs} runs");
        }
    }

    #[test]
    fn a_store_that_is_too_large_sheds_and_never_waits_while_the_disk_has_room() {
        for (store, days, runs, relief) in [
            (1_000, 1, 1, Relief::Proceed),
            (1_001, 1, 1, Relief::ShedHistoryDay),
            (1_001, 0, 1, Relief::ShedVerdicts),
            (1_001, 0, 0, Relief::Proceed),
        ] {
            assert_eq!(decide(5_000, store, days, runs), relief, "{store} bytes, {days} days, {runs} runs");
        }
    }

    proptest! {
        #[test]
        fn shedding_ends_and_then_writing_goes_on_or_waits(
            free in 0..400_u64, store in 0..4_000_u64, days in 0..20_usize, runs in 0..20_usize,
        ) {
            let mut disk = DiskUse { free_bytes: free, store_bytes: store, history_days: days, verdict_runs: runs };
            let mut steps = 0;
            while SETTINGS.decide(&disk) == Relief::ShedHistoryDay {
                prop_assert!(disk.history_days > 0);
                disk.history_days -= 1;
                disk.store_bytes = disk.store_bytes.saturating_sub(100);
                disk.free_bytes += 100;
                steps += 1;
            }
            prop_assert!(steps <= days);
            let relief = SETTINGS.decide(&disk);
            prop_assert!(relief != Relief::ShedVerdicts || runs > 0);
            prop_assert!(relief != Relief::Wait || disk.free_bytes < SETTINGS.reserve_bytes);
            prop_assert!(relief != Relief::Proceed || disk.free_bytes >= SETTINGS.reserve_bytes);
        }
    }
}
