//! Why the connection to the broker ended, in words that tell the operator what to do.

use std::io;

use rumqttc::ConnectReturnCode;

use super::packets::PacketError;
use crate::actors::sources::acks::NotCommitted;
use crate::actors::sources::source::CloseKind;

/// Why there is no connection to the broker, or no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the broker refused us: {}", refusal(*.0))]
    Refused(ConnectReturnCode),
    #[error("the broker did not answer in time")]
    Timeout,
    #[error("the broker closed the connection")]
    ByBroker,
    #[error("the broker did not answer our ping")]
    KeepAlive,
    #[error("the network failed: {0}")]
    Network(io::Error),
    #[error("the broker sends faster than the disk takes it; lower its max_inflight_messages")]
    Overrun,
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
    #[error("the broker broke the protocol: {0}")]
    Protocol(String),
}

impl Failure {
    /// Why, and what to do.
    pub(super) fn with_advice(&self) -> String {
        let advice = match self {
            Self::Refused(_) | Self::Overrun => return self.to_string(),
            Self::Timeout | Self::KeepAlive | Self::Network(_) => {
                "see whether it runs, and whether mqtt.connect.host and port are right"
            }
            Self::ByBroker => "its log says why",
            Self::NotCommitted(_) => "the daemon's log says why",
            Self::Protocol(_) => "see whether mqtt.connect.host and port are those of an MQTT broker, without TLS",
        };
        format!("{self}; {advice}")
    }

    pub(super) fn kind(&self) -> CloseKind {
        match self {
            Self::Refused(_) => CloseKind::Refused,
            Self::Timeout | Self::Network(_) => CloseKind::Network,
            Self::ByBroker => CloseKind::ByPeer,
            Self::KeepAlive => CloseKind::KeepAlive,
            Self::Overrun | Self::NotCommitted(_) => CloseKind::NotCommitted,
            Self::Protocol(_) => CloseKind::Protocol,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            // This is also how it looks when a broker closes the connection while a packet of ours is under way.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::ByBroker,
            _ => Self::Network(error),
        }
    }
}

impl From<PacketError> for Failure {
    fn from(error: PacketError) -> Self {
        Self::Protocol(error.to_string())
    }
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "without a reason",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => "it does not accept our client id; see mqtt.connect.client_id",
        ConnectReturnCode::ServiceUnavailable => "it is unavailable",
        ConnectReturnCode::BadUserNamePassword => "wrong user name or password; see mqtt.connect.username and password",
        ConnectReturnCode::NotAuthorized => "we are not authorized; see mqtt.connect.username and the broker's rules",
    }
}
