//! The intake: the bounded way from the sources to the committer.
//!
//! A source submits a batch and gets a promise; the promise is kept with a [`Committed`] when the batch is on the
//! disk. The intake is bounded by bytes: a source that submits into a full one waits, stops reading its socket, and
//! TCP slows the device down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::ingest::batch::Batch;
use crate::ingest::session::SessionMoment;
pub use crate::ingest::session::{SessionLifetime, SessionPresent};
use crate::store::Committed;

/// The sources' end of the intake.
#[derive(Clone, Debug)]
pub struct Intake {
    submissions: Sender<Submission>,
    budget: Arc<Semaphore>,
    capacity_bytes: u32,
    /// How many messages sources have read.
    heard: Arc<AtomicU64>,
    /// How many sessions are being opened.
    opening: Arc<AtomicU64>,
}

/// How many messages sources have read, whether or not they could submit them yet.
#[derive(Debug)]
pub struct MessagesHeard {
    total: Arc<AtomicU64>,
    told: u64,
}

impl MessagesHeard {
    /// How many since this was asked last.
    pub fn since_last(&mut self) -> u64 {
        let total = self.total.load(Ordering::Relaxed);
        total - std::mem::replace(&mut self.told, total)
    }
}

/// Counts a session as being opened, until this value is dropped.
struct Opening<'a>(&'a AtomicU64);

