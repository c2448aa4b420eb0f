//! How a connection ends, in words for the log and as a kind to be counted.

use std::io;

use super::Foreign;
use crate::actors::sources::acks::NotCommitted;
use crate::actors::sources::intake::IntakeClosed;
use crate::actors::sources::source::CloseKind;
use crate::ingest::packet::PacketError;
use crate::time::Span;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closing {
    #[error("the client said goodbye")]
    Disconnect,
    #[error("the client closed the connection")]
    EndOfStream,
    #[error("the network failed: {0}")]
    Network(#[from] io::Error),
    #[error("no CONNECT came within {0} (mqtt.listen.connect_timeout)")]
    NoConnect(Span),
    #[error(
        "a CONNECT of {bytes} bytes; at most {max} are accepted (mqtt.listen.max_connect_packet): give the device a \
         shorter will or password, or raise that"
    )]
    ConnectTooLarge { bytes: usize, max: usize },
    #[error(transparent)]
    Foreign(Foreign),
    #[error("the first packet was not CONNECT")]
    NotConnect,
    #[error("a second CONNECT on the same connection")]
    SecondConnect,
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("refused: a persistent session needs a client id; give the device one, or set its clean session flag")]
    NoClientId,
    #[error("refused: a client id of {0} bytes; at most {max} are accepted, without control characters", max = super::handshake::MAX_CLIENT_ID_BYTES)]
    ClientId(usize),
    #[error("nothing came for {0}, one and a half times the keep-alive that the client promised")]
    KeepAlive(Span),
    #[error("the client did not read its acknowledgements for {0} (a quarter of stop.deadline, 10 s at the most)")]
    SlowReader(Span),
    #[error("another connection took over its client id; should two devices share it, give each its own")]
    TakenOver,
    #[error(
        "the connections hold as much memory as they may (limits.connections), and this one has waited longest for the \
         rest of a packet; let the device send smaller packets, or raise that"
    )]
    Memory,
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
    #[error("the daemon stops")]
    Stopping,
}

impl From<IntakeClosed> for Closing {
    fn from(_: IntakeClosed) -> Self {
        Self::Stopping
    }
}

impl Closing {
    /// Why, and what to do.
    pub(crate) fn with_advice(&self) -> String {
        match self.advice() {
            Some(advice) => format!("{self}; {advice}"),
            None => self.to_string(),
        }
    }

    /// What to do, where the reason alone does not say it.
    fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Network(_) => "see the device's power and network",
            Self::NoConnect(_) => "see what runs there; raise that if it is a device on a slow line",
            Self::Packet(PacketError::Version { .. }) => "set the device to MQTT 3.1.1",
            Self::Packet(PacketError::TooLarge { .. }) => "let the device send smaller messages, or raise that",
            Self::NotConnect | Self::SecondConnect | Self::Packet(_) => {
                "see what runs there; a device that does this needs another MQTT library, or a newer one"
            }
            Self::ClientId(_) => "give the device a shorter one",
            Self::KeepAlive(_) => "see the device's power and network, or have it promise a longer keep-alive",
            Self::SlowReader(_) => "see the device's network",
            Self::NotCommitted(_) => "the daemon's log says why; the device sends the messages again",
            Self::Disconnect
            | Self::EndOfStream
            | Self::ConnectTooLarge { .. }
            | Self::Foreign(_)
            | Self::NoClientId
            | Self::TakenOver
            | Self::Memory
            | Self::Stopping => return None,
        })
    }

    pub(crate) fn kind(&self) -> CloseKind {
        match self {
            Self::Disconnect | Self::EndOfStream => CloseKind::ByPeer,
            Self::Network(_) => CloseKind::Network,
            Self::NoConnect(_) => CloseKind::NoConnect,
            Self::Packet(PacketError::Version { .. }) | Self::NoClientId | Self::ClientId(_) => CloseKind::Refused,
            Self::Packet(PacketError::TooLarge { .. }) | Self::ConnectTooLarge { .. } => CloseKind::TooLarge,
            Self::Packet(_) | Self::Foreign(_) | Self::NotConnect | Self::SecondConnect => CloseKind::Protocol,
            Self::KeepAlive(_) => CloseKind::KeepAlive,
            Self::SlowReader(_) => CloseKind::SlowReader,
            Self::TakenOver => CloseKind::TakenOver,
            Self::Memory => CloseKind::Memory,
            Self::NotCommitted(_) => CloseKind::NotCommitted,
            Self::Stopping => CloseKind::Stopping,
        }
    }
}

impl Closing {
    /// Whether a connection of a device that does nothing wrong may end in this way.
    pub(crate) fn is_of_device(&self) -> bool {
        !matches!(self.kind(), CloseKind::Refused | CloseKind::Protocol | CloseKind::TooLarge | CloseKind::NoConnect)
    }
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The client's id; empty when it gave none.
    pub(crate) client: String,
    /// Whether its CONNECT was accepted.
    pub(crate) introduced: bool,
    /// Why it ended.
    pub(crate) closing: Closing,
}

impl From<Closing> for Ended {
    fn from(closing: Closing) -> Self {
        Self { client: String::new(), introduced: false, closing }
    }
}
