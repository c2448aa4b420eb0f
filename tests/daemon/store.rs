//! The store's folder: reading commands change nothing in it, what was set aside is not forgotten, and a daemon whose disk
//! refuses says so last.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::plant;
use crate::support::site::{Site, anomalyd};

/// A user that is not root, whether or not it has a name here.
const SERVICE_USER: u32 = 65_533;

/// What can be seen of a file or folder.
#[derive(PartialEq, Debug)]
struct Seen {
    path: PathBuf,
    owner: (u32, u32),
    mode: u32,
    modified: (i64, i64),
    changed: (i64, i64),
    bytes: Vec<u8>,
}

/// Everything in a folder, and the folder itself.
fn seen(folder: &Path) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut paths = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        let metadata: Metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.push(Seen {
            owner: (metadata.uid(), metadata.gid()),
            mode: metadata.mode(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            bytes: if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() },
            path,
        });
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// A place whose daemon has stored some verdicts, and has ended.
fn site_with_a_store() -> Site {
    let site = Site::new(&plant::settings().with("schedule.event_idle", "\"500ms\""));
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    daemon.stop();
    site
}

/// Gives the store to another user, if we may.
fn give_away(folder: &Path) {
    for Seen { path, .. } in seen(folder) {
        if chown(&path, Some(SERVICE_USER), Some(SERVICE_USER)).is_err() {
            println!("not root: the store keeps its owner, and only the rest of this is tested");
            return;
        }
    }
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    let config = site.config();
    anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat())
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const DUMPS: [&str; 5] = ["runs", "verdicts", "models", "rejects", "sensors"];

#[test]
fn what_only_reads_changes_nothing_in_the_store() {
    let site = site_with_a_store();
    let store = site.path("store");
    give_away(&store);
    let before = seen(&store);
    for what in DUMPS {
        let output = run(&site, &["dump", what]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout.is_empty(), what == "rejects", "{output:?}");
        assert_eq!(seen(&store), before, "dump {what}");
    }
    for command in [&["check"][..], &["store", "check"], &["store", "stat"]] {
        let checked = run(&site, command);
        assert!(checked.status.success(), "{}", said(&checked));
        assert_eq!(seen(&store), before, "{command:?}");
    }
    assert!(said(&run(&site, &["reload"])).contains("no daemon runs"));
    assert_eq!(seen(&store), before, "reload");
}

#[test]
fn a_damaged_store_is_left_as_it_is_by_what_only_reads() {
    let site = site_with_a_store();
    let store = site.path("store");
    give_away(&store);
    fs::write(store.join("data/conf"), b"not what was written").unwrap();
    let before = seen(&store);
    for what in DUMPS {
        let output = run(&site, &["dump", what]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = said(&output);
        assert!(said.contains("is damaged") && said.contains("nothing in it was changed"), "{said}");
        assert!(said.contains(store.to_str().unwrap()), "{said}");
        assert_eq!(seen(&store), before, "dump {what}");
    }
    run(&site, &["check"]);
    assert!(said(&run(&site, &["reload"])).contains("no daemon runs"));
    assert_eq!(seen(&store), before);
}

#[test]
fn a_store_that_may_not_be_read_or_copied_is_named() {
    let site = site_with_a_store();
    let dump = |temporary: &Path, user: Option<u32>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        command.args(["dump", "runs", "--config"]).arg(site.config()).env("TMPDIR", temporary);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        command.output()
    };
    let output = dump(&site.path("nowhere"), None).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let refused = said(&output);
    assert!(refused.contains("nowhere") && refused.contains("TMPDIR"), "{refused}");

    let temporary = site.path("temporary");
    fs::create_dir(&temporary).unwrap();
    assert!(dump(&temporary, None).unwrap().status.success());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "the copy is gone");

    // Root may read everything, so this takes another user.
    let others = fs::Permissions::from_mode(0o755);
    fs::set_permissions(site.config().parent().unwrap(), others).unwrap();
    fs::set_permissions(site.path("store/data/db"), fs::Permissions::from_mode(0o600)).unwrap();
    for folder_mode in [0o755, 0o700] {
        fs::set_permissions(site.path("store"), fs::Permissions::from_mode(folder_mode)).unwrap();
        let Ok(output) = dump(Path::new("/tmp"), Some(SERVICE_USER)) else {
            println!("not root: what another user may not read is not tested");
            return;
        };
        let refused = said(&output);
        assert_eq!(output.status.code(), Some(1), "{refused}");
        assert!(refused.contains("cannot be read") && refused.contains("be root, or the user"), "{refused}");
    }
}

#[test]
fn what_was_set_aside_is_said_until_somebody_has_dealt_with_it() {
    let site = Site::new(&plant::settings());
    site.start().stop();
    fs::write(site.path("store/data/conf"), b"not what was written").unwrap();
    let mut daemon = site.start();
    daemon.wait_for("the damage", |line| line["level"] == "ERROR" && line["message"].to_string().contains("set aside"));
    daemon.stop();
    let aside = fs::read_dir(site.path("store")).unwrap().map(|entry| entry.unwrap().path());
    let aside = aside.filter(|path| path.to_str().unwrap().contains("damaged-")).collect::<Vec<_>>();
    let [aside] = &aside[..] else { panic!("{aside:?}") };

    let mut daemon = site.start();
    let name = aside.to_str().unwrap();
    daemon.wait_for("the warning", |line| line["level"] == "WARN" && line["message"].to_string().contains(name));
    daemon.stop();
    let checked = said(&run(&site, &["check"]));
    for word in ["warning: store.directory", name, " at 2", "MiB", "remove it"] {
        assert!(checked.contains(word), "{word} is not in {checked}");
    }

    fs::remove_dir_all(aside).unwrap();
    let checked = said(&run(&site, &["check"]));
    assert!(!checked.contains("set aside"), "{checked}");
    let daemon = site.start();
    assert!(!daemon.text().contains("set aside"), "{}", daemon.text());
    daemon.stop();
}

/// Runs the daemon where no file can grow beyond so many KiB, as on a disk that refuses.
fn run_on_a_disk_that_ends_at(site: &Site, kib: u32) -> std::process::Child {
    let limited = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    Command::new("bash")
        .args(["-c", &limited, "bash", env!("CARGO_BIN_EXE_anomalyd"), "run", "--config"])
        .arg(site.config())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_daemon_whose_disk_refuses_says_so_and_ends_without_a_panic() {
    let site = Site::new(&plant::settings());
    for kib in [1, 600, 2100] {
        let daemon = run_on_a_disk_that_ends_at(&site, kib);
        let port = site.port();
        let load = std::thread::spawn(move || {
            // Nobody takes the readings once the daemon has ended.
            let _ = std::panic::catch_unwind(|| plant::publish_all(port, &plant::readings(7)));
        });
        let output = daemon.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{kib} KiB: {log}");
        assert!(!log.contains("panicked"), "{kib} KiB: {log}");
        assert!(log.lines().last().unwrap().starts_with("anomalyd: "), "{kib} KiB: {log}");
        assert!(log.contains("File too large"), "{kib} KiB: {log}");
        drop(load);
        fs::remove_dir_all(site.path("store")).unwrap();
    }
}

#[test]
fn models_find_room_among_more_sensors_than_are_accepted() {
    let settings = plant::settings().with("schedule.event_idle", "\"500ms\"").with("limits.sensors", "1");
    let site = Site::new(&settings);
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    daemon.stop();
    site.start().stop();
    assert_eq!(site.dump("sensors").lines().count(), 15, "all have models");
}
