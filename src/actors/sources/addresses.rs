//! From where devices connect: an address that floods is turned away, and the others go on.
//!
//! The settings bound how many connections of one address are open, and how many of them fail a minute. A connection
//! fails when it brings no CONNECT, is refused, or breaks a rule. An address that was turned away for failures is
//! admitted again as time forgives them. An IPv6 client is known by its network, because it has all addresses of that
//! network to itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The bounds on one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressSettings {
    /// The most connections at a time.
    pub max_connections: u32,
    /// The most failures a minute.
    pub max_failures_per_minute: u32,
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// Its address has as many connections open as it may have.
    TooMany,
    /// Too many connections of its address have failed.
    Failing,
}

/// Whether a connection did what a device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    Good,
    Failed,
}

/// The addresses that have connections open, or had some that failed lately.
#[derive(Debug)]
pub(crate) struct Addresses {
    settings: AddressSettings,
    known: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    open: u32,
    /// The failures that are not forgiven yet.
    failures: u32,
    /// The time from which failures are forgiven.
    since: Instant,
}

impl Addresses {
    /// The most addresses that are remembered only because of failures. Beyond it such addresses are forgotten, and so
    /// admitted.
    const MAX_REMEMBERED: usize = 4096;

    pub(crate) fn new(settings: AddressSettings) -> Self {
        Self { settings, known: HashMap::new() }
    }

    /// Errors: when no more connections may come from this address. A connection that is admitted counts as open.
    pub(crate) fn admit(&mut self, address: IpAddr, now: Instant) -> Result<(), TurnedAway> {
        if self.known.len() >= Self::MAX_REMEMBERED {
            self.forget_forgiven(now);
        }
        let AddressSettings { max_connections, max_failures_per_minute } = self.settings;
        let known = self.known.entry(network(address)).or_insert(Address { open: 0, failures: 0, since: now });
        known.forgive(max_failures_per_minute, now);
        if known.failures >= max_failures_per_minute {
            return Err(TurnedAway::Failing);
        }
        if known.open >= max_connections {
            return Err(TurnedAway::TooMany);
        }
        known.open += 1;
        Ok(())
    }

    /// A connection from this address has ended.
    pub(crate) fn ended(&mut self, address: IpAddr, conduct: Conduct, now: Instant) {
        let Some(known) = self.known.get_mut(&network(address)) else { return };
        known.forgive(self.settings.max_failures_per_minute, now);
        known.open = known.open.saturating_sub(1);
        if conduct == Conduct::Failed {
            known.failures = known.failures.saturating_add(1);
        }
        if known.open == 0 && known.failures == 0 {
            self.known.remove(&network(address));
        }
    }

    fn forget_forgiven(&mut self, now: Instant) {
        let rate = self.settings.max_failures_per_minute;
        self.known.retain(|_, known| {
            known.forgive(rate, now);
            known.open > 0 || known.failures > 0
        });
        if self.known.len() >= Self::MAX_REMEMBERED {
            // So many addresses cannot be limited one by one; the bound on all connections still holds.
            self.known.retain(|_, known| known.open > 0);
        }
    }
}

impl Address {
    /// Forgives as many failures as the time passed allows.
    fn forgive(&mut self, per_minute: u32, now: Instant) {
        let each = Duration::from_secs(60) / per_minute.max(1);
        let past = now.saturating_duration_since(self.since);
        let forgiven = u32::try_from(past.as_nanos() / each.as_nanos().max(1)).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(forgiven);
        self.since = if self.failures == 0 { now } else { self.since + each * forgiven };
    }
}

/// The address by which a client is known.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: AddressSettings = AddressSettings { max_connections: 3, max_failures_per_minute: 60 };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_no_more_connections_than_it_may_have_and_others_have_theirs() {
        let (mut addresses, now) = (Addresses::new(SETTINGS), Instant::now());
        let [greedy, other] = ["10.0.0.1", "::ffff:10.0.0.2"].map(address);
        for _ in 0..3 {
            assert_eq!(addresses.admit(greedy, now), Ok(()));
        }
        assert_eq!(addresses.admit(greedy, now), Err(TurnedAway::TooMany));
        assert_eq!(addresses.admit(other, now), Ok(()));
        addresses.ended(greedy, Conduct::Good, now);
        assert_eq!(addresses.admit(greedy, now), Ok(()));
        for address in [greedy, greedy, greedy, other] {
            addresses.ended(address, Conduct::Good, now);
        }
        assert!(addresses.known.is_empty());
    }

    #[test]
    fn an_address_whose_connections_fail_is_slowed_down_to_what_is_forgiven() {
        let (mut addresses, start) = (Addresses::new(SETTINGS), Instant::now());
        let (bad, good) = (address("10.0.0.1"), address("10.0.0.2"));
        let mut served = 0;
        for millis in 0..20_000 {
            let now = start + Duration::from_millis(millis);
            if addresses.admit(bad, now).is_ok() {
                served += 1;
                addresses.ended(bad, Conduct::Failed, now);
            }
            assert_eq!(addresses.admit(good, now), Ok(()));
            addresses.ended(good, Conduct::Good, now);
        }
        assert_eq!(served, 60 + 19, "what it may at first, and one a second");
        assert_eq!(addresses.admit(bad, start + Duration::from_secs(100)), Ok(()));
    }

    #[test]
    fn the_addresses_of_a_network_of_ipv6_count_as_one() {
        let (mut addresses, now) = (Addresses::new(SETTINGS), Instant::now());
        for host in 1..=3 {
            assert_eq!(addresses.admit(address(&format!("2001:db8::{host}")), now), Ok(()));
        }
        assert_eq!(addresses.admit(address("2001:db8::4"), now), Err(TurnedAway::TooMany));
        assert_eq!(addresses.admit(address("2001:db8:0:1::4"), now), Ok(()));
    }

    #[test]
    fn addresses_are_not_remembered_without_bound() {
        let (mut addresses, now) = (Addresses::new(SETTINGS), Instant::now());
        let open = address("192.168.0.1");
        assert_eq!(addresses.admit(open, now), Ok(()));
        for number in 0..50_000 {
            let address = IpAddr::from(std::net::Ipv4Addr::from_bits(number));
            if addresses.admit(address, now).is_ok() {
                addresses.ended(address, Conduct::Failed, now);
            }
            assert!(addresses.known.len() <= Addresses::MAX_REMEMBERED);
        }
        assert_eq!(addresses.known[&open].open, 1);
    }
}
