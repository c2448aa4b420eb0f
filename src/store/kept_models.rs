//! Kept models: the files of models that gave verdicts, so that what is not stored of a verdict can be computed again
//! after the model's file was replaced.
//!
//! They lie beside the database in `models/`, a file a model, named by the model's hash. A file holds the number of files
//! that make the model, then the length and a copy of each, and a checksum. It holds copies rather than links, because a
//! model's file that is written over in place would change its link too. Copies are not synced: a copy that a power cut has
//! torn fails its checksum, and is made again when the model is put to work again.
//!
//! Models that are at work stay. Of the others, those whose work ended first are removed first, when the files together are
//! larger than the bound, or too many.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};

use crate::codec::{Decoder, Encoder};
use crate::sensor::SensorId;
use crate::store::disk_space::free_bytes;
use crate::store::{checksum, side_file};
use crate::telemetry::metrics;
use crate::verdict::ModelHash;

/// The folder's name in that of the store.
const FOLDER: &str = "models";
/// The name under which a file is written, before it gets its own.
const TEMPORARY_NAME: &str = "writing";
/// The most files in the folder.
const MAX_FILES: usize = 1 << 17;

/// The models that are kept. One process has them.
#[derive(Debug)]
pub struct KeptModels {
    folder: PathBuf,
    max_bytes: u64,
    /// How much of the disk stays free.
    reserve_bytes: u64,
    files: Mutex<KeptFiles>,
}

/// Whether a model is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeping {
    /// A copy of it is there.
    Kept,
    /// There is no room beside the models that are at work, or on the disk.
    NoRoom,
}

#[derive(Debug, Default)]
struct KeptFiles {
    files: HashMap<ModelHash, KeptFile>,
    /// The models at work.
    at_work: HashMap<SensorId, ModelHash>,
    /// The models that are not at work, in the order in which they are removed.
    idle: BTreeSet<(u64, ModelHash)>,
    bytes: u64,
    /// Counted up with every use, to order the uses.
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct KeptFile {
    bytes: u64,
    /// How many sensors it is at work for.
    users: u32,
    last_use: u64,
}

/// The files that make a kept model, in the order in which they were given. `None` when the model is not kept, or its file
/// is not as it was written, or cannot be read.
pub fn read_kept_model(store: &Path, hash: ModelHash) -> Option<Vec<Vec<u8>>> {
    read(&store.join(FOLDER).join(hash.to_string()), hash)
}

fn read(path: &Path, hash: ModelHash) -> Option<Vec<Vec<u8>>> {
    let mut stored = Vec::new();
    side_file::open(path, File::options().read(true)).ok()?.read_to_end(&mut stored).ok()?;
    let parts = checksum::checked(&hash.0, stored).ok()?;
    let mut decoder = Decoder::new(&parts);
    let mut parts = Vec::new();
    for _ in 0..decoder.unsigned().ok()? {
        parts.push(decoder.blob().ok()?.to_vec());
    }
    decoder.is_at_end().then_some(parts)
}

impl KeptModels {
    /// The models kept beside the store in a folder, at most so many bytes of them, and none for which less than the
    /// reserve would be free on the disk.
    ///
    /// # Errors
    /// When the folder of kept models cannot be made or looked into.
    pub fn open(store: &Path, max_bytes: u64, reserve_bytes: u64) -> io::Result<Self> {
        let folder = store.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (Some(hash), Ok(about)) = (entry.file_name().to_str().and_then(parse), entry.metadata()) else {
                continue;
            };
            found.push((about.modified()?, hash, about.len()));
        }
        found.sort_unstable();
        let mut files = KeptFiles::default();
        for (_, hash, bytes) in found {
            files.insert(hash, bytes);
        }
        let kept = Self { folder, max_bytes, reserve_bytes, files: Mutex::new(files) };
        kept.with_files(|files| kept.make_room(files));
        Ok(kept)
    }

