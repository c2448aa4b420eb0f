//! A byte that stands for what a run said of a sensor.
//!
//! | byte | meaning |
//! | --- | --- |
//! | 0 | nothing was said |
//! | 1 to 6 | no data, too little data, failed, timed out, quarantined, unproven |
//! | 7, 8 | scored without a score: without an anomaly, with one |
//! | 10 to 132 | scored without an anomaly, a score from 0 to 0.5 in 123 steps |
//! | 133 to 255 | scored with an anomaly, a score from 0.5 to 1 in 123 steps |
//!
//! So the order of the bytes of scored windows is the order of their scores, and whether there is an anomaly is exact.

use crate::answers::Outcome;
use crate::overview::run_scores::VerdictSummary;
use crate::verdict::OutcomeSummary;

/// What a run said of a sensor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct ScoreCode(u8);

const NO_DATA: u8 = 1;
const TOO_LITTLE_DATA: u8 = 2;
const FAILED: u8 = 3;
const TIMED_OUT: u8 = 4;
const QUARANTINED: u8 = 5;
const UNPROVEN: u8 = 6;
const NORMAL: u8 = 7;
const ANOMALOUS: u8 = 8;
const LOWEST_NORMAL: u8 = 10;
const LOWEST_ANOMALOUS: u8 = 133;
/// The number of the last step.
const LAST_STEP: u8 = 122;

impl ScoreCode {
    pub(super) fn of(summary: OutcomeSummary) -> Self {
        Self(match summary {
            OutcomeSummary::NoData => NO_DATA,
            OutcomeSummary::TooLittleData => TOO_LITTLE_DATA,
            OutcomeSummary::Failed => FAILED,
            OutcomeSummary::TimedOut => TIMED_OUT,
            OutcomeSummary::Quarantined => QUARANTINED,
            OutcomeSummary::Unproven => UNPROVEN,
            OutcomeSummary::Scored { is_anomalous: false, score: None } => NORMAL,
            OutcomeSummary::Scored { is_anomalous: true, score: None } => ANOMALOUS,
            OutcomeSummary::Scored { is_anomalous: false, score: Some(score) } => LOWEST_NORMAL + step(score),
            OutcomeSummary::Scored { is_anomalous: true, score: Some(score) } => LOWEST_ANOMALOUS + step(score - 0.5),
        })
    }

    /// Whether the window was scored.
    pub(super) fn is_scored(self) -> bool {
        self.0 >= NORMAL
    }

    /// Whether it was scored, and has an anomaly.
    pub(super) fn is_anomalous(self) -> bool {
        self.0 >= LOWEST_ANOMALOUS || self.0 == ANOMALOUS
    }

    /// The code by which scored windows are ranked: one that was anomalous when scores were not stored is on the boundary.
    pub(super) fn or_boundary(self) -> Self {
        if self.0 == ANOMALOUS { Self(LOWEST_ANOMALOUS) } else { self }
    }

    /// Whether it could not be scored although it should have been.
    pub(super) fn is_failure(self) -> bool {
        matches!(self.0, FAILED..=UNPROVEN)
    }

    /// What it stands for; `None` when nothing was said.
    pub(super) fn summary(self) -> Option<VerdictSummary> {
        let unscored = |outcome| VerdictSummary { outcome, is_anomalous: false, score: None };
        let scored = |is_anomalous, score| VerdictSummary { outcome: Outcome::Scored, is_anomalous, score };
        Some(match self.0 {
            NO_DATA => unscored(Outcome::NoData),
            TOO_LITTLE_DATA => unscored(Outcome::TooLittleData),
            FAILED => unscored(Outcome::Failed),
            TIMED_OUT => unscored(Outcome::TimedOut),
            QUARANTINED => unscored(Outcome::Quarantined),
            UNPROVEN => unscored(Outcome::Unproven),
            NORMAL => scored(false, None),
            ANOMALOUS => scored(true, None),
            LOWEST_ANOMALOUS.. => scored(true, Some(0.5 + height(self.0 - LOWEST_ANOMALOUS))),
            LOWEST_NORMAL.. => scored(false, Some(height(self.0 - LOWEST_NORMAL))),
            _ => return None,
        })
    }
}

