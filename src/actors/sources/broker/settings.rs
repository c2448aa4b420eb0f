//! How to reach the broker, and the bounds on what it may do to us.

use std::fmt;
use std::time::Duration;

use rumqttc::{QoS, SubscribeFilter, valid_filter};

/// How the broker source connects, and its bounds.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// The broker's host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name by which the broker knows our session. No other client may use it, and it must stay the same.
    pub client_id: String,
    /// The user name and the password.
    pub login: Option<Login>,
    /// The longest time between two packets from us; whole seconds count.
    pub keep_alive: Duration,
    /// With which quality of service messages are subscribed to.
    pub qos: SubscriptionQos,
    /// The topic filters to subscribe to.
    pub subscriptions: Vec<String>,
    /// The largest packet accepted. A message whose packet is larger is refused, as a reject.
    pub max_packet_bytes: usize,
    /// How many bytes are gathered in memory while a commit is under way. Beyond it QoS 0 messages are shed; at twice
    /// as much we disconnect, so that the broker keeps the rest.
    pub max_gathered_bytes: usize,
    /// The shortest pause before we connect again.
    pub min_backoff: Duration,
    /// The longest pause before a new attempt.
    pub max_backoff: Duration,
    /// How long the broker may take to answer, or to read what we send.
    pub network_timeout: Duration,
    /// How long commits under way are awaited when the daemon stops.
    pub drain_timeout: Duration,
}

/// A user name and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The quality of service of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionQos {
    /// 0: messages that are under way when something fails are lost.
    AtMostOnce,
    /// 1: nothing is lost, some comes twice.
    AtLeastOnce,
    /// 2: nothing is lost, little comes twice.
    ExactlyOnce,
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// No host.
    #[error("mqtt.connect.host is empty; it is the broker's host name or address")]
    NoHost,
    /// No client id.
    #[error("mqtt.connect.client_id is empty; the broker keeps our messages under it, so it must be set and unique")]
    NoClientId,
    /// Nothing to subscribe to.
    #[error("there is no [[mqtt.route]], so that there is nothing to subscribe to at the broker")]
    NoSubscriptions,
    /// A text that is not a topic filter.
    #[error("'{0}' is no topic filter: '+' stands for one whole level, '#' for all that follow, at the end")]
    Filter(String),
    /// A keep-alive that MQTT cannot carry.
    #[error("mqtt.connect.keep_alive is {0} s; 1 to 65535 s are accepted")]
    KeepAlive(u64),
    /// Backoff bounds that contradict each other.
    #[error("mqtt.connect.backoff_min must be above zero and at most mqtt.connect.backoff_max")]
    Backoff,
}

impl BrokerSettings {
    /// The defaults for a broker on a host.
    pub fn at(host: &str, port: u16, client_id: &str, subscriptions: Vec<String>) -> Self {
        Self {
            host: host.to_owned(),
            port,
            client_id: client_id.to_owned(),
            login: None,
            keep_alive: Duration::from_secs(30),
            qos: SubscriptionQos::AtLeastOnce,
            subscriptions,
            max_packet_bytes: 1 << 20,
            max_gathered_bytes: 16 << 20,
            min_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(30),
            network_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(5),
        }
    }

    /// Errors: for settings that MQTT cannot carry, or that would be taken silently for something else.
    pub(super) fn validate(&self) -> Result<(), BrokerError> {
        if self.host.is_empty() {
            return Err(BrokerError::NoHost);
        }
        if self.client_id.is_empty() {
            return Err(BrokerError::NoClientId);
        }
        if self.subscriptions.is_empty() {
            return Err(BrokerError::NoSubscriptions);
        }
        if let Some(filter) = self.subscriptions.iter().find(|filter| !valid_filter(filter)) {
            return Err(BrokerError::Filter(filter.clone()));
        }
        let secs = self.keep_alive.as_secs();
        if secs == 0 || secs > u64::from(u16::MAX) {
            return Err(BrokerError::KeepAlive(secs));
        }
        if self.min_backoff.is_zero() || self.min_backoff > self.max_backoff {
            return Err(BrokerError::Backoff);
        }
        Ok(())
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = SubscribeFilter> {
        let qos = match self.qos {
            SubscriptionQos::AtMostOnce => QoS::AtMostOnce,
            SubscriptionQos::AtLeastOnce => QoS::AtLeastOnce,
            SubscriptionQos::ExactlyOnce => QoS::ExactlyOnce,
        };
        self.subscriptions.iter().map(move |filter| SubscribeFilter::new(filter.clone(), qos))
    }
}

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the code that must have it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> BrokerSettings {
        BrokerSettings::at("localhost", 1883, "anomalyd", vec!["plant/+/+".into()])
    }

    #[test]
    fn a_secret_is_never_shown() {
        let login = Login { username: "me".into(), password: Secret::new("hunter2".into()) };
        let shown = format!("{:?} {}", BrokerSettings { login: Some(login.clone()), ..settings() }, login.password);
        assert!(!shown.contains("hunter2") && shown.contains("(hidden)"), "{shown}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_before_the_library_panics() {
        assert_eq!(settings().validate(), Ok(()));
        let cases = [
            (BrokerSettings { host: String::new(), ..settings() }, BrokerError::NoHost),
            (BrokerSettings { client_id: String::new(), ..settings() }, BrokerError::NoClientId),
            (BrokerSettings { subscriptions: Vec::new(), ..settings() }, BrokerError::NoSubscriptions),
            (BrokerSettings { subscriptions: vec!["a/#/b".into()], ..settings() }, BrokerError::Filter("a/#/b".into())),
            (BrokerSettings { keep_alive: Duration::from_millis(900), ..settings() }, BrokerError::KeepAlive(0)),
            (BrokerSettings { keep_alive: Duration::from_secs(65_536), ..settings() }, BrokerError::KeepAlive(65_536)),
            (BrokerSettings { min_backoff: Duration::ZERO, ..settings() }, BrokerError::Backoff),
            (BrokerSettings { max_backoff: Duration::from_millis(1), ..settings() }, BrokerError::Backoff),
        ];
        for (settings, error) in cases {
            assert_eq!(settings.validate(), Err(error));
        }
    }
}
