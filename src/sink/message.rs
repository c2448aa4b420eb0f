//! Verdicts as MQTT messages: one JSON object a sensor, retained, so that a client that subscribes later gets the last
//! one.
//!
//! A message is small: long texts from models and their errors are cut.

use std::borrow::Cow;

use serde::Serialize;

use crate::run::Run;
use crate::sensor::{self, SensorName};
use crate::verdict::{AnomalyScore, Outcome, Verdict};

/// A verdict as its readers get it.
#[derive(Serialize)]
struct VerdictMessage<'a> {
    device: &'a str,
    sensor: &'a str,
    /// The id of the run.
    run: u64,
    /// The group that the sensor was in.
    group: &'a str,
    /// How many runs over the same window ended before it.
    revision: u32,
    /// Why the run began: what is caught up on is no news.
    trigger: &'static str,
    window_start: String,
    window_end: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    scored: Option<ScoredMessage>,
}

#[derive(Serialize)]
struct ScoredMessage {
    intervals: usize,
    anomalies: usize,
    /// The interval with the lowest decision value.
    worst_interval: String,
    worst_decision: f64,
    /// How strange that interval is, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    model: String,
    proven: bool,
    /// The score from which on intervals are anomalies, where the configuration says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    anomaly_score: Option<f64>,
}

