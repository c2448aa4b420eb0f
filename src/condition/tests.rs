use proptest::prelude::*;

use super::hysteresis::{StateChange, step};
use super::*;
use crate::interval::{Cut, Interval, Window};
use crate::sensor_pattern::SensorPattern;
use crate::time::{Span, Timestamp};

const HOUR: Span = Span::from_secs(3600);
const MINUTE: Span = Span::from_secs(60);

/// The window of this number, an hour long.
fn hour(number: i64) -> Window {
    Cut::new(MINUTE, HOUR).unwrap().window_of(Timestamp::default() + HOUR.times(number))
}

fn settings() -> ConditionSettings {
    let policy = |raise, clear| ConditionPolicy {
        notice: Notice::Warning,
        patience: Patience { raise_after: HOUR.times(raise), clear_after: HOUR.times(clear) },
        except: Vec::new(),
    };
    ConditionSettings {
        cut: Cut::new(MINUTE, HOUR).unwrap(),
        learn: HOUR.times(10),
        relearn_after: HOUR.times(100),
        sparse_share: 0.5,
        deviations: 4.0,
        off_by: Span::from_secs(900),
        policies: [policy(1, 1), policy(3, 1), policy(2, 2), policy(2, 2), policy(3, 3), policy(2, 1)],
    }
}

fn summed(intervals: &[Interval], length: Span) -> Option<WindowSummary> {
    let (first, others) = intervals.split_first()?;
    let mut summary = SummaryInProgress::begin(first, length);
    others.iter().for_each(|interval| summary.push(interval, length));
    Some(summary.finish())
}

/// So many intervals around a level, which vary by so much.
fn sent(intervals: i64, level: f64, by: f64) -> Option<WindowSummary> {
    let intervals: Vec<_> = (0..intervals)
        .map(|place| {
            let mean = level + if place % 2 == 0 { by } else { -by };
            let start = Timestamp::default() + MINUTE.times(place);
            Interval { start, count: 2, mean, min: mean, max: mean, standard_deviation: 0.0, first: mean, last: mean }
        })
        .collect();
    summed(&intervals, MINUTE)
}

fn facts(number: i64, summary: Option<WindowSummary>) -> WindowFacts {
    let (witness, model) = (Witness::Whole, ModelSight::Present);
    WindowFacts { window: hour(number), interval: MINUTE, summary, witness, model, clock_off_nanos: None }
}

/// A sensor that has sent as usual for a day, up to window 24.
fn known() -> SensorConditions {
    let mut sensor = SensorConditions::default();
    for number in 0..24 {
        let level = 20.0 + f64::from(u8::try_from(number % 3).unwrap());
        let changes = sensor.observe(&facts(number, sent(60, level, 1.0)), &settings(), |_| true);
        assert_eq!(changes, []);
    }
    assert!(sensor.usual.is_known);
    sensor
}

/// What the windows from number 24 on change, by their numbers.
fn changes(
    sensor: &mut SensorConditions,
    windows: &[Option<WindowSummary>],
) -> Vec<(i64, &'static str, ConditionKind)> {
    changes_from(sensor, 24, windows)
}

/// The same of windows from another one on.
fn changes_from(
    sensor: &mut SensorConditions,
    first: i64,
    windows: &[Option<WindowSummary>],
) -> Vec<(i64, &'static str, ConditionKind)> {
    let mut all = Vec::new();
    for (number, summary) in (first..).zip(windows) {
        for change in sensor.observe(&facts(number, *summary), &settings(), |_| true) {
            all.push(match change {
                ConditionChange::Raised(standing) => (number, "raised", standing.reason.kind()),
                ConditionChange::Cleared(standing, ClearCause::Over) => (number, "cleared", standing.reason.kind()),
                ConditionChange::Cleared(standing, _) => (number, "given up", standing.reason.kind()),
            });
        }
    }
    all
}

#[test]
fn a_sensor_that_used_to_send_is_silent_until_it_sends_again() {
    let mut sensor = known();
    let told = changes(&mut sensor, &[None, None, sent(60, 21.0, 1.0)]);
    assert_eq!(told, [(24, "raised", ConditionKind::Silent), (26, "cleared", ConditionKind::Silent)]);
}

