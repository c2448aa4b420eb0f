//! Where an MQTT server is.

use std::fmt;
use std::str::FromStr;

/// The address of an MQTT server: `mqtt://host:port`, plain TCP. Without a port, 1883.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerUrl {
    /// A name or an address; IPv6 in brackets, as in the URL.
    host: String,
    port: u16,
}

/// Why a text is no address of an MQTT server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// It does not begin with `mqtt://`.
    #[error("'{0}' does not begin with mqtt://; write mqtt://host:port, such as mqtt://127.0.0.1:1883")]
    Scheme(String),
    /// TLS is asked for.
    #[error("'{0}' asks for TLS, which is not spoken here; give a plain mqtt:// address")]
    Tls(String),
    /// A user name or a password.
    #[error("the address holds a user name or password, which are not accepted here; write mqtt://host:port")]
    Credentials,
    /// No host.
    #[error("'{0}' names no host; write mqtt://host:port, such as mqtt://127.0.0.1:1883")]
    Host(String),
    /// The text after the host is not a port.
    #[error("'{port}' in '{url}' is not a port; a port is a number from 1 to 65535")]
    Port {
        /// The whole text.
        url: String,
        /// That text.
        port: String,
    },
    /// Something after the port.
    #[error("'{0}' goes on after the port; an MQTT address has no path, write mqtt://host:port")]
    Path(String),
}

impl ServerUrl {
    const DEFAULT_PORT: u16 = 1883;

    /// A port of this machine.
    pub fn local(port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port }
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(url: &str) -> Result<Self, ServerUrlError> {
        if url.starts_with("mqtts://") || url.starts_with("ssl://") {
            return Err(ServerUrlError::Tls(url.to_owned()));
        }
        let rest = url.strip_prefix("mqtt://").ok_or_else(|| ServerUrlError::Scheme(url.to_owned()))?;
        if rest.contains('@') {
            return Err(ServerUrlError::Credentials);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() {
            return Err(ServerUrlError::Path(url.to_owned()));
        }
        // The colons inside the brackets of an IPv6 address separate no port.
        let host_end = authority.find(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match authority[host_end..].rfind(':') {
            Some(colon) => (&authority[..host_end + colon], Some(&authority[host_end + colon + 1..])),
            None => (authority, None),
        };
        if host.is_empty() || host.contains(char::is_whitespace) || (host_end == 0 && host.contains(':')) {
            return Err(ServerUrlError::Host(url.to_owned()));
        }
        let port = match port {
            None => Self::DEFAULT_PORT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| ServerUrlError::Port { url: url.to_owned(), port: text.to_owned() })?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("mqtt://127.0.0.1:1884", "127.0.0.1", 1884),
            ("mqtt://gateway.local", "gateway.local", 1883),
            ("mqtt://gateway/", "gateway", 1883),
            ("mqtt://[::1]:99", "[::1]", 99),
            ("mqtt://[::1]", "[::1]", 1883),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
            assert_eq!(url.to_string().parse(), Ok(url));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_the_message_says_what_to_write() {
        for (text, part) in [
            ("127.0.0.1:1883", "does not begin with mqtt://"),
            ("mqtts://host", "TLS"),
            ("mqtt://", "names no host"),
            ("mqtt://:1883", "names no host"),
            ("mqtt://::1", "names no host"),
            ("mqtt://host:0", "'0'"),
            ("mqtt://host:65536", "'65536'"),
            ("mqtt://host:", "not a port"),
            ("mqtt://host:1/path", "no path"),
        ] {
            let error = text.parse::<ServerUrl>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_refused_password_is_not_repeated() {
        let error = "mqtt://me:secret@host".parse::<ServerUrl>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
