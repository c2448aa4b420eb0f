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
use tokio::time::timeout;

use crate::actors::recorder::Recorder;
use crate::actors::supervisor::{ChangeModels, ModelChange, Scope};
use crate::model::{CatalogError, Changes, Due, Entry, Limits, Listing, NameTemplate};
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

/// Looks for changes until the daemon stops. `wake` has it look at once.
pub async fn watch_models(
    settings: ModelDirectory,
    mut changes: Changes,
    sensors: Arc<SensorDirectory>,
    recorder: Addr<Recorder>,
    wake: Arc<Notify>,
) {
    let settings = Arc::new(settings);
    let mut pause = settings.look_every;
    loop {
        let woken = timeout(pause, wake.notified()).await.is_ok();
        let looked = {
            let settings = Arc::clone(&settings);
            tokio::task::spawn_blocking(move || {
                let due = settings.list().map(|listing| changes.look(&listing, Instant::now()));
                (changes, due)
            })
        };
        // The task does not panic, and is cancelled only with the whole runtime.
        let Ok((returned, due)) = looked.await else { return };
        changes = returned;
        let due = due.unwrap_or_else(|error| {
            // A folder that is away for a while is no reason to take its models off.
            warn_limited!("model files are not looked at: {error}");
            Due::default()
        });
        pause = if due.unsettled { settings.settle.min(settings.look_every) } else { settings.look_every };
        if woken && due.load.is_empty() && due.remove.is_empty() && !due.unsettled {
            tracing::info!("asked to look at the model files: none has changed");
        }
        if !hand_over(due, &settings, &sensors, &recorder).await {
            return;
        }
    }
}

/// Reads what is new, and hands everything over, batch by batch. Whether there still is somebody to take it.
async fn hand_over(
    due: Due,
    settings: &Arc<ModelDirectory>,
    sensors: &Arc<SensorDirectory>,
    recorder: &Addr<Recorder>,
) -> bool {
    let removed = due.remove.iter().filter_map(|name| sensors.find(name)).map(ModelChange::Remove).collect();
    if recorder.send(ChangeModels { changes: removed }).await.is_err() {
        return false;
    }
    let mut files = due.load.into_iter().peekable();
    while files.peek().is_some() {
        let batch: Vec<_> = files.by_ref().take(BATCH).collect();
        let (settings, sensors) = (Arc::clone(settings), Arc::clone(sensors));
        let read = tokio::task::spawn_blocking(move || {
            let load = |(sensor, file)| assign(Entry::load(sensor, file, &settings.limits), &sensors);
            batch.into_iter().filter_map(load).map(ModelChange::Assign).collect()
        });
        let Ok(changes) = read.await else { return false };
        if recorder.send(ChangeModels { changes }).await.is_err() {
            return false;
        }
    }
    true
}

/// Numbers the sensor of a model that came while the daemon runs.
fn assign(entry: Entry, sensors: &SensorDirectory) -> Option<Scope> {
    let name: SensorName = entry.sensor.clone();
    match sensors.intern(&name) {
        Ok(sensor) => Some(Scope::of(entry, sensor)),
        Err(full) => {
            tracing::error!(sensor = %name, "the model cannot be put to work: {full}");
            None
        }
    }
}
