//! Features: what the columns of a model's rows are.
//!
//! A row stands for one interval. A column is an aggregate of readings in that interval or an earlier one, of the
//! model's own sensor or of another sensor of the same device, joined on the interval; or it is the hour of the day.
//! The configuration names the columns, or else the model's file; without either, the mean is the only column.
//!
//! `text` reads and writes features, `assign` decides which features a model gets, `plan` checks them against the model
//! and the cut, once, and `rows` makes the rows of a window. All of it is pure.

mod assign;
mod plan;
mod rows;
mod text;

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

pub use assign::{AssignError, Assigner, FeatureSettings};
pub use plan::{Bounds, Plan, PlanError};
pub use rows::{Blocks, RowCut, Rows};
pub use text::{ACCEPTED, ACCEPTED_MISSING, FeatureError, MissingError};

use crate::interval::{Cut, Interval};

/// One column of a model's rows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Feature {
    /// An aggregate of a sensor's readings in an interval.
    Sensor {
        /// The sensor of the same device; `None` is the model's own.
        sensor: Option<Arc<str>>,
        /// The aggregate.
        aggregate: Aggregate,
        /// In which interval.
        when: When,
    },
    /// The hour of the day at the interval's start, in UTC: the angle of a hand that goes round once a day.
    Hour(Wave),
}

/// An aggregate of the readings of an interval.
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
    /// The number of readings.
    Count,
}

/// Which interval a value is of, seen from the interval that the row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum When {
    /// The row's own interval.
    Now,
    /// An earlier interval.
    Lag(Back),
    /// The value of the row's own interval less that of an earlier one.
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

/// How to make a row for which a sensor has no value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MissingPolicy {
    /// It is left out.
    #[default]
    Skip,
    /// With the sensor's value of at most so many intervals earlier; without such a value, the row is left out.
    Last(Back),
    /// With NaN, which only a model with an imputer takes.
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
    /// The mean of the model's own sensor: the only column when none are named.
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

    /// So many intervals back; `None` for zero or too many.
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
    /// When there are no columns, or too many.
    pub fn new(columns: Vec<Feature>, missing: MissingPolicy) -> Result<Self, ColumnCount> {
        match columns.len() {
            1..=Self::MAX_COLUMNS => Ok(Self { columns, missing }),
            count => Err(ColumnCount(count)),
        }
    }

    /// The same columns with another policy for missing values.
    pub fn with_missing(self, missing: MissingPolicy) -> Self {
        Self { missing, ..self }
    }

    /// The columns, in their order.
    pub fn columns(&self) -> &[Feature] {
        &self.columns
    }

    /// The policy for missing values.
    pub fn missing(&self) -> MissingPolicy {
        self.missing
    }

    /// The columns, each as it is written.
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
    /// The columns one after the other; only the first of them when there are many.
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
