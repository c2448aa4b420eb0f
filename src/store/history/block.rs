//! A block: readings of one sensor within one day, in order of time, each time once, compressed as columns.
//!
//! A block has a header with a checksum of its own, so that a file can be walked through without its content, and so that
//! a damaged header and damaged content each cost one block. The sensor is named in full: numbers of sensors are given to
//! others in time, and names are not.

use std::sync::Arc;

use crate::codec::{Corrupt, Decoder, Encoder, common_decimals, decimal_factor};
use crate::sensor::SensorName;
use crate::store::history::column;
use crate::time::Timestamp;

/// One value and its time.
pub(super) type TimedValue = (Timestamp, f64);

/// The most readings of a block.
pub(super) const MAX_READINGS: usize = 1 << 15;
/// More than the content of any block takes.
const MAX_CONTENT: u32 = 1 << 20;

/// How a header begins. The last byte is the version of the form.
pub(super) const MARKER: [u8; 4] = *b"raw\x01";
const FIXED_BYTES: usize = 38;
/// The longest header.
pub(super) const MAX_HEADER: usize = FIXED_BYTES + 2 * SensorName::MAX_PART_BYTES;

/// The units in which times are counted, in nanoseconds. A block uses the largest unit that loses nothing.
const TIME_UNITS: [i64; 4] = [1_000_000_000, 1_000_000, 1_000, 1];
/// Stands in the place of the number of decimals when the values are stored by their bits.
const BITS: u64 = 7;

/// What a block's header says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct BlockHeader {
    /// Whose readings they are.
    pub(super) sensor: Arc<SensorName>,
    /// How many.
    pub(super) count: usize,
    /// The time of the first.
    pub(super) first: Timestamp,
    /// The time of the last.
    pub(super) last: Timestamp,
    header_bytes: usize,
    content_bytes: u32,
    content_checksum: u32,
}

impl BlockHeader {
    /// Reads the header at the beginning of `bytes`, which may be any bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let (fixed, names) = bytes.split_first_chunk::<FIXED_BYTES>().ok_or(Corrupt)?;
        let mut fields = Decoder::new(fixed);
        let marker: [u8; 4] = fields.array()?;
        let checksum = u32::from_le_bytes(fields.array()?);
        let [content_bytes, content_checksum, count] =
            [fields.array()?, fields.array()?, fields.array()?].map(u32::from_le_bytes);
        let [first, last] =
            [fields.array()?, fields.array()?].map(|bytes| Timestamp::from_nanos(i64::from_le_bytes(bytes)));
        let [device, sensor] = fields.array::<2>()?.map(usize::from);
        let names = names.get(..device + sensor).ok_or(Corrupt)?;
        let header_bytes = FIXED_BYTES + names.len();
        if marker != MARKER || crc32fast::hash(&bytes[8..header_bytes]) != checksum {
            return Err(Corrupt);
        }
        let (device, sensor) = names.split_at(device);
        let [device, sensor] =
            [std::str::from_utf8(device), std::str::from_utf8(sensor)].map(|name| name.map_err(|_| Corrupt));
        let sensor = Arc::new(SensorName::new(device?, sensor?).map_err(|_| Corrupt)?);
        let count = usize::try_from(count).map_err(|_| Corrupt)?;
        if count == 0 || count > MAX_READINGS || content_bytes > MAX_CONTENT || first > last {
            return Err(Corrupt);
        }
        Ok(Self { sensor, count, first, last, header_bytes, content_bytes, content_checksum })
    }

    /// The length of the header in bytes.
    pub(super) fn header_bytes(&self) -> u64 {
        self.header_bytes as u64
    }

    /// The length of the content in bytes.
    pub(super) fn content_bytes(&self) -> usize {
        self.content_bytes as usize
    }

    /// The length of header and content in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.header_bytes() + u64::from(self.content_bytes)
    }

    /// Whether this is the content that the header was written for.
    pub(super) fn is_of(&self, content: &[u8]) -> bool {
        content.len() == self.content_bytes() && crc32fast::hash(content) == self.content_checksum
    }

    /// Reads the content.
    pub(super) fn readings(&self, content: &[u8]) -> Result<Vec<TimedValue>, Corrupt> {
        if !self.is_of(content) {
            return Err(Corrupt);
        }
        let mut decoder = Decoder::new(content);
        let unit = *TIME_UNITS.get(decoder.narrow::<usize>()?).ok_or(Corrupt)?;
        let times = column::decode(self.count, &mut decoder)?;
        let scale = decoder.unsigned()?;
        let numbers = column::decode(self.count, &mut decoder)?;
        let factor = if scale == BITS { None } else { Some(decimal_factor(scale).ok_or(Corrupt)?) };
        let value = |number: i64| match factor {
            Some(factor) => number as f64 / factor,
            None => f64::from_bits(unordered(number)),
        };
        let time = |units| Timestamp::from_units(units, unit).ok_or(Corrupt);
        let readings: Vec<_> = times
            .into_iter()
            .zip(numbers)
            .map(|(units, number)| Ok((time(units)?, value(number))))
            .collect::<Result<_, _>>()?;
        let is_ascending = readings.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let ends = (readings.first().map(|first| first.0), readings.last().map(|last| last.0));
        if is_ascending && ends == (Some(self.first), Some(self.last)) { Ok(readings) } else { Err(Corrupt) }
    }
}

