//! What is usual for a sensor: learnt from its first windows, and then fixed.
//!
//! A reference that went on learning would follow a slow drift and never notice it. So this is a control chart in two
//! phases (Shewhart, "Economic Control of Quality of Manufactured Product", 1931; Montgomery, "Introduction to
//! Statistical Quality Control", section 5.4.3): what is usual is learnt over some time, later windows are held against
//! it, and it is learnt anew only when what is unusual has lasted ([`relearn_after`](super::ConditionSettings)).
//! Means and squared differences are updated as Welford does ("Note on a method for calculating corrected sums of squares
//! and products", 1962).

use super::window_facts::{WindowFacts, WindowSummary};
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
    pub intervals: f64,
    /// The mean over a window, on average.
    pub level: f64,
    /// The sum of the squared differences of windows' means from that.
    pub squares: f64,
    /// The standard deviation within a window, on average.
    pub within: f64,
    /// The longest time without readings between two windows with readings.
    pub longest_pause: Span,
    /// Whether enough is learnt. From then on nothing changes.
    pub is_known: bool,
}

/// So many windows are needed before anything is called usual.
const LEAST_WINDOWS: u32 = 8;
/// Readings usually vary when they did in this share of the windows.
const USUALLY: f64 = 0.9;

impl Usual {
    /// Learns from a window, unless enough is known. `pause` is the time without readings before it.
    pub(super) fn learn(&mut self, facts: &WindowFacts, summary: &WindowSummary, pause: Span, learn: Span) {
        let window = facts.window;
        if self.is_known {
            return;
        }
        if self.windows == 0 {
            self.since = window.start();
            (self.window, self.interval) = (window.length(), facts.interval);
        } else {
            self.longest_pause = self.longest_pause.max(pause);
        }
        self.windows = self.windows.saturating_add(1);
        let n = f64::from(self.windows);
        self.varied += u32::from(summary.varies() == Some(true));
        self.intervals += (f64::from(summary.intervals) - self.intervals) / n;
        self.within += (summary.deviation - self.within) / n;
        let away = summary.mean - self.level;
        self.level += away / n;
        self.squares += away * (summary.mean - self.level);
        self.is_known = self.windows >= LEAST_WINDOWS && window.end().since(self.since) >= learn;
    }

    /// Whether it was learnt from windows that are cut like this one, if from any: others hold other numbers of intervals.
    pub(super) fn is_of(&self, facts: &WindowFacts) -> bool {
        self.windows == 0 || (self.window, self.interval) == (facts.window.length(), facts.interval)
    }

    /// Whether the values of a window usually differ.
    pub(super) fn varies(&self) -> bool {
        f64::from(self.varied) >= USUALLY * f64::from(self.windows)
    }

    /// How far the means of windows usually are from the usual level; `None` when the values never differed.
    pub(super) fn deviation(&self) -> Option<f64> {
        let n = f64::from(self.windows.max(2));
        let between = (self.squares.max(0.0) / (n - 1.0)).sqrt();
        // Few windows may agree by chance. What varies within windows varies between them in the long run.
        let deviation = between.max(WITHIN_SHARE * self.within);
        (deviation > 0.0 && deviation.is_finite()).then_some(deviation)
    }
}

/// The least deviation of windows' means, as a share of the deviation within windows.
const WITHIN_SHARE: f64 = 0.5;
