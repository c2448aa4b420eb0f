//! The exit codes of the commands.
//!
//! A supervisor such as systemd starts a daemon that failed again. It should not do so when a restart cannot mend the
//! failure: a configuration that is refused once is refused again. So that failure has a code of its own, which the
//! unit names in `RestartPreventExitStatus`.

use crate::cli::dump::DumpCommandError;
use crate::cli::export::ExportCommandError;
use crate::cli::import::ImportError;
use crate::cli::rejects::RejectsError;
use crate::cli::route_test::RouteTestError;
use crate::cli::store_access::StoreAccessError;
use crate::config::ConfigError;
use crate::daemon::DaemonError;
use crate::store::{BackupError, RepairError, StoreError};
use crate::telemetry::logging::LogError;

/// The command failed, or its answer is no.
pub const FAILURE: u8 = 1;
/// It was called wrongly.
pub const USAGE: u8 = 2;
/// The configuration, or what it names, has to be changed first: `EX_CONFIG` of `sysexits.h`.
pub const CONFIGURATION: u8 = 78;

/// The code of an error.
pub fn of(error: &anyhow::Error) -> u8 {
    let is_lasting = error.is::<ConfigError>()
        || error.is::<LogError>()
        || error.downcast_ref().is_some_and(DaemonError::is_lasting)
        || error.downcast_ref().is_some_and(DumpCommandError::is_lasting)
        || error.downcast_ref().is_some_and(ExportCommandError::is_lasting)
        || error.downcast_ref().is_some_and(ImportError::is_lasting)
        || error.downcast_ref().is_some_and(StoreAccessError::is_lasting)
        || error.downcast_ref().is_some_and(RejectsError::is_lasting)
        || error.downcast_ref().is_some_and(RouteTestError::is_lasting)
        || error.downcast_ref().is_some_and(StoreError::is_lasting)
        || error.downcast_ref().is_some_and(BackupError::is_lasting)
        || error.downcast_ref().is_some_and(RepairError::is_lasting);
    match error.downcast_ref() {
        Some(ExportCommandError::NoSensors(_) | ExportCommandError::NoTime { .. } | ExportCommandError::Terminal) => {
            USAGE
        }
        _ if is_lasting => CONFIGURATION,
        _ => FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::actors::scoring::model_loader::StartError;
    use crate::actors::sources::broker::BrokerError;
    use crate::actors::sources::listener::ListenError;
    use crate::interval::Cut;
    use crate::model::CatalogError;
    use crate::sensor::{SensorDirectory, SensorName};
    use crate::time::Span;

    fn code(error: impl Into<DaemonError>) -> u8 {
        of(&anyhow::Error::from(error.into()))
    }

    fn directory(kind: io::ErrorKind) -> StoreError {
        StoreError::Directory { directory: PathBuf::from("/store"), problem: kind.into() }
    }

    #[test]
    fn what_a_restart_cannot_mend_is_a_matter_of_configuration() {
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let store = PathBuf::from("/store");
        let full =
            SensorDirectory::new(0, Vec::new()).intern(&SensorName::new("press-1", "flow").unwrap()).unwrap_err();
        let lasting = [
            code(StoreError::OtherCut { directory: store.clone(), stored: cut, configured: cut }),
            code(StoreError::OtherRing { directory: store.clone(), key: "store.keep_runs", stored: 1, configured: 2 }),
            of(&StoreError::OtherFormat { directory: store.clone(), found: 2 }.into()),
            code(StoreError::OtherFormat { directory: store, found: 2 }),
            code(directory(io::ErrorKind::PermissionDenied)),
            code(directory(io::ErrorKind::NotADirectory)),
            code(directory(io::ErrorKind::ReadOnlyFilesystem)),
            code(ListenError::Forbidden(([127, 0, 0, 1], 883).into())),
            code(BrokerError::NoHost),
            code(StartError::from(CatalogError::TooMany { path: PathBuf::from("/models"), max: 1 })),
            code(StartError::from(full)),
        ];
        assert_eq!(lasting, [CONFIGURATION; 11]);
    }

    #[test]
    fn what_may_pass_by_itself_is_a_failure() {
        let passing = [
            code(StoreError::InUse { directory: PathBuf::from("/store") }),
            code(StoreError::Sync(io::ErrorKind::StorageFull.into())),
            code(directory(io::ErrorKind::StorageFull)),
            code(directory(io::ErrorKind::NotFound)),
            code(ListenError::AddressInUse(([127, 0, 0, 1], 1883).into())),
            code(ListenError::NoSuchAddress(([192, 0, 2, 1], 1883).into())),
            code(DaemonError::CommitterPanicked),
            code(io::Error::from(io::ErrorKind::OutOfMemory)),
        ];
        assert_eq!(passing, [FAILURE; 8]);
    }
}