/// Writes a block behind `bytes`. The readings are in order of time, each time once; there is one at the least, and
/// [`MAX_READINGS`] at the most.
#[expect(clippy::cast_possible_truncation, reason = "names and blocks have bounds that fit")]
pub(super) fn encode(sensor: &SensorName, readings: &[TimedValue], bytes: &mut Vec<u8>) {
    let ([(first, _), ..], [.., (last, _)]) = (readings, readings) else { return };
    let content = content(readings);
    let mut header = Vec::with_capacity(MAX_HEADER);
    header.extend_from_slice(&(content.len() as u32).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&content).to_le_bytes());
    header.extend_from_slice(&(readings.len() as u32).to_le_bytes());
    header.extend_from_slice(&first.nanos().to_le_bytes());
    header.extend_from_slice(&last.nanos().to_le_bytes());
    header.extend_from_slice(&[sensor.device().len() as u8, sensor.sensor().len() as u8]);
    header.extend_from_slice(sensor.device().as_bytes());
    header.extend_from_slice(sensor.sensor().as_bytes());
    bytes.extend_from_slice(&MARKER);
    bytes.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&content);
}

fn content(readings: &[TimedValue]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let loses_nothing = |unit: &i64| readings.iter().all(|(time, _)| time.nanos() % unit == 0);
    let (place, unit) = (0_u64..).zip(TIME_UNITS).find(|(_, unit)| loses_nothing(unit)).unwrap_or((3, 1));
    encoder.unsigned(place);
    let times: Vec<_> = readings.iter().map(|(time, _)| time.nanos() / unit).collect();
    column::encode(&times, &mut encoder);
    let values = readings.iter().map(|(_, value)| *value);
    let (scale, numbers) = common_decimals(values.clone())
        .unwrap_or_else(|| (BITS, values.map(|value| ordered(value.to_bits())).collect()));
    encoder.unsigned(scale);
    column::encode(&numbers, &mut encoder);
    encoder.into_bytes()
}

