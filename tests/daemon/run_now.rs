//! `anomalyd run-now` on a real daemon: windows are scored again with the models of today, beside no other run, and what
//! differs from the verdicts that stand is told.

use std::fs;

use anomalyd::answers::{NewRunOrder, OrderState, Run, RunOrder, RunState, Status};
use anomalyd::http::client::{ClientError, DaemonClient};
use anomalyd::time::{Span, Timestamp};

use crate::support::daemon::Daemon;
use crate::support::settings::Settings;
use crate::support::site::{Site, anomalyd};
use crate::support::{eventually, plant};

const PER_WINDOW: usize = 60 * 15;
/// The model of a sensor with values of another size: it calls those of a flow anomalies.
const OTHER_MODEL: &str = "examples/demo/models/model_press-1_temperature.pkl";

/// A daemon that has scored so many windows of the plant, with models of its own.
fn plant_with_windows(windows: usize) -> (Site, Daemon) {
    plant_with(windows, |settings| settings)
}

/// The same with other settings.
fn plant_with(windows: usize, change: impl Fn(Settings) -> Settings) -> (Site, Daemon) {
    let site = Site::new(&plant::settings());
    let models = site.path("models");
    fs::create_dir(&models).unwrap();
    for file in fs::read_dir(plant::models()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), models.join(file.file_name())).unwrap();
    }
    site.configure(&change(settings(&site)));
    let daemon = site.start();
    publish(&site, 0, windows);
    (site, daemon)
}

fn settings(site: &Site) -> Settings {
    plant::settings().with_text("models.directory", site.path("models")).with("publish.files.decisions", "false")
}

/// Publishes the readings of windows, and waits until these are scored: the window behind them makes them due.
fn publish(site: &Site, from: usize, until: usize) {
    let readings = plant::readings(7);
    plant::publish_all(
        site.port(),
        &readings[from * PER_WINDOW..(until * PER_WINDOW + PER_WINDOW / 2).min(readings.len())],
    );
    let daemon = client(site);
    let last =
        Timestamp::parse("2026-03-02T06:00:00Z").unwrap() + Span::from_secs(600).times(i64::try_from(until).unwrap());
    eventually("the windows are scored", || scheduled(&daemon).iter().any(|run| run.window.end == last).then_some(()));
}

fn client(site: &Site) -> DaemonClient {
    DaemonClient::at(&site.path("store/anomalyd.sock")).unwrap()
}

/// The runs of the ledger that have ended, the oldest first.
fn finished(daemon: &DaemonClient) -> Vec<Run> {
    let list: anomalyd::answers::List<Run> = daemon.get("/api/v1/runs?limit=1000").unwrap().json().unwrap();
    list.items.into_iter().rev().filter(|run| run.tally.is_some()).collect()
}

fn scheduled(daemon: &DaemonClient) -> Vec<Run> {
    finished(daemon).into_iter().filter(|run| run.trigger != "command").collect()
}

fn order(daemon: &DaemonClient, order: &NewRunOrder) -> Result<RunOrder, ClientError> {
    daemon.post("/api/v1/run-orders", serde_json::to_vec(order).unwrap())?.json()
}

fn cancel(daemon: &DaemonClient, id: u64) -> RunOrder {
    daemon.post(&format!("/api/v1/run-orders/{id}/cancel"), Vec::new()).unwrap().json().unwrap()
}

fn when_over(daemon: &DaemonClient, id: u64) -> RunOrder {
    eventually("the order is over", || {
        let order: RunOrder = daemon.get(&format!("/api/v1/run-orders/{id}")).unwrap().json().unwrap();
        order.state.is_over().then_some(order)
    })
}

/// What the command prints.
fn run_now(site: &Site, arguments: &[&str]) -> (String, bool) {
    let config = site.config();
    let output = anomalyd(&[&["run-now"], arguments, &["--config", config.to_str().unwrap()]].concat());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (said, output.status.success())
}

fn run_now_json(site: &Site, arguments: &[&str]) -> RunOrder {
    let (said, succeeded) = run_now(site, &[arguments, &["--json"]].concat());
    assert!(succeeded, "{said}");
    serde_json::from_str(&said).unwrap()
}

