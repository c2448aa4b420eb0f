//! How a run went, as fields of the ledger's entry.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::run::{PartTimes, RunCourse, RunRequest, ScoringTime, SlowSensor};
use crate::sensor::SensorId;
use crate::store::fields::FieldWriter;
use crate::time::Timestamp;

const BEGUN: u64 = 13;
const ENDED: u64 = 14;
const REQUEST: u64 = 15;
const TIMES: u64 = 16;
const SLOWEST: u64 = 17;

/// Writes what is known of a run's course; nothing of what is not.
pub(super) fn put(fields: &mut FieldWriter, course: &RunCourse) {
    let RunCourse { begun, ended, request, times, slowest } = course;
    for (tag, time) in [(BEGUN, begun), (ENDED, ended)] {
        if let Some(time) = time {
            fields.field(tag, &time.nanos().to_le_bytes());
        }
    }
    if let Some(request) = request {
        fields.field(REQUEST, request.as_str().as_bytes());
    }
    if let Some(PartTimes { read, score, until_last_outcome, store }) = times {
        let mut encoder = Encoder::default();
        for span in [Some(read), Some(score), Some(until_last_outcome), store.as_ref()].into_iter().flatten() {
            encoder.signed(span.nanos());
        }
        fields.field(TIMES, &encoder.into_bytes());
    }
    if !slowest.is_empty() {
        let mut encoder = Encoder::default();
        for SlowSensor { sensor, took: ScoringTime { read, score } } in slowest {
            encoder.unsigned(sensor.0.into());
            encoder.signed(read.nanos());
            encoder.signed(score.nanos());
        }
        fields.field(SLOWEST, &encoder.into_bytes());
    }
}

/// Takes up a field, if it is one of a run's course.
pub(super) fn take(course: &mut RunCourse, tag: u64, value: &[u8]) -> Result<(), Corrupt> {
    match tag {
        BEGUN => course.begun = Some(time(value)?),
        ENDED => course.ended = Some(time(value)?),
        REQUEST => course.request = Some(RunRequest::new(std::str::from_utf8(value).map_err(|_| Corrupt)?)),
        TIMES => {
            let mut decoder = Decoder::new(value);
            let [read, score, until_last_outcome] = [decoder.span()?, decoder.span()?, decoder.span()?];
            let store = if decoder.is_at_end() { None } else { Some(decoder.span()?) };
            course.times = Some(PartTimes { read, score, until_last_outcome, store });
        }
        SLOWEST => {
            let mut decoder = Decoder::new(value);
            course.slowest.clear();
            while !decoder.is_at_end() && course.slowest.len() < SlowSensor::MOST {
                let sensor = SensorId(decoder.narrow()?);
                let took = ScoringTime { read: decoder.span()?, score: decoder.span()? };
                course.slowest.push(SlowSensor { sensor, took });
            }
        }
        _ => {}
    }
    Ok(())
}

fn time(value: &[u8]) -> Result<Timestamp, Corrupt> {
    Ok(Timestamp::from_nanos(i64::from_le_bytes(value.try_into().map_err(|_| Corrupt)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fields::unsealed;
    use crate::time::Span;

    fn there_and_back(course: &RunCourse) -> RunCourse {
        let mut fields = FieldWriter::new(1);
        put(&mut fields, course);
        let mut found = RunCourse::default();
        for field in unsealed(&fields.sealed(), 1).unwrap() {
            let (tag, value) = field.unwrap();
            take(&mut found, tag, value).unwrap();
        }
        found
    }

    #[test]
    fn the_course_of_a_run_comes_back_as_far_as_it_is_known() {
        let slow = |sensor, millis| SlowSensor {
            sensor: SensorId(sensor),
            took: ScoringTime { read: Span::from_millis(millis), score: Span::from_nanos(millis) },
        };
        let known = RunCourse {
            begun: Some(Timestamp::from_nanos(-5)),
            ended: Some(Timestamp::from_nanos(i64::MAX)),
            request: Some(RunRequest::new("press-1/* by the user 1000")),
            times: Some(PartTimes { read: Span::from_millis(3), store: Some(Span::ZERO), ..PartTimes::default() }),
            slowest: vec![slow(7, 900), slow(0, 12)],
        };
        assert_eq!(there_and_back(&known), known);
        let times = known.times.map(|times| PartTimes { store: None, ..times });
        let without_store = RunCourse { times, ..known };
        assert_eq!(there_and_back(&without_store), without_store);
        assert_eq!(there_and_back(&RunCourse::default()), RunCourse::default());
    }

    #[test]
    fn more_slow_sensors_than_are_kept_are_passed_over() {
        let slow = SlowSensor { sensor: SensorId(1), took: ScoringTime::default() };
        let course = RunCourse { slowest: vec![slow; 1000], ..RunCourse::default() };
        assert_eq!(there_and_back(&course).slowest.len(), SlowSensor::MOST);
    }
}
