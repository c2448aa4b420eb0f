//! What a running daemon shows of itself: what happens as it happens, who connects, and what it remembers over a restart.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anomalyd::answers::{Connections, Event, Model, ModelState, Outcome, Reject, RunState, Sensor, Series};
use anomalyd::http::client::DaemonClient;
use serde::de::DeserializeOwned;

use crate::support::device::Device;
use crate::support::mosquitto::Mosquitto;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};
use crate::support::{PATIENCE, eventually, plant};

/// The start of the first window that has readings.
const FIRST_WINDOW: &str = "2026-03-02T06:00:00Z";

const CONNECT: &[u8] = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04pump";

fn get<T: DeserializeOwned>(site: &Site, path: &str) -> T {
    let daemon = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    daemon.get(&format!("/api/v1/{path}")).unwrap().json().unwrap()
}

/// A running `anomalyd tail`.
struct Tail {
    process: Child,
    lines: Receiver<String>,
}

impl Tail {
    fn start(site: &Site, arguments: &[&str]) -> Self {
        let before = listeners(site);
        let mut process = Command::new(env!("CARGO_BIN_EXE_anomalyd"))
            .arg("tail")
            .args(arguments)
            .arg("--config")
            .arg(site.config())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        eventually("the daemon is listened to", || (listeners(site) > before).then_some(()));
        Self { process, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("nothing is told")
    }

    fn event(&self) -> Event {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|problem| panic!("{line}: {problem}"))
    }

    fn wait_for(&self, what: &str, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        loop {
            let event = self.event();
            assert!(!matches!(event, Event::Missed { .. }), "{event:?} while waiting for {what}");
            if wanted(&event) {
                return event;
            }
        }
    }