/// The step of a score within its half, which is from 0 to 0.5 here.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the steps; no number is step 0"
)]
fn step(within_half: f64) -> u8 {
    (within_half * 2.0 * f64::from(LAST_STEP)).round().clamp(0.0, f64::from(LAST_STEP)) as u8
}

/// Where a step is within its half.
fn height(step: u8) -> f32 {
    f32::from(step) / (2.0 * f32::from(LAST_STEP))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scored(is_anomalous: bool, score: Option<f64>) -> Option<VerdictSummary> {
        ScoreCode::of(OutcomeSummary::Scored { is_anomalous, score }).summary()
    }

    #[test]
    fn what_was_not_scored_keeps_its_outcome() {
        let cases = [
            (OutcomeSummary::NoData, Outcome::NoData),
            (OutcomeSummary::TooLittleData, Outcome::TooLittleData),
            (OutcomeSummary::Failed, Outcome::Failed),
            (OutcomeSummary::TimedOut, Outcome::TimedOut),
            (OutcomeSummary::Quarantined, Outcome::Quarantined),
            (OutcomeSummary::Unproven, Outcome::Unproven),
        ];
        for (summary, outcome) in cases {
            let expected = VerdictSummary { outcome, is_anomalous: false, score: None };
            let code = ScoreCode::of(summary);
            assert_eq!(code.summary(), Some(expected));
            let is_failure = !matches!(outcome, Outcome::NoData | Outcome::TooLittleData);
            assert_eq!((code.is_scored(), code.is_anomalous(), code.is_failure()), (false, false, is_failure));
        }
        assert_eq!(ScoreCode::default().summary(), None);
        assert!(!ScoreCode::default().is_scored() && !ScoreCode::default().is_failure());
        for is_anomalous in [false, true] {
            let expected = VerdictSummary { outcome: Outcome::Scored, is_anomalous, score: None };
            assert_eq!(scored(is_anomalous, None), Some(expected));
        }
    }

    #[test]
    fn the_ends_and_the_boundary_come_back_exactly() {
        for (is_anomalous, score) in [(false, 0.0), (false, 0.5), (true, 0.5), (true, 1.0)] {
            let expected = VerdictSummary { outcome: Outcome::Scored, is_anomalous, score: Some(score) };
            assert_eq!(scored(is_anomalous, Some(score.into())), Some(expected));
        }
    }

    proptest! {
        #[test]
        fn a_score_comes_back_to_within_half_a_step_on_its_own_side(half in 0.0..=0.5_f64, is_anomalous in any::<bool>()) {
            let score = if is_anomalous { 0.5 + half } else { half };
            let back = scored(is_anomalous, Some(score)).unwrap();
            let code = ScoreCode::of(OutcomeSummary::Scored { is_anomalous, score: Some(score) });
            prop_assert_eq!((back.is_anomalous, code.is_anomalous()), (is_anomalous, is_anomalous));
            prop_assert!(code.is_scored() && !code.is_failure());
            prop_assert!((f64::from(back.score.unwrap()) - score).abs() <= 1.0 / 488.0 + 1e-6);
        }

        #[test]
        fn a_higher_score_never_has_a_lower_code(scores in any::<[u16; 2]>()) {
            let code = |score: u16| {
                let score = f64::from(score) / f64::from(u16::MAX);
                ScoreCode::of(OutcomeSummary::Scored { is_anomalous: score > 0.5, score: Some(score) })
            };
            prop_assert_eq!(code(scores[0]).cmp(&code(scores[1])).is_le(), scores[0] <= scores[1] || code(scores[0]) == code(scores[1]));
        }
    }
}
