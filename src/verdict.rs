//! Verdicts: the results of scoring one window with one model.

use std::borrow::Cow;
mod anomaly_score;

use std::cmp::Ordering;
use std::fmt;

use crate::interval::Window;
use crate::number_set::NumberSet;
use crate::sensor::SensorId;
use crate::time::Span;

pub use anomaly_score::AnomalyScore;

/// What a detector says of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label {
    /// Like what the model was trained on. scikit-learn's `1`.
    Normal,
    /// Unlike it. scikit-learn's `-1`.
    Anomaly,
}

impl Label {
    /// The label that goes with a decision value where an anomaly is below 0 and a tie is normal, as scikit-learn has it.
    pub(crate) fn anomaly_below_zero(decision: f64) -> Self {
        if decision >= 0.0 { Self::Normal } else { Self::Anomaly }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal",
            Self::Anomaly => "anomaly",
        })
    }
}

/// The SHA-256 of a model file's bytes: the model's identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelHash(pub [u8; 32]);

impl fmt::Display for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The outcome of one model on one window. The run that it belongs to names the window.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// The sensor whose window was scored.
    pub sensor: SensorId,
    /// The result.
    pub outcome: Outcome,
}

/// How the scoring of one window ended. Every sensor in a run's scope gets exactly one.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The window was scored.
    Scored(Scored),
    /// The window holds no readings of the sensor.
    NoData,
    /// Rows can be made for fewer intervals than the configuration asks for.
    TooLittleData {
        /// How many intervals a row can be made for.
        intervals: u32,
        /// How many are needed.
        needed: u32,
    },
    /// The scoring failed.
    Failed {
        /// What went wrong, for a person to read.
        reason: String,
    },
    /// The scoring had not ended when its time was over, and was given up.
    TimedOut {
        /// For how long it had gone on.
        after: Span,
        /// Which time was over.
        limit: TimeLimit,
    },
    /// The model failed so often that it is not tried any more.
    Quarantined,
    /// The model is not proven, and the configuration wants proof.
    Unproven,
}

/// What a scoring has to end within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeLimit {
    /// The time that one sensor may take.
    Sensor,
    /// The time that the whole run may take.
    Run,
}

impl Outcome {
    /// A short word for the outcome, the same in metrics, logs and messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scored(_) => "scored",
            Self::NoData => "no_data",
            Self::TooLittleData { .. } => "too_little_data",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timed_out",
            Self::Quarantined => "quarantined",
            Self::Unproven => "unproven",
        }
    }

    /// What went wrong, in words, when the scoring failed or did not end.
    pub fn fault(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Failed { reason } => Some(Cow::Borrowed(reason)),
            Self::TimedOut { after, limit: TimeLimit::Sensor } => {
                Some(Cow::Owned(format!("its scoring was given up after {after} (see scoring.sensor_deadline)")))
            }
            Self::TimedOut { after, limit: TimeLimit::Run } => Some(Cow::Owned(format!(
                "it was still being scored, for {after}, when the time of the run was over (see scoring.deadline)"
            ))),
            _ => None,
        }
    }

    /// What it comes to, without its rows.
    pub fn summary(&self) -> OutcomeSummary {
        match self {
            Self::Scored(scored) => OutcomeSummary::Scored {
                is_anomalous: scored.anomalies() > 0,
                score: scored.worst().and_then(|worst| scored.score(worst)),
            },
            Self::NoData => OutcomeSummary::NoData,
            Self::TooLittleData { .. } => OutcomeSummary::TooLittleData,
            Self::Failed { .. } => OutcomeSummary::Failed,
            Self::TimedOut { .. } => OutcomeSummary::TimedOut,
            Self::Quarantined => OutcomeSummary::Quarantined,
            Self::Unproven => OutcomeSummary::Unproven,
        }
    }
}

/// What an [`Outcome`] comes to: enough to colour the window of a sensor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum OutcomeSummary {
    /// The window was scored.
    Scored {
        /// Whether a row is an anomaly.
        is_anomalous: bool,
        /// How strange the worst row is, see [`score`]; `None` without rows, and where it was not stored.
        score: Option<f64>,
    },
    /// The window holds no readings of the sensor.
    NoData,
    /// It holds too few.
    TooLittleData,
    /// The scoring failed.
    Failed,
    /// The scoring was given up.
    TimedOut,
    /// The model is not tried any more.
    Quarantined,
    /// The model is not proven.
    Unproven,
}

