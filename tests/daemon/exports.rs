//! Tables go out of a store, and histories come in, beside the running daemon.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anomalyd::time::{Span, Timestamp};

use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};
use crate::support::{PATIENCE, eventually};

/// A user that is not root, whether or not it has a name here.
const STRANGER: u32 = 65_532;

fn settings() -> Settings {
    plant::settings().with("schedule.event_idle", "\"500ms\"")
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    let config = site.config();
    anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat())
}

fn export(site: &Site, arguments: &[&str]) -> String {
    let output = run(site, &[&["export"], arguments].concat());
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn socket(site: &Site) -> PathBuf {
    site.path("store/anomalyd.sock")
}

/// Asks the daemon in the words of HTTP.
fn ask(site: &Site, path: &str) -> UnixStream {
    let mut stream = UnixStream::connect(socket(site)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: anomalyd\r\n\r\n").unwrap();
    stream
}

const TABLES: [&str; 5] = ["readings", "intervals", "verdicts", "runs", "rejects"];

#[test]
fn what_is_exported_beside_the_daemon_is_what_is_exported_without_it() {
    let site = Site::new(&settings());
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    let formats = |table: &str| ["csv", "jsonl"].map(|format| export(&site, &[table, "--format", format]));
    let beside = TABLES.map(formats);
    let dumps = ["runs", "verdicts", "models", "rejects", "sensors"];
    let dumped = dumps.map(|what| site.dump(what));
    daemon.stop();
    assert_eq!(TABLES.map(formats), beside);
    assert_eq!(dumps.map(|what| site.dump(what)), dumped);

    let [readings, intervals, verdicts, runs, _] = &beside;
    assert!(intervals[0].starts_with("start,end,device,sensor,count,mean,min,max,"), "{}", intervals[0]);
    assert!(verdicts[0].contains(",scored,10,"), "{}", verdicts[0]);
    assert_eq!(runs[0].lines().count(), 1 + runs[1].lines().count());
    assert!(readings[0].starts_with("time,device,sensor,value\n"), "{}", readings[0]);
}

#[test]
fn a_selection_takes_what_it_says() {
    let site = Site::new(&settings());
    let mut daemon = site.start();
    let readings = plant::readings(7);
    plant::publish_all(site.port(), &readings[..900]);
    daemon.wait_until_published("files", "2026-03-02T06:00:00Z");
    let name = &readings[0].sensor.to_string();
    let rows = |arguments: &[&str]| {
        let text = export(&site, &[&["intervals"], arguments].concat());
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = rows(&[]);
    let of_sensor = rows(&["--sensor", name]);
    assert!(!of_sensor.is_empty() && of_sensor.len() < all.len());
    let (device, sensor) = name.split_once('/').unwrap();
    assert!(of_sensor.iter().all(|row| row.contains(&format!(",{device},{sensor},"))), "{of_sensor:?}");
    let early = rows(&["--until", "2026-03-02T06:05:00Z"]);
    let late = rows(&["--since", "2026-03-02 06:05"]);
    assert_eq!(early.len() + late.len(), all.len());
    assert!(early.iter().all(|row| row.as_str() < "2026-03-02T06:05"), "{early:?}");
    assert_eq!(rows(&["--since", "-1h"]), Vec::<String>::new());
    let refused = run(&site, &["export", "runs", "--sensor", "a/b"]);
    assert!(said(&refused).contains("are not of single sensors"), "{}", said(&refused));
    let refused = run(&site, &["export", "runs", "--since", "2026-03-03", "--until", "2026-03-02"]);
    assert!(said(&refused).contains("no time lies between them"), "{}", said(&refused));
    assert_eq!(refused.status.code(), Some(2));
    daemon.stop();
}

#[test]
fn a_file_is_whole_or_not_there() {
    let site = Site::new(&settings());
    let daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..300]);
    let folder = site.path("out");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("readings.parquet");
    export(&site, &["readings", "--output", file.to_str().unwrap()]);
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let refused = run(&site, &["export", "readings", "--output", "/nowhere/file.csv"]);
    assert!(said(&refused).contains("/nowhere/file.csv was not written"), "{}", said(&refused));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    daemon.stop();
}

#[test]
fn an_export_of_readings_is_taken_in_by_another_daemon_and_again_changes_nothing() {
    let from = Site::new(&settings().with("schedule.event_idle", "\"never\""));
    let daemon = from.start();
    plant::publish_all(from.port(), &plant::readings(7)[..500]);
    let file = from.path("readings.csv");
    export(&from, &["readings", "--output", file.to_str().unwrap()]);
    let exported = fs::read_to_string(&file).unwrap();
    assert_eq!(exported.lines().count(), 501);
    daemon.stop();

    let to = Site::new(&settings().with("schedule.event_idle", "\"never\""));
    let import = || run(&to, &["import", file.to_str().unwrap()]);
    let without = import();
    assert_eq!(without.status.code(), Some(1));
    assert!(said(&without).contains("no daemon runs on the store"), "{}", said(&without));
    let mut daemon = to.start();
    let first = import();
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("500 count and are on the disk"), "{}", said(&first));
    // What was said to be on the disk is there after a kill.
    daemon.kill();
    let daemon = to.start();
    let again = said(&import());
    assert!(again.contains("taken in      0 count") && again.contains("were there already"), "{again}");
    // What lies in closed intervals cannot be told from something new, and is late.
    assert!(again.contains("rejected      late ") && !again.contains("conflict"), "{again}");
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(rows(&export(&to, &["readings"])), rows(&exported));
    daemon.stop();
}

