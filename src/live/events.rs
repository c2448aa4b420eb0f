//! What happens, as it happens, for those who listen. When nobody listens to a kind, telling it costs a look at a counter.
//!
//! Each kind has a ring of its own, bounded by bytes: readings come by the million, and must not push out what comes once
//! an hour. Whoever tells never waits for a listener: a listener that comes slower than the events misses the oldest, and
//! learns how many.

mod ring;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::condition::ConditionChange;
use crate::live::ModelEntry;
use crate::reading::{Reading, RejectId};
use crate::run::Run;
use crate::sensor::SensorId;
use crate::store::StoredReject;
use crate::telemetry::metrics;
use crate::verdict::{Outcome, Row, Scored, ScoredRows, Verdict};
use ring::{EventRing, Next};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Readings count, and are on the disk.
    Readings(Arc<[Reading]>),
    /// Verdicts of a run are in the store.
    Verdicts(Arc<Run>, Arc<[Verdict]>),
    /// A run began or ended.
    Run(Arc<Run>),
    /// Inputs were not accepted; each is kept under its id.
    Rejects(Arc<[(RejectId, StoredReject)]>),
    /// What is known of a sensor's model changed: what is known now.
    Model(SensorId, Arc<ModelEntry>),
    /// Conditions of sensors were raised or cleared.
    Conditions(Arc<[(SensorId, ConditionChange)]>),
}

/// The kinds of what happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// Readings that count.
    Reading,
    /// Verdicts.
    Verdict,
    /// Beginnings and ends of runs.
    Run,
    /// Inputs that were not accepted.
    Reject,
    /// Changes of models.
    Model,
    /// Conditions of sensors that were raised or cleared.
    Condition,
}

impl EventKind {
    /// All kinds, each with the word for it.
    pub const ALL: [(&'static str, Self); 6] = [
        ("reading", Self::Reading),
        ("verdict", Self::Verdict),
        ("run", Self::Run),
        ("reject", Self::Reject),
        ("model", Self::Model),
        ("condition", Self::Condition),
    ];

    /// How many bytes of it wait for listeners at the most.
    fn max_bytes(self) -> usize {
        match self {
            // Some commits at full speed, some chunks of a run.
            Self::Reading | Self::Verdict => 8 << 20,
            Self::Run | Self::Reject | Self::Model | Self::Condition => 1 << 20,
        }
    }

    fn place(self) -> usize {
        self as usize
    }
}

/// Tells what happens to those who listen.
#[derive(Debug)]
pub struct Events {
    /// How many listen to each kind.
    listening: [AtomicUsize; EventKind::ALL.len()],
    state: Mutex<EventState>,
    told: Notify,
    max_listeners: usize,
}

#[derive(Debug)]
struct EventState {
    rings: [EventRing<Happening>; EventKind::ALL.len()],
    /// How many happenings there have been.
    happenings: u64,
    listeners: usize,
    is_closed: bool,
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Listening {
    events: Arc<Events>,
    kinds: Vec<EventKind>,
    /// How many events of each kind this listener has taken or missed.
    taken: [u64; EventKind::ALL.len()],
}

/// As many listen as may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{max} listen to what happens, the most at once (http.max_listeners); end one of them, such as an open page or a tail"
)]
pub struct TooManyListeners {
    max: usize,
}

/// The most readings that are told at once: a larger commit is told in parts, so that the oldest can give way.
const MAX_READINGS: usize = 4096;

impl Default for Events {
    /// Events that as many listen to as are configured by default.
    fn default() -> Self {
        Self::new(32)
    }
}

impl Events {
    /// Events that at most so many listen to at once.
    pub fn new(max_listeners: usize) -> Self {
        let rings = EventKind::ALL.map(|(_, kind)| EventRing::new(kind.max_bytes()));
        let state = EventState { rings, happenings: 0, listeners: 0, is_closed: false };
        Self { listening: Default::default(), state: Mutex::new(state), told: Notify::new(), max_listeners }
    }

    /// Whether anybody listens to a kind.
    pub fn is_heard(&self, kind: EventKind) -> bool {
        self.listening[kind.place()].load(Ordering::Relaxed) > 0
    }

