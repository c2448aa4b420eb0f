//! Models at work: in memory as far as a bound allows, and otherwise read again whenever they are needed.
//!
//! Which models stay is decided by how often they are used, as in O'Neil, O'Neil and Weikum, "The LRU-K page replacement
//! algorithm" (SIGMOD 1993), with K = 2. A run uses each model once, in order. If the model that was just read always took
//! the place of the one that was used longest ago, then no model would be there any more when its turn comes. So a model
//! takes another's place only when the other was last used before its own use before this one, which says that the other is
//! used more seldom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::model::{Limits, Model, ModelError, Proof, parts};
use crate::printable::shown;
use crate::store::read_kept_model;
use crate::telemetry::metrics;
use crate::verdict::ModelHash;

/// The memory that models at work share.
#[derive(Debug)]
pub struct ModelMemory {
    max_bytes: usize,
    /// The folder of the store, beside which models are kept.
    store: PathBuf,
    limits: Limits,
    resident: Mutex<ResidentModels>,
}

/// The models that are in memory.
#[derive(Debug, Default)]
struct ResidentModels {
    bytes: usize,
    /// How many uses there were, of all models.
    uses: u64,
    by_last_use: BTreeMap<u64, Resident>,
}

#[derive(Debug)]
struct Resident {
    bytes: usize,
    model: Weak<ModelAtWork>,
}

/// A model that is at work, in memory or not.
#[derive(Debug)]
pub struct ModelAtWork {
    /// The SHA-256 of its files' bytes.
    pub hash: ModelHash,
    /// What its detector is called.
    pub detector: &'static str,
    /// Whether it gave the expected answers when it was read.
    pub proof: Proof,
    /// About how many operations scoring a row takes.
    pub row_operations: usize,
    /// The usual range of each feature in the training rows, see [`Model::usual_ranges`].
    pub usual_ranges: Option<Box<[(f64, f64)]>>,
    files: ModelFiles,
    /// About how many bytes of memory it takes.
    bytes: usize,
    memory: Arc<ModelMemory>,
    place: Mutex<Place>,
}

/// The files that a model is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelFiles {
    /// The model's own.
    pub path: Box<Path>,
    /// That of the scaler before it, if it has one of its own.
    pub scaler: Option<Box<Path>>,
}

#[derive(Debug)]
struct Place {
    /// The number of its last use; zero before the first.
    last_use: u64,
    model: Option<Arc<Model>>,
}

/// Why a model that is not in memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadAgainError {
    /// There is no copy, and its files are not what they were.
    #[error(
        "the model is not in memory (models.memory), no copy of it is kept (store.kept_models), and {} has changed since it was put \
         to work",
        shown(.0)
    )]
    Changed(Box<Path>),
    /// It cannot be read.
    #[error("the model is not in memory (models.memory), and {} {problem}", shown(path))]
    Unreadable {
        /// Its file.
        path: Box<Path>,
        /// Why not.
        problem: ModelError,
    },
}

impl ModelMemory {
    /// Keeps at most so many bytes of models in memory. Others are read again from the copies beside the store, or from
    /// their own files, within the limits.
    pub fn new(max_bytes: usize, store: PathBuf, limits: Limits) -> Arc<Self> {
        Arc::new(Self { max_bytes, store, limits, resident: Mutex::default() })
    }

    /// Puts a model to work. It is in memory from now on if there is room.
    pub fn put_to_work(self: &Arc<Self>, model: Arc<Model>, files: ModelFiles) -> Arc<ModelAtWork> {
        let at_work = Arc::new(ModelAtWork {
            hash: model.hash(),
            detector: model.detector().name(),
            proof: model.proof(),
            row_operations: model.operations_per_row(),
            usual_ranges: model.usual_ranges().map(Vec::into_boxed_slice),
            files,
            bytes: model.memory_bytes(),
            memory: Arc::clone(self),
            place: Mutex::new(Place { last_use: 0, model: None }),
        });
        self.admit(&at_work, model);
        at_work
    }

    /// Notes a use of a model. Returns it if it is in memory.
    fn find(&self, at_work: &Arc<ModelAtWork>) -> Option<Arc<Model>> {
        let mut resident = self.lock();
        let mut place = at_work.place();
        let model = place.model.clone()?;
        resident.used(at_work, &mut place);
        Some(model)
    }

