//! The model watcher: notices that model files have changed, reads them beside those at work, and hands them over.
//!
//! It looks at the directory from time to time, and when it is woken. What it finds goes through the recorder, which
//! passes it on between two runs, so that every window is scored by one set of models. Only names, sizes and times are
//! looked at, unless something has changed; what has changed is read and proven on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::actors::recorder::Recorder;
use crate::actors::supervisor::{ChangeModels, ModelChange, Scope};
use crate::features::Assigner;
use crate::model::{CatalogError, Changes, Due, Entry, Limits, Listing, ModelFile, NameTemplate};
use crate::sensor::{SensorDirectory, SensorName};
use crate::warn_limited;

/// Where models are, and how often somebody looks.
#[derive(Clone, Debug)]
pub struct ModelDirectory {
    /// The folder.
    pub directory: PathBuf,
    /// What a file's name says.
    pub name: NameTemplate,
    /// What reading a model may cost.
    pub limits: Limits,
    /// The time between two looks.
    pub look_every: Duration,
    /// How long a file must stay as it is before it is read.
    pub settle: Duration,
}

impl ModelDirectory {
    /// Lists the files.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds too many.
    pub fn list(&self) -> Result<Listing, CatalogError> {
        Listing::read(&self.directory, &self.name, self.limits.files)
    }
}

/// How many models are read before they are handed over: what bounds the memory for models that are not at work yet.
const BATCH: usize = 256;

/// What turns a file into a sensor's model.
#[derive(Debug)]
pub struct ModelLoader {
    /// Where models are.
    pub models: ModelDirectory,
    /// What their columns are.
    pub features: Assigner,
    /// The sensors' numbers.
    pub sensors: Arc<SensorDirectory>,
}

impl ModelLoader {
    /// Reads a file that came or changed while the daemon runs.
    fn load(&self, name: SensorName, file: ModelFile) -> Option<ModelChange> {
        match self.sensors.intern(&name) {
            Ok(sensor) => {
                let entry = Entry::load(name, file, &self.models.limits);
                Some(ModelChange::Assign(Scope::of(entry, sensor, &self.features)))
            }
            Err(full) => {
                tracing::error!(sensor = %name, "the model cannot be put to work: {full}");
                None
            }
        }
    }
}

/// Looks for changes until the daemon stops. `wake` has it look at once.
pub async fn watch_models(loader: ModelLoader, mut changes: Changes, recorder: Addr<Recorder>, wake: Arc<Notify>) {
    let ModelDirectory { look_every, settle, .. } = loader.models;
    let loader = Arc::new(loader);
    let mut pause = look_every;
    loop {
        let woken = timeout(pause, wake.notified()).await.is_ok();
        let looking = Arc::clone(&loader);
        let looked = spawn_blocking(move || {
            let due = looking.models.list().map(|listing| changes.look(&listing, Instant::now()));
            (changes, due)
        });
        // It does not panic, and is cancelled only with the whole runtime.
        let Ok((returned, due)) = looked.await else { return };
        changes = returned;
        let due = due.unwrap_or_else(|error| {
            // A folder that is away for a while is no reason to take its models off.
            warn_limited!("model files are not looked at: {error}");
            Due::default()
        });
        pause = if due.unsettled { settle.min(look_every) } else { look_every };
        if woken && due.load.is_empty() && due.remove.is_empty() && !due.unsettled {
            tracing::info!("asked to look at the model files: none has changed");
        }
        if hand_over(due, &loader, &recorder).await.is_none() {
            return;
        }
    }
}

/// Reads what is new, and hands everything over, batch by batch. `None` when there is nobody left to take it.
async fn hand_over(due: Due, loader: &Arc<ModelLoader>, recorder: &Addr<Recorder>) -> Option<()> {
    let removed: Vec<_> = due.remove.iter().filter_map(|name| loader.sensors.find(name)).collect();
    if !removed.is_empty() {
        let changes = removed.into_iter().map(ModelChange::Remove).collect();
        recorder.send(ChangeModels { changes }).await.ok()?;
    }
    let mut files = due.load.into_iter().peekable();
    while files.peek().is_some() {
        let batch: Vec<_> = files.by_ref().take(BATCH).collect();
        let loader = Arc::clone(loader);
        let load = move || batch.into_iter().filter_map(|(sensor, file)| loader.load(sensor, file)).collect();
        // It does not panic, whatever the files hold, and is cancelled only with the whole runtime.
        let changes = spawn_blocking(load).await.ok()?;
        recorder.send(ChangeModels { changes }).await.ok()?;
    }
    Some(())
}