impl<'a> Opening<'a> {
    fn begin(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request from a source to the committer.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all submissions are batches")]
pub enum Submission {
    /// Readings and rejects to be made durable.
    Batch {
        /// The decoded readings and rejects.
        batch: Batch,
        /// Told when the batch is durable.
        done: oneshot::Sender<Committed>,
        /// The batch's share of the intake's bytes; given back when it is dropped.
        permit: OwnedSemaphorePermit,
    },
    /// A device opened an MQTT session.
    Session {
        /// Its client id.
        client: String,
        /// When.
        now: SessionMoment,
        /// Whether the session outlives the connection.
        lifetime: SessionLifetime,
        /// Told when the session is durable: whether an earlier session of the client was known.
        done: oneshot::Sender<SessionPresent>,
    },
    /// The broker holds these subscriptions for us.
    Subscriptions {
        /// Their topic filters.
        filters: Vec<String>,
        /// Told when the subscriptions are durable.
        done: oneshot::Sender<Committed>,
    },
    /// A device goes on using its MQTT session.
    SessionUse {
        /// Its client id.
        client: String,
        /// When.
        now: SessionMoment,
    },
    /// The connection of an MQTT session has ended.
    SessionLeft {
        /// Its client id.
        client: String,
        /// When.
        now: SessionMoment,
    },
}

/// A persistent session that a connection uses: as long as this is there, the session gives its place to no other.
#[derive(Debug)]
pub struct SessionLease {
    client: String,
    submissions: Sender<Submission>,
}

impl Drop for SessionLease {
    fn drop(&mut self) {
        let client = std::mem::take(&mut self.client);
        // Without a committer nobody is left to take the place.
        let _ = self.submissions.send(Submission::SessionLeft { client, now: SessionMoment::now() });
    }
}

/// Room in the intake for one batch. Room that the batch does not need is given back when the batch is submitted.
#[derive(Debug)]
pub struct IntakeRoom {
    permit: OwnedSemaphorePermit,
    submissions: Sender<Submission>,
}

impl IntakeRoom {
    /// How many bytes of room it is.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Hands over a batch.
    ///
    /// # Errors
    /// When the daemon stops.
    pub fn submit(self, batch: Batch) -> Result<Promise, IntakeClosed> {
        let Self { mut permit, submissions } = self;
        let excess = permit.num_permits().saturating_sub(batch.size_bytes());
        drop(permit.split(excess));
        let (done, promise) = oneshot::channel();
        submissions.send(Submission::Batch { batch, done, permit }).map_err(|_| IntakeClosed)?;
        Ok(promise)
    }
}

/// The committer is gone: the daemon stops.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the daemon is stopping: nothing more is taken in")]
pub struct IntakeClosed;

/// A promise that a batch will be durable. Resolves to the proof.
pub type Promise = oneshot::Receiver<Committed>;

impl Intake {
    /// An intake that holds at most `capacity_bytes`, and the end from which the committer takes.
    pub fn new(capacity_bytes: u32) -> (Self, Receiver<Submission>) {
        let (submissions, receiver) = crossbeam_channel::unbounded();
        let budget = Arc::new(Semaphore::new(capacity_bytes as usize));
        (Self { submissions, budget, capacity_bytes, heard: Arc::default(), opening: Arc::default() }, receiver)
    }

    /// Notes that a source has read so many messages.
    pub fn hear(&self, messages: u64) {
        self.heard.fetch_add(messages, Ordering::Relaxed);
    }

    /// The count of messages that sources have read, for whoever waits for more of them.
    pub fn heard(&self) -> MessagesHeard {
        MessagesHeard { total: Arc::clone(&self.heard), told: 0 }
    }

    /// How many bytes were handed over and are not durable yet.
    pub fn waiting_bytes(&self) -> u64 {
        u64::from(self.capacity_bytes).saturating_sub(self.budget.available_permits() as u64)
    }

    /// Whether a source waits for the committer: for a batch that it submitted, or for a session that a device opens.
    pub fn is_waited_for(&self) -> bool {
        self.waiting_bytes() > 0 || self.opening.load(Ordering::Acquire) > 0
    }

    /// How many bytes the intake holds at most.
    pub fn capacity_bytes(&self) -> usize {
        self.capacity_bytes as usize
    }

    /// Waits for room for a batch of about `bytes`. A source asks before it decodes, because decoded readings are
    /// larger than the bytes that came in.
    ///
    /// # Errors
    /// When the daemon stops.
    pub async fn room(&self, bytes: usize) -> Result<IntakeRoom, IntakeClosed> {
        // A batch larger than the whole intake takes all of it, so that it passes alone.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.capacity_bytes);
        let permit = Arc::clone(&self.budget).acquire_many_owned(bytes).await.map_err(|_| IntakeClosed)?;
        Ok(IntakeRoom { permit, submissions: self.submissions.clone() })
    }

    /// Hands over a batch, waiting for room.
    ///
    /// # Errors
    /// When the daemon stops.
    pub async fn submit(&self, batch: Batch) -> Result<Promise, IntakeClosed> {
        self.room(batch.size_bytes()).await?.submit(batch)
    }

    /// Notes which subscriptions the broker holds for us; replaces the note before.
    ///
    /// # Errors
    /// When the daemon stops.
    pub fn note_subscriptions(&self, filters: Vec<String>) -> Result<Promise, IntakeClosed> {
        let (done, promise) = oneshot::channel();
        self.submissions.send(Submission::Subscriptions { filters, done }).map_err(|_| IntakeClosed)?;
        Ok(promise)
    }

    /// Notes that a client opened a session, and says whether an earlier one is taken up. One that outlives its connection
    /// comes with a lease, which the connection holds to its end.
    ///
    /// # Errors
    /// When the daemon stops.
    pub async fn open_session(
        &self,
        client: &str,
        lifetime: SessionLifetime,
    ) -> Result<(SessionPresent, Option<SessionLease>), IntakeClosed> {
        let _opening = Opening::begin(&self.opening);
        let (done, answer) = oneshot::channel();
        let session = Submission::Session { client: client.to_owned(), now: SessionMoment::now(), lifetime, done };
        self.submissions.send(session).map_err(|_| IntakeClosed)?;
        let lease = (lifetime == SessionLifetime::Persistent)
            .then(|| SessionLease { client: client.to_owned(), submissions: self.submissions.clone() });
        Ok((answer.await.map_err(|_| IntakeClosed)?, lease))
    }

    /// Notes that a client goes on using its session.
    ///
    /// # Errors
    /// When the daemon stops.
    pub fn touch_session(&self, client: &str) -> Result<(), IntakeClosed> {
        let session_use = Submission::SessionUse { client: client.to_owned(), now: SessionMoment::now() };
        self.submissions.send(session_use).map_err(|_| IntakeClosed)
    }
}
