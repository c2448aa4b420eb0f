use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::interval::Cut;
use crate::time::{Span, Timestamp};
use crate::verdict::{Label, Row, Scored, TimeLimit};

fn window(index: u32) -> Window {
    let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
    cut.window_of(Timestamp::default() + Span::from_secs(3600 * index))
}

fn scope(sensors: impl IntoIterator<Item = u32>) -> RunScope {
    sensors.into_iter().map(|sensor| (SensorId(sensor), Some(ModelHash([1; 32])))).collect()
}

fn scored(model: u8, decisions: &[i32]) -> Outcome {
    let row = |(interval, decision): (u16, &i32)| Row {
        interval,
        label: if *decision < 0 { Label::Anomaly } else { Label::Normal },
        decision: f64::from(*decision),
    };
    let rows = (0..).zip(decisions).map(row).collect();
    Outcome::Scored(Scored {
        model: ModelHash([model; 32]),
        proven: true,
        unit: Some(1.0),
        boundary: None,
        rows,
        explanation: None,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::NoData),
        (0..3_u32).prop_map(|intervals| Outcome::TooLittleData { intervals, needed: 3 }),
        "[a-c]{0,3}".prop_map(|reason| Outcome::Failed { reason }),
        Just(Outcome::TimedOut { after: Span::from_secs(15), limit: TimeLimit::Sensor }),
        Just(Outcome::Quarantined),
        Just(Outcome::Unproven),
        proptest::collection::vec(-2..2, 0..4).prop_map(|decisions| scored(1, &decisions)),
    ]
}

/// An outcome of a window and a sensor, as it reaches a run.
fn event() -> impl Strategy<Value = (u32, Outcome)> {
    // The sensors are some in scope and some that are not.
    (0..70_u32, outcome())
}

proptest! {
    /// Random: which of 60 sensors are in scope; the outcomes that come, some twice or out of scope, in any order; and how many come before the deadline, at which the rest fails.
    #[test]
    fn every_sensor_in_scope_gets_exactly_one_outcome_and_every_chunk_comes_out_once(
        sensors in proptest::collection::btree_set(0..60_u32, 0..60),
        events in proptest::collection::vec(event(), 0..150),
        late in proptest::collection::vec(event(), 0..20),
    ) {
        let scope = scope(sensors);
        let mut run = RunInProgress::new(window(5), &scope, 3, Instant::now());
        let mut first = BTreeMap::<SensorId, Outcome>::new();
        let mut chunks = Vec::new();
        for (sensor, outcome) in events {
            let sensor = SensorId(sensor);
            prop_assert_eq!(run.awaits(sensor), scope.contains_key(&sensor) && !first.contains_key(&sensor));
            if scope.contains_key(&sensor) {
                first.entry(sensor).or_insert_with(|| outcome.clone());
            }
            chunks.extend(run.take(sensor, outcome));
            prop_assert_eq!(run.tally().outcomes() as usize, first.len());
            prop_assert_eq!(run.unanswered().len(), scope.len() - first.len());
            prop_assert_eq!(run.is_over(), first.len() == scope.len());
        }
        for sensor in run.unanswered() {
            let overdue = Outcome::Failed { reason: "overdue".to_owned() };
            first.insert(sensor, overdue.clone());
            chunks.extend(run.take(sensor, overdue));
        }
        prop_assert!(run.is_over());
        for (sensor, outcome) in late {
            prop_assert_eq!(run.take(SensorId(sensor), outcome), None);
        }
        for chunk in &chunks {
            prop_assert!(chunk.verdicts.is_sorted_by_key(|verdict| verdict.sensor));
            prop_assert!(chunk.verdicts.iter().all(|verdict| ChunkId::of(verdict.sensor) == chunk.id));
        }
        chunks.sort_by_key(|chunk| chunk.id);
        prop_assert!(chunks.windows(2).all(|pair| pair[0].id < pair[1].id), "a chunk came out twice");
        let mut tally = Tally::default();
        first.values().for_each(|outcome| tally.add(outcome));
        prop_assert_eq!(run.tally(), tally);
        let verdicts = chunks.into_iter().flat_map(|chunk| chunk.verdicts);
        let expected = first.into_iter().map(|(sensor, outcome)| Verdict { sensor, outcome });
        prop_assert!(verdicts.eq(expected));
    }

    /// Random: the scope of a run that is cut off, how many of its chunks are stored by then, and the scope of the run
    /// that is made in its stead, in which some sensors are missing, some are new, and some have another model.
    #[test]
    fn a_run_that_is_redone_ends_with_the_chunks_of_an_undisturbed_one(
        before in proptest::collection::btree_set(0..60_u32, 0..60),
        after in proptest::collection::btree_map(0..60_u32, prop_oneof![4 => Just(1_u8), 1 => Just(2)], 0..60),
        stored in 0..5_usize,
    ) {
        let undisturbed = |scope: &RunScope| {
            let mut run = RunInProgress::new(window(5), scope, 0, Instant::now());
            let answer = |(sensor, model): (&SensorId, &Option<ModelHash>)| {
                run.take(*sensor, scored(model.unwrap().0[0], &[-1, 1]))
            };
            let chunks = scope.iter().filter_map(answer).map(|chunk| (chunk.id, chunk.verdicts));
            (chunks.collect::<BTreeMap<_, _>>(), run.tally())
        };
        let mut store: BTreeMap<_, _> = undisturbed(&scope(before)).0.into_iter().take(stored).collect();
        let scope: RunScope = after.into_iter().map(|(id, model)| (SensorId(id), Some(ModelHash([model; 32])))).collect();

        let mut run = RunInProgress::new(window(5), &scope, 0, Instant::now());
        let Ok(()) = run.take_over(&scope, |id| Ok::<_, Infallible>(store.get(&id).cloned().unwrap_or_default()));
        store.retain(|id, _| run.taken_over().contains(id));
        prop_assert_eq!(run.resumed() as usize, scope.len() - run.unanswered().len());
        for sensor in run.unanswered() {
            let chunk = run.take(sensor, scored(scope[&sensor].unwrap().0[0], &[-1, 1]));
            store.extend(chunk.map(|chunk| (chunk.id, chunk.verdicts)));
        }
        prop_assert!(run.is_over());
        let (chunks, tally) = undisturbed(&scope);
        prop_assert_eq!(store, chunks);
        prop_assert_eq!(run.tally(), tally);
    }
}

#[test]
fn what_another_model_said_and_what_failed_is_made_again() {
    let failed = Outcome::Failed { reason: "no model".to_owned() };
    for (stored, counts) in [
        (scored(1, &[1]), true),
        (Outcome::NoData, true),
        (Outcome::TooLittleData { intervals: 1, needed: 2 }, true),
        (scored(2, &[1]), false),
        (failed, false),
        (Outcome::TimedOut { after: Span::from_secs(15), limit: TimeLimit::Sensor }, false),
        (Outcome::Quarantined, false),
        (Outcome::Unproven, false),
    ] {
        let scope = scope([7]);
        let mut run = RunInProgress::new(window(5), &scope, 0, Instant::now());
        let verdict = Verdict { sensor: SensorId(7), outcome: stored };
        let Ok(()) = run.take_over(&scope, |_| Ok::<_, Infallible>(vec![verdict.clone()]));
        assert_eq!(run.is_over(), counts, "{verdict:?}");
    }
}
