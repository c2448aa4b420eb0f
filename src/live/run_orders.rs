//! What operators have asked to be scored again, and how far it is.
//!
//! The API adds orders and cancels them; the scheduler takes one window after the other, of the oldest order first, whenever
//! no run is due. Orders live in memory: an end of the daemon ends them, and the ledger keeps the runs that they began. Those
//! that are over are shown until others take their place. Only the ids outlive the daemon, in the store, so that none is given
//! again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use crate::interval::Window;
use crate::run::{RunId, Tally};
use crate::run_order::{GroupWindow, OrderChanges, OrderId, RunOrder, StandingVerdicts, VerdictKeeping};
use crate::sensor::SensorId;
use crate::telemetry::metrics;
use crate::time::Timestamp;
use crate::verdict::Outcome;

/// What operators have asked to be scored again.
#[derive(Debug)]
pub struct RunOrders {
    /// How many orders may wait or go on.
    max: usize,
    book: Mutex<Book>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Book {
    /// By their ids.
    orders: BTreeMap<OrderId, OrderEntry>,
    /// The id of the order that was added last.
    last: u64,
}

/// An order, and how far it is.
#[derive(Clone, Debug)]
pub struct OrderEntry {
    /// What was asked for.
    pub order: Arc<RunOrder>,
    /// When.
    pub asked: Timestamp,
    /// How far it is.
    pub state: OrderState,
    /// How many of its windows are done.
    pub windows_done: usize,
    /// The window that is being scored.
    pub current: Option<WindowProgress>,
    /// The first run that stored verdicts of it, and the last.
    pub runs: Option<(RunId, RunId)>,
    /// The outcomes of all its runs.
    pub tally: Tally,
    /// How they differ from the verdicts that stand. Copied only when more comes while somebody reads it.
    pub changes: Arc<OrderChanges>,
    standing: Arc<OnceLock<StandingVerdicts>>,
}

/// How far an order is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderState {
    /// It waits for runs that are due, or for orders before it.
    Waiting,
    /// A window of it is being scored, or will be next.
    GoesOn,
    /// It ends with the window that is being scored.
    Cancelling,
    /// All its windows are done.
    Finished,
    /// It was cancelled.
    Cancelled,
    /// It was given up, for this reason.
    Failed(String),
}

impl OrderState {
    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled | Self::Failed(_))
    }
}

/// How far the window is that is being scored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowProgress {
    /// Which window.
    pub window: Window,
    /// How many sensors have their outcome.
    pub answered: usize,
    /// How many there are.
    pub sensors: usize,
}

/// The window of an order that comes next.
#[derive(Clone, Debug)]
pub struct OrderedWindow {
    /// The order's id.
    pub id: OrderId,
    /// The order.
    pub order: Arc<RunOrder>,
    /// The window.
    pub window: GroupWindow,
    /// The first of its intervals that is compared.
    pub first_compared: u32,
    /// The verdicts that stand of the order's windows; found with its first window.
    pub standing: Arc<OnceLock<StandingVerdicts>>,
}

/// As many orders wait as may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{max} orders wait or go on, the most at once (scoring.max_orders); wait for one, or cancel one")]
pub struct TooManyOrders {
    max: usize,
}

/// How many orders that are over are shown.
const OVER: usize = 20;

impl Default for RunOrders {
    /// Orders of which as many may wait as are configured by default.
    fn default() -> Self {
        Self::new(8)
    }
}

impl RunOrders {
    /// Orders of which at most so many wait or go on.
    pub fn new(max: usize) -> Self {
        Self { max, book: Mutex::default(), added: Notify::new() }
    }

    /// The id that the next order gets at least: those before it were given before the daemon's start.
    pub fn begin_at(&self, next: OrderId) {
        let mut book = self.book();
        book.last = book.last.max(next.0.saturating_sub(1));
    }

    /// Adds an order behind the others.
    ///
    /// # Errors
    /// When as many wait as may.
    pub fn add(&self, order: RunOrder, asked: Timestamp) -> Result<OrderId, TooManyOrders> {
        let mut book = self.book();
        if book.waiting() >= self.max {
            return Err(TooManyOrders { max: self.max });
        }
        book.last += 1;
        let id = OrderId(book.last);
        let entry = OrderEntry {
            order: Arc::new(order),
            asked,
            state: OrderState::Waiting,
            windows_done: 0,
            current: None,
            runs: None,
            tally: Tally::default(),
            changes: Arc::default(),
            standing: Arc::default(),
        };
        book.orders.insert(id, entry);
        book.forget_the_oldest();
        drop(book);
        self.added.notify_one();
        Ok(id)
    }

