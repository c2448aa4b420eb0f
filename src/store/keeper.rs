//! The keeper: the one thread that writes to the database.
//!
//! What must be durable before a promise is kept stands in the journal. The keeper stores what lies behind that: the
//! windows that are over, what the small tables hold, runs and verdicts. It applies what it is handed in order, so that
//! readers see a window before anything that was handed over later. It syncs the database when a portion is full
//! ([`PORTION_BYTES`]), when somebody waits for it, and otherwise after [`SETTLE_WITHIN`]: what is not synced yet is in
//! the journal, or belongs to a run that is taken up again.
//!
//! *Visible* is what readers see. *Settled* is what the database holds after a power cut too.
//!
//! Memory: what is handed over and not applied yet is counted in bytes ([`Backlog`]). The caller hands over runs only
//! while the backlog is little, and readings only while it is not full, so that a slow or full disk slows the sources.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::store::db::{Db, MAX_VALUE_BYTES, PORTION_BYTES, Table};
use crate::store::journal::FreeableSegment;
use crate::store::keys::SETTLED_KEY;
use crate::store::names_copy::NamesCopy;
use crate::store::room::Room;
use crate::store::shedder::Shedder;
use crate::store::unreadable::UnreadableEntries;
use crate::store::{Committed, Reader, StoreError, StoreSettings, Tables};
use crate::telemetry::metrics;
use crate::time::Timestamp;

/// One of the tables.
pub(super) type TableOf = fn(&Tables) -> &Table;

/// A change of the database.
#[derive(Debug)]
enum Operation {
    Put {
        table: TableOf,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    /// Puts a row of the table of sensors, and into the copy beside the database.
    PutName {
        key: Vec<u8>,
        row: Vec<u8>,
    },
    PutParts {
        table: TableOf,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Remove {
        table: TableOf,
        key: Vec<u8>,
    },
    RemoveOthers {
        table: TableOf,
        prefix: Vec<u8>,
        kept: BTreeSet<Vec<u8>>,
    },
}

impl Operation {
    /// The most bytes that the database is given by it. A removal of others counts as nothing, because it has few keys.
    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, .. } | Self::PutName { key, row: value } => key.len() + value.len(),
            Self::PutParts { key, value, .. } => {
                let parts = value.len() / MAX_VALUE_BYTES + 1;
                value.len() + parts * (key.len() + Table::PART_BYTES) + size_of::<u64>() + 1
            }
            Self::Remove { key, .. } => key.len(),
            Self::RemoveOthers { .. } => 0,
        }
    }
}

/// Changes that are handed to the keeper together, in their order.
#[derive(Debug, Default)]
pub(super) struct Handover {
    operations: Vec<Operation>,
    bytes: usize,
    covers: Covered,
    /// A segment of the journal whose readings go to the raw history.
    raw: Option<FreeableSegment>,
    /// Whether somebody waits for these changes to be settled.
    is_awaited: bool,
}

/// How far the journal is covered by what was handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Covered {
    /// Every record up to this one is applied, as far as the database holds what it says.
    pub(super) through: u64,
    /// The windows of every reading before this time are stored.
    pub(super) closed: Timestamp,
}

impl Default for Covered {
    fn default() -> Self {
        Self { through: 0, closed: Timestamp::MIN }
    }
}

/// Counts what is handed to the keeper: a later handover has a higher ticket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Ticket(u64);

/// How far the keeper is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeeperProgress {
    visible: Ticket,
    settled: Ticket,
}

impl KeeperProgress {
    /// A proof once readers see everything that was handed over with this ticket and before. What of it must survive a
    /// power cut is in the journal.
    pub fn visible(self, ticket: Ticket) -> Option<Committed> {
        (self.visible >= ticket).then_some(Committed(()))
    }

    /// A proof once everything that was handed over with this ticket and before survives a power cut.
    pub fn settled(self, ticket: Ticket) -> Option<Committed> {
        (self.settled >= ticket).then_some(Committed(()))
    }
}

/// How much was handed over and is not applied yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backlog {
    /// Anything may be handed over.
    Little,
    /// Nothing of a run should be handed over, nor windows that can wait: what comes in needs the room that is left.
    Much,
    /// Nothing more should be handed over.
    Full,
}

/// From here on the backlog is more than little.
const MUCH_BYTES: usize = 8 << 20;
const FULL_BYTES: usize = 2 * MUCH_BYTES;
/// How long changes that nobody waits for may be unsettled. Each sync wears the disk.
const SETTLE_WITHIN: Duration = Duration::from_secs(600);
/// How often a full disk is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a keeper that is dropped goes on with what is still to be applied: the journal has it, or its run is taken up
/// again.
const DROP_WITHIN: Duration = Duration::from_secs(5);

