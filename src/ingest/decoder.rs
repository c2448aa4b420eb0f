//! The decoder: from a message to readings or rejects.
//!
//! Nothing is dropped in silence: every message yields readings, rejects or both. The one exception is a retained
//! message that its route skips: it is counted. A message that cannot be read as a whole yields exactly one reject; in
//! any other message each bad reading yields one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::ingest::batch::{AheadSuspect, Batch};
use crate::ingest::filter::{Filter, FilterSettings, Filters, PlausibleTimes, TimeCheck};
use crate::ingest::passed_over::{KindsTold, PassedOver};
use crate::ingest::payload::time::PayloadTime;
use crate::ingest::payload::{self, Care, Fault, Item, PayloadReading};
use crate::ingest::route::{Retained, RouteSettings};
use crate::ingest::topic_memory::{TopicMemory, TopicShare};
use crate::reading::{Reading, Reject, RejectReason, RejectScope, RejectedMessage, RejectedReading, Rejects};
use crate::sensor::{SensorDirectory, SensorId, SensorName, SensorNameError};
use crate::time::Timestamp;

/// A message as a source received it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// Whether a broker kept the message from earlier. In a message that comes straight from its publisher the retain
    /// flag says nothing of its age: it asks a broker to keep the message for others.
    pub retained: bool,
}

/// Decodes the messages of one connection.
///
/// It remembers the sensors of topics with accepted readings, so that a topic that comes again costs one look-up. The
/// memory is bounded by [`Self::MAX_MEMORY_BYTES`] and by what all decoders share.
#[derive(Debug)]
pub struct Decoder {
    routes: Arc<[RouteSettings]>,
    admission: Admission,
    topics: HashMap<Box<str>, Topic>,
    /// About how much `topics` holds.
    memory_bytes: usize,
    memory: TopicShare,
}

/// What decides whether a reading is accepted, and gives its sensor a number.
#[derive(Debug)]
struct Admission {
    filters: Filters,
    times: PlausibleTimes,
    directory: Arc<SensorDirectory>,
    /// How long a message may be to be kept with its reject.
    kept_message_bytes: usize,
}

/// A topic that is remembered, with its route and its sensors.
#[derive(Debug)]
struct Topic {
    /// Its route's place.
    route: usize,
    source: Source,
    told: KindsTold,
}

/// The sensor or device of a topic.
#[derive(Debug)]
enum Source {
    /// One sensor.
    Sensor(Sensor),
    /// The sensors of a device, named by the payload.
    Device { device: Box<str>, sensors: HashMap<Box<str>, Sensor> },
}

#[derive(Debug)]
struct Sensor {
    name: SensorName,
    filter: Filter,
    /// The sensor's number, once a reading of it was accepted.
    id: Option<SensorId>,
}

impl Decoder {
    /// About how many bytes a decoder remembers at most. When this is full it forgets all topics, and learns again
    /// those in use.
    pub const MAX_MEMORY_BYTES: usize = 4 << 20;

    /// A decoder; every connection has its own. All share `memory`.
    pub fn new(
        routes: Arc<[RouteSettings]>,
        filters: Arc<[FilterSettings]>,
        times: PlausibleTimes,
        directory: Arc<SensorDirectory>,
        memory: &Arc<TopicMemory>,
    ) -> Self {
        let admission = Admission { filters: Filters::new(filters), times, directory, kept_message_bytes: 0 };
        Self { routes, admission, topics: HashMap::new(), memory_bytes: 0, memory: memory.share() }
    }

    /// The same decoder, which keeps with their rejects the messages whose topic and payload have no more than `bytes`.
    #[must_use]
    pub fn keeping_messages(mut self, bytes: usize) -> Self {
        self.admission.kept_message_bytes = bytes;
        self
    }

    /// Adds the message's readings and rejects to the batch. `received` is the wall clock's time of arrival.
    pub fn decode(&mut self, message: Message<'_>, received: Timestamp, batch: &mut Batch) {
        let mut new = None;
        let topic = match self.topics.get_mut(message.topic) {
            Some(topic) => topic,
            None => match Topic::find(&self.routes, &self.admission.filters, message.topic) {
                Ok(topic) => new.insert(topic),
                Err(reason) => {
                    let kept = self.admission.kept(message);
                    return batch.rejects.push(reason.kind(), || Reject {
                        message: kept(),
                        ..Reject::of_payload(received, message.topic, message.payload, reason)
                    });
                }
            },
        };
        let route = &self.routes[topic.route];
        if message.retained && route.retained() == Retained::Skip {
            batch.messages_passed_over += 1;
            return;
        }
        let (admission, memory_bytes) = (&self.admission, &mut self.memory_bytes);
        let mut read = topic.read(route, Care::Quick, message, received, admission, batch, memory_bytes);
        if let Err(Fault::NotJson(_)) = read {
            read = topic.read(route, Care::Careful, message, received, admission, batch, memory_bytes);
        }
        if let Err(fault) = read {
            let kept = self.admission.kept(message);
            refuse_payload(&mut batch.rejects, message, received, RejectScope::Message, kept, || fault.to_string());
        }
        if let Some(topic) = new
            && topic.is_known()
        {
            self.memory_bytes += message.topic.len() + size_of::<(Box<str>, Topic)>() + ALLOCATION_BYTES;
            self.topics.insert(message.topic.into(), topic);
        }
        if self.memory_bytes > Self::MAX_MEMORY_BYTES || !self.memory.hold(self.memory_bytes) {
            self.topics = HashMap::new();
            self.memory_bytes = 0;
            self.memory.hold(0);
        }
    }

