use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::bytes::ByteSize;
use super::schedule::EventIdle;
use super::*;
use crate::group::GroupName;
use crate::ingest::filter::Filter;
use crate::interval::{Cut, WindowGrid};
use crate::schedule::Overlap;
use crate::sensor::SensorName;
use crate::sink::prediction::Decisions;
use crate::time::{Span, Timestamp};

const SHIPPED: &str = include_str!("../../config.toml");
const MANUAL: &str = include_str!("../../docs/configuration.md");
/// The sections without which a configuration does nothing.
const LEAST: &str = "[mqtt.listen]\n[[mqtt.route]]\ntopic = \"plant/{device}/{sensor}\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/anomalyd/config.toml"))
}

/// The configuration from `text` and the shortest sections that make it valid.
fn with(text: &str) -> Config {
    parse(&format!("{text}\n{LEAST}")).unwrap_or_else(|error| panic!("{error}"))
}

fn mistakes(text: &str) -> Vec<Mistake> {
    match parse(text) {
        Err(ConfigError::Mistakes { mistakes, .. }) => mistakes,
        other => panic!("expected mistakes, got {other:?}"),
    }
}

/// The mistakes in `text` with the shortest valid sections, as `line:column: key: problem`.
fn complaints(text: &str) -> Vec<String> {
    let all = mistakes(&format!("{text}\n{LEAST}"));
    all.iter().map(|mistake| format!("{}:{}: {mistake}", mistake.line, mistake.column)).collect()
}

/// The shipped file with every commented-out key on. A `#` that a key follows without a blank marks such a key; prose
/// has a blank there.
fn everything_on() -> String {
    let uncommented = |line: &'static str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') && !key.is_empty() => key,
        _ => line,
    };
    let lines: Vec<&str> = SHIPPED.lines().map(uncommented).collect();
    // Both sources cannot have the same port.
    lines.join("\n").replace("port = 1883\n", "port = 1884\n")
}

/// A folder with the password file that the shipped configuration names.
fn folder_with_password() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mqtt.password"), "hunter2\n").unwrap();
    folder
}

#[test]
fn what_the_shipped_file_says_are_the_defaults() {
    assert_eq!(parse(SHIPPED).unwrap(), with("[publish.files]"));
    assert_eq!(parse(SHIPPED).unwrap().warnings(), []);
}

#[test]
fn what_the_shipped_file_has_commented_out_are_the_defaults_or_examples() {
    let folder = folder_with_password();
    let read = |text: &str| Config::parse(text, &folder.path().join("config.toml")).unwrap();
    let shipped = read(&everything_on());
    let bare = read(&format!("[metrics]\n[publish.files]\n[publish.mqtt]\n[mqtt.connect]\nport = 1884\n{LEAST}"));
    let credentials = shipped.mqtt.connect.clone().unwrap().login.unwrap().read().unwrap();
    assert_eq!((credentials.username.as_str(), credentials.password.reveal()), ("anomalyd", "hunter2"));
    assert_eq!((shipped.mqtt.routes.len(), shipped.filters.len(), shipped.features.len()), (3, 1, 1));
    assert_eq!(shipped.groups.len(), 1);

    let mut without_examples = shipped;
    without_examples.mqtt.routes.truncate(1);
    without_examples.filters.clear();
    without_examples.features.clear();
    without_examples.sensitivities.clear();
    without_examples.scoring.anomaly_score = None;
    assert_eq!(without_examples.scoring.sensor_deadline(), bare.scoring.sensor_deadline());
    without_examples.scoring.written_sensor_deadline = None;
    without_examples.groups.clear();
    (without_examples.socket.path, without_examples.socket.group) = (None, None);
    (without_examples.http.tls, without_examples.http.token_file) = (None, None);
    without_examples.mqtt.connect.as_mut().unwrap().login = None;
    without_examples.schedule.horizon = None;
    assert_eq!(without_examples.rings(), bare.rings());
    without_examples.store = bare.store.clone();
    assert_eq!(without_examples, bare);
}

#[test]
fn the_shipped_file_writes_every_key_but_the_password() {
    let folder = folder_with_password();
    let text = everything_on();
    let root = DeTable::parse(&text).unwrap();
    let mut notes = Notes::new(&text, folder.path());
    notes.read(root.get_ref(), sections);
    let written: BTreeSet<String> = text
        .lines()
        .scan(String::new(), |section, line| {
            match (line.strip_prefix('['), line.split_once(" = ")) {
                (Some(header), _) => *section = header.trim_matches(['[', ']']).to_owned(),
                (_, Some((key, _))) if !key.starts_with('#') => return Some(Some(format!("{section}.{key}"))),
                _ => {}
            }
            Some(None)
        })
        .flatten()
        .collect();
    let headers = ["mqtt.listen", "mqtt.connect", "mqtt.route", "publish.files", "publish.mqtt"];
    for (section, key) in keys_known() {
        let path = format!("{section}.{key}");
        assert!(
            written.contains(&path) || headers.contains(&path.as_str()) || path == "mqtt.connect.password",
            "config.toml does not mention {path}"
        );
    }
}

/// Every key that the reader asks for, with its section; keys that are sections themselves are left out.
pub(super) fn keys_known() -> Vec<(String, &'static str)> {
    let text = everything_on();
    let folder = folder_with_password();
    let root = DeTable::parse(&text).unwrap();
    let mut notes = Notes::new(&text, folder.path());
    notes.read(root.get_ref(), sections);
    let known = notes.known();
    let pairs = known.iter().flat_map(|(section, keys)| keys.iter().map(move |key| (section.clone(), *key)));
    pairs
        .filter(|(section, key)| {
            let path = if section.is_empty() { (*key).to_owned() } else { format!("{section}.{key}") };
            !known.contains_key(&path)
        })
        .collect()
}

/// The manual's tables: section and key of each row.
fn keys_documented() -> BTreeSet<(String, String)> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in MANUAL.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            section = heading.split('`').nth(1).unwrap_or_default().trim_matches(['[', ']']).to_owned();
        } else if let Some(row) = line.strip_prefix("| `") {
            keys.insert((section.clone(), row.split('`').next().unwrap().to_owned()));
        }
    }
    keys
}

#[test]
fn the_manual_names_every_key_and_no_other() {
    let known: BTreeSet<_> = keys_known().into_iter().map(|(section, key)| (section, key.to_owned())).collect();
    assert_eq!(keys_documented(), known);
}