#[test]
fn a_sensor_that_usually_pauses_is_silent_when_it_pauses_for_twice_as_long() {
    let mut sensor = SensorConditions::default();
    let mut settings = settings();
    settings.policies[ConditionKind::Silent.place()].patience.raise_after = HOUR.times(4);
    for number in 0..60 {
        let summary = if number % 4 == 0 { sent(1, 20.0, 0.0) } else { None };
        assert_eq!(sensor.observe(&facts(number, summary), &settings, |_| true), []);
    }
    assert_eq!(sensor.usual.usual_pause(), HOUR.times(3));
    let mut raised = (60..80).filter(|number| !sensor.observe(&facts(*number, None), &settings, |_| true).is_empty());
    // Three windows of its usual pause are behind it already.
    assert_eq!(raised.next(), Some(62));
}

#[test]
fn a_window_that_the_daemon_did_not_see_whole_is_no_evidence_of_silence() {
    let mut sensor = known();
    for number in 24..40 {
        let unseen = WindowFacts { witness: Witness::InPart, ..facts(number, None) };
        assert_eq!(sensor.observe(&unseen, &settings(), |_| true), []);
    }
    assert_eq!(sensor, known());
}

#[test]
fn one_value_where_values_vary_is_stuck_after_its_patience() {
    let mut sensor = known();
    let told = changes(&mut sensor, &[sent(60, 21.0, 0.0); 5]);
    assert_eq!(told, [(26, "raised", ConditionKind::Stuck)]);
    let standing = sensor.standing().next().unwrap();
    assert_eq!((standing.since, &standing.reason), (hour(24).start(), &Reason::Stuck { value: 21.0 }));
    assert_eq!(standing.reason.to_string(), "all its readings are 21, and they usually vary");
}

#[test]
fn one_value_where_there_never_was_another_is_usual() {
    let mut sensor = SensorConditions::default();
    for number in 0..60 {
        assert_eq!(sensor.observe(&facts(number, sent(60, 21.0, 0.0)), &settings(), |_| true), []);
    }
}

#[test]
fn few_intervals_where_there_are_many_are_sparse() {
    let mut sensor = known();
    let told =
        changes(&mut sensor, &[sent(29, 21.0, 1.0), sent(29, 21.0, 1.0), sent(31, 21.0, 1.0), sent(31, 21.0, 1.0)]);
    assert_eq!(told, [(25, "raised", ConditionKind::Sparse), (27, "cleared", ConditionKind::Sparse)]);
}

#[test]
fn a_level_that_left_what_is_usual_has_drifted_and_a_single_window_has_not() {
    let mut sensor = known();
    let away = sent(60, 30.0, 1.0);
    let told = changes(&mut sensor, &[away, sent(60, 21.0, 1.0), away, away, away]);
    assert_eq!(told, [(28, "raised", ConditionKind::Drifting)]);
    let words = sensor.standing().next().unwrap().reason.to_string();
    assert_eq!(words, "a window has a mean of 30, and usually of 20.9, give or take 0.876");
}

#[test]
fn a_slow_drift_is_noticed_because_what_is_usual_stays() {
    let mut sensor = known();
    let slow: Vec<_> = (0..200_u8).map(|step| sent(60, 21.0 + f64::from(step) * 0.05, 1.0)).collect();
    let told = changes(&mut sensor, &slow);
    assert_eq!(told.first().map(|(_, what, kind)| (*what, *kind)), Some(("raised", ConditionKind::Drifting)));
}

#[test]
fn what_has_lasted_is_taken_as_usual_and_learnt_anew() {
    let mut sensor = known();
    let told = changes(&mut sensor, &[sent(60, 30.0, 1.0); 140]);
    assert_eq!(told, [(26, "raised", ConditionKind::Drifting), (123, "given up", ConditionKind::Drifting)]);
    assert!(sensor.usual.is_known && (sensor.usual.level - 30.0).abs() < 0.01, "{:?}", sensor.usual);
}

