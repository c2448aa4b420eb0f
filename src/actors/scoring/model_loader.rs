//! The model loader: looks for model files and reads them, on threads that it abandons when they miss their deadline.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::actors::scoring::folder_watch::{FolderWatch, Unwatched};
use crate::actors::scoring::model_news::ModelNews;
use crate::actors::scoring::supervisor::Scope;
use crate::actors::scoring::workers::{Abandoned, Undone, Workers};
use crate::features::Assigner;
use crate::model::{
    Catalog, CatalogError, Changes, Entry, EntryError, FolderLinks, Limits, Listing, ModelFile, NameTemplates,
    ScalersAlone, Survey, hash_of_parts, parts,
};
use crate::model_memory::ModelMemory;
use crate::printable::shown;
use crate::sensor::{DirectoryFull, SensorDirectory, SensorId, SensorName};
use crate::store::{Keeping, KeptModels};
use crate::telemetry::metrics;
use crate::warn_limited;

/// The folder of models, how its files are named, and how often it is looked at.
#[derive(Clone, Debug)]
pub struct ModelDirectory {
    /// The folder.
    pub directory: PathBuf,
    /// The templates of the files' names.
    pub names: NameTemplates,
    /// The bounds on reading one model.
    pub limits: Limits,
    /// How long reading and proving one model may take.
    pub deadline: Duration,
    /// The time between two looks, where the system does not report changes.
    pub look_every: Duration,
    /// How long a file must stay as it is before it is read.
    pub settle: Duration,
}

/// Reads files into models.
#[derive(Clone, Debug)]
pub struct ModelLoader {
    /// Where models are.
    pub models: ModelDirectory,
    /// Decides what the models' columns are.
    pub features: Assigner,
    /// The sensors' numbers.
    pub sensors: Arc<SensorDirectory>,
    /// The memory that the models at work share.
    pub memory: Arc<ModelMemory>,
    /// Keeps the models that are put to work, for when their files are replaced; `None` when none can be kept.
    pub kept: Option<Arc<KeptModels>>,
    /// The threads that read.
    pub workers: Workers,
    /// Reports when there is something to look at.
    pub folder_watch: FolderWatch,
}

/// The bounds on reading one file.
#[derive(Clone, Copy, Debug)]
pub struct LoadBounds {
    /// In memory and steps.
    pub limits: Limits,
    /// In time.
    pub deadline: Duration,
    /// How to give a file more time, which depends on where the deadline comes from.
    pub advice: &'static str,
}

impl ModelDirectory {
    /// The bounds that the configuration sets.
    pub fn load_bounds(&self) -> LoadBounds {
        let advice = "raise models.deadline if reading and proving it takes so long, or take it away";
        LoadBounds { limits: self.limits, deadline: self.deadline, advice }
    }
}

/// Why the folder was not looked through.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It cannot be, or holds too much.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The look did not end in time.
    #[error("the directory of models {} {undone}", shown(directory))]
    Undone {
        /// The folder.
        directory: PathBuf,
        /// Why it did not.
        undone: Undone,
    },
}

/// The result of a look.
#[derive(Debug)]
pub struct Look<T> {
    /// Of the files.
    pub found: T,
    /// Whether the next look can wait for a change.
    pub watching: Watching,
}

/// What the system reports of the folder since the last look.
#[derive(Debug)]
pub enum Watching {
    /// Every change.
    Complete,
    /// Not every change.
    Incomplete(Unwatched),
    /// Not known: the look failed.
    Unknown,
}

/// The result of reading files.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The models, and the files that are not usable as models.
    pub scope: Vec<Scope>,
    /// Sensors whose files could not be read for a reason that may pass.
    pub passing: Vec<SensorName>,
    /// Files that are still being read by threads that were abandoned.
    pub late: Vec<(SensorName, Abandoned)>,
}

/// What a start hands on to the watcher.
#[derive(Debug)]
pub struct Watch {
    /// What was seen of the files.
    pub changes: Changes,
    /// As in [`Loaded`].
    pub late: Vec<(SensorName, Abandoned)>,
    /// A look through the folder that an abandoned thread still goes on with.
    pub late_look: Option<Abandoned>,
    /// As in [`Look`].
    pub watching: Watching,
}

/// Why no models are put to work at a start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// There are no more numbers for sensors.
    #[error("the models cannot all be put to work: {0}")]
    Directory(#[from] DirectoryFull),
}

impl StartError {
    /// Whether the error lasts until a setting, or what it names, is changed.
    pub fn is_lasting(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
        match self {
            Self::Catalog(CatalogError::Directory { source, .. }) => {
                matches!(source.kind(), NotADirectory | NotFound | PermissionDenied)
            }
            Self::Catalog(CatalogError::TooMany { .. }) | Self::Directory(_) => true,
        }
    }
}

