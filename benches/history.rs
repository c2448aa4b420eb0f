//! Raw readings of slow sensors on the disk: a day of one reading a minute, by the history's blocks, beside Gorilla
//! (Pelkonen et al., VLDB 2015, section 4.1), which starts anew every two hours as there, and beside the columns of
//! varints that a journal writes. Then how fast a history takes and gives readings. Run with `cargo bench -- history`.

use std::time::Instant;

use anomalyd::codec::Encoder;
use anomalyd::reading::Reading;
use anomalyd::sensor::{SensorId, SensorName};
use anomalyd::store::{History, HistoryReader, HistorySettings};
use anomalyd::time::{Span, Timestamp};

use crate::Size;
use crate::support::daemon::directory;

const DAY: i64 = 86_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;
/// 2026-11-21T00:00:00Z.
const START: i64 = 1_795_219_200_000_000_000;

type Series = Vec<(i64, f64)>;

pub(crate) fn run(size: Size) {
    let sensors = size.of(100, 3);
    println!("a reading a minute for a day, {sensors} sensors, bytes a reading");
    println!("  {:<44} {:>8} {:>8} {:>8}", "", "history", "Gorilla", "varints");
    for (name, made) in [
        ("two decimals, whole seconds", walk(0, 2) as fn(&mut fastrand::Rng) -> Series),
        ("two decimals, milliseconds late by up to 0.5 s", walk(500, 2)),
        ("three decimals, whole seconds", walk(0, 3)),
        ("floats as a sensor computes them", walk(0, 17)),
    ] {
        let mut random = fastrand::Rng::with_seed(1);
        let all: Vec<Series> = (0..sensors).map(|_| made(&mut random)).collect();
        let readings: usize = all.iter().map(Vec::len).sum();
        let each = |bytes: usize| bytes as f64 / readings as f64;
        let [gorilla, varints] = [gorilla as fn(&Series) -> usize, varints].map(|by| each(all.iter().map(by).sum()));
        let history = each(history(&all));
        println!("  {name:<44} {history:>8.2} {gorilla:>8.2} {varints:>8.2}");
    }
    speed(size);
}

/// A value that moves slowly, at a time that is late by up to so many milliseconds.
fn walk(late_ms: i64, decimals: i32) -> fn(&mut fastrand::Rng) -> Series {
    fn make(random: &mut fastrand::Rng, late_ms: i64, decimals: i32) -> Series {
        let mut level = 21.5;
        let minutes = (0..1440).map(|minute| {
            level += 0.04 * (random.f64() + random.f64() - 1.0);
            let scale = 10_f64.powi(decimals);
            let value = if decimals < 10 { (level * scale).round() / scale } else { level };
            let late = if late_ms == 0 { 0 } else { random.i64(0..late_ms) * 1_000_000 };
            (START + minute * MINUTE + late, value)
        });
        minutes.collect()
    }
    match (late_ms, decimals) {
        (0, 2) => |random| make(random, 0, 2),
        (0, 3) => |random| make(random, 0, 3),
        (0, _) => |random| make(random, 0, 17),
        _ => |random| make(random, 500, 2),
    }
}

/// The bytes of a day that is over, names and checksums included.
fn history(all: &[Series]) -> usize {
    let folder = directory();
    let mut history = open(folder.path());
    for (id, series) in (0..).zip(all) {
        let readings: Vec<_> = series.iter().map(|(time, value)| reading(id, *time, *value)).collect();
        history.take(&readings, name).unwrap();
    }
    history.sync().unwrap();
    while history.tidy(Timestamp::from_nanos(START + 2 * DAY)).unwrap() {}
    usize::try_from(history.bytes()).unwrap()
}

fn open(folder: &std::path::Path) -> History {
    History::open(folder, HistorySettings { keep: Some(Span::from_secs(86_400 * 1000)) }).unwrap()
}

