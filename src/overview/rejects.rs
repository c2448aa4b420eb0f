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
use crate::reading::{RejectId, RejectReason, RejectScope, Rejects as RejectsOfMessage};
use crate::sensor::SensorName;
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
        if let Some(rejected) = &reject.reading {
            tried.rejects = about(&rejected.sensor, &tried.rejects);
        }
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
        let mut answer = if self.has_message {
            tester.of_message(&self.origin, &self.tried, fates)
        } else {
            tester.of_reading(&self.origin, &self.tried, fates)
        };
        if self.chosen.is_empty() && answer.rejects.is_empty() {
            let why = if self.tried.is_skipped {
                "a broker kept the message from earlier, and its route has retained = \"skip\""
            } else {
                "under the routes of today the message holds no reading that was rejected and can be told from those that count"
            };
            answer.rejects.push(why.to_owned());
        }
        answer
    }
}

/// Of what is rejected of a message, what concerns a sensor, or the message as a whole.
fn about(sensor: &SensorName, rejects: &RejectsOfMessage) -> RejectsOfMessage {
    let mut about = RejectsOfMessage::default();
    for reject in rejects.kept() {
        if reject.reading.as_ref().is_none_or(|reading| reading.sensor == *sensor) {
            about.push(reject.reason.kind(), || reject.clone());
        }
    }
    about
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::answers::JudgedBy;
    use crate::ingest::filter::PlausibleTimes;
    use crate::ingest::route::{
        Each, JsonLayout, JsonPointer, PayloadFormat, Retained, RouteSettings, TimeAt, TimeUnit, TopicTemplate, ValueAt,
    };
    use crate::reading::RejectedMessage;
    use crate::time::Span;

    const ID: RejectId = RejectId { block: 7, place: 1 };

    /// A trial whose one route takes all numbers of a device, with a time at `/ts` or with that of arrival.
    fn trial(has_time: bool) -> MessageTrial {
        let pointer = |text| JsonPointer::parse(text).unwrap();
        let time = has_time.then(|| TimeAt::usual(pointer("/ts"), TimeUnit::Auto));
        let all = JsonLayout::new(JsonPointer::root(), Each::Object, ValueAt::All(pointer("")), None, time).unwrap();
        let topic = TopicTemplate::parse("all/{device}").unwrap();
        let route = RouteSettings::new(topic, PayloadFormat::Json(all), Retained::Accept).unwrap();
        let times = PlausibleTimes { earliest: Timestamp::MIN, latest: Timestamp::MAX, max_ahead: None };
        MessageTrial::new([route].into(), [].into(), times)
    }

    fn at(secs: u32) -> Timestamp {
        Timestamp::default() + Span::from_secs(secs)
    }

    fn reject(payload: &str, scope: RejectScope, reading: Option<(&str, f64)>) -> StoredReject {
        let message = RejectedMessage { topic: "all/press".into(), payload: payload.into(), is_retained: false };
        let sensor = |name| SensorName::new("press", name).unwrap();
        StoredReject {
            received: at(50),
            origin: "all/press".into(),
            kind: "payload".into(),
            reason: "x".into(),
            excerpt: payload.into(),
            message: Some(Arc::new(message)),
            scope,
            reading: reading.map(|(name, value)| crate::reading::RejectedReading {
                sensor: sensor(name),
                time: at(50),
                value,
            }),
            is_replayed: false,
        }
    }

    fn chosen(reject: &StoredReject, has_time: bool) -> Vec<(String, Timestamp)> {
        let trial = RejectTrial::new(ID, reject, &trial(has_time), at(900)).unwrap();
        trial.chosen().iter().map(|reading| (reading.name.sensor().to_owned(), reading.time)).collect()
    }

    #[test]
    fn what_did_not_count_is_tried_again_and_nothing_else_with_the_time_at_which_it_came() {
        let payload = r#"{"a": 1, "b": 2}"#;
        let whole = reject(payload, RejectScope::Message, None);
        assert_eq!(chosen(&whole, false), [("a".to_owned(), at(50)), ("b".to_owned(), at(50))]);
        let one = reject(payload, RejectScope::Reading, Some(("b", 2.0)));
        assert_eq!(chosen(&one, false), [("b".to_owned(), at(50))]);
        let other_value = reject(payload, RejectScope::Reading, Some(("b", 3.0)));
        assert_eq!(chosen(&other_value, false), [], "it cannot be told from one that counted");
        assert_eq!(chosen(&reject(payload, RejectScope::Reading, None), false), []);
        let timed = reject(r#"{"ts": 60, "a": 1, "b": 2}"#, RejectScope::Reading, Some(("b", 2.0)));
        assert_eq!(chosen(&timed, true), [("b".to_owned(), at(60))]);
    }

    #[test]
    fn a_reject_of_which_nothing_is_left_to_try_says_so() {
        let gone = reject(r#"{"a": 1}"#, RejectScope::Reading, Some(("b", 2.0)));
        let messages = trial(false);
        let trial = RejectTrial::new(ID, &gone, &messages, at(900)).unwrap();
        let answer = trial.answer(RouteTester { trial: &messages, judged_by: JudgedBy::Daemon }, Vec::new());
        assert!(answer.rejects[0].contains("holds no reading that was rejected"), "{answer:?}");
        assert_eq!(answer.readings[0].judgement, Judgement::PassedOver);
        let without = StoredReject { message: None, reading: None, ..gone };
        assert_eq!(RejectTrial::new(ID, &without, &messages, at(900)), Err(NoInput(ID)));
    }
}
