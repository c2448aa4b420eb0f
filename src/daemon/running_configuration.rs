//! Notes which configuration a running daemon read, so that `reload` can say when a restart is needed.
//!
//! The daemon notes a digest of its configuration in a file in its store's folder. The digest is made of the settings,
//! without the password: a changed comment is no change, and the digest tells nothing of a secret.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::store;

const FILE: &str = "configuration";

/// Notes the configuration of this process. A failure is ignored: without the note, changes are not reported, and
/// nothing else suffers.
pub(crate) fn note(directory: &Path, config: &Config) {
    if let Err(error) = store::write_note(directory, FILE, &digest(config)) {
        tracing::warn!("the digest of the configuration cannot be noted: {error}");
    }
}

/// Whether the daemon that has the store in this folder runs with another configuration than this. `false` when that is
/// not known.
pub(crate) fn is_another(directory: &Path, config: &Config) -> bool {
    store::read_note(directory, FILE).is_ok_and(|noted| noted != digest(config).as_bytes())
}

fn digest(config: &Config) -> String {
    // `Debug` output of the configuration hides secrets. Another version of the program may print it otherwise; then a
    // restart is due as well.
    let rendered = format!("{} {config:?}", env!("CARGO_PKG_VERSION"));
    Sha256::digest(rendered).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let least = "[mqtt.listen]\n[mqtt.connect]\nport = 1884\nusername = \"a\"\n";
        let route = "[[mqtt.route]]\ntopic = \"plant/{device}/{sensor}\"\n";
        Config::parse(&format!("{least}{text}\n{route}"), Path::new("config.toml")).unwrap()
    }

    #[test]
    fn another_value_is_a_change_and_another_comment_or_password_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_another(folder.path(), &config("")), "nothing is known");
        note(folder.path(), &config("password = \"one\""));
        assert!(!is_another(folder.path(), &config("# hello\nqos = 1\npassword = \"two\"")));
        assert!(is_another(folder.path(), &config("qos = 0")));
        assert!(is_another(folder.path(), &config("[window]\nlength = \"2h\"")));
    }
}
