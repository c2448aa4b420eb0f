//! A network as a short list of steps, each of which computes numbers from the numbers of one row.
//!
//! No step sees another row, so a row's answer cannot depend on its neighbours. The time and memory that a step takes
//! are known from its sizes before it is run.

use ndarray::{ArrayView2, Axis};

use super::interval::Interval;
use super::operation::{Operand, Operation};

/// About how many numbers are in memory at a time for all rows of a block: as many as stay in a near cache.
const BLOCK_NUMBERS: usize = 1 << 16;

/// The most rows of a block: enough that weights are read seldom.
const BLOCK_ROWS: usize = 64;

/// The most numbers in memory at once for one row: 8 MiB.
pub(super) const MAX_NUMBERS: usize = 1 << 20;

/// The most additions that a row may cost: as many as the weights of the largest file that is accepted by default cost.
/// A window of sixty such rows takes a second at most.
pub(super) const MAX_WORK: usize = 1 << 22;

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operation: Operation,
    /// How many numbers it makes for a row.
    pub(super) size: usize,
    range: Interval,
    /// The values that no later step reads, so that their memory can be freed.
    done_with: Vec<usize>,
}

/// Steps, each of which makes the numbers of one value.
#[derive(Clone, Debug)]
pub(in crate::model) struct Program {
    /// How many features a row has.
    pub(super) width: usize,
    pub(super) steps: Vec<Step>,
    /// How many numbers a row may need at once.
    peak: usize,
}

impl Program {
    /// A program without steps: its only value is the row, with `width` features.
    pub(in crate::model) fn new(width: usize) -> Self {
        Self { width, steps: Vec::new(), peak: width }
    }

    /// Adds a step that makes `size` numbers, and returns their operand. A value that is the same for all rows is
    /// computed at once.
    pub(in crate::model) fn push(&mut self, operation: Operation, size: usize) -> Operand {
        let operands = operation.operands();
        if operands.iter().all(|operand| operand.constant().is_some()) {
            return Operand::Constant(operation.run(&[], 1, size).into());
        }
        let ranges: Vec<_> = operands.iter().map(|operand| self.range(operand)).collect();
        let range = operation.range(&ranges);
        self.steps.push(Step { operation, size, range, done_with: Vec::new() });
        Operand::Value(self.steps.len())
    }

    /// The bounds of an operand over all possible rows.
    pub(in crate::model) fn range(&self, operand: &Operand) -> Interval {
        match operand {
            Operand::Constant(numbers) => Interval::around(numbers),
            Operand::Value(place) => self.made_by(*place).map_or(Interval::ALL, |step| step.range),
        }
    }

    fn made_by(&self, place: usize) -> Option<&Step> {
        self.steps.get(place.checked_sub(1)?)
    }

    /// Removes the steps that are not needed for a value, which becomes the last one; `None` when the value is the same
    /// for all rows.
    pub(in crate::model) fn ending_in(mut self, output: &Operand) -> Option<Self> {
        let Operand::Value(output) = *output else { return None };
        let mut needed = vec![false; self.steps.len() + 1];
        *needed.get_mut(output)? = true;
        for (place, step) in self.steps.iter().enumerate().rev() {
            if needed[place + 1] {
                for operand in step.operation.operands() {
                    if let Operand::Value(value) = operand {
                        needed[*value] = true;
                    }
                }
            }
        }
        let mut moved = vec![0; needed.len()];
        let mut kept: Vec<Step> = Vec::new();
        let mut last_use: Vec<usize> = vec![0];
        for (place, mut step) in self.steps.into_iter().enumerate() {
            if !needed[place + 1] {
                continue;
            }
            for operand in step.operation.operands_mut() {
                if let Operand::Value(value) = operand {
                    *value = moved[*value];
                    last_use[*value] = kept.len();
                }
            }
            kept.push(step);
            moved[place + 1] = kept.len();
            last_use.push(kept.len());
        }
        for (value, step) in last_use.into_iter().enumerate() {
            if let Some(step) = kept.get_mut(step) {
                step.done_with.push(value);
            }
        }
        self.peak = peak(self.width, &kept);
        self.steps = kept;
        Some(self)
    }

    /// The bounds of the output over all possible rows.
    pub(in crate::model) fn output_range(&self) -> Interval {
        self.steps.last().map_or(Interval::ALL, |step| step.range)
    }

    /// How many numbers come out for a row.
    pub(in crate::model) fn outputs(&self) -> usize {
        self.steps.last().map_or(self.width, |step| step.size)
    }

    /// How many numbers may be there at once for a row.
    pub(super) fn peak(&self) -> usize {
        self.peak
    }

    /// The cost of a row, in additions.
    pub(super) fn work(&self) -> usize {
        self.steps.iter().fold(0, |work, step| work.saturating_add(step.operation.work(step.size)))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.steps.iter().map(|step| size_of::<Step>() + step.operation.heap_bytes()).sum()
    }

    /// The output, row after row.
    pub(super) fn run(&self, rows: ArrayView2<'_, f64>) -> Vec<f64> {
        let together = (BLOCK_NUMBERS / self.peak.max(1)).clamp(1, BLOCK_ROWS);
        let mut outputs = Vec::with_capacity(rows.nrows() * self.outputs());
        for block in rows.axis_chunks_iter(Axis(0), together) {
            let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.steps.len() + 1);
            values.push(block.iter().copied().collect());
            for step in &self.steps {
                let made = step.operation.run(&values, block.nrows(), step.size);
                values.push(made);
                for value in &step.done_with {
                    values[*value] = Vec::new();
                }
            }
            outputs.extend(values.pop().unwrap_or_default());
        }
        outputs
    }
}

/// The most numbers of a row in memory at once, the inputs and outputs of a step counted together.
fn peak(width: usize, steps: &[Step]) -> usize {
    let mut sizes = vec![width];
    let (mut now, mut peak) = (width, width);
    for step in steps {
        sizes.push(step.size);
        now = now.saturating_add(step.size);
        peak = peak.max(now);
        now -= step.done_with.iter().map(|value| sizes[*value]).sum::<usize>();
    }
    peak
}
