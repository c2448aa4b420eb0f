//! Readings in columns: sensors, times, values.
//!
//! A commit holds readings of many sensors in an order that mostly repeats, of times near to each other, with values
//! that a device would print as decimals. So the order is written once, as far as it repeats. Times are counted in the
//! largest unit that loses nothing, and values in decimals of one scale for all. Of both, the first reading of each
//! sensor is written as it is, and every later one as the difference to the sensor's reading before. A value that is no
//! decimal is written by its bits. Every record stands for itself, so that one that is lost costs no other.
//!
//! | field | form |
//! | --- | --- |
//! | number of readings | varint |
//! | period: after how many readings the sensors repeat | varint |
//! | sensors of the first period | column |
//! | unit of time | byte, a place in [`TIME_UNITS`] |
//! | times: of first readings, then differences | two columns |
//! | scale: the number of decimals | byte |
//! | number of values that are no decimals | varint |
//! | if there are any: their places; the zero bits at their ends, a byte; their other bits | two columns |
//! | decimals: of first readings, then differences | two columns |

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::store::journal::columns;
use crate::time::Timestamp;

/// The most readings that are written together.
pub(super) const MAX_READINGS: usize = 4_096;

/// The units in which times are counted, in nanoseconds.
const TIME_UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

/// What a decimal is divided by, at each scale.
const SCALES: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// All whole numbers up to here are floats.
const MAX_DIGITS: u64 = 1 << 53;

/// Writes and reads readings, and keeps its memory for the next ones.
#[derive(Debug, Default)]
pub(super) struct ReadingsCodec {
    order: SensorOrder,
    numbers: Vec<i64>,
    firsts: Vec<i64>,
    laters: Vec<i64>,
}

impl ReadingsCodec {
    /// Writes at most [`MAX_READINGS`] readings.
    pub(super) fn write(&mut self, encoder: &mut Encoder, readings: &[Reading]) {
        encoder.unsigned(readings.len() as u64);
        let Some(first) = readings.first() else { return };
        let period = period(readings);
        encoder.unsigned(period as u64);
        self.numbers.clear();
        self.numbers.extend(readings[..period].iter().map(|reading| i64::from(reading.sensor.0)));
        columns::write(encoder, &self.numbers);
        self.order.find(readings.iter().map(|reading| reading.sensor.0));

        let (unit_place, unit) = unit_of(readings);
        encoder.raw(&[unit_place]);
        self.numbers.clear();
        match unit {
            // Divisions by a constant are multiplications.
            1_000_000_000 => self.numbers.extend(readings.iter().map(|reading| reading.time.nanos() / 1_000_000_000)),
            1_000_000 => self.numbers.extend(readings.iter().map(|reading| reading.time.nanos() / 1_000_000)),
            1_000 => self.numbers.extend(readings.iter().map(|reading| reading.time.nanos() / 1_000)),
            _ => self.numbers.extend(readings.iter().map(|reading| reading.time.nanos())),
        }
        self.write_by_sensor(encoder);

        self.write_values(encoder, readings, first.value);
    }

    fn write_values(&mut self, encoder: &mut Encoder, readings: &[Reading], first: f64) {
        let scale = scale_of(readings.iter().map(|reading| reading.value), first);
        encoder.raw(&[u8::try_from(scale).unwrap_or(0)]);
        let factor = SCALES[scale];
        let (mut places, mut bits) = (Vec::new(), Vec::new());
        self.numbers.clear();
        for (place, reading) in readings.iter().enumerate() {
            let digits = decimal(reading.value, factor).unwrap_or_else(|| {
                places.push(place.try_into().unwrap_or(i64::MAX));
                bits.push(reading.value.to_bits());
                // What stands for a value that is no decimal is to cost nothing.
                let earlier = self.order.earlier.get(place).and_then(|earlier| self.numbers.get(*earlier as usize));
                earlier.or(self.numbers.last()).copied().unwrap_or(0)
            });
            self.numbers.push(digits);
        }
        encoder.unsigned(places.len() as u64);
        if !places.is_empty() {
            columns::write(encoder, &places);
            let zeros = bits.iter().fold(0, |all, bits| all | bits).trailing_zeros().min(63);
            encoder.raw(&[u8::try_from(zeros).unwrap_or(0)]);
            places.clear();
            places.extend(bits.iter().map(|bits| (bits >> zeros).cast_signed()));
            columns::write(encoder, &places);
        }
        self.write_by_sensor(encoder);
    }