    /// Tells those who listen of readings. They are copied only when somebody does.
    pub fn tell_readings(&self, readings: &[Reading]) {
        if self.is_heard(EventKind::Reading) {
            readings.chunks(MAX_READINGS).for_each(|readings| self.add(Happening::Readings(readings.into())));
        }
    }

    /// Tells those who listen; `happening` is made only when somebody does.
    pub fn tell(&self, kind: EventKind, happening: impl FnOnce() -> Happening) {
        if self.is_heard(kind) {
            self.add(happening());
        }
    }

    fn add(&self, happening: Happening) {
        let (kind, events, bytes) = happening.measure();
        if events == 0 {
            return;
        }
        let mut state = self.state();
        state.happenings += 1;
        let order = state.happenings;
        state.rings[kind.place()].push(order, events, bytes, happening);
        drop(state);
        self.told.notify_waiters();
    }

    /// Listens to some kinds from now on.
    ///
    /// # Errors
    /// When as many listen as may.
    pub fn listen(self: &Arc<Self>, kinds: Vec<EventKind>) -> Result<Listening, TooManyListeners> {
        let mut state = self.state();
        if state.listeners >= self.max_listeners {
            return Err(TooManyListeners { max: self.max_listeners });
        }
        state.listeners += 1;
        metrics::EVENT_LISTENERS.set(state.listeners as u64);
        for kind in &kinds {
            self.listening[kind.place()].fetch_add(1, Ordering::Relaxed);
        }
        let taken = std::array::from_fn(|place| state.rings[place].events());
        Ok(Listening { events: Arc::clone(self), kinds, taken })
    }

    /// Nothing more happens: every listener comes to its end.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.told.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, EventState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Happening {
    /// Its kind, how many events it is, and about how many bytes it holds.
    fn measure(&self) -> (EventKind, u64, usize) {
        match self {
            Self::Readings(readings) => (EventKind::Reading, readings.len() as u64, size_of_val(&**readings)),
            Self::Verdicts(_, verdicts) => {
                (EventKind::Verdict, verdicts.len() as u64, verdicts.iter().map(bytes_of_verdict).sum())
            }
            Self::Run(run) => (EventKind::Run, 1, size_of_val(&**run) + 8 * run.scope.len()),
            Self::Rejects(rejects) => (EventKind::Reject, rejects.len() as u64, rejects.len() * REJECT_BYTES),
            // Each keeps a model in memory, which may be replaced by now.
            Self::Model(..) => (EventKind::Model, 1, MODEL_BYTES),
            Self::Conditions(changes) => (EventKind::Condition, changes.len() as u64, changes.len() * CONDITION_BYTES),
        }
    }
}

/// About how many bytes a model holds.
const MODEL_BYTES: usize = 16 << 10;
/// The most bytes that a change of a condition holds, with the words of a model.
const CONDITION_BYTES: usize = 512;
/// About how many bytes a reject holds.
const REJECT_BYTES: usize = 1 << 10;

fn bytes_of_verdict(verdict: &Verdict) -> usize {
    let rows = match &verdict.outcome {
        Outcome::Scored(Scored { rows: ScoredRows::All(rows), .. }) => rows.len() * size_of::<Row>(),
        _ => 0,
    };
    size_of::<Verdict>() + rows
}

impl Listening {
    /// The next happening, or how many events were missed; `None` when the daemon ends.
    pub async fn next(&mut self) -> Option<Result<Happening, u64>> {
        let events = Arc::clone(&self.events);
        loop {
            // Whatever is told from here on wakes this listener.
            let mut told = std::pin::pin!(events.told.notified());
            told.as_mut().enable();
            if let Some(next) = self.take() {
                return Some(next);
            }
            if events.state().is_closed {
                return None;
            }
            told.await;
        }
    }

