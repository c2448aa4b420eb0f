//! The watch for conditions: behind each closing and each run it has the [`ConditionSurvey`] look, stores what changed, and
//! tells of it.
//!
//! It keeps up with one window after the other, on a thread that may block, and holds up neither intake nor runs. What is
//! stored goes to the committer in pieces, each of which is waited for. A look that fails costs that look: the survey is
//! opened anew, from the store.

use std::time::{Duration, Instant};

use crate::actors::aside::{Share, aside};
use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::actors::scoring::condition_survey::{ConditionSources, ConditionSurvey, Look};
use crate::condition::{ClearCause, ConditionChange, ConditionKind, Notice};
use crate::live::{EventKind, Happening};
use crate::sensor::SensorId;
use crate::store::StoreError;
use crate::telemetry::metrics::{self, Metric};

/// How long it waits between two looks, so that a stream of commits does not make it look all the time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// How long it waits before it begins anew.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How many sensors' conditions are stored at once.
const STORED_AT_ONCE: usize = 4_096;
/// How many sensors a line of the log names.
const MOST_NAMED: usize = 3;

/// Why the watch begins anew.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Committer(#[from] CommitterStopped),
    #[error("the thread that looked ended, of a defect or because the system refused it")]
    ThreadEnded,
}

/// Looks for conditions until the daemon stops.
pub async fn watch_conditions(sources: ConditionSources, commands: Commands) {
    loop {
        let Err(error) = watch(&sources, &commands).await;
        tracing::error!("looking for conditions of sensors failed, and begins anew: {error}");
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn watch(sources: &ConditionSources, commands: &Commands) -> Result<std::convert::Infallible, WatchError> {
    let mut position = commands.position();
    let opened = sources.clone();
    let mut survey = blocking(move || ConditionSurvey::open(opened)).await??;
    count_standing(sources);
    loop {
        let closed = position.borrow_and_update().closed;
        let (again, look) = blocking(move || {
            let began = Instant::now();
            let look = survey.look();
            metrics::CONDITION_LOOK_MILLIS.set(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
            (survey, look)
        })
        .await?;
        survey = again;
        if let Some(look) = look? {
            take(sources, commands, look).await?;
            // Other windows may wait.
            continue;
        }
        if survey.until() >= closed {
            position.changed().await.map_err(|_| CommitterStopped)?;
        }
        // Windows of a closing come a while after it: when all of them are stored.
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Does `work` on a thread that yields to the run over the same windows.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, WatchError> {
    aside("condition survey", Share::Yielding, work).await.ok_or(WatchError::ThreadEnded)
}

/// Stores, shows and tells what a look found.
async fn take(sources: &ConditionSources, commands: &Commands, look: Look) -> Result<(), WatchError> {
    let Look { until, mut changed, changes } = look;
    let live = &sources.live;
    let standing = changed.iter().map(|(sensor, of_sensor)| (*sensor, of_sensor.standing().cloned().collect()));
    live.conditions.show(standing.collect::<Vec<_>>().into_iter(), until);
    count_standing(sources);
    log(sources, &changes);
    // The mark goes with the last piece: a crash before it has the whole window looked at again, and a sensor whose
    // change is stored already takes a window in once.
    while changed.len() > STORED_AT_ONCE {
        let piece = changed.split_off(changed.len() - STORED_AT_ONCE);
        commands.commit(|done| Command::PutConditions { changed: piece, until: None, done }).await?;
    }
    commands.commit(|done| Command::PutConditions { changed, until: Some(until), done }).await?;
    if !changes.is_empty() {
        live.events.tell(EventKind::Condition, || Happening::Conditions(changes.into()));
    }
    Ok(())
}

/// The number of sensors that have a condition.
fn gauge(kind: ConditionKind) -> &'static Metric {
    match kind {
        ConditionKind::Silent => &metrics::SENSORS_SILENT,
        ConditionKind::Stuck => &metrics::SENSORS_STUCK,
        ConditionKind::Sparse => &metrics::SENSORS_SPARSE,
        ConditionKind::OutOfRange => &metrics::SENSORS_OUT_OF_RANGE,
        ConditionKind::Drifting => &metrics::SENSORS_DRIFTING,
        ConditionKind::ClockWrong => &metrics::SENSORS_CLOCK_WRONG,
    }
}

fn count_standing(sources: &ConditionSources) {
    let counts = sources.live.conditions.read().counts();
    for (kind, count) in ConditionKind::ALL.into_iter().zip(counts) {
        gauge(kind).set(count);
    }
}

/// One line for each kind that was raised, and one for each that was cleared and why.
fn log(sources: &ConditionSources, changes: &[(SensorId, ConditionChange)]) {
    for kind in ConditionKind::ALL {
        let of_kind = changes.iter().filter(|(_, change)| change.condition().reason.kind() == kind);
        let (raised, cleared): (Vec<_>, Vec<_>) =
            of_kind.partition(|(_, change)| matches!(change, ConditionChange::Raised(_)));
        metrics::CONDITIONS_RAISED.add(raised.len() as u64);
        let condition = kind.word();
        if let Some((_, first)) = raised.first() {
            let (sensors, count, reason) = (named(sources, &raised), raised.len(), &first.condition().reason);
            match sources.settings.policy(kind).notice {
                Notice::Warning => tracing::warn!(condition, count, "{sensors}: {reason}"),
                Notice::Note | Notice::Off => tracing::info!(condition, count, "{sensors}: {reason}"),
            }
        }
        for cause in ClearCause::ALL {
            let of_cause = |(_, change): &&(SensorId, ConditionChange)| matches!(change, ConditionChange::Cleared(_, why) if *why == cause);
            let cleared: Vec<_> = cleared.iter().copied().filter(|change| of_cause(change)).collect();
            if !cleared.is_empty() {
                let (sensors, count, why) = (named(sources, &cleared), cleared.len(), cause.words());
                tracing::info!(condition, count, "{sensors}: the condition does not stand any more, because {why}");
            }
        }
    }
}

/// `press-1/flow, press-2/flow and 7 others`.
fn named(sources: &ConditionSources, changes: &[&(SensorId, ConditionChange)]) -> String {
    let names = changes.iter().take(MOST_NAMED).filter_map(|(sensor, _)| sources.directory.name(*sensor));
    let mut words = names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
    let others = changes.len().saturating_sub(MOST_NAMED);
    if others > 0 {
        words.push_str(&format!(" and {others} others"));
    }
    words
}
