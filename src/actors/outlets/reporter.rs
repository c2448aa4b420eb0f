//! The reporter: writes all metrics into a file, in the Prometheus text format, at a fixed period.
//!
//! It writes a file rather than opens a port, so that nothing need listen; node_exporter's textfile collector or a
//! person can read the file. The file is written under another name and renamed. It belongs on a file system in memory,
//! because frequent writes would wear flash.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::actors::sources::intake::Intake;
use crate::actors::sources::source::{CloseKind, SourceCounters};
use crate::store::Reader;
use crate::telemetry::disk;
use crate::telemetry::metrics::{self, Exposition};
use crate::warn_limited;

/// Where and how often metrics are written.
#[derive(Clone, Debug)]
pub struct ReporterSettings {
    /// The file.
    pub file: PathBuf,
    /// How often the file is written.
    pub every: Duration,
}

/// The values to report beside the metrics that count themselves.
#[derive(Clone)]
pub struct Reported {
    /// Each source with its name.
    pub sources: Vec<(&'static str, Arc<SourceCounters>)>,
    /// The way from the sources to the disk.
    pub intake: Intake,
    /// The store.
    pub reader: Reader,
}

/// Writes the metrics until the daemon stops.
pub async fn report(settings: ReporterSettings, reported: Reported) {
    loop {
        let text = render(&reported);
        if let Err(error) = write(&settings.file, &text).await {
            let file = settings.file.display();
            warn_limited!(%file, "the metrics cannot be written (metrics.file): {error}");
        }
        tokio::time::sleep(settings.every).await;
    }
}

/// Every user may read the file, whatever the process's umask is, because a metrics collector runs as another user.
const MODE: u32 = 0o644;

async fn write(file: &Path, text: &str) -> io::Result<()> {
    let partial = file.with_extension("part");
    // Others may write to the folder too: a link or a pipe in its place is neither followed nor waited for.
    match tokio::fs::remove_file(&partial).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = tokio::fs::File::create_new(&partial).await?;
    written.write_all(text.as_bytes()).await?;
    written.flush().await?;
    written.set_permissions(Permissions::from_mode(MODE)).await?;
    tokio::fs::rename(&partial, file).await
}

/// A metric of a source: its name, what it counts, and how it is read.
type Counted = (&'static str, &'static str, fn(&SourceCounters) -> u64);

fn render(reported: &Reported) -> String {
    metrics::INTAKE_WAITING_BYTES.set(reported.intake.waiting_bytes());
    metrics::DISK_WRITTEN_BYTES.set(disk::written_bytes().unwrap_or_default());
    metrics::STORE_BYTES.set(reported.reader.size_bytes().unwrap_or_default());
    let mut text = Exposition.to_string();
    let counted: [Counted; 9] = [
        ("anomalyd_connections", "Connections that are open.", SourceCounters::connections_open),
        ("anomalyd_connections_opened_total", "Connections that were opened.", |source| {
            source.connections_opened.get()
        }),
        ("anomalyd_connections_refused_total", "Connections turned away at the bound.", |source| {
            source.connections_refused.get()
        }),
        (
            "anomalyd_connections_turned_away_total",
            "Connections turned away because their address has too many, or too many that failed.",
            |source| source.addresses_turned_away.get(),
        ),
        ("anomalyd_messages_total", "Messages taken in.", |source| source.messages.get()),
        ("anomalyd_messages_repeated_total", "QoS 2 messages that came again.", |source| source.repeated.get()),
        ("anomalyd_message_bytes_total", "Bytes taken in.", |source| source.bytes.get()),
        ("anomalyd_acknowledgements_total", "Messages acknowledged, each on the disk before.", |source| {
            source.acks.get()
        }),
        ("anomalyd_messages_shed_total", "QoS 0 messages dropped because the disk did not keep up.", |source| {
            source.shed.get()
        }),
    ];
    for (name, help, count) in counted {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        // Writing into a string has no way to fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (source, counters) in &reported.sources {
            let _ = writeln!(text, "{name}{{source=\"{source}\"}} {}", count(counters));
        }
    }
    let name = "anomalyd_connections_closed_total";
    let _ = writeln!(text, "# HELP {name} Connections that ended, by the reason.\n# TYPE {name} counter");
    for (source, counters) in &reported.sources {
        for kind in CloseKind::ALL {
            let (reason, count) = (kind.name(), counters.closed(kind));
            let _ = writeln!(text, "{name}{{source=\"{source}\",reason=\"{reason}\"}} {count}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn a_link_in_the_place_of_the_unfinished_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [file, partial, elsewhere] =
            ["metrics.prom", "metrics.part", "elsewhere"].map(|name| folder.path().join(name));
        fs::write(&elsewhere, "another's").unwrap();
        symlink(&elsewhere, &partial).unwrap();
        for _ in 0..2 {
            write(&file, "ours").await.unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "ours");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, MODE);
        }
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "another's");
        assert!(!file.is_symlink() && !partial.exists());
    }
}