    /// Notes a use of a model that was just read. It stays in memory if there is room, or if models that are used more
    /// seldom make room.
    fn admit(&self, at_work: &Arc<ModelAtWork>, model: Arc<Model>) {
        // Dropped behind the lock, which a model needs that goes.
        let mut evicted = Vec::new();
        let mut resident = self.lock();
        let mut place = at_work.place();
        if place.model.is_some() {
            // Another thread has read it meanwhile.
            return resident.used(at_work, &mut place);
        }
        let before = std::mem::replace(&mut place.last_use, resident.next_use());
        let missing = resident.bytes.saturating_add(at_work.bytes).saturating_sub(self.max_bytes);
        let Some(seldom) = resident.seldom_used(before, missing) else { return };
        for last_use in seldom {
            let Some(Resident { bytes, model }) = resident.by_last_use.remove(&last_use) else { continue };
            resident.bytes -= bytes;
            evicted.extend(model.upgrade().map(|other| {
                let model = other.place().model.take();
                (model, other)
            }));
        }
        resident.bytes += at_work.bytes;
        resident.by_last_use.insert(place.last_use, Resident::of(at_work));
        place.model = Some(model);
        resident.tell();
    }

    fn lock(&self) -> MutexGuard<'_, ResidentModels> {
        // What is noted of the models is whole after each step.
        self.resident.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resident {
    fn of(at_work: &Arc<ModelAtWork>) -> Self {
        Self { bytes: at_work.bytes, model: Arc::downgrade(at_work) }
    }
}

impl ResidentModels {
    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// Notes a use of a model that is in memory.
    fn used(&mut self, at_work: &Arc<ModelAtWork>, place: &mut Place) {
        let last_use = self.next_use();
        self.by_last_use.remove(&place.last_use);
        self.by_last_use.insert(last_use, Resident::of(at_work));
        place.last_use = last_use;
    }

    /// The last uses of models that were last used before `before`, the earliest first, which together take as many bytes as
    /// are missing; `None` when those do not suffice.
    fn seldom_used(&self, before: u64, missing: usize) -> Option<Vec<u64>> {
        let (mut seldom, mut freed) = (Vec::new(), 0);
        let mut older = self.by_last_use.range(..before);
        while freed < missing {
            let (last_use, Resident { bytes, .. }) = older.next()?;
            seldom.push(*last_use);
            freed += bytes;
        }
        Some(seldom)
    }

    fn tell(&self) {
        metrics::MODELS_RESIDENT.set(self.by_last_use.len() as u64);
        metrics::MODELS_RESIDENT_BYTES.set(self.bytes as u64);
    }
}

impl ModelAtWork {
    /// Whether another is of the same files with the same bytes, and has the same proof.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.hash, self.proof) == (other.hash, other.proof) && self.files == other.files
    }

    /// The model: from memory, or else read again.
    ///
    /// # Errors
    /// When it is not in memory, and cannot be read again.
    pub fn get(self: &Arc<Self>) -> Result<Arc<Model>, ReadAgainError> {
        if let Some(model) = self.memory.find(self) {
            return Ok(model);
        }
        let model = self.read()?;
        self.memory.admit(self, Arc::clone(&model));
        Ok(model)
    }

    /// Reads the model again. A copy cannot have changed, as its file is named by its hash.
    fn read(&self) -> Result<Arc<Model>, ReadAgainError> {
        let Self { hash, files: ModelFiles { path, scaler }, memory, .. } = self;
        let unreadable = |problem| ReadAgainError::Unreadable { path: path.clone(), problem };
        let files = match read_kept_model(&memory.store, *hash) {
            Some(files) => files,
            None => {
                let before: Vec<PathBuf> = scaler.iter().map(|path| path.to_path_buf()).collect();
                parts(&before, path, &memory.limits).map_err(unreadable)?
            }
        };
        let model = Model::read_parts(&files, &memory.limits).map_err(unreadable)?;
        metrics::MODELS_READ_AGAIN.add(1);
        if model.hash() == *hash {
            Ok(model.with_proof(self.proof).into())
        } else {
            Err(ReadAgainError::Changed(path.clone()))
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ModelAtWork {
    fn drop(&mut self) {
        let Place { last_use, .. } = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut resident = self.memory.lock();
        // Another may have taken its place while it went.
        if let Some(Resident { bytes, .. }) = resident.by_last_use.remove(last_use) {
            resident.bytes -= bytes;
            resident.tell();
        }
    }
}

#[cfg(test)]
mod tests;
