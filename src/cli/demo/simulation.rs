//! A small plant, simulated: three devices with five sensors each, most of them healthy.
//!
//! A seed decides everything: two simulations with one seed give the same readings and the same faults. Nothing here
//! knows MQTT, files or the wall clock.
//!
//! # The healthy process
//! A sensor reads every [`STEP`]
//!
//! ```text
//! x(t) = level + daily · sin(2π(t/24h − φ)) + hourly · sin(2πt/1h) + w(t) + e(t)
//! ```
//!
//! where `w` is a first-order autoregressive wander, `w(t) = ρ·w(t − STEP) + √(1 − ρ²)·wander·n(t)`, which forgets in
//! about ten minutes and has the standard deviation `wander`; `e = noise·n'(t)` is the noise of the measurement; `n`
//! and `n'` are independent standard normal numbers. The value is held to the transducer's range and rounded to its
//! resolution. Levels, cycles and ranges belong to the plant and are the same for every seed: a model trained on one
//! history knows the next.
//!
//! # The faults
//! Their sizes are counted in the sensor's *swing*: how far from its level a healthy sensor's minute means go.

use std::f64::consts::TAU;
use std::fmt;
use std::io::{self, Write};

use fastrand::Rng;

use crate::sensor::SensorName;
use crate::time::{Span, Timestamp};

/// How often a sensor reads.
pub const STEP: Span = Span::from_secs(10);

/// How long the plant runs on without faults after the last window, so that the readings' clock passes its end.
pub const AFTERMATH: Span = Span::from_secs(600);

/// When every simulation begins: 2026-03-02T06:00:00Z, a Monday's early shift.
pub const START: Timestamp = Timestamp::from_nanos(1_772_431_200_000_000_000);

/// How long the plant is watched: six windows of an hour.
const WATCHED: Span = Span::from_secs(6 * 3600);

/// How much of the wander is left after a step: `exp(−STEP / 10 min)`.
const WANDER_KEPT: f64 = 0.983_471_453_821_617_5;

const HOUR_SECONDS: f64 = 3600.0;
const DAY_SECONDS: f64 = 86_400.0;

/// How many sensors the plant has.
pub const SENSORS: usize = 15;

/// A sensor of the plant: its name and its healthy process, in its own unit.
struct Profile {
    device: &'static str,
    sensor: &'static str,
    level: f64,
    daily: f64,
    /// The phase φ of the daily cycle, in days.
    phase: f64,
    hourly: f64,
    wander: f64,
    noise: f64,
    /// The range that the transducer can show. A broken transducer shows an end of it.
    range: (f64, f64),
    /// How many digits after the decimal point it sends.
    decimals: i32,
}

/// The plant, ordered by device, because all sensors of a device read at the same time.
#[rustfmt::skip]
const PLANT: [Profile; SENSORS] = [
    profile("press-1", "temperature", [ 62.0,  3.0,   0.30, 1.5,   0.40,  0.30 ], (-20.0, 150.0), 2), // °C, oil
    profile("press-1", "vibration",   [  2.8,  0.20,  0.25, 0.25,  0.06,  0.15 ], (0.0, 25.0),    3), // mm/s
    profile("press-1", "pressure",    [182.0,  4.0,   0.20, 3.0,   1.00,  2.50 ], (0.0, 400.0),   1), // bar
    profile("press-1", "current",     [ 41.0,  1.5,   0.28, 2.0,   0.50,  1.20 ], (0.0, 100.0),   2), // A
    profile("press-1", "flow",        [ 24.0,  0.8,   0.22, 0.7,   0.25,  0.50 ], (0.0, 60.0),    2), // l/min, coolant
    profile("pump-2",  "temperature", [ 48.0,  2.5,   0.32, 0.8,   0.30,  0.25 ], (-20.0, 150.0), 2),
    profile("pump-2",  "vibration",   [  1.6,  0.12,  0.25, 0.08,  0.04,  0.10 ], (0.0, 25.0),    3),
    profile("pump-2",  "pressure",    [  6.2,  0.15,  0.40, 0.10,  0.05,  0.08 ], (0.0, 16.0),    3),
    profile("pump-2",  "current",     [ 12.5,  0.4,   0.27, 0.3,   0.12,  0.25 ], (0.0, 40.0),    2),
    profile("pump-2",  "flow",        [145.0,  5.0,   0.38, 3.0,   1.20,  2.00 ], (0.0, 300.0),   1),
    profile("oven-3",  "temperature", [215.0,  2.0,   0.30, 3.0,   0.60,  0.50 ], (0.0, 400.0),   1),
    profile("oven-3",  "vibration",   [  0.9,  0.05,  0.25, 0.04,  0.02,  0.05 ], (0.0, 25.0),    3), // fan
    profile("oven-3",  "pressure",    [  1.25, 0.03,  0.35, 0.02,  0.010, 0.02 ], (0.0, 4.0),     3), // gas
    profile("oven-3",  "current",     [ 78.0,  2.0,   0.26, 4.0,   0.90,  1.50 ], (0.0, 160.0),   1),
    profile("oven-3",  "flow",        [  9.4,  0.3,   0.31, 0.4,   0.10,  0.15 ], (0.0, 25.0),    3),
];