    /// Resolves when an order was added since the last time.
    pub async fn added(&self) {
        self.added.notified().await;
    }

    /// Cancels an order: one that goes on ends with the window that is being scored. Returns how it is then; `None` when
    /// there is no such order.
    pub fn cancel(&self, id: OrderId) -> Option<OrderEntry> {
        let mut book = self.book();
        let entry = book.orders.get_mut(&id)?;
        if !entry.state.is_over() {
            entry.state = if entry.current.is_some() { OrderState::Cancelling } else { OrderState::Cancelled };
        }
        let entry = entry.clone();
        book.count_waiting();
        Some(entry)
    }

    /// The window that comes next, of the oldest order that is not over. It counts as being scored from now on.
    pub fn next_window(&self) -> Option<OrderedWindow> {
        let mut book = self.book();
        let (id, entry) = book.orders.iter_mut().find(|(_, entry)| !entry.state.is_over())?;
        let window = entry.order.windows.get(entry.windows_done)?.clone();
        entry.state = OrderState::GoesOn;
        entry.current = Some(WindowProgress { window: window.window, answered: 0, sensors: 0 });
        let (order, standing) = (Arc::clone(&entry.order), Arc::clone(&entry.standing));
        let first_compared = order.first_compared(entry.windows_done);
        Some(OrderedWindow { id: *id, order, window, first_compared, standing })
    }

    /// Notes of how many sensors the window is scored.
    pub fn note_scope(&self, id: OrderId, sensors: usize) {
        if let Some(current) = self.book().orders.get_mut(&id).and_then(|entry| entry.current.as_mut()) {
            current.sensors = sensors;
        }
    }

