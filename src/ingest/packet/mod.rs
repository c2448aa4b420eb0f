//! MQTT 3.1.1 packets, as an endpoint for publishers needs them: packets from clients are read in place from the bytes
//! that came in, and answers are a few fixed bytes. Nothing here allocates.
//!
//! Section numbers are those of MQTT 3.1.1 (OASIS standard, 2014).

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::{client_of_connect, decode, is_connect, remaining_length};
pub use encode::{
    ConnectCode, PINGRESP, connack, connack_of_other_version, puback, pubcomp, pubrec, suback_refusing, unsuback,
};

use std::num::NonZeroU16;

/// What the bytes that came in begin with.
#[derive(Debug, PartialEq)]
pub enum Decoded<'a> {
    /// A whole packet.
    Packet {
        /// The packet.
        packet: Packet<'a>,
        /// Its length in bytes, the header included.
        length: usize,
    },
    /// The beginning of a packet.
    Incomplete {
        /// How many bytes are needed before another attempt is useful, including those that are there.
        needed: usize,
    },
}

/// A packet that a publisher may send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Packet<'a> {
    /// Opens a session.
    Connect(Connect<'a>),
    /// Carries a message.
    Publish(Publish<'a>),
    /// Releases the id of a QoS 2 message.
    PubRel(PacketId),
    /// Asks for messages.
    Subscribe {
        /// Its id.
        id: PacketId,
        /// How many topic filters it names.
        filters: usize,
    },
    /// Asks for messages no more.
    Unsubscribe(PacketId),
    /// Shows that the client is alive.
    PingReq,
    /// Ends the connection in order.
    Disconnect,
}

/// The id by which a packet is acknowledged. Never zero (section 2.3.1).
pub type PacketId = NonZeroU16;

/// CONNECT (section 3.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connect<'a> {
    /// The client's id; may be empty.
    pub client: &'a str,
    /// Whether the session is to end with the connection.
    pub session: CleanSession,
    /// The longest time between two packets of the client, in seconds; 0 for no bound.
    pub keep_alive_secs: u16,
    /// Whether a message is to be published should the client vanish.
    pub will: Will,
}

/// The clean session flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanSession {
    /// Set: the session ends with the connection.
    Yes,
    /// Not set: the session stays.
    No,
}

/// The will flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Will {
    /// Set.
    Given,
    /// Not set.
    None,
}

/// PUBLISH (section 3.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Publish<'a> {
    /// The topic: at least one character, no NUL, no wildcard.
    pub topic: &'a str,
    /// The message.
    pub payload: &'a [u8],
    /// How the message has to be acknowledged.
    pub delivery: Delivery,
    /// Whether a broker is to keep the message for later subscribers.
    pub retained: bool,
}

/// The quality of service of a message, with the id by which it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 0: not acknowledged.
    AtMostOnce,
    /// QoS 1: by PUBACK.
    AtLeastOnce(PacketId),
    /// QoS 2: by PUBREC, then PUBREL, then PUBCOMP.
    ExactlyOnce(PacketId),
}

/// Why bytes are not a packet that is accepted. The connection must be closed then (section 4.8).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The packet breaks the specification.
    #[error("malformed {packet}: {what}")]
    Malformed {
        /// The packet's name.
        packet: &'static str,
        /// What is wrong with the packet.
        what: &'static str,
    },
    /// The remaining length takes more than four bytes.
    #[error("the packet's length is written in more than four bytes")]
    Length,
    /// Larger than accepted.
    #[error("a packet of {bytes} bytes; at most {max} are accepted (mqtt.listen.max_packet)")]
    TooLarge {
        /// Its length, the header included.
        bytes: usize,
        /// The largest accepted.
        max: usize,
    },
    /// The packet is of a type that no publisher sends.
    #[error("a packet of type {0}, which no publisher sends")]
    Unexpected(u8),
    /// CONNECT names another protocol.
    #[error("the protocol is not MQTT")]
    Protocol,
    /// CONNECT asks for a version of MQTT that is not supported. The client is answered before the connection is
    /// closed.
    #[error("the client asks for protocol level {level}; level 4, MQTT 3.1.1, is what is spoken here")]
    Version {
        /// The level: 5 for MQTT 5.
        level: u8,
    },
}