/// The shipped file, everything on, with another value under a key of a section.
fn shipped_with(section: &str, key: &str, value: &str) -> String {
    let mut at = String::new();
    let lines = everything_on();
    let lines = lines.lines().map(|line| {
        if line.starts_with('[') {
            at = line.trim_matches(['[', ']']).to_owned();
        }
        let is_meant = at == section && line.split_once(" = ").is_some_and(|(name, _)| name == key);
        if is_meant { format!("{key} = {value}") } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_manual_gives_the_bounds_that_the_reader_has() {
    let mut section = String::new();
    let mut compared = 0;
    for line in MANUAL.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            section = heading.split('`').nth(1).unwrap_or_default().trim_matches(['[', ']']).to_owned();
        }
        let Some(row) = line.strip_prefix("| `") else { continue };
        let columns: Vec<_> = row.split(" | ").collect();
        let (key, bounds) = (columns[0].trim_end_matches('`'), columns[2].split(", `").next().unwrap());
        let bounds = bounds.replace([',', '`'], "");
        // How long a text is, and a bound that is another key, are rules of their own.
        let Some((low, high)) = bounds.split_once(" to ").filter(|(_, high)| !high.contains(['x', 'c', 'l'])) else {
            continue;
        };
        let said = parse(&shipped_with(&section, key, "{}")).unwrap_err().to_string().replace('"', "");
        let accepted = format!("from {low} to {high}");
        assert!(said.contains(&accepted), "{section}.{key}: the manual says {accepted}, and the reader:\n{said}");
        compared += 1;
    }
    assert!(compared > 40, "only {compared} bounds are found in the manual");
}

#[test]
fn the_recipes_of_the_manual_are_configurations() {
    let folder = folder_with_password();
    let recipes: Vec<&str> = MANUAL.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(recipes.len() >= 5);
    for recipe in recipes {
        let config = Config::parse(recipe, &folder.path().join("config.toml"));
        assert!(config.is_ok(), "{recipe}\n{}", config.unwrap_err());
    }
}

#[test]
fn values_are_read_as_what_they_mean() {
    let config = with(concat!(
        "clock = \"event\"\n",
        "store = { keep_intervals = \"40h\", cache = \"64 MiB\" }\n",
        "limits = { intake = 1048576, latest = 2030-01-01T00:00:00Z }\n",
        "[window]\ninterval = \"5s\"\nlength = \"10m\"\nlateness = \"0s\"\n",
        "[schedule]\nevent_idle = \"never\"\n",
        "[publish.files]\ndecisions = true\n",
        "[[filter]]\nsensors = \"*/a\"\nmin = -3\nmax = 1e3\n",
    ));
    assert_eq!(config.clock, ClockSource::Event);
    assert_eq!((config.rings().windows, config.store.cache), (240, ByteSize::from_mib(64)));
    assert_eq!(config.limits.intake, ByteSize::from_mib(1));
    assert_eq!(Some(config.limits.latest), Timestamp::parse("2030-01-01T00:00:00Z"));
    assert_eq!(config.window.grid.cut().intervals_per_window(), 120);
    assert_eq!(config.schedule.event_idle, EventIdle::Never);
    assert_eq!(config.publish.files.unwrap().decisions, Decisions::Include);
    assert_eq!(config.filters[0].filter, Filter::new(-3.0, 1000.0, None).unwrap());
    assert_eq!(config.mqtt.connect, None);
}

#[test]
fn relative_paths_begin_at_the_folder_of_the_file() {
    assert_eq!(with("[store]\ndirectory = \"data\"").store.directory, PathBuf::from("/etc/anomalyd/data"));
    assert_eq!(with("[store]\ndirectory = \"/data\"").store.directory, PathBuf::from("/data"));
}

#[test]
fn nothing_is_ahead_of_the_event_clock() {
    assert_eq!(with("").limits.max_ahead, Some(Span::from_secs(300)));
    let config = with("clock = \"event\"\n[limits]\nmax_ahead = \"1h\"");
    assert_eq!(config.limits.plausible_times(config.clock).max_ahead, None);
}

#[test]
fn a_value_that_is_not_accepted_says_what_is() {
    for (text, complaint) in [
        ("clock = \"moon\"", "1:9: clock: found \"moon\"; accepted: \"wall\" or \"event\""),
        ("[store]\nrejects = 0", "2:11: store.rejects: found 0; accepted: a whole number from 1 to 1000000"),
        (
            "[store]\nrejects = 99999999999999999999",
            "2:11: store.rejects: found 99999999999999999999; accepted: a whole number from 1 to 1000000",
        ),
        ("[store]\nrejects = 24.5", "2:11: store.rejects: found 24.5; accepted: a whole number from 1 to 1000000"),
        ("[store]\nrejects = true", "2:11: store.rejects: found true; accepted: a whole number from 1 to 1000000"),
        (
            "[store]\ndirectory = \"\"",
            "2:13: store.directory: found \"\": it is empty; accepted: a path such as \"/srv/anomalyd/store\", or one that begins at the folder of this file",
        ),
        (
            "[store]\ndirectory = 'C:\\data'",
            "2:13: store.directory: found \"C:\\\\data\": this is a path of Windows; folders are separated by /, and there are no drives; accepted: a path such as \"/srv/anomalyd/store\", or one that begins at the folder of this file",
        ),
        (
            "[store]\ndirectory = \"C:\\data\"",
            "2:17: not TOML: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\\`, `\"`, `x`, `u`, `U`; within double quotes \\ begins an escape, and paths are written with /",
        ),
        (
            "[store]\ncache = \"16 MB\"",
            "2:9: store.cache: found \"16 MB\"; accepted: a size such as \"64 KiB\" or \"16 MiB\", from \"1 MiB\" to \"4 GiB\"",
        ),
        (
            "[stop]\ndeadline = 20",
            "2:12: stop.deadline: found 20; accepted: a length of time such as \"500ms\", \"10s\" or \"1h30m\", from \"1s\" to \"1h\"",
        ),
        (
            "[limits]\nearliest = \"soon\"",
            "2:12: limits.earliest: found \"soon\"; accepted: a time such as \"2000-01-01T00:00:00Z\", from the year 1678 to 2261",
        ),
        (
            "[publish.files]\ndecisions = \"yes\"",
            "2:13: publish.files.decisions: found \"yes\"; accepted: true or false",
        ),
        ("[[filter]]\nsensors = \"*\"\nmin = nan", "3:7: filter[1].min: found nan; accepted: a finite number"),
        (
            "[models]\nname = \"model_{sensor}\"",
            "2:8: models.name: found \"model_{sensor}\": the template \"model_{sensor}\" holds {device} 0 times; it must hold it once; accepted: a path below the folder with {device} and {sensor}, such as \"model_{device}_{sensor}\"",
        ),
        (
            "[models]\nscaler = \"model_{device}_{sensor}\"",
            "2:10: models.scaler: the scalers' names are those of the models, model_{device}_{sensor}; nothing tells one from the other",
        ),
        (
            "[log]\nlevel = \"ifno\"",
            "2:9: log.level: found \"ifno\": \"ifno\" is no level; accepted: error, warn, info, debug, trace or off, also by part: \"info,anomalyd::store=debug\"",
        ),
    ] {
        assert_eq!(complaints(text), [complaint]);
    }
}

#[test]
fn the_source_keys_say_what_belongs_elsewhere() {
    for (text, complaint) in [
        (
            "host = \"mqtt://broker\"",
            "2:8: mqtt.connect.host: found \"mqtt://broker\": a scheme has no place here; accepted: a host name or an address, such as \"localhost\" or \"192.168.0.7\"",
        ),
        (
            "host = \"broker:1883\"",
            "2:8: mqtt.connect.host: found \"broker:1883\": the port has its own key; accepted: a host name or an address, such as \"localhost\" or \"192.168.0.7\"",
        ),
        (
            "qos = 3",
            "2:7: mqtt.connect.qos: found 3; accepted: 0 (at most once), 1 (at least once) or 2 (exactly once)",
        ),
        (
            "password = \"hunter2\"",
            "2:12: mqtt.connect.password: there is no username; MQTT takes a password only with one",
        ),
        (
            "backoff_min = \"1m\"",
            "2:15: mqtt.connect.backoff_min: the wait cannot grow from 1m to 30s; backoff_min must not exceed backoff_max",
        ),
    ] {
        let text =
            format!("[mqtt.connect]\n{text}\n{}", if text.starts_with("host") { "" } else { "host = \"broker\"" });
        assert_eq!(complaints(&text), [complaint]);
    }
    let listen = mistakes("[mqtt.listen]\naddress = \"localhost:1883\"\n[[mqtt.route]]\ntopic = \"{device}/{sensor}\"");
    assert_eq!(
        listen[0].to_string(),
        "mqtt.listen.address: found \"localhost:1883\"; accepted: an address with a port, such as \"127.0.0.1:1883\" or \"[::1]:1883\""
    );
}

#[test]
fn a_route_must_name_device_and_sensor_exactly_once() {
    let accepted = "accepted: a topic such as \"plant/{device}/{sensor}\"; {device...} takes several levels";
    for (route, complaint) in [
        ("", format!("1:1: mqtt.route[1].topic: missing; {accepted}")),
        ("topic = \"plant/{sensor}\"", format!("2:9: mqtt.route[1].topic: found \"plant/{{sensor}}\": no level names the device; put {{device}} in place of the level that does; {accepted}")),
        ("topic = \"{device}\"", "2:9: mqtt.route[1].topic: nothing names the sensor: put {sensor} into the topic \"{device}\", or say where the payload names it with sensor or values".to_owned()),
        ("topic = \"{device}/{sensor}\"\nvalues = \"\"", "3:10: mqtt.route[1].values: both the topic \"{device}/{sensor}\" and the payload name the sensor; leave one out".to_owned()),
        ("topic = \"{device}\"\nvalue = \"/a\"\nvalues = \"/b\"", "4:10: mqtt.route[1].values: there is a value as well; keep one of them".to_owned()),
        ("topic = \"{device}\"\nsensor = \"/a\"\nvalues = \"/b\"", "3:10: mqtt.route[1].sensor: where all numbers are taken their keys name the sensors; leave out the pointer to the sensor's name".to_owned()),
        ("topic = \"{device}\"\neach = \"columns\"\nvalues = \"/b\"", "4:10: mqtt.route[1].values: columns need a pointer to the one column of values, not to all numbers".to_owned()),
        ("topic = \"{device}/{sensor}\"\neach = \"columns\"\ntime = \"\"", "4:8: mqtt.route[1].time: columns need a pointer to the column of times".to_owned()),
        ("topic = \"{device}/{sensor}\"\nvalue = \"/ts/v\"", "3:9: mqtt.route[1].value: the time at /ts holds the value at /ts/v; they must lie apart".to_owned()),
        ("topic = \"{device}/{sensor}\"\nformat = \"plain\"\nat = \"/a\"", "4:6: mqtt.route[1].at: a plain payload is one number; this key needs format = \"json\"".to_owned()),
        ("topic = \"{device}/{sensor}\"\nformat = \"plain\"\nzone = \"UTC\"", "4:8: mqtt.route[1].zone: a plain payload is one number; this key needs format = \"json\"".to_owned()),
        ("topic = \"{device}/{sensor}\"\nzone = \"Europe/Berlim\"", "3:8: mqtt.route[1].zone: found \"Europe/Berlim\": 'Europe/Berlim' is not a zone; write a place such as Europe/Berlin, or a distance from UTC such as +02:00; accepted: a place such as \"Europe/Berlin\", or a distance from UTC such as \"+02:00\"".to_owned()),
        ("topic = \"{device}/{sensor}\"\ntime = \"\"\nzone = \"UTC\"", "4:8: mqtt.route[1].zone: with time = \"\" readings have no time of their own, so this is unused".to_owned()),
        ("topic = \"{device}/{sensor}\"\ntime_format = \"%d.%m.%Y\"\ntime_unit = \"s\"", "4:13: mqtt.route[1].time_unit: time_format says how times are written; leave one of them out".to_owned()),
        ("topic = \"{device}/{sensor}\"\ndecimal = \",\"", "3:11: mqtt.route[1].decimal: JSON has a decimal comma in quotes only; add numbers = \"quoted\"".to_owned()),
        ("topic = \"{device}/{sensor}\"\nvalue = \"a\"", "3:9: mqtt.route[1].value: found \"a\": the pointer \"a\" does not begin with '/'; write /a, or nothing for the whole document; accepted: a JSON pointer such as \"/data/value\", or \"\" for the whole".to_owned()),
    ] {
        let all = mistakes(&format!("[[mqtt.route]]\n{route}\n[mqtt.listen]\n"));
        let all: Vec<_> = all.iter().map(|mistake| format!("{}:{}: {mistake}", mistake.line, mistake.column)).collect();
        assert_eq!(all, [complaint]);
    }
}

#[test]
fn an_unknown_key_comes_with_the_one_that_was_meant() {
    for (text, complaint) in [
        ("[store]\nrejcts = 24", "2:1: store.rejcts: unknown key; did you mean \"rejects\"?"),
        ("[strore]", "1:2: strore: unknown key; did you mean \"store\"?"),
        ("[store]\nlateness = \"5s\"", "2:1: store.lateness: unknown key; did you mean the \"lateness\" of [window]?"),
        (
            "[window]\nclock = \"wall\"",
            "2:1: window.clock: unknown key; did you mean the \"clock\" at the top of the file, before the first section?",
        ),
        ("[stop]\ncolour = 1", "2:1: stop.colour: unknown key; accepted: deadline"),
        ("[[filter]]\nsensors = \"*\"\nmin = 0\nmaxx = 1", "4:1: filter[1].maxx: unknown key; did you mean \"max\"?"),
    ] {
        assert_eq!(complaints(text), [complaint]);
    }
}

#[test]
fn what_is_no_section_or_no_list_of_tables_is_refused() {
    assert_eq!(complaints("store = 5"), ["1:9: store: found 5; accepted: a section under [store]"]);
    let accepted = "accepted: tables, each under its own [[filter]] in double brackets";
    assert_eq!(complaints("[filter]\nsensors = \"*\""), [format!("1:2: filter: found a table; {accepted}")]);
    assert_eq!(complaints("filter = [1]"), [format!("1:11: filter[1]: found 1; {accepted}")]);
}

#[test]
fn rules_within_a_section_name_both_values() {
    for (text, complaint) in [
        (
            "[window]\nlateness = \"1h\"",
            "2:12: window.lateness: 1h is not shorter than a window of 1h; lateness must be less than length",
        ),
        (
            "[window]\ninterval = \"7m\"",
            "2:12: window.interval: a window of 1h is not a whole number of intervals of 7m",
        ),
        (
            "[window]\ninterval = \"1ms\"",
            "2:12: window.interval: a window of 1h has 3600000 intervals of 1ms; at most 32768 are accepted",
        ),
        (
            "[limits]\nlatest = 1999-01-01T00:00:00Z",
            "2:10: limits.latest: no time lies between 2000-01-01T00:00:00Z and 1999-01-01T00:00:00Z; earliest must come before latest",
        ),
        (
            "[[filter]]\nsensors = \"*\"\nmin = 2\nmax = 1",
            "3:7: filter[1].min: the range from 2 to 1 accepts nothing; the lowest value must not be above the highest",
        ),
        (
            "[[filter]]\nsensors = \"*\"",
            "2:11: filter[1].sensors: this filter does nothing; give it a min, a max or a deadband",
        ),
    ] {
        assert_eq!(complaints(text), [complaint]);
    }
}

#[test]
fn rules_across_sections_name_both_sides() {
    for (text, complaint) in [
        (
            "[mqtt.connect]\nport = 1884\n[publish.mqtt]\ntopic = \"v/{device}-{sensor}\"",
            "4:9: publish.mqtt.topic: found \"v/{device}-{sensor}\": put a / between {device} and {sensor}: else several \
             sensors could share one topic; accepted: a topic with {device} and {sensor}, without + and #",
        ),
        (
            "[publish.mqtt]",
            "1:10: publish.mqtt: verdicts are published over the connected broker, and there is none; add [mqtt.connect]",
        ),
        (
            "[schedule]\ncatch_up = 9999",
            "2:12: schedule.catch_up: room for 10001 windows of 1h is needed: 9999 that are caught up on (schedule.catch_up), one that is open, and those that are early, as readings may be 5m ahead (limits.max_ahead); store.keep_intervals has room for 10000; no more than 10000 can be kept, so catch up on fewer",
        ),
        (
            "[store]\nkeep_intervals = \"1d\"",
            "2:18: store.keep_intervals: room for 26 windows of 1h is needed: 24 that are caught up on (schedule.catch_up), one that is open, and those that are early, as readings may be 5m ahead (limits.max_ahead); store.keep_intervals has room for 24; make it at least \"1d2h\"",
        ),
        (
            "[store]\nkeep_intervals = \"600d\"",
            "2:18: store.keep_intervals: 600d are 14400 windows of 1h, and at most 10000 can be kept; make it at most \"416d16h\"",
        ),
        (
            "[store]\nkeep_verdicts = \"8d\"",
            "2:17: store.keep_verdicts: verdicts cannot be kept for 8d, as their runs are kept for 7d; make store.keep_runs longer",
        ),
        (
            "[scoring]\ndeadline = \"10s\"\nsensor_deadline = \"11s\"",
            "3:19: scoring.sensor_deadline: 11s for one sensor is more than 10s for the whole run",
        ),
        (
            "[scoring]\nmin_intervals = 61",
            "2:17: scoring.min_intervals: a window has 60 intervals and could never hold 61",
        ),
        (
            "[store]\ndirectory = \"/m/x/../s\"\n[models]\ndirectory = \"/m\"",
            "2:13: store.directory: /m/s and models.directory, /m, lie one within the other; keep them apart",
        ),
        (
            "[mqtt.connect]\nhost = \"localhost\"",
            "2:8: mqtt.connect.host: the broker cannot be at localhost:1883, where [mqtt.listen] itself listens; change one of the ports",
        ),
    ] {
        assert_eq!(complaints(text), [complaint]);
    }
}

#[test]
fn a_configuration_that_reads_nothing_is_refused() {
    let found: Vec<String> = mistakes("").iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("mqtt.listen: nothing takes readings in; add [mqtt.listen]"), "{found:?}");
    assert_eq!(found[1], "mqtt.route: no message would be read; add a [[mqtt.route]] with a topic");
}

