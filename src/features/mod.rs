//! Features: what the columns of a model's rows are.
//!
//! A row stands for one interval. Its columns are what the readings of the model's own sensor come to in that interval
//! or in an earlier one, or those of other sensors of the same device, joined on the interval, or the hour of the day.
//! Which they are is said by the configuration, by the model's file, or by nobody: then it is the mean alone.
//!
//! `text` is how a feature is written, `assign` decides which features a model gets, `plan` holds them against the
//! model and the cut, once, and `rows` makes the rows of a window. All of it is pure.

mod assign;
mod plan;
mod rows;
mod text;

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

pub use assign::{AssignError, Assigner, FeatureSettings};
pub use plan::{Bounds, Plan, PlanError};
pub use rows::{Blocks, Rows};
pub use text::{ACCEPTED, ACCEPTED_MISSING, FeatureError, MissingError};

use crate::interval::{Cut, Interval};

/// One column of a model's rows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Feature {
    /// What the readings of a sensor come to in an interval.
    Sensor {
        /// The sensor of the same device; `None` is the model's own.
        sensor: Option<Arc<str>>,
        /// What they come to.
        aggregate: Aggregate,
        /// In which interval.
        when: When,
    },
    /// The hour of the day at the interval's start, in UTC: the angle of a hand that goes round once a day.
    Hour(Wave),
}

/// What the readings of an interval come to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Aggregate {
    /// Their arithmetic mean.
    Mean,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// Their population standard deviation (divisor n), zero for a single reading.
    Std,
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// How many they are.
    Count,
}

/// In which interval, seen from the one that the row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum When {
    /// In that one.
    Now,
    /// In an earlier one.
    Lag(Back),
    /// The value of that one less the value of an earlier one.
    Diff(Back),
}

/// The sine or the cosine of an angle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wave {
    /// 0 at midnight, 1 at six in the morning.
    Sine,
    /// 1 at midnight, -1 at noon.
    Cosine,
}

/// How many intervals back: from 1 to [`Back::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Back(NonZeroU16);

/// What becomes of a row for which a sensor has no value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MissingPolicy {
    /// It is left out.
    #[default]
    Skip,
    /// The sensor's value at most so many intervals earlier stands in for it; without one, the row is left out.
    Last(Back),
    /// NaN stands for it, which only a model with an imputer takes.
    Nan,
}

/// The columns of a model's rows, in their order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FeatureSet {
    columns: Vec<Feature>,
    missing: MissingPolicy,
}

/// A number of columns that no row can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} columns are named; 1 to {max} are accepted", max = FeatureSet::MAX_COLUMNS)]
pub struct ColumnCount(usize);

impl Feature {
    /// The mean of the model's own sensor: what a row holds when nobody says otherwise.
    pub const MEAN: Self = Self::Sensor { sensor: None, aggregate: Aggregate::Mean, when: When::Now };
}

impl Aggregate {
    /// The aggregate of an interval.
    pub fn of(self, interval: &Interval) -> f64 {
        match self {
            Self::Mean => interval.mean,
            Self::Min => interval.min,
            Self::Max => interval.max,
            Self::Std => interval.standard_deviation,
            Self::First => interval.first,
            Self::Last => interval.last,
            Self::Count => f64::from(interval.count),
        }
    }
}

impl When {
    /// How many intervals back a value is read, besides the row's own.
    fn back(self) -> Option<Back> {
        match self {
            Self::Now => None,
            Self::Lag(back) | Self::Diff(back) => Some(back),
        }
    }
}

impl Back {
    /// The furthest: as many intervals as the largest window has.
    pub const MAX: i64 = Cut::MAX_INTERVALS;

    /// So many intervals back, or `None` when that is none, or too far.
    pub fn new(intervals: u16) -> Option<Self> {
        NonZeroU16::new(intervals).map(Self).filter(|back| back.intervals() <= Self::MAX)
    }

    /// How many intervals.
    pub fn intervals(self) -> i64 {
        self.0.get().into()
    }
}

impl fmt::Display for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FeatureSet {
    /// The most columns that a row may have.
    pub const MAX_COLUMNS: usize = 1024;

    /// Rows of these columns.
    ///
    /// # Errors
    /// When there is none, or there are too many.
    pub fn new(columns: Vec<Feature>, missing: MissingPolicy) -> Result<Self, ColumnCount> {
        match columns.len() {
            1..=Self::MAX_COLUMNS => Ok(Self { columns, missing }),
            count => Err(ColumnCount(count)),
        }
    }

    /// The same columns, with something else becoming of rows without a value.
    pub fn with_missing(self, missing: MissingPolicy) -> Self {
        Self { missing, ..self }
    }

    /// The columns, in their order.
    pub fn columns(&self) -> &[Feature] {
        &self.columns
    }

    /// What becomes of a row for which a sensor has no value.
    pub fn missing(&self) -> MissingPolicy {
        self.missing
    }

    /// The columns as they are written.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(ToString::to_string).collect()
    }
}

impl Default for FeatureSet {
    /// The mean of the model's own sensor alone.
    fn default() -> Self {
        Self { columns: vec![Feature::MEAN], missing: MissingPolicy::default() }
    }
}

impl fmt::Display for FeatureSet {
    /// The columns one after the other, the first of them when there are many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        for (place, column) in self.columns.iter().take(SHOWN).enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{column}")?;
        }
        match self.columns.len().checked_sub(SHOWN) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}
