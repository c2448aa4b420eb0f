//! Which topic filters the broker still holds for our session, and which of them are no longer wanted.
//!
//! The session outlives the process: after a route is taken out of the configuration, the broker still holds its
//! subscription and goes on sending. So the filters are noted in the store, before the broker is asked for them and
//! until it has given them up.

use std::collections::BTreeSet;

/// The filters that are wanted, and those that are left over from an earlier configuration.
#[derive(Debug)]
pub(super) struct Subscriptions {
    wanted: BTreeSet<String>,
    left_over: BTreeSet<String>,
    noted: BTreeSet<String>,
}

impl Subscriptions {
    /// The subscriptions of a source that wants `wanted`, after one that `noted` its own.
    pub(super) fn new(wanted: &[String], noted: Vec<String>) -> Self {
        let wanted: BTreeSet<_> = wanted.iter().cloned().collect();
        let noted: BTreeSet<_> = noted.into_iter().collect();
        Self { left_over: &noted - &wanted, wanted, noted }
    }

    /// The filters that the broker has to give up.
    pub(super) fn left_over(&self) -> &BTreeSet<String> {
        &self.left_over
    }

    /// Notes that the broker has given up, or never had, the filters that were left over.
    pub(super) fn forget_left_over(&mut self) {
        self.left_over.clear();
    }

    /// The filters to note now; `None` when they are those that were noted last.
    pub(super) fn take_note(&mut self) -> Option<Vec<String>> {
        let held = &self.wanted | &self.left_over;
        (held != self.noted).then(|| {
            self.noted.clone_from(&held);
            held.into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(filters: &[&str]) -> Vec<String> {
        filters.iter().map(|filter| (*filter).to_owned()).collect()
    }

    #[test]
    fn a_filter_is_noted_until_the_broker_has_given_it_up() {
        let mut subscriptions = Subscriptions::new(&filters(&["b", "c"]), filters(&["a", "b"]));
        assert_eq!(subscriptions.take_note(), Some(filters(&["a", "b", "c"])));
        assert_eq!(subscriptions.take_note(), None);
        assert!(subscriptions.left_over().iter().eq(&filters(&["a"])));
        subscriptions.forget_left_over();
        assert_eq!(subscriptions.take_note(), Some(filters(&["b", "c"])));
        assert_eq!(Subscriptions::new(&filters(&["b", "c"]), filters(&["b", "c"])).take_note(), None);
    }
}