#[test]
fn a_rule_is_silent_about_values_that_are_mistaken_themselves() {
    assert_eq!(
        complaints("[store]\nkeep_intervals = \"3\"\n[schedule]\ncatch_up = 9999"),
        [
            "2:18: store.keep_intervals: found \"3\"; accepted: a length of time such as \"500ms\", \"10s\" or \"1h30m\", from \"1s\" to \"36600d\""
        ]
    );
}

#[test]
fn a_schedule_is_a_pattern_that_fires_in_a_zone() {
    for (cron, why) in [
        ("0 0 0 * * * *", "7 fields"),
        ("0 0 31 2 *", "it never fires"),
        ("hourly", "1 field"),
        ("0 0 25 * * *", "25"),
        ("every day", "no span"),
        ("@reboot", "nickname"),
    ] {
        let found = complaints(&format!("[schedule]\ncron = \"{cron}\""));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with(&format!("2:8: schedule.cron: found \"{cron}\": ")), "{found:?}");
        assert!(found[0].contains(why) && found[0].contains("every 10m"), "{found:?}");
    }
    let wrong = "[schedule]\nzone = \"Europe/Berlim\"\noverlap = \"both\"\nhorizon = \"0s\"\njitter = \"2d\"";
    let found = complaints(wrong);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].contains("write a place such as Europe/Berlin"), "{found:?}");
    let text = "[schedule]\ncron = \"30 2 * * *\"\nzone = \"Europe/Berlin\"\noffset = \"5m\"\njitter = \"1m\"\noverlap = \"skip\"\nhorizon = \"12h\"";
    let schedule = with(text).schedule;
    let minutes = |minutes: u32| Span::from_secs(60 * minutes);
    let hourly =
        schedule.of_group(&GroupName::default(), Cut::new(minutes(1), minutes(60)).unwrap().into(), minutes(1));
    assert!((minutes(5)..minutes(6)).contains(&hourly.delay), "{}", hourly.delay);
    assert_eq!((hourly.overlap, hourly.horizon), (Overlap::Skip, Some(minutes(720))));
    assert_eq!(
        hourly.next_wake(Timestamp::parse("2026-07-01 00:00").unwrap()).map(|wake| wake.floor(minutes(30))),
        Timestamp::parse("2026-07-01 00:30")
    );
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file_with_its_line() {
    let text = "clock = \"moon\"\n[store]\nrejcts = 24\ncache = 0\n\n[window]\nlateness = \"2h\"\n[[mqtt.route]]\n";
    let expected = "\
5 mistakes in the configuration /etc/anomalyd/config.toml

/etc/anomalyd/config.toml:1:9: clock: found \"moon\"; accepted: \"wall\" or \"event\"
     1 | clock = \"moon\"
       |         ^

/etc/anomalyd/config.toml:3:1: store.rejcts: unknown key; did you mean \"rejects\"?
     3 | rejcts …
       | ^

/etc/anomalyd/config.toml:4:9: store.cache: found 0; accepted: a size such as \"64 KiB\" or \"16 MiB\", from \"1 MiB\" to \"4 GiB\"
     4 | cache = 0
       |         ^

/etc/anomalyd/config.toml:7:12: window.lateness: 2h is not shorter than a window of 1h; lateness must be less than length
     7 | lateness = \"2h\"
       |            ^

/etc/anomalyd/config.toml:8:1: mqtt.route[1].topic: missing; accepted: a topic such as \"plant/{device}/{sensor}\"; {device...} takes several levels
     8 | [[mqtt.route]]
       | ^";
    let error = parse(&format!("{text}[mqtt.listen]\n")).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn all_errors_of_syntax_are_told_at_once() {
    let found = mistakes("[store]\nwindows = \nruns = 1 2\nruns = 5\n");
    assert!(found.len() >= 2, "{found:?}");
    assert_eq!((found[0].line, found[0].excerpt.as_str()), (2, "windows ="));
    assert_eq!(found[1].line, 3);
    let shown = parse("[store]\nwindows = \n").unwrap_err().to_string();
    assert!(shown.contains("config.toml:2:"), "{shown}");
    assert!(shown.ends_with("what the keys say is checked once the file is TOML"), "{shown}");
}

#[test]
fn a_secret_is_never_shown() {
    let folder = folder_with_password();
    for line in [
        "password = \"hunter2\"",
        "password = \"hunter2",
        "password \"hunter2\"",
        "password = hunter2",
        "password = 20022002",
        "password = [\n\"hunter2\"\n 1",
        "password = [\"hunter2\"]",
        "password = { hunter2 = 1 }",
        "password = \"\"\"\nhunter2\n\"\"\"\nport = 0",
        "pasword = \"hunter2\"",
        "pin = \"hunter2\"",
        "username = \"a\"\npassword_file = \"mqtt.password\"\nport = 0",
        "username = \"a\", password = \"hunter2\"",
    ] {
        let text = format!("[mqtt.connect]\n{line}\nhost = \"mqtt://x\"");
        let error = Config::parse(&text, &folder.path().join("config.toml")).unwrap_err();
        assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("20022002"), "{error}");
        let mut pasted = format!("{error:?}");
        pasted.retain(|c| c != '\\');
        // A key is no secret, even if its name looks like one.
        assert!(!pasted.contains("hunter2") || line.contains("{ hunter2"), "{pasted}");
    }
    let text = format!("[mqtt.connect]\nport = 1884\nusername = \"a\"\npassword = \"hunter2\"\n{LEAST}");
    let config = parse(&text).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.mqtt.connect.unwrap().login.unwrap().read().unwrap().password.reveal(), "hunter2");
}

