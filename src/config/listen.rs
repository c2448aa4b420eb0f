//! `[mqtt.listen]`: the endpoint that devices connect to.

use std::net::{Ipv4Addr, SocketAddr};

use super::bytes::ByteSize;
use super::reader::Section;
use crate::time::Span;

/// The packet sizes that may be accepted. MQTT itself ends at 256 MiB (MQTT 3.1.1, section 2.2.3).
pub(super) const PACKET_SIZES: std::ops::RangeInclusive<ByteSize> = ByteSize::from_kib(1)..=ByteSize::from_mib(255);

/// The endpoint that devices connect to.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// How many devices may be connected at once.
    pub max_connections: u32,
    /// The largest packet that is read.
    pub max_packet: ByteSize,
    /// How long a device may take from connecting to its CONNECT packet.
    pub connect_timeout: Span,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> ListenSettings {
    let address =
        section.take("address", "an address with a port, such as \"127.0.0.1:1883\" or \"[::1]:1883\"", |value| {
            value.as_str()?.parse().ok()
        });
    ListenSettings {
        address: address.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 1883))),
        max_connections: section.integer("max_connections", 1024, 1..=65_535),
        max_packet: section.bytes("max_packet", ByteSize::from_mib(1), PACKET_SIZES),
        connect_timeout: section.span(
            "connect_timeout",
            Span::from_secs(10),
            Span::from_millis(100)..=Span::from_secs(3600),
        ),
    }
}