    /// Writes a number of each reading: of first readings the number itself, of later ones the difference to their
    /// sensor's number before.
    fn write_by_sensor(&mut self, encoder: &mut Encoder) {
        let Self { order, numbers, firsts, laters } = self;
        match order {
            SensorOrder { repeats: false, .. } => columns::write(encoder, numbers),
            SensorOrder { earlier, .. } => {
                firsts.clear();
                laters.clear();
                for (number, earlier) in numbers.iter().zip(earlier) {
                    match numbers.get(*earlier as usize) {
                        None => firsts.push(*number),
                        Some(before) => laters.push(number.wrapping_sub(*before)),
                    }
                }
                columns::write(encoder, firsts);
                columns::write(encoder, laters);
            }
        }
    }

    /// Reads what [`write`](Self::write) wrote, in the place of what `readings` holds.
    ///
    /// # Errors
    /// When the bytes end, or are damaged.
    pub(super) fn read(&mut self, decoder: &mut Decoder<'_>, readings: &mut Vec<Reading>) -> Result<(), Corrupt> {
        readings.clear();
        let count: usize = decoder.narrow()?;
        if count == 0 {
            return Ok(());
        }
        let period: usize = decoder.narrow()?;
        if count > MAX_READINGS || period == 0 || period > count {
            return Err(Corrupt);
        }
        columns::read(decoder, period, &mut self.numbers)?;
        for number in &self.numbers {
            let sensor = SensorId(u32::try_from(*number).map_err(|_| Corrupt)?);
            readings.push(Reading { sensor, time: Timestamp::default(), value: 0.0 });
        }
        for place in period..count {
            readings.push(readings[place - period]);
        }
        self.order.find(readings.iter().map(|reading| reading.sensor.0));

        let [unit_place] = decoder.array()?;
        let unit = *TIME_UNITS.get(usize::from(unit_place)).ok_or(Corrupt)?;
        self.read_by_sensor(decoder, count)?;
        for (reading, number) in readings.iter_mut().zip(&self.numbers) {
            reading.time = Timestamp::from_units(*number, unit).ok_or(Corrupt)?;
        }

        let [scale] = decoder.array()?;
        let factor = *SCALES.get(usize::from(scale)).ok_or(Corrupt)?;
        let others: usize = decoder.narrow()?;
        if others > count {
            return Err(Corrupt);
        }
        let (mut places, mut bits) = (Vec::new(), Vec::new());
        let mut zeros = 0;
        if others > 0 {
            columns::read(decoder, others, &mut places)?;
            [zeros] = decoder.array()?;
            columns::read(decoder, others, &mut bits)?;
        }
        self.read_by_sensor(decoder, count)?;
        for (reading, digits) in readings.iter_mut().zip(&self.numbers) {
            reading.value = *digits as f64 / factor;
        }
        for (place, bits) in places.iter().zip(&bits) {
            let reading = usize::try_from(*place).ok().and_then(|place| readings.get_mut(place)).ok_or(Corrupt)?;
            let bits = bits.cast_unsigned().checked_shl(u32::from(zeros)).ok_or(Corrupt)?;
            reading.value = f64::from_bits(bits);
        }
        Ok(())
    }

