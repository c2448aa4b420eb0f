//! Whether the port of the page and the API can be opened, and who may come in by it.

use std::path::{self, PathBuf};

use super::surroundings::first_free_port;
use super::unit::{Access, Unit};
use super::{Findings, count};
use crate::daemon::settings::Settings;
use crate::http::{PortError, PortSettings, try_port};
use crate::store;

const KEY: &str = "http.listen";

/// Checks the port, and says who may come in.
pub(super) fn check_port(settings: &Settings, unit: Option<&Unit>, findings: &mut Findings) {
    let Some(port) = &settings.port else {
        return findings.add("note", KEY, &"the page and the API are not served, but for the local socket");
    };
    let mut port = port.clone();
    let mut files = vec![("http.token_file", port.token_file.as_mut())];
    let (certificate, key) = port.tls.as_mut().map(|tls| (&mut tls.certificate, &mut tls.key)).unzip();
    files.extend([("http.certificate_file", certificate), ("http.key_file", key)]);
    for (key, file) in files.into_iter().filter_map(|(key, file)| Some((key, file?))) {
        if !check_file(key, file, unit, findings) {
            return;
        }
    }
    if let Some(unit) = unit
        && let Some(why) = unit.keeps_from_port(port.address.port(), first_free_port())
    {
        findings.mistake(KEY, why);
    }
    match try_port(&port) {
        Ok(tokens) => findings.add("note", KEY, &who_comes_in(&port, tokens)),
        // The store is in use, so the daemon with this configuration runs and has the port.
        Err(PortError::InUse(address)) if store::is_in_use(&settings.store.directory) => {
            let by = format!("{address} is taken, as it should be: a daemon is running on this configuration's store");
            findings.warn(KEY, by);
        }
        Err(error) => findings.mistake(of_error(&error), error),
    }
}

/// Whether the service can read a file. One that systemd hands over as a credential is looked at where systemd has it from.
fn check_file(key: &'static str, file: &mut PathBuf, unit: Option<&Unit>, findings: &mut Findings) -> bool {
    let Some(unit) = unit else { return true };
    if !file.exists()
        && let Some(loaded) = unit.credential(file)
    {
        match loaded {
            // systemd reads this file as root.
            Ok(source) => *file = source,
            Err(why) => {
                findings.mistake(key, why);
                return false;
            }
        }
    } else {
        let path = path::absolute(&*file).unwrap_or_else(|_| file.clone());
        if let Some(why) = unit.keeps_from(&path, Access::Read) {
            findings.mistake(key, why);
            return false;
        }
    }
    true
}

fn of_error(error: &PortError) -> &'static str {
    match error {
        PortError::Tokens(_) => "http.token_file",
        PortError::Tls(_) => "http.certificate_file",
        PortError::InUse(_) | PortError::System { .. } => KEY,
    }
}

/// Who may come in by the port, in words.
fn who_comes_in(port: &PortSettings, tokens: Option<usize>) -> String {
    let scheme = if port.tls.is_some() { "https" } else { "http" };
    let who = match tokens {
        None => "everybody on this machine may look, and nobody may change anything".to_owned(),
        Some(tokens) => format!("those may come in who have one of {}", count(tokens, "token")),
    };
    format!("the page and the API are on {scheme}://{}; {who}", port.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_in_is_said_in_words() {
        let config = "[http]\nlisten = \"127.0.0.1:8080\"\n";
        let config = format!("{config}[mqtt.listen]\n[[mqtt.route]]\ntopic = \"a/{{device}}/{{sensor}}\"\n");
        let config = crate::config::Config::parse(&config, std::path::Path::new("/c.toml")).unwrap();
        let port = Settings::of(&config).port.unwrap();
        let words = who_comes_in(&port, None);
        assert_eq!(
            words,
            "the page and the API are on http://127.0.0.1:8080; everybody on this machine may look, and nobody may change \
             anything"
        );
        assert!(who_comes_in(&port, Some(1)).ends_with("those may come in who have one of 1 token"));
    }
}
