//! `[http]`: the port on which the page and the API are served.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::bytes::ByteSize;
use super::reader::Section;

/// The port of the page and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// The address on which it listens; `None` when it is off.
    pub listen: Option<SocketAddr>,
    /// The files of TLS; `None` for HTTP without it.
    pub tls: Option<TlsFiles>,
    /// The file of the tokens; `None` when everybody who reaches the port is a viewer.
    pub token_file: Option<PathBuf>,
    /// Names under which browsers reach this machine, besides its own.
    pub host_names: Vec<String>,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// How many connections may come from one address.
    pub max_connections_per_address: u32,
    /// How many requests of one address are answered a second.
    pub max_requests_per_second: u32,
    /// How many logins of one address may fail a minute.
    pub max_failed_logins_per_minute: u32,
    /// How many logins of browsers are remembered.
    pub max_sessions: u32,
    /// The largest body of a request.
    pub max_request: ByteSize,
    /// How many answers are read from the store at once.
    pub max_reads: u32,
    /// How many long answers may go on at once.
    pub max_answers: u32,
    /// How much of what finished runs said is kept in memory.
    pub timeline_memory: ByteSize,
    /// How many pages and commands may listen to events at once, over the local socket as well.
    pub max_listeners: u32,
}

/// The files of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
}

/// The word that turns the port off.
const OFF: &str = "off";

pub(super) fn read(section: &mut Section<'_, '_>) -> HttpSettings {
    let accepted = "an address with a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\", or \"off\"";
    let listen = section.take("listen", accepted, |value| match value.as_str()? {
        OFF => Some(None),
        address => address.parse().ok().map(Some),
    });
    let listen = listen.unwrap_or(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))));
    let (certificate, key) = (section.optional_path("certificate_file"), section.optional_path("key_file"));
    if section.has("certificate_file") != section.has("key_file") {
        section.rule(&["certificate_file", "key_file"], "TLS needs both a certificate and its key; add the other file");
    }
    let token_file = section.optional_path("token_file");
    if let Some(address) = listen.filter(|address| !address.ip().is_loopback())
        && !section.has("token_file")
    {
        let why = format!(
            "{address} can be reached from the network, and nothing says who may come in; make a token with `anomalyd token \
             NAME`, put its line into a file, and name that as http.token_file; or listen on 127.0.0.1"
        );
        section.rule(&["listen", "token_file"], why);
    }
    let max_connections = section.integer("max_connections", 128, 4..=4096);
    // A quarter is left for other addresses.
    let per_address = max_connections - max_connections / 4;
    HttpSettings {
        listen,
        tls: certificate.zip(key).map(|(certificate, key)| TlsFiles { certificate, key }),
        token_file,
        host_names: host_names(section),
        max_connections,
        max_connections_per_address: section.integer("max_connections_per_address", per_address, 1..=4096),
        max_requests_per_second: section.integer("max_requests_per_second", 500, 1..=100_000),
        max_failed_logins_per_minute: section.integer("max_failed_logins_per_minute", 10, 1..=10_000),
        max_sessions: section.integer("max_sessions", 256, 1..=65_535),
        max_request: section.bytes("max_request", ByteSize::from_mib(1), ByteSize::from_kib(4)..=ByteSize::from_mib(4)),
        max_reads: section.integer("max_reads", 2, 1..=64),
        max_answers: section.integer("max_answers", 2, 1..=64),
        timeline_memory: section.bytes(
            "timeline_memory",
            ByteSize::from_mib(24),
            ByteSize::from_mib(1)..=ByteSize::from_mib(1024),
        ),
        max_listeners: section.integer("max_listeners", 32, 1..=1024),
    }
}

fn host_names(section: &mut Section<'_, '_>) -> Vec<String> {
    let accepted = "names of hosts without a port, such as [\"gateway.plant.example\"]";
    let names = section.take("host_names", accepted, |value| {
        let names = value.as_array()?.iter().map(|name| Some(name.get_ref().as_str()?.to_ascii_lowercase()));
        names.collect::<Option<Vec<_>>>().filter(|names| names.iter().all(|name| is_host_name(name)))
    });
    names.unwrap_or_default()
}

fn is_host_name(name: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !name.is_empty() && name.len() <= 253 && name.chars().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::HttpSettings;
    use crate::config::Config;

    fn read(http: &str) -> Result<HttpSettings, String> {
        let text = format!("[http]\n{http}\n[mqtt.listen]\n[[mqtt.route]]\ntopic = \"a/{{device}}/{{sensor}}\"\n");
        let config = Config::parse(&text, Path::new("/etc/anomalyd/config.toml"));
        config.map(|config| config.http).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn by_default_it_listens_on_this_machine_only_and_can_be_turned_off() {
        assert_eq!(read("").unwrap().listen, Some("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(read("listen = \"off\"").unwrap().listen, None);
    }

    #[test]
    fn beyond_this_machine_it_listens_only_with_tokens() {
        for address in ["0.0.0.0:8080", "192.168.0.7:80", "[::]:8080"] {
            let listen = format!("listen = \"{address}\"");
            let mistake = read(&listen).unwrap_err();
            assert!(mistake.contains(address) && mistake.contains("anomalyd token NAME"), "{mistake}");
            assert!(read(&format!("{listen}\ntoken_file = \"tokens\"")).is_ok());
        }
        assert!(read("listen = \"[::1]:8080\"").is_ok());
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_name_is_one_of_a_host() {
        assert!(read("certificate_file = \"c\"").unwrap_err().contains("both a certificate and its key"));
        assert!(read("certificate_file = \"c\"\nkey_file = \"k\"").unwrap().tls.is_some());
        assert_eq!(read("host_names = [\"Gateway.Plant\"]").unwrap().host_names, ["gateway.plant"]);
        assert!(read("host_names = [\"https://gateway\"]").is_err());
        assert!(read("listen = 8080").is_err());
    }
}