impl Handover {
    /// Puts a value.
    pub(super) fn put(&mut self, table: TableOf, key: &[u8], value: Vec<u8>) {
        self.push(key.len() + value.len(), Operation::Put { table, key: key.to_vec(), value });
    }

    /// Puts the name of a sensor.
    pub(super) fn put_name(&mut self, key: &[u8], row: Vec<u8>) {
        self.push(key.len() + row.len(), Operation::PutName { key: key.to_vec(), row });
    }

    /// Puts a value of any size, in parts if it is large.
    pub(super) fn put_parts(&mut self, table: TableOf, key: &[u8], value: Vec<u8>) {
        self.push(key.len() + value.len(), Operation::PutParts { table, key: key.to_vec(), value });
    }

    /// Removes a value.
    pub(super) fn remove(&mut self, table: TableOf, key: &[u8]) {
        self.push(key.len(), Operation::Remove { table, key: key.to_vec() });
    }

    /// Removes the values whose keys begin with `prefix`, but for those that are put in parts under a key in `kept`.
    pub(super) fn remove_others(&mut self, table: TableOf, prefix: &[u8], kept: BTreeSet<Vec<u8>>) {
        let bytes = kept.iter().map(Vec::len).sum();
        self.push(bytes, Operation::RemoveOthers { table, prefix: prefix.to_vec(), kept });
    }

    /// Has what is handed over settled as soon as it is applied.
    pub(super) fn settle_soon(&mut self) {
        self.is_awaited = true;
    }

    fn push(&mut self, bytes: usize, operation: Operation) {
        self.bytes += bytes + size_of::<Operation>();
        self.operations.push(operation);
    }

    fn is_empty(&self) -> bool {
        self.operations.is_empty() && !self.is_awaited && self.raw.is_none()
    }
}

/// The way to the keeper's thread. When this is dropped, the thread settles what it was handed, and ends.
#[derive(Debug)]
pub(super) struct Keeper {
    sender: Option<Sender<(Ticket, Handover)>>,
    shared: Arc<Shared>,
    news: Receiver<()>,
    last: Ticket,
    covered: Covered,
    thread: Option<JoinHandle<()>>,
}

/// What both sides look at.
#[derive(Debug)]
struct Shared {
    state: Mutex<KeeperState>,
    /// Holds a message when the state has changed. Full is as good as one message.
    changed: Sender<()>,
    backlog_bytes: AtomicUsize,
    /// When the thread leaves the rest to the journal, once it is to stop.
    stop_at: OnceLock<Instant>,
}

#[derive(Debug, Default)]
struct KeeperState {
    kept: KeeperProgress,
    settled: Option<Covered>,
    /// Segments of the journal whose readings are in the raw history.
    kept_raw: Vec<FreeableSegment>,
    /// Why the thread ended, until somebody asked.
    failure: Option<StoreError>,
    has_ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, KeeperState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut KeeperState)) {
        change(&mut self.state());
        // A failure is ignored: a message that is there already says the same.
        let _ = self.changed.try_send(());
    }
}