    /// Notes outcomes of sensors, each beside the one that stands. Intervals are compared from this one on.
    pub fn note_outcomes<'a>(
        &self,
        id: OrderId,
        first_compared: u32,
        outcomes: impl ExactSizeIterator<Item = (SensorId, Option<&'a Outcome>, &'a Outcome)>,
    ) {
        let mut book = self.book();
        let Some(entry) = book.orders.get_mut(&id) else { return };
        if let Some(current) = &mut entry.current {
            current.answered += outcomes.len();
        }
        let changes = Arc::make_mut(&mut entry.changes);
        for (sensor, standing, today) in outcomes {
            entry.tally.add(today);
            changes.observe(sensor, standing, today, first_compared);
        }
    }

    /// The window is done; `run` has stored its verdicts, unless the order is a dry run.
    pub fn end_window(&self, id: OrderId, run: Option<RunId>) {
        self.change(id, |entry| {
            entry.windows_done += 1;
            if let Some(run) = run {
                entry.runs = Some((entry.runs.map_or(run, |(first, _)| first), run));
            }
            if entry.windows_done >= entry.order.windows.len() {
                entry.state = OrderState::Finished;
            } else if entry.state == OrderState::Cancelling {
                entry.state = OrderState::Cancelled;
            }
        });
    }

    /// The order is given up.
    pub fn fail(&self, id: OrderId, reason: String) {
        self.change(id, |entry| entry.state = OrderState::Failed(reason));
    }

    fn change(&self, id: OrderId, change: impl FnOnce(&mut OrderEntry)) {
        let mut book = self.book();
        if let Some(entry) = book.orders.get_mut(&id) {
            entry.current = None;
            change(entry);
        }
        book.count_waiting();
    }

    /// The daemon stops: whatever is not over is given up. Returns these orders, as they are then.
    pub fn end(&self) -> Vec<(OrderId, OrderEntry)> {
        let mut book = self.book();
        let mut ended = Vec::new();
        for (id, entry) in book.orders.iter_mut().filter(|(_, entry)| !entry.state.is_over()) {
            entry.current = None;
            entry.state = OrderState::Failed("the daemon stopped".to_owned());
            ended.push((*id, entry.clone()));
        }
        book.count_waiting();
        ended
    }

    /// How many windows are left of the orders whose verdicts are stored.
    pub fn stored_windows_left(&self) -> usize {
        let book = self.book();
        let going_on = book.orders.values().filter(|entry| !entry.state.is_over());
        let stored = going_on.filter(|entry| entry.order.keeping == VerdictKeeping::Stored);
        stored.map(|entry| entry.order.windows.len().saturating_sub(entry.windows_done)).sum()
    }

    /// An order, as it is now.
    pub fn one(&self, id: OrderId) -> Option<OrderEntry> {
        self.book().orders.get(&id).cloned()
    }

    /// All orders that are shown, the newest first.
    pub fn all(&self) -> Vec<(OrderId, OrderEntry)> {
        self.book().orders.iter().rev().map(|(id, entry)| (*id, entry.clone())).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A thread that panicked has left every value whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn waiting(&self) -> usize {
        self.orders.values().filter(|entry| !entry.state.is_over()).count()
    }

    fn count_waiting(&self) {
        metrics::RUN_ORDERS.set(self.waiting() as u64);
    }

    fn forget_the_oldest(&mut self) {
        let over: Vec<_> = self.orders.iter().filter(|(_, entry)| entry.state.is_over()).map(|(id, _)| *id).collect();
        for id in &over[..over.len().saturating_sub(OVER)] {
            self.orders.remove(id);
        }
        self.count_waiting();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::GroupName;
    use crate::interval::Cut;
    use crate::run::RunRequest;
    use crate::run_order::OrderedSensors;
    use crate::time::Span;

    fn of_default(window: Window) -> GroupWindow {
        GroupWindow { group: GroupName::default(), window, interval: Span::from_secs(60) }
    }

    fn order(windows: usize) -> RunOrder {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let first = cut.window_of(Timestamp::from_nanos(0));
        RunOrder {
            sensors: OrderedSensors::All,
            windows: std::iter::successors(Some(first), |window| Some(window.next()))
                .take(windows)
                .map(of_default)
                .collect(),
            keeping: VerdictKeeping::Stored,
            request: RunRequest::new("all"),
        }
    }

    fn add(orders: &RunOrders, windows: usize) -> OrderId {
        orders.add(order(windows), Timestamp::from_nanos(0)).unwrap()
    }

    #[test]
    fn the_windows_of_an_order_come_one_by_one_and_the_next_order_behind_them() {
        let orders = RunOrders::new(2);
        assert!(orders.next_window().is_none());
        let (first, second) = (add(&orders, 2), add(&orders, 1));
        assert!(orders.add(order(1), Timestamp::from_nanos(0)).is_err());
        let mut seen = Vec::new();
        while let Some(next) = orders.next_window() {
            assert_eq!(orders.one(next.id).unwrap().state, OrderState::GoesOn);
            seen.push((next.id, next.window.window.index()));
            orders.end_window(next.id, Some(RunId(seen.len() as u64)));
        }
        assert_eq!(seen, [(first, 0), (first, 1), (second, 0)]);
        let done = orders.one(first).unwrap();
        assert_eq!((done.state, done.runs), (OrderState::Finished, Some((RunId(1), RunId(2)))));
    }

    #[test]
    fn a_cancelled_order_ends_with_its_window_and_one_that_waits_ends_at_once() {
        let orders = RunOrders::new(4);
        let (goes_on, waits) = (add(&orders, 3), add(&orders, 1));
        let window = orders.next_window().unwrap();
        assert_eq!(orders.cancel(goes_on).unwrap().state, OrderState::Cancelling);
        assert_eq!(orders.cancel(waits).unwrap().state, OrderState::Cancelled);
        orders.end_window(window.id, None);
        let done = orders.one(goes_on).unwrap();
        assert_eq!((done.state, done.windows_done, done.current), (OrderState::Cancelled, 1, None));
        assert!(orders.next_window().is_none());
        assert_eq!(orders.cancel(OrderId(99)).map(|entry| entry.state), None);
        // What is over stays as it is.
        orders.cancel(goes_on);
        assert_eq!(orders.one(goes_on).unwrap().state, OrderState::Cancelled);
    }

    #[test]
    fn a_stop_ends_what_is_not_over_and_ids_are_not_given_again() {
        let orders = RunOrders::new(4);
        let (goes_on, waits) = (add(&orders, 3), add(&orders, 2));
        let done = add(&orders, 1);
        orders.cancel(done);
        orders.next_window();
        orders.end_window(goes_on, None);
        assert_eq!(orders.stored_windows_left(), 2 + 2);
        let ended: Vec<_> = orders.end().into_iter().map(|(id, entry)| (id, entry.windows_done)).collect();
        assert_eq!(ended, [(goes_on, 1), (waits, 0)]);
        assert_eq!((orders.stored_windows_left(), orders.next_window().is_none()), (0, true));
        let later = RunOrders::new(4);
        later.begin_at(OrderId(done.0 + 1));
        assert!(add(&later, 1) > done);
    }

    #[test]
    fn orders_that_are_over_give_way_to_others() {
        let orders = RunOrders::new(1);
        for _ in 0..OVER + 5 {
            let id = add(&orders, 1);
            orders.fail(id, "no reason".to_owned());
        }
        add(&orders, 1);
        let shown = orders.all();
        assert_eq!(shown.len(), OVER + 1);
        assert!(shown.windows(2).all(|pair| pair[0].0 > pair[1].0));
    }
}
