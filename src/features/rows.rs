//! From stored windows to the rows of a model.

use ndarray::Array2;

use super::plan::Cell;
use super::{MissingPolicy, Plan, Wave, When};
use crate::codec::Corrupt;
use crate::interval::{Cut, Interval, IntervalFolder, Window};
use crate::time::{Span, Timestamp};
use crate::window::WindowBlock;

/// The stored windows that the rows of one window are made from. They are windows of the base cut, and the scored window
/// is put together from them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocks {
    /// The stored windows of each source of the plan, the earliest first.
    of_sources: Vec<Vec<WindowBlock>>,
}

/// The lengths that matter when rows are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowCut {
    /// The length of the interval that a row stands for.
    pub interval: Span,
    /// How the store cuts time: its intervals are folded into those of the rows.
    pub base: Cut,
}

impl RowCut {
    /// From when on the rows of a window need what a plan reads.
    fn begin(self, plan: &Plan, window: Window) -> Timestamp {
        window.start() - self.interval.times(plan.reach())
    }
}

/// The rows of a window.
#[derive(Clone, PartialEq, Debug)]
pub struct Rows {
    /// A row for each of `starts`, a column for each feature. A value is NaN only if the features allow it.
    pub values: Array2<f64>,
    /// The starts of the intervals that the rows stand for, in the order of time.
    pub starts: Vec<Timestamp>,
    /// How many intervals have readings of the sensors for which rows are made, whether or not a row could be made.
    pub intervals: usize,
}

impl Blocks {
    /// Reads the stored windows that a plan needs for a window. `read` returns a sensor's stored window, or `None` when it
    /// held no readings or is no longer kept; it is called with `None` for the model's own sensor.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn read<E>(
        plan: &Plan,
        window: Window,
        cut: RowCut,
        mut read: impl FnMut(Option<&str>, Window) -> Result<Option<WindowBlock>, E>,
    ) -> Result<Self, E> {
        let first = cut.base.window_of(cut.begin(plan, window));
        let mut of_source = |source| {
            let stored = std::iter::successors(Some(first), |stored| Some(stored.next()));
            let stored = stored.take_while(|stored| stored.start() < window.end());
            stored.filter_map(|stored| read(source, stored).transpose()).collect::<Result<Vec<_>, E>>()
        };
        Ok(Self { of_sources: plan.sources().map(&mut of_source).collect::<Result<_, E>>()? })
    }
}

impl Plan {
    /// Makes the rows of a window. They depend only on the blocks, which must come from [`Blocks::read`] for the same
    /// plan and window.
    ///
    /// # Errors
    /// When a block is damaged.
    pub fn rows(&self, window: Window, blocks: &Blocks, cut: RowCut) -> Result<Rows, Corrupt> {
        let begin = cut.begin(self, window);
        let sources: Vec<Vec<Interval>> = blocks
            .of_sources
            .iter()
            .map(|blocks| folded(blocks, cut, begin, window.end()))
            .collect::<Result<_, Corrupt>>()?;
        let base: Vec<&[Interval]> = sources
            .iter()
            .take(self.base)
            .map(|intervals| &intervals[intervals.partition_point(|interval| interval.start < window.start())..])
            .collect();
        let mut rows =
            RowMaker { plan: self, sources: &sources, interval: cut.interval, values: Vec::new(), starts: Vec::new() };
        let intervals = match base[..] {
            [own] => {
                rows.values.reserve_exact(own.len() * self.cells.len());
                rows.starts.reserve_exact(own.len());
                own.iter().for_each(|interval| rows.push(interval.start, Some(interval)));
                own.len()
            }
            _ => {
                let mut starts: Vec<_> = base.into_iter().flatten().map(|interval| interval.start).collect();
                starts.sort_unstable();
                starts.dedup();
                starts.iter().for_each(|start| rows.push(*start, None));
                starts.len()
            }
        };
        let RowMaker { values, starts, .. } = rows;
        // A row has as many values as there are cells.
        let values = Array2::from_shape_vec((starts.len(), self.cells.len()), values).unwrap_or_default();
        Ok(Rows { values, starts, intervals })
    }
}

