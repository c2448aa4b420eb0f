//! The rejects that are kept: why each was rejected, and what becomes of it now.
//!
//! What is tried again of a reject is what did not count of it. A message that was rejected whole is read again, with the
//! routes of today. Of a message that was rejected in part, the same readings are looked for again: the others were judged
//! when the message came. A reject without its message is the decoded reading itself. In any case a reading without a time
//! of its own keeps the time at which it came, so that nothing counts twice however often it is replayed.

use std::collections::BTreeMap;

use super::Overview;
use super::route_test::{Fate, RouteTester, why_no_route};
use crate::answers::{Judgement, Payload, Reject, RejectKind, RejectedReading, Rejects, RouteTest};
use crate::ingest::decoder::Message;
use crate::ingest::trial::{MessageTrial, TimeSource, TriedMessage, TriedReading};
use crate::reading::{RejectId, RejectReason, RejectScope};
use crate::store::{Reader, StoreError, StoredReject};
use crate::time::Timestamp;

/// Which rejects are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectQuery {
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those before this one.
    pub after: Option<RejectId>,
    /// At most so many.
    pub limit: usize,
}

/// A reject that is tried again.
#[derive(Clone, PartialEq, Debug)]
pub struct RejectTrial {
    /// The topic, or the sensor where the message is not kept.
    origin: String,
    has_message: bool,
    tried: TriedMessage,
    /// The places of the readings that are tried again, in their order.
    chosen: Vec<usize>,
}

/// Nothing is kept of a reject that could be tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the reject {0} is kept without its message: it was longer than store.rejected_message allows, came among too many \
     others, or an earlier version stored it; have its device send it again"
)]
pub struct NoInput(pub RejectId);

impl Overview {
    /// The rejects that are kept, the newest first.
    pub fn rejects(&self, query: &RejectQuery) -> Result<Rejects, StoreError> {
        list_rejects(&self.reader, &self.messages, query)
    }

    /// A reject; `None` when it is not kept.
    pub fn reject(&self, id: RejectId) -> Result<Option<StoredReject>, StoreError> {
        self.reader.reject(id)
    }
}

/// The rejects that a store keeps, the newest first.
pub fn list_rejects(reader: &Reader, trial: &MessageTrial, query: &RejectQuery) -> Result<Rejects, StoreError> {
    let RejectQuery { kind: wanted, after, limit } = query;
    let mut newest: BTreeMap<RejectId, StoredReject> = BTreeMap::new();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    reader.for_each_reject_block(&mut |block| {
        for (kind, count) in block.counts {
            *kinds.entry(kind).or_default() += count;
        }
        for (place, reject) in (0..).zip(block.kept) {
            let id = RejectId { block: block.number, place };
            let is_wanted = wanted.as_ref().is_none_or(|kind| *kind == reject.kind);
            if is_wanted && after.is_none_or(|after| id < after) {
                newest.insert(id, reject);
                // One more than wanted tells whether there are more.
                if newest.len() > limit + 1 {
                    newest.pop_first();
                }
            }
        }
    })?;
    let has_more = newest.len() > *limit;
    if has_more {
        newest.pop_first();
    }
    let next = newest.first_key_value().filter(|_| has_more).map(|(id, _)| id.to_string());
    let items = newest.iter().rev().map(|(id, reject)| reject_answer(&id.to_string(), reject, trial)).collect();
    let mut kinds: Vec<_> = kinds.into_iter().map(|(kind, count)| RejectKind { kind, count }).collect();
    kinds.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.kind.cmp(&other.kind)));
    Ok(Rejects { items, next, kinds })
}

/// A reject as it is shown. For a topic that no route takes, the reason names the route that is nearest to it today.
pub fn reject_answer(id: &str, reject: &StoredReject, trial: &MessageTrial) -> Reject {
    let StoredReject { received, origin, kind, reason, excerpt, message, reading, is_replayed, .. } = reject;
    let topic = message.as_ref().map_or(origin, |message| &message.topic);
    let reason = match trial.route(topic) {
        None if kind == RejectReason::NoRoute.kind() => why_no_route(trial, topic),
        _ => reason.clone(),
    };
    Reject {
        id: id.to_owned(),
        received: *received,
        origin: origin.clone(),
        kind: kind.clone(),
        reason,
        excerpt: excerpt.clone(),
        topic: message.as_ref().map(|message| message.topic.clone()),
        payload: message.as_ref().map(|message| Payload::of(&message.payload)),
        reading: reading.as_ref().map(|reading| RejectedReading {
            sensor: reading.sensor.to_string(),
            time: reading.time,
            value: reading.value,
        }),
        is_partial: reject.scope == RejectScope::Reading,
        is_retained: message.as_ref().is_some_and(|message| message.is_retained),
        is_replayed: *is_replayed,
    }
}

impl RejectTrial {
    /// Tries a reject under the configuration of today.
    ///
    /// # Errors
    /// When nothing is kept that could be tried.
    pub fn new(id: RejectId, reject: &StoredReject, trial: &MessageTrial, now: Timestamp) -> Result<Self, NoInput> {
        let (origin, has_message, mut tried) = match (&reject.message, &reject.reading) {
            (Some(message), _) => {
                let topic = message.topic.clone();
                let message = Message { topic: &topic, payload: &message.payload, retained: message.is_retained };
                let tried = trial.try_message(message, reject.received);
                (topic, true, tried)
            }
            (None, Some(reading)) => {
                let tried = trial.try_named(reading.sensor.clone(), reading.time, reading.value, now);
                (reading.sensor.to_string(), false, tried)
            }
            (None, None) => return Err(NoInput(id)),
        };
        let is_chosen = |reading: &TriedReading| match (reject.scope, &reject.reading) {
            (RejectScope::Message, _) => true,
            // Without a time of its own a reading of the message cannot be told from one that counted.
            (RejectScope::Reading, None) => reading.time_source == TimeSource::Reading,
            (RejectScope::Reading, Some(rejected)) => {
                let is_same_value = reading.value.to_bits() == rejected.value.to_bits();
                reading.name == rejected.sensor && (reading.time_source == TimeSource::Reading || is_same_value)
            }
        };
        let places = tried.readings.iter().enumerate();
        let chosen = places.filter(|(_, reading)| is_chosen(reading)).map(|(place, _)| place).collect();
        for reading in &mut tried.readings {
            reading.time_source = TimeSource::Reading;
        }
        Ok(Self { origin, has_message, tried, chosen })
    }

    /// The readings that are tried again: what the daemon is to judge.
    pub fn chosen(&self) -> Vec<TriedReading> {
        self.chosen.iter().map(|place| self.tried.readings[*place].clone()).collect()
    }

    /// What becomes of the reject; there is a fate for each reading that is tried again.
    pub fn answer(&self, tester: RouteTester<'_>, fates: Vec<Fate>) -> RouteTest {
        let mut of_chosen = self.chosen.iter().copied().zip(fates).collect::<BTreeMap<_, _>>();
        let other =
            || Fate::because(Judgement::PassedOver, "it is another reading of the message, judged when that came");
        let places = 0..self.tried.readings.len();
        let fates = places.map(|place| of_chosen.remove(&place).unwrap_or_else(other)).collect();
        if self.has_message {
            tester.of_message(&self.origin, &self.tried, fates)
        } else {
            tester.of_reading(&self.origin, &self.tried, fates)
        }
    }
}