    /// Adds a reading whose sensor is named outright, as in an import, or the reject that it becomes. `received` is the
    /// wall clock's time of arrival.
    pub fn take_named(
        &mut self,
        name: SensorName,
        (time, value): (Timestamp, f64),
        received: Timestamp,
        batch: &mut Batch,
    ) {
        let mut sensor = Sensor { filter: self.admission.filters.of(&name), name, id: None };
        let time = Some(PayloadTime { time, assumed: None });
        if let Err((reading, reason)) =
            self.admission.pass(&mut sensor, &PayloadReading { sensor: None, time, value }, received, batch)
        {
            let (origin, excerpt) = (sensor.name.to_string(), value.to_string());
            batch.rejects.push(reason.kind(), || Reject {
                scope: RejectScope::Reading,
                reading,
                ..Reject::of_payload(received, &origin, excerpt.as_bytes(), reason)
            });
        }
    }
}

/// The bytes that a remembered name takes beside its text and its entry in the table: the sensor's two parts, and
/// slack.
const ALLOCATION_BYTES: usize = 160;

impl Topic {
    /// Finds the first route that takes the topic.
    fn find(routes: &[RouteSettings], filters: &Filters, topic: &str) -> Result<Self, RejectReason> {
        let found = routes.iter().enumerate().find_map(|(at, route)| Some((at, route.topic().names(topic)?)));
        let (route, names) = found.ok_or(RejectReason::NoRoute)?;
        let source = match names.sensor {
            Some(sensor) => {
                Source::Sensor(Sensor::new(names.device, sensor, filters).map_err(|error| name_refused(&error))?)
            }
            None => Source::Device { device: names.device.into(), sensors: HashMap::new() },
        };
        Ok(Self { route, source, told: KindsTold::default() })
    }

    /// Adds what a payload holds to the batch; adds nothing when the payload fails as a whole.
    #[expect(clippy::too_many_arguments, reason = "the parts of a decoder, borrowed apart")]
    fn read<'t>(
        &mut self,
        route: &'t RouteSettings,
        care: Care,
        message: Message<'_>,
        received: Timestamp,
        admission: &Admission,
        batch: &mut Batch,
        memory_bytes: &mut usize,
    ) -> Result<(), Fault<'t>> {
        let (first, first_ahead) = (batch.readings.len(), batch.ahead.len());
        // Both are made only when they are needed: most messages need neither.
        let (mut rejects, mut passed_over) = (None, None);
        let kept_before = batch.rejects.kept_so_far();
        let mut told = self.told;
        let source = &mut self.source;
        let read = payload::read(route.payload(), message.payload, care, received, &mut |item| match item {
            Item::Reading(found) => {
                if let Err((reading, reason)) = admission.admit(source, &found, received, batch, memory_bytes) {
                    of_message(&mut rejects, kept_before).push(reason.kind(), || {
                        let sensor = reading.as_ref().map(|reading| reading.sensor.to_string());
                        let origin = sensor.as_deref().unwrap_or(message.topic);
                        Reject {
                            message: admission.kept(message)(),
                            scope: RejectScope::Reading,
                            reading: reading.filter(|reading| reading.value.is_finite()),
                            ..Reject::of_payload(received, origin, message.payload, reason)
                        }
                    });
                }
            }
            Item::Fault { index, fault } => {
                let rejects = of_message(&mut rejects, kept_before);
                let scope = if index.is_some() { RejectScope::Reading } else { RejectScope::Message };
                refuse_payload(rejects, message, received, scope, admission.kept(message), || match index {
                    Some(index) => format!("reading {index}: {fault}"),
                    None => fault.to_string(),
                });
            }
            Item::Member { name, kind } => {
                let passed_over = passed_over.get_or_insert_with(PassedOver::default);
                passed_over.add(message.topic, &name, kind, &mut told);
            }
        });
        match read {
            Ok(()) => {
                rejects.into_iter().for_each(|rejects| batch.rejects.append(rejects));
                passed_over.into_iter().for_each(|passed_over| batch.members_passed_over.append(passed_over));
                self.told = told;
            }
            Err(_) => {
                batch.truncate(first);
                batch.ahead.truncate(first_ahead);
            }
        }
        read
    }

    /// Whether a reading of this sensor was accepted: only such sensors are worth remembering.
    fn is_known(&self) -> bool {
        match &self.source {
            Source::Sensor(sensor) => sensor.id.is_some(),
            Source::Device { sensors, .. } => !sensors.is_empty(),
        }
    }
}

