//! From a window and a model to an outcome: pure, and the same for the daemon and for the offline command.

use ndarray::Array2;

use crate::codec::Corrupt;
use crate::features::{Blocks, Plan, RowCut, Rows};
use crate::interval::{Cut, Window};
use crate::model::{Drift, EvaluateError, Model, Proof};
use crate::time::{Span, Timestamp};
use crate::verdict::{AnomalyScore, Explanation, Label, Outcome, Row, Scored};

/// What verdicts depend on besides the window and the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScoringSettings {
    /// The lengths of the intervals that rows stand for, and of the windows.
    pub cut: Cut,
    /// How the store cuts time.
    pub base: Cut,
    /// A window is scored only when rows can be made for at least this many of its intervals.
    pub min_intervals: u32,
}

impl ScoringSettings {
    /// The lengths that rows are made by.
    pub fn row_cut(&self) -> RowCut {
        RowCut { interval: self.cut.interval(), base: self.base }
    }
}

/// Whether models that are not proven are scored. A model is proven when a file beside it says what it should answer, and
/// it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofPolicy {
    /// They are; their verdicts say so.
    Optional,
    /// They are not: their outcome is [`Outcome::Unproven`].
    Required,
}

impl ProofPolicy {
    /// Whether it lets a model with this proof score.
    pub fn admits(self, proof: Proof) -> bool {
        self == Self::Optional || proof.is_held()
    }
}

/// Why a window could not be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// A stored window cannot be read.
    #[error("the stored window is damaged: {0}")]
    Window(#[from] Corrupt),
    /// The model cannot evaluate the rows.
    #[error("the model cannot evaluate the window: {0}")]
    Evaluate(#[from] EvaluateError),
}

/// The result of scoring a window.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// The outcome, to be stored.
    pub outcome: Outcome,
    /// How the window differs from the training data; `None` when it does not. It changes no outcome.
    pub drift: Option<Drift>,
}

impl From<Outcome> for Judgement {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, drift: None }
    }
}

/// Scores one window. `blocks` holds the windows that `plan` asks for, as read from the store. With a `boundary`, rows are
/// anomalies from that score on, whatever the model calls them.
///
/// # Errors
/// When a stored window is damaged or the model cannot evaluate the rows.
pub fn score(
    model: &Model,
    plan: &Plan,
    window: Window,
    blocks: &Blocks,
    settings: ScoringSettings,
    boundary: Option<AnomalyScore>,
) -> Result<Judgement, ScoreError> {
    match rows(plan, window, blocks, settings)? {
        Ok(rows) => Ok(score_rows(model, plan, window, rows, settings, boundary)?),
        Err(outcome) => Ok(outcome.into()),
    }
}

/// The rows of a window that suffice for a verdict; otherwise the outcome, for which no model is needed.
///
/// # Errors
/// When a stored window is damaged.
pub fn rows(
    plan: &Plan,
    window: Window,
    blocks: &Blocks,
    settings: ScoringSettings,
) -> Result<Result<Rows, Outcome>, Corrupt> {
    let rows = plan.rows(window, blocks, settings.row_cut())?;
    if rows.intervals == 0 {
        return Ok(Err(Outcome::NoData));
    }
    let (made, needed) = (u32::try_from(rows.starts.len()).unwrap_or(u32::MAX), settings.min_intervals.max(1));
    Ok(if made < needed { Err(Outcome::TooLittleData { intervals: made, needed }) } else { Ok(rows) })
}

