//! The plan of a model's rows: which windows of which sensors are read, and how the columns are computed from them.

use std::sync::Arc;

use super::{Aggregate, Feature, FeatureSet, MissingPolicy, Wave, When};
use crate::interval::Cut;

/// The limits within which rows can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The lengths of intervals and windows.
    pub cut: Cut,
    /// How many windows before the scored one the store is sure to have.
    pub windows_back: u32,
}

/// How the rows of a sensor's model are made. A plan is checked: its rows can be made within its bounds.
///
/// A row is made for each interval in which the model's own sensor has readings. When all columns are of other sensors,
/// it is made for each interval in which any of those has readings.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    features: Arc<FeatureSet>,
    /// The sensors that are read; the own sensor comes first, as `None`.
    pub(super) sources: Vec<Option<Arc<str>>>,
    /// Rows are made for the intervals of this many sources, from the first on.
    pub(super) base: usize,
    /// What is computed for each column.
    pub(super) cells: Vec<Cell>,
    /// How many intervals before a row's own are read for it at most.
    reach: i64,
    windows_back: u32,
}

/// What is computed for a column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Cell {
    Value { source: usize, aggregate: Aggregate, when: When },
    Hour(Wave),
}

/// Why rows cannot be made as described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// They reach too far back.
    #[error(
        "the columns look {reach} intervals back, into {windows} earlier windows, and {kept} are sure to be there; look \
         back less far, or raise store.keep_intervals"
    )]
    Reach {
        /// How many intervals back.
        reach: i64,
        /// How many windows it needs.
        windows: u32,
        /// How many are sure to be there.
        kept: u32,
    },
    /// They take too much memory.
    #[error(
        "{columns} columns of {sensors} sensors, with {windows} earlier windows each, take {bytes} bytes for a window of \
         {intervals} intervals; at most {max} are accepted", max = Plan::MAX_BYTES
    )]
    Size {
        /// How many columns.
        columns: usize,
        /// Of how many sensors.
        sensors: usize,
        /// With how many earlier windows.
        windows: u32,
        /// How many intervals a window has.
        intervals: i64,
        /// How many bytes it needs.
        bytes: i64,
    },
}

impl Plan {
    /// About the most bytes of memory that the rows of one window, with their inputs, may take.
    pub const MAX_BYTES: i64 = 64 << 20;