impl Keeper {
    /// Starts the thread.
    pub(super) fn start(
        db: Db,
        tables: Tables,
        settings: &StoreSettings,
        covered: Covered,
    ) -> Result<Self, StoreError> {
        let reader = Reader::new(db.clone(), tables.clone(), settings.clone(), UnreadableEntries::default());
        let shedder = Shedder::open(reader)?;
        let (sender, handovers) = crossbeam_channel::unbounded();
        let (changed, news) = crossbeam_channel::bounded(1);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed,
            backlog_bytes: AtomicUsize::new(0),
            stop_at: OnceLock::new(),
        });
        let work = KeeperThread {
            names: NamesCopy::of(&settings.directory, tables.sensors.clone()),
            db,
            tables,
            room: Room::of(settings),
            has_room: false,
            shedder,
            handovers,
            ending: Ending(Arc::clone(&shared)),
            visible: Ticket::default(),
            covered,
            unsettled_since: None,
        };
        let thread = thread::Builder::new().name("keeper".to_owned()).spawn(move || work.run());
        let thread = thread.map_err(StoreError::Thread)?;
        Ok(Self { sender: Some(sender), shared, news, last: Ticket::default(), covered, thread: Some(thread) })
    }

    /// Hands changes over, which are covered up to `covered` of the journal, if there are any. Never waits.
    pub(super) fn hand_over(&mut self, mut handover: Handover, covered: Covered) -> Result<(), StoreError> {
        if handover.is_empty() && covered.closed == self.covered.closed {
            return Ok(());
        }
        self.covered = covered;
        handover.covers = covered;
        self.last.0 += 1;
        let waiting = self.shared.backlog_bytes.fetch_add(handover.bytes, Ordering::Relaxed) + handover.bytes;
        metrics::STORE_BACKLOG_BYTES.set(waiting as u64);
        let is_sent = self.sender.as_ref().is_some_and(|sender| sender.send((self.last, handover)).is_ok());
        if is_sent { Ok(()) } else { Err(self.failure()) }
    }

    /// Has the readings of a segment kept in the raw history. [`take_kept_raw`](Self::take_kept_raw) gives it back when
    /// they are.
    pub(super) fn keep_raw(&mut self, segment: FreeableSegment) -> Result<(), StoreError> {
        self.hand_over(Handover { raw: Some(segment), ..Handover::default() }, self.covered)
    }

    /// The segments whose readings are in the raw history, and survive a power cut there.
    pub(super) fn take_kept_raw(&self) -> Vec<FreeableSegment> {
        std::mem::take(&mut self.shared.state().kept_raw)
    }

    /// The ticket of what was handed over last.
    pub(super) fn last(&self) -> Ticket {
        self.last
    }

    /// How far the thread is, and what of the journal is settled.
    pub(super) fn kept(&self) -> Result<(KeeperProgress, Option<Covered>), StoreError> {
        let state = self.shared.state();
        if state.has_ended {
            drop(state);
            return Err(self.failure());
        }
        Ok((state.kept, state.settled))
    }

    /// Holds a message when the thread has got further, or has failed.
    pub(super) fn news(&self) -> Receiver<()> {
        self.news.clone()
    }

    pub(super) fn backlog(&self) -> Backlog {
        match self.shared.backlog_bytes.load(Ordering::Relaxed) {
            ..MUCH_BYTES => Backlog::Little,
            MUCH_BYTES..FULL_BYTES => Backlog::Much,
            FULL_BYTES.. => Backlog::Full,
        }
    }

    /// Waits until everything that was handed over is settled.
    pub(super) fn wait(&mut self) -> Result<(), StoreError> {
        let mut handover = Handover::default();
        handover.settle_soon();
        self.hand_over(handover, self.covered)?;
        while self.kept()?.0.settled < self.last {
            // It cannot fail: both ends are here.
            let _ = self.news.recv();
        }
        Ok(())
    }

    /// Ends the thread when it has settled what it was handed. What it has not stored at `leave_at` is left to the journal.
    pub(super) fn stop(&mut self, leave_at: Instant) -> Result<Option<Covered>, StoreError> {
        self.end(leave_at);
        let mut state = self.shared.state();
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(state.settled),
        }
    }

    fn end(&mut self, leave_at: Instant) {
        // A failure is ignored: the thread was told before.
        let _ = self.shared.stop_at.set(leave_at);
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been noted as its failure.
            let _ = thread.join();
        }
    }

    fn failure(&self) -> StoreError {
        self.shared.state().failure.take().unwrap_or(StoreError::KeeperDied)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end(Instant::now() + DROP_WITHIN);
    }
}

/// Notes the end of the thread, also when it panics.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.update(|state| {
            state.has_ended = true;
            if thread::panicking() {
                state.failure.get_or_insert(StoreError::KeeperDied);
            }
        });
    }
}

struct KeeperThread {
    db: Db,
    tables: Tables,
    names: NamesCopy,
    room: Room,
    /// Whether there was room for the portion that the database is given.
    has_room: bool,
    shedder: Shedder,
    handovers: Receiver<(Ticket, Handover)>,
    /// The last handover that is applied whole, and what it covers.
    visible: Ticket,
    covered: Covered,
    /// Since when something is applied and not settled.
    unsettled_since: Option<Instant>,
    /// Dropped last: whoever learns of the end finds the database closed by this thread.
    ending: Ending,
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    /// A stop does not wait for a disk that has no room.
    Leave,
}

impl KeeperThread {
    fn run(mut self) {
        if let Err(problem) = self.keep() {
            self.ending.0.state().failure = Some(problem);
        }
    }