#[test]
fn a_sensor_that_has_stuck_for_long_is_stuck_until_it_varies_and_its_next_sticking_is_noticed() {
    let mut sensor = known();
    let stuck = [sent(60, 50.0, 0.0); 300];
    // It left its level, too: that must not make the stuck level usual.
    let told = changes(&mut sensor, &stuck);
    assert_eq!(told, [(26, "raised", ConditionKind::Stuck), (26, "raised", ConditionKind::Drifting)]);
    let mut next = |number, summary| {
        let changes = sensor.observe(&facts(number, summary), &settings(), |_| true);
        changes.iter().map(|change| change.condition().reason.kind()).collect::<Vec<_>>()
    };
    assert_eq!(next(324, sent(60, 21.0, 1.0)), [ConditionKind::Stuck], "the repaired sensor is well");
    for number in 325..340 {
        next(number, sent(60, 21.0, 1.0));
    }
    let raised: Vec<_> = (340..343).flat_map(|number| next(number, sent(60, 21.0, 0.0))).collect();
    assert_eq!(raised, [ConditionKind::Stuck]);
}

#[test]
fn a_sensor_that_sticks_while_its_new_level_is_learnt_is_stuck() {
    let mut sensor = known();
    // The level is given up after a hundred hours, and another one is being learnt.
    let told = changes(&mut sensor, &[sent(60, 30.0, 1.0); 102]);
    assert_eq!(told.last(), Some(&(123, "given up", ConditionKind::Drifting)));
    assert!(!sensor.usual.is_known);
    let raised: Vec<_> = (126..140)
        .flat_map(|number| sensor.observe(&facts(number, sent(60, 30.0, 0.0)), &settings(), |_| true))
        .collect();
    assert!(
        matches!(&raised[..], [ConditionChange::Raised(standing)] if standing.reason.kind() == ConditionKind::Stuck)
    );
    assert!(!sensor.usual.is_known, "nothing is learnt of one value");
}

#[test]
fn a_sensor_that_was_constant_and_then_varies_is_learnt_anew_and_can_stick() {
    let mut sensor = SensorConditions::default();
    let mut next = |number, by| {
        let changes = sensor.observe(&facts(number, sent(60, 21.0, by)), &settings(), |_| true);
        (changes, sensor.usual)
    };
    (0..24).for_each(|number| assert_eq!(next(number, 0.0).0, []));
    // Now and then is not always.
    (24..60).for_each(|number| _ = next(number, if number % 5 == 0 { 0.0 } else { 1.0 }));
    assert_eq!(next(60, 0.0).1.varied, 0);
    (61..71).for_each(|number| assert_eq!(next(number, 1.0).0, []));
    assert!(!next(71, 1.0).1.is_known);
    (72..90).for_each(|number| assert_eq!(next(number, 1.0).0, []));
    assert_eq!((90..93).map(|number| next(number, 0.0).0.len()).sum::<usize>(), 1);
}

#[test]
fn an_outage_while_it_was_learnt_does_not_make_silence_late() {
    let mut sensor = SensorConditions::default();
    for number in 0..40 {
        let is_out = (3..23).contains(&number);
        sensor.observe(&facts(number, if is_out { None } else { sent(60, 21.0, 1.0) }), &settings(), |_| true);
    }
    assert!(sensor.usual.is_known && sensor.standing().next().is_none());
    assert_eq!(sensor.observe(&facts(40, None), &settings(), |_| true).len(), 1);
}

#[test]
fn time_that_nobody_saw_is_no_pause_and_no_pause_delays_silence_without_end() {
    let mut sensor = SensorConditions::default();
    let mut settings = settings();
    settings.policies[ConditionKind::Silent.place()].patience.raise_after = HOUR.times(30);
    for number in 0..60 {
        // Four windows without readings, of which the daemon saw two.
        let witness = if number % 5 >= 3 { Witness::InPart } else { Witness::Whole };
        let summary = if number % 5 == 0 { sent(60, 21.0, 1.0) } else { None };
        sensor.observe(&WindowFacts { witness, ..facts(number, summary) }, &settings, |_| true);
    }
    assert_eq!(sensor.usual.usual_pause(), HOUR.times(2));
    sensor.usual.pauses = Pauses { longest: 900, second: 900, lasting: 0, count: 3 };
    let raised = (60..400).find(|number| !sensor.observe(&facts(*number, None), &settings, |_| true).is_empty());
    // Four of its last windows had no readings already, of which two count.
    assert_eq!(raised, Some(60 + i64::from(100_u8) - 1 - 2), "as long as it takes to learn anew");
}

