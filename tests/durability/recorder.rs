//! A daemon whose disk is recorded, and can fail. recorder.c does both, within the daemon's process.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::support::daemon::Daemon;
use super::support::site::Site;

/// What goes wrong with the disk below the store, from now on. Errors are numbers of the system; 0 is none.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    /// Of every write; a full disk refuses those only that need new space.
    pub(crate) write: i32,
    /// Of new names, and of opening files in order to write.
    pub(crate) create: i32,
    /// Of so many syncs, after so many that succeed.
    pub(crate) sync: i32,
    pub(crate) sync_passes: i32,
    pub(crate) sync_fails: i32,
    /// How long a sync takes.
    pub(crate) sync_milliseconds: i32,
    /// The free space that the disk reports, in KiB; negative for the truth.
    pub(crate) free_kib: i32,
}

impl Faults {
    pub(crate) const NONE: Self =
        Self { write: 0, create: 0, sync: 0, sync_passes: 0, sync_fails: 0, sync_milliseconds: 0, free_kib: -1 };
}

/// Records daemons at one site.
pub(crate) struct Recorder {
    /// Logs, control file and shadow, outside of what is recorded.
    directory: TempDir,
    logs: usize,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let recorder = Self { directory: tempfile::tempdir().unwrap(), logs: 0 };
        recorder.set(Faults::NONE);
        recorder
    }

    /// Starts a daemon that is recorded in a new log, and does not wait until it is ready.
    pub(crate) fn spawn(&mut self, site: &Site) -> Daemon {
        Daemon::spawn_with(&site.config(), &self.environment(site))
    }

    /// Runs another command for a site to its end, recorded in a new log.
    pub(crate) fn run(&mut self, site: &Site, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        command.args(arguments).arg("--config").arg(site.config()).envs(self.environment(site)).output().unwrap()
    }

    fn environment(&mut self, site: &Site) -> Vec<(&'static str, PathBuf)> {
        self.logs += 1;
        let mut environment = vec![
            ("LD_PRELOAD", library().to_owned()),
            ("RECORDER_LOG", self.log()),
            ("RECORDER_ROOT", site.path("")),
            ("RECORDER_FAULTS", site.path("store")),
            ("RECORDER_CONTROL", self.control()),
        ];
        // The recorder compares paths as texts.
        let root = site.path("").to_str().unwrap().trim_end_matches('/').to_owned();
        environment[2].1 = root.into();
        if self.shadow().exists() {
            environment.push(("RECORDER_SHADOW", self.shadow()));
        }
        environment
    }

    /// The entries of the last process so far.
    pub(crate) fn read_log(&self) -> Vec<u8> {
        fs::read(self.log()).unwrap()
    }

    /// Sets the faults of the moment, also for a daemon that runs.
    pub(crate) fn set(&self, faults: Faults) {
        let Faults { write, create, sync, sync_passes, sync_fails, sync_milliseconds, free_kib } = faults;
        let fields = [write, create, sync, sync_passes, sync_fails, sync_milliseconds, free_kib];
        let bytes: Vec<u8> = fields.into_iter().flat_map(i32::to_le_bytes).collect();
        // The daemon has the file mapped.
        let file = fs::File::options().write(true).create(true).truncate(false).open(self.control()).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
    }

    /// The folder with what the disk holds where that is not what the page cache shows. Once it is there, daemons that
    /// begin read it after they had pages dropped.
    pub(crate) fn shadow(&self) -> PathBuf {
        self.directory.path().join("shadow")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join(format!("log-{}", self.logs))
    }

    fn control(&self) -> PathBuf {
        self.directory.path().join("faults")
    }
}

/// The recorder, compiled once a test run. Rust links by `cc`, so it is there.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recorder-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/recorder.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        assert!(compiler.status().unwrap().success(), "{compiler:?}");
        library
    })
}