/// How many times as long as reading one file a look through the folder may take. A look asks for the names, sizes and
/// times of all files, and these may have to come from a slow disk.
const LOOK_DEADLINES: u32 = 6;

impl ModelLoader {
    /// Looks through the folder.
    ///
    /// # Errors
    /// When it cannot be read, holds too many files, or does not answer in time.
    pub fn look(&self) -> Result<Look<Survey>, LookError> {
        let sensors = Arc::clone(&self.sensors);
        self.look_through(move |ModelDirectory { directory, names, limits, .. }, enter| {
            let known = |name| sensors.find(&name).and_then(|sensor| sensors.name(sensor)).unwrap_or(name);
            let survey = Survey::take(directory, names, limits.files, &known, enter)?;
            let links = survey.links;
            Ok((survey, links))
        })
    }

    /// Looks for the files of some sensors, to read them.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn list(&self, sensors: BTreeSet<SensorName>) -> Result<Listing, LookError> {
        let models = self.models.clone();
        let list = move || {
            let is_wanted = |sensor: &SensorName| sensors.contains(sensor);
            Listing::read_some(&models.directory, &models.names, models.limits.files, &is_wanted, &mut |_| {})
        };
        Ok(self.in_time(list)??.0)
    }

    /// Looks through the folder, and watches it from here on.
    fn look_through<T: Send + 'static>(
        &self,
        look: impl Fn(&ModelDirectory, &mut dyn FnMut(&Path)) -> Result<(T, FolderLinks), CatalogError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Look<T>, LookError> {
        let (models, watch) = (self.models.clone(), self.folder_watch.clone());
        let look = move || {
            metrics::MODEL_LOOKS.add(1);
            let mut round = watch.begin_round(&models.directory);
            let (found, links) = look(&models, &mut |folder| round.folder(folder))?;
            let watching = round.end(links).map_or_else(Watching::Incomplete, |()| Watching::Complete);
            Ok(Look { found, watching })
        };
        self.in_time(look)?
    }

    /// Asks the disk on a thread that may be abandoned.
    fn in_time<T: Send + 'static>(&self, ask: impl Fn() -> T + Send + Sync + 'static) -> Result<T, LookError> {
        let asked = self.workers.one(self.models.deadline.saturating_mul(LOOK_DEADLINES), ask);
        asked.map_err(|undone| LookError::Undone { directory: self.models.directory.clone(), undone })
    }

    /// Reads files of sensors that have their numbers.
    pub fn load(&self, files: Vec<(SensorName, ModelFile)>) -> Loaded {
        let (features, sensors) = (self.features.clone(), Arc::clone(&self.sensors));
        let (kept, limits, directory) = (self.kept.clone(), self.models.limits, self.models.directory.clone());
        let memory = Arc::clone(&self.memory);
        let then = move |mut entry: Entry| {
            let number = sensors.find(&entry.sensor);
            if let Some(sensor) = number {
                // The directory's own: all that is known of a sensor shares the letters of its name.
                entry.sensor = sensors.name(sensor).unwrap_or(entry.sensor);
                kept.iter().for_each(|kept| keep(kept, sensor, &entry, &limits));
            }
            let passing = entry.model.as_ref().is_err_and(EntryError::may_pass).then(|| entry.sensor.clone());
            (number.map(|sensor| Scope::of(entry, sensor, &features, &directory, &memory)), passing)
        };
        let mut loaded = Loaded::default();
        read_each(&self.workers, files, self.models.load_bounds(), then, |name, (scope, passing), undone| {
            loaded.scope.extend(scope);
            loaded.passing.extend(passing);
            match undone {
                Some(Undone::Late { thread, .. }) => loaded.late.push((name.clone(), thread)),
                Some(Undone::NotBegun { .. } | Undone::Refused(_)) => loaded.passing.push(name.clone()),
                Some(Undone::Panicked(_)) | None => {}
            }
        });
        loaded
    }

    /// Reads all files, for a start: returns the models, and what the watcher goes on from.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds too many files or models. A folder that does not answer in time is no
    /// error: the daemon starts without its models.
    pub fn start(&self) -> Result<(Vec<Scope>, Watch), StartError> {
        let Look { found: listing, watching } = match self.look_for_all() {
            Ok(look) => look,
            Err(LookError::Catalog(error)) if !error.may_pass() => return Err(error.into()),
            Err(error) => {
                tracing::error!("{error}: the start goes on without models, and the folder is looked at again");
                let late_look = error.late();
                let changes = Changes::since([], self.models.settle);
                return Ok((Vec::new(), Watch { changes, late: Vec::new(), late_look, watching: Watching::Unknown }));
            }
        };
        if let Some(alone) = ScalersAlone::of(&listing) {
            tracing::warn!("{alone}");
        }
        let files: Vec<_> = listing.files.into_iter().collect();
        let mut seen = Vec::with_capacity(files.len());
        for (name, file) in &files {
            // In the order of the names, whichever file is read first.
            let sensor = self.sensors.intern_with_model(name)?;
            seen.push((self.sensors.name(sensor).unwrap_or_else(|| name.clone()), file.fingerprint));
        }
        // A file that changes while it is being read counts as changed.
        let mut changes = Changes::since(seen, self.models.settle);
        let Loaded { mut scope, passing, late } = self.load(files);
        passing.into_iter().for_each(|sensor| changes.try_again(sensor, Instant::now()));
        scope.sort_by_key(|scope| scope.sensor);
        let mut news = ModelNews::default();
        for Scope { name, model, warnings, .. } in &scope {
            match model {
                Ok(_) => news.warnings(name, warnings),
                Err(unusable) => news.broken(name, unusable),
            }
        }
        news.end();
        let broken = scope.iter().filter(|scope| scope.model.is_err()).count();
        tracing::info!(models = scope.len() - broken, broken, "models read");
        Ok((scope, Watch { changes, late, late_look: None, watching }))
    }

    /// Lists all files, and has their folders watched from here on.
    fn look_for_all(&self) -> Result<Look<Listing>, LookError> {
        self.look_through(|ModelDirectory { directory, names, limits, .. }, enter| {
            Listing::read_some(directory, names, limits.files, &|_| true, enter)
        })
    }
}

