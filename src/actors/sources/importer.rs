//! Takes in readings that no device sends: those of an import. They go the way of all readings, through the decoder's
//! judgement, the intake and the committer.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actors::sources::intake::{Intake, IntakeClosed, Promise};
use crate::actors::sources::source::{DecoderFactory, SourceCounters};
use crate::ingest::batch::Batch;
use crate::ingest::batch_account::{BatchAccount, BatchOutcome};
use crate::reading::{Reading, RejectId};
use crate::sensor::SensorName;
use crate::time::Timestamp;

/// The way in for readings of an import.
pub struct Importer {
    intake: Intake,
    decoders: DecoderFactory,
    /// With an event clock, a history is not at its end while its readings are counted here.
    counters: Arc<SourceCounters>,
}

/// What became of imported readings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Readings that count, and are on the disk.
    pub accepted: u64,
    /// Readings that were there already, or that a deadband passed over.
    pub passed_over: u64,
    /// Readings that wait until it is known whether the clock is right.
    pub held: u64,
    /// Readings that were not accepted, by the kind of reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

/// Why readings were not taken in.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum ImporterError {
    /// The committer takes nothing more.
    #[error(transparent)]
    Closed(#[from] IntakeClosed),
    /// The commit failed.
    #[error("the readings could not be stored; the log says why")]
    NotStored,
}

impl Importer {
    /// The way in by an intake.
    pub fn new(intake: Intake, decoders: DecoderFactory, counters: Arc<SourceCounters>) -> Self {
        Self { intake, decoders, counters }
    }

    /// Takes the readings of a reject in, and waits until they are on the disk. What became of each is told in their order;
    /// with the last of them it is noted that the reject was replayed, if any was taken in.
    ///
    /// # Errors
    /// As [`take_in`](Self::take_in).
    pub async fn replay(
        &self,
        reject: RejectId,
        readings: Vec<(SensorName, Timestamp, f64)>,
    ) -> Result<Vec<Imported>, ImporterError> {
        let mut submitted = Vec::with_capacity(readings.len());
        for reading in readings {
            submitted.push(self.submit(vec![reading]).await?);
        }
        let mut outcomes = Vec::with_capacity(submitted.len());
        for readings in submitted {
            outcomes.push(readings.outcome().await?);
        }
        if outcomes.iter().any(|outcome| outcome.rejected.is_empty()) {
            // Behind the readings, so that a crash in between leaves a reject that can be replayed again.
            let note = Batch { replayed: Some(reject), ..Batch::default() };
            self.intake.submit(note).await?.await.map_err(|_| ImporterError::NotStored)?;
        }
        Ok(outcomes)
    }

    /// Takes readings in, and waits until they are on the disk.
    ///
    /// # Errors
    /// When they could not be stored. They may be stored all the same then; taken in again, none counts twice.
    pub async fn take_in(&self, readings: Vec<(SensorName, Timestamp, f64)>) -> Result<Imported, ImporterError> {
        self.submit(readings).await?.outcome().await
    }

    async fn submit(&self, readings: Vec<(SensorName, Timestamp, f64)>) -> Result<Submitted, ImporterError> {
        let count = readings.len();
        // Room is asked for before there are readings: that is how the intake bounds the memory.
        let room = self.intake.room(count.saturating_mul(size_of::<Reading>())).await?;
        let account = BatchAccount::default();
        let mut batch = Batch { account: Some(account.clone()), ..Batch::default() };
        let mut decoder = (self.decoders)();
        let received = Timestamp::now();
        for (name, time, value) in readings {
            decoder.take_named(name, (time, value), received, &mut batch);
        }
        self.counters.messages.add_len(count);
        Ok(Submitted { count: count as u64, account, promise: room.submit(batch)? })
    }
}

/// Readings on their way to the disk.
struct Submitted {
    count: u64,
    account: BatchAccount,
    promise: Promise,
}

impl Submitted {
    /// Waits until they are on the disk.
    async fn outcome(self) -> Result<Imported, ImporterError> {
        self.promise.await.map_err(|_| ImporterError::NotStored)?;
        let BatchOutcome { accepted, held, rejected } = self.account.outcome();
        let told = accepted + held + rejected.values().sum::<u64>();
        Ok(Imported { accepted, passed_over: self.count.saturating_sub(told), held, rejected })
    }
}
