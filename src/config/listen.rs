//! `[mqtt.listen]`: the endpoint that devices connect to.

use std::net::{Ipv4Addr, SocketAddr};

use super::bytes::ByteSize;
use super::reader::Section;
use crate::time::Span;

/// The packet sizes that may be configured. MQTT itself allows up to 256 MiB (MQTT 3.1.1, section 2.2.3).
pub(super) const PACKET_SIZES: std::ops::RangeInclusive<ByteSize> = ByteSize::from_kib(1)..=ByteSize::from_mib(255);

/// The endpoint that devices connect to.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenSettings {
    /// The address on which it listens.
    pub address: SocketAddr,
    /// How many devices may be connected at once.
    pub max_connections: u32,
    /// How many connections may come from one address.
    pub max_connections_per_address: u32,
    /// How many connections of one address may fail a minute.
    pub max_failures_per_minute: u32,
    /// The largest CONNECT packet that is read.
    pub max_connect_packet: ByteSize,
    /// The largest packet that is read.
    pub max_packet: ByteSize,
    /// How long a device may take from connecting to its CONNECT packet.
    pub connect_timeout: Span,
    /// How long a connection may carry nothing before the device is probed.
    pub tcp_keep_alive: Span,
    /// How many sessions are remembered.
    pub max_sessions: u32,
    /// How long an unused session is remembered.
    pub session_expiry: Span,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> ListenSettings {
    let address =
        section.take("address", "an address with a port, such as \"127.0.0.1:1883\" or \"[::1]:1883\"", |value| {
            value.as_str()?.parse().ok()
        });
    let max_connections = section.integer("max_connections", 1024, 1..=65_535);
    // A quarter is left for other addresses.
    let per_address = max_connections - max_connections / 4;
    ListenSettings {
        address: address.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 1883))),
        max_connections,
        max_connections_per_address: section.integer("max_connections_per_address", per_address, 1..=65_535),
        max_failures_per_minute: section.integer("max_failures_per_minute", 600, 1..=1_000_000),
        max_connect_packet: section.bytes(
            "max_connect_packet",
            ByteSize::from_kib(16),
            ByteSize::from_kib(1)..=ByteSize::from_mib(1),
        ),
        max_packet: section.bytes("max_packet", ByteSize::from_mib(1), PACKET_SIZES),
        connect_timeout: section.span(
            "connect_timeout",
            Span::from_secs(10),
            Span::from_millis(100)..=Span::from_secs(3600),
        ),
        tcp_keep_alive: section.span(
            "tcp_keep_alive",
            Span::from_secs(60),
            Span::from_secs(1)..=Span::from_secs(9 * 3600),
        ),
        max_sessions: section.integer("max_sessions", 10_000, 1..=10_000_000),
        session_expiry: section.span(
            "session_expiry",
            Span::from_secs(7 * 86_400),
            Span::from_secs(60)..=Span::from_secs(366 * 86_400),
        ),
    }
}
