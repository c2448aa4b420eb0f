//! Verdicts as MQTT messages: one JSON object a sensor, retained, so that whoever subscribes sees the last one.

use serde::Serialize;

use crate::interval::Window;
use crate::sensor::SensorName;
use crate::time::Span;
use crate::verdict::{Outcome, Verdict};

/// A verdict as others read it.
#[derive(Serialize)]
struct VerdictMessage<'a> {
    device: &'a str,
    sensor: &'a str,
    window_start: String,
    window_end: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
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
    model: String,
}

/// The message for one verdict.
pub fn verdict_message(sensor: &SensorName, window: Window, interval: Span, verdict: &Verdict) -> String {
    let scored = match &verdict.outcome {
        Outcome::Scored(scored) => scored.worst().map(|worst| ScoredMessage {
            intervals: scored.rows.len(),
            anomalies: scored.anomalies(),
            worst_interval: (window.start() + interval.times(i64::from(worst.interval))).to_string(),
            worst_decision: worst.decision,
            model: scored.model.to_string(),
        }),
        _ => None,
    };
    let reason = match &verdict.outcome {
        Outcome::Failed { reason } => Some(reason.as_str()),
        _ => None,
    };
    let message = VerdictMessage {
        device: sensor.device(),
        sensor: sensor.sensor(),
        window_start: window.start().to_string(),
        window_end: window.end().to_string(),
        outcome: verdict.outcome.kind(),
        reason,
        scored,
    };
    // Serialising strings and finite numbers into memory has no way to fail.
    serde_json::to_string(&message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;
    use crate::sensor::SensorId;
    use crate::time::Timestamp;
    use crate::verdict::{Label, ModelHash, Row, Scored};

    fn message(outcome: Outcome) -> serde_json::Value {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let window = cut.window_of(Timestamp::parse("2018-08-28 23:10").unwrap());
        let verdict = Verdict { sensor: SensorId(0), outcome };
        let sensor = SensorName::new("press-1", "vibration").unwrap();
        serde_json::from_str(&verdict_message(&sensor, window, cut.interval(), &verdict)).unwrap()
    }

    #[test]
    fn a_scored_verdict_names_its_worst_interval_and_its_model() {
        let row = |interval, label, decision| Row { interval, label, decision };
        let rows = vec![row(0, Label::Normal, 0.5), row(42, Label::Anomaly, -0.25)];
        let message =
            message(Outcome::Scored(Scored { model: ModelHash([171; 32]), proven: true, rows, explanation: None }));
        assert_eq!(message["device"], "press-1");
        assert_eq!(message["window_start"], "2018-08-28T23:00:00Z");
        assert_eq!(message["outcome"], "scored");
        assert_eq!((message["intervals"].as_u64(), message["anomalies"].as_u64()), (Some(2), Some(1)));
        assert_eq!(message["worst_interval"], "2018-08-28T23:42:00Z");
        assert_eq!(message["worst_decision"], -0.25);
        assert_eq!(message["model"], "ab".repeat(32));
    }

    #[test]
    fn a_failed_verdict_says_why() {
        let message = message(Outcome::Failed { reason: "the model panicked".into() });
        assert_eq!((&message["outcome"], &message["reason"]), (&"failed".into(), &"the model panicked".into()));
        assert!(message.get("intervals").is_none());
    }
}