const fn profile(
    device: &'static str,
    sensor: &'static str,
    [level, daily, phase, hourly, wander, noise]: [f64; 6],
    range: (f64, f64),
    decimals: i32,
) -> Profile {
    Profile { device, sensor, level, daily, phase, hourly, wander, noise, range, decimals }
}

impl Profile {
    /// How far from its level the minute means of a healthy sensor go.
    fn swing(&self) -> f64 {
        self.daily + self.hourly + 3.0 * self.wander
    }

    /// The part of the healthy value that repeats day by day.
    fn cycle(&self, time: Timestamp) -> f64 {
        let seconds = time.since(Timestamp::default()).to_std().as_secs_f64();
        self.level
            + self.daily * (TAU * (seconds / DAY_SECONDS - self.phase)).sin()
            + self.hourly * (TAU * seconds / HOUR_SECONDS).sin()
    }

    /// The value as the device sends it.
    fn shown(&self, value: f64) -> f64 {
        let scale = 10_f64.powi(self.decimals);
        (value.clamp(self.range.0, self.range.1) * scale).round() / scale
    }
}

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The value drifts away from the truth, until the sensor is calibrated.
    Drift,
    /// The value jumps for a minute or two.
    Spike,
    /// The value stays at an end of the transducer's range, as with a broken wire.
    Stuck,
    /// The noise is many times as strong.
    NoiseBurst,
}

impl FaultKind {
    /// Every kind: a plant has one fault of each.
    pub const ALL: [Self; 4] = [Self::Drift, Self::Spike, Self::Stuck, Self::NoiseBurst];

    /// The shortest and the longest duration, in steps.
    fn steps(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::Drift => 360..=540,
            Self::Spike => 9..=15,
            Self::Stuck => 90..=240,
            Self::NoiseBurst => 90..=180,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drift => "drift",
            Self::Spike => "spike",
            Self::Stuck => "stuck value",
            Self::NoiseBurst => "noise burst",
        })
    }
}

/// A fault: what is wrong with which sensor, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// The faulty sensor.
    pub sensor: SensorName,
    /// The kind of the fault.
    pub kind: FaultKind,
    /// When it begins.
    pub from: Timestamp,
    /// When it is over: the first moment without it.
    pub until: Timestamp,
}

impl Fault {
    /// Whether the sensor has the fault at this time.
    pub fn covers(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.until
    }

    /// Whether the sensor has the fault at any time of the span from `start`, `length` long: a flagged interval in
    /// which it has is no false alarm.
    pub fn touches(&self, start: Timestamp, length: Span) -> bool {
        start < self.until && self.from < start + length
    }
}

/// A fault in the form in which the process applies it.
#[derive(Clone, Copy)]
struct Disturbance {
    kind: FaultKind,
    from: Timestamp,
    until: Timestamp,
    /// In the sensor's unit, with its direction.
    size: f64,
}

impl Disturbance {
    /// The faulty value. `normal` is a standard normal number that only this disturbance uses.
    fn apply(&self, profile: &Profile, time: Timestamp, healthy: f64, normal: f64) -> f64 {
        match self.kind {
            FaultKind::Drift => {
                let whole = self.until.since(self.from).to_std().as_secs_f64();
                healthy + self.size * time.since(self.from).to_std().as_secs_f64() / whole
            }
            FaultKind::Spike => healthy + self.size,
            FaultKind::Stuck if self.size < 0.0 => profile.range.0,
            FaultKind::Stuck => profile.range.1,
            FaultKind::NoiseBurst => healthy + self.size * normal,
        }
    }
}

