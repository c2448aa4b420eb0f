//! Backups: a store as one archive in a folder, with a manifest that says it is complete, and a store made of one.
//!
//! An archive is read from a store in an order that makes it consistent also when a daemon goes on writing: first the
//! tables, each that speaks of others before these, and then the journal. What the daemon wrote between is in the journal,
//! which it keeps whole meanwhile, and the first start on the restored store replays it. Runs are not in the journal, so
//! those that began or ended meanwhile are copied once more behind it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::run::{RunId, RunState};
use crate::store::archive::{self, ArchiveContent, ArchiveError, ArchiveItem, ArchiveOrigin, ArchiveWriter};
use crate::store::builder::DatabaseBuilder;
use crate::store::db::Table;
use crate::store::journal::{self, RecordNumber};
use crate::store::keys::{NEXT_RUN_KEY, SETTLED_KEY, run_slot};
use crate::store::rebuild::{self, Rebuild};
use crate::store::{JournalExtent, Reader, StoreError, StoreSettings, format, lock, side_file};
use crate::time::{Span, Timestamp};

const ARCHIVE: &str = "archive";
const ARCHIVE_IN_THE_MAKING: &str = "archive.part";
const MANIFEST: &str = "manifest.json";
const MANIFEST_FORMAT: u64 = 1;
/// The folders beside the database whose files are copied before the journal.
const SIDE_FOLDERS: [&str; 2] = ["history", "models"];
const JOURNAL: &str = "journal";
/// Folders within these are that deep at most.
const MAX_DEPTH: usize = 4;
const BUFFER_BYTES: usize = 1 << 20;

/// A backup, as its manifest describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Backup {
    format: u64,
    /// The version of anomalyd that made it.
    pub version: String,
    /// When it was begun.
    pub made: String,
    /// How many entries of the database it has.
    pub entries: u64,
    /// How many bytes of files beside the database it has.
    pub file_bytes: u64,
    /// How many bytes the archive has.
    pub archive_bytes: u64,
    /// The SHA-256 of the archive, in hexadecimal.
    pub archive_sha256: String,
}

impl Backup {
    fn of(origin: ArchiveOrigin, content: ArchiveContent, archive_bytes: u64, archive_sha256: String) -> Self {
        let ArchiveOrigin { version, made, .. } = origin;
        let ArchiveContent { entries, file_bytes, .. } = content;
        let made = made.to_string();
        Self { format: MANIFEST_FORMAT, version, made, entries, file_bytes, archive_bytes, archive_sha256 }
    }
}

/// A store that was restored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// What it was made of.
    pub backup: Backup,
    /// Where the store is that was there before.
    pub replaced: Option<PathBuf>,
}

/// What happens to a store that is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// It stays, and nothing is restored.
    Keep,
    /// It is set aside.
    SetAside,
}

/// Why a store could not be backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of the backup.
    #[error("the folder {} of the backup cannot be used: {problem}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The folder of a new backup holds something.
    #[error("the folder {} is not empty; give the backup a folder of its own", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no backup, or none that is complete.
    #[error("there is no complete backup in {}: its {MANIFEST} cannot be read ({problem}); a backup has one when it is complete", folder.display())]
    NoManifest {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        problem: io::Error,
    },
    /// The archive is not the one that the manifest describes.
    #[error("the backup {} is damaged: {what}; take another one", folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The archive.
    #[error("the backup {}: {problem}", folder.display())]
    Archive {
        /// The folder, or where the archive comes from.
        folder: PathBuf,
        /// What is wrong with it.
        problem: ArchiveError,
    },
    /// There is a store already.
    #[error("there is a store in {} already, and nothing was changed; with --replace it is set aside and the backup takes its place", directory.display())]
    StoreExists {
        /// The folder.
        directory: PathBuf,
    },
}

impl BackupError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_lasting())
    }
}

/// Backs up a store that no process writes to, into a folder that is empty or not there yet. Changes nothing in the store.
///
/// # Errors
/// When the store cannot be read, it is in use, or the folder cannot be written to. The folder has no manifest then.
pub fn back_up(settings: StoreSettings, folder: &Path) -> Result<Backup, BackupError> {
    let directory = settings.directory.clone();
    // The files beside the database are read where they are, so no process may write until the end.
    let _lock = lock::for_reading(&directory)?;
    let reader = super::read(settings)?;
    let unreadable = |problem| StoreError::Unreadable { directory: directory.clone(), problem };
    let journal = journal_at_rest(&directory).map_err(unreadable)?;
    let (input, output) = io::pipe().map_err(|problem| in_folder(folder, problem))?;
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_archive(&reader, || Some(journal), output));
        let received = receive(input, folder);
        match writer.join() {
            // The reading end says only that nothing more came.
            Ok(Err(WriteArchiveError::Store(error))) => Err(error.into()),
            Ok(_) => received,
            Err(_) => Err(in_folder(folder, io::Error::other("the thread that reads the store panicked"))),
        }
    })
}