    fn keep(&mut self) -> Result<(), StoreError> {
        let mut has_more_to_tidy = true;
        loop {
            let patience = if has_more_to_tidy {
                Duration::ZERO
            } else {
                self.unsettled_since.map_or(SETTLE_WITHIN, |since| SETTLE_WITHIN.saturating_sub(since.elapsed()))
            };
            let handed_over = self.handovers.recv_timeout(patience);
            let is_last = matches!(handed_over, Err(RecvTimeoutError::Disconnected));
            let next = match handed_over {
                Ok((ticket, handover)) => {
                    has_more_to_tidy = true;
                    self.apply_all(ticket, handover)?
                }
                Err(RecvTimeoutError::Timeout) if has_more_to_tidy => {
                    has_more_to_tidy = self.shedder.tidy(self.covered.closed)?;
                    Next::GoOn
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.settle_if_needed()?,
            };
            if next == Next::Leave {
                tracing::info!("what the database does not hold yet is left to the journal");
            }
            if is_last || next == Next::Leave {
                return Ok(());
            }
        }
    }

    /// Applies a handover and those that came meanwhile, and settles them if one of them is awaited: one sync for all.
    fn apply_all(&mut self, ticket: Ticket, handover: Handover) -> Result<Next, StoreError> {
        let mut is_awaited = false;
        let mut next = Some((ticket, handover));
        while let Some((ticket, handover)) = next {
            is_awaited |= handover.is_awaited;
            let (bytes, covers) = (handover.bytes, handover.covers);
            for operation in handover.operations {
                if self.apply(operation)? == Next::Leave {
                    return Ok(Next::Leave);
                }
            }
            if let Some(segment) = handover.raw {
                self.shedder.keep(&segment)?;
                self.ending.0.update(|state| state.kept_raw.push(segment));
            }
            let left = self.ending.0.backlog_bytes.fetch_sub(bytes, Ordering::Relaxed) - bytes;
            metrics::STORE_BACKLOG_BYTES.set(left as u64);
            (self.visible, self.covered) = (ticket, covers);
            self.unsettled_since.get_or_insert_with(Instant::now);
            self.ending.0.update(|state| state.kept.visible = ticket);
            next = self.handovers.try_recv().ok();
        }
        if is_awaited { self.settle() } else { Ok(Next::GoOn) }
    }

    fn apply(&mut self, operation: Operation) -> Result<Next, StoreError> {
        if self.ending.0.stop_at.get().is_some_and(|stop_at| Instant::now() >= *stop_at) {
            return Ok(Next::Leave);
        }
        // The database itself would sync before it is given more than a portion, but looks at no room.
        if self.db.given_bytes() + operation.bytes() > PORTION_BYTES && self.settle()? == Next::Leave {
            return Ok(Next::Leave);
        }
        if !self.has_room {
            while !self.look_for_room()? {
                if self.ending.0.stop_at.get().is_some() {
                    return Ok(Next::Leave);
                }
                thread::sleep(LOOK_AGAIN);
            }
            self.has_room = true;
        }
        match operation {
            Operation::Put { table, key, value } => table(&self.tables).put(&key, &value)?,
            Operation::PutName { key, row } => {
                self.names.note(&key, &row);
                self.tables.sensors.put(&key, &row)?;
            }
            Operation::PutParts { table, key, value } => table(&self.tables).put_parts(&key, &value)?,
            Operation::Remove { table, key } => table(&self.tables).remove(&key)?,
            Operation::RemoveOthers { table, prefix, kept } => {
                let table = table(&self.tables);
                for key in table.keys(&prefix) {
                    let key = key?;
                    let whole = key.get(..key.len().saturating_sub(Table::PART_BYTES)).unwrap_or_default();
                    if !kept.contains(whole) {
                        table.remove(&key)?;
                    }
                }
            }
        }
        Ok(Next::GoOn)
    }

    /// Whether something may be written. What may be given up makes room first.
    fn look_for_room(&mut self) -> Result<bool, StoreError> {
        let has_room = self.shedder.make_room()?;
        if has_room {
            self.room.note_room();
        } else {
            self.room.note_full();
        }
        Ok(has_room)
    }

    fn settle_if_needed(&mut self) -> Result<Next, StoreError> {
        if self.unsettled_since.is_some() { self.settle() } else { Ok(Next::GoOn) }
    }

    /// Syncs the database. It says itself how much of the journal it holds then, so that the next start can tell whether
    /// it lost anything. The sync may come in the middle of a handover: that is covered by the next. The disk may have become
    /// full since the portion was begun: then it waits, as the database does not survive a write without room.
    fn settle(&mut self) -> Result<Next, StoreError> {
        while !self.room.is_enough_to_sync()? && !self.look_for_room()? {
            if self.ending.0.stop_at.get().is_some() {
                self.db.abandon();
                return Ok(Next::Leave);
            }
            thread::sleep(LOOK_AGAIN);
        }
        self.names.sync()?;
        self.tables.progress.put(SETTLED_KEY, &self.covered.through.to_be_bytes())?;
        self.db.sync()?;
        self.db.check_presence()?;
        self.unsettled_since = None;
        self.has_room = false;
        let (ticket, covered) = (self.visible, self.covered);
        self.ending.0.update(|state| {
            state.kept.settled = ticket;
            state.settled = Some(covered);
        });
        Ok(Next::GoOn)
    }
}