    /// What happened first of what is there, after what was missed.
    fn take(&mut self) -> Option<Result<Happening, u64>> {
        let state = self.events.state();
        let mut first: Option<(u64, usize, u64, Happening)> = None;
        for kind in &self.kinds {
            let place = kind.place();
            match state.rings[place].next(self.taken[place]) {
                Next::Nothing => {}
                Next::Missed(missed) => {
                    metrics::EVENTS_MISSED.add(missed);
                    self.taken[place] += missed;
                    return Some(Err(missed));
                }
                Next::Entry { order, taken, happening } => {
                    if first.as_ref().is_none_or(|(before, ..)| order < *before) {
                        first = Some((order, place, taken, happening));
                    }
                }
            }
        }
        let (_, place, taken, happening) = first?;
        self.taken[place] = taken;
        Some(Ok(happening))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        for kind in &self.kinds {
            self.events.listening[kind.place()].fetch_sub(1, Ordering::Relaxed);
        }
        let mut state = self.events.state();
        state.listeners -= 1;
        metrics::EVENT_LISTENERS.set(state.listeners as u64);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::time::Timestamp;

    fn readings(count: usize) -> Vec<Reading> {
        (0_i32..)
            .take(count)
            .map(|place| Reading { sensor: SensorId(0), time: Timestamp::default(), value: place.into() })
            .collect()
    }

    fn model() -> Happening {
        let entry = ModelEntry {
            file: None,
            model: None,
            features: None,
            since: Timestamp::default(),
            warnings: Vec::new(),
            problem: None,
            trouble: None,
        };
        Happening::Model(SensorId(1), entry.into())
    }

    #[test]
    fn nothing_is_made_or_kept_for_a_kind_that_nobody_listens_to() {
        let events = Arc::new(Events::default());
        events.tell(EventKind::Model, || panic!("nobody listens"));
        let listening = events.listen(vec![EventKind::Run]).unwrap();
        events.tell(EventKind::Model, || panic!("nobody listens to models"));
        events.tell_readings(&readings(10));
        assert_eq!(events.state().rings[EventKind::Reading.place()].events(), 0);
        drop(listening);
        assert!(!events.is_heard(EventKind::Run));
    }

    #[test]
    fn a_listener_gets_its_kinds_in_their_order_and_then_the_end() {
        let events = Arc::new(Events::default());
        let mut listening = events.listen(vec![EventKind::Model, EventKind::Reading]).unwrap();
        events.tell_readings(&readings(2));
        events.tell(EventKind::Model, model);
        events.tell_readings(&readings(3));
        let mut next = || listening.next().now_or_never();
        assert!(matches!(next(), Some(Some(Ok(Happening::Readings(readings)))) if readings.len() == 2));
        assert!(matches!(next(), Some(Some(Ok(Happening::Model(SensorId(1), _))))));
        assert!(matches!(next(), Some(Some(Ok(Happening::Readings(readings)))) if readings.len() == 3));
        assert!(next().is_none(), "it waits");
        events.close();
        assert!(matches!(next(), Some(None)));
    }

    #[test]
    fn a_listener_that_does_not_come_along_misses_readings_and_nothing_of_the_other_kinds() {
        let events = Arc::new(Events::default());
        let mut listening = events.listen(vec![EventKind::Reading, EventKind::Model]).unwrap();
        events.tell(EventKind::Model, model);
        let flood = readings(1_000_000);
        events.tell_readings(&flood);
        let (mut missed, mut taken, mut models) = (0, 0, 0);
        while let Some(Some(next)) = listening.next().now_or_never() {
            match next {
                Err(events) => missed += events,
                Ok(Happening::Readings(readings)) => taken += readings.len() as u64,
                Ok(_) => models += 1,
            }
        }
        assert_eq!((missed + taken, models), (1_000_000, 1));
        assert!(taken * size_of::<Reading>() as u64 <= 8 << 20 && taken > 300_000, "{taken}");
    }

    #[test]
    fn so_many_listen_and_no_more() {
        let events = Arc::new(Events::new(5));
        let mut all: Vec<_> = (0..5).map(|_| events.listen(vec![EventKind::Run]).unwrap()).collect();
        assert_eq!(events.listen(vec![EventKind::Run]).unwrap_err(), TooManyListeners { max: 5 });
        all.pop();
        assert!(events.listen(vec![EventKind::Run]).is_ok());
    }
}
