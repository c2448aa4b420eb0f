//! What reading a file may still cost.

use std::cell::Cell;
use std::mem::size_of;

use crate::model::Limits;
use crate::model::limits::Exceeded;
use crate::model::operations::Operations;

/// How often a reader may look at a value of a graph, for each instruction that a file may hold. An honest reader looks
/// a handful of times; one that follows a value shared a thousand times would look for ever.
const LOOKS: usize = 4;

/// What an allocation takes beside its content, about.
const ALLOCATION: usize = 24;

/// The fewest items that a vector has room for.
const SMALLEST: usize = 4;

/// What is left of the limits while a file is read, and while its values are taken out.
///
/// Memory is never given back: what is charged is the most that it may come to.
#[derive(Debug)]
pub(in crate::model::formats) struct Budget {
    limits: Limits,
    operations: Operations,
    memory: Cell<usize>,
    looks: Cell<usize>,
    exceeded: Cell<Option<Exceeded>>,
}

impl Budget {
    pub(in crate::model::formats) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            operations: Operations::new(limits),
            memory: Cell::new(limits.memory_bytes),
            looks: Cell::new(limits.instructions.saturating_mul(LOOKS)),
            exceeded: Cell::new(None),
        }
    }

    pub(in crate::model::formats) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What may be done.
    pub(in crate::model::formats) fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Takes `bytes` from the memory that is left.
    pub(in crate::model::formats) fn charge(&self, bytes: usize) -> Result<(), Exceeded> {
        let left = self.memory.get().checked_sub(bytes).ok_or_else(|| self.stop(self.limits.memory_exceeded()))?;
        self.memory.set(left);
        Ok(())
    }

    /// Takes the memory of `count` items of an allocation of their own.
    pub(in crate::model::formats) fn charge_items<T>(&self, count: usize) -> Result<(), Exceeded> {
        self.charge(count.saturating_mul(size_of::<T>()).saturating_add(ALLOCATION))
    }

    /// Makes room for more items in a vector, and takes the memory of the room, not only of the items.
    pub(in crate::model::formats) fn grow<T>(&self, items: &mut Vec<T>, more: usize) -> Result<(), Exceeded> {
        let (length, capacity) = (items.len(), items.capacity());
        let needed = length.saturating_add(more);
        if needed > capacity {
            let capacity_then = needed.max(capacity.saturating_mul(2)).max(SMALLEST);
            self.charge_items::<T>(capacity_then - capacity)?;
            items.reserve_exact(capacity_then - length);
        }
        Ok(())
    }

    /// Adds an item to a vector, and takes its memory.
    pub(in crate::model::formats) fn push<T>(&self, items: &mut Vec<T>, item: T) -> Result<(), Exceeded> {
        self.grow(items, 1)?;
        items.push(item);
        Ok(())
    }

    /// Takes `count` looks at values.
    pub(super) fn look(&self, count: usize) -> Result<(), Exceeded> {
        let left = self.looks.get().checked_sub(count).ok_or_else(|| {
            let what = "instructions' worth of values that hold each other";
            self.stop(Exceeded { what, ..self.limits.instructions_exceeded() })
        })?;
        self.looks.set(left);
        Ok(())
    }

    /// The bound that was reached, if one was.
    pub(in crate::model::formats) fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded.get()
    }

    fn stop(&self, exceeded: Exceeded) -> Exceeded {
        self.exceeded.set(Some(exceeded));
        exceeded
    }
}
