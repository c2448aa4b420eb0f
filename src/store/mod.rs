//! The durable store.

/// Proof that something is on the disk. Only a commit makes one, and only one lets a source acknowledge.
#[derive(Debug, Clone, Copy)]
pub struct Committed(());

#[cfg(test)]
impl Committed {
    /// For the tests of what waits for a commit.
    pub(crate) fn for_test() -> Self {
        Self(())
    }
}