    /// Reads what [`write_by_sensor`](Self::write_by_sensor) wrote into `numbers`.
    fn read_by_sensor(&mut self, decoder: &mut Decoder<'_>, count: usize) -> Result<(), Corrupt> {
        let Self { order, numbers, firsts, laters } = self;
        if !order.repeats {
            return columns::read(decoder, count, numbers);
        }
        columns::read(decoder, order.sensors, firsts)?;
        columns::read(decoder, count - order.sensors, laters)?;
        numbers.clear();
        let (mut firsts, mut laters) = (firsts.iter(), laters.iter());
        for earlier in &order.earlier {
            let number = match numbers.get(*earlier as usize) {
                None => *firsts.next().ok_or(Corrupt)?,
                Some(before) => before.wrapping_add(*laters.next().ok_or(Corrupt)?),
            };
            numbers.push(number);
        }
        Ok(())
    }
}

/// After how many readings the sensors begin again in the same order; all of them if they do not.
fn period(readings: &[Reading]) -> usize {
    let Some(first) = readings.first() else { return 0 };
    let again = readings[1..].iter().position(|reading| reading.sensor == first.sensor);
    let Some(period) = again.map(|behind| behind + 1) else { return readings.len() };
    let repeats = readings[period..].iter().zip(readings).all(|(later, earlier)| later.sensor == earlier.sensor);
    if repeats { period } else { readings.len() }
}

/// The largest unit that all times are whole numbers of, with its place.
fn unit_of(readings: &[Reading]) -> (u8, i64) {
    let all = |is_whole: fn(i64) -> bool| readings.iter().all(|reading| is_whole(reading.time.nanos()));
    if all(|nanos| nanos % 1_000_000_000 == 0) {
        (0, TIME_UNITS[0])
    } else if all(|nanos| nanos % 1_000_000 == 0) {
        (1, TIME_UNITS[1])
    } else if all(|nanos| nanos % 1_000 == 0) {
        (2, TIME_UNITS[2])
    } else {
        (3, TIME_UNITS[3])
    }
}

/// The least scale at which all values are decimals that are so at any scale. Most values of a commit have the same
/// number of decimals, so each is tried at the scale of those before it.
fn scale_of(values: impl Iterator<Item = f64>, first: f64) -> usize {
    let least = |value: f64, from: usize| (from..SCALES.len()).find(|scale| decimal(value, SCALES[*scale]).is_some());
    let mut scale = least(first, 0).unwrap_or(0);
    for value in values {
        if decimal(value, SCALES[scale]).is_none() {
            scale = least(value, scale + 1).unwrap_or(scale);
        }
    }
    scale
}

/// The whole number that gives exactly this value when it is divided by `factor`.
#[expect(clippy::cast_possible_truncation, reason = "a cast that does not fit saturates, and is then too large")]
fn decimal(value: f64, factor: f64) -> Option<i64> {
    let scaled = value * factor;
    let digits = (scaled + 0.5_f64.copysign(scaled)) as i64;
    // Both operands of the division are exact, so the quotient is the float nearest to the decimal. It is compared by
    // its bits, because zero has a sign.
    let exact = digits.unsigned_abs() <= MAX_DIGITS && (digits as f64 / factor).to_bits() == value.to_bits();
    exact.then_some(digits)
}

/// Which readings are of the same sensor.
#[derive(Debug, Default)]
struct SensorOrder {
    /// Whether any sensor has two readings.
    repeats: bool,
    /// How many sensors there are, if any of them has two readings.
    sensors: usize,
    /// For each reading the place of its sensor's reading before, if any sensor has two readings.
    earlier: Vec<u32>,
    /// An open hash table: the sensor, and the place of its last reading.
    last: Vec<(u32, u32)>,
}

impl SensorOrder {
    /// Stands in `earlier` where there is no reading before.
    const NONE: u32 = u32::MAX;