    /// Plans the rows of a model whose sensor is called `own` on its device.
    ///
    /// # Errors
    /// When the columns reach back further than windows are kept, or take too much memory.
    pub fn new(features: Arc<FeatureSet>, own: &str, bounds: Bounds) -> Result<Self, PlanError> {
        let mut sources: Vec<Option<Arc<str>>> = Vec::new();
        for feature in features.columns() {
            let Feature::Sensor { sensor, .. } = feature else { continue };
            let source = sensor.clone().filter(|sensor| **sensor != *own);
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        // Sorting puts `None`, the own sensor, before all names. When the own sensor is not among the sources, the
        // intervals of the other sensors decide which rows there are.
        sources.sort();
        if sources.is_empty() {
            sources.push(None);
        }
        let base = if sources[0].is_none() { 1 } else { sources.len() };
        let cell = |feature: &Feature| match feature {
            Feature::Hour(wave) => Cell::Hour(*wave),
            Feature::Sensor { sensor, aggregate, when } => {
                let name = sensor.as_deref().filter(|sensor| *sensor != own);
                let source = sources.iter().position(|source| source.as_deref() == name);
                Cell::Value { source: source.unwrap_or_default(), aggregate: *aggregate, when: *when }
            }
        };
        let cells = features.columns().iter().map(cell).collect();
        let reach = reach(&features);
        let windows_back = windows_back(reach, bounds)?;
        check_size(features.columns().len(), sources.len(), windows_back, bounds.cut)?;
        Ok(Self { features, sources, base, cells, reach, windows_back })
    }

    /// The columns.
    pub fn features(&self) -> &Arc<FeatureSet> {
        &self.features
    }

    /// The sensors that are read; `None` is the model's own.
    pub fn sources(&self) -> impl Iterator<Item = Option<&str>> {
        self.sources.iter().map(Option::as_deref)
    }

    /// The sensors for whose intervals rows are made; `None` is the model's own.
    pub fn base(&self) -> impl Iterator<Item = Option<&str>> {
        self.sources().take(self.base)
    }

    /// How many intervals before a window are read for its rows.
    pub fn reach(&self) -> i64 {
        self.reach
    }

    /// How many windows before the scored one that reaches into, when windows follow each other.
    pub fn windows_back(&self) -> u32 {
        self.windows_back
    }
}

/// How many intervals before a row's own are read for it at most.
fn reach(features: &FeatureSet) -> i64 {
    let furthest = features.columns().iter().filter_map(|feature| match feature {
        Feature::Sensor { when, .. } => when.back(),
        Feature::Hour(_) => None,
    });
    let lasts = match features.missing() {
        MissingPolicy::Last(back) => back.intervals(),
        MissingPolicy::Skip | MissingPolicy::Nan => 0,
    };
    furthest.max().map_or(0, super::Back::intervals) + lasts
}

/// How many windows before the scored one so many intervals before it reach into.
fn windows_back(reach: i64, bounds: Bounds) -> Result<u32, PlanError> {
    let (whole, rest) = (reach / bounds.cut.intervals_per_window(), reach % bounds.cut.intervals_per_window());
    let windows = u32::try_from(whole + i64::from(rest > 0)).unwrap_or(u32::MAX);
    if windows > bounds.windows_back {
        return Err(PlanError::Reach { reach, windows, kept: bounds.windows_back });
    }
    Ok(windows)
}

fn check_size(columns: usize, sensors: usize, windows: u32, cut: Cut) -> Result<(), PlanError> {
    let intervals = cut.intervals_per_window();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let [of_number, of_interval] = [size_of::<f64>(), size_of::<crate::interval::Interval>()].map(number);
    let read = number(sensors).saturating_mul(of_interval).saturating_mul(1 + i64::from(windows));
    let bytes = number(columns).saturating_mul(of_number).saturating_add(read).saturating_mul(intervals);
    if bytes > Plan::MAX_BYTES {
        return Err(PlanError::Size { columns, sensors, windows, intervals, bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn bounds(intervals: u32, windows_back: u32) -> Bounds {
        let cut = Cut::new(Span::from_secs(1), Span::from_secs(intervals)).unwrap();
        Bounds { cut, windows_back }
    }

    fn plan(columns: &[&str], missing: &str, bounds: Bounds) -> Result<Plan, PlanError> {
        let features = FeatureSet::parse(columns, MissingPolicy::parse(missing).unwrap()).unwrap();
        Plan::new(features.into(), "vibration", bounds)
    }

    #[test]
    fn rows_follow_the_own_sensor_unless_all_columns_are_of_others() {
        let read = |columns: &[&str]| {
            let plan = plan(columns, "skip", bounds(60, 2)).unwrap();
            let names = |sources: &mut dyn Iterator<Item = Option<&str>>| {
                sources.map(|name| name.unwrap_or("own").to_owned()).collect::<Vec<_>>().join(" ")
            };
            (names(&mut plan.sources()), names(&mut plan.base()))
        };
        for (columns, sources, base) in [
            (&["mean", "std"][..], "own", "own"),
            (&["b.mean", "a.mean", "mean", "b.std"], "own a b", "own"),
            (&["b.mean", "vibration.std"], "own b", "own"),
            (&["b.mean", "a.mean"], "a b", "a b"),
            (&["hour sin", "hour cos"], "own", "own"),
            (&["hour sin", "a.mean"], "a", "a"),
        ] {
            assert_eq!(read(columns), (sources.to_owned(), base.to_owned()), "{columns:?}");
        }
    }

    #[test]
    fn as_many_windows_are_read_as_the_columns_reach_back() {
        for (columns, missing, windows) in [
            (&["mean"][..], "skip", 0),
            (&["mean lag 1"], "skip", 1),
            (&["mean lag 60", "mean diff 2"], "skip", 1),
            (&["mean", "a.mean diff 61"], "nan", 2),
            (&["mean", "a.mean"], "last 5", 1),
            (&["mean lag 60"], "last 1", 2),
            (&["hour sin"], "skip", 0),
        ] {
            assert_eq!(plan(columns, missing, bounds(60, 2)).unwrap().windows_back(), windows, "{columns:?}");
        }
        let error = plan(&["mean lag 121"], "skip", bounds(60, 2)).unwrap_err().to_string();
        assert!(error.contains("look 121 intervals back, into 3 earlier windows, and 2 are sure"), "{error}");
    }

    #[test]
    fn rows_that_would_take_too_much_memory_are_refused() {
        assert!(plan(&["mean"; 1024], "skip", bounds(3_600, 2)).is_ok());
        let error = plan(&["mean"; 1024], "skip", bounds(32_768, 2)).unwrap_err().to_string();
        assert!(error.contains("1024 columns of 1 sensors") && error.contains("at most 67108864"), "{error}");
        let names: Vec<String> = (0..1000).map(|sensor| format!("s{sensor}.mean")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(plan(&names, "skip", bounds(60, 2)).is_ok());
        assert!(matches!(plan(&names, "skip", bounds(32_768, 2)), Err(PlanError::Size { sensors: 1000, .. })));
    }
}
