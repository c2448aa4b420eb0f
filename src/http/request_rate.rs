//! How many requests an address may make: so many a second, and after a pause so many more at once (a token bucket). Pure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::actors::sources::addresses::network;

/// The requests of each address.
#[derive(Debug)]
pub(super) struct RequestRate {
    per_second: u32,
    /// When all requests of an address are worked off, at its rate.
    worked_off: HashMap<IpAddr, Instant>,
}

impl RequestRate {
    /// How many seconds of requests may come at once.
    const BURST: Duration = Duration::from_secs(2);
    /// The most addresses that are remembered. Beyond it those are forgotten that have worked off the most.
    const MAX_REMEMBERED: usize = 4096;

    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: per_second.max(1), worked_off: HashMap::new() }
    }

    /// Counts a request, and tells whether it may be answered.
    pub(super) fn admits(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.worked_off.len() >= Self::MAX_REMEMBERED {
            self.worked_off.retain(|_, worked_off| *worked_off > now);
            // So many addresses at once cannot be limited one by one; the bound on all connections still holds.
            if self.worked_off.len() >= Self::MAX_REMEMBERED {
                self.worked_off.clear();
            }
        }
        let worked_off = self.worked_off.entry(network(address)).or_insert(now);
        let then = (*worked_off).max(now) + Duration::from_secs(1) / self.per_second;
        if then.saturating_duration_since(now) > Self::BURST {
            return false;
        }
        *worked_off = then;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn over_any_time_an_address_gets_its_rate_and_one_burst_and_others_are_not_touched(
            per_second in 1_u32..200,
            pauses in prop::collection::vec(0_u64..100, 1..500),
        ) {
            let (mut rate, start) = (RequestRate::new(per_second), Instant::now());
            let [busy, other] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap());
            let (mut now, mut admitted) = (start, 0_u32);
            for pause in pauses {
                now += Duration::from_millis(pause);
                admitted += u32::from(rate.admits(busy, now));
            }
            let most = ((now - start) + RequestRate::BURST).as_secs_f64() * f64::from(per_second);
            prop_assert!(f64::from(admitted) <= most + 1.0, "{} of {}", admitted, most);
            prop_assert!(rate.admits(other, now));
        }
    }

    #[test]
    fn a_page_that_opens_is_not_limited_and_a_flood_is() {
        let (mut rate, now) = (RequestRate::new(100), Instant::now());
        let page = "::1".parse().unwrap();
        assert!((0..200).all(|_| rate.admits(page, now)));
        assert!(!rate.admits(page, now));
        assert!(rate.admits(page, now + Duration::from_millis(11)));
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let (mut rate, now) = (RequestRate::new(1), Instant::now());
        for address in 0..20_000_u32 {
            rate.admits(IpAddr::V4(address.into()), now);
        }
        assert!(rate.worked_off.len() <= RequestRate::MAX_REMEMBERED);
    }
}
