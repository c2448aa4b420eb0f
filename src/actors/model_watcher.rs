//! The model watcher: notices that model files have changed, has them read beside those at work, and hands them over.
//!
//! It looks at the directory from time to time, and when it is woken. What it finds goes through the recorder, which
//! passes it on between two runs, so that every window is scored by one set of models. Only names, sizes and times are
//! looked at, unless something has changed. All that asks the disk is done by the loader's threads, each with a deadline:
//! neither a look nor a file that does not end holds up the next.

use std::sync::Arc;
use std::time::Instant;

use actix::Addr;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::actors::model_loader::{Loaded, ModelLoader, Watch, aside};
use crate::actors::model_news::ModelNews;
use crate::actors::recorder::Recorder;
use crate::actors::supervisor::{ChangeModels, ModelChange, Scope};
use crate::model::{Due, ModelFile, Sight};
use crate::sensor::SensorName;
use crate::warn_limited;

/// How many models are read before they are handed over: what bounds the memory for models that are not at work yet.
const BATCH: usize = 256;

/// Nobody is left to take models.
struct Over;

/// Looks for changes until the daemon stops. `wake` has it look at once.
pub async fn watch_models(loader: ModelLoader, watch: Watch, recorder: Addr<Recorder>, wake: Arc<Notify>) {
    let (look_every, settle) = (loader.models.look_every, loader.models.settle);
    let mut watcher = Watcher { loader: Arc::new(loader), watch, recorder };
    let mut pause = look_every;
    loop {
        let woken = timeout(pause, wake.notified()).await.is_ok();
        let Some(sight) = watcher.look().await else {
            pause = look_every;
            continue;
        };
        if woken && let Some(alone) = sight.scalers_alone() {
            tracing::warn!("{alone}");
        }
        let now = Instant::now();
        watcher.try_again_what_has_ended(now);
        if woken {
            watcher.watch.changes.hurry(now);
        }
        let due = watcher.watch.changes.look(sight, now);
        for sensor in &due.without_scaler {
            warn_limited!(%sensor, "the file of the scaler before the model is gone, and both stay at work as they are until another model file comes");
        }
        pause = if due.unsettled { settle.min(look_every) } else { look_every };
        if woken && due.is_empty() {
            tracing::info!("asked to look at the model files: none has changed");
        }
        if watcher.hand_over(due).await.is_err() {
            return;
        }
    }
}

struct Watcher {
    loader: Arc<ModelLoader>,
    watch: Watch,
    recorder: Addr<Recorder>,
}

impl Watcher {
    /// What is there now; `None` when it cannot be looked at. A folder that is away for a while is no reason to take its
    /// models off.
    async fn look(&mut self) -> Option<Sight> {
        if self.watch.late_look.as_ref().is_some_and(|look| !look.has_ended()) {
            warn_limited!("model files are not looked at: the look before has not ended");
            return None;
        }
        let loader = Arc::clone(&self.loader);
        match aside(move || loader.look()).await? {
            Ok(sight) => Some(sight),
            Err(error) => {
                warn_limited!("model files are not looked at: {error}");
                self.watch.late_look = error.late();
                None
            }
        }
    }

    /// A file that was given up is tried again once the thread has ended that was at it: it would hold up another.
    fn try_again_what_has_ended(&mut self, now: Instant) {
        let Watch { changes, late, .. } = &mut self.watch;
        late.retain(|(sensor, thread)| {
            let ended = thread.has_ended();
            if ended {
                changes.try_again(sensor.clone(), now);
            }
            !ended
        });
    }

    /// Reads what is new, and hands everything over, batch by batch.
    async fn hand_over(&mut self, due: Due) -> Result<(), Over> {
        let Due { load, again, remove, .. } = due;
        let mut news = ModelNews::default();
        let removed: Vec<_> = remove.iter().filter_map(|name| self.loader.sensors.find(name)).collect();
        if !removed.is_empty() {
            let changes = removed.into_iter().map(ModelChange::Remove).collect();
            news = self.change(changes, news).await?;
        }
        for batch in batches(load) {
            let scope = self.load(batch).await;
            let changes = scope.into_iter().map(ModelChange::Assign).collect();
            news = self.change(changes, news).await?;
        }
        for batch in batches(again) {
            // A file that still cannot be read was told of, and what stands in its sensor's place stays.
            let scope = self.load(batch).await.into_iter().filter(|scope| scope.model.is_ok());
            let changes = scope.map(ModelChange::Assign).collect();
            news = self.change(changes, news).await?;
        }
        news.end();
        Ok(())
    }

    async fn change(&self, changes: Vec<ModelChange>, news: ModelNews) -> Result<ModelNews, Over> {
        let (done, changed) = oneshot::channel();
        self.recorder.send(ChangeModels { changes, news, done }).await.map_err(|_| Over)?;
        changed.await.map_err(|_| Over)
    }

    /// Reads files, and notes which of them are to be tried again.
    async fn load(&mut self, files: Vec<(SensorName, ModelFile)>) -> Vec<Scope> {
        let is_numbered = |(name, _): &(SensorName, ModelFile)| match self.loader.sensors.intern_with_model(name) {
            Ok(_) => true,
            Err(full) => {
                warn_limited!(sensor = %name, "the model cannot be put to work: {full}");
                false
            }
        };
        let files: Vec<_> = files.into_iter().filter(is_numbered).collect();
        let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
        let loader = Arc::clone(&self.loader);
        let loaded = aside(move || loader.load(files)).await;
        // Without a thread nothing was read.
        let Loaded { scope, passing, late } = loaded.unwrap_or_else(|| Loaded { passing: names, ..Loaded::default() });
        passing.into_iter().for_each(|sensor| self.watch.changes.try_again(sensor, Instant::now()));
        self.watch.late.extend(late);
        scope
    }
}

/// Cuts files into batches.
fn batches(files: Vec<(SensorName, ModelFile)>) -> impl Iterator<Item = Vec<(SensorName, ModelFile)>> {
    let mut files = files.into_iter().peekable();
    std::iter::from_fn(move || {
        files.peek()?;
        Some(files.by_ref().take(BATCH).collect())
    })
}