    /// Keeps the model that is put to work for a sensor. `parts` gives the files that make it, and is only asked when the
    /// model is not there.
    ///
    /// # Errors
    /// When `parts` fails, or the file cannot be written.
    pub fn keep<E: From<io::Error>>(
        &self,
        sensor: SensorId,
        hash: ModelHash,
        parts: impl FnOnce() -> Result<Vec<Vec<u8>>, E>,
    ) -> Result<Keeping, E> {
        self.release(sensor);
        if read(&self.path(hash), hash).is_none() {
            self.with_files(|files| files.remove(hash));
        }
        if self.with_files(|files| files.put_to_work(sensor, hash)) {
            return Ok(Keeping::Kept);
        }
        let (parts, mut encoder) = (parts()?, Encoder::default());
        encoder.unsigned(parts.len() as u64);
        parts.iter().for_each(|part| encoder.blob(part));
        let file = checksum::around(&hash.0, &encoder.into_bytes());
        // Under the lock, because all files are written under one name.
        self.with_files(|files| {
            if files.put_to_work(sensor, hash) {
                return Ok(Keeping::Kept);
            }
            if free_bytes(&self.folder)? < self.reserve_bytes.saturating_add(file.len() as u64) {
                return Ok(Keeping::NoRoom);
            }
            let temporary = self.folder.join(TEMPORARY_NAME);
            // What has the name may be a link to somewhere else.
            let _ = fs::remove_file(&temporary);
            File::create_new(&temporary)?.write_all(&file)?;
            fs::rename(&temporary, self.path(hash))?;
            files.insert(hash, file.len() as u64);
            files.put_to_work(sensor, hash);
            self.make_room(files);
            if files.bytes <= self.max_bytes && files.files.len() <= MAX_FILES {
                return Ok(Keeping::Kept);
            }
            files.release(sensor);
            self.remove(files, hash);
            Ok(Keeping::NoRoom)
        })
    }