/// One simulated reading.
#[derive(Clone, PartialEq, Debug)]
pub struct SimulatedReading {
    /// The sensor that measured.
    pub sensor: SensorName,
    /// When.
    pub time: Timestamp,
    /// The value, rounded as the device rounds.
    pub value: f64,
}

/// A simulation: a plant, watched for some hours, with its faults.
pub struct Simulation {
    seed: u64,
    sensors: Vec<SensorName>,
    disturbances: [Option<Disturbance>; SENSORS],
    start: Timestamp,
    end: Timestamp,
    last: Timestamp,
}

impl Simulation {
    /// The plant with one fault of each kind, on different sensors; the rest stay healthy.
    pub fn new(seed: u64) -> Self {
        Self { disturbances: plan_faults(seed), ..Self::healthy(seed) }
    }

    /// The same plant without faults. Its readings equal those of [`Simulation::new`] wherever these have no fault.
    pub fn healthy(seed: u64) -> Self {
        Self::without_faults(seed, START, WATCHED)
    }

    fn without_faults(seed: u64, start: Timestamp, length: Span) -> Self {
        // The names are constants, which a test checks; a bad name would be left out rather than panic.
        let sensors = PLANT.iter().filter_map(|profile| SensorName::new(profile.device, profile.sensor).ok()).collect();
        let end = start + length;
        Self { seed, sensors, disturbances: [None; SENSORS], start, end, last: end + AFTERMATH }
    }

    /// The sensors, device by device.
    pub fn sensors(&self) -> &[SensorName] {
        &self.sensors
    }

    /// The faults, in the order in which they begin.
    pub fn faults(&self) -> Vec<Fault> {
        let planned = self.sensors.iter().zip(&self.disturbances);
        let mut faults: Vec<_> = planned
            .filter_map(|(sensor, disturbance)| {
                let Disturbance { kind, from, until, .. } = (*disturbance)?;
                Some(Fault { sensor: sensor.clone(), kind, from, until })
            })
            .collect();
        faults.sort_by_key(|fault| fault.from);
        faults
    }

    /// The span of time that is shown: its start and its end, both on the hour. All faults are within it.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        (self.start, self.end)
    }

    /// All readings in the order of time, to [`AFTERMATH`] after the end of the span.
    pub fn readings(&self) -> Readings<'_> {
        let processes = std::array::from_fn(|index| Process::new(self.seed, index));
        Readings { simulation: self, processes, step: self.start, next: 0 }
    }

    /// How many [`Simulation::readings`] there are.
    pub fn reading_count(&self) -> u64 {
        let (steps, _) = self.last.since(self.start).divide(STEP);
        steps.unsigned_abs() * SENSORS as u64
    }
}

/// Chooses the sensors, times and sizes of the faults.
fn plan_faults(seed: u64) -> [Option<Disturbance>; SENSORS] {
    let mut rng = Rng::with_seed(mix(seed, SENSORS));
    let mut order: [usize; SENSORS] = std::array::from_fn(|index| index);
    rng.shuffle(&mut order);
    let mut plan = [None; SENSORS];
    for (kind, sensor) in FaultKind::ALL.into_iter().zip(order) {
        let duration = STEP.times(i64::from(rng.u32(kind.steps())));
        // The plant is healthy before the first fault and after the last, so that the user sees the difference.
        let (earliest, latest) = (Span::from_secs(1800), Span::from_secs(600));
        let (room, _) = (START + WATCHED - latest - duration).since(START + earliest).divide(STEP);
        let from = START + earliest + STEP.times(rng.i64(0..=room));
        let direction = if rng.bool() { 1.0 } else { -1.0 };
        let swings = match kind {
            FaultKind::Drift => 2.0 + rng.f64(),
            FaultKind::Spike => 1.5 + 3.0 * rng.f64(),
            FaultKind::NoiseBurst => 2.0 + 2.0 * rng.f64(),
            FaultKind::Stuck => 1.0,
        };
        let size = direction * swings * PLANT[sensor].swing();
        plan[sensor] = Some(Disturbance { kind, from, until: from + duration, size });
    }
    plan
}