#[test]
fn before_a_first_start_a_store_takes_a_history_and_later_it_is_late() {
    let site = Site::new(&Settings::shipped().with_text("models.directory", plant::models()));
    let file = site.path("history.csv");
    let begin = Timestamp::now() - Span::from_secs(3 * 3600);
    let mut text = "time,device,sensor,value\n".to_owned();
    for minute in 0..60_u32 {
        text.push_str(&format!("{},press,flow,{minute}\n", begin + Span::from_secs(60 * minute)));
    }
    fs::write(&file, text).unwrap();
    let output = run(&site, &["import", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("60 count and are on the disk"), "{}", said(&output));
    assert_eq!(export(&site, &["readings"]).lines().count(), 61);

    let daemon = site.start();
    eventually("the windows of the history are there", || {
        (export(&site, &["intervals", "--sensor", "press/*"]).lines().count() == 61).then_some(())
    });
    let again = said(&run(&site, &["import", file.to_str().unwrap()]));
    assert!(again.contains("rejected      late 60") && again.contains("before its daemon's first start"), "{again}");
    daemon.stop();
}

#[test]
fn what_is_imported_is_judged_as_live_readings_are() {
    let site = Site::new(
        &settings().with("filter", "[{ sensors = \"*/flow\", max = 10.0 }]").with("schedule.event_idle", "\"never\""),
    );
    let daemon = site.start();
    let file = site.path("history.csv");
    let rows = [
        "time,device,sensor,value",
        "2026-03-02T06:00:00Z,press,flow,1",
        "2026-03-02T06:00:01Z,press,flow,11",
        "2026-03-02T06:00:00Z,press,flow,2",
        "2026-03-02T09:00:00Z,press,flow,3",
        "2026-03-02T06:00:02Z,press,flow,4",
    ];
    fs::write(&file, rows.join("\n")).unwrap();
    let output = run(&site, &["import", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report = said(&output);
    assert!(report.contains("rejected      conflict 1, late 1, out_of_range 1"), "{report}");
    let rejects = export(&site, &["rejects"]);
    for kind in ["conflict", "late", "out_of_range"] {
        assert!(rejects.contains(&format!(",{kind},1,press/flow,")), "{rejects}");
    }
    daemon.stop();
}

/// A daemon with more rejects than the buffers between it and a client hold.
fn site_with_a_long_answer() -> (Site, crate::support::daemon::Daemon) {
    let site = Site::new(&settings().with("schedule.event_idle", "\"never\"").with("socket.max_answers", "1"));
    let daemon = site.start();
    let file = site.path("history.csv");
    let mut text = "time,device,sensor,value\n".to_owned();
    let day = Timestamp::parse("2026-03-02T06:00:00Z").unwrap();
    for second in 0..60_000_u32 {
        let time = day + Span::from_millis(second);
        text.push_str(&format!("{time},press,{},{second}\n", "a long name ".repeat(8)));
    }
    fs::write(&file, text).unwrap();
    let output = run(&site, &["import", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    (site, daemon)
}

#[test]
fn a_client_that_takes_nothing_or_is_killed_holds_up_nobody() {
    let (site, daemon) = site_with_a_long_answer();
    let mut idle = ask(&site, "/api/v1/export/readings?format=jsonl");
    let mut beginning = [0; 15];
    idle.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200 OK");
    // The one long answer goes on; others are told so, short ones come, and devices are served.
    let refused = run(&site, &["export", "readings"]);
    assert!(said(&refused).contains("socket.max_answers"), "{}", said(&refused));
    let mut about = String::new();
    let _ = ask(&site, "/api/v1/about").read_to_string(&mut about);
    assert!(about.contains(site.path("store").to_str().unwrap()), "{about}");
    plant::publish_all(site.port(), &plant::readings(7)[..100]);
    drop(idle);
    eventually("the answer that nobody reads ends", || {
        run(&site, &["export", "readings"]).status.success().then_some(())
    });

    let mut client = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
        .args(["export", "readings", "--config"])
        .arg(site.config())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdout.as_mut().unwrap().read_exact(&mut beginning).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    eventually("the answer to the killed client ends", || {
        let output = run(&site, &["export", "readings"]);
        output.status.success().then(|| assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 60_101))
    });
    assert!(daemon.text().contains("broken off: cannot write: its reader has gone"), "{}", daemon.text());
    assert!(!daemon.text().contains("WARN"), "{}", daemon.text());
    daemon.stop();
}

#[test]
fn an_answer_that_the_daemons_end_cuts_off_is_no_file() {
    let (site, mut daemon) = site_with_a_long_answer();
    let mut client = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
        .args(["export", "readings", "--config"])
        .arg(site.config())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The client's output is not taken, so it takes no more of the answer: the daemon dies in its middle.
    let mut beginning = [0; 15];
    client.stdout.as_mut().unwrap().read_exact(&mut beginning).unwrap();
    daemon.kill();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("was not written: the daemon broke its answer off"), "{words}");
}

#[test]
fn a_stop_waits_for_no_answer_and_tells_of_no_defect() {
    let (site, mut daemon) = site_with_a_long_answer();
    let mut idle = ask(&site, "/api/v1/export/readings?format=jsonl");
    idle.read_exact(&mut [0; 15]).unwrap();
    daemon.terminate();
    let status = daemon.wait_until_ended();
    assert!(status.success(), "{status}");
    assert!(!daemon.text().contains("panicked"), "{}", daemon.text());
    assert!(!socket(&site).exists());
}

#[test]
fn the_socket_of_a_killed_daemon_is_replaced_and_a_live_one_is_not() {
    let site = Site::new(&settings());
    let mut daemon = site.start();
    assert!(fs::metadata(socket(&site)).unwrap().file_type().is_socket());
    daemon.kill();
    assert!(socket(&site).exists(), "a kill leaves the file");
    let daemon = site.start();
    site.dump("runs");

    // Another daemon that is told to use the same file goes on without a socket.
    let other = Site::new(&settings().with_text("socket.path", socket(&site)));
    let second = other.start();
    assert!(second.text().contains("is the socket of another process"), "{}", second.text());
    let output = run(&other, &["dump", "runs"]);
    assert!(said(&output).contains("listens on no socket that is known here"), "{}", said(&output));
    second.stop();
    site.dump("runs");
    daemon.stop();
    assert!(!socket(&site).exists(), "a stop removes the file");
}

#[test]
fn the_daemon_that_has_the_store_is_found_by_its_note() {
    let site = Site::new(&settings().with_text("socket.path", "elsewhere.sock"));
    let daemon = site.start();
    assert!(site.path("elsewhere.sock").exists());
    // The command's configuration says nothing of that file.
    site.configure(&settings());
    site.dump("runs");
    // The store is known by another name, too.
    symlink(site.path("store"), site.path("alias")).unwrap();
    let config = fs::read_to_string(site.config()).unwrap();
    let (store, alias) = (site.path("store"), site.path("alias"));
    fs::write(site.config(), config.replace(store.to_str().unwrap(), alias.to_str().unwrap())).unwrap();
    site.dump("runs");
    daemon.stop();
}

#[test]
fn the_sockets_mode_says_who_is_admitted() {
    if !rustix::process::geteuid().is_root() {
        return println!("not root: there is no other user to try");
    }
    let dump = |site: &Site, group: u32| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anomalyd"));
        command.args(["dump", "runs", "--config"]).arg(site.config()).uid(STRANGER).gid(group);
        command.output().ok()
    };
    let settings = settings().with("socket.group", "\"65531\"");
    let site = Site::new(&settings);
    for path in [site.path(""), site.path("store")] {
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).unwrap();
    }
    let daemon = site.start();
    let Some(stranger) = dump(&site, STRANGER) else {
        return println!("the binary lies where another user may not look");
    };
    assert!(said(&stranger).contains("does not admit this user"), "{}", said(&stranger));
    let member = dump(&site, 65_531).unwrap();
    assert!(member.status.success(), "{}", said(&member));
    daemon.stop();

    site.configure(&settings.clone().with("socket.mode", "\"0600\""));
    let daemon = site.start();
    let member = dump(&site, 65_531).unwrap();
    assert!(said(&member).contains("does not admit this user"), "{}", said(&member));
    daemon.stop();
}

#[test]
fn a_daemon_without_a_socket_goes_on_and_says_why() {
    let site = Site::new(&settings().with("socket.group", "\"no-such-group\""));
    let daemon = site.start();
    assert!(daemon.text().contains("there is no group no-such-group"), "{}", daemon.text());
    plant::publish_all(site.port(), &plant::readings(7)[..100]);
    assert!(!socket(&site).exists());
    daemon.stop();
}

#[test]
fn further_connections_wait_for_those_before_them() {
    let site = Site::new(&settings().with("socket.max_connections", "2"));
    let daemon = site.start();
    let silent = [(); 2].map(|()| UnixStream::connect(socket(&site)).unwrap());
    let mut third = ask(&site, "/api/v1/about");
    third.set_nonblocking(true).unwrap();
    // What is acknowledged shows that the daemon goes on meanwhile.
    plant::publish_all(site.port(), &plant::readings(7)[..100]);
    assert_eq!(third.read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    third.set_nonblocking(false).unwrap();
    drop(silent);
    let mut answer = String::new();
    let _ = third.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    daemon.stop();
}

#[test]
fn what_no_daemon_would_ask_is_refused_in_words() {
    let site = Site::new(&settings());
    let daemon = site.start();
    for (path, status, words) in [
        ("/api/v1/nothing", "404", "nothing is answered under /api/v1/nothing"),
        ("/api/v1/dump/secrets", "400", "no secrets here, but runs"),
        ("/api/v1/export/readings", "400", "format"),
        ("/api/v1/export/readings?format=xml", "400", "is none of csv, jsonl, parquet"),
        ("/api/v1/export/readings?format=csv&since=noon", "400", "since=noon is not a time"),
        ("/api/v1/export/readings?format=csv&sensor=x", "400", "fits no sensor"),
    ] {
        let mut answer = String::new();
        let _ = ask(&site, path).read_to_string(&mut answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(words), "{path}: {answer}");
    }
    // A header that is too long is refused, and so is a body.
    let mut long = UnixStream::connect(socket(&site)).unwrap();
    long.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = long.write_all(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20)).as_bytes());
    let mut answer = String::new();
    let _ = long.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut large = UnixStream::connect(socket(&site)).unwrap();
    large.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "POST /api/v1/import HTTP/1.1\r\nhost: anomalyd\r\ncontent-length: 8388608\r\n\r\n";
    large.write_all(head.as_bytes()).unwrap();
    // The daemon may answer, and close, before it has all of it.
    let _ = large.write_all(&vec![b' '; 8 << 20]);
    let mut answer = String::new();
    let _ = large.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    daemon.stop();
}
