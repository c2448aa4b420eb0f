//! The demo's folder: configuration and models for the daemon, its store, its prediction files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::{env, io};

use tempfile::TempDir;

use super::leftovers;
use super::models::MODELS;
use super::plant::{LATENESS, TOPIC};

/// How much of the folder stays at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Everything, however the demo ends.
    All,
    /// The prediction files, once there are any to show.
    Predictions,
}

/// A temporary folder with everything that a daemon needs.
#[derive(Debug)]
pub struct Workplace {
    folder: TempDir,
    keep: Keep,
    /// Locked as long as the demo is at work.
    _lock: File,
}

pub(super) const PREDICTIONS: &str = "predictions";
const STORE: &str = "store";

/// The beginning of the names of folders that the next demo removes; folders that are kept have another.
pub(super) const PREFIX: &str = "anomalyd-demo-";
const PREFIX_OF_KEPT: &str = "anomalyd-kept-demo-";

/// The file that a demo locks in its folder.
pub(super) const LOCK: &str = "lock";

impl Workplace {
    /// Makes the folder, with a configuration for a daemon whose page is on `port` of this machine; 0 is a free one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(port: u16, keep: Keep) -> io::Result<Self> {
        Self::create_in(&env::temp_dir(), port, keep)
    }

    fn create_in(parent: &Path, port: u16, keep: Keep) -> io::Result<Self> {
        let prefix = if keep == Keep::All { PREFIX_OF_KEPT } else { PREFIX };
        let mut folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let lock = File::create_new(folder.path().join(LOCK))?;
        lock.lock()?;
        folder.disable_cleanup(keep == Keep::All);
        let models = folder.path().join("models");
        fs::create_dir(&models)?;
        for (name, bytes) in MODELS {
            fs::write(models.join(name), bytes)?;
        }
        let workplace = Self { folder, keep, _lock: lock };
        fs::write(workplace.config(), config_text(port))?;
        Ok(workplace)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's configuration.
    pub fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    /// The daemon's store.
    pub fn store(&self) -> PathBuf {
        self.path().join(STORE)
    }

    /// Where the daemon puts its prediction files.
    pub fn predictions(&self) -> PathBuf {
        self.path().join(PREDICTIONS)
    }

    /// Removes everything but the files to keep of a run that has prediction files to show; removes the folders of
    /// earlier demos.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn finish(mut self) -> io::Result<()> {
        self.folder.disable_cleanup(true);
        leftovers::remove_beside(self.path());
        if self.keep == Keep::All {
            return fs::remove_file(self.path().join(LOCK));
        }
        for entry in fs::read_dir(self.path())? {
            let entry = entry?;
            if entry.file_name() == PREDICTIONS {
                continue;
            }
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
        Ok(())
    }
}

fn config_text(port: u16) -> String {
    format!(
        r#"# Written by anomalyd demo. Folders are relative to this file.
# The plant's hours pass in seconds: its readings are the clock.
clock = "event"

[store]
directory = "{STORE}"

[http]
listen = "127.0.0.1:{port}"

[mqtt.listen]
address = "127.0.0.1:0"

[[mqtt.route]]
topic = "{TOPIC}"
format = "json"
value = "/value"
time = "/ts"

[window]
interval = "1m"
length = "1h"
lateness = "{LATENESS}"

[schedule]
cron = "0 0 * * * *"
event_idle = "never"

[models]
directory = "models"
name = "model_{{device}}_{{sensor}}"

[publish.files]
directory = "{PREDICTIONS}"
decisions = true
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::model::Catalog;

    #[test]
    fn the_configuration_and_the_models_are_what_the_daemon_accepts() {
        let workplace = Workplace::create(0, Keep::Predictions).unwrap();
        let config = Config::read(&workplace.config()).unwrap();
        assert_eq!(config.warnings(), []);
        let settings = crate::daemon::settings::Settings::of(&config);
        let models = &settings.models;
        let catalog = Catalog::read(&models.directory, &models.names, &models.limits).unwrap();
        assert_eq!(catalog.entries.iter().filter(|entry| entry.model.is_ok()).count(), MODELS.len());
    }

    #[test]
    fn a_finished_workplace_holds_the_predictions_alone_unless_all_is_kept_and_is_the_last_of_its_kind() {
        let temporary = tempfile::tempdir().unwrap();
        let demo = |keep| {
            let workplace = Workplace::create_in(temporary.path(), 0, keep).unwrap();
            let path = workplace.path().to_owned();
            fs::create_dir(workplace.predictions()).unwrap();
            workplace.finish().unwrap();
            path
        };
        let entries = |path: &Path| fs::read_dir(path).unwrap().count();
        let first = demo(Keep::Predictions);
        assert!(first.join("predictions").is_dir() && entries(&first) == 1);
        let kept = demo(Keep::All);
        assert!(!first.exists() && kept.join("predictions").is_dir() && entries(&kept) == 3);
        let last = demo(Keep::Predictions);
        assert!(kept.exists() && last.exists() && entries(temporary.path()) == 2);
    }

    #[test]
    fn a_workplace_that_was_not_finished_is_gone_unless_all_is_kept() {
        let temporary = tempfile::tempdir().unwrap();
        for (keep, left) in [(Keep::Predictions, false), (Keep::All, true)] {
            let path = Workplace::create_in(temporary.path(), 0, keep).unwrap().path().to_owned();
            assert_eq!(path.exists(), left);
        }
    }
}
