//! The model watcher: notices that model files have changed, has them read while the old models stay at work, and hands
//! the new models over.
//!
//! It looks through the folder when the system reports a change in it, when a command or signal asks for it, and from
//! time to time. The changes that it finds go to the recorder, which passes them on between two runs, so that every
//! window is scored by one set of models. A look asks for names, sizes and times only, and keeps a fingerprint a
//! sensor. The loader's threads do all that asks the disk, each with a deadline: a look or a file that does not end
//! does not hold up the next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, oneshot};
use tokio::time::{sleep, sleep_until};

use crate::actors::aside::{Share, aside};
use crate::actors::scoring::folder_watch::FolderEvents;
use crate::actors::scoring::model_loader::{Loaded, Look, LookError, ModelLoader, Watch, Watching};
use crate::actors::scoring::model_news::ModelNews;
use crate::actors::scoring::recorder::Recorder;
use crate::actors::scoring::supervisor::{ChangeModels, ModelChange, Scope};
use crate::model::{Due, Listing, ModelFile, ScalersAlone, Survey};
use crate::sensor::SensorName;
use crate::time::Span;
use crate::warn_limited;

/// The most models that are read before they are handed over. This bounds the memory for models that are not at work
/// yet.
const BATCH: usize = 256;

/// How many times as seldom as `models.look_every` a folder is looked at when the system reports its changes. These
/// looks find changes that were not reported.
const SAFETY: u32 = 60;

/// How long the watcher waits for more changes after one is reported: several files often change together.
const GATHER: Duration = Duration::from_millis(100);

/// How many times as long as the last look took the watcher rests before the next, while changes are reported without
/// end. So looks take a fifth of a core at most.
const REST: u32 = 4;

/// The recorder or the supervisor has ended, so models cannot be handed over.
struct Over;

/// Why a look begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// A command or a signal asked for it.
    Asked,
    /// The system reported a change, or the time for a look has come.
    Other,
}

/// Looks for changes until the daemon stops. `wake` makes it look at once. What was seen stays when this begins anew.
pub async fn watch_models(loader: ModelLoader, watch: Arc<Mutex<Watch>>, recorder: Addr<Recorder>, wake: Arc<Notify>) {
    let watch = watch.lock_owned().await;
    // Without inotify there are no events, and each look says so.
    let events = FolderEvents::of(loader.folder_watch.clone()).ok();
    let mut watcher = Watcher { loader: Arc::new(loader), watch, recorder, events, unwatched: None };
    watcher.say_if_unwatched();
    let mut took = Duration::ZERO;
    loop {
        let occasion = watcher.wait(&wake, took.saturating_mul(REST)).await;
        if let Some(events) = &watcher.events {
            events.forget();
        }
        let began = Instant::now();
        let survey = watcher.look().await;
        took = began.elapsed();
        let Some(survey) = survey else { continue };
        if watcher.take_in(survey, occasion).await.is_err() {
            return;
        }
    }
}

/// Files to be read, and sensors whose files are gone.
#[derive(Default)]
struct Files {
    /// New or changed.
    load: Vec<(SensorName, ModelFile)>,
    /// Not changed, and to be tried again.
    again: Vec<(SensorName, ModelFile)>,
    remove: Vec<SensorName>,
}

struct Watcher {
    loader: Arc<ModelLoader>,
    watch: OwnedMutexGuard<Watch>,
    recorder: Addr<Recorder>,
    events: Option<FolderEvents>,
    /// The reason why the folder is not watched, as it was logged last.
    unwatched: Option<String>,
}

impl Watcher {
    /// Waits for a reason to look. Waits for at least `rest`, unless a command or signal asks for a look.
    async fn wait(&mut self, wake: &Notify, rest: Duration) -> Occasion {
        let at = self.next_look(Instant::now() + rest);
        let told = async {
            let Some(events) = &self.events else { return std::future::pending().await };
            sleep(rest.max(GATHER)).await;
            events.next().await?;
            sleep(GATHER).await;
            Ok::<_, std::io::Error>(())
        };
        let told = tokio::select! {
            () = wake.notified() => return Occasion::Asked,
            told = told => told,
            () = sleep_until(at.into()) => Ok(()),
        };
        if let Err(error) = told {
            warn_limited!("the system no longer tells of changes of model files: {error}");
            self.events = None;
        }
        Occasion::Other
    }

    /// When the next look is made although no change was reported and no look was asked for.
    fn next_look(&self, earliest: Instant) -> Instant {
        let Watch { changes, late, watching, .. } = &*self.watch;
        let look_every = self.loader.models.look_every;
        let (pause, sooner) = match watching {
            Watching::Unknown => (look_every, None),
            Watching::Complete if late.is_empty() && self.events.is_some() => {
                (look_every.saturating_mul(SAFETY), changes.next_look())
            }
            Watching::Complete | Watching::Incomplete(_) => (look_every, changes.next_look()),
        };
        let at = Instant::now() + pause;
        sooner.map_or(at, |sooner| sooner.min(at)).max(earliest)
    }

    /// What is in the folder now; `None` when it cannot be looked at. A folder that is away for a while is no reason to
    /// take its models off.
    async fn look(&mut self) -> Option<Survey> {
        if self.watch.late_look.as_ref().is_some_and(|look| !look.has_ended()) {
            warn_limited!("model files are not looked at: the look before has not ended");
            return None;
        }
        let loader = Arc::clone(&self.loader);
        let Look { found, watching } =
            self.unless_late(aside("model loader", Share::Equal, move || loader.look()).await?)?;
        self.watch.watching = watching;
        self.say_if_unwatched();
        Some(found)
    }