    /// How it ends, and what it says on standard error.
    fn end(self) -> (Option<i32>, String) {
        let output = self.process.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// How many listen to what happens, as the metrics tell.
fn listeners(site: &Site) -> u64 {
    let Ok(metrics) = fs::read_to_string(site.path("metrics.prom")) else { return 0 };
    let line = metrics.lines().find_map(|line| line.strip_prefix("anomalyd_event_listeners "));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn shown(settings: Settings) -> Site {
    let site = Site::new(&settings);
    let settings = settings.with_text("metrics.file", site.path("metrics.prom")).with("metrics.every", "\"1s\"");
    site.configure(&settings);
    site
}

#[test]
fn what_happens_is_told_in_its_order_to_those_who_listen() {
    let site = shown(plant::settings());
    let daemon = site.start();
    let all = Tail::start(&site, &["--json", "--kinds", "verdict,run,reject"]);
    let some = Tail::start(&site, &["pump-2/f*", "--json", "--kinds", "reading"]);
    let people = Tail::start(&site, &["--kinds", "run"]);
    let readings = plant::readings(7);
    let window = &readings[..60 * 15 + 200];
    plant::publish_all(site.port(), window);

    let of_first_window =
        |event: &Event| matches!(event, Event::Run { run } if run.window.start.to_string() == FIRST_WINDOW);
    let begun = all.wait_for("the run over the first window", of_first_window);
    let Event::Run { run: begun } = begun else { unreachable!() };
    assert_eq!((begun.state, begun.sensors), (RunState::Started, 15));
    let mut verdicts = 0;
    let ended = all.wait_for("its end", |event| {
        if let Event::Verdict { verdict } = event {
            assert_eq!((verdict.run, verdict.outcome), (begun.id, Outcome::Scored));
            verdicts += 1;
        }
        of_first_window(event)
    });
    assert_eq!(verdicts, 15, "every verdict comes before the end of its run");
    assert!(
        matches!(&ended, Event::Run { run } if run.state == RunState::Finished && run.tally.is_some()),
        "{ended:?}"
    );
    let said = |words: &str| while !people.line().contains(words) {};
    said(&format!("{FIRST_WINDOW} run {} begins", begun.id));
    said(&format!("{FIRST_WINDOW} run {} has ended: 15 of 15 sensors scored", begun.id));

    let fitting = window.iter().filter(|reading| reading.sensor.to_string().starts_with("pump-2/f"));
    for reading in fitting {
        let expected = Event::Reading { sensor: reading.sensor.to_string(), time: reading.time, value: reading.value };
        assert_eq!(some.event(), expected);
    }

    Device::connect(site.port(), CONNECT_WITHOUT_ID).publish("elsewhere/pump", b"1");
    let reject = all.wait_for("a reject", |event| matches!(event, Event::Reject { .. }));
    let Event::Reject { reject } = reject else { unreachable!() };
    assert_eq!((&*reject.origin, &*reject.kind), ("elsewhere/pump", "no_route"));
    let client = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    let kept: Reject = eventually("what was told of can be asked for", || {
        client.get(&format!("/api/v1/rejects/{}", reject.id)).ok()?.json().ok()
    });
    assert_eq!(kept.received, reject.received);

    let interrupted = Command::new("kill").args(["-s", "INT", &some.process.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(some.end(), (Some(0), String::new()));
    daemon.stop();
    let (code, said) = all.end();
    assert_eq!(code, Some(1));
    assert!(said.contains("the daemon has stopped"), "{said}");
}

const CONNECT_WITHOUT_ID: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";

#[test]
fn a_listener_that_takes_nothing_holds_nothing_up_and_learns_what_it_missed() {
    let site = shown(plant::settings());
    let daemon = site.start();
    let readings = plant::readings(7);
    let client = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    let mut slow = BufReader::new(client.get("/api/v1/events?kinds=reading").unwrap());
    let count = 20_000;
    plant::publish_all(site.port(), &readings[..count]);
    let (mut told, mut missed, mut line) = (0, 0, String::new());
    while told + missed < count as u64 {
        line.clear();
        assert!(slow.read_line(&mut line).unwrap() > 0, "{told} readings and {missed} missed of {count}");
        match line.strip_prefix("data: ").map(|data| serde_json::from_str(data).unwrap()) {
            Some(Event::Reading { .. }) => told += 1,
            Some(Event::Missed { events }) => missed += events,
            _ => {}
        }
    }
    assert_eq!(told + missed, count as u64);
    daemon.stop();
}

#[test]
fn questions_about_events_that_cannot_be_answered_say_what_is_accepted() {
    let site = Site::new(&plant::settings());
    let _daemon = site.start();
    let client = DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap();
    let refusal = |path: &str| client.get(path).unwrap_err().to_string();
    let kinds = refusal("/api/v1/events?kinds=reading,weather");
    assert!(kinds.contains("\"weather\" is none of reading, verdict, run, reject, model"), "{kinds}");
    assert!(refusal("/api/v1/events?pattern=nothing").contains("fits no sensor"));
    assert!(refusal("/api/v1/events?kind=run").contains("kind"), "an unknown parameter is refused");
    let output = anomalyd(&["tail", "--kinds", "weather"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn who_is_connected_and_who_fails_to_is_listed_with_what_to_do() {
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    device.publish("plant/pump-2/flow", br#"{"time":"2026-03-02T06:00:00Z","value":1.5}"#);
    device.publish("plant/pump-2/flow", br#"{"time":"2026-03-02T06:00:01Z","value":1.5}"#);
    for _ in 0..3 {
        let mut stranger = Device::open(site.port());
        stranger.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        stranger.expect_closed();
    }
    let Connections { listener, broker, connected, total, failed } = eventually("all failures are noted", || {
        let connections: Connections = get(&site, "connections");
        (connections.failed.first()?.count == 3).then_some(connections)
    });
    let listener = listener.unwrap();
    assert!(listener.is_up && listener.messages == 2 && listener.address.ends_with(&site.port().to_string()));
    assert_eq!(broker, None);
    let [pump] = &connected[..] else { panic!("{connected:?}") };
    assert_eq!((&*pump.client, pump.messages, total), ("pump", 2, 1));
    assert!(pump.address.starts_with("127.0.0.1:") && pump.last_message >= Some(pump.since));
    let [stranger] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!((&*stranger.address, stranger.client.as_deref()), ("127.0.0.1", None));
    assert!(stranger.reason.contains("a TLS client") && stranger.reason.contains("set the device"), "{stranger:?}");
    drop(device);
    eventually("the device has left", || get::<Connections>(&site, "connections").connected.is_empty().then_some(()));
    daemon.stop();
}

#[test]
fn a_broker_that_goes_is_shown_as_away_with_the_reason_until_it_is_back() {
    let Some(mut broker) = Mosquitto::start("") else { return };
    let settings = plant::settings()
        .without_listener()
        .with("clock", "\"wall\"")
        .with("mqtt.connect.host", "\"127.0.0.1\"")
        .with("mqtt.connect.port", &broker.port().to_string())
        .with("mqtt.connect.client_id", "\"shown\"");
    let site = Site::new(&settings);
    let daemon = site.start();
    let shown = || get::<Connections>(&site, "connections").broker.unwrap();
    let up = eventually("the broker is there", || Some(shown()).filter(|broker| broker.is_up));
    assert!(up.problem.is_none() && up.address == format!("127.0.0.1:{}", broker.port()));
    broker.publish("plant/pump-2/flow", "{}");
    eventually("its message is counted", || (shown().messages == 1).then_some(()));
    broker.stop();
    let away = eventually("the broker is away", || Some(shown()).filter(|broker| !broker.is_up));
    assert!(away.since >= up.since && away.problem.is_some(), "{away:?}");
    broker.restart();
    let back = eventually("it is back", || Some(shown()).filter(|broker| broker.is_up));
    assert_eq!(back.problem, None);
    daemon.stop();
}

#[test]
fn what_was_last_seen_and_what_is_open_survives_a_killed_daemon() {
    let site = Site::new(&plant::settings());
    let mut daemon = site.start();
    let readings = plant::readings(7);
    let readings = &readings[..60 * 15 + 300];
    plant::publish_all(site.port(), readings);
    let last = readings.iter().rev().find(|reading| reading.sensor.to_string() == "pump-2/flow").unwrap();
    let sensor: Sensor = get(&site, "sensors/pump-2/flow");
    assert_eq!((sensor.last_seen, sensor.last_value), (Some(last.time), Some(last.value)));
    daemon.kill();
    let daemon = site.start();
    let sensor: Sensor = get(&site, "sensors/pump-2/flow");
    assert_eq!(sensor.last_seen, Some(last.time));
    let range = "since=2026-03-02T06:00:00Z&until=2026-03-02T06:20:00Z";
    let series: Series = get(&site, &format!("sensors/pump-2/flow/series?{range}&width=4000"));
    let sent = readings.iter().filter(|reading| reading.sensor.to_string() == "pump-2/flow").count();
    assert_eq!(series.count.iter().sum::<u64>(), sent as u64, "those of the open window are among them");
    daemon.stop();
}

#[test]
fn models_that_change_are_told_of_and_shown() {
    let site = shown(plant::settings().with("models.settle", "\"20ms\"").with("models.look_every", "\"1h\""));
    let models = site.path("models");
    fs::create_dir(&models).unwrap();
    for file in fs::read_dir(plant::models()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), models.join(file.file_name())).unwrap();
    }
    let settings = plant::settings()
        .with("models.settle", "\"20ms\"")
        .with("models.look_every", "\"1h\"")
        .with_text("metrics.file", site.path("metrics.prom"))
        .with("metrics.every", "\"1s\"")
        .with_text("models.directory", &models);
    site.configure(&settings);
    let daemon = site.start();
    let tail = Tail::start(&site, &["pump-2/*", "--json", "--kinds", "model"]);
    let file = fs::read_dir(&models).unwrap().map(|file| file.unwrap().path());
    let file = file.into_iter().find(|path| path.to_str().unwrap().contains("model_pump-2_flow")).unwrap();
    let changed = |state| match tail.event() {
        Event::Model { model } if model.state == state => model,
        event => panic!("{event:?}"),
    };
    let sound = fs::read(&file).unwrap();
    fs::write(&file, "no model").unwrap();
    let refused: Model = changed(ModelState::AtWorkNewerRefused);
    assert!(refused.problem.is_some() && refused.hash.is_some(), "{refused:?}");
    assert_eq!(refused.file.as_deref(), file.file_name().unwrap().to_str());
    fs::write(&file, sound).unwrap();
    let again = changed(ModelState::AtWork);
    assert_eq!((again.problem, again.hash), (None, refused.hash));
    // It was at work all the time.
    assert_eq!(again.since, refused.since);
    fs::remove_file(&file).unwrap();
    assert_eq!(changed(ModelState::Unusable).hash, None);
    daemon.stop();
}
