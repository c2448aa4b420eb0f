//! Under which names browsers may reach the port.
//!
//! A page of another site can give its own name our address, and then reads our answers as its own (DNS rebinding). It
//! cannot choose what its browser sends as `Host`: so only names that are ours are answered. An address that is written in
//! numbers is always ours, as it needs no name.

use std::fs;
use std::net::IpAddr;

/// The names of this machine.
#[derive(Debug)]
pub(super) struct HostNames(Vec<String>);

impl HostNames {
    /// The names that the configuration adds, and those that the machine has by itself.
    pub(super) fn with(configured: &[String]) -> Self {
        let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_ascii_lowercase();
        let mut names = vec!["localhost".to_owned()];
        if !own.is_empty() {
            names.push(format!("{own}.local"));
            names.push(own);
        }
        names.extend(configured.iter().cloned());
        Self(names)
    }

    /// Whether the `Host` of a request is this machine.
    pub(super) fn admit(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
        address.parse::<IpAddr>().is_ok() || self.0.contains(&name)
    }
}

/// A host without its port; `None` when what stands behind the colon is no port.
fn without_port(host: &str) -> Option<&str> {
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    match host.rsplit_once(':') {
        // The colon is one of an address in brackets.
        Some((_, behind)) if behind.ends_with(']') => Some(host),
        Some((name, port)) => is_port(port).then_some(name),
        None => Some(host),
    }
}

/// Whether what a page sends as `Origin` is this host: a page of another site may ask for nothing here, though the
/// browser would send our cookie along.
pub(super) fn is_same_origin(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_is_not_admitted_and_an_address_is() {
        let names = HostNames(vec!["localhost".to_owned(), "gateway.plant".to_owned()]);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "gateway.plant:80",
            "gateway.plant.",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(names.admit(host), "{host}");
        }
        for host in
            ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "", ":8080", "localhost:x"]
        {
            assert!(!names.admit(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_ours_only_with_our_host_and_port() {
        assert!(is_same_origin("http://localhost:8080", "localhost:8080"));
        assert!(is_same_origin("https://gateway.plant", "Gateway.plant"));
        for origin in ["http://localhost:8081", "http://evil.example", "null", "", "file://localhost:8080"] {
            assert!(!is_same_origin(origin, "localhost:8080"), "{origin}");
        }
    }
}