fn name(id: SensorId) -> Option<SensorName> {
    SensorName::new(&format!("machine-{}", id.0 / 10), &format!("temperature-{}", id.0 % 10)).ok()
}

fn reading(sensor: u32, time: i64, value: f64) -> Reading {
    Reading { sensor: SensorId(sensor), time: Timestamp::from_nanos(time), value }
}

/// Counts the bits of Gorilla. Times are in seconds, as there, if that loses nothing, else in milliseconds, with the same
/// lengths of codes.
fn gorilla(series: &Series) -> usize {
    let unit = if series.iter().all(|(time, _)| time % 1_000_000_000 == 0) { 1_000_000_000 } else { 1_000_000 };
    let mut bits = 0;
    for block in series.chunk_by(|a, b| a.0 / (120 * MINUTE) == b.0 / (120 * MINUTE)) {
        // The block's start, the first difference in 14 bits, and the first value.
        bits += 64 + 14 + 64;
        let (mut difference, mut window) = (0, None);
        for pair in block.windows(2) {
            let next = (pair[1].0 - pair[0].0) / unit;
            bits += match next - difference {
                0 => 1,
                -63..=64 => 2 + 7,
                -255..=256 => 3 + 9,
                -2047..=2048 => 4 + 12,
                _ => 4 + 32,
            };
            difference = next;
            let xor = pair[0].1.to_bits() ^ pair[1].1.to_bits();
            if xor == 0 {
                bits += 1;
                continue;
            }
            let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
            bits += match window {
                Some((l, t)) if leading >= l && trailing >= t => 2 + 64 - (l + t) as usize,
                _ => {
                    window = Some((leading, trailing));
                    2 + 5 + 6 + 64 - (leading + trailing) as usize
                }
            };
        }
    }
    bits.div_ceil(8)
}

/// The bytes of varints of differences, and of decimals: the columns of a record that holds one sensor only.
fn varints(series: &Series) -> usize {
    let mut encoder = Encoder::default();
    let unit = if series.iter().all(|(time, _)| time % 1_000_000_000 == 0) { 1_000_000_000 } else { 1_000_000 };
    let mut before = 0;
    for (time, value) in series {
        encoder.signed(time / unit - before);
        encoder.float(*value);
        before = time / unit;
    }
    encoder.into_bytes().len()
}

fn speed(size: Size) {
    let (sensors, minutes) = (size.of(1000, 10), size.of(1440, 100));
    let readings: Vec<_> = (0..minutes)
        .flat_map(|minute| (0..sensors).map(move |sensor| (minute, sensor)))
        .map(|(minute, sensor)| {
            let value = ((i64::from(sensor) * 31 + minute * 7919) % 1000) as f64 / 100.0;
            reading(sensor, START + minute * MINUTE, value)
        })
        .collect();
    let folder = directory();
    let mut history = open(folder.path());
    let rate = |began: Instant| readings.len() as f64 / began.elapsed().as_secs_f64() / 1e6;
    let began = Instant::now();
    for segment in readings.chunks(200_000) {
        history.take(segment, name).unwrap();
        history.sync().unwrap();
    }
    println!("{sensors} sensors, a day");
    println!("  taken and synced            {:>9.2} M readings/s", rate(began));
    let began = Instant::now();
    let mut longest = 0_f64;
    loop {
        let slice = Instant::now();
        let has_more = history.tidy(Timestamp::from_nanos(START + 2 * DAY)).unwrap();
        longest = longest.max(slice.elapsed().as_secs_f64());
        if !has_more {
            break;
        }
    }
    println!(
        "  merged when it is over      {:>9.2} M readings/s, {:.0} ms the longest slice",
        rate(began),
        longest * 1e3
    );
    let began = Instant::now();
    let found = HistoryReader::new(folder.path()).readings(Timestamp::MIN, Timestamp::MAX, |_| true).unwrap();
    assert_eq!(found.map(Result::unwrap).count(), readings.len());
    println!("  read                        {:>9.2} M readings/s", rate(began));
}