/// Keeps a model that was read. It works as well if it cannot be kept.
fn keep(kept: &KeptModels, sensor: SensorId, entry: &Entry, limits: &Limits) {
    let Ok(model) = &entry.model else { return };
    let parts = || {
        let parts = parts(entry.scaler.as_slice(), &entry.path, limits).map_err(io::Error::other)?;
        let is_same = hash_of_parts(&parts) == model.hash();
        if is_same { Ok(parts) } else { Err(io::Error::other("its file has changed since it was read")) }
    };
    match kept.keep(sensor, model.hash(), parts) {
        Ok(Keeping::Kept) => {}
        Ok(Keeping::NoRoom) => warn_limited!(
            "not all models at work are kept (store.kept_models, store.reserve): of the windows that the others score, the decision values that \
             are not stored cannot be computed again"
        ),
        Err(problem) => warn_limited!(sensor = %entry.sensor, "the model is not kept: {problem}"),
    }
}

impl LookError {
    /// The thread that still goes on looking; `None` when the look has ended.
    pub fn late(self) -> Option<Abandoned> {
        match self {
            Self::Undone { undone: Undone::Late { thread, .. }, .. } => Some(thread),
            Self::Undone { .. } | Self::Catalog(_) => None,
        }
    }
}

/// Reads files on `workers`. `then` turns each result into what the caller wants, on the worker as well, because it may
/// evaluate the model. Results are handed over in the order in which they are done; a file that was not read is handed
/// over with the problem.
pub fn read_each<R: Send + 'static>(
    workers: &Workers,
    files: Vec<(SensorName, ModelFile)>,
    LoadBounds { limits, deadline, advice }: LoadBounds,
    then: impl Fn(Entry) -> R + Clone + Send + Sync + 'static,
    mut take: impl FnMut(&SensorName, R, Option<Undone>),
) {
    let or_not = then.clone();
    let read = move |(name, file): &(SensorName, ModelFile)| then(Entry::load(name.clone(), file.clone(), &limits));
    workers.each(files, deadline, read, |(name, file), result| match result {
        Ok(made) => take(name, made, None),
        Err(undone) => {
            let problem = match undone {
                Undone::Late { .. } => format!("{undone}; {advice}"),
                Undone::NotBegun { .. } | Undone::Refused(_) | Undone::Panicked(_) => undone.to_string(),
            };
            let entry = Entry::not_read(name.clone(), file.clone(), problem);
            take(name, or_not(entry), Some(undone));
        }
    });
}

/// Reads the models of a listing on all cores.
pub fn read_catalog(listing: Listing, bounds: LoadBounds) -> Catalog {
    let Listing { files, ignored } = listing;
    let mut entries = Vec::new();
    let files = files.into_iter().collect();
    read_each(&Workers::on_all_cores(), files, bounds, |entry| entry, |_, entry, _| entries.push(entry));
    entries.sort_by(|a: &Entry, b| a.sensor.cmp(&b.sensor));
    Catalog { entries, ignored }
}