/// Scores the rows of a window, as [`score`] does.
///
/// # Errors
/// When the model cannot evaluate them.
pub fn score_rows(
    model: &Model,
    plan: &Plan,
    window: Window,
    Rows { values, starts, .. }: Rows,
    settings: ScoringSettings,
    boundary: Option<AnomalyScore>,
) -> Result<Judgement, EvaluateError> {
    let evaluations = model.evaluate(values.view())?;
    let unit = model.detector().unit();
    let rows = starts.into_iter().zip(evaluations).map(|(start, evaluation)| Row {
        interval: place(start, window, settings.cut.interval()),
        label: boundary.map_or(evaluation.label, |boundary| boundary.label(evaluation.decision, unit)),
        decision: evaluation.decision,
    });
    let mut scored = Scored {
        model: model.hash(),
        proven: model.proof().is_held(),
        unit: Some(unit),
        boundary,
        rows: rows.collect(),
        explanation: None,
    };
    scored.explanation = explain(model, plan, &values, &scored);
    let drift = model.drift(values.view(), |feature| name(plan, feature));
    Ok(Judgement { outcome: Outcome::Scored(scored), drift })
}

/// Why the worst row is an anomaly; `None` when it is no anomaly.
fn explain(model: &Model, plan: &Plan, values: &Array2<f64>, scored: &Scored) -> Option<Explanation> {
    let worst = scored.worst().filter(|worst| worst.label == Label::Anomaly)?;
    let place = scored.rows.iter().position(|(interval, ..)| interval == worst.interval)?;
    let cause = model.explain(values.row(place))?;
    let feature = name(plan, cause.feature);
    Some(Explanation { interval: worst.interval, feature, value: cause.value, usual: cause.usual })
}

/// What a column of the rows is called.
fn name(plan: &Plan, feature: usize) -> String {
    plan.features().columns().get(feature).map(ToString::to_string).unwrap_or_default()
}

/// The place in its window of the interval that begins at `start`.
fn place(start: Timestamp, window: Window, interval: Span) -> u16 {
    let place = start.since(window.start()).divide(interval).0;
    // A window has at most 32,768 intervals.
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// Notices a model that calls every row an anomaly: the fault is then in its training rather than at the sensor.
#[derive(Clone, Copy, Debug)]
pub struct Suspicion {
    after: u32,
    windows: u32,
}

/// A model has called every row of several windows in a row an anomaly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the model called every row of the last {windows} windows an anomaly: check what it was trained on")]
pub struct Suspicious {
    /// How many windows in a row.
    pub windows: u32,
}

impl Suspicion {
    /// Becomes suspicious after so many windows in a row.
    pub fn new(after: u32) -> Self {
        Self { after: after.max(1), windows: 0 }
    }

    /// Takes in one more outcome.
    pub fn observe(&mut self, outcome: &Outcome) {
        if let Outcome::Scored(scored) = outcome {
            let all = scored.anomalies() == scored.rows.len();
            self.windows = if all { self.windows.saturating_add(1) } else { 0 };
        }
    }

    /// Errors: when the model is suspicious now.
    pub fn check(&self) -> Result<(), Suspicious> {
        if self.windows >= self.after { Err(Suspicious { windows: self.windows }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Label, ModelHash};

    fn scored(labels: &[Label]) -> Outcome {
        let row = |label| Row { interval: 0, label, decision: 0.0 };
        Outcome::Scored(Scored {
            model: ModelHash([0; 32]),
            proven: false,
            unit: None,
            boundary: None,
            rows: labels.iter().copied().map(row).collect(),
            explanation: None,
        })
    }

    #[test]
    fn a_model_is_suspicious_that_calls_everything_an_anomaly_for_several_windows() {
        use Label::{Anomaly, Normal};
        let mut suspicion = Suspicion::new(3);
        for outcome in [scored(&[Anomaly]), scored(&[Anomaly, Anomaly]), Outcome::NoData] {
            suspicion.observe(&outcome);
        }
        assert_eq!(suspicion.check(), Ok(()));
        suspicion.observe(&scored(&[Anomaly]));
        assert_eq!(suspicion.check(), Err(Suspicious { windows: 3 }));
        suspicion.observe(&scored(&[Anomaly, Normal]));
        assert_eq!(suspicion.check(), Ok(()));
    }
}