#[test]
fn a_password_file_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(folder.path().join("marked"), "\u{feff}hunter2\r\n").unwrap();
    // The configuration can be read without the password file, because not every command connects to the broker.
    let login = |name: &str| {
        let text = format!("[mqtt.connect]\nport = 1884\nusername = \"a\"\npassword_file = \"{name}\"\n{LEAST}");
        let config = Config::parse(&text, &folder.path().join("config.toml")).unwrap();
        config.mqtt.connect.unwrap().login.unwrap().read()
    };
    for (name, why) in [("absent", "cannot open it"), ("empty", "it is empty"), ("binary", "it is not text")] {
        let error = login(name).unwrap_err().to_string();
        let path = folder.path().join(name);
        assert!(error.contains(path.to_str().unwrap()) && error.contains(why), "{error}");
    }
    assert_eq!(login("marked").unwrap().password.reveal(), "hunter2");
}

#[test]
fn a_mark_before_the_text_is_passed_over_and_utf_16_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, format!("\u{feff}{LEAST}")).unwrap();
    assert_eq!(Config::read(&file).unwrap().mqtt, with("").mqtt);
    std::fs::write(&file, format!("\u{feff}clock = \"moon\"\n{LEAST}")).unwrap();
    let error = Config::read(&file).unwrap_err().to_string();
    assert!(error.contains("config.toml:1:9: clock"), "{error}");
    let units: Vec<u16> = LEAST.encode_utf16().collect();
    let of = |bytes: fn(u16) -> [u8; 2]| units.iter().copied().flat_map(bytes).collect::<Vec<_>>();
    let (little, big) = (of(u16::to_le_bytes), of(u16::to_be_bytes));
    for bytes in [[vec![0xff, 0xfe], little.clone()].concat(), [vec![0xfe, 0xff], big.clone()].concat(), little, big] {
        std::fs::write(&file, bytes).unwrap();
        let error = Config::read(&file).unwrap_err().to_string();
        assert!(error.contains("is text in UTF-16") && error.contains("save it as text in UTF-8"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_apart_from_one_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    assert!(matches!(Config::read(&file), Err(ConfigError::Unreadable { .. })));
    std::fs::write(&file, [0xff]).unwrap();
    assert!(Config::read(&file).unwrap_err().to_string().contains("is no text in UTF-8; save it as text in UTF-8"));
    std::fs::write(&file, vec![b'#'; 1 << 21]).unwrap();
    assert!(matches!(Config::read(&file), Err(ConfigError::TooLarge { .. })));
    std::fs::write(&file, LEAST).unwrap();
    assert_eq!(Config::read(&file).unwrap().store, with("").store);
}

#[test]
fn what_is_seldom_meant_is_warned_of() {
    let all = |text: &str| {
        let warnings = parse(text).unwrap().warnings();
        warnings.iter().map(|warning| warning.key).collect::<Vec<_>>()
    };
    assert_eq!(all(LEAST), ["publish"]);
    let warned = |text: &str| all(&format!("{text}\n[publish.files]\n"));
    assert_eq!(warned(LEAST), [] as [&str; 0]);
    let broker = "[mqtt.connect]\nhost = \"broker\"\n[[mqtt.route]]\ntopic = \"{device}/{sensor}\"\n";
    let delayed = format!("[store]\ncommit_delay = \"1s\"\n{broker}");
    assert_eq!((warned(broker), warned(&delayed)), (vec![], vec!["store.commit_delay"]));
    let open = "[mqtt.listen]\naddress = \"0.0.0.0:1883\"\n[[mqtt.route]]\ntopic = \"{device}/{sensor}\"\n";
    assert_eq!(warned(open), ["mqtt.listen.address"]);
    assert_eq!(warned(&format!("[schedule]\ncron = \"0 */10 * * * *\"\n{LEAST}")), ["schedule.cron"]);
    assert_eq!(warned(&format!("[scoring]\ndeadline = \"1m\"\n{LEAST}")), ["supervision.backoff_max"]);
    assert_eq!(warned(&format!("[scoring]\ndeadline = \"61s\"\n{LEAST}")), [] as [&str; 0]);
    assert_eq!(warned(&format!("[schedule]\nhorizon = \"2d\"\n{LEAST}")), ["schedule.horizon"]);
    assert_eq!(
        warned(&format!("[schedule]\ncron = \"0 0 0 29 2 *\"\n{LEAST}")),
        ["schedule.cron"],
        "years are left out"
    );
    assert_eq!(
        warned(&format!("[schedule]\ncron = \"0 0 6 * * *\"\n{LEAST}")),
        [] as [&str; 0],
        "a day is caught up on"
    );
    assert_eq!(warned(&format!("clock = \"event\"\nlimits.max_ahead = \"5m\"\n{LEAST}")), ["limits.max_ahead"]);
    assert_eq!(warned(&format!("clock = \"event\"\n{LEAST}")), [] as [&str; 0]);
}

/// The warnings, as `key: advice`, with one source, one sink, and no routes but those of the text.
fn warned_of(text: &str) -> Vec<String> {
    let file = PathBuf::from("config.toml");
    let warnings = Config::parse(&format!("{text}\n[mqtt.listen]\n[publish.files]\n"), &file).unwrap().warnings();
    warnings.iter().map(ToString::to_string).collect()
}

const PLANT: &str = "[[mqtt.route]]\ntopic = \"plant/{device}/{sensor}\"\n";

#[test]
fn routes_that_are_never_used_are_warned_of() {
    let route = |topic: &str| format!("[[mqtt.route]]\ntopic = \"{topic}\"\n");
    assert_eq!(
        warned_of(&(route("{device...}/{sensor}") + PLANT)),
        [
            "mqtt.route: the route of \"plant/{device}/{sensor}\" is never used: that of \"{device...}/{sensor}\" stands before it \
          and takes all its topics; put the narrower one first, or remove it"
        ]
    );
    assert_eq!(
        warned_of(&(PLANT.to_owned() + &route("{device...}/{sensor}"))),
        [""; 0],
        "the narrower one comes first"
    );
    assert!(warned_of(&route(" plant/{device}/{sensor}"))[0].starts_with("mqtt.route: the level \" plant\" of"));
}

#[test]
fn subscriptions_of_which_a_broker_may_deliver_copies_are_warned_of() {
    let broker = "[mqtt.connect]\nport = 1884\n";
    let routes = |more: &str| {
        format!(
            "{broker}[[mqtt.route]]\ntopic = \"{{device}}/x/{{sensor...}}\"\n{more}\
             [[mqtt.route]]\ntopic = \"hall/{{device}}/{{sensor...}}\"\n{more}"
        )
    };
    let said = warned_of(&routes("format = \"plain\"\n"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("mqtt.route: the subscriptions +/x/# and hall/+/# overlap: some brokers deliver"),
        "{said:?}"
    );
    assert_eq!(warned_of(&routes("")), [""; 0], "a reading with a time of its own counts once");
    // One subscription covers the other, so only one is made.
    let nested = "[[mqtt.route]]\ntopic = \"hall/{device}/{sensor}\"\nformat = \"plain\"\n\
                  [[mqtt.route]]\ntopic = \"{device...}/{sensor}\"\nformat = \"plain\"\n";
    assert_eq!(warned_of(&format!("{broker}{nested}")), [""; 0]);
}

#[test]
fn filters_that_are_never_used_are_warned_of() {
    let filter = |pattern: &str| format!("[[filter]]\nsensors = \"{pattern}\"\nmin = 0\n");
    let said = warned_of(&(filter("*") + &filter("*/temp") + PLANT));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("filter: the filter of \"*/temp\" is never used: that of \"*\" stands before it"),
        "{said:?}"
    );
    assert_eq!(warned_of(&(filter("*/temp") + &filter("*") + PLANT)), [""; 0]);
    let said = warned_of(&(filter("hall/press/temp") + PLANT));
    assert!(said[0].starts_with("filter: \"hall/press/temp\" fits no sensor that a route can name"), "{said:?}");
    let deep = PLANT.replace("{device}", "{device...}");
    assert_eq!(warned_of(&(filter("hall/press/temp") + &deep)), [""; 0]);
}

#[test]
fn columns_of_sensors_that_no_route_can_name_are_warned_of() {
    let features = |pattern: &str, column: &str| {
        format!("[[features]]\nsensors = \"{pattern}\"\ncolumns = [\"mean\", \"{column}\"]\n")
    };
    let said = warned_of(&(features("*", "oil/temp.mean") + PLANT));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("features: a column for \"*\" is of the sensor \"oil/temp\", which no route can name"),
        "{said:?}"
    );
    assert_eq!(warned_of(&(features("*", "temp.mean") + PLANT)), [""; 0]);
    let said = warned_of(&(features("a/b/c", "temp.mean") + PLANT));
    assert!(said[0].starts_with("features: \"a/b/c\" fits no sensor"), "{said:?}");
    let by_payload = "[[mqtt.route]]\ntopic = \"plant/{device}\"\nvalues = \"\"\n";
    assert_eq!(warned_of(&(features("*", "oil/temp.mean") + by_payload)), [""; 0], "keys may hold slashes");
}

#[test]
fn less_room_for_connections_than_two_packets_take_is_warned_of() {
    let warned = |connections: &str| warned_of(&format!("[limits]\nconnections = \"{connections}\"\n{PLANT}"));
    assert_eq!(warned("2 MiB"), [""; 0]);
    let said = warned("1 MiB");
    assert!(said[0].starts_with("limits.connections: two packets of 1 MiB (mqtt.listen.max_packet)"), "{said:?}");
}

#[test]
fn misspelt_parts_of_the_log_are_warned_of() {
    let warned = |level: &str| warned_of(&format!("[log]\nlevel = \"{level}\"\n{PLANT}"));
    for (level, says) in [
        (
            "info,anomalyd::stoer=debug",
            "log.level: there is no part \"anomalyd::stoer\", so that its level does nothing; did you mean anomalyd::store?",
        ),
        ("anomalyd::store::jurnal=debug", "did you mean anomalyd::store::journal?"),
        ("info,anomalid=debug", "log.level: \"anomalid\" is no part of the daemon: its parts begin with anomalyd"),
        ("anomalyd::something_else[span]=debug", "the parts are answers, codec, "),
    ] {
        let said = warned(level);
        assert!(said.len() == 1 && said[0].contains(says), "{level}: {said:?}");
    }
    for level in [
        "info",
        "info,anomalyd=debug",
        "anomalyd::store=debug",
        "anomalyd::actors::sources::broker=trace,rumqttc=debug",
        "anomalyd::store::journal::any=debug",
        "anomalyd::sto=debug",
        "[span]=debug",
    ] {
        assert_eq!(warned(level), [""; 0], "{level}");
    }
}

#[test]
fn verdicts_that_come_back_to_the_daemon_are_warned_of() {
    let warned = |route: &str, topic: &str| {
        let text =
            format!("[mqtt.connect]\n[[mqtt.route]]\ntopic = \"{route}\"\n[publish.mqtt]\ntopic = \"{topic}\"\n");
        parse(&text).unwrap().warnings().iter().any(|warning| warning.key == "publish.mqtt.topic")
    };
    for (route, topic) in [
        ("{device}/{sensor}", "{device}/{sensor}"),
        ("{device...}/{sensor}", "verdicts/{device}/{sensor}"),
        ("verdicts/press/{device}/{sensor}", "verdicts/{device}/x/{sensor}"),
        ("plant/{device}/{sensor...}", "plant/{device}/{sensor}/verdict"),
    ] {
        assert!(warned(route, topic), "{route} {topic}");
    }
    for (route, topic) in [
        ("plant/{device}/{sensor}", "verdicts/{device}/{sensor}"),
        ("{device}/{sensor}", "verdicts/{device}/{sensor}"),
        ("{device...}/{sensor}", "$verdicts/{device}/{sensor}"),
        ("plant/{device}/{sensor}/x", "plant/{device}/{sensor}"),
    ] {
        assert!(!warned(route, topic), "{route} {topic}");
    }
}

/// The hash of the settings of the default group.
fn hash(config: &Config) -> u64 {
    config.settings_hash(&config.default_group())
}

#[test]
fn the_settings_hash_covers_what_verdicts_depend_on_and_nothing_else() {
    let base = hash(&with(""));
    for same in [
        "[store]\ndirectory = \"elsewhere\"\nkeep_intervals = \"100h\"",
        "[models]\ndirectory = \"elsewhere\"",
        "[log]\nlevel = \"debug\"",
        "[publish.files]",
        "[window]\ninterval = \"60s\"\nlength = \"60m\"",
        "[mqtt.connect]\nhost = \"broker\"",
    ] {
        assert_eq!(hash(&with(same)), base, "{same}");
    }
    let mut hashes = BTreeSet::from([base]);
    for other in [
        "[window]\ninterval = \"30s\"",
        "[window]\nlength = \"2h\"",
        "[window]\nlateness = \"31s\"",
        "[scoring]\nmin_intervals = 2",
        "[scoring]\nproof = \"required\"",
        "[limits]\nreadings_per_interval = 10",
        "[limits]\nearliest = 2001-01-01T00:00:00Z",
        "[limits]\nlatest = 2099-01-01T00:00:00Z",
        "[limits]\nmax_ahead = \"6m\"",
        "clock = \"event\"",
        "[[filter]]\nsensors = \"*\"\nmin = 0",
        "[[filter]]\nsensors = \"*\"\nmax = 0",
        "[[filter]]\nsensors = \"*\"\ndeadband = 0",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nformat = \"plain\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nretained = \"accept\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\neach = \"array\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nat = \"/a\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nvalue = \"/a\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\ntime = \"\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\ntime_unit = \"ms\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\ntime_format = \"%s\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nzone = \"Europe/Berlin\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nzone = \"+01:00\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nnumbers = \"quoted\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nnumbers = \"quoted\"\ndecimal = \",\"",
        "[[mqtt.route]]\ntopic = \"a/{device}/{sensor}\"\nformat = \"plain\"\ndecimal = \",\"",
        "[[mqtt.route]]\ntopic = \"a/{device}\"\nsensor = \"/tag\"",
        "[[mqtt.route]]\ntopic = \"a/{device}\"\nvalues = \"/value\"",
        "[[features]]\nsensors = \"*\"\ncolumns = [\"mean\"]",
        "[[features]]\nsensors = \"*/a\"\ncolumns = [\"mean\"]",
        "[[features]]\nsensors = \"*\"\ncolumns = [\"std\"]",
        "[[features]]\nsensors = \"*\"\ncolumns = [\"mean\", \"std\"]",
        "[[features]]\nsensors = \"*\"\ncolumns = [\"mean\"]\nmissing = \"nan\"",
        "[[features]]\nsensors = \"*\"\ncolumns = [\"mean\"]\nmissing = \"last 2\"",
        "[[features]]\nsensors = \"*\"\ncolumns = [\"mean\"]\n[[features]]\nsensors = \"*\"\ncolumns = [\"mean\"]",
    ] {
        assert!(hashes.insert(hash(&with(other))), "{other}");
    }
}

#[test]
fn the_settings_hash_is_the_same_on_every_machine_and_in_every_release() {
    // Stored runs name the hash. If this fails, the number in `hash.rs` must be raised as well.
    assert_eq!(format!("{:016x}", hash(&parse(SHIPPED).unwrap())), "b830b70c3c59a308");
}

#[test]
fn a_file_that_is_all_mistakes_is_given_up_in_time() {
    let most = usize::try_from(Config::MAX_FILE_BYTES).unwrap();
    for line in ["[[filter]]\n", "a = \n", "[[mqtt.route]]\ntopic=1\n", "password = [\n", "=\n"] {
        let text = line.repeat(most / 8 / line.len());
        let shown = parse(&text).unwrap_err().to_string();
        assert!(shown.len() < 50_000, "{}", shown.len());
    }
    let keys: String = (0..50_000).map(|key| format!("key{key} = 1\n")).collect();
    assert_eq!(mistakes(&keys).len(), 1000);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        if let Err(error) = parse(&text) {
            error.to_string();
        }
    }

    #[test]
    fn no_damage_to_the_shipped_file_makes_it_panic(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..20_usize, "[\\PC\n]{0,6}"), 1..6)
    ) {
        let mut text: Vec<char> = everything_on().chars().collect();
        for (at, length, inserted) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        match parse(&text.into_iter().collect::<String>()) {
            Ok(config) => { config.warnings(); }
            Err(error) => { error.to_string(); }
        }
    }
}

