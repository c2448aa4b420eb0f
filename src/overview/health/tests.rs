use proptest::prelude::*;

use super::*;
use crate::answers::{self, Clock, Condition, ConditionKind, Disk, Explanation, Outcome, Server, Sink, Verdict};
use crate::overview::ConditionProblem;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn counts(with_model: u64, healthy: u64) -> SensorCounts {
    SensorCounts { known: with_model, with_model, healthy, ..SensorCounts::default() }
}

/// Fifteen healthy sensors at 10:00, and nothing is wrong.
fn well() -> HealthFacts {
    HealthFacts {
        now: at("2026-03-02T10:00:00Z"),
        started: at("2026-03-01T10:00:00Z"),
        sensors: counts(15, 15),
        unhealthy: vec![],
        conditions: vec![],
        clock: Clock { source: "wall".into(), is_trusted: true, held_readings: 0, words: "the system's clock".into() },
        broker: None,
        last_run: None,
        sinks: vec![],
        disk: Disk {
            store_bytes: 1 << 20,
            store_max_bytes: 1 << 30,
            free_bytes: Some(1 << 33),
            total_bytes: Some(1 << 34),
            written_bytes_per_day: None,
            full_at: None,
        },
        is_disk_full: false,
        windows_skipped: 0,
        readings_lately: 9_000,
        rejects_lately: 0,
        quarantined: vec![],
        hung_threads: 0,
        unusable_models: vec![],
        configuration: ConfigurationState::InForce,
        entries_lost: 0,
        stores_set_aside: 0,
    }
}

/// A sensor that has been in a state since 09:41.
fn sensor(name: &str, state: SensorState) -> Sensor {
    let (device, sensor) = name.split_once('/').unwrap();
    let since = Some(at("2026-03-02T09:41:00Z"));
    Sensor {
        name: name.to_owned(),
        device: device.to_owned(),
        sensor: sensor.to_owned(),
        group: "default".to_owned(),
        state,
        since,
        last_seen: since,
        last_value: None,
        lag_seconds: None,
        has_model: true,
        verdict: None,
        conditions: vec![],
    }
}

/// These sensors have had a condition since 09:41.
fn has(kind: ConditionKind, names: &[&str]) -> Vec<ConditionProblem> {
    let condition = |name: &&str| Condition {
        sensor: (*name).to_owned(),
        condition: kind,
        severity: Severity::Warning,
        since: at("2026-03-02T09:41:00Z"),
        words: "all its readings are 21, and they usually vary".to_owned(),
    };
    let first: Vec<_> = names.iter().map(condition).collect();
    let since = first.iter().map(|condition| condition.since).min();
    let problem = ConditionProblem { kind, count: first.len() as u64, since, first };
    if names.is_empty() { vec![] } else { vec![problem] }
}

/// Facts of fifteen sensors of which these are not healthy.
fn with(unhealthy: &[(&str, SensorState)]) -> HealthFacts {
    let count = |state| unhealthy.iter().filter(|(_, other)| *other == state).count() as u64;
    let sensors = SensorCounts {
        anomalous: count(SensorState::Anomalous),
        silent: count(SensorState::Silent),
        failed: count(SensorState::Failed),
        ..counts(15, 15 - unhealthy.len() as u64)
    };
    let silent = unhealthy.iter().filter(|(_, state)| *state == SensorState::Silent).map(|(name, _)| *name);
    let conditions = has(ConditionKind::Silent, &silent.collect::<Vec<_>>());
    let unhealthy = unhealthy.iter().map(|(name, state)| sensor(name, *state)).collect();
    HealthFacts { sensors, unhealthy, conditions, ..well() }
}

use SensorState::{Anomalous, Failed, Silent};