/// The longest text in a message, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// A text as it is put into a message; one that is too long is cut, and ends in a mark that says so.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT_BYTES {
        return Cow::Borrowed(text);
    }
    let end = (0..=MAX_TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The topic of a sensor's verdicts: the template with the names filled in, each sensor's its own.
///
/// A device of several topic levels keeps them: `line1/press`. A `/` in the sensor's name is written as `%2F`, so that
/// `a/b` with `c` differs from `a` with `b/c`. A `%` that is followed by `2F` or `25` is written as `%25`, so that the
/// names can be told from the topic.
pub fn verdict_topic(template: &str, name: &SensorName) -> String {
    let mut sensor = String::with_capacity(name.sensor().len());
    for (at, character) in name.sensor().char_indices() {
        match character {
            '/' => sensor.push_str("%2F"),
            '%' if ["2F", "25"].iter().any(|code| name.sensor()[at + 1..].starts_with(code)) => sensor.push_str("%25"),
            other => sensor.push(other),
        }
    }
    sensor::fill(template, name.device(), &sensor)
}

/// The message for one verdict.
pub fn verdict_message(sensor: &SensorName, run: &Run, verdict: &Verdict) -> String {
    let Run { window, interval, .. } = *run;
    let scored = match &verdict.outcome {
        Outcome::Scored(scored) => scored.worst().map(|worst| ScoredMessage {
            intervals: scored.rows.len(),
            anomalies: scored.anomalies(),
            worst_interval: (window.start() + interval.times(i64::from(worst.interval))).to_string(),
            worst_decision: worst.decision,
            score: scored.score(worst),
            explanation: scored
                .explanation
                .as_ref()
                .map(|explanation| cut(&explanation.words(window, interval)).into_owned()),
            model: scored.model.to_string(),
            proven: scored.proven,
            anomaly_score: scored.boundary.map(AnomalyScore::get),
        }),
        _ => None,
    };
    let fault = verdict.outcome.fault();
    let message = VerdictMessage {
        device: sensor.device(),
        sensor: sensor.sensor(),
        run: run.id.0,
        group: run.group.as_str(),
        revision: run.revision,
        trigger: run.trigger.as_str(),
        window_start: window.start().to_string(),
        window_end: window.end().to_string(),
        outcome: verdict.outcome.kind(),
        reason: fault.as_deref().map(cut),
        scored,
    };
    // Serialising strings and finite numbers into memory cannot fail.
    serde_json::to_string(&message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::Cut;
    use crate::sensor::SensorId;
    use crate::time::{Span, Timestamp};
    use crate::verdict::{Explanation, Label, ModelHash, Row, Scored, TimeLimit};

    fn message(outcome: Outcome) -> serde_json::Value {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let run = Run::for_test(7, cut.window_of(Timestamp::parse("2018-08-28 23:10").unwrap()));
        let verdict = Verdict { sensor: SensorId(0), outcome };
        let sensor = SensorName::new("press-1", "vibration").unwrap();
        serde_json::from_str(&verdict_message(&sensor, &run, &verdict)).unwrap()
    }

    #[test]
    fn a_scored_verdict_names_its_worst_interval_and_its_model() {
        let row = |interval, label, decision| Row { interval, label, decision };
        let rows = vec![row(0, Label::Normal, 0.5), row(42, Label::Anomaly, -0.25)];
        let explanation =
            Explanation { interval: 42, feature: "vibration.std".into(), value: 4.1, usual: Some((0.2, 0.9)) };
        let scored = Scored {
            model: ModelHash([171; 32]),
            proven: true,
            unit: Some(0.25),
            boundary: None,
            rows: rows.into(),
            explanation: Some(explanation),
        };
        let message = message(Outcome::Scored(scored));
        assert_eq!(message["device"], "press-1");
        assert_eq!(message["window_start"], "2018-08-28T23:00:00Z");
        assert_eq!((message["run"].as_u64(), message["revision"].as_u64()), (Some(7), Some(0)));
        assert_eq!((&message["outcome"], &message["trigger"]), (&"scored".into(), &"schedule".into()));
        assert_eq!((message["intervals"].as_u64(), message["anomalies"].as_u64()), (Some(2), Some(1)));
        assert_eq!(message["worst_interval"], "2018-08-28T23:42:00Z");
        assert_eq!(message["worst_decision"], -0.25);
        assert!((message["score"].as_f64().unwrap() - 0.982).abs() < 1e-3);
        assert_eq!(message["explanation"], "vibration std 4.1 at 23:42, usually 0.2 to 0.9");
        assert_eq!((&message["model"], &message["proven"]), (&"ab".repeat(32).into(), &true.into()));
    }

    #[test]
    fn each_sensor_has_a_topic_of_its_own() {
        let topic = |device, sensor| verdict_topic("v/{device}/{sensor}", &SensorName::new(device, sensor).unwrap());
        assert_eq!(topic("press", "rh%"), "v/press/rh%");
        assert_eq!(topic("line/press", "rh"), "v/line/press/rh");
        assert_eq!(topic("line", "press/rh"), "v/line/press%2Frh");
        assert_eq!(topic("{sensor}", "{device}"), "v/{sensor}/{device}");
    }

    proptest! {
        #[test]
        fn names_can_be_told_from_their_topic(device in "[a%25F/]{1,6}", sensor in "[a%25F/]{1,8}") {
            let topic = verdict_topic("v/{device}/{sensor}", &SensorName::new(&device, &sensor).unwrap());
            let (device_told, sensor_told) = topic.strip_prefix("v/").unwrap().rsplit_once('/').unwrap();
            let mut decoded = String::new();
            let mut rest = sensor_told;
            while let Some(first) = rest.chars().next() {
                let (character, length) = match rest.get(..3) {
                    Some("%2F") => ('/', 3),
                    Some("%25") => ('%', 3),
                    _ => (first, first.len_utf8()),
                };
                decoded.push(character);
                rest = &rest[length..];
            }
            prop_assert_eq!((device_told, &*decoded), (&*device, &*sensor));
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_says_so() {
        let message = message(Outcome::Failed { reason: "ä".repeat(1_000_000) });
        let reason = message["reason"].as_str().unwrap();
        assert!(reason.len() <= MAX_TEXT_BYTES + 3 && reason.ends_with("ä…"), "{}", reason.len());
    }

    #[test]
    fn a_failed_verdict_says_why() {
        let late = message(Outcome::TimedOut { after: Span::from_secs(15), limit: TimeLimit::Sensor });
        assert_eq!(late["outcome"], "timed_out");
        assert_eq!(late["reason"], "its scoring was given up after 15s (see scoring.sensor_deadline)");
        let message = message(Outcome::Failed { reason: "the model panicked".into() });
        assert_eq!((&message["outcome"], &message["reason"]), (&"failed".into(), &"the model panicked".into()));
        assert!(message.get("intervals").is_none());
    }
}
