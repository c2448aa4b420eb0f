//! What becomes of a message, in words: from what the configuration makes of it, and from what the daemon forecasts of its
//! readings. Pure, so that the commands can ask it without a daemon.

use crate::answers::{JudgedBy, JudgedReading, Judgement, RouteTest};
use crate::ingest::route::{Each, PayloadFormat, RouteSettings, ValueAt};
use crate::ingest::trial::{MessageTrial, TriedMessage, TriedReading};
use crate::reading::{Forecast, RejectReason};

/// What becomes of a reading, and why it would not count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fate {
    /// What becomes of it.
    pub judgement: Judgement,
    /// Why it would not count.
    pub reason: Option<String>,
}

/// Makes answers about messages.
#[derive(Clone, Copy, Debug)]
pub struct RouteTester<'a> {
    /// The configuration that was tried.
    pub trial: &'a MessageTrial,
    /// Who judged the readings.
    pub judged_by: JudgedBy,
}

impl Fate {
    /// A fate without a reason.
    pub fn plain(judgement: Judgement) -> Self {
        Self { judgement, reason: None }
    }

    /// A fate for a reason.
    pub fn because(judgement: Judgement, reason: impl Into<String>) -> Self {
        Self { judgement, reason: Some(reason.into()) }
    }

    /// What the daemon forecasts.
    pub fn forecast(forecast: &Forecast) -> Self {
        match forecast {
            Forecast::Accepted => Self::plain(Judgement::Accepted),
            Forecast::Repeated => Self::because(Judgement::PassedOver, "the same reading is there already"),
            Forecast::Suppressed => Self::because(
                Judgement::PassedOver,
                "it differs from the last value by less than the deadband of its [[filter]], or is out of order where a \
                 deadband is in force",
            ),
            Forecast::Held => Self::because(
                Judgement::Held,
                "it is ahead of a clock that is not known to be right, and waits until it is (limits.max_ahead)",
            ),
            Forecast::Rejected(reason) => Self::because(Judgement::Rejected, reason.to_string()),
        }
    }

    /// What the configuration alone says.
    pub fn by_configuration(reading: &TriedReading) -> Self {
        match &reading.ahead {
            None => Self::plain(Judgement::Accepted),
            Some(reason) => {
                Self::because(Judgement::Held, format!("{reason}; it waits unless the clock is synchronised"))
            }
        }
    }
}