/// A scored window: one row for each interval that one could be made for.
#[derive(Clone, PartialEq, Debug)]
pub struct Scored {
    /// The model that scored it.
    pub model: ModelHash,
    /// Whether that model gave the answers that were expected of it when it was loaded.
    pub proven: bool,
    /// The natural size of the model's decision values, above 0: what [`score`] takes. Verdicts that were stored before
    /// scores were known have none.
    pub unit: Option<f64>,
    /// The score from which on its rows are anomalies, where the configuration says one; `None` when the model decides.
    pub boundary: Option<AnomalyScore>,
    /// Its rows.
    pub rows: ScoredRows,
    /// What moved the worst row's decision most; `None` unless that row is an anomaly and the model knows the usual
    /// values.
    pub explanation: Option<Explanation>,
}

impl Scored {
    /// How many rows are anomalies.
    pub fn anomalies(&self) -> usize {
        self.rows.anomalies()
    }

    /// The row with the lowest decision value, the first of equals.
    pub fn worst(&self) -> Option<&Row> {
        self.rows.worst()
    }

    /// How strange a row is, from 0 to 1; see [`score`].
    pub fn score(&self, row: &Row) -> Option<f64> {
        self.unit.map(|unit| score(row.decision, unit))
    }
}

/// How strange a row is, from 0 to 1: 1 / (1 + exp(4 · decision / unit)).
///
/// 0.5 is the boundary, whatever the detector. A row as far beyond it as the detector's natural size (`unit`, above 0)
/// is twice as strange as one on the boundary, and gets 0.98; one as far on the normal side gets 0.02. That makes the
/// scores of different detectors comparable. It never rises when the decision value does.
pub fn score(decision: f64, unit: f64) -> f64 {
    1.0 / (1.0 + (4.0 * (decision / unit)).exp())
}

/// Which feature of the worst row moved its decision most.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// The interval's place in its window, counted from zero.
    pub interval: u16,
    /// The feature's name, such as `vibration.std`.
    pub feature: String,
    /// Its value.
    pub value: f64,
    /// The range of the feature's values in the training data; `None` when the model does not know it.
    pub usual: Option<(f64, f64)>,
}

impl Explanation {
    /// The explanation in words: `vibration std 4.1 at 13:42, usually 0.2 to 0.9`. The time is UTC, with seconds when
    /// intervals are not whole minutes. A value that is within its usual range, and odd only beside the other values, is
    /// described so.
    pub fn words(&self, window: Window, interval: Span) -> String {
        let Self { interval: place, feature, value, usual } = self;
        let start = window.start() + interval.times(i64::from(*place));
        let minutes = start.nanos() % 60_000_000_000 == 0;
        let time = start.format(if minutes { "%H:%M" } else { "%H:%M:%S" });
        let feature = feature.replace('.', " ");
        let number = *value;
        let value = if number.is_finite() { significant(number) } else { "missing".to_owned() };
        let usual = usual.map(|(low, high)| {
            let within = if (low..=high).contains(&number) { "within its usual" } else { "usually" };
            format!(", {within} {} to {}", significant(low), significant(high))
        });
        format!("{feature} {value} at {time}{}", usual.unwrap_or_default())
    }
}

/// Writes a number with three significant digits, as people read it: `4.1`, `0.00213`, `1.5e9`.
pub fn significant(number: f64) -> String {
    // Rounded by way of the decimal form: a division by a power of ten would leave more digits.
    let rounded: f64 = format!("{number:.2e}").parse().unwrap_or(number);
    let size = rounded.abs();
    if size == 0.0 || (1e-4..1e7).contains(&size) || !size.is_finite() {
        format!("{rounded}")
    } else {
        format!("{rounded:e}")
    }
}

/// The rows of a scored window: one for each interval that one could be made for, in the order of time.
///
/// A scoring gives every row. The store keeps of most windows what cannot be computed again cheaply, and what is asked for
/// often: all labels, and the decision values of the worst rows.
#[derive(Clone, PartialEq, Debug)]
pub enum ScoredRows {
    /// Every row, with its decision value.
    All(Vec<Row>),
    /// The labels of all rows, and the decision values of some.
    Worst(WorstRows),
}

