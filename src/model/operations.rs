//! Operations: work is counted before it is done, so that no file costs more than is allowed, whatever it holds.
//!
//! An operation is what a core of a desktop does in about a nanosecond, and that of a Raspberry Pi in two to four: one
//! addition that waits for the one before it, or a few that do not. Slower work counts as several operations.

use std::cell::Cell;

use super::Limits;
use super::limits::Exceeded;

/// The operations that are left of [`Limits::operations`].
///
/// One pass through a file's bytes is bounded by the file's size, and is not counted. Work that a few bytes can ask for
/// repeatedly is counted.
#[derive(Debug)]
pub(in crate::model) struct Operations {
    limits: Limits,
    left: Cell<usize>,
}

impl Operations {
    /// As many operations as `limits` allow.
    pub(in crate::model) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, left: Cell::new(limits.operations) }
    }

    /// Takes `count` operations for work that is about to be done.
    pub(in crate::model) fn spend(&self, count: usize) -> Result<(), Exceeded> {
        let left = self.left.get().checked_sub(count).ok_or_else(|| self.limits.operations_exceeded())?;
        self.left.set(left);
        Ok(())
    }

    /// How many were taken.
    #[cfg(test)]
    pub(in crate::model) fn spent(&self) -> usize {
        self.limits.operations - self.left.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_left_is_refused_by_the_setting_and_not_taken() {
        let operations = Operations::new(&Limits { operations: 10, ..Limits::default() });
        assert_eq!((operations.spend(7), operations.spent()), (Ok(()), 7));
        let error = operations.spend(4).unwrap_err();
        assert_eq!((error.setting, error.max), ("max_operations", 10));
        assert_eq!((operations.spend(3), operations.spent()), (Ok(()), 10));
    }
}