#[test]
fn rounding_is_no_drift() {
    let mut sensor = SensorConditions::default();
    for number in 0..60 {
        // Means that differ in their last digit only.
        let level = if number % 2 == 0 { 0.1 + 0.2 } else { 0.3 };
        assert_eq!(sensor.observe(&facts(number, sent(60, level, 0.0)), &settings(), |_| true), []);
    }
    let told = changes_from(&mut sensor, 60, &[sent(60, 0.3 + 1e-15, 0.0); 9]);
    assert_eq!(told, []);
}

#[test]
fn a_counter_has_no_usual_level_and_does_not_drift() {
    let mut sensor = SensorConditions::default();
    for number in 0..200 {
        let level = 1e6 + 40.0 * f64::from(i32::try_from(number).unwrap()) + f64::from(number % 3 == 0);
        assert_eq!(sensor.observe(&facts(number, sent(60, level, 1.0)), &settings(), |_| true), [], "{number}");
    }
    // A level that comes up to where it stays does drift.
    let mut sensor = SensorConditions::default();
    for number in 0..24 {
        let level = if number == 0 { 10.0 } else { 80.0 + f64::from(u8::try_from(number % 3).unwrap()) };
        sensor.observe(&facts(number, sent(60, level, 1.0)), &settings(), |_| true);
    }
    assert_eq!(changes(&mut sensor, &[sent(60, 900.0, 1.0); 3]), [(26, "raised", ConditionKind::Drifting)]);
}

#[test]
fn a_clock_of_which_nothing_is_heard_any_more_is_not_called_wrong() {
    let mut sensor = known();
    let off = |number, summary| WindowFacts { clock_off_nanos: Some(7_200_000_000_000), ..facts(number, summary) };
    sensor.observe(&off(24, sent(60, 21.0, 1.0)), &settings(), |_| true);
    assert_eq!(sensor.observe(&off(25, sent(60, 21.0, 1.0)), &settings(), |_| true).len(), 1);
    // All that it sends is refused for its time.
    assert_eq!(sensor.observe(&off(26, None), &settings(), |_| true).len(), 1);
    assert_eq!(sensor.standing().count(), 2);
    let changes = sensor.observe(&facts(27, None), &settings(), |_| true);
    assert!(matches!(&changes[..], [ConditionChange::Cleared(_, ClearCause::Silent)]), "{changes:?}");
}

#[test]
fn windows_unlike_the_training_are_counted_however_long_they_are() {
    for (length, hop) in [(1, 1), (6, 6), (6, 1), (24, 1)] {
        let (mut sensor, settings) = (SensorConditions::default(), settings());
        let window = |number: i64| Window::new(hour(0).start() + HOUR.times(number * hop), HOUR.times(length));
        let mut scored = |number, words| sensor.observe_training(window(number), words, &settings, |_| true).is_some();
        let told: Vec<_> = [Some("away"), Some("away"), None, Some("away"), None, None]
            .into_iter()
            .zip(1..)
            .map(|(words, number)| scored(number, words))
            .collect();
        assert_eq!(told, [false, true, false, false, false, true], "windows of {length} hours");
        // One that is caught up on.
        scored(9, Some("away"));
        assert!(!scored(8, Some("away")) && scored(10, Some("away")));
    }
}

#[test]
fn windows_that_are_cut_in_another_way_are_not_held_against_what_was_usual() {
    let mut sensor = known();
    let every_five = |number| WindowFacts { interval: Span::from_secs(300), ..facts(number, sent(12, 21.0, 1.0)) };
    for number in 24..60 {
        assert_eq!(sensor.observe(&every_five(number), &settings(), |_| true), []);
    }
    assert_eq!((sensor.usual.intervals, sensor.usual.is_known), (12.0, true));
}

#[test]
fn readings_far_from_their_own_times_mean_a_wrong_clock() {
    let mut sensor = known();
    let off = |number, seconds: i64| WindowFacts {
        clock_off_nanos: Some(seconds * 1_000_000_000),
        ..facts(number, sent(60, 21.0, 1.0))
    };
    for (number, seconds, told) in [(24, 3600, 0), (25, 3600, 1), (26, 899, 1), (27, -1000, 0), (28, -1000, 1)] {
        assert_eq!(sensor.observe(&off(number, seconds), &settings(), |_| true).len(), told, "{number}");
    }
    let words = sensor.standing().next().unwrap().reason.to_string();
    assert!(words.contains("16m40s or more before their own time"), "{words}");
}