/// Which decision values of a scored window are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum VerdictRows {
    /// Those of the worst rows. The others can be computed again while the window and its model are kept.
    #[default]
    Worst,
    /// Those of all rows.
    All,
}

/// The labels of all rows of a scored window, and the worst rows.
#[derive(Clone, PartialEq, Debug)]
pub struct WorstRows {
    /// The intervals that have a row, by their places in the window.
    intervals: NumberSet,
    /// Those of them whose rows are anomalies.
    anomalies: NumberSet,
    /// The rows with the lowest decision values, the lowest first, and of equals the first.
    worst: Vec<Row>,
}

impl WorstRows {
    /// The rows of a window. `None` when they contradict each other: an anomaly or a worst row of an interval without a
    /// row, a label that is not that of the interval, or worst rows out of order.
    pub fn new(intervals: NumberSet, anomalies: NumberSet, worst: Vec<Row>) -> Option<Self> {
        let fits = |row: &Row| {
            let place = u32::from(row.interval);
            intervals.contains(place) && anomalies.contains(place) == (row.label == Label::Anomaly)
        };
        let in_order = worst.windows(2).all(|pair| Row::by_decision(&pair[0], &pair[1]).is_lt());
        let places_fit = intervals.last().is_none_or(|last| u16::try_from(last).is_ok());
        (places_fit && in_order && anomalies.is_subset_of(&intervals) && worst.iter().all(fits)).then_some(Self {
            intervals,
            anomalies,
            worst,
        })
    }

    /// The intervals that have a row, by their places in the window.
    pub fn intervals(&self) -> &NumberSet {
        &self.intervals
    }

    /// Those of them whose rows are anomalies.
    pub fn anomalies(&self) -> &NumberSet {
        &self.anomalies
    }

    /// The rows with the lowest decision values, the lowest first.
    pub fn worst(&self) -> &[Row] {
        &self.worst
    }
}

impl ScoredRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::All(rows) => rows.len(),
            Self::Worst(rows) => rows.intervals.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows are anomalies.
    pub fn anomalies(&self) -> usize {
        match self {
            Self::All(rows) => rows.iter().filter(|row| row.label == Label::Anomaly).count(),
            Self::Worst(rows) => rows.anomalies.len(),
        }
    }

    /// The row with the lowest decision value, the first of equals.
    pub fn worst(&self) -> Option<&Row> {
        match self {
            Self::All(rows) => rows.iter().min_by(|a, b| Row::by_decision(a, b)),
            Self::Worst(rows) => rows.worst.first(),
        }
    }

    /// Each row's interval and label, and its decision value if that is there.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Label, Option<f64>)> {
        let (all, labels) = match self {
            Self::All(rows) => (Some(rows.iter().map(|row| (row.interval, row.label, Some(row.decision)))), None),
            Self::Worst(rows) => {
                let each = rows.intervals.iter().map(|place| {
                    let label = if rows.anomalies.contains(place) { Label::Anomaly } else { Label::Normal };
                    let interval = u16::try_from(place).unwrap_or(u16::MAX);
                    let known = rows.worst.iter().find(|row| row.interval == interval);
                    (interval, label, known.map(|row| row.decision))
                });
                (None, Some(each))
            }
        };
        all.into_iter().flatten().chain(labels.into_iter().flatten())
    }

    /// The labels of all rows, and the decision values of at most so many of the worst.
    #[must_use]
    pub fn worst_only(&self, most: usize) -> WorstRows {
        let rows = match self {
            Self::All(rows) => rows,
            Self::Worst(rows) => return rows.clone(),
        };
        let places = |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| u32::from(row.interval)).collect();
        let intervals = places(&mut rows.iter());
        let anomalies = places(&mut rows.iter().filter(|row| row.label == Label::Anomaly));
        let mut worst = rows.clone();
        worst.sort_unstable_by(Row::by_decision);
        worst.truncate(most);
        WorstRows { intervals, anomalies, worst }
    }

    /// Whether these rows, every one of them, are those of which `kept` says what the store kept.
    pub fn bear_out(&self, kept: &Self) -> bool {
        match kept {
            Self::All(_) => self == kept,
            Self::Worst(kept) => {
                let own = self.worst_only(kept.worst.len());
                let bits = |rows: &WorstRows| rows.worst.iter().map(|row| row.decision.to_bits()).collect::<Vec<_>>();
                let same_worst = own.worst.iter().map(|row| row.interval).eq(kept.worst.iter().map(|row| row.interval));
                own.intervals == kept.intervals
                    && own.anomalies == kept.anomalies
                    && same_worst
                    && bits(&own) == bits(kept)
            }
        }
    }
}