    /// Notes that a sensor's model is no longer at work.
    pub fn release(&self, sensor: SensorId) {
        let Some(idle) = self.with_files(|files| files.release(sensor)) else { return };
        // The time of the file orders the uses for the next process. A failure costs that order alone.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        let _ = utimensat(CWD, self.path(idle), &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Removes what goes first, until the rest is within the bounds, or is at work.
    fn make_room(&self, files: &mut KeptFiles) {
        while files.bytes > self.max_bytes || files.files.len() > MAX_FILES {
            let Some((_, hash)) = files.idle.first().copied() else { break };
            self.remove(files, hash);
        }
        metrics::MODELS_KEPT_BYTES.set(files.bytes);
    }

    fn remove(&self, files: &mut KeptFiles, hash: ModelHash) {
        // A failure is ignored: a file that stays is found again by the next start, which tries again.
        let _ = fs::remove_file(self.path(hash));
        files.remove(hash);
        metrics::MODELS_KEPT_BYTES.set(files.bytes);
    }

    fn path(&self, hash: ModelHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    fn with_files<R>(&self, change: impl FnOnce(&mut KeptFiles) -> R) -> R {
        change(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl KeptFiles {
    fn insert(&mut self, hash: ModelHash, bytes: u64) {
        self.uses += 1;
        self.files.insert(hash, KeptFile { bytes, users: 0, last_use: self.uses });
        self.idle.insert((self.uses, hash));
        self.bytes += bytes;
    }

    fn remove(&mut self, hash: ModelHash) {
        if let Some(file) = self.files.remove(&hash) {
            self.idle.remove(&(file.last_use, hash));
            self.bytes -= file.bytes;
        }
    }

    /// Notes that a model is at work for a sensor; `false` when it is not kept.
    fn put_to_work(&mut self, sensor: SensorId, hash: ModelHash) -> bool {
        let Some(file) = self.files.get_mut(&hash) else { return false };
        file.users += 1;
        self.idle.remove(&(file.last_use, hash));
        self.at_work.insert(sensor, hash);
        true
    }

    /// Notes that a sensor's model is no longer at work for it. Returns a model that is at work for none now.
    fn release(&mut self, sensor: SensorId) -> Option<ModelHash> {
        let hash = self.at_work.remove(&sensor)?;
        let file = self.files.get_mut(&hash)?;
        file.users -= 1;
        if file.users > 0 {
            return None;
        }
        self.uses += 1;
        file.last_use = self.uses;
        self.idle.insert((file.last_use, hash));
        Some(hash)
    }
}

/// The hash that is a file's name.
fn parse(name: &str) -> Option<ModelHash> {
    let (digits, rest) = name.as_bytes().as_chunks::<2>();
    let digit = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let digits: Option<Vec<u8>> = digits.iter().map(|pair| digit(pair)).collect();
    let hash = ModelHash(digits.filter(|_| rest.is_empty())?.try_into().ok()?);
    // Written in one way only.
    (hash.to_string() == name).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(byte: u8) -> ModelHash {
        ModelHash([byte; 32])
    }

    /// Puts a model to work that takes a hundred bytes and little more.
    fn keep(kept: &KeptModels, sensor: u32, model: u8) -> Keeping {
        let parts = || Ok::<_, io::Error>(vec![vec![model; 60], vec![model; 40]]);
        kept.keep(SensorId(sensor), hash(model), parts).unwrap()
    }

    fn there(store: &Path) -> Vec<u8> {
        (0..9).filter(|model| read_kept_model(store, hash(*model)).is_some()).collect()
    }

    #[test]
    fn a_model_is_there_after_it_was_replaced_and_after_a_restart() {
        let store = tempfile::tempdir().unwrap();
        let kept = KeptModels::open(store.path(), 1_000, 0).unwrap();
        keep(&kept, 0, 1);
        keep(&kept, 0, 2);
        drop(kept);
        let kept = KeptModels::open(store.path(), 1_000, 0).unwrap();
        assert_eq!(read_kept_model(store.path(), hash(1)), Some(vec![vec![1; 60], vec![1; 40]]));
        let not_asked = || -> io::Result<_> { panic!("it is there") };
        assert_eq!(kept.keep(SensorId(5), hash(2), not_asked).unwrap(), Keeping::Kept);
        assert_eq!(there(store.path()), [1, 2]);
    }

    #[test]
    fn a_copy_that_was_cut_short_is_made_again() {
        let store = tempfile::tempdir().unwrap();
        keep(&KeptModels::open(store.path(), 1_000, 0).unwrap(), 0, 1);
        let path = store.path().join(FOLDER).join(hash(1).to_string());
        for length in [0, 1, 4, 66, 84, 106] {
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            keep(&KeptModels::open(store.path(), 1_000, 0).unwrap(), 0, 1);
            assert_eq!(read_kept_model(store.path(), hash(1)), Some(vec![vec![1; 60], vec![1; 40]]), "{length}");
        }
    }

    #[test]
    fn a_copy_that_was_torn_within_is_made_again() {
        let store = tempfile::tempdir().unwrap();
        keep(&KeptModels::open(store.path(), 1_000, 0).unwrap(), 0, 1);
        let path = store.path().join(FOLDER).join(hash(1).to_string());
        let mut torn = fs::read(&path).unwrap();
        torn[30..40].fill(0);
        fs::write(&path, torn).unwrap();
        assert_eq!(read_kept_model(store.path(), hash(1)), None);
        keep(&KeptModels::open(store.path(), 1_000, 0).unwrap(), 0, 1);
        assert_eq!(read_kept_model(store.path(), hash(1)), Some(vec![vec![1; 60], vec![1; 40]]));
    }

    #[test]
    fn those_whose_work_ended_first_go_first_and_those_at_work_stay() {
        let store = tempfile::tempdir().unwrap();
        let kept = KeptModels::open(store.path(), 350, 0).unwrap();
        keep(&kept, 0, 1);
        for model in [2, 3, 4, 5] {
            assert_eq!(keep(&kept, 1, model), Keeping::Kept);
        }
        assert_eq!(there(store.path()), [1, 4, 5], "1 and 5 are at work");
        kept.release(SensorId(0));
        keep(&kept, 1, 6);
        assert_eq!(there(store.path()), [1, 5, 6], "the work of 4 ended before that of 1");
    }

    #[test]
    fn a_model_without_room_beside_those_at_work_is_not_kept() {
        let store = tempfile::tempdir().unwrap();
        let kept = KeptModels::open(store.path(), 250, 0).unwrap();
        assert_eq!(
            [keep(&kept, 0, 1), keep(&kept, 1, 2), keep(&kept, 2, 3)],
            [Keeping::Kept, Keeping::Kept, Keeping::NoRoom]
        );
        assert_eq!(there(store.path()), [1, 2]);
        kept.release(SensorId(0));
        assert_eq!(keep(&kept, 2, 3), Keeping::Kept);
        assert_eq!(there(store.path()), [2, 3]);
        drop(kept);
        KeptModels::open(store.path(), 120, 0).unwrap();
        assert_eq!(there(store.path()).len(), 1, "a smaller bound holds from the start on");
        let kept = KeptModels::open(store.path(), 250, u64::MAX / 2).unwrap();
        assert_eq!(keep(&kept, 0, 4), Keeping::NoRoom, "the disk has no so large reserve");
    }

    #[test]
    fn what_is_not_ours_stays_and_what_is_no_file_is_not_read() {
        let store = tempfile::tempdir().unwrap();
        let folder = store.path().join(FOLDER);
        fs::create_dir_all(folder.join(hash(3).to_string())).unwrap();
        fs::write(folder.join("notes"), b"mine").unwrap();
        let kept = KeptModels::open(store.path(), 0, 0).unwrap();
        assert_eq!(keep(&kept, 0, 1), Keeping::NoRoom);
        assert!(folder.join("notes").exists());
        assert_eq!(there(store.path()), [0; 0]);
    }
}
