//! What would become of a message, without taking it in: the decoder itself, with the routes and filters at work, on a
//! directory of sensors of its own.
//!
//! What the configuration alone decides is told here: the route, the readings, the filters, the plausible times. Lateness,
//! repeats and deadbands depend on what came before; the pipeline forecasts them (`pipeline/forecast.rs`).

use std::sync::Arc;

use crate::ingest::batch::{AheadReading, Batch};
use crate::ingest::decoder::{Decoder, Message};
use crate::ingest::filter::{FilterSettings, PlausibleTimes};
use crate::ingest::route::{Retained, RouteSettings};
use crate::ingest::topic::TopicMisfit;
use crate::ingest::topic_memory::TopicMemory;
use crate::reading::{Reading, RejectReason, Rejects};
use crate::sensor::{SensorDirectory, SensorName};
use crate::time::Timestamp;
use crate::zone::Zone;

/// Tries messages.
#[derive(Clone, Debug)]
pub struct MessageTrial {
    routes: Arc<[RouteSettings]>,
    filters: Arc<[FilterSettings]>,
    times: PlausibleTimes,
}

/// What the configuration makes of a message.
#[derive(Clone, PartialEq, Debug)]
pub struct TriedMessage {
    /// The readings, in their order.
    pub readings: Vec<TriedReading>,
    /// What is rejected.
    pub rejects: Rejects,
    /// Members that are no numbers: how many of each kind.
    pub members_passed_over: Vec<(&'static str, u64)>,
    /// Whether the message is passed over whole, because a broker kept it from earlier.
    pub is_skipped: bool,
}

/// A reading that the configuration accepts.
#[derive(Clone, PartialEq, Debug)]
pub struct TriedReading {
    /// Its sensor.
    pub name: SensorName,
    /// Its time.
    pub time: Timestamp,
    /// Where its time is from.
    pub time_source: TimeSource,
    /// Its value, which is finite.
    pub value: f64,
    /// The zone that was assumed for its time.
    pub zone: Option<Zone>,
    /// The reason for which it is refused if it is ahead of a clock that is right.
    pub ahead: Option<RejectReason>,
}

/// Where the time of a reading is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeSource {
    /// The reading bears it.
    Reading,
    /// It is that of its arrival.
    Arrival,
}

/// How much memory the decoder of a trial may use for topics. It sees only one.
const TOPIC_MEMORY_BYTES: usize = 1 << 16;

impl MessageTrial {
    /// A trial under these routes, filters and times.
    pub fn new(routes: Arc<[RouteSettings]>, filters: Arc<[FilterSettings]>, times: PlausibleTimes) -> Self {
        Self { routes, filters, times }
    }

    /// The route that takes a topic, with its number, counted from 1.
    pub fn route(&self, topic: &str) -> Option<(u32, &RouteSettings)> {
        (1..).zip(&*self.routes).find(|(_, route)| route.topic().names(topic).is_some())
    }

    /// The route that is nearest to a topic that none takes: its number, and why it does not take it. `None` when there is
    /// no route at all.
    pub fn nearest_route(&self, topic: &str) -> Option<(u32, &RouteSettings, TopicMisfit)> {
        let misfits =
            (1..).zip(&*self.routes).filter_map(|(number, route)| Some((number, route, route.topic().misfit(topic)?)));
        misfits.min_by_key(|(_, _, misfit)| misfit.distance())
    }

    /// Tries a message that came in at `received`.
    pub fn try_message(&self, message: Message<'_>, received: Timestamp) -> TriedMessage {
        let retained = self.route(message.topic).map(|(_, route)| route.retained());
        let is_skipped = message.retained && retained == Some(Retained::Skip);
        let tried = self.tried(|decoder, batch| decoder.decode(message, received, batch));
        TriedMessage { is_skipped, ..tried }
    }

    /// Tries a reading whose sensor is named outright.
    pub fn try_named(&self, name: SensorName, time: Timestamp, value: f64, received: Timestamp) -> TriedMessage {
        self.tried(|decoder, batch| decoder.take_named(name, (time, value), received, batch))
    }