    fn find(&mut self, sensors: impl Iterator<Item = u32> + Clone) {
        self.earlier.clear();
        self.sensors = 0;
        // Readings in the order of their sensors' numbers are common, and told at once.
        self.repeats = !sensors.clone().is_sorted_by(|a, b| a < b);
        if !self.repeats {
            return;
        }
        let slots = (sensors.clone().count() * 2).next_power_of_two().max(2);
        self.last.clear();
        self.last.resize(slots, (0, Self::NONE));
        let shift = u32::BITS - slots.trailing_zeros();
        for (place, sensor) in (0_u32..).zip(sensors) {
            // Fibonacci hashing: Knuth, The Art of Computer Programming, volume 3, section 6.4.
            let mut slot = (sensor.wrapping_mul(0x9e37_79b9) >> shift) as usize;
            while self.last[slot].1 != Self::NONE && self.last[slot].0 != sensor {
                slot = (slot + 1) % slots;
            }
            let earlier = std::mem::replace(&mut self.last[slot], (sensor, place)).1;
            self.sensors += usize::from(earlier == Self::NONE);
            self.earlier.push(earlier);
        }
        self.repeats = self.sensors < self.earlier.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(readings: &[Reading]) -> Vec<u8> {
        let mut encoder = Encoder::default();
        ReadingsCodec::default().write(&mut encoder, readings);
        encoder.into_bytes()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Reading>, Corrupt> {
        let mut readings = Vec::new();
        ReadingsCodec::default().read(&mut Decoder::new(bytes), &mut readings).map(|()| readings)
    }

    fn assert_same(a: &[Reading], b: &[Reading]) {
        let bits = |readings: &[Reading]| {
            readings.iter().map(|reading| (reading.sensor, reading.time, reading.value.to_bits())).collect::<Vec<_>>()
        };
        assert_eq!(bits(a), bits(b));
    }

    /// A plant's readings: `sensors` of them a round, each with a time of its own within the round and a value of two
    /// decimals that changes a little.
    fn plant(sensors: u32, count: u32, order: impl Fn(u32) -> u32) -> Vec<Reading> {
        let noise = |seed: u32| seed.wrapping_mul(2_654_435_761) >> 16;
        (0..count)
            .map(|index| {
                let (sensor, round) = (order(index % sensors), index / sensors);
                let millis = i64::from(round) * 1_000 + i64::from(noise(sensor ^ round << 20) % 1_000);
                let cents = noise(sensor) % 20_000 + noise(index.wrapping_mul(31)) % 64;
                Reading {
                    sensor: SensorId(sensor),
                    time: Timestamp::from_nanos(1_535_497_205_000_000_000 + millis * 1_000_000),
                    value: f64::from(cents) / 100.0,
                }
            })
            .collect()
    }

    /// Prints what a reading takes in commits of a thousand: time to write and to read it, and bytes.
    #[test]
    #[ignore = "it measures: cargo test --release --lib journal::readings -- --ignored --nocapture"]
    fn what_a_reading_takes() {
        const COMMITS: u32 = 5;
        let floats = |count| {
            let mut random = fastrand::Rng::with_seed(1);
            let mut readings = plant(300, count, |place| place);
            for reading in &mut readings {
                (reading.sensor, reading.value) = (SensorId(random.u32(0..300)), 1.0 + random.f64());
            }
            readings
        };
        for (what, readings) in [
            ("1,000 sensors, two decimals", plant(1_000, COMMITS * 1_000, |place| place)),
            ("15 sensors, two decimals", plant(15, COMMITS * 1_000, |place| place * 7 % 15)),
            ("300 sensors in any order, all digits of a float", floats(COMMITS * 1_000)),
        ] {
            let mut codec = ReadingsCodec::default();
            let (mut writing, mut reading, mut bytes) = (f64::INFINITY, f64::INFINITY, 0);
            // The least of many short rounds: the machine does other things too.
            for _ in 0..400 {
                let began = std::time::Instant::now();
                let write = |commit: &[Reading]| {
                    let mut encoder = Encoder::default();
                    codec.write(&mut encoder, commit);
                    encoder.into_bytes()
                };
                let commits: Vec<_> = readings.chunks(1_000).map(write).collect();
                writing = writing.min(began.elapsed().as_nanos() as f64 / readings.len() as f64);
                let (began, mut read) = (std::time::Instant::now(), Vec::new());
                commits.iter().for_each(|commit| codec.read(&mut Decoder::new(commit), &mut read).unwrap());
                reading = reading.min(began.elapsed().as_nanos() as f64 / readings.len() as f64);
                bytes = commits.iter().map(Vec::len).sum();
            }
            let bytes = bytes as f64 / readings.len() as f64;
            println!("{what}: {writing:.1} ns to write, {reading:.1} ns to read, {bytes:.2} bytes");
        }
    }

    #[test]
    fn a_reading_of_a_plant_takes_less_than_four_bytes_in_a_commit_of_a_thousand() {
        let shuffled = |place: u32| (place * 7_919 + 13) % 1_000;
        for (what, readings) in [
            ("1,000 sensors in order", plant(1_000, 1_000, |place| place)),
            ("15 sensors, 66 rounds", plant(15, 1_000, |place| place)),
            ("15 sensors in an order of their own", plant(15, 1_000, |place| place * 7 % 15)),
            ("300 sensors, shuffled", plant(300, 1_000, |place| place * 7 % 300)),
            ("10 sensors, 100 readings each", plant(1_000, 1_000, |place| place / 100)),
        ] {
            let bytes = written(&readings).len();
            assert!(bytes * 10 < readings.len() * 38, "{what}: {bytes}");
            assert_same(&read(&written(&readings)).unwrap(), &readings);
        }
        let bytes = written(&plant(1_000, 1_000, shuffled)).len();
        assert!(bytes * 10 < 1_000 * 48, "an order that does not repeat within the commit takes its ten bits: {bytes}");
    }

    #[test]
    fn a_lone_reading_takes_few_bytes() {
        assert!(written(&plant(1, 1, |_| 70_000)).len() < 24);
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "that is what a sensor of single precision does")]
    fn floats_of_single_precision_take_their_own_bits_only() {
        let mut readings = plant(100, 1_000, |place| place);
        readings.iter_mut().for_each(|reading| reading.value = f64::from(reading.value as f32));
        let bytes = written(&readings).len();
        assert!(bytes < 6 * readings.len(), "{bytes}");
        assert_same(&read(&written(&readings)).unwrap(), &readings);
    }

    /// Breaks off nothing that hostile bytes claim: no more readings than a record may hold.
    #[test]
    fn a_count_beyond_the_bound_is_damage() {
        let mut encoder = Encoder::default();
        encoder.unsigned(u64::from(u32::MAX));
        encoder.raw(&[0; 40]);
        assert_eq!(read(&encoder.into_bytes()), Err(Corrupt));
    }

    fn any_reading() -> impl Strategy<Value = Reading> {
        let value = prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-100_000_i64..100_000, 0..7_usize).prop_map(|(digits, scale)| digits as f64 / SCALES[scale]),
            Just(-0.0),
        ];
        (prop_oneof![0..20_u32, any::<u32>()], any::<i64>(), 0..4_usize, value).prop_map(
            |(sensor, time, unit, value)| {
                let time = Timestamp::from_nanos(time / TIME_UNITS[unit] * TIME_UNITS[unit]);
                Reading { sensor: SensorId(sensor), time, value }
            },
        )
    }

    proptest! {
        #[test]
        fn readings_come_back_bit_for_bit(readings in proptest::collection::vec(any_reading(), 0..300), times in 1..4_usize) {
            let readings = readings.repeat(times);
            assert_same(&read(&written(&readings)).unwrap(), &readings);
        }

        #[test]
        fn any_bytes_are_readings_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn damaged_readings_are_readings_or_an_error(
            readings in proptest::collection::vec(any_reading(), 1..100), at in any::<usize>(), flip in 1..=255_u8,
        ) {
            let mut bytes = written(&readings);
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let _ = read(&bytes);
            let _ = read(&bytes[..at]);
        }
    }
}
