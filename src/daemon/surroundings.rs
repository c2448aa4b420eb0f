//! What the API's answers need to know of this daemon: values of its configuration, and questions to its parts.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use super::settings::Settings;
use crate::actors::outlets::publisher;
use crate::answers::{Configuration, ConfigurationState, Version};
use crate::config::{Config, ConfigError};
use crate::overview::{DiskSample, OrderReach, RememberedStatus, Surroundings};
use crate::time::Timestamp;

/// What the answers need to know.
pub(super) fn surroundings(config: &Config, settings: &Settings) -> Surroundings {
    let (in_force, read) = (config.clone(), Timestamp::now());
    Surroundings {
        store: settings.store.directory.clone(),
        store_max_bytes: settings.store.shed.max_bytes,
        sinks: [settings.files.as_ref().map(|_| publisher::FILES), settings.mqtt.as_ref().map(|_| publisher::MQTT)]
            .into_iter()
            .flatten()
            .collect(),
        order_reach: OrderReach { kept: config.kept_for_scoring_again(), verdict_runs: settings.store.verdict_runs },
        started: Instant::now(),
        disk_at_start: DiskSample::of(&settings.store.directory),
        configuration: Box::new(move || configuration(&in_force, read)),
        version: version(config, settings),
        lately: Mutex::default(),
        remembered: Mutex::<RememberedStatus>::default(),
    }
}

/// Compares what is in force with what its file says now.
fn configuration(in_force: &Config, read: Timestamp) -> Configuration {
    let origin = &in_force.origin;
    let (state, differences) = match Config::read(origin.file()) {
        Ok(now) if now == *in_force => (ConfigurationState::InForce, Vec::new()),
        Ok(now) => (ConfigurationState::Changed, origin.differences(&now.origin)),
        Err(ConfigError::Mistakes { mistakes, .. }) => {
            let lines = mistakes.iter().map(|mistake| format!("line {}, {mistake}", mistake.line));
            (ConfigurationState::Invalid, lines.collect())
        }
        Err(error @ (ConfigError::NotText { .. } | ConfigError::TooLarge { .. })) => {
            (ConfigurationState::Invalid, vec![error.to_string()])
        }
        Err(error @ ConfigError::Unreadable { .. }) => (ConfigurationState::Unreadable, vec![error.to_string()]),
    };
    Configuration { file: origin.file().display().to_string(), read, state, differences, text: origin.public_text() }
}

/// Which release this is, what it listens on and what it may touch.
fn version(config: &Config, settings: &Settings) -> Version {
    let Config { store, mqtt, models, publish, metrics, http, .. } = config;
    let folder = |path: &Path| path.display().to_string();
    let listener = mqtt.listen.as_ref().map(|listen| format!("MQTT on {}", listen.address));
    let socket = format!("commands on the socket {}", settings.socket.socket.path.display());
    let scheme = if http.tls.is_some() { "HTTPS" } else { "HTTP" };
    let port = http.listen.map(|address| format!("{scheme} on {address}"));
    let token_file = http.token_file.as_deref().map(folder);
    let broker = mqtt.connect.as_ref().map(|connect| format!("the MQTT broker at {}:{}", connect.host, connect.port));
    let files = publish.files.as_ref().map(|files| folder(&files.directory));
    let metrics = metrics.as_ref().map(|metrics| folder(&metrics.file));
    Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        user: user(),
        store: folder(&store.directory),
        listens: listener.into_iter().chain(port).chain([socket]).collect(),
        connects: broker.into_iter().collect(),
        reads: [folder(config.origin.file()), folder(&models.directory)].into_iter().chain(token_file).collect(),
        writes: std::iter::once(folder(&store.directory)).chain(files).chain(metrics).collect(),
    }
}

/// The name of the system's user that this process runs as; its number when it has no name.
fn user() -> String {
    let number = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(number.as_str())).then(|| name.to_owned())
    });
    named.unwrap_or(number)
}