#[test]
fn the_sentence_says_how_many_are_healthy_and_what_is_worst() {
    let broker = |problem: &str| {
        let (address, since) = ("broker:1883".to_owned(), Some(at("2026-03-02T09:58:00Z")));
        Some(Server { address, is_up: false, since, problem: Some(problem.to_owned()), messages: 0 })
    };
    let full_at = |time: &str| Disk { full_at: Some(at(time)), ..well().disk };
    let doubted = |held_readings| Clock { is_trusted: false, held_readings, ..well().clock };
    let behind = |runs_behind| Sink { name: "mqtt".into(), state: SinkState::Behind, runs_behind, taken_until: None };
    let many = SensorCounts { silent: 2_000, ..counts(100_000, 98_000) };
    let many_silent = ConditionProblem { kind: ConditionKind::Silent, count: 2_000, since: None, first: vec![] };
    let cases: Vec<(HealthFacts, &str)> = vec![
        (
            HealthFacts { conditions: has(ConditionKind::Stuck, &["press-1/flow"]), ..well() },
            "All 15 sensors are healthy; press-1/flow has been stuck since 09:41 UTC",
        ),
        (
            HealthFacts { conditions: has(ConditionKind::ClockWrong, &["a/b", "a/c"]), ..well() },
            "All 15 sensors are healthy; 2 sensors have wrong clocks",
        ),
        (well(), "All 15 sensors are healthy"),
        (
            with(&[("press-1/flow", Silent)]),
            "14 of 15 sensors are healthy; press-1/flow has been silent since 09:41 UTC",
        ),
        (
            with(&[("press-1/flow", Anomalous)]),
            "14 of 15 sensors are healthy; press-1/flow has been anomalous since 09:41 UTC",
        ),
        (
            with(&[("press-1/flow", Failed)]),
            "14 of 15 sensors are healthy; press-1/flow could not be scored since 09:41 UTC",
        ),
        (with(&[("a/b", Silent), ("a/c", Silent)]), "13 of 15 sensors are healthy; 2 sensors are silent"),
        (
            with(&[("a/b", Anomalous), ("a/c", Silent)]),
            "13 of 15 sensors are healthy; a/b has been anomalous since 09:41 UTC; 1 more problem",
        ),
        (
            with(&[("a/b", Anomalous), ("a/c", Silent), ("a/d", Failed)]),
            "12 of 15 sensors are healthy; a/b has been anomalous since 09:41 UTC; 2 more problems",
        ),
        (
            HealthFacts { sensors: many, conditions: vec![many_silent], ..well() },
            "98,000 of 100,000 sensors are healthy; 2,000 sensors are silent",
        ),
        // What keeps the daemon from its work comes first.
        (
            HealthFacts { is_disk_full: true, ..well() },
            "The disk is full, and readings wait; all 15 sensors are healthy",
        ),
        (
            HealthFacts { broker: broker("connection refused"), ..with(&[("a/b", Silent)]) },
            "The broker has been out of reach since 09:58 UTC; 14 of 15 sensors are healthy; 1 more problem",
        ),
        (HealthFacts { clock: doubted(0), ..well() }, "The clock is not believed; all 15 sensors are healthy"),
        (
            HealthFacts { clock: doubted(1), ..well() },
            "The clock is not believed, and 1 reading waits; all 15 sensors are healthy",
        ),
        (
            HealthFacts { disk: full_at("2026-03-02T18:00:00Z"), ..well() },
            "The disk will be full by 18:00 UTC; all 15 sensors are healthy",
        ),
        // The rest does not.
        (
            HealthFacts { disk: full_at("2026-03-06T18:00:00Z"), ..well() },
            "All 15 sensors are healthy; the disk will be full by 6 Mar 18:00 UTC",
        ),
        (HealthFacts { disk: full_at("2026-04-02T18:00:00Z"), ..well() }, "All 15 sensors are healthy"),
        (HealthFacts { sinks: vec![behind(1)], ..well() }, "All 15 sensors are healthy"),
        (
            HealthFacts { sinks: vec![behind(12)], ..well() },
            "All 15 sensors are healthy; the sink mqtt is 12 runs behind",
        ),
        (HealthFacts { windows_skipped: 1, ..well() }, "All 15 sensors are healthy; 1 window was never scored"),
        (HealthFacts { windows_skipped: 30, ..well() }, "All 15 sensors are healthy; 30 windows were never scored"),
        (
            HealthFacts { rejects_lately: 1_000, ..well() },
            "All 15 sensors are healthy; 1,000 inputs were rejected in the last ten minutes",
        ),
        (HealthFacts { rejects_lately: 100, ..well() }, "All 15 sensors are healthy"),
        (HealthFacts { rejects_lately: 9, readings_lately: 0, ..well() }, "All 15 sensors are healthy"),
        (
            HealthFacts { configuration: ConfigurationState::Changed, ..well() },
            "All 15 sensors are healthy; the configuration's file was changed",
        ),
        (
            HealthFacts { quarantined: vec!["a/b".into()], ..with(&[("a/b", Failed)]) },
            "14 of 15 sensors are healthy; the model of a/b failed too often",
        ),
        (
            HealthFacts { hung_threads: 2, ..well() },
            "All 15 sensors are healthy; 2 threads hang at models that do not end",
        ),
        (
            HealthFacts { unusable_models: vec![("a/b".into(), "it is empty".into())], ..with(&[("a/b", Failed)]) },
            "14 of 15 sensors are healthy; the model file of a/b cannot be used",
        ),
        (
            HealthFacts { entries_lost: 1, ..well() },
            "All 15 sensors are healthy; 1 entry of the store could not be read",
        ),
        (
            HealthFacts { entries_lost: 2, stores_set_aside: 1, ..well() },
            "All 15 sensors are healthy; 1 damaged store was set aside",
        ),
    ];
    for (facts, expected) in cases {
        assert_eq!(health(&facts).sentence, expected);
    }
}

