//! Why the connection to the broker ended, in words that say what to do.

use rumqttc::mqttbytes;
use rumqttc::{ConnectReturnCode, ConnectionError, StateError};

use crate::actors::acks::NotCommitted;
use crate::actors::source::CloseKind;

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
    Network(std::io::Error),
    #[error(
        "the broker sent a packet of {bytes} bytes, and {max} are accepted (mqtt.connect.max_packet); it will send it \
         again and again: raise the bound, or remove the message; the last topic before it was '{last_topic}'"
    )]
    TooLarge { bytes: usize, max: usize, last_topic: String },
    #[error("the broker sends faster than the disk takes it; lower its max_inflight_messages")]
    Overrun,
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
    #[error("the broker broke the protocol: {0}")]
    Protocol(String),
}

impl Failure {
    pub(super) fn kind(&self) -> CloseKind {
        match self {
            Self::Refused(_) => CloseKind::Refused,
            Self::Timeout | Self::Network(_) => CloseKind::Network,
            Self::ByBroker => CloseKind::ByPeer,
            Self::KeepAlive => CloseKind::KeepAlive,
            Self::TooLarge { .. } => CloseKind::TooLarge,
            Self::Overrun | Self::NotCommitted(_) => CloseKind::NotCommitted,
            Self::Protocol(_) => CloseKind::Protocol,
        }
    }

    /// Reads the library's error; what it does not know of an oversize packet comes as `max` and `last_topic`.
    pub(super) fn of(error: ConnectionError, max: usize, last_topic: &str) -> Self {
        match error {
            ConnectionError::MqttState(error) => Self::of_state(error, max, last_topic),
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => Self::Timeout,
            ConnectionError::Io(error) => Self::Network(error),
            ConnectionError::ConnectionRefused(code) => Self::Refused(code),
            other => Self::Protocol(other.to_string()),
        }
    }

    pub(super) fn of_state(error: StateError, max: usize, last_topic: &str) -> Self {
        match error {
            StateError::ConnectionAborted => Self::ByBroker,
            StateError::AwaitPingResp => Self::KeepAlive,
            StateError::Io(error) | StateError::Deserialization(mqttbytes::Error::Io(error)) => Self::Network(error),
            StateError::Deserialization(mqttbytes::Error::PayloadSizeLimitExceeded(bytes)) => {
                Self::TooLarge { bytes, max, last_topic: last_topic.to_owned() }
            }
            other => Self::Protocol(other.to_string()),
        }
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
