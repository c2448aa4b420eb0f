//! What a durable write takes at the least on this disk, whatever program it is of.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const RECORD: usize = 64;
const BYTES: usize = 4 << 20;

/// Appends small records to a file that is there and zeroed, all that are due at once, and syncs it, for as long as
/// `goes_on` says of the records written. Returns how long each waited from when it was due, the shortest first.
pub(crate) fn pace(folder: &Path, rate: f64, goes_on: impl Fn(usize) -> bool) -> Vec<Duration> {
    let file = File::create(folder.join("bare")).expect("a file");
    file.write_all_at(&vec![0; BYTES], 0).and_then(|()| file.sync_all()).expect("room on the disk");
    let mut waits = Vec::new();
    let began = Instant::now();
    let due_at = |record: usize| began + Duration::from_secs_f64(record as f64 / rate);
    while goes_on(waits.len()) {
        thread::sleep(due_at(waits.len()).saturating_duration_since(Instant::now()));
        let due = ((began.elapsed().as_secs_f64() * rate) as usize + 1).max(waits.len() + 1);
        let records = vec![7; (RECORD * (due - waits.len())).min(BYTES / 2)];
        let offset = waits.len() * RECORD % (BYTES - records.len());
        file.write_all_at(&records, offset as u64).and_then(|()| file.sync_data()).expect("a disk at work");
        let durable = Instant::now();
        waits.extend((waits.len()..due).map(|record| durable.saturating_duration_since(due_at(record))));
    }
    waits.sort_unstable();
    waits
}