impl Sensor {
    fn new(device: &str, sensor: &str, filters: &Filters) -> Result<Self, SensorNameError> {
        let name = SensorName::new(device, sensor)?;
        Ok(Self { filter: filters.of(&name), name, id: None })
    }
}

/// Why a reading was refused, and the reading if its sensor has a name.
type Refused = (Option<RejectedReading>, RejectReason);

impl Admission {
    /// Makes what is kept of a message with its reject.
    fn kept(&self, message: Message<'_>) -> impl FnOnce() -> Option<Arc<RejectedMessage>> {
        let Message { topic, payload, retained } = message;
        let is_kept = topic.len() + payload.len() <= self.kept_message_bytes;
        move || {
            is_kept.then(|| {
                Arc::new(RejectedMessage {
                    topic: topic.to_owned(),
                    payload: payload.to_owned(),
                    is_retained: retained,
                })
            })
        }
    }

    /// Adds a reading to the batch if it is accepted. Only then its sensor gets a number.
    fn admit(
        &self,
        source: &mut Source,
        found: &PayloadReading<'_>,
        received: Timestamp,
        batch: &mut Batch,
        memory_bytes: &mut usize,
    ) -> Result<(), Refused> {
        match (source, &found.sensor) {
            (Source::Sensor(sensor), _) => self.pass(sensor, found, received, batch),
            (Source::Device { device, sensors }, name) => {
                // Either the topic or the payload names the sensor, so a payload of a device's topic does. An empty
                // name is refused below.
                let name = name.as_ref().map_or("", Cow::as_ref);
                if let Some(sensor) = sensors.get_mut(name) {
                    return self.pass(sensor, found, received, batch);
                }
                let new = Sensor::new(device, name, &self.filters);
                let mut sensor = new.map_err(|error| (None, name_refused(&error)))?;
                self.pass(&mut sensor, found, received, batch)?;
                *memory_bytes += name.len() + size_of::<(Box<str>, Sensor)>() + ALLOCATION_BYTES;
                sensors.insert(name.into(), sensor);
                Ok(())
            }
        }
    }

    fn pass(
        &self,
        sensor: &mut Sensor,
        found: &PayloadReading<'_>,
        received: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), Refused> {
        let PayloadTime { time, assumed } = found.time.unwrap_or(PayloadTime { time: received, assumed: None });
        let noted = |reason: RejectReason| match assumed {
            Some(zone) => reason.noted(zone.note(time, received)),
            None => reason,
        };
        // A reading without a time of its own has just come, whatever the system's clock says.
        let checked = found.time.map_or(TimeCheck::Plausible, |_| self.times.check(time, received));
        let (plausible, ahead) = match checked {
            TimeCheck::Plausible => (Ok(()), None),
            TimeCheck::Ahead(reason) => (Ok(()), Some(noted(reason))),
            TimeCheck::Refused(reason) => (Err(noted(reason)), None),
        };
        let passed = plausible.and_then(|()| sensor.filter.check(found.value));
        let id = passed.and_then(|()| match sensor.id {
            Some(id) => Ok(id),
            None => self
                .directory
                .intern(&sensor.name)
                .inspect(|id| sensor.id = Some(*id))
                .map_err(|full| RejectReason::TooManySensors(full.to_string())),
        });
        let sensor = id.map_err(|reason| {
            (Some(RejectedReading { sensor: sensor.name.clone(), time, value: found.value }), reason)
        })?;
        let reading = Reading { sensor, time, value: found.value };
        match (ahead, found.time, assumed) {
            (Some(reason), _, Some(zone)) if zone.seems_wrong(time, received) => {
                batch.push_ahead(reading, reason, AheadSuspect::ZoneOrClock);
            }
            (Some(reason), ..) => batch.push_ahead(reading, reason, AheadSuspect::Clock),
            (None, Some(_), Some(zone)) => batch.push_in_zone(reading, zone),
            (None, Some(_), None) => batch.push(reading),
            (None, None, _) => batch.push_arrived(reading),
        }
        Ok(())
    }
}

fn name_refused(error: &SensorNameError) -> RejectReason {
    RejectReason::Name(error.to_string())
}

/// The rejects of a message; `kept_before` rejects are kept already in the batch to which they will be added.
fn of_message(rejects: &mut Option<Rejects>, kept_before: usize) -> &mut Rejects {
    rejects.get_or_insert_with(|| Rejects::of_message(kept_before))
}

/// Makes the words of the reason only when the reject is kept, because bad payloads come in floods.
fn refuse_payload(
    rejects: &mut Rejects,
    message: Message<'_>,
    received: Timestamp,
    scope: RejectScope,
    kept: impl FnOnce() -> Option<Arc<RejectedMessage>>,
    words: impl FnOnce() -> String,
) {
    let kind = RejectReason::Payload(String::new()).kind();
    rejects.push(kind, || Reject {
        message: kept(),
        scope,
        ..Reject::of_payload(received, message.topic, message.payload, RejectReason::Payload(words()))
    });
}

#[cfg(test)]
mod tests;