#[test]
fn sensors_are_counted_in_words_that_fit_their_number() {
    let cases = [
        (SensorCounts::default(), "No sensor has sent a reading yet"),
        (SensorCounts { known: 1, no_model: 1, ..SensorCounts::default() }, "The one sensor has no model"),
        (SensorCounts { known: 12, no_model: 12, ..SensorCounts::default() }, "None of 12 sensors has a model"),
        (counts(1, 1), "The one sensor is healthy"),
        (counts(2, 1), "1 of 2 sensors is healthy"),
        (counts(1, 0), "The one sensor is not healthy"),
        (counts(3, 0), "None of 3 sensors is healthy"),
        (SensorCounts { known: 20, no_model: 5, ..counts(15, 15) }, "All 15 sensors with a model are healthy"),
        (SensorCounts { known: 20, no_model: 5, ..counts(15, 14) }, "14 of 15 sensors with a model are healthy"),
        (SensorCounts { waiting: 15, ..counts(15, 0) }, "All 15 sensors wait for their first run"),
        (SensorCounts { waiting: 1, ..counts(1, 0) }, "The one sensor waits for its first run"),
        (SensorCounts { waiting: 1, ..counts(15, 14) }, "14 of 15 sensors are healthy, 1 waits for a first run"),
        (SensorCounts { sparse: 1, ..counts(15, 14) }, "14 of 15 sensors are healthy, 1 has too few readings"),
        (SensorCounts { sparse: 2, ..counts(15, 13) }, "13 of 15 sensors are healthy, 2 have too few readings"),
    ];
    for (sensors, expected) in cases {
        let SensorCounts { known, with_model, .. } = sensors;
        let sensors = SensorCounts { known: known.max(with_model), ..sensors };
        assert_eq!(health(&HealthFacts { sensors, ..well() }).sentence, expected);
    }
}

/// The problems of facts: kind, severity, count, the sensor, and the words.
fn problems(facts: &HealthFacts) -> Vec<(ProblemKind, Severity, u64, Option<String>, String)> {
    let of = |Problem { kind, severity, words, count, sensor, .. }| (kind, severity, count, sensor, words);
    health(facts).problems.into_iter().map(of).collect()
}

#[test]
fn a_problem_of_one_sensor_names_it_and_says_why() {
    let now = well().now;
    let explanation = Explanation {
        words: "flow std 4.1 at 09:42, usually 0.2 to 0.9".into(),
        time: now,
        feature: "flow.std".into(),
        value: Some(4.1),
        usual_low: Some(0.2),
        usual_high: Some(0.9),
    };
    let mut facts = with(&[("press-1/flow", Anomalous)]);
    facts.unhealthy[0].verdict = Some(Verdict {
        group: "default".to_owned(),
        sensor: "press-1/flow".into(),
        run: 1,
        revision: 0,
        window: answers::Span { start: now, end: now },
        outcome: Outcome::Scored,
        reason: None,
        model: None,
        is_proven: None,
        anomaly_score: None,
        intervals: 60,
        anomalies: 2,
        anomalous: vec![],
        worst: None,
        score: Some(0.98),
        explanation: Some(explanation),
    });
    let words = "press-1/flow has been anomalous since 09:41 UTC: flow std 4.1 at 09:42, usually 0.2 to 0.9";
    let expected = (ProblemKind::Anomalous, Severity::Warning, 1, Some("press-1/flow".to_owned()), words.to_owned());
    assert_eq!(problems(&facts), [expected]);
    assert_eq!(health(&facts).problems[0].since, Some(at("2026-03-02T09:41:00Z")));
}