/// The intervals of rows from `begin` on and before `end`, of the stored intervals of consecutive windows.
fn folded(blocks: &[WindowBlock], cut: RowCut, begin: Timestamp, end: Timestamp) -> Result<Vec<Interval>, Corrupt> {
    let is_wanted = |interval: &Interval| begin <= interval.start && interval.start < end;
    if cut.interval == cut.base.interval() {
        let mut intervals = Vec::new();
        for block in blocks {
            let more = block.intervals(cut.base)?;
            if intervals.is_empty() { intervals = more } else { intervals.extend(more) }
        }
        intervals.retain(is_wanted);
        return Ok(intervals);
    }
    let mut folder = IntervalFolder::new(cut.interval);
    for block in blocks {
        block.intervals(cut.base)?.iter().filter(|interval| is_wanted(interval)).for_each(|base| folder.push(base));
    }
    Ok(folder.finish())
}

/// Rows, made one by one.
struct RowMaker<'a> {
    plan: &'a Plan,
    sources: &'a [Vec<Interval>],
    interval: Span,
    values: Vec<f64>,
    starts: Vec<Timestamp>,
}

impl RowMaker<'_> {
    /// Makes the row of the interval that begins at `start`, unless a value is missing. `first` is that interval of the
    /// first source, if it is known.
    fn push(&mut self, start: Timestamp, first: Option<&Interval>) {
        let before = self.values.len();
        for cell in &self.plan.cells {
            match (self.value(*cell, start, first), self.plan.features().missing()) {
                (Some(value), _) => self.values.push(value),
                (None, MissingPolicy::Nan) => self.values.push(f64::NAN),
                (None, MissingPolicy::Skip | MissingPolicy::Last(_)) => return self.values.truncate(before),
            }
        }
        self.starts.push(start);
    }

    fn value(&self, cell: Cell, start: Timestamp, first: Option<&Interval>) -> Option<f64> {
        let (source, aggregate, when) = match cell {
            Cell::Hour(wave) => return Some(hour(start, wave)),
            Cell::Value { source, aggregate, when } => (source, aggregate, when),
        };
        let now = || first.filter(|_| source == 0).or_else(|| self.find(source, start));
        let earlier = |back: super::Back| self.find(source, start - self.interval.times(back.intervals()));
        match when {
            When::Now => Some(aggregate.of(now()?)),
            When::Lag(back) => Some(aggregate.of(earlier(back)?)),
            When::Diff(back) => Some(aggregate.of(now()?) - aggregate.of(earlier(back)?)),
        }
    }

    /// A source's interval that begins at `start`, or an earlier one that replaces it.
    fn find(&self, source: usize, start: Timestamp) -> Option<&Interval> {
        let intervals = self.sources.get(source)?;
        let at_or_before = intervals.partition_point(|interval| interval.start <= start).checked_sub(1)?;
        let earliest = match self.plan.features().missing() {
            MissingPolicy::Last(back) => start - self.interval.times(back.intervals()),
            MissingPolicy::Skip | MissingPolicy::Nan => start,
        };
        intervals.get(at_or_before).filter(|interval| interval.start >= earliest)
    }
}

/// The sine or cosine of the hour of the day, in UTC, as an angle.
fn hour(time: Timestamp, wave: Wave) -> f64 {
    use chrono::Timelike;
    let utc = time.utc();
    let seconds = f64::from(utc.num_seconds_from_midnight()) + f64::from(utc.nanosecond()) * 1e-9;
    let angle = std::f64::consts::TAU * seconds / 86_400.0;
    match wave {
        Wave::Sine => angle.sin(),
        Wave::Cosine => angle.cos(),
    }
}

#[cfg(test)]
mod tests;
