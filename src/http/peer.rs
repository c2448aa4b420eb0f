//! Who is at the other end of a connection.

use std::net::IpAddr;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Peer {
    /// A process of this machine, over the local socket; `None` where the system does not tell which.
    Process(Option<i32>),
    /// A client of the port.
    Address(IpAddr),
}