impl RouteTester<'_> {
    /// What becomes of a message under `topic`; there is a fate for each of its readings.
    pub fn of_message(self, topic: &str, tried: &TriedMessage, fates: Vec<Fate>) -> RouteTest {
        let route = self.trial.route(topic);
        let mut answer = self.answer(topic, tried, fates);
        if let Some((number, route)) = route {
            answer.route = Some(route.topic().to_string());
            answer.number = Some(number);
            answer.format = Some(format_words(route.payload()));
            answer.words =
                format!("route {number}, {}, takes it: {}", route.topic(), self.sum(&answer, tried, Some(route)));
        } else {
            answer.words = self.why_no_route(topic);
            answer.rejects = vec![answer.words.clone()];
        }
        answer
    }

    /// What becomes of a reading that had been decoded, of the sensor `name`.
    pub fn of_reading(self, name: &str, tried: &TriedMessage, fates: Vec<Fate>) -> RouteTest {
        let mut answer = self.answer(name, tried, fates);
        answer.words = format!("the reading of {name}: {}", self.sum(&answer, tried, None));
        answer
    }

    fn answer(self, topic: &str, tried: &TriedMessage, fates: Vec<Fate>) -> RouteTest {
        let readings = tried.readings.iter().zip(fates);
        let readings = readings.map(|(reading, Fate { judgement, reason })| JudgedReading {
            sensor: reading.name.to_string(),
            time: reading.time,
            value: reading.value,
            judgement,
            reason,
        });
        let kept = tried.rejects.kept();
        let mut rejects: Vec<_> = kept
            .iter()
            .map(|reject| match &reject.reading {
                Some(reading) => format!("{}: {}", reading.sensor, reject.reason),
                None if reject.origin != topic => format!("{}: {}", reject.origin, reject.reason),
                None => reject.reason.to_string(),
            })
            .collect();
        let more = tried.rejects.total().saturating_sub(kept.len() as u64);
        if more > 0 {
            rejects.push(format!("and {more} more"));
        }
        RouteTest {
            topic: topic.to_owned(),
            route: None,
            number: None,
            format: None,
            readings: readings.collect(),
            passed_over: tried.members_passed_over.iter().map(|(kind, count)| format!("{count} × {kind}")).collect(),
            rejects,
            judged_by: self.judged_by,
            words: String::new(),
        }
    }

    /// Why no route takes a topic, which is nearest, and why it does not fit.
    pub fn why_no_route(self, topic: &str) -> String {
        why_no_route(self.trial, topic)
    }

    fn sum(self, answer: &RouteTest, tried: &TriedMessage, route: Option<&RouteSettings>) -> String {
        if tried.is_skipped {
            return "it is passed over, because a broker kept it from earlier and the route has retained = \"skip\""
                .into();
        }
        let count = |judgement| answer.readings.iter().filter(|reading| reading.judgement == judgement).count() as u64;
        let rejected = tried.rejects.total() + count(Judgement::Rejected);
        let parts = [
            (count(Judgement::Accepted), "counts", "count"),
            (count(Judgement::PassedOver), "is passed over", "are passed over"),
            (count(Judgement::Held), "waits for the clock", "wait for the clock"),
            (rejected, "is rejected", "are rejected"),
        ];
        let parts = parts.iter().filter(|(count, ..)| *count > 0);
        let parts = parts.enumerate().map(|(place, (count, one, several))| {
            let noun = match (place, count) {
                (0, 1) => " reading",
                (0, _) => " readings",
                _ => "",
            };
            format!("{count}{noun} {}", if *count == 1 { one } else { several })
        });
        let mut sum = parts.collect::<Vec<_>>().join(", ");
        if answer.readings.is_empty()
            && tried.rejects.total() == 1
            && let Some(only) = answer.rejects.first()
        {
            sum = format!("it is rejected, because {only}");
            if let Some(route) = route {
                sum = format!("{sum}; accepted is {}", format_words(route.payload()));
            }
        }
        match self.judged_by {
            JudgedBy::Daemon => sum,
            JudgedBy::Configuration => format!(
                "{sum}; by the configuration alone, no daemon was asked: lateness, repeats and deadbands were not judged"
            ),
        }
    }
}

/// Why no route takes a topic, which is nearest, and why it does not fit.
pub(super) fn why_no_route(trial: &MessageTrial, topic: &str) -> String {
    match trial.nearest_route(topic) {
        None => format!("{}: there is no [[mqtt.route]]", RejectReason::NoRoute),
        Some((number, route, misfit)) => {
            format!("{}; the nearest is route {number}, {}: {misfit}", RejectReason::NoRoute, route.topic())
        }
    }
}

/// What a route expects of a payload, in the words of the configuration.
fn format_words(format: &PayloadFormat) -> String {
    let layout = match format {
        PayloadFormat::Plain(_) => return "plain: one number as text; its time is that of its arrival".to_owned(),
        PayloadFormat::Json(layout) => layout,
    };
    let each = match layout.each {
        Each::Object => "one object",
        Each::Array => "an array, an element a reading",
        Each::Columns => "columns",
    };
    let value = match &layout.value {
        ValueAt::Pointer(pointer) => format!("the value at {pointer}"),
        ValueAt::All(pointer) => format!("every number among the members at {pointer}"),
    };
    let sensor = layout.sensor.as_ref().map_or_else(String::new, |pointer| format!(", the sensor at {pointer}"));
    let time = match &layout.time {
        Some(time) => format!("the time at {}", time.pointer),
        None => "its time is that of its arrival".to_owned(),
    };
    format!("json: {each} at {}, {value}{sensor}, {time}", layout.at)
}