#[test]
fn the_same_models_say_the_same_and_a_dry_run_leaves_no_trace() {
    let (site, daemon) = plant_with_windows(6);
    let client = client(&site);
    let before = finished(&client);
    let anomalies: u64 = before.iter().filter_map(|run| run.tally).map(|tally| tally.anomalies).sum();
    let dumps = [site.dump("runs"), site.dump("verdicts")];
    let done = run_now_json(&site, &["--window", "2026-03-02T06:00..", "--dry-run"]);
    assert_eq!((done.state, done.windows, done.windows_done, done.is_dry_run), (OrderState::Finished, 6, 6, true));
    assert_eq!((done.comparison.new, done.comparison.gone, done.comparison.unchanged), (0, 0, anomalies));
    assert_eq!((done.comparison.other_outcomes, done.first_run), (0, None));
    assert_eq!([site.dump("runs"), site.dump("verdicts")], dumps);
    assert_eq!(finished(&client).len(), before.len());
    let begun = daemon.lines().into_iter().filter(|line| line["message"] == "run begins");
    let dry: Vec<_> = begun.filter(|line| line["is_dry_run"] == true).collect();
    assert!(dry.len() == 6 && dry.iter().all(|line| line["run"].is_null()), "they have no number: {dry:?}");

    // Stored, they are the next revision of the same bytes, and move nothing that is due.
    let done = run_now_json(&site, &["--window", "2026-03-02T06:00..2026-03-02T06:20"]);
    assert_eq!((done.windows, done.tally.scored + done.tally.not_scored()), (2, 30));
    let [first, second] = &finished(&client)[before.len()..] else { panic!("{:?}", finished(&client)) };
    assert_eq!((&*first.trigger, first.revision, second.revision), ("command", 1, 1));
    let standing = before.iter().find(|run| run.window.start == first.window.start).unwrap();
    assert_eq!(first.tally, standing.tally);
    assert!(first.request.as_ref().unwrap().contains("all sensors from 2026-03-02T06:00:00Z to"), "{first:?}");
    assert!(first.request.as_ref().unwrap().contains("over the local socket"), "{first:?}");
    let schedule: serde_json::Value = client.get("/api/v1/schedule").unwrap().json().unwrap();
    assert_eq!(schedule["scored_until"], "2026-03-02T07:00:00Z");
    let verdicts = site.dump("verdicts");
    assert!(verdicts.starts_with(&dumps[1]), "what stood still stands");
    daemon.stop();

    // The runs by command are of the past: a start neither resumes them nor scores anything again.
    let daemon = site.start();
    publish(&site, 6, 8);
    let runs = finished(&self::client(&site));
    assert_eq!(runs.len(), before.len() + 2 + 2);
    assert!(runs[before.len() + 2..].iter().all(|run| run.trigger != "command" && run.revision == 0), "{runs:#?}");
    daemon.stop();
}

#[test]
fn another_model_makes_anomalies_that_the_comparison_counts_as_new_and_the_first_one_as_gone() {
    let (site, mut daemon) = plant_with_windows(6);
    let client = client(&site);
    let model = site.path("models/model_press-1_flow.pkl");
    let reloaded = |daemon: &mut Daemon, times| {
        assert!(anomalyd(&["reload", "--config", site.config().to_str().unwrap()]).status.success());
        eventually("the model is at work", || {
            let is_news = |line: &&serde_json::Value| line["sensor"] == "press-1/flow" && line["hash"].is_string();
            (daemon.lines().iter().filter(is_news).count() >= times).then_some(())
        });
    };
    let first = fs::read(&model)
        .unwrap_or_else(|_| panic!("{:?}", fs::read_dir(site.path("models")).unwrap().collect::<Vec<_>>()));
    fs::write(&model, fs::read(OTHER_MODEL).unwrap()).unwrap();
    reloaded(&mut daemon, 1);
    let only = ["--sensor", "press-1/flow", "--window", "2026-03-02T06:00..2026-03-02T06:30"];
    let dry = run_now_json(&site, &[&only[..], &["--dry-run"]].concat());
    let stored = run_now_json(&site, &only);
    assert_eq!(dry.comparison, stored.comparison);
    assert_eq!(stored.tally.scored, 3, "one sensor, three windows: {stored:?}");
    let [changed] = &stored.comparison.most_changed[..] else { panic!("{stored:?}") };
    assert_eq!(changed.sensor, "press-1/flow");
    assert!(changed.new > 20 && stored.comparison.gone == 0, "{stored:?}");
    let runs = finished(&client);
    let last = runs.last().unwrap();
    assert_eq!((&*last.trigger, last.sensors, last.revision), ("command", 1, 1));
    let (said, _) = command(&site, &["runs", "list"]);
    assert!(said.contains("command"), "{said}");
    let (said, _) = command(&site, &["runs", "show", &last.id.to_string()]);
    assert!(
        said.contains("asked for: press-1/flow from 2026-03-02T06:00:00Z")
            && said.contains("the slowest: press-1/flow"),
        "{said}"
    );
    assert!(said.contains("the last outcome came after") && said.contains("storing took another"), "{said}");
    let (log, _) = command(&site, &["runs", "log", &last.id.to_string()]);
    assert!(log.contains("run begins") && log.contains("trigger=command") && log.contains("run finished"), "{log}");
    let (log, _) = command(&site, &["runs", "log", &last.id.to_string(), "--sensor", "press-1/flow"]);
    assert!(log.contains("press-1/flow: anomalous") && !log.contains("run begins"), "{log}");
    let (said, succeeded) = command(&site, &["runs", "log", "999"]);
    assert!(!succeeded && said.is_empty());
    // What was said of the other sensors still stands, and is told.
    let verdict = |sensor: &str| -> serde_json::Value {
        let path = format!("/api/v1/verdicts?pattern={sensor}&since=2026-03-02T06:00:00Z&until=2026-03-02T06:10:00Z");
        client.get(&path).unwrap().json().unwrap()
    };
    assert_eq!(verdict("press-1%2Fcurrent")["items"][0]["revision"], 0);
    assert_eq!(verdict("press-1%2Fflow")["items"][0]["revision"], 1);

    fs::write(&model, first).unwrap();
    reloaded(&mut daemon, 2);
    let (said, succeeded) = run_now(&site, &only);
    assert!(succeeded && said.contains(&format!("0 new, {} gone", changed.new)), "{said}");
    daemon.stop();
}

