//! How many times in a row the daemon has ended soon after its start, on this store: so a process that crashes, is started
//! by the service's manager, and crashes again, is told from one that was killed once.
//!
//! It is counted beside the database, in a file of its own, and not by the clock: the clock of a gateway that boots may be
//! anywhere. A life begins when it has waited because of those before it: what ends it while it waits counts as nothing.
//! From then on it counts as a short one until it has told otherwise. Another boot of the system begins the count anew: a
//! power cut is no crash.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{from_disk, lock, read_note, write_note};

/// The name of the file.
const NOTE: &str = "short-lives";

/// Where the system says which boot it is. A service that does not see it is told by [`BOOT_VARIABLE`].
const BOOT_FILE: &str = "/proc/sys/kernel/random/boot_id";
const BOOT_VARIABLE: &str = "ANOMALYD_BOOT";

/// So much of a boot's name is kept.
const MAX_BOOT: usize = 64;

/// The longest reason that is kept, in bytes.
const MAX_REASON: usize = 1000;

/// The lives before this one that were short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShortLives {
    directory: PathBuf,
    /// Which boot this is; empty where that is not known.
    boot: String,
    /// How many there were in a row.
    pub count: u32,
    /// Why the last of them ended, if it could tell.
    pub reason: Option<String>,
}

impl ShortLives {
    /// The first pause; it doubles with each short life more.
    const PAUSE: Duration = Duration::from_secs(5);
    const LONGEST_PAUSE: Duration = Duration::from_secs(120);

    /// Reads what is known of the lives before this one. `None` when another process has the store: the start fails, and
    /// says why.
    pub fn read(directory: &Path) -> Option<Self> {
        let boot = std::env::var(BOOT_VARIABLE).or_else(|_| std::fs::read_to_string(BOOT_FILE));
        let boot = boot.unwrap_or_default().chars().filter(char::is_ascii_hexdigit).take(MAX_BOOT).collect();
        (!lock::is_in_use(directory)).then(|| Self::of_boot(directory, boot))
    }

    fn of_boot(directory: &Path, boot: String) -> Self {
        let note = read_note(directory, NOTE).unwrap_or_default();
        let Note { count, boot: noted, reason } = Note::of(&String::from_utf8_lossy(&note));
        let directory = directory.to_owned();
        if boot.is_empty() || noted.is_empty() || boot == noted {
            Self { directory, boot, count, reason }
        } else {
            Self { directory, boot, count: 0, reason: None }
        }
    }

    /// Begins this life, after it has waited.
    pub fn begin(&self) {
        // The result is ignored: without a folder nothing is noted, and the start says why there is none.
        let _ = from_disk::make_folder(&self.directory);
        self.write(self.count.saturating_add(1), "");
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
        Self { directory: directory.to_owned(), boot: String::new(), count: 0, reason: None }.is_sound();
    }

    fn write(&self, count: u32, reason: &str) {
        let end = (0..=MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        let reason = &reason[..end.unwrap_or_default()];
        if let Err(problem) = write_note(&self.directory, NOTE, &format!("{count} {}\n{reason}", self.boot)) {
            tracing::debug!("how long the daemon lives cannot be noted beside the store: {problem}");
        }
    }
}

/// What the file says: a line with the count and the boot, and the reason.
struct Note {
    count: u32,
    boot: String,
    reason: Option<String>,
}

impl Note {
    fn of(text: &str) -> Self {
        let (first, reason) = text.split_once('\n').unwrap_or((text, ""));
        let (count, boot) = first.split_once(' ').unwrap_or((first, ""));
        let reason = Some(reason.trim()).filter(|reason| !reason.is_empty() && reason.len() <= MAX_REASON);
        Self {
            count: count.parse().unwrap_or(0),
            boot: boot.chars().take(MAX_BOOT).collect(),
            reason: reason.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(folder: &Path) -> ShortLives {
        ShortLives::read(folder).unwrap()
    }

    fn begin(folder: &Path) -> ShortLives {
        let lives = read(folder);
        lives.begin();
        lives
    }

    #[test]
    fn short_lives_in_a_row_are_counted_until_one_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || begin(folder.path());
        assert_eq!((begin().count, begin().count), (0, 1));
        begin().ends("out of tea");
        let fourth = begin();
        assert_eq!((fourth.count, fourth.reason.as_deref()), (3, Some("out of tea")));
        assert_eq!(begin().reason, None, "the fourth life did not tell");
        begin().is_sound();
        assert_eq!(begin().count, 0);
    }

    #[test]
    fn what_ends_a_life_while_it_waits_counts_as_nothing_and_leaves_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        begin(folder.path()).ends("out of tea");
        for _ in 0..3 {
            let waiting = read(folder.path());
            assert_eq!((waiting.count, waiting.reason.as_deref()), (1, Some("out of tea")));
        }
    }

    #[test]
    fn another_boot_begins_the_count_anew() {
        let folder = tempfile::tempdir().unwrap();
        let count = |boot: &str| ShortLives::of_boot(folder.path(), boot.to_owned()).count;
        let life = ShortLives::of_boot(folder.path(), "b007".to_owned());
        life.begin();
        assert_eq!((count("b007"), count("b008")), (1, 0));
        assert_eq!(count(""), 1, "where the boot is not known, every start counts");
    }

    #[test]
    fn the_pause_begins_after_as_many_as_are_in_order_and_doubles_up_to_the_longest() {
        let lives = |count| ShortLives { directory: PathBuf::new(), boot: String::new(), count, reason: None };
        let pause = |count| lives(count).pause(3);
        let seconds: Vec<_> =
            [0, 2, 3, 4, 7, 8, u32::MAX].map(|count| pause(count).map(|pause| pause.as_secs())).into();
        assert_eq!(seconds, [None, None, Some(5), Some(10), Some(80), Some(120), Some(120)]);
    }

    #[test]
    fn a_process_that_does_not_get_the_store_counts_nothing_and_waits_for_no_copy() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock::for_writing(folder.path()).unwrap();
        assert_eq!(ShortLives::read(folder.path()), None);
        drop(lock);
        let copying = lock::for_reading(folder.path()).unwrap();
        assert_eq!(read(folder.path()).count, 0);
        drop(copying);
    }

    proptest! {
        #[test]
        fn whatever_the_file_holds_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(NOTE), bytes).unwrap();
            prop_assert!(ShortLives::read(folder.path()).is_some());
        }
    }
}