#[test]
fn a_model_says_when_windows_are_unlike_its_training_and_without_it_nobody_does() {
    let mut sensor = known();
    let settings = settings();
    let mut scored = |number, words| sensor.observe_training(hour(number), words, &settings, |_| true);
    let words = "é".repeat(200);
    assert_eq!(scored(24, Some(&*words)), None);
    let Some(ConditionChange::Raised(standing)) = scored(25, Some(&*words)) else { panic!("not raised") };
    // The words of a model are kept as far as there is room.
    assert_eq!(standing.reason.to_string(), "é".repeat(150));
    let without = |number| WindowFacts { model: ModelSight::Absent, ..facts(number, sent(60, 21.0, 1.0)) };
    assert_eq!(sensor.observe(&without(26), &settings, |_| true), []);
    let cleared = sensor.observe(&without(27), &settings, |_| true);
    assert!(matches!(&cleared[..], [ConditionChange::Cleared(_, ClearCause::Over)]), "{cleared:?}");
}

#[test]
fn a_kind_that_is_not_watched_for_any_more_is_cleared() {
    let mut sensor = known();
    changes(&mut sensor, &[None, None]);
    let cleared = sensor.observe(&facts(26, None), &settings(), |kind| kind != ConditionKind::Silent);
    assert!(matches!(&cleared[..], [ConditionChange::Cleared(_, ClearCause::NotWatched)]), "{cleared:?}");
}

#[test]
fn a_policy_names_the_sensors_that_are_not_watched() {
    let mut settings = settings();
    settings.policies[ConditionKind::Stuck.place()].except = vec![SensorPattern::parse("*/valve*").unwrap()];
    settings.policies[ConditionKind::Sparse.place()].notice = Notice::Off;
    assert!(!settings.watches(ConditionKind::Stuck, "press-1/valve-2"));
    assert!(settings.watches(ConditionKind::Stuck, "press-1/flow"));
    assert!(settings.watches(ConditionKind::Silent, "press-1/valve-2"));
    assert!(!settings.watches(ConditionKind::Sparse, "press-1/flow"));
}

#[test]
fn what_is_usual_for_a_sensor_takes_80_bytes() {
    assert_eq!(size_of::<Usual>(), 80, "there may be 100,000 sensors");
}