#[test]
fn the_ring_of_windows_must_hold_what_may_be_early_open_and_caught_up_on() {
    let with =
        |windows| format!("[store]\nkeep_intervals = \"{windows}m\"\n[window]\nlength = \"1m\"\ninterval = \"1s\"");
    assert!(parse(&format!("{}\n{LEAST}", with(30))).is_ok());
    let said = complaints(&with(29));
    assert!(
        said[0].contains("room for 30 windows of 1m is needed") && said[0].contains("at least \"30m\""),
        "{said:?}"
    );
    // What is closed while the runs of a firing wait must not overwrite what they score.
    let delay = |windows| format!("{}\n[schedule]\noffset = \"30m\"\njitter = \"90s\"", with(windows));
    assert!(complaints(&delay(61))[0].contains("room for 62 windows of 1m is needed"));
    assert!(parse(&format!("{}\n{LEAST}", delay(62))).is_ok());
    let follows = "clock = \"event\"\n[store]\nkeep_intervals = \"25h\"";
    assert!(parse(&format!("{follows}\n{LEAST}")).is_ok(), "nothing is early there");
}

#[test]
fn rings_are_as_large_as_the_times_say_and_never_too_small_by_default() {
    let rings = |text: &str| {
        let Rings { windows, runs, verdict_runs } = with(text).rings();
        (windows, runs, verdict_runs)
    };
    assert_eq!(rings(""), (36, 168, 168));
    assert_eq!(rings("[window]\nlength = \"1d\""), (32, 7, 7), "what is caught up on, and 6 to look back to");
    assert_eq!(rings("[window]\nlength = \"1s\"\ninterval = \"1s\"\nlateness = \"0s\""), (10_000, 100_000, 100_000));
    assert_eq!(rings("[store]\nkeep_intervals = \"29h1m\"\nkeep_runs = \"90m\""), (30, 2, 2));
    assert_eq!(rings("[store]\nkeep_verdicts = \"1d\""), (36, 168, 24));
}

