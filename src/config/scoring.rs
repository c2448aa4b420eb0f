//! `[scoring]`: when windows are scored, and how long that may take.

use super::reader::Section;
use crate::interval::Cut;
use crate::scoring::ProofPolicy;
use crate::time::Span;
use crate::verdict::AnomalyScore;

/// When windows are scored, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoringSettings {
    /// How long a run may take. A sensor that is not scored by then has failed.
    pub deadline: Span,
    /// How long one sensor's scoring may take, where that is written; see [`sensor_deadline`](Self::sensor_deadline).
    pub written_sensor_deadline: Option<Span>,
    /// How many threads may hang at scorings that were given up before one that hangs is not replaced any more.
    pub hung_threads: u32,
    /// How many intervals of a window must hold readings for it to be scored.
    pub min_intervals: u32,
    /// Whether models that are not proven are scored.
    pub proof: ProofPolicy,
    /// The score from which on intervals are anomalies; `None` when models decide.
    pub anomaly_score: Option<AnomalyScore>,
    /// How many orders of operators may wait or go on at once.
    pub max_orders: u32,
    /// After this many windows in a row, with every row an anomaly, a model is reported as suspicious.
    pub suspicious_after: u32,
}

impl ScoringSettings {
    /// How long one sensor's scoring may take. A scoring that takes longer has failed. Where it is not written it is a share of
    /// the run's own deadline.
    pub fn sensor_deadline(&self) -> Span {
        self.written_sensor_deadline.unwrap_or_else(|| Span::from(self.deadline.to_std() / SENSORS_SHARE))
    }
}

/// By default one sensor may take the n-th part of the run's time.
const SENSORS_SHARE: u32 = 20;

pub(super) fn read(section: &mut Section<'_, '_>) -> ScoringSettings {
    let above = ScoringSettings {
        deadline: Span::from_secs(300),
        written_sensor_deadline: None,
        hung_threads: 8,
        min_intervals: 1,
        anomaly_score: None,
        max_orders: 8,
        proof: ProofPolicy::Optional,
        suspicious_after: 3,
    };
    let settings = read_of_group(section, above);
    ScoringSettings {
        hung_threads: section.integer("hung_threads", settings.hung_threads, 0..=1_000),
        max_orders: section.integer("max_orders", settings.max_orders, 1..=100),
        ..settings
    }
}

const DEADLINES: std::ops::RangeInclusive<Span> = Span::from_millis(100)..=Span::from_secs(86_400);

/// Reads the keys that a group may have for itself. Each that is not written is as in `above`.
pub(super) fn read_of_group(section: &mut Section<'_, '_>, above: ScoringSettings) -> ScoringSettings {
    let deadline = section.span("deadline", above.deadline, DEADLINES);
    let shares = Span::from_millis(5)..=Span::from_secs(86_400);
    let written_sensor_deadline = section.optional_span("sensor_deadline", shares).or(above.written_sensor_deadline);
    if let Some(sensor_deadline) = written_sensor_deadline.filter(|written| *written > deadline) {
        let why = format!("{sensor_deadline} for one sensor is more than {deadline} for the whole run");
        section.rule(&["sensor_deadline", "deadline"], why);
    }
    let proof = section.choice("proof", [("optional", ProofPolicy::Optional), ("required", ProofPolicy::Required)]);
    let score = section.number("anomaly_score", AnomalyScore::RANGE, "a number from 0.002 to 0.998");
    let most = u32::try_from(Cut::MAX_INTERVALS).unwrap_or(u32::MAX);
    ScoringSettings {
        deadline,
        written_sensor_deadline,
        min_intervals: section.integer("min_intervals", above.min_intervals, 1..=most),
        anomaly_score: score.and_then(AnomalyScore::new).or(above.anomaly_score),
        proof: if section.has("proof") { proof } else { above.proof },
        suspicious_after: section.integer("suspicious_after", above.suspicious_after, 1..=10_000),
        ..above
    }
}
