//! `[mqtt.connect]`: a broker that is already there.

use std::fmt;
use std::io::Read;
use std::path::Path;

use super::backoff::{self, BackoffSettings};
use super::bytes::ByteSize;
use super::listen::PACKET_SIZES;
use super::reader::Section;
use crate::time::Span;

/// The broker, and how we appear to it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are. The broker keeps our session under this name.
    pub client_id: String,
    /// How we prove it, if the broker asks.
    pub credentials: Option<Credentials>,
    /// What the broker promises us of each message.
    pub qos: Qos,
    /// How long the line may be silent before it is probed.
    pub keep_alive: Span,
    /// The largest packet that is read.
    pub max_packet: ByteSize,
    /// How long to wait before connecting again.
    pub backoff: BackoffSettings,
}

/// A user and, mostly, a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Option<Secret>,
}

/// A text that never appears in a log, a message or a page.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the broker promises us of each message. There is no exactly once: a repeated reading counts once anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// Messages on their way are lost when the line breaks.
    AtMostOnce,
    /// Each message comes again until it is on our disk.
    AtLeastOnce,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> ConnectSettings {
    let host = section.parsed("host", "a host name or an address, such as \"localhost\" or \"192.168.0.7\"", host);
    let client_id = section.take("client_id", "a name of 1 to 128 characters without control characters", |value| {
        value.as_str().filter(|id| (1..=128).contains(&id.chars().count()) && !id.contains(char::is_control))
    });
    let qos =
        section.take("qos", "0 (at most once) or 1 (at least once)", |value| match value.as_integer()?.as_str() {
            "0" => Some(Qos::AtMostOnce),
            "1" => Some(Qos::AtLeastOnce),
            _ => None,
        });
    ConnectSettings {
        host: host.unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: section.integer("port", 1883, 1..=65_535),
        client_id: client_id.unwrap_or("anomalyd").to_owned(),
        credentials: credentials(section),
        qos: qos.unwrap_or(Qos::AtLeastOnce),
        keep_alive: section.span("keep_alive", Span::from_secs(30), Span::from_secs(1)..=Span::from_secs(65_535)),
        max_packet: section.bytes("max_packet", ByteSize::from_mib(1), PACKET_SIZES),
        backoff: backoff::read(section, Span::from_millis(500), Span::from_secs(30)),
    }
}

fn host(text: &str) -> Result<String, &'static str> {
    if text.contains("://") {
        return Err("a scheme has no place here");
    }
    if text.parse::<std::net::IpAddr>().is_err() && text.contains(':') {
        return Err("the port has its own key");
    }
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Err("this names no host");
    }
    Ok(text.to_owned())
}

fn credentials(section: &mut Section<'_, '_>) -> Option<Credentials> {
    let username = section.take("username", "a user's name", |value| value.as_str().filter(|name| !name.is_empty()));
    let literal = section.take("password", "a text", |value| value.as_str().map(|text| Secret(text.to_owned())));
    let folder = section.folder();
    let accepted = "a readable file that holds the password and nothing else";
    let from_file = section.parsed("password_file", accepted, |path| secret_file(&folder.join(path)));
    let (has_literal, has_file) = (section.has("password"), section.has("password_file"));
    if has_literal && has_file {
        section.rule(&["password_file", "password"], "there is a password as well; keep one of them");
    }
    if (has_literal || has_file) && !section.has("username") {
        let key = if has_file { "password_file" } else { "password" };
        section.rule(&[key], "there is no username; MQTT takes a password only with one");
    }
    Some(Credentials { username: username?.to_owned(), password: from_file.or(literal) })
}

/// Reads a secret from a file, without the line ends behind it.
fn secret_file(path: &Path) -> Result<Secret, String> {
    // MQTT 3.1.1, section 3.1.3.5: a password has at most 65,535 bytes.
    const LONGEST: u64 = 65_535;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| format!("cannot open it: {error}"))?;
    file.take(LONGEST + 3).read_to_end(&mut bytes).map_err(|error| format!("cannot read it: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())?;
    let secret = text.trim_end_matches(['\r', '\n']);
    match secret.len() as u64 {
        0 => Err("it is empty".to_owned()),
        1..=LONGEST => Ok(Secret(secret.to_owned())),
        _ => Err(format!("it has more than {LONGEST} bytes")),
    }
}
