//! What can keep the store from doing what it was asked.

use std::io;
use std::path::PathBuf;

use crate::codec::Corrupt;
use crate::interval::Cut;
use crate::store::format;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("the store's folder {} cannot be used: {problem}; it must be a folder that anomalyd may write to (store.directory)", directory.display())]
    Directory {
        /// The folder.
        directory: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// Another process has the store open.
    #[error("the store {} is in use by another anomalyd; stop that one first, or give this one its own store.directory", directory.display())]
    InUse {
        /// The folder.
        directory: PathBuf,
    },
    /// Commands that read it go on copying it.
    #[error("the store {} is being copied by a command that reads it (such as anomalyd dump), and no longer waited for; let that one end, and start again", directory.display())]
    BeingCopied {
        /// The folder.
        directory: PathBuf,
    },
    /// The store was made with other settings.
    #[error("the store {} was made with an interval of {} and a window of {}, and the configuration says {} and {} (of which the windows of all groups can be put together); restore those settings, or set store.recut = true to have the store written anew (anomalyd check then says what that does), or choose a new store.directory",
        directory.display(), stored.interval(), stored.window(), configured.interval(), configured.window())]
    OtherCut {
        /// The folder.
        directory: PathBuf,
        /// The settings it was made with.
        stored: Cut,
        /// The configured settings.
        configured: Cut,
    },
    /// The store was made with rings of other sizes.
    #[error("the store {} was made for the last {stored} {} ({key}), and the configuration asks for the last {configured}; restore that, or set store.recut = true to have the store written anew (anomalyd check then says what that does), or choose a new store.directory", directory.display(), if *key == "store.keep_intervals" { "windows" } else { "runs" })]
    OtherRing {
        /// The folder.
        directory: PathBuf,
        /// Which ring.
        key: &'static str,
        /// The size it was made with.
        stored: u32,
        /// The configured size.
        configured: u32,
    },
    /// The folder cannot be read.
    #[error("the store {} cannot be read: {problem}; be root, or the user that anomalyd runs as", directory.display())]
    Unreadable {
        /// The folder.
        directory: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// There is no room for a copy of the store to read.
    #[error("a store is read from a copy, which needs {needed} bytes in {}, and {free} are free there; have TMPDIR name a folder with more room", folder.display())]
    NoRoom {
        /// Where the copy was to be.
        folder: PathBuf,
        /// How many bytes it takes.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// No copy of the store could be made to read.
    #[error("a store is read from a copy, which cannot be made in {}: {problem}; have TMPDIR name a folder that can be written to", folder.display())]
    NotCopied {
        /// Where the copy was to be.
        folder: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The store cannot be opened to read.
    #[error("the store {} is damaged, and nothing in it was changed: {reason}; the next start of the daemon sets it aside and begins a new one, so put back a copy of it first if there is one", directory.display())]
    DamagedStore {
        /// The folder.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store is damaged, as were others before it.
    #[error("the store {} is damaged: {reason}; it is not set aside as {times} damaged ones lie there already (damaged-…); see to the disk, move them elsewhere or remove them, and start again", directory.display())]
    DamagedAgain {
        /// The folder.
        directory: PathBuf,
        /// How many were set aside.
        times: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A store is to be made anew, and the stores before earlier ones were kept.
    #[error("the store {} would be made anew and the one before it be kept, but {times} are kept there already (replaced-…), and each may be as large as the store; move them elsewhere or remove them, and try again", directory.display())]
    ReplacedAgain {
        /// The folder.
        directory: PathBuf,
        /// How many are kept.
        times: usize,
    },
    /// A store was being put in the place of another, and the process died.
    #[error("a new store was being put in the place of the one in {}, and was cut off; start the daemon, which completes that", directory.display())]
    SwapCutOff {
        /// The folder.
        directory: PathBuf,
    },
    /// There is no store.
    #[error("there is no store in {}; was anomalyd ever run with this configuration?", directory.display())]
    None {
        /// The folder.
        directory: PathBuf,
    },
    /// The store was made by another version.
    #[error("the store {} has format {found}, and this anomalyd reads format {}; {}", directory.display(), format::FORMAT, format::advice(*found))]
    OtherFormat {
        /// The folder.
        directory: PathBuf,
        /// The format found.
        found: u64,
    },
    /// There is no room for a new store beside the old one.
    #[error("the store {} has to be written anew beside itself, which may take {needed} bytes, and {free} are free; nothing was changed: make room, and start again", directory.display())]
    NoRoomBeside {
        /// The folder.
        directory: PathBuf,
        /// How many bytes it may take.
        needed: u64,
        /// How many there are.
        free: u64,
    },
    /// A later version wrote into the journal what this version does not know.
    #[error("the journal in {} holds {what}, which only a later version of anomalyd reads; run the version that wrote it, or choose a new store.directory", directory.display())]
    NewerJournal {
        /// The journal's folder.
        directory: PathBuf,
        /// What is not known.
        what: String,
    },
    /// The disk refused.
    #[error("the disk refused a write: {0}; is it full or worn out?")]
    Sync(io::Error),
    /// The database refused.
    #[error("the database failed: {0}")]
    Database(String),
    /// The disk is full. It passes: what was to be written is kept, and written by the next attempt.
    #[error("the disk of the store {} is full, and {needed} bytes more are needed: {problem}; make room there", directory.display())]
    DiskFull {
        /// The folder.
        directory: PathBuf,
        /// How many bytes the disk has to hold beyond what it holds.
        needed: u64,
        /// The system's error.
        problem: io::Error,
    },
    /// The folder, or a file in it, was removed under the daemon.
    #[error("the store {} was removed, or its disk is gone, while anomalyd ran: nothing more is acknowledged; put it back, or start again to begin a new one", directory.display())]
    Gone {
        /// The folder.
        directory: PathBuf,
    },
    /// The system has no thread to give.
    #[error("the system refused a thread for the store: {0}")]
    Thread(io::Error),
    /// The thread that writes the database has ended without an error.
    #[error("the thread that writes the database died of a defect; nothing that was acknowledged is lost")]
    KeeperDied,
    /// A stored value cannot be read, and the daemon cannot go on without it.
    #[error(
        "the store is damaged; the next start sets it aside and begins a new one, so put back a copy of its folder first if there is one"
    )]
    Damaged,
    /// A window is no longer kept.
    #[error("a later window has taken its place in the store (store.keep_intervals)")]
    Overwritten,
}

impl StoreError {
    /// Whether the error lasts until a setting, or what it names, is changed: another start ends in the same way.
    pub fn is_lasting(&self) -> bool {
        use io::ErrorKind::{InvalidInput, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
        match self {
            Self::OtherCut { .. }
            | Self::OtherRing { .. }
            | Self::OtherFormat { .. }
            | Self::NewerJournal { .. }
            | Self::DamagedAgain { .. }
            | Self::ReplacedAgain { .. } => true,
            Self::Directory { problem, .. } => {
                matches!(problem.kind(), InvalidInput | NotADirectory | PermissionDenied | ReadOnlyFilesystem)
            }
            // A store that is missing, in use, damaged, another user's or on a bad disk is not mended by a setting.
            Self::InUse { .. }
            | Self::Unreadable { .. }
            | Self::BeingCopied { .. }
            | Self::None { .. }
            | Self::SwapCutOff { .. }
            | Self::NoRoom { .. }
            | Self::NoRoomBeside { .. }
            | Self::NotCopied { .. }
            | Self::DamagedStore { .. }
            | Self::Sync(_)
            | Self::DiskFull { .. }
            | Self::Gone { .. }
            | Self::Thread(_)
            | Self::KeeperDied
            | Self::Database(_)
            | Self::Damaged
            | Self::Overwritten => false,
        }
    }
}

impl From<Corrupt> for StoreError {
    fn from(_: Corrupt) -> Self {
        Self::Damaged
    }
}