/// A seed of its own for each stream of random numbers.
fn mix(seed: u64, stream: usize) -> u64 {
    // The multiplier is 2^64 divided by the golden ratio: neighbouring seeds and streams land far apart.
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(stream as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A sensor's process: the state that it carries from one step to the next.
struct Process {
    profile: &'static Profile,
    health: Rng,
    /// A generator apart from that of the healthy value, so that a fault has no effect after its end.
    fault: Rng,
    wander: f64,
}

impl Process {
    fn new(seed: u64, index: usize) -> Self {
        let profile = &PLANT[index];
        let mut health = Rng::with_seed(mix(seed, index));
        let fault = health.fork();
        let wander = profile.wander * normal(&mut health);
        Self { profile, health, fault, wander }
    }

    /// The next reading's value.
    fn step(&mut self, time: Timestamp, disturbance: Option<&Disturbance>) -> f64 {
        let profile = self.profile;
        let innovation = (1.0 - WANDER_KEPT * WANDER_KEPT).sqrt() * profile.wander;
        self.wander = WANDER_KEPT * self.wander + innovation * normal(&mut self.health);
        let healthy = profile.cycle(time) + self.wander + profile.noise * normal(&mut self.health);
        let value = match disturbance {
            Some(fault) if fault.from <= time && time < fault.until => {
                fault.apply(profile, time, healthy, normal(&mut self.fault))
            }
            _ => healthy,
        };
        profile.shown(value)
    }
}

/// A standard normal number, by Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (TAU * rng.f64()).cos()
}

/// All readings of a simulation, in the order of time. See [`Simulation::readings`].
pub struct Readings<'a> {
    simulation: &'a Simulation,
    processes: [Process; SENSORS],
    step: Timestamp,
    next: usize,
}

impl Iterator for Readings<'_> {
    type Item = SimulatedReading;

    fn next(&mut self) -> Option<SimulatedReading> {
        if self.step >= self.simulation.last {
            return None;
        }
        let index = self.next;
        // Each device has its own moment within the step, at which it reads all its sensors.
        let device = u32::try_from(index / 5).ok()?;
        let time = self.step + Span::from_millis(3100 * device);
        let sensor = self.simulation.sensors.get(index)?.clone();
        let value = self.processes.get_mut(index)?.step(time, self.simulation.disturbances[index].as_ref());
        self.next += 1;
        if self.next == SENSORS {
            self.next = 0;
            self.step = self.step + STEP;
        }
        Some(SimulatedReading { sensor, time, value })
    }
}

