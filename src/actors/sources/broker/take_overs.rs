//! Tells when another client uses our client id.
//!
//! A broker has one connection a client id: a new client throws out the one that was there. Two daemons with one id
//! throw each other out in turn, for ever. MQTT 3.1.1 does not say why a connection is closed, but the pattern tells:
//! the broker accepts connections and closes each before the other side's longest pause is over.

use std::time::Duration;

use crate::actors::sources::source::CloseKind;

/// Counts connections that the broker accepted and soon closed.
#[derive(Debug)]
pub(super) struct TakeOvers {
    soon: Duration,
    in_a_row: u32,
}

impl TakeOvers {
    /// So many in a row are no chance any more.
    pub(super) const SUSPICIOUS: u32 = 3;

    /// The other side's longest pause is assumed to be at most twice ours.
    pub(super) fn new(longest_pause: Duration) -> Self {
        Self { soon: 2 * longest_pause, in_a_row: 0 }
    }

    /// Notes how a connection ended that held for `lived`; `None` if it was never made. Returns how many the broker
    /// closed in a row, when there are suspiciously many.
    pub(super) fn closed(&mut self, lived: Option<Duration>, kind: CloseKind) -> Option<u32> {
        let taken_over = kind == CloseKind::ByPeer && lived.is_some_and(|lived| lived <= self.soon);
        self.in_a_row = if taken_over { self.in_a_row.saturating_add(1) } else { 0 };
        (self.in_a_row >= Self::SUSPICIOUS).then_some(self.in_a_row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    #[test]
    fn three_connections_in_a_row_that_the_broker_soon_closed_are_suspicious() {
        let mut take_overs = TakeOvers::new(PAUSE);
        let mut closed = |lived, kind| take_overs.closed(lived, kind);
        let soon = Some(PAUSE / 2);
        assert_eq!(closed(soon, CloseKind::ByPeer), None);
        assert_eq!(closed(soon, CloseKind::ByPeer), None);
        assert_eq!(closed(soon, CloseKind::ByPeer), Some(3));
        assert_eq!(closed(soon, CloseKind::ByPeer), Some(4));
        // None of these counts: a connection that held, a broker that is away, and a failure of another kind.
        for (lived, kind) in
            [(Some(3 * PAUSE), CloseKind::ByPeer), (None, CloseKind::ByPeer), (soon, CloseKind::Network)]
        {
            assert_eq!(closed(lived, kind), None);
            assert_eq!(closed(soon, CloseKind::ByPeer), None);
            assert_eq!(closed(soon, CloseKind::ByPeer), None);
        }
    }
}