#[test]
fn a_problem_of_several_names_some_of_them() {
    let words = |names: &[&str]| {
        let states: Vec<_> = names.iter().map(|name| (*name, Silent)).collect();
        problems(&with(&states)).remove(0).4
    };
    assert_eq!(words(&["a/b", "a/c"]), "2 sensors are silent: a/b and a/c");
    assert_eq!(words(&["a/b", "a/c", "a/d"]), "3 sensors are silent: a/b, a/c and a/d");
    assert_eq!(words(&["a/b", "a/c", "a/d", "a/e"]), "4 sensors are silent: a/b, a/c, a/d and 1 more");
}

#[test]
fn a_condition_of_one_sensor_says_what_showed_it() {
    let facts = HealthFacts { conditions: has(ConditionKind::Stuck, &["a/b"]), ..well() };
    let words = "a/b has been stuck since 09:41 UTC: all its readings are 21, and they usually vary";
    assert_eq!(problems(&facts).remove(0).4, words);
    assert_eq!(problems(&with(&[("a/b", Silent)])).remove(0).4, "a/b has been silent since 09:41 UTC");
}

#[test]
fn a_sensor_whose_model_is_at_fault_is_one_problem() {
    let facts = with(&[("a/b", Failed), ("a/c", Failed)]);
    let kinds = |facts: &HealthFacts| problems(facts).into_iter().map(|(kind, _, count, ..)| (kind, count)).collect();
    let both: Vec<_> = kinds(&facts);
    assert_eq!(both, [(ProblemKind::ScoringFailed, 2)]);
    let one: Vec<_> = kinds(&HealthFacts { quarantined: vec!["a/b".into()], ..facts });
    assert_eq!(one, [(ProblemKind::ScoringFailed, 1), (ProblemKind::Quarantined, 1)]);
}

#[test]
fn the_worst_problem_comes_first_and_is_the_severity_of_all() {
    let facts = HealthFacts {
        is_disk_full: true,
        windows_skipped: 3,
        configuration: ConfigurationState::Invalid,
        ..with(&[("a/b", Silent), ("a/c", Anomalous)])
    };
    let kinds: Vec<_> = problems(&facts).into_iter().map(|(kind, ..)| kind).collect();
    let expected = [
        ProblemKind::DiskFull,
        ProblemKind::Anomalous,
        ProblemKind::Silent,
        ProblemKind::WindowsSkipped,
        ProblemKind::ConfigurationChanged,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(health(&facts).severity, Severity::Error);
    assert_eq!(health(&well()).severity, Severity::Ok);
    assert_eq!(health(&with(&[("a/b", Silent)])).severity, Severity::Warning);
}

#[test]
fn a_long_name_is_cut_in_the_sentence_and_whole_in_the_problem() {
    let name = format!("{}/{}", "p".repeat(100), "f".repeat(100));
    let health = health(&with(&[(&name, Silent)]));
    assert!(health.sentence.contains("ppp… has been silent since 09:41 UTC"), "{}", health.sentence);
    assert!(health.problems[0].words.starts_with(&name));
    assert_eq!(health.problems[0].sensor, Some(name));
}

proptest! {
    #[test]
    fn a_sentence_is_short_whatever_is_wrong(
        numbers in proptest::array::uniform6(0..=100_000_u64), flags in any::<[bool; 6]>(), name in "[a-z/]{3,250}",
    ) {
        let [with_model, healthy, first, second, third, fourth] = numbers;
        let silent = u64::from(flags[0]);
        let facts = HealthFacts {
            sensors: SensorCounts { silent, sparse: first, waiting: second, ..counts(with_model, healthy.min(with_model)) },
            conditions: if flags[0] { has(ConditionKind::Silent, &[&*format!("a/{name}")]) } else { vec![] },
            is_disk_full: flags[1],
            clock: Clock { is_trusted: flags[2], held_readings: third, ..well().clock },
            windows_skipped: fourth,
            quarantined: if flags[3] { vec![name] } else { vec![] },
            entries_lost: first,
            rejects_lately: second,
            configuration: if flags[4] { ConfigurationState::Unreadable } else { ConfigurationState::InForce },
            ..well()
        };
        let health = health(&facts);
        prop_assert!(health.sentence.chars().count() <= 140, "{}", health.sentence);
        prop_assert_eq!(health.problems.is_empty(), health.severity == Severity::Ok);
        prop_assert!(health.problems.iter().all(|problem| !problem.words.is_empty() && problem.count > 0));
    }
}
