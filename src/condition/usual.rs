//! What is usual for a sensor: learnt from its first windows, and then fixed.
//!
//! A reference that went on learning would follow a slow drift and never notice it. So this is a control chart in two
//! phases (Shewhart, "Economic Control of Quality of Manufactured Product", 1931; Montgomery, "Introduction to
//! Statistical Quality Control", section 5.4.3): what is usual is learnt over some time, later windows are held against
//! it, and it is learnt anew only when what is unusual has lasted ([`relearn_after`](super::ConditionSettings)). That the
//! values usually vary is not learnt anew: one value for a long time is a sensor that has stuck for a long time.
//! Means and squared differences are updated as Welford does ("Note on a method for calculating corrected sums of squares
//! and products", 1962).

use super::pauses::Pauses;
use super::window_facts::{WindowFacts, WindowSummary, Witness};
use crate::time::{Span, Timestamp};

/// What is usual for a sensor.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usual {
    /// The start of the first window that was learnt from.
    pub since: Timestamp,
    /// The length of the windows that were learnt from.
    pub window: Span,
    /// The length of their intervals.
    pub interval: Span,
    /// How many windows were learnt from: those with readings.
    pub windows: u32,
    /// In how many of them the values differed.
    pub varied: u32,
    /// In how many intervals of a window there are readings, on average.
    pub intervals: f32,
    /// By how much the mean of the last of these windows was away from the level then.
    pub last_away: f32,
    /// The mean over a window, on average.
    pub level: f64,
    /// The sum of the squared differences of windows' means from that.
    pub squares: f64,
    /// The standard deviation within a window, on average.
    pub within: f64,
    /// How often the mean of a window was higher than that of the one before.
    pub rises: u16,
    /// How often it was lower.
    pub falls: u16,
    /// In how many windows in a row the values have differed, once it is known that they never do.
    pub varying: u16,
    /// The pauses between windows with readings.
    pub pauses: Pauses,
    /// Whether enough is learnt. From then on nothing changes.
    pub is_known: bool,
    /// Whether the values usually varied in what was learnt before.
    pub varied_before: bool,
}

/// So many windows are needed before anything is called usual.
const LEAST_WINDOWS: u32 = 8;
/// Readings usually vary when they did in this share of the windows.
const USUALLY: f64 = 0.9;
/// Means go one way when at most one step in so many goes the other.
const STEPS_BACK: u32 = 20;
/// A deviation that is a smaller share of the level comes from rounding.
const LEAST_SHARE: f64 = 1e-9;

impl Usual {
    /// Learns from a window, unless enough is known. Of a sensor that has varied before, a window with one value is none to
    /// learn from.
    pub(super) fn learn(&mut self, facts: &WindowFacts, summary: &WindowSummary, learn: Span) {
        let window = facts.window;
        if self.is_known || (self.varied_before && summary.varies() == Some(false)) {
            return;
        }
        if self.windows == 0 {
            if self.window != window.length() {
                self.pauses = Pauses::default();
            }
            self.since = window.start();
            (self.window, self.interval) = (window.length(), facts.interval);
        } else {
            let away = narrow(summary.mean - self.level);
            self.rises = self.rises.saturating_add(u16::from(away > self.last_away));
            self.falls = self.falls.saturating_add(u16::from(away < self.last_away));
        }
        self.windows = self.windows.saturating_add(1);
        let n = f64::from(self.windows);
        self.varied += u32::from(summary.varies() == Some(true));
        self.intervals += narrow((f64::from(summary.intervals) - f64::from(self.intervals)) / n);
        self.within += (summary.deviation - self.within) / n;
        let away = summary.mean - self.level;
        self.level += away / n;
        self.squares += away * (summary.mean - self.level);
        self.last_away = narrow(summary.mean - self.level);
        self.is_known = self.windows >= LEAST_WINDOWS && window.end().since(self.since) >= learn;
    }

    /// Whether it was learnt from windows that are cut like this one, if from any: others hold other numbers of intervals.
    pub(super) fn is_of(&self, facts: &WindowFacts) -> bool {
        self.windows == 0 || (self.window, self.interval) == (facts.window.length(), facts.interval)
    }

    /// Takes in a window for the pauses that are usual, until enough is known. Beyond `most` no pause is counted.
    pub(super) fn note_pause(&mut self, facts: &WindowFacts, most: Span) {
        if self.is_known || self.window == Span::ZERO {
            return;
        }
        match (&facts.summary, facts.witness) {
            (Some(_), _) => self.pauses.end(),
            (None, Witness::Whole) => {
                let most = most.nanos() / self.window.nanos().max(1);
                self.pauses.go_on(u16::try_from(most).unwrap_or(u16::MAX));
            }
            (None, Witness::InPart) => {}
        }
    }

    /// Takes in a window of a sensor whose values never differed while it was learnt. Returns whether they have differed in
    /// every window for as long as it is learnt: then what was learnt is not usual any more.
    pub(super) fn begins_to_vary(&mut self, summary: &WindowSummary, learn: Span) -> bool {
        if !self.is_known || self.varies() || self.varied > 0 {
            return false;
        }
        match summary.varies() {
            Some(true) => self.varying = self.varying.saturating_add(1),
            Some(false) => self.varying = 0,
            None => {}
        }
        let is_long = self.window.times(self.varying.into()) >= learn || self.varying == u16::MAX;
        is_long && u32::from(self.varying) >= LEAST_WINDOWS
    }

    /// What is left when all else is learnt anew: whether the values usually vary, and the pauses.
    pub(super) fn begun_anew(&self) -> Self {
        let Self { pauses, window, .. } = *self;
        // The pauses are counted in windows of this length.
        Self { varied_before: self.varies(), pauses, window, ..Self::default() }
    }

    /// Whether the values of a window usually differ.
    pub(super) fn varies(&self) -> bool {
        self.varied_before || (self.is_known && f64::from(self.varied) >= USUALLY * f64::from(self.windows))
    }

    /// Whether it is known whether the values of a window usually differ.
    pub(super) fn tells_whether_it_varies(&self) -> bool {
        self.is_known || self.varied_before
    }

    /// The longest pause that is usual.
    pub(super) fn usual_pause(&self) -> Span {
        self.pauses.usual(self.window)
    }

    /// Whether the means of windows went one way, as those of a counter do. Such a sensor has no usual level.
    fn is_counter(&self) -> bool {
        let (rises, falls) = (u32::from(self.rises), u32::from(self.falls));
        rises + falls >= LEAST_WINDOWS - 1 && rises.min(falls) * STEPS_BACK <= rises.max(falls)
    }

    /// How far the means of windows usually are from the usual level; `None` when they never differed, or when there is no
    /// usual level.
    pub(super) fn deviation(&self) -> Option<f64> {
        let n = f64::from(self.windows.max(2));
        let between = (self.squares.max(0.0) / (n - 1.0)).sqrt();
        // Few windows may agree by chance. What varies within windows varies between them in the long run.
        let deviation = between.max(WITHIN_SHARE * self.within);
        let is_real = deviation > LEAST_SHARE * self.level.abs() && deviation.is_finite();
        (is_real && !self.is_counter()).then_some(deviation)
    }
}

/// Half the memory, where seven digits are enough.
#[expect(clippy::cast_possible_truncation, reason = "the digits that are cut off do not matter")]
fn narrow(number: f64) -> f32 {
    number as f32
}

/// The least deviation of windows' means, as a share of the deviation within windows.
const WITHIN_SHARE: f64 = 0.5;
