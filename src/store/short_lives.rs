//! How many times in a row the daemon has ended soon after its start, on this store: so a process that crashes, is started
//! by the service's manager, and crashes again, is told from one that was killed once.
//!
//! It is counted beside the database, in a file of its own, and not by the clock: the clock of a gateway that boots may be
//! anywhere. A start counts as a short life until it has told otherwise.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{lock, read_note, write_note};

/// The name of the file.
const NOTE: &str = "short-lives";

/// The longest reason that is kept, in bytes.
const MAX_REASON: usize = 1000;

/// The lives before this one that were short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShortLives {
    directory: PathBuf,
    /// How many there were in a row.
    pub count: u32,
    /// Why the last of them ended, if it could tell.
    pub reason: Option<String>,
}

impl ShortLives {
    /// The first pause; it doubles with each short life more.
    const PAUSE: Duration = Duration::from_secs(5);
    const LONGEST_PAUSE: Duration = Duration::from_secs(120);

    /// Begins a life. `None` when another process has the store, or the folder cannot be written to: the start fails, and
    /// says why.
    pub fn begin(directory: &Path) -> Option<Self> {
        let _lock = lock::for_writing(directory).ok()?;
        let note = read_note(directory, NOTE).unwrap_or_default();
        let (count, reason) = read(&String::from_utf8_lossy(&note));
        let lives = Self { directory: directory.to_owned(), count, reason };
        lives.write(count.saturating_add(1), "");
        Some(lives)
    }

    /// How long this life waits before it does anything, when so many short ones are in order: longer with each that
    /// follows.
    pub fn pause(&self, in_order: u32) -> Option<Duration> {
        let beyond = self.count.checked_sub(in_order)?;
        Some(Self::PAUSE.saturating_mul(2_u32.saturating_pow(beyond)).min(Self::LONGEST_PAUSE))
    }

    /// Notes why this life ends.
    pub fn ends(&self, reason: &str) {
        self.write(self.count.saturating_add(1), reason);
    }

    /// Notes that this life was no short one, or ended as it was told to.
    pub fn is_sound(&self) {
        self.write(0, "");
    }

    /// Notes that the life that was begun last ended as it was told to.
    pub fn forget(directory: &Path) {
        Self { directory: directory.to_owned(), count: 0, reason: None }.is_sound();
    }

    fn write(&self, count: u32, reason: &str) {
        let end = (0..=MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        let reason = &reason[..end.unwrap_or_default()];
        if let Err(problem) = write_note(&self.directory, NOTE, &format!("{count}\n{reason}")) {
            tracing::debug!("how long the daemon lives cannot be noted beside the store: {problem}");
        }
    }
}

fn read(note: &str) -> (u32, Option<String>) {
    let (count, reason) = note.split_once('\n').unwrap_or((note, ""));
    let reason = Some(reason.trim()).filter(|reason| !reason.is_empty() && reason.len() <= MAX_REASON);
    (count.parse().unwrap_or(0), reason.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_lives_in_a_row_are_counted_until_one_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || ShortLives::begin(folder.path()).unwrap();
        assert_eq!((begin().count, begin().count), (0, 1));
        begin().ends("out of tea");
        let fourth = begin();
        assert_eq!((fourth.count, fourth.reason.as_deref()), (3, Some("out of tea")));
        assert_eq!(begin().reason, None, "the fourth life did not tell");
        begin().is_sound();
        assert_eq!(begin().count, 0);
    }

    #[test]
    fn the_pause_begins_after_as_many_as_are_in_order_and_doubles_up_to_the_longest() {
        let pause = |count| ShortLives { directory: PathBuf::new(), count, reason: None }.pause(3);
        let seconds: Vec<_> =
            [0, 2, 3, 4, 7, 8, u32::MAX].map(|count| pause(count).map(|pause| pause.as_secs())).into();
        assert_eq!(seconds, [None, None, Some(5), Some(10), Some(80), Some(120), Some(120)]);
    }

    #[test]
    fn a_process_that_does_not_get_the_store_counts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock::for_writing(folder.path()).unwrap();
        assert_eq!(ShortLives::begin(folder.path()), None);
        drop(lock);
        assert_eq!(ShortLives::begin(folder.path()).unwrap().count, 0);
    }

    proptest! {
        #[test]
        fn whatever_the_file_holds_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(NOTE), bytes).unwrap();
            prop_assert!(ShortLives::begin(folder.path()).is_some());
        }
    }
}
