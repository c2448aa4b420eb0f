//! `[mqtt.connect]`: a broker that exists already, to which the daemon subscribes.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::backoff::{self, BackoffSettings};
use super::bytes::ByteSize;
use super::listen::PACKET_SIZES;
use super::reader::Section;
use crate::actors::sources::broker::{Login, Secret, SubscriptionQos};
use crate::time::Span;

/// The broker, and the client that we are to it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our client id. The broker keeps our session under it.
    pub client_id: String,
    /// Our login; `None` when none is configured.
    pub login: Option<LoginSettings>,
    /// The quality of service of our subscriptions.
    pub qos: SubscriptionQos,
    /// How long the connection may be silent before the broker is asked for a sign of life.
    pub keep_alive: Span,
    /// The largest packet that is accepted.
    pub max_packet: ByteSize,
    /// How long to wait before connecting again.
    pub backoff: BackoffSettings,
}

/// How we log in at the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginSettings {
    /// The user's name.
    pub username: String,
    /// Where the password is.
    pub password: Password,
}

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// In the configuration itself. Empty when no password is given.
    Literal(Secret),
    /// In a file.
    File(PathBuf),
}

/// Why there is no password to log in with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the broker's password in {} cannot be used: {problem}; mqtt.connect.password_file must name a file that the daemon \
    may read, with the password and nothing else in it", file.display())]
pub struct PasswordError {
    file: PathBuf,
    problem: String,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> ConnectSettings {
    let host = section.parsed("host", "a host name or an address, such as \"localhost\" or \"192.168.0.7\"", host);
    let client_id = section.take("client_id", "a name of 1 to 128 characters without control characters", |value| {
        value.as_str().filter(|id| (1..=128).contains(&id.chars().count()) && !id.contains(char::is_control))
    });
    let qos = section.take("qos", "0 (at most once), 1 (at least once) or 2 (exactly once)", |value| {
        match value.as_integer()?.as_str() {
            "0" => Some(SubscriptionQos::AtMostOnce),
            "1" => Some(SubscriptionQos::AtLeastOnce),
            "2" => Some(SubscriptionQos::ExactlyOnce),
            _ => None,
        }
    });
    ConnectSettings {
        host: host.unwrap_or_else(|| "127.0.0.1".to_owned()),
        port: section.integer("port", 1883, 1..=65_535),
        client_id: client_id.unwrap_or("anomalyd").to_owned(),
        login: login(section),
        qos: qos.unwrap_or(SubscriptionQos::AtLeastOnce),
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

fn login(section: &mut Section<'_, '_>) -> Option<LoginSettings> {
    let username = section.take("username", "a user's name", |value| value.as_str().filter(|name| !name.is_empty()));
    let literal = section.take("password", "a text", |value| value.as_str().map(|text| Secret::new(text.to_owned())));
    let file = section.optional_path("password_file");
    let (has_literal, has_file) = (section.has("password"), section.has("password_file"));
    if has_literal && has_file {
        section.rule(&["password_file", "password"], "there is a password as well; keep one of them");
    }
    if (has_literal || has_file) && !section.has("username") {
        let key = if has_file { "password_file" } else { "password" };
        section.rule(&[key], "there is no username; MQTT takes a password only with one");
    }
    let literal = Password::Literal(literal.unwrap_or_else(|| Secret::new(String::new())));
    Some(LoginSettings { username: username?.to_owned(), password: file.map_or(literal, Password::File) })
}

impl LoginSettings {
    /// The login with its password. The password is read only when a connection is made: a command that only reads the
    /// store, or asks for a reload, need not have permission to read it.
    ///
    /// # Errors
    /// When the password's file cannot be used.
    pub fn read(&self) -> Result<Login, PasswordError> {
        let password = match &self.password {
            Password::Literal(secret) => secret.clone(),
            Password::File(file) => {
                secret_file(file).map_err(|problem| PasswordError { file: file.clone(), problem })?
            }
        };
        Ok(Login { username: self.username.clone(), password })
    }
}

/// Reads a secret from a file, without a byte order mark at its beginning and line ends at its end.
fn secret_file(path: &Path) -> Result<Secret, String> {
    // MQTT 3.1.1, section 3.1.3.5: a password has at most 65,535 bytes.
    const LONGEST: u64 = 65_535;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| format!("cannot open it: {error}"))?;
    file.take(LONGEST + 6).read_to_end(&mut bytes).map_err(|error| format!("cannot read it: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())?;
    let secret = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    match secret.len() as u64 {
        0 => Err("it is empty".to_owned()),
        1..=LONGEST => Ok(Secret::new(secret.to_owned())),
        _ => Err(format!("it has more than {LONGEST} bytes")),
    }
}
