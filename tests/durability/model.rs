//! Readings in any order, repeated, contradictory, late and out of range, of several sensors, split into messages at
//! random; daemons that are killed and whose power is cut while they take them in. What is published is what a plain
//! reference implementation makes of the same messages, sent once.
//!
//! `ANOMALYD_MODEL_CASES` sets how many histories.

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anomalyd::time::Timestamp;
use fastrand::Rng;

use super::disk::Disk;
use super::entry::entries;
use super::history::{History, acknowledged};
use super::recorder::Recorder;
use super::recovery::{Tally, seed, site_after_cut};
use super::support::plant;
use super::support::site::Site;

const INTERVAL: i64 = 10;
const WINDOW: i64 = 60;
const LATENESS: i64 = 5;
const SENSORS: [&str; 3] = ["flow", "pressure", "temperature"];
const LARGEST: f64 = 1_000.0;
/// 2026-03-02T06:00:00Z, in seconds since 1970.
const BEGIN: i64 = 1_772_431_200;

/// A reading as a device sends it: in seconds since 1970.
#[derive(Clone, Copy, Debug)]
struct SentReading {
    sensor: usize,
    time: i64,
    value: f64,
}

/// The policies of docs/configuration.md, written down as plainly as can be: every reading is kept.
#[derive(Default)]
struct Reference {
    /// All readings that count, by sensor and time.
    counted: BTreeMap<(usize, i64), f64>,
    /// The latest time of any reading.
    now: i64,
}

impl Reference {
    fn take(&mut self, SentReading { sensor, time, value }: SentReading) {
        // Outside of the filter.
        if value.abs() > LARGEST {
            return;
        }
        self.now = self.now.max(time);
        // A window is closed for all sensors when the clock, which is the latest reading's, is past it and the lateness.
        let closed = (self.now - LATENESS).div_euclid(WINDOW) * WINDOW;
        // An interval of a sensor is closed when the sensor's own latest reading is past it and the lateness.
        let own = self.counted.keys().filter(|(of, _)| *of == sensor).map(|(_, time)| *time).max();
        let own = own.map_or(i64::MIN, |latest| (latest - LATENESS).div_euclid(INTERVAL) * INTERVAL);
        if time < closed.max(own) {
            return;
        }
        // The first value of a time stays.
        self.counted.entry((sensor, time)).or_insert(value);
    }

    /// The mean of each interval, by sensor and start, in the windows that are over.
    fn means(&self) -> BTreeMap<(usize, i64), f64> {
        let over = (self.now - LATENESS).div_euclid(WINDOW) * WINDOW;
        let mut values: BTreeMap<(usize, i64), Vec<f64>> = BTreeMap::new();
        for ((sensor, time), value) in &self.counted {
            if *time < over {
                values.entry((*sensor, time.div_euclid(INTERVAL) * INTERVAL)).or_default().push(*value);
            }
        }
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        values.into_iter().map(|(interval, values)| (interval, mean(values))).collect()
    }
}

/// Messages of some windows, of which each holds some readings.
fn messages(rng: &mut Rng) -> Vec<Vec<SentReading>> {
    let windows = rng.i64(2..6);
    let spread = *rng.choice(&[0, 3, 8, 30, 90]).unwrap();
    let mut readings: Vec<(i64, SentReading)> = Vec::new();
    for sensor in 0..SENSORS.len() {
        let mut time = BEGIN + rng.i64(0..WINDOW);
        let pace = rng.i64(1..12);
        while time < BEGIN + windows * WINDOW {
            let value = if rng.u8(..30) == 0 { 2.0 * LARGEST } else { LARGEST * (rng.f64() - 0.5) };
            let reading = SentReading { sensor, time, value };
            let arrival = |rng: &mut Rng| time + rng.i64(0..=spread);
            readings.push((arrival(rng), reading));
            if rng.u8(..6) == 0 {
                readings.push((arrival(rng) + rng.i64(0..40), reading));
            }
            if rng.u8(..12) == 0 {
                readings.push((arrival(rng), SentReading { value: value / 2.0, ..reading }));
            }
            // Now and then a sensor is silent for longer than a window.
            time += if rng.u8(..60) == 0 { rng.i64(0..2 * WINDOW) } else { rng.i64(0..=pace) };
        }
    }
    readings.sort_by_key(|(arrival, _)| *arrival);
    let mut rest: Vec<SentReading> = readings.into_iter().map(|(_, reading)| reading).collect();
    // What makes the clock pass the last window, whatever came before.
    rest.push(SentReading { sensor: 0, time: BEGIN + (windows + 4) * WINDOW, value: 1.0 });
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let later = rest.split_off(rng.usize(1..=rest.len().min(12)));
        messages.push(std::mem::replace(&mut rest, later));
    }
    messages
}

