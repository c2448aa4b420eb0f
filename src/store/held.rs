//! Readings that wait for the clock, as they are stored: column after column, a thousand readings in a row of the table
//! at most.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::time::Timestamp;

/// The units in which times are counted, in nanoseconds. A row uses the largest unit that loses nothing.
const TIME_UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];

const READINGS: u64 = 0;

/// Writes column after column, each as the differences from one reading to the next.
pub(super) fn encode_readings(readings: &[Reading]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.unsigned(READINGS);
    encoder.unsigned(readings.len() as u64);
    let loses_nothing = |unit: &i64| readings.iter().all(|reading| reading.time.nanos() % unit == 0);
    let (unit_place, unit) = (0_u64..).zip(TIME_UNITS).find(|(_, unit)| loses_nothing(unit)).unwrap_or((3, 1));
    encoder.unsigned(unit_place);
    let mut before = 0;
    for reading in readings {
        let id = i64::from(reading.sensor.0);
        encoder.signed(id - before);
        before = id;
    }
    let mut before = 0;
    for reading in readings {
        let time = reading.time.nanos() / unit;
        encoder.signed(time.wrapping_sub(before));
        before = time;
    }
    for reading in readings {
        encoder.float(reading.value);
    }
    encoder.into_bytes()
}

/// Reads what [`encode_readings`] wrote.
pub(super) fn decode_readings(bytes: &[u8]) -> Result<Vec<Reading>, Corrupt> {
    let mut decoder = Decoder::new(bytes);
    if decoder.unsigned()? != READINGS {
        return Err(Corrupt);
    }
    // Every reading takes at least a byte of each column, so a count beyond the bytes is damage and allocates
    // nothing.
    let count: usize = decoder.narrow()?;
    if count > bytes.len() {
        return Err(Corrupt);
    }
    let unit = *TIME_UNITS.get(decoder.narrow::<usize>()?).ok_or(Corrupt)?;
    let mut readings = Vec::with_capacity(count);
    let mut id = 0_i64;
    for _ in 0..count {
        id = id.checked_add(decoder.signed()?).ok_or(Corrupt)?;
        let sensor = SensorId(u32::try_from(id).map_err(|_| Corrupt)?);
        readings.push(Reading { sensor, time: Timestamp::default(), value: 0.0 });
    }
    let mut time = 0_i64;
    for reading in &mut readings {
        time = time.wrapping_add(decoder.signed()?);
        reading.time = Timestamp::from_units(time, unit).ok_or(Corrupt)?;
    }
    for reading in &mut readings {
        reading.value = decoder.float()?;
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_reading() -> impl Strategy<Value = Reading> {
        (any::<u32>(), any::<i64>(), 0..4_usize, any::<f64>()).prop_map(|(sensor, time, unit, value)| {
            let time = Timestamp::from_nanos(time / TIME_UNITS[unit] * TIME_UNITS[unit]);
            Reading { sensor: SensorId(sensor), time, value }
        })
    }

    proptest! {
        #[test]
        fn readings_come_back_as_they_were(readings in proptest::collection::vec(any_reading(), 0..50)) {
            prop_assert_eq!(decode_readings(&encode_readings(&readings)), Ok(readings));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode_readings(&bytes);
        }
    }

    #[test]
    fn a_reading_of_a_plant_takes_less_than_eight_bytes() {
        let readings: Vec<_> = (0..1_000_u32)
            .map(|index| Reading {
                sensor: SensorId(index % 300),
                time: Timestamp::from_nanos(1_535_497_205_000_000_000 + i64::from(index) * 3_000_000),
                value: f64::from(index * 7919 % 20_000) / 100.0,
            })
            .collect();
        assert!(encode_readings(&readings).len() < 8 * readings.len());
    }

    #[test]
    fn the_largest_row_is_stored_whole() {
        let worst = Reading { sensor: SensorId(0), time: Timestamp::from_nanos(0), value: 1e-300 };
        let other = Reading { sensor: SensorId(u32::MAX), time: Timestamp::MIN, value: 1e-300 };
        let readings: Vec<_> = [worst, other].into_iter().cycle().take(1_000).collect();
        assert!(encode_readings(&readings).len() <= 24 << 10);
    }
}