impl From<Vec<Row>> for ScoredRows {
    fn from(rows: Vec<Row>) -> Self {
        Self::All(rows)
    }
}

impl FromIterator<Row> for ScoredRows {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        Self::All(rows.into_iter().collect())
    }
}

/// What a model says of one interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// The interval's place in its window, counted from zero.
    pub interval: u16,
    /// The detector's label, ties decided as scikit-learn decides them.
    pub label: Label,
    /// The decision value, as scikit-learn's `decision_function` gives it: negative means anomalous.
    pub decision: f64,
}

impl Row {
    /// The order of rows by their decision values, the lowest first, and of equals by their intervals.
    fn by_decision(a: &Self, b: &Self) -> Ordering {
        a.decision.total_cmp(&b.decision).then(a.interval.cmp(&b.interval))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interval::Cut;
    use crate::time::Timestamp;

    #[test]
    fn a_decision_below_zero_is_an_anomaly_and_a_tie_is_normal() {
        let labels = [-f64::MIN_POSITIVE, -0.0, 0.0, 1.0].map(Label::anomaly_below_zero);
        assert_eq!(labels, [Label::Anomaly, Label::Normal, Label::Normal, Label::Normal]);
    }

    #[test]
    fn a_number_for_people_has_three_significant_digits() {
        let cases =
            [(4.1, "4.1"), (0.002_129, "0.00213"), (-1234.5, "-1230"), (0.0, "0"), (1.5e9, "1.5e9"), (9.999, "10")];
        for (number, words) in cases {
            assert_eq!(significant(number), words);
        }
        assert_eq!([significant(-1e-300), significant(f64::NAN)], ["-1e-300", "NaN"]);
    }

    #[test]
    fn an_explanation_is_a_few_words_with_few_digits() {
        let explained = |seconds, value, usual| {
            let cut = Cut::new(Span::from_secs(seconds), Span::from_secs(3600)).unwrap();
            let window = cut.window_of(Timestamp::parse("2018-08-28 13:00").unwrap());
            let explanation = Explanation { interval: 42, feature: "mean".into(), value, usual };
            explanation.words(window, cut.interval())
        };
        let usual = Some((-0.000_213_999, 12.345_678));
        assert_eq!(explained(60, 123.456, usual), "mean 123 at 13:42, usually -0.000214 to 12.3");
        assert_eq!(explained(60, 12.0, usual), "mean 12 at 13:42, within its usual -0.000214 to 12.3");
        assert_eq!(explained(60, -2.5e9, None), "mean -2.5e9 at 13:42");
        assert_eq!(explained(5, f64::NAN, None), "mean missing at 13:03:30");
    }

    #[test]
    fn the_boundary_scores_one_half_and_twice_as_strange_scores_nearly_one() {
        assert_eq!(score(0.0, 1e-3), 0.5);
        assert!((score(-1e-3, 1e-3) - 0.982).abs() < 1e-3);
        assert!((score(1e-3, 1e-3) - 0.018).abs() < 1e-3);
        assert_eq!([score(f64::MAX, 1e-300), score(-f64::MAX, 1e-300)], [0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn a_score_lies_from_0_to_1_and_never_rises_with_the_decision(
            a in -1e12..1e12, b in -1e12..1e12, exponent in -12..12,
        ) {
            let unit = 10.0_f64.powi(exponent);
            for (a, b) in [(a, b), (a * 1e-12, b * 1e-12)] {
                let [low, high] = [score(f64::min(a, b), unit), score(f64::max(a, b), unit)];
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
                prop_assert!(low >= high, "{low} below {high}");
            }
        }
    }
}
