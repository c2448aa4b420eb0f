//! Recognises clients of other protocols at the port for MQTT by their first bytes.

/// A client of another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error(
        "a TLS client, and this port speaks plain MQTT: set the device to a connection without TLS (mqtt://, not \
         mqtts://), or put a proxy before this port that ends TLS"
    )]
    Tls,
    #[error(
        "an HTTP request, and this port speaks plain MQTT, no HTTP and no WebSocket: set the device to MQTT over TCP \
         (mqtt://, not ws:// or http://)"
    )]
    Http,
}

/// How requests of HTTP begin.
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"PRI * HTTP/2"];

impl Foreign {
    /// The protocol that begins with these bytes; `None` when it is not known.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        match first {
            // A record of TLS's handshake, version 3.x.
            [0x16, 0x03, ..] => Some(Self::Tls),
            _ => METHODS.iter().any(|method| first.starts_with(method)).then_some(Self::Http),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_tls_and_http_are_told_from_those_of_mqtt() {
        assert_eq!(Foreign::of(b"\x16\x03\x01\x02\x00\x01\x00"), Some(Foreign::Tls));
        assert_eq!(Foreign::of(b"GET /metrics HTTP/1.1\r\n"), Some(Foreign::Http));
        assert_eq!(Foreign::of(b"\x10\x0c\x00\x04MQTT"), None);
        assert_eq!(Foreign::of(b"GETTING"), None);
        assert_eq!(Foreign::of(b""), None);
    }
}