#[test]
fn a_key_of_an_earlier_version_names_the_one_in_its_place() {
    for (old, new) in [("windows = 32", "keep_intervals = \"32h\""), ("runs = 168", "keep_runs = \"7d\"")] {
        let said = complaints(&format!("[store]\n{old}"));
        assert!(said.len() == 1 && said[0].contains("unknown key; say with") && said[0].contains(new), "{said:?}");
        with(&format!("[store]\n{new}"));
    }
}

#[test]
fn every_mistake_in_features_is_told_at_its_own_place() {
    let text = concat!(
        "[[features]]\n",
        "sensors = \"vibration\"\n",
        "columns = [\"mean\", \"temperature_mean\", 3, \"std lag 0\"]\n",
        "missing = \"last\"\n",
        "[[features]]\n",
        "columns = []\n",
    );
    let found = complaints(text);
    let expected = [
        "2:11: features[1].sensors: found \"vibration\": the pattern \"vibration\" fits no sensor",
        "3:20: features[1].columns: \"temperature_mean\" is no feature; did you mean \"temperature.mean\"?",
        "3:40: features[1].columns: a column is a text, such as \"mean\"",
        "3:43: features[1].columns: \"std lag 0\" looks 0 intervals back",
        "4:11: features[1].missing: found \"last\": ",
        "5:1: features[2].sensors: missing; accepted: a pattern",
        "6:11: features[2].columns: found an array; accepted: a list of 1 to 1024 columns: mean, min,",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nfor {expected}");
    }
}