/// Writes a history of the healthy plant, the week before [`START`], for models to be trained on: CSV with the
/// columns `TS,Device,Tag,Value`, a reading a line, in the order of time.
///
/// When `out` cannot be written.
/// When `out` does not take it.
pub fn write_history(seed: u64, out: &mut impl Write) -> io::Result<()> {
    let week = Span::from_secs(7 * 86_400);
    let simulation = Simulation::without_faults(seed, START - week, week);
    writeln!(out, "TS,Device,Tag,Value")?;
    for reading in simulation.readings().take_while(|reading| reading.time < START) {
        let time = reading.time.format("%Y-%m-%d %H:%M:%S%.3f");
        writeln!(out, "{time},{},{},{}", reading.sensor.device(), reading.sensor.sensor(), reading.value)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(simulation: &Simulation) -> Vec<SimulatedReading> {
        simulation.readings().collect()
    }

    #[test]
    fn the_plant_has_fifteen_sensors_whose_names_fit_model_files() {
        let simulation = Simulation::new(1);
        assert_eq!(simulation.sensors().len(), SENSORS);
        for sensor in simulation.sensors() {
            assert!(!sensor.device().contains('_') && !sensor.sensor().contains('_'), "{sensor}");
        }
    }

    #[test]
    fn a_seed_decides_everything() {
        assert_eq!(readings(&Simulation::new(7)), readings(&Simulation::new(7)));
        assert_eq!(Simulation::new(7).faults(), Simulation::new(7).faults());
        assert_ne!(readings(&Simulation::new(7)), readings(&Simulation::new(8)));
        assert_ne!(Simulation::new(7).faults(), Simulation::new(8).faults());
    }

    #[test]
    fn a_fault_changes_its_own_sensor_during_its_own_span_and_nothing_else() {
        for seed in 0..20 {
            let faulty = Simulation::new(seed);
            let faults = faulty.faults();
            let mut changed = vec![0_usize; faults.len()];
            for (reading, healthy) in readings(&faulty).into_iter().zip(readings(&Simulation::healthy(seed))) {
                assert_eq!((&reading.sensor, reading.time), (&healthy.sensor, healthy.time));
                match faults.iter().position(|fault| fault.sensor == reading.sensor && fault.covers(reading.time)) {
                    Some(fault) => changed[fault] += usize::from(reading.value != healthy.value),
                    None => assert_eq!(reading.value, healthy.value, "seed {seed}: {reading:?}"),
                }
            }
            assert!(changed.iter().all(|count| *count > 5), "seed {seed}: {changed:?}");
        }
    }

    #[test]
    fn a_fault_touches_an_interval_from_its_first_moment_to_its_last() {
        let fault = &Simulation::new(1).faults()[0];
        let (minute, nano) = (Span::from_secs(60), Span::from(std::time::Duration::from_nanos(1)));
        assert!(fault.touches(fault.from - minute + nano, minute) && fault.touches(fault.until - nano, minute));
        assert!(!fault.touches(fault.from - minute, minute) && !fault.touches(fault.until, minute));
    }

    #[test]
    fn every_plant_has_one_fault_of_each_kind_on_different_sensors_within_the_span() {
        for seed in 0..200 {
            let simulation = Simulation::new(seed);
            let (start, end) = simulation.span();
            let faults = simulation.faults();
            for kind in FaultKind::ALL {
                assert_eq!(faults.iter().filter(|fault| fault.kind == kind).count(), 1);
            }
            let sensors: std::collections::BTreeSet<_> = faults.iter().map(|fault| &fault.sensor).collect();
            assert_eq!(sensors.len(), faults.len());
            assert!(faults.iter().all(|fault| start < fault.from && fault.from < fault.until && fault.until < end));
        }
    }

    #[test]
    fn readings_come_in_the_order_of_time_as_many_as_announced_and_pass_the_end_of_the_span() {
        let simulation = Simulation::new(3);
        let (start, end) = simulation.span();
        let hour = Span::from_secs(3600);
        assert_eq!((start.floor(hour), end.floor(hour)), (start, end));
        let readings = readings(&simulation);
        assert_eq!(readings.len() as u64, simulation.reading_count());
        assert!(readings.windows(2).all(|pair| pair[0].time <= pair[1].time));
        assert_eq!(readings[0].time, start);
        let last = readings.last().unwrap().time;
        assert!(end + Span::from_secs(300) < last && last < end + AFTERMATH);
    }

    #[test]
    fn values_are_rounded_and_within_the_transducers_range() {
        for reading in readings(&Simulation::new(11)) {
            let profile = PLANT
                .iter()
                .find(|profile| (profile.device, profile.sensor) == (reading.sensor.device(), reading.sensor.sensor()))
                .unwrap();
            assert!(profile.range.0 <= reading.value && reading.value <= profile.range.1, "{reading:?}");
            let digits = reading.value.to_string().split_once('.').map_or(0, |(_, digits)| digits.len());
            assert!(digits <= usize::try_from(profile.decimals).unwrap(), "{reading:?}");
        }
    }

    #[test]
    fn a_stuck_sensor_shows_an_end_of_its_range() {
        let simulation = Simulation::new(5);
        let fault = simulation.faults().into_iter().find(|fault| fault.kind == FaultKind::Stuck).unwrap();
        let stuck: Vec<_> = simulation
            .readings()
            .filter(|reading| reading.sensor == fault.sensor && fault.covers(reading.time))
            .map(|reading| reading.value)
            .collect();
        assert!(stuck.iter().all(|value| *value == stuck[0]));
        assert!(PLANT.iter().any(|profile| profile.range.0 == stuck[0] || profile.range.1 == stuck[0]));
    }

    #[test]
    fn the_history_is_the_same_plant_at_an_earlier_time() {
        let mut csv = Vec::new();
        write_history(1, &mut csv).unwrap();
        let text = String::from_utf8(csv).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("TS,Device,Tag,Value"));
        let first: Vec<_> = lines.next().unwrap().split(',').collect();
        assert_eq!(first[..3], ["2026-02-23 06:00:00.000", "press-1", "temperature"]);
        assert!(first[3].parse::<f64>().is_ok());
        assert_eq!(text.lines().count(), 1 + 7 * 8640 * SENSORS);
    }
}