fn command(site: &Site, arguments: &[&str]) -> (String, bool) {
    let config = site.config();
    let output = anomalyd(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

#[test]
fn orders_wait_for_what_is_due_and_no_two_runs_overlap() {
    let (site, daemon) = plant_with_windows(10);
    let client = client(&site);
    let everything = NewRunOrder { until: Some(Timestamp::MAX), ..NewRunOrder::default() };
    let until = Timestamp::parse("2026-03-02T07:40:00Z").unwrap();
    let since = Timestamp::parse("2026-03-02T06:00:00Z").unwrap();
    let ordered = order(&client, &NewRunOrder { since: Some(since), until: Some(until), ..everything }).unwrap();
    assert_eq!(ordered.windows, 10);
    publish(&site, 10, 20);
    let done = when_over(&client, ordered.id);
    assert_eq!((done.state, done.windows_done), (OrderState::Finished, 10));
    let runs = finished(&client);
    assert_eq!(runs.iter().filter(|run| run.trigger == "command").count(), 10);
    for pair in runs.windows(2) {
        assert!(pair[0].ended <= pair[1].begun && pair[0].ended.is_some(), "{pair:#?}");
    }
    daemon.stop();
}

#[test]
fn an_order_is_cancelled_at_the_end_of_its_window_and_one_that_waits_at_once() {
    let (site, daemon) = plant_with_windows(30);
    let client = client(&site);
    let since = Timestamp::parse("2026-03-02T06:00:00Z").unwrap();
    let wanted = NewRunOrder { since: Some(since), ..NewRunOrder::default() };
    let [first, second] = [order(&client, &wanted).unwrap().id, order(&client, &wanted).unwrap().id];
    assert_eq!(cancel(&client, second).state, OrderState::Cancelled);
    assert!(matches!(cancel(&client, first).state, OrderState::Cancelling | OrderState::Cancelled));
    let done = when_over(&client, first);
    assert!(done.state == OrderState::Cancelled && done.windows_done < 30, "{done:?}");
    assert_eq!(when_over(&client, second).windows_done, 0);
    // Every run that began has ended, and none is of the second order.
    let commanded = finished(&client).into_iter().filter(|run| run.trigger == "command").count() as u64;
    assert_eq!(commanded, done.windows_done);
    let (said, succeeded) = run_now(&site, &["--cancel", "99"]);
    assert!(!succeeded && said.contains("there is no order 99"), "{said}");
    daemon.stop();
}

#[test]
fn what_cannot_be_scored_again_is_refused_with_what_can() {
    let (site, daemon) = plant_with_windows(2);
    for (arguments, words) in [
        (&["--sensor", "press-9/*"][..], "no sensor with a model fits press-9/*"),
        (&["--window", "2026-03-01..2026-03-02"], "they can: earlier ones are no longer sure to be there"),
        (&["--window", "2026-03-03.."], "later ones are not scored yet"),
        (&["--window", "yesterday"], "two times are expected"),
        (&["--window", "06:00.."], "not a time"),
    ] {
        let (said, succeeded) = run_now(&site, arguments);
        assert!(!succeeded && said.contains(words), "{arguments:?}: {said}");
    }
    daemon.stop();
    let (said, succeeded) = run_now(&site, &[]);
    assert!(!succeeded && said.contains("no daemon runs on the store"), "{said}");
}

#[test]
fn a_shifted_threshold_makes_anomalies_and_each_verdict_says_by_which_score() {
    let (site, daemon) = plant_with_windows(4);
    daemon.stop();
    let shift = "[{ sensors = \"press-1/*\", score = 0.01 }, { sensors = \"*/flow\", score = 0.99 }]";
    site.configure(&settings(&site).with("sensitivity", shift));
    let daemon = site.start();
    let window = ["--window", "2026-03-02T06:00..2026-03-02T06:40"];
    let done = run_now_json(&site, &window);
    assert!(done.comparison.new > 0, "{done:?}");
    let changed: Vec<_> = done.comparison.most_changed.iter().filter(|changed| changed.new > 0).collect();
    assert!(changed.iter().all(|changed| changed.sensor.starts_with("press-1/")), "{changed:?}");
    let client = client(&site);
    let score = |sensor: &str| {
        let path = format!("/api/v1/verdicts?pattern={sensor}&since=2026-03-02T06:00:00Z&until=2026-03-02T06:10:00Z");
        let list: serde_json::Value = client.get(&path).unwrap().json().unwrap();
        list["items"][0]["anomaly_score"].clone()
    };
    assert_eq!(score("press-1%2Fflow"), 0.01, "the first section that fits counts");
    assert_eq!(score("oven-3%2Fflow"), 0.99);
    assert!(score("oven-3%2Fpressure").is_null());
    let said = site.dump("verdicts");
    assert!(said.contains("\"anomaly_score\":0.01"), "a verdict says by which score it was given");
    assert!(
        !said.contains("only the worst are kept: the windows"),
        "its rows are computed again under the same threshold"
    );
    daemon.stop();
}

#[test]
fn each_group_has_its_own_windows_scored_again_and_one_can_be_chosen() {
    let pumps = "[{ name = \"pumps\", sensors = \"pump-2/*\", window = { length = \"20m\" } }]";
    let (site, daemon) = plant_with(6, |settings| settings.with("group", pumps));
    let client = client(&site);
    eventually("the windows of the pumps are scored", || {
        let last = Timestamp::parse("2026-03-02T07:00:00Z").unwrap();
        scheduled(&client).iter().any(|run| run.group == "pumps" && run.window.end == last).then_some(())
    });
    let before = finished(&client).len();
    let window = ["--window", "2026-03-02T06:00..2026-03-02T07:00"];
    let all = run_now_json(&site, &[&window[..], &["--dry-run"]].concat());
    assert_eq!((all.windows, all.comparison.new, all.comparison.gone), (6 + 3, 0, 0));
    assert_eq!(all.tally.scored + all.tally.no_data, 6 * 10 + 3 * 5);
    let done = run_now_json(&site, &[&window[..], &["--group", "pumps", "--sensor", "*/flow"]].concat());
    assert_eq!((done.windows, done.tally.scored), (3, 3), "{done:?}");
    assert!(done.request.starts_with("*/flow of the group pumps from 2026-03-02T06:00:00Z"), "{}", done.request);
    let runs = finished(&client);
    assert!(
        runs[before..].iter().all(|run| run.group == "pumps" && run.sensors == 1 && run.revision == 1),
        "{runs:#?}"
    );
    for (arguments, words) in
        [(["--group", "valves"], "there is no group valves"), (["--group", "a\nb"], "is not the name of a group")]
    {
        let (said, succeeded) = run_now(&site, &arguments);
        assert!(!succeeded && said.contains(words), "{said}");
    }
    let (said, succeeded) = run_now(&site, &["--group", "pumps", "--sensor", "press-1/*"]);
    assert!(!succeeded && said.contains("no sensor with a model fits press-1/*"), "{said}");
    daemon.stop();
}

/// The runs of the ledger, the newest first.
fn runs(daemon: &DaemonClient) -> Vec<Run> {
    let list: anomalyd::answers::List<Run> = daemon.get("/api/v1/runs?limit=1000").unwrap().json().unwrap();
    list.items
}

/// The runs that the log says have begun by command.
fn begun(daemon: &Daemon) -> Vec<u64> {
    let lines = daemon.lines().into_iter();
    let begun = lines.filter(|line| line["message"] == "run begins" && line["trigger"] == "command");
    begun.filter_map(|line| line["run"].as_str()?.parse().ok()).collect()
}

fn all_windows() -> NewRunOrder {
    NewRunOrder { since: Some(Timestamp::parse("2026-03-02T06:00:00Z").unwrap()), ..NewRunOrder::default() }
}

#[test]
fn a_run_that_a_kill_cuts_off_is_in_the_ledger_and_its_id_is_not_given_again() {
    let (site, mut daemon) = plant_with_windows(20);
    order(&client(&site), &all_windows()).unwrap();
    eventually("a run by command goes on", || (begun(&daemon).len() > 2).then_some(()));
    daemon.kill();
    let last = begun(&daemon).into_iter().max().unwrap();

    let daemon = site.start();
    let client = client(&site);
    let status: Status = client.get("/api/v1/status").unwrap().json().unwrap();
    assert!(status.running.is_none(), "{:?}", status.running);
    assert_eq!(status.last_run.unwrap().trigger, "schedule");
    let groups: serde_json::Value = client.get("/api/v1/groups").unwrap().json().unwrap();
    assert_eq!(groups[0]["last_run"]["trigger"], "schedule", "{groups}");
    let ledger = runs(&client);
    assert_eq!((ledger[0].id, &*ledger[0].trigger), (last, "command"), "{:?}", ledger[0]);
    let over = [RunState::Finished, RunState::CutOff];
    assert!(ledger.iter().all(|run| over.contains(&run.state)), "{ledger:#?}");
    let done = run_now_json(&site, &[]);
    assert_eq!((done.first_run, done.state), (Some(last + 1), OrderState::Finished));
    daemon.stop();
}

#[test]
fn an_order_that_a_stop_ends_is_named_with_its_progress_and_its_number_is_not_given_again() {
    let (site, mut daemon) = plant_with_windows(20);
    let first = order(&client(&site), &all_windows()).unwrap().id;
    eventually("a run by command goes on", || (!begun(&daemon).is_empty()).then_some(()));
    daemon.terminate();
    assert!(daemon.wait_until_ended().success());
    let done = begun(&daemon).len();
    assert!(done < 20);
    let words = format!("order {first} ended by the stop: {done} of 20 windows done");
    assert!(daemon.text().contains(&words), "{words}: {}", daemon.text());

    let daemon = site.start();
    let client = client(&site);
    assert!(order(&client, &NewRunOrder { is_dry_run: true, ..NewRunOrder::default() }).unwrap().id > first);
    let (said, succeeded) = run_now(&site, &["--cancel", &first.to_string()]);
    assert!(!succeeded && said.contains(&format!("there is no order {first}")), "{said}");
    daemon.stop();
}

#[test]
fn what_is_no_object_or_does_not_say_whether_it_is_a_dry_run_orders_nothing() {
    let (site, daemon) = plant_with_windows(1);
    let client = client(&site);
    for body in ["[]", "[null,null]", "[null,null,null,null,false]", "{}", "{\"group\":\"default\"}", "null", ""] {
        assert!(client.post("/api/v1/run-orders", body.into()).is_err(), "{body}");
    }
    assert!(client.post("/api/v1/routes/test", "[\"a/b\",{\"text\":\"1\"}]".into()).is_err());
    let orders: anomalyd::answers::List<RunOrder> = client.get("/api/v1/run-orders").unwrap().json().unwrap();
    assert_eq!(orders.total, Some(0));
    daemon.stop();
}

#[test]
fn orders_together_put_no_more_verdicts_out_of_the_store_than_one_may() {
    let (site, daemon) = plant_with(12, |settings| settings.with("store.keep_verdicts", "\"5h\""));
    let client = client(&site);
    order(&client, &all_windows()).unwrap();
    let refused = (0..3).find_map(|_| order(&client, &all_windows()).err()).unwrap().to_string();
    assert!(refused.contains("that are left of other orders"), "{refused}");
    daemon.stop();
}

#[test]
fn how_long_ago_is_meant_by_the_clock_that_the_daemon_goes_by() {
    // The readings are of one day in March, and their own times are the clock.
    let (site, daemon) = plant_with_windows(4);
    let done = run_now_json(&site, &["--window", "-30m..", "--dry-run"]);
    assert!((1..=3).contains(&done.windows), "{done:?}");
    let (said, succeeded) = command(&site, &["verdicts", "press-1/flow", "--since", "-30m", "--json"]);
    assert!(succeeded && (1..=4).contains(&said.lines().count()), "{said}");
    daemon.stop();
}