#[test]
fn columns_may_look_back_as_far_as_windows_are_kept() {
    let looks = |back: u32, windows: u32| {
        format!(
            "[store]\nkeep_intervals = \"{windows}h\"\n[[features]]\nsensors = \"*\"\ncolumns = [\"mean lag {back}\"]"
        )
    };
    // One window that is early, one that is open, and 24 that are caught up on.
    assert!(parse(&format!("{}\n{LEAST}", looks(60, 27))).is_ok());
    let said = complaints(&looks(61, 27));
    assert!(said[0].starts_with("5:11: features[1].columns: the columns look 61 intervals back"), "{said:?}");
    assert!(said[0].contains("into 2 earlier windows, and 1 are sure to be there"), "{said:?}");
    assert!(parse(&format!("{}\n{LEAST}", looks(61, 28))).is_ok());
}

#[test]
fn a_schedule_that_leaves_windows_out_every_time_is_warned_of() {
    let warns = |cron: &str| {
        let text = format!(
            "[store]\nkeep_intervals = \"30m\"\n[window]\nlength = \"1m\"\ninterval = \"1s\"\n[schedule]\ncron = \"{cron}\""
        );
        let config = parse(&format!("{text}\n{LEAST}")).unwrap();
        config.warnings().iter().any(|warning| warning.advice.contains("never scored"))
    };
    assert!(warns("0 0 * * * *"), "60 windows between two firings, of which 24 are caught up on");
    assert!(!warns("0 */20 * * * *"));
    assert!(warns("0 0,1,2,59 * * * *"), "most firings are close together, and 57 windows end between two of them");
}

#[test]
fn firings_that_find_nothing_are_warned_of_when_they_are_more_than_half() {
    let warns = |text: &str| {
        let config = with(text);
        config.warnings().iter().any(|warning| warning.advice.contains("firings find nothing"))
    };
    assert!(warns("[schedule]\ncron = \"*/20 * * * *\""));
    assert!(!warns("[schedule]\ncron = \"*/30 * * * *\""), "half of them");
    let lord_howe = "[schedule]\ncron = \"@hourly\"\nzone = \"Australia/Lord_Howe\"";
    assert!(!warns(lord_howe), "once a year two firings lie half an hour apart");
    let berlin =
        "[window]\nlength = \"1d\"\ninterval = \"1h\"\n[schedule]\ncron = \"30 2 * * *\"\nzone = \"Europe/Berlin\"";
    assert!(!warns(berlin), "once a year two firings lie 23 hours apart");
}

#[test]
fn nothing_caught_up_on_means_the_newest_window_alone() {
    let advice = |text: &str| {
        let warnings = with(text).warnings();
        warnings.into_iter().filter(|warning| warning.key.starts_with("schedule")).count()
    };
    assert_eq!(advice("[schedule]\ncatch_up = 0"), 0, "each firing covers one window, and that is scored");
    assert_eq!(advice("[schedule]\ncatch_up = 0\ncron = \"0 */2 * * *\""), 1);
    let room =
        |windows| format!("clock = \"event\"\n[store]\nkeep_intervals = \"{windows}h\"\n[schedule]\ncatch_up = 0");
    assert!(parse(&format!("{}\n{LEAST}", room(2))).is_ok(), "it, and the one that is open");
    assert!(complaints(&room(1))[0].contains("room for 2 windows"));
}

