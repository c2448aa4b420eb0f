//! Connections that failed: pure. Those of one address, kind and client are one entry. Both all entries and those of one
//! address are bounded; the oldest give way, those of the same address first, so that one client that fails under ever
//! other ids hides no other.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::answers::FailedConnections;
use crate::telemetry::metrics;
use crate::time::Timestamp;

/// The failures that are remembered.
#[derive(Debug, Default)]
pub(super) struct FailureLog {
    entries: HashMap<FailureKey, FailureEntry>,
    failures: u64,
}

/// Failures that are counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct FailureKey {
    pub(super) address: IpAddr,
    pub(super) kind: &'static str,
    /// The client's id; empty when none was told.
    pub(super) client: Box<str>,
}

#[derive(Debug)]
struct FailureEntry {
    /// That of the last of them.
    reason: String,
    last: Timestamp,
    count: u64,
    /// Which of all failures the last of them was.
    number: u64,
}

impl FailureLog {
    /// The most entries.
    const MAX_ENTRIES: usize = 512;
    /// The most entries of one address.
    const MAX_OF_ADDRESS: usize = 16;

    pub(super) fn add(&mut self, key: FailureKey, reason: String, now: Timestamp) {
        self.failures += 1;
        let number = self.failures;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.count += 1;
            (entry.reason, entry.last, entry.number) = (reason, now, number);
            return;
        }
        let of_address = |other: &&FailureKey| other.address == key.address;
        if self.entries.keys().filter(of_address).count() >= Self::MAX_OF_ADDRESS {
            self.forget_oldest(|other| other.address == key.address);
        } else if self.entries.len() >= Self::MAX_ENTRIES {
            self.forget_oldest(|_| true);
        }
        self.entries.insert(key, FailureEntry { reason, last: now, count: 1, number });
    }

    fn forget_oldest(&mut self, among: impl Fn(&FailureKey) -> bool) {
        let candidates = self.entries.iter().filter(|(key, _)| among(key));
        if let Some(oldest) = candidates.min_by_key(|(_, entry)| entry.number).map(|(key, _)| key.clone()) {
            self.entries.remove(&oldest);
            metrics::FAILED_CONNECTIONS_FORGOTTEN.add(1);
        }
    }

    /// The newest entries.
    pub(super) fn newest_first(&self, most: usize) -> Vec<FailedConnections> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.number));
        let answer = |(key, entry): (&FailureKey, &FailureEntry)| FailedConnections {
            client: (!key.client.is_empty()).then(|| key.client.to_string()),
            address: key.address.to_string(),
            reason: entry.reason.clone(),
            last: entry.last,
            count: entry.count,
        };
        entries.into_iter().take(most).map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(address: u8, client: u32) -> FailureKey {
        FailureKey { address: [10, 0, 0, address].into(), kind: "refused", client: client.to_string().into() }
    }

    proptest! {
        #[test]
        fn entries_are_bounded_and_the_newest_of_every_address_is_there(
            failures in prop::collection::vec((0..20_u8, 0..40_u32), 1..400),
        ) {
            let mut log = FailureLog::default();
            for (address, client) in &failures {
                log.add(key(*address, *client), String::new(), Timestamp::default());
                prop_assert!(log.entries.len() <= FailureLog::MAX_ENTRIES);
                let of_address = log.entries.keys().filter(|other| other.address == key(*address, 0).address).count();
                prop_assert!(of_address <= FailureLog::MAX_OF_ADDRESS);
                prop_assert_eq!(log.newest_first(1)[0].client.clone(), Some(client.to_string()));
            }
            for address in 0..20 {
                if let Some((_, client)) = failures.iter().rev().find(|(other, _)| *other == address) {
                    prop_assert!(log.entries.contains_key(&key(address, *client)));
                }
            }
        }
    }

    #[test]
    fn failures_of_one_kind_are_counted_together_and_the_last_is_told() {
        let mut log = FailureLog::default();
        for secs in 1..=3 {
            log.add(key(1, 7), format!("reason {secs}"), Timestamp::from_nanos(secs));
        }
        log.add(FailureKey { client: "".into(), ..key(1, 7) }, "another".to_owned(), Timestamp::from_nanos(9));
        let [newest, other] = &log.newest_first(9)[..] else { panic!("two entries") };
        assert_eq!((newest.client.as_deref(), newest.count), (None, 1));
        assert_eq!((&*other.reason, other.count, other.last), ("reason 3", 3, Timestamp::from_nanos(3)));
    }

    #[test]
    fn many_addresses_take_no_more_than_the_bound() {
        let mut log = FailureLog::default();
        for number in 0..2_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(number).into();
            log.add(FailureKey { address, ..key(0, 0) }, String::new(), Timestamp::default());
        }
        assert_eq!(log.entries.len(), FailureLog::MAX_ENTRIES);
        assert_eq!(log.newest_first(1)[0].address, "0.0.7.207");
    }
}