fn in_folder(folder: &Path, problem: io::Error) -> BackupError {
    BackupError::Folder { folder: folder.to_owned(), problem }
}

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteArchiveError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Where the archive goes.
    #[error("{0}")]
    Output(io::Error),
    /// The daemon ends.
    #[error("the daemon ends; take the backup again")]
    Ending,
}

/// Writes an archive of a store, which a daemon may go on writing. Entries that cannot be read are left out. `journal`
/// tells which files hold the journal, at the time when it is called; `None` when the daemon ends.
///
/// # Errors
/// When the store cannot be read, or `out` cannot be written.
pub fn write_archive(
    reader: &Reader,
    journal: impl FnOnce() -> Option<Vec<JournalExtent>>,
    out: impl Write,
) -> Result<ArchiveContent, WriteArchiveError> {
    let origin = ArchiveOrigin {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: Timestamp::now().floor(Span::from_secs(1)),
        settings: format::record(&reader.settings),
    };
    let mut archive = ArchiveWriter::begin(BufWriter::with_capacity(BUFFER_BYTES, out), &origin)
        .map_err(WriteArchiveError::Output)?;
    let _pin = reader.pin_journal();
    let later_runs = first_later_run(reader)?;
    for (name, table) in reader.tables.named() {
        write_entries(&mut archive, name, table, |_| true)?;
    }
    let directory = &reader.settings.directory;
    let unreadable = |problem| StoreError::Unreadable { directory: directory.clone(), problem };
    for folder in SIDE_FOLDERS {
        for path in files_below(directory, Path::new(folder), MAX_DEPTH).map_err(unreadable)? {
            write_file(&mut archive, directory, &path, u64::MAX)?;
        }
    }
    for JournalExtent { path, committed_bytes } in journal().ok_or(WriteArchiveError::Ending)? {
        let path = path.strip_prefix(directory).unwrap_or(&path);
        write_file(&mut archive, directory, path, committed_bytes)?;
    }
    write_later_runs(&mut archive, reader, later_runs)?;
    archive.finish().map_err(WriteArchiveError::Output)
}

/// Writes the entries of a table whose keys are wanted. Those that cannot be read are left out: `store check` tells of
/// them.
fn write_entries(
    archive: &mut ArchiveWriter<impl Write>,
    name: &str,
    table: &Table,
    is_wanted: impl Fn(&[u8]) -> bool,
) -> Result<(), WriteArchiveError> {
    for entry in table.iter() {
        match entry {
            Ok((key, value)) if is_wanted(&key) => {
                archive.entry(name, &key, &value).map_err(WriteArchiveError::Output)?;
            }
            Ok(_) | Err(StoreError::Damaged) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// The first run that a copy of the ledger that begins now may not have as it will be.
fn first_later_run(reader: &Reader) -> Result<RunId, StoreError> {
    let runs = reader.runs()?;
    let unfinished = runs.iter().find(|run| run.state == RunState::Started).map(|run| run.id);
    unfinished.map_or_else(|| reader.next_run(), Ok)
}

/// Writes once more what belongs to runs from `first` on. The journal, which was copied since, may say that their windows
/// are scored, and it does not hold the runs. What is written later counts.
fn write_later_runs(
    archive: &mut ArchiveWriter<impl Write>,
    reader: &Reader,
    first: RunId,
) -> Result<(), WriteArchiveError> {
    let next = reader.next_run()?;
    if next <= first {
        return Ok(());
    }
    let slots = |ring: u32| -> BTreeSet<[u8; 4]> {
        let runs = (first.0..next.0).take(ring as usize);
        runs.map(|run| run_slot(RunId(run), ring).to_be_bytes()).collect()
    };
    let (runs, verdicts) = (slots(reader.settings.runs), slots(reader.settings.verdict_runs));
    let is_of = |slots: &BTreeSet<[u8; 4]>, key: &[u8]| key.first_chunk().is_some_and(|slot| slots.contains(slot));
    write_entries(archive, "runs", &reader.tables.runs, |key| is_of(&runs, key))?;
    write_entries(archive, "verdicts", &reader.tables.verdicts, |key| is_of(&verdicts, key))?;
    // No id may be given twice.
    write_entries(archive, "progress", &reader.tables.progress, |key| key == NEXT_RUN_KEY)
}

/// Writes the beginning of a file, unless the daemon has removed it since it was listed.
fn write_file(
    archive: &mut ArchiveWriter<impl Write>,
    directory: &Path,
    path: &Path,
    bytes: u64,
) -> Result<(), WriteArchiveError> {
    let unreadable = |problem| StoreError::Unreadable { directory: directory.to_owned(), problem };
    let mut file = match side_file::open(&directory.join(path), File::options().read(true)) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(unreadable)?,
    };
    // Names in these folders are ours, and ASCII.
    path.to_str().map_or(Ok(()), |path| archive.file(path, &mut file, bytes)).map_err(WriteArchiveError::Output)
}

/// The files of a journal that no process writes to.
fn journal_at_rest(directory: &Path) -> io::Result<Vec<JournalExtent>> {
    let mut files = files_below(directory, Path::new(JOURNAL), 0)?;
    // Spare files hold nothing.
    files.retain(|file| file.extension().is_some_and(|ending| ending == "segment"));
    Ok(files.into_iter().map(|file| JournalExtent { path: directory.join(file), committed_bytes: u64::MAX }).collect())
}

/// The files in a folder below `directory`, by their paths from there, in the order of their names.
fn files_below(directory: &Path, folder: &Path, depth: usize) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory.join(folder)) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && depth > 0 {
            files.extend(files_below(directory, &path, depth - 1)?);
        }
    }
    files.sort();
    Ok(files)
}