    /// Where the files of these sensors are; `None` when the folder cannot be looked at.
    async fn list(&mut self, sensors: BTreeSet<SensorName>) -> Option<Listing> {
        let loader = Arc::clone(&self.loader);
        self.unless_late(aside("model loader", Share::Equal, move || loader.list(sensors)).await?)
    }

    fn unless_late<T>(&mut self, looked: Result<T, LookError>) -> Option<T> {
        match looked {
            Ok(found) => Some(found),
            Err(error) => {
                warn_limited!("model files are not looked at: {error}");
                self.watch.watching = Watching::Unknown;
                self.watch.late_look = error.late();
                None
            }
        }
    }

    /// Says why the folder is looked at so often, once.
    fn say_if_unwatched(&mut self) {
        let reason = match &self.watch.watching {
            Watching::Complete => None,
            Watching::Incomplete(reason) => Some(reason.to_string()),
            Watching::Unknown => return,
        };
        if let Some(reason) = &reason
            && self.unwatched.as_ref() != Some(reason)
        {
            let every = Span::from(self.loader.models.look_every);
            tracing::info!("the folder of models is looked at every {every} (models.look_every): {reason}");
        }
        self.unwatched = reason;
    }

    /// Decides what a look's findings require, and has it done.
    async fn take_in(&mut self, survey: Survey, occasion: Occasion) -> Result<(), Over> {
        let now = Instant::now();
        self.try_again_what_has_ended(now);
        let asked = occasion == Occasion::Asked;
        if asked {
            self.watch.changes.hurry(now);
        }
        let alone = if asked { survey.scalers_alone.clone() } else { Vec::new() };
        let due = self.watch.changes.look(survey, now);
        for sensor in &due.without_scaler {
            warn_limited!(%sensor, "the file of the scaler before the model is gone, and both stay at work as they are until another model file comes");
        }
        if asked && due.is_empty() {
            tracing::info!("asked to look at the model files: none has changed");
        }
        let Due { load, again, remove, .. } = due;
        let wanted: BTreeSet<_> = load.iter().chain(&again).cloned().chain(alone).collect();
        let mut files = Files { remove, ..Files::default() };
        if !wanted.is_empty() {
            match self.list(wanted).await {
                Some(listing) => {
                    if asked && let Some(alone) = ScalersAlone::of(&listing) {
                        tracing::warn!("{alone}");
                    }
                    let due =
                        listing.files.into_iter().filter(|(sensor, _)| load.contains(sensor) || again.contains(sensor));
                    (files.load, files.again) = due.partition(|(sensor, _)| load.contains(sensor));
                }
                None => {
                    again.into_iter().for_each(|sensor| self.watch.changes.try_again(sensor, now));
                    self.watch.changes.was_not_read(load);
                }
            }
        }
        self.hand_over(files).await
    }

    /// Tries a file again that was given up, once the thread that was reading it has ended: another thread would be
    /// held up by it as well.
    fn try_again_what_has_ended(&mut self, now: Instant) {
        let Watch { changes, late, .. } = &mut *self.watch;
        late.retain(|(sensor, thread)| {
            let ended = thread.has_ended();
            if ended {
                changes.try_again(sensor.clone(), now);
            }
            !ended
        });
    }

    /// Reads the new files, and hands over all changes, batch by batch.
    async fn hand_over(&mut self, Files { load, again, remove }: Files) -> Result<(), Over> {
        let mut news = ModelNews::default();
        let removed: Vec<_> = remove.iter().filter_map(|name| self.loader.sensors.find(name)).collect();
        if !removed.is_empty() {
            if let Some(kept) = &self.loader.kept {
                removed.iter().for_each(|sensor| kept.release(*sensor));
            }
            let changes = removed.into_iter().map(ModelChange::Remove).collect();
            news = self.change(changes, news).await?;
        }
        for batch in batches(load) {
            let scope = self.load(batch).await;
            let changes = scope.into_iter().map(ModelChange::Assign).collect();
            news = self.change(changes, news).await?;
        }
        for batch in batches(again) {
            // A file that still cannot be read was logged before, and its sensor's model stays as it is.
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

    /// Reads files, and notes which of them have to be tried again.
    async fn load(&mut self, files: Vec<(SensorName, ModelFile)>) -> Vec<Scope> {
        let is_numbered = |(name, _): &(SensorName, ModelFile)| match self.loader.sensors.intern_with_model(name) {
            Ok(_) => true,
            Err(full) => {
                warn_limited!(sensor = %name, "the model cannot be put to work: {full}");
                false
            }
        };
        let (files, unnumbered): (Vec<_>, Vec<_>) = files.into_iter().partition(is_numbered);
        let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
        let loader = Arc::clone(&self.loader);
        let loaded = aside("model loader", Share::Equal, move || loader.load(files)).await;
        // Without a thread nothing was read.
        let Loaded { scope, passing, late } = loaded.unwrap_or_else(|| Loaded { passing: names, ..Loaded::default() });
        let passing = passing.into_iter().chain(unnumbered.into_iter().map(|(name, _)| name));
        passing.for_each(|sensor| self.watch.changes.try_again(sensor, Instant::now()));
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