#[test]
fn a_window_counts_once_however_often_it_is_taken_in() {
    let mut sensor = known();
    let stuck = facts(24, sent(60, 21.0, 0.0));
    for _ in 0..5 {
        assert_eq!(sensor.observe(&stuck, &settings(), |_| true), []);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    For,
    Against,
    Nothing,
}

fn evidence(says: Says) -> Evidence {
    match says {
        Says::For => Evidence::For(Reason::Silent),
        Says::Against => Evidence::Against,
        Says::Nothing => Evidence::Nothing,
    }
}

fn course() -> impl Strategy<Value = Vec<Says>> {
    prop::collection::vec(prop::sample::select(vec![Says::For, Says::Against, Says::Nothing]), 0..60)
}

fn patience() -> impl Strategy<Value = Patience> {
    (1..6_i64, 1..6_i64)
        .prop_map(|(raise, clear)| Patience { raise_after: HOUR.times(raise), clear_after: HOUR.times(clear) })
}

fn is_standing(state: &Option<ConditionState>) -> bool {
    matches!(state, Some(ConditionState::Standing(_)))
}

proptest! {
    /// The specification: whether a condition stands follows from the last evidence that was alike for long enough.
    #[test]
    fn a_condition_stands_from_enough_evidence_for_it_to_enough_against_it(course in course(), patience in patience()) {
        let mut state = None;
        for (number, says) in course.iter().enumerate() {
            let before = is_standing(&state);
            let change = step(&mut state, evidence(*says), hour(i64::try_from(number).unwrap()).start(), HOUR, patience);
            let telling: Vec<_> = course[..=number].iter().filter(|says| **says != Says::Nothing).collect();
            let (wanted, needed) = match before {
                true => (Says::Against, patience.clear_after),
                false => (Says::For, patience.raise_after),
            };
            let alike = telling.iter().rev().take_while(|says| ***says == wanted).count();
            // What spoke for a condition before it was raised says nothing of what came before it.
            let is_enough = HOUR.times(i64::try_from(alike).unwrap()) >= needed && *says == wanted;
            prop_assert_eq!(is_standing(&state), before != is_enough);
            match change {
                Some(StateChange::Raised(_)) => prop_assert!(is_enough && !before),
                Some(StateChange::Cleared(_)) => prop_assert!(is_enough && before),
                None => prop_assert!(!is_enough),
            }
        }
    }

    /// Groups of other windows cut time in other ways; that must not decide what stands.
    #[test]
    fn how_time_is_cut_does_not_decide_what_stands(course in course(), patience in patience(), parts in 1..5_i64) {
        let (mut whole, mut cut) = (None, None);
        for (number, says) in (0..).zip(&course) {
            let window = hour(number);
            step(&mut whole, evidence(*says), window.start(), HOUR, patience);
            let part = Span::from_secs(3600 / u32::try_from(parts).unwrap());
            for place in 0..parts {
                let start = window.start() + part.times(place);
                step(&mut cut, evidence(*says), start, part, patience);
            }
            prop_assert_eq!(is_standing(&whole), is_standing(&cut));
        }
    }

    #[test]
    fn a_window_that_says_nothing_changes_nothing(course in course(), patience in patience()) {
        let mut state = None;
        for (number, says) in (0..).zip(&course) {
            step(&mut state, evidence(*says), hour(number).start(), HOUR, patience);
            let before = state.clone();
            prop_assert_eq!(step(&mut state, Evidence::Nothing, hour(number).start(), HOUR, patience), None);
            prop_assert_eq!(&state, &before);
        }
    }

    /// Windows of groups cut the same readings in other ways; that must not change what a window says.
    #[test]
    fn how_intervals_are_cut_does_not_decide_what_a_window_says(
        values in prop::collection::vec((0..3600_i64, -100..100_i32), 1..200), parts in prop::sample::select(vec![1, 2, 5, 20]),
    ) {
        let values: std::collections::BTreeMap<_, _> = values.into_iter().collect();
        let cut_into = |length: Span| {
            let mut intervals: Vec<Interval> = Vec::new();
            for second in 0..3600 {
                let start = (Timestamp::default() + Span::from_secs(1).times(second)).floor(length);
                let Some(value) = values.get(&second).map(|value| f64::from(*value)) else { continue };
                match intervals.last_mut().filter(|last| last.start == start) {
                    Some(last) => {
                        let before = f64::from(last.count);
                        last.count += 1;
                        last.mean = (last.mean * before + value) / (before + 1.0);
                        (last.min, last.max) = (last.min.min(value), last.max.max(value));
                    }
                    None => {
                        let alone = Interval::aggregate(start, [value].into_iter()).unwrap();
                        intervals.push(alone);
                    }
                }
            }
            intervals
        };
        let part = Span::from_secs(60 / parts);
        let (whole, parted) = (summed(&cut_into(MINUTE), MINUTE).unwrap(), summed(&cut_into(part), MINUTE).unwrap());
        prop_assert_eq!((whole.intervals, whole.readings), (parted.intervals, parted.readings));
        prop_assert_eq!((whole.min, whole.max), (parted.min, parted.max));
        prop_assert!((whole.mean - parted.mean).abs() < 1e-9 && (whole.deviation - parted.deviation).abs() < 1e-6);
    }

    /// Nothing is written for a sensor that is as usual: its record stays as it is.
    #[test]
    fn a_sensor_as_usual_changes_nothing_once_that_is_known(
        windows in prop::collection::vec((31..60_i64, -100..100_i32), 1..50),
    ) {
        let mut sensor = known();
        let before = sensor.clone();
        for (number, (intervals, away)) in (24..).zip(windows) {
            let level = 21.0 + f64::from(away) / 100.0;
            sensor.observe(&facts(number, sent(intervals, level, 1.0)), &settings(), |_| true);
            prop_assert_eq!(&sensor, &before);
        }
    }

    #[test]
    fn no_values_break_what_is_learnt(
        values in prop::collection::vec((prop::num::f64::NORMAL, 1..60_i64), 1..60),
    ) {
        let mut sensor = SensorConditions::default();
        for (number, (level, intervals)) in (0..).zip(values) {
            sensor.observe(&facts(number, sent(intervals, level, 1.0)), &settings(), |_| true);
            prop_assert!(sensor.states.is_sorted_by_key(|(kind, _)| *kind));
        }
    }
}