/// The bits of a float as a number that is larger when the float is, so that neighbours differ by little.
fn ordered(bits: u64) -> i64 {
    let signed = bits.cast_signed();
    signed ^ ((signed >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The bits from which [`ordered`] made the number.
fn unordered(number: i64) -> u64 {
    (number ^ ((number >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned()
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "blocks of a test are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sensor() -> SensorName {
        SensorName::new("line1/press", "temperature").unwrap()
    }

    fn round_trip(readings: &[TimedValue]) -> (Vec<(i64, u64)>, usize) {
        let mut bytes = Vec::new();
        encode(&sensor(), readings, &mut bytes);
        let header = BlockHeader::decode(&bytes).unwrap();
        assert_eq!((*header.sensor).clone(), sensor());
        assert_eq!(header.bytes(), bytes.len() as u64);
        let back = header.readings(&bytes[header.header_bytes() as usize..]).unwrap();
        (bits(&back), bytes.len())
    }

    fn bits(readings: &[TimedValue]) -> Vec<(i64, u64)> {
        readings.iter().map(|(time, value)| (time.nanos(), value.to_bits())).collect()
    }

    fn at(times: &[i64], values: impl Iterator<Item = f64>) -> Vec<TimedValue> {
        times.iter().map(|time| Timestamp::from_nanos(*time)).zip(values).collect()
    }

    #[test]
    fn a_day_of_a_slow_sensor_takes_at_most_two_bytes_a_reading() {
        let minute = 60_000_000_000_i64;
        let mut random = fastrand::Rng::with_seed(7);
        let walk: Vec<f64> = (0..1440)
            .scan(2150_i64, |digits, _| {
                *digits += random.i64(-4..=4);
                Some(*digits as f64 / 100.0)
            })
            .collect();
        let even: Vec<i64> = (0..1440).map(|place| place * minute).collect();
        let jittered: Vec<i64> = even.iter().map(|time| time + random.i64(0..500) * 1_000_000).collect();
        for (times, most) in [(even, 1.0), (jittered, 2.0)] {
            let readings = at(&times, walk.iter().copied());
            let (back, bytes) = round_trip(&readings);
            assert_eq!(back, bits(&readings));
            let each = bytes as f64 / 1440.0;
            assert!(each < most, "{each} bytes a reading, with header and name");
        }
    }

    #[test]
    fn damage_anywhere_is_found() {
        let readings = at(&(0..200).map(|place| place * 1_000).collect::<Vec<_>>(), (0..200).map(f64::from));
        let mut bytes = Vec::new();
        encode(&sensor(), &readings, &mut bytes);
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            let read = BlockHeader::decode(&damaged)
                .and_then(|header| header.readings(damaged.get(header.header_bytes() as usize..).ok_or(Corrupt)?));
            assert_eq!(read, Err(Corrupt), "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn readings_come_back_bit_for_bit(
            times in proptest::collection::btree_set(any::<i64>(), 1..300), scale in 0..9_u32, raw in any::<bool>(), seed in any::<u64>(),
        ) {
            let mut random = fastrand::Rng::with_seed(seed);
            let times: Vec<i64> = times.into_iter().collect();
            let values = times.iter().map(|_| match raw {
                true => f64::from_bits(random.u64(..)),
                false => random.i64(-100_000..100_000) as f64 / 10_f64.powi(scale.cast_signed()),
            });
            let readings = at(&times, values.collect::<Vec<_>>().into_iter());
            prop_assert_eq!(round_trip(&readings).0, bits(&readings));
        }

        #[test]
        fn any_content_is_refused_or_read_without_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..400), count in 1..2000_usize, valid in any::<bool>(),
            places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            if valid {
                // What pco wrote, damaged: a checksum does not protect from someone who computes it anew.
                let times: Vec<i64> = (0..count as i64).map(|place| place * place * 1_000).collect();
                let readings = at(&times, times.iter().map(|time| *time as f64 * 0.37));
                bytes = content(&readings);
                for (place, byte) in places {
                    *place.get_mut(&mut bytes) = byte;
                }
            }
            let header = BlockHeader {
                sensor: Arc::new(sensor()), count, first: Timestamp::MIN, last: Timestamp::MAX, header_bytes: 0,
                content_bytes: bytes.len() as u32, content_checksum: crc32fast::hash(&bytes),
            };
            let _ = header.readings(&bytes);
            let _ = BlockHeader::decode(&bytes);
        }
    }
}