    fn tried(&self, decode: impl FnOnce(&mut Decoder, &mut Batch)) -> TriedMessage {
        let directory = Arc::new(SensorDirectory::new(usize::MAX, Vec::new()));
        let memory = TopicMemory::new(TOPIC_MEMORY_BYTES);
        let (routes, filters) = (Arc::clone(&self.routes), Arc::clone(&self.filters));
        let mut decoder = Decoder::new(routes, filters, self.times, Arc::clone(&directory), &memory);
        let mut batch = Batch::default();
        decode(&mut decoder, &mut batch);
        let mut is_arrival = batch.arrivals.in_order();
        let mut readings = Vec::new();
        let mut ahead = batch.ahead.into_iter().peekable();
        let mut push = |reading: Reading, time_source, zone, ahead| {
            let Reading { sensor, time, value } = reading;
            // Every number that the decoder knows is of this directory.
            let name = directory.name(sensor);
            readings.extend(name.map(|name| TriedReading { name, time, time_source, value, zone, ahead }));
        };
        let of_ahead = |AheadReading { reading, reason, .. }| (reading, TimeSource::Reading, None, Some(reason));
        for (place, reading) in batch.readings.into_iter().enumerate() {
            while let Some(before) = ahead.next_if(|ahead| ahead.behind <= place) {
                let (reading, time_source, zone, ahead) = of_ahead(before);
                push(reading, time_source, zone, ahead);
            }
            let time_source = if is_arrival(place) { TimeSource::Arrival } else { TimeSource::Reading };
            push(reading, time_source, batch.zones.of(place), None);
        }
        for behind in ahead {
            let (reading, time_source, zone, ahead) = of_ahead(behind);
            push(reading, time_source, zone, ahead);
        }
        TriedMessage {
            readings,
            rejects: batch.rejects,
            members_passed_over: batch.members_passed_over.counts().collect(),
            is_skipped: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::filter::Filter;
    use crate::ingest::route::{
        Each, JsonLayout, JsonPointer, NumberFormat, PayloadFormat, TimeAt, TimeUnit, TopicTemplate, ValueAt,
    };
    use crate::sensor_pattern::SensorPattern;
    use crate::time::Span;

    fn trial() -> MessageTrial {
        let topic = |text| TopicTemplate::parse(text).unwrap();
        let pointer = |text| JsonPointer::parse(text).unwrap();
        let plain = PayloadFormat::Plain(NumberFormat::default());
        let time = Some(TimeAt::usual(pointer("/ts"), TimeUnit::Auto));
        let all = JsonLayout::new(JsonPointer::root(), Each::Object, ValueAt::All(pointer("")), None, time).unwrap();
        let routes = [
            RouteSettings::new(topic("plant/{device}/{sensor}"), plain, Retained::Skip).unwrap(),
            RouteSettings::new(topic("all/{device}"), PayloadFormat::Json(all), Retained::Skip).unwrap(),
        ];
        let filter = Filter::new(0.0, 100.0, None).unwrap();
        let filters = [FilterSettings { sensors: SensorPattern::parse("*").unwrap(), filter }];
        let times = PlausibleTimes {
            earliest: Timestamp::default(),
            latest: Timestamp::MAX,
            max_ahead: Some(Span::from_secs(60)),
        };
        MessageTrial::new(routes.into(), filters.into(), times)
    }

    fn at(secs: u32) -> Timestamp {
        Timestamp::default() + Span::from_secs(secs)
    }

    #[test]
    fn readings_come_back_with_names_times_and_what_is_ahead() {
        let message = Message {
            topic: "all/press",
            payload: br#"{"ts": 500, "a": 1, "b": 101, "c": "x", "d": 2}"#,
            retained: false,
        };
        let tried = trial().try_message(message, at(100));
        let names: Vec<_> = tried.readings.iter().map(|reading| reading.name.to_string()).collect();
        assert_eq!(names, ["press/a", "press/d"]);
        assert!(tried.readings.iter().all(|reading| reading.ahead.is_some() && reading.time == at(500)));
        assert_eq!(tried.rejects.counts().collect::<Vec<_>>(), [("out_of_range", 1)]);
        assert_eq!(tried.members_passed_over, [("text", 1)]);

        let message = Message { topic: "plant/press/a", payload: b"1", retained: false };
        let tried = trial().try_message(message, at(100));
        assert_eq!((tried.readings[0].time, tried.readings[0].time_source), (at(100), TimeSource::Arrival));
        assert!(trial().try_message(Message { retained: true, ..message }, at(100)).is_skipped);
    }

    #[test]
    fn the_nearest_route_is_told_with_its_number() {
        let trial = trial();
        let (number, _, misfit) = trial.nearest_route("All/press").unwrap();
        assert_eq!((number, misfit.distance()), (2, 1));
        assert_eq!(trial.route("plant/a/b").unwrap().0, 1);
        assert!(trial.route("all").is_none());
    }
}