/// Writes an archive that comes in, into a folder that is empty or not there yet, and then its manifest.
///
/// # Errors
/// When the folder cannot be written to, or the archive does not come whole.
pub fn receive(input: impl Read, folder: &Path) -> Result<Backup, BackupError> {
    let in_folder = |problem| in_folder(folder, problem);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(in_folder)?;
    for entry in fs::read_dir(folder).map_err(in_folder)? {
        // A backup that was killed leaves this.
        if entry.map_err(in_folder)?.file_name() != ARCHIVE_IN_THE_MAKING {
            return Err(BackupError::NotEmpty { folder: folder.to_owned() });
        }
    }
    let part = folder.join(ARCHIVE_IN_THE_MAKING);
    let received = receive_archive(input, folder, &part);
    if received.is_err() {
        // It is of no use; what cannot be removed is written over by the next.
        let _ = fs::remove_file(&part);
    }
    let backup = received?;
    fs::rename(&part, folder.join(ARCHIVE)).map_err(in_folder)?;
    rebuild::sync_folder(folder).map_err(in_folder)?;
    let manifest = serde_json::to_vec_pretty(&backup).map_err(|problem| in_folder(problem.into()))?;
    side_file::write(&folder.join(MANIFEST), &manifest).map_err(in_folder)?;
    rebuild::sync_folder(folder).map_err(in_folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    rebuild::sync_folder(parent).map_err(in_folder)?;
    Ok(backup)
}

fn receive_archive(input: impl Read, folder: &Path, part: &Path) -> Result<Backup, BackupError> {
    let in_folder = |problem| in_folder(folder, problem);
    let damaged = |problem| BackupError::Archive { folder: folder.to_owned(), problem };
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(part).map_err(in_folder)?;
    let mut copy =
        HashedCopy { input, file: BufWriter::with_capacity(BUFFER_BYTES, &file), hash: Sha256::new(), bytes: 0 };
    let (origin, content) = archive::read(&mut copy, |_| Ok::<_, ArchiveError>(()), |_| Ok(())).map_err(damaged)?;
    let HashedCopy { file: buffered, hash, bytes, .. } = copy;
    buffered.into_inner().map_err(|problem| in_folder(problem.into_error()))?.sync_all().map_err(in_folder)?;
    Ok(Backup::of(origin, content, bytes, hexadecimal(&hash.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads, and writes what was read to a file.
struct HashedCopy<R, W> {
    input: R,
    file: W,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read, W: Write> Read for HashedCopy<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Makes a store of the backup in a folder. The backup is verified before anything is changed.
///
/// # Errors
/// When the backup is damaged or was made of a store with other settings, there is a store already that is to be kept, or
/// a daemon has it open. The store that was there is then as it was.
pub fn restore(folder: &Path, settings: &StoreSettings, existing: Existing) -> Result<Restored, BackupError> {
    let backup = verified(folder, settings)?;
    let directory = &settings.directory;
    let lock = Arc::new(lock::for_writing(directory)?);
    rebuild::complete(directory)?;
    let is_there = rebuild::PIECES.iter().any(|piece| fs::symlink_metadata(directory.join(piece)).is_ok());
    if is_there && existing == Existing::Keep {
        return Err(BackupError::StoreExists { directory: directory.clone() });
    }
    let rebuild = Rebuild::begin(directory)?;
    let new = rebuild.folder();
    let mut database = DatabaseBuilder::begin(&new, Arc::clone(&lock))?;
    let refused = |problem| StoreError::Directory { directory: directory.clone(), problem };
    let mut files = FilesBuilder { folder: new.clone(), open: None };
    let mut copied_through = RecordNumber::default();
    let add = |item: ArchiveItem<'_>| match item {
        ArchiveItem::Entry { table, key, value } => {
            if (table, key) == ("progress", SETTLED_KEY) {
                copied_through = RecordNumber(value.try_into().map_or(0, u64::from_be_bytes));
            }
            Ok(database.put(table, key, value)?)
        }
        ArchiveItem::FileBytes { path, offset, bytes } => Ok(files.put(path, offset, bytes).map_err(refused)?),
    };
    read_archive(folder, |_| Ok(()), add)?;
    // What the journal says of the database holds for the one that was copied first, table by table. What was stored
    // since is in the journal, whole.
    let settled = journal::inspect(&new.join(JOURNAL), |_, _| {})?.settled;
    if let Some((settled, _)) = settled.filter(|(settled, _)| *settled > copied_through) {
        database.put("progress", SETTLED_KEY, &settled.0.to_be_bytes())?;
    }
    database.finish()?;
    format::keep_copy(&StoreSettings { directory: new, ..settings.clone() });
    let replaced = rebuild.finish(&rebuild::PIECES)?;
    Ok(Restored { backup, replaced })
}

/// The manifest of a backup whose every byte was verified, and whose store was made with these settings.
fn verified(folder: &Path, settings: &StoreSettings) -> Result<Backup, BackupError> {
    let damaged = |what| BackupError::Damaged { folder: folder.to_owned(), what };
    let manifest = side_file::read(&folder.join(MANIFEST))
        .map_err(|problem| BackupError::NoManifest { folder: folder.to_owned(), problem })?;
    let backup: Backup =
        serde_json::from_slice(&manifest).map_err(|_| damaged("its manifest is not as it was written"))?;
    if backup.format != MANIFEST_FORMAT {
        return Err(damaged("its manifest has a format that this version does not know"));
    }
    let mut hash = Sha256::new();
    let mut file = archive_file(folder)?;
    let length = io::copy(&mut file, &mut hash).map_err(|problem| in_folder(folder, problem))?;
    if (length, hexadecimal(&hash.finalize())) != (backup.archive_bytes, backup.archive_sha256.clone()) {
        return Err(damaged("its archive is not the one that its manifest describes"));
    }
    // What does not fit is the store in the backup.
    let configured = StoreSettings { directory: folder.to_owned(), ..settings.clone() };
    let compare = |origin: &ArchiveOrigin| Ok(format::compare(&origin.settings, &configured)?);
    let (origin, content) = read_archive(folder, compare, |_| Ok(()))?;
    if backup != Backup::of(origin, content, length, backup.archive_sha256.clone()) {
        return Err(damaged("its archive does not hold what its manifest says"));
    }
    Ok(backup)
}

fn archive_file(folder: &Path) -> Result<File, BackupError> {
    side_file::open(&folder.join(ARCHIVE), File::options().read(true)).map_err(|problem| in_folder(folder, problem))
}

fn read_archive(
    folder: &Path,
    begin: impl FnOnce(&ArchiveOrigin) -> Result<(), BackupError>,
    each: impl FnMut(ArchiveItem<'_>) -> Result<(), BackupError>,
) -> Result<(ArchiveOrigin, ArchiveContent), BackupError> {
    let file = BufReader::with_capacity(BUFFER_BYTES, archive_file(folder)?);
    let damaged = |problem| BackupError::Archive { folder: folder.to_owned(), problem };
    let (mut begin, mut each) = (Some(begin), each);
    archive::read(
        file,
        |origin| begin.take().map_or(Ok(()), |begin| begin(origin)).map_err(ItemError::Receiver),
        |item| each(item).map_err(ItemError::Receiver),
    )
    .map_err(|error| match error {
        ItemError::Archive(problem) => damaged(problem),
        ItemError::Receiver(error) => error,
    })
}

/// Why an archive was not read to its end.
enum ItemError {
    Archive(ArchiveError),
    Receiver(BackupError),
}

impl From<ArchiveError> for ItemError {
    fn from(problem: ArchiveError) -> Self {
        Self::Archive(problem)
    }
}

/// Writes the files of an archive, one after the other.
struct FilesBuilder {
    folder: PathBuf,
    open: Option<(PathBuf, File)>,
}

impl FilesBuilder {
    fn put(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(path);
        let is_ours = SIDE_FOLDERS.iter().chain([&JOURNAL]).any(|folder| path.starts_with(self.folder.join(folder)));
        if !is_ours {
            let problem = format!("the backup has a file that no store has: {}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        if offset == 0 {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            self.open = Some((path.clone(), File::create_new(&path)?));
        }
        match &mut self.open {
            Some((open, file)) if *open == path => file.write_all(bytes),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the parts of a file in the backup are out of order")),
        }
    }
}

#[cfg(test)]
mod tests;