fn history(messages: &[Vec<SentReading>]) -> History {
    let routes = r#"[{ topic = "plant/{device}", each = "array", sensor = "/sensor" }]"#;
    let filter = format!(r#"[{{ sensors = "*", min = -{LARGEST:?}, max = {LARGEST:?} }}]"#);
    let settings = plant::settings()
        .with("mqtt.route", routes)
        .with("filter", &filter)
        .with("window.interval", &format!("\"{INTERVAL}s\""))
        .with("window.length", &format!("\"{WINDOW}s\""))
        .with("window.lateness", &format!("\"{LATENESS}s\""))
        .with("schedule.cron", "\"0 * * * * *\"");
    let payloads = messages.iter().map(|readings| {
        let readings = readings.iter().map(|SentReading { sensor, time, value }| {
            format!(r#"{{"sensor":"{}","ts":{time},"value":{value:?}}}"#, SENSORS[*sensor])
        });
        format!("[{}]", readings.collect::<Vec<_>>().join(","))
    });
    History::of_payloads(settings, "plant/oven-3", payloads)
}

/// The values in prediction files, by sensor and start of their interval.
fn published(files: &BTreeMap<String, String>) -> BTreeMap<(usize, i64), f64> {
    let mut means = BTreeMap::new();
    for line in files.values().flat_map(|file| file.lines().skip(1)) {
        let fields: Vec<&str> = line.split(',').collect();
        // A file may be half written when it is looked at.
        let [time, _, sensor, value, ..] = fields[..] else { continue };
        let Some(sensor) = SENSORS.iter().position(|name| *name == sensor) else { continue };
        let Some(time) = Timestamp::parse(&format!("{time}Z")) else { continue };
        let Ok(value) = value.parse() else { continue };
        means.insert((sensor, time.nanos() / 1_000_000_000), value);
    }
    means
}

/// Has daemons take in a history, of whom all but the last are killed or lose their power. Returns what the last one
/// published, when it is `expected`, or when it will not be that.
fn means_under_deaths(
    history: &History,
    expected: &BTreeMap<(usize, i64), f64>,
    rng: &mut Rng,
) -> BTreeMap<(usize, i64), f64> {
    let mut site = Site::new(&history.settings);
    let mut known = std::collections::BTreeSet::new();
    for _ in 0..rng.usize(0..4) {
        let before = Disk::of(&site.path(""));
        let mut recorder = Recorder::new();
        let mut daemon = recorder.spawn(&site);
        daemon.wait_until_ready();
        let rest = history.without(&known);
        let at_most = *rng.choice(&[1, 5, 100]).unwrap();
        assert!(history.send(site.port(), &rest[..rng.usize(..=rest.len())], at_most, rng));
        daemon.kill();
        let log = recorder.read_log();
        let entries = entries(&log);
        let is_cut = rng.bool();
        let place = if is_cut { rng.usize(..=entries.len()) } else { entries.len() };
        known.extend(acknowledged(&entries[..place]));
        if is_cut {
            let mut disk = before;
            entries[..place].iter().for_each(|entry| disk.apply(entry));
            site = site_after_cut(history, &disk, rng).0;
        }
    }
    let daemon = site.start();
    let rest = history.without(&known);
    assert!(history.send(site.port(), &rest, 50, rng));
    let end = Instant::now() + Duration::from_secs(12);
    while published(&site.predictions_so_far()) != *expected && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!daemon.text().contains("panicked"), "{}", daemon.text());
    published(&site.predictions_so_far())
}

#[test]
fn daemons_that_die_publish_what_a_plain_implementation_of_the_policies_computes() {
    let cases: usize = env::var("ANOMALYD_MODEL_CASES").map_or(6, |cases| cases.parse().unwrap());
    let seed = seed();
    let mut tally = Tally::default();
    for case in 0..cases {
        let mut rng = Rng::with_seed(seed.wrapping_add(case as u64));
        let messages = messages(&mut rng);
        let mut reference = Reference::default();
        messages.iter().flatten().for_each(|reading| reference.take(*reading));
        let expected = reference.means();
        let history = history(&messages);
        tally.count(format!("ANOMALYD_SEED={} ANOMALYD_MODEL_CASES=1", seed.wrapping_add(case as u64)), || {
            let found = means_under_deaths(&history, &expected, &mut rng);
            for (interval, expected) in &expected {
                assert_eq!(found.get(interval).map(|mean| mean.to_bits()), Some(expected.to_bits()), "{interval:?}");
            }
            assert_eq!(found.len(), expected.len());
        });
    }
    tally.assert_none_failed();
}