#[test]
fn a_group_that_catches_up_on_less_than_windows_are_held_open_is_named() {
    let text = "[mqtt.connect]\nport = 1884\n[[group]]\nname = \"pumps\"\nsensors = \"pump-*/*\"\nwindow = { length = \"1m\" }\nschedule = { cron \
                = \"* * * * *\" }\n";
    let held = |text: &str| {
        let warnings = with(text).warnings();
        let of_hold = warnings.into_iter().filter(|warning| warning.key == "schedule.hold");
        of_hold.map(|warning| warning.advice).collect::<Vec<_>>()
    };
    let said = held(text);
    assert!(
        said.len() == 1
            && said[0].starts_with(
                "group pumps: an outage of the broker holds windows open for up to 1h, and windows that ended in \
                                    the last 24m of it"
            ),
        "{said:?}"
    );
    assert_eq!(held(&format!("{text}[schedule]\nhold = \"20m\"")), Vec::<String>::new());
}

#[test]
fn one_sensor_may_take_a_twentieth_of_its_run_unless_it_is_said_otherwise() {
    let deadlines = |text: &str| {
        let scoring = with(text).scoring;
        (scoring.deadline.to_string(), scoring.sensor_deadline().to_string())
    };
    assert_eq!(deadlines(""), ("5m".to_owned(), "15s".to_owned()));
    assert_eq!(deadlines("[scoring]\ndeadline = \"100ms\""), ("100ms".to_owned(), "5ms".to_owned()));
    assert_eq!(deadlines("[scoring]\nsensor_deadline = \"5m\""), ("5m".to_owned(), "5m".to_owned()));
}

#[test]
fn scalers_are_named_as_the_models_are_unless_something_else_is_said() {
    let scalers = |text: &str| with(text).models.names.scalers().to_string();
    assert_eq!(scalers(""), "scaler_{device}_{sensor}");
    assert_eq!(scalers("[models]\nname = \"{device}/{sensor}\""), "{device}/scaler_{sensor}");
    assert_eq!(scalers("[models]\nscaler = \"prep/{sensor}@{device}\""), "prep/{sensor}@{device}");
}

#[test]
fn what_a_group_leaves_out_is_as_it_is_at_the_top_level() {
    let config = with(concat!(
        "[window]\ninterval = \"30s\"\nlength = \"1h\"\n",
        "[schedule]\ncatch_up = 7\n",
        "[scoring]\nmin_intervals = 5\n",
        "[supervision]\nquarantine_after = 9\n",
        "[[group]]\nname = \"pumps\"\nsensors = \"*/pump-*\"\n",
        "[group.window]\nlength = \"2h\"\nhop = \"10m\"\n",
        "[group.schedule]\ncron = \"0 */10 * * * *\"\n",
        "[group.scoring]\ndeadline = \"1m\"\n",
        "[[group]]\nname = \"slow\"\nsensors = \"slow/*\"\nwindow.length = \"2h\"\nwindow.interval = \"1m\"\n",
    ));
    let [pumps, slow] = &config.groups[..] else { panic!("{:?}", config.groups) };
    let [second, minute] = [1, 60].map(Span::from_secs);
    assert_eq!(pumps.grid, WindowGrid::new(second.times(30), minute.times(120), minute.times(10)).unwrap());
    assert_eq!((pumps.schedule.catch_up, pumps.schedule.cron.as_str()), (7, "0 */10 * * * *"));
    assert_eq!((pumps.scoring.min_intervals, pumps.scoring.deadline), (5, minute));
    let shares = [&pumps.scoring, &config.scoring].map(|scoring| scoring.sensor_deadline());
    assert_eq!(shares, [second.times(3), second.times(15)], "a share of its own deadline");
    assert_eq!((pumps.supervision, slow.supervision.quarantine_after), (config.supervision, 9));
    assert_eq!(slow.grid.hop(), slow.grid.length(), "windows follow each other where no hop is said");
    assert_eq!(config.base_cut(), Cut::new(second.times(30), minute.times(10)).unwrap());
    let group = |device: &str, sensor: &str| {
        config.sensor_groups().of(&SensorName::new(device, sensor).unwrap()).name.to_string()
    };
    assert_eq!([group("slow", "pump-1"), group("slow", "x"), group("x", "y")], ["pumps", "slow", "default"]);
    // Each is counted in its own windows.
    assert!(config.windows_back(pumps) > 0 && config.rings().runs == 6 * 168 + 84 + 168);
    // The rules of another group are not among those that verdicts depend on.
    let alone = with("[window]\ninterval = \"30s\"\n[scoring]\nmin_intervals = 5\n");
    assert_eq!(hash(&config), hash(&alone));
    assert_ne!(config.settings_hash(pumps), hash(&config));
}

#[test]
fn a_group_that_cannot_be_is_a_mistake_that_says_what_is_accepted() {
    let group = |text: &str| complaints(&format!("[[group]]\nname = \"a\"\nsensors = \"a/*\"\n{text}")).join("\n");
    for (text, part) in [
        ("window.hop = \"2h\"", "group[1].window.hop: a hop of 2h is longer than a window of 1h"),
        ("window.hop = \"90s\"", "a hop of 1m30s is not a whole number of intervals of 1m"),
        ("window.lateness = \"1s\"", "group[1].window.lateness: unknown"),
        ("scoring.min_intervals = 100", "group[1].scoring.min_intervals: a window has 60 intervals"),
        (
            "scoring.deadline = \"1s\"\n[scoring]\nsensor_deadline = \"15s\"",
            "15s for one sensor is more than 1s for the whole run",
        ),
        (
            "window.length = \"30m\"\n[window]\nhop = \"40m\"",
            "a hop of 40m is longer than a window of 30m, so that the time between two windows is never scored (the hop is as in \
             [window])",
        ),
        ("[[group]]\nname = \"a\"\nsensors = \"b/*\"", "group[2].name: there is a group \"a\" before"),
        ("[[group]]\nname = \"default\"\nsensors = \"b/*\"", "group[2].name: this is the name of the group of all"),
        ("[[group]]\nsensors = \"b\"", "group[2].name: missing"),
        (
            "window = { interval = \"10ms\", length = \"270s\" }\n[window]\ninterval = \"9ms\"\nlength = \"270s\"",
            "the store cuts time so that the windows of all groups",
        ),
        ("window.hop = \"1m\"\n[window]\nlateness = \"1m\"", "1m is not shorter than 1m"),
        (
            "window.hop = \"1m\"\nschedule = { offset = \"10m\", jitter = \"5m\", catch_up = 3000 }\n[store]\nkeep_intervals = \"36h\"",
            "room for 3080 windows of 1m is needed for the group a: 3059 for the last 3000 of 1h, one after each 1m, that \
             are caught up on (schedule.catch_up), one that is open, 15 that are closed before the runs of a firing begin, up to \
             15m after it (schedule.offset, schedule.jitter), and those that are early, as readings may be 5m ahead \
             (limits.max_ahead); store.keep_intervals has room for 2160",
        ),
    ] {
        let said = group(text);
        assert!(said.contains(part), "{text}: {said}");
    }
    let short = group("window.hop = \"2s\"\nwindow.interval = \"1s\"\n[window]\nlateness = \"1s\"");
    assert!(
        short.contains("4:14: group[1].window.hop: room for")
            && short.contains("for the group default")
            && short.contains("so short because of the group a: windows of 1h, one after each 2s"),
        "{short}"
    );
    let covered = with("[[group]]\nname = \"a\"\nsensors = \"*\"\n[[group]]\nname = \"b\"\nsensors = \"b/*\"\n");
    assert!(covered.warnings().iter().any(|warning| warning.advice.contains("the group b takes no sensor")));
}
