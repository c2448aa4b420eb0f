use proptest::prelude::*;

use super::*;
use crate::interval::{Cut, Interval, RunningAggregate};
use crate::reading::Reading;
use crate::sensor::SensorId;
use crate::time::{Span, Timestamp};

const SENSOR: SensorId = SensorId(3);

fn settings(lateness_secs: u32) -> WindowSettings {
    let cut = Cut::new(Span::from_secs(10), Span::from_secs(60)).unwrap();
    WindowSettings { cut, lateness: Span::from_secs(lateness_secs), kept_per_interval: 100, max_open_readings: 1_000 }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_nanos(secs * 1_000_000_000)
}

fn reading(secs: i64, value: f64) -> Reading {
    Reading { sensor: SENSOR, time: at(secs), value }
}

fn open(lateness_secs: u32) -> OpenWindows {
    OpenWindows::new(settings(lateness_secs), Timestamp::MIN, [])
}

fn admit_all(windows: &mut OpenWindows, readings: &[Reading]) -> (Vec<Admission>, Vec<ClosedWindow>) {
    let mut over = vec![];
    let admissions = readings.iter().map(|reading| windows.admit(*reading, || None, &mut over)).collect();
    (admissions, over)
}

fn intervals(closed: &ClosedWindow) -> Vec<Interval> {
    closed.block.intervals(settings(0).cut).unwrap()
}

#[test]
fn a_window_is_over_when_the_watermark_reaches_its_end() {
    let mut windows = open(5);
    let (_, over) = admit_all(&mut windows, &[reading(0, 1.0), reading(59, 2.0), reading(64, 3.0)]);
    assert_eq!(over, vec![]);
    let (_, over) = admit_all(&mut windows, &[reading(65, 4.0)]);
    let [closed] = over.as_slice() else { panic!("{over:?}") };
    assert_eq!((closed.window.start(), closed.head.closed), (at(0), at(60)));
    assert_eq!(intervals(closed).iter().map(|interval| interval.mean).collect::<Vec<_>>(), [1.0, 2.0]);
}

#[test]
fn a_reading_before_the_watermark_is_late_and_one_behind_it_is_not() {
    let mut windows = open(5);
    let (admissions, _) = admit_all(&mut windows, &[reading(15, 1.0), reading(9, 2.0), reading(14, 2.0)]);
    assert_eq!(admissions[1], Admission::Late { watermark: at(10) });
    assert_eq!(admissions[2], Admission::Accepted);
}

#[test]
fn one_sensor_ahead_of_time_closes_nothing_of_another() {
    let mut windows = open(5);
    let other = Reading { sensor: SensorId(9), ..reading(1_000, 1.0) };
    let (admissions, _) = admit_all(&mut windows, &[other, reading(1, 1.0)]);
    assert_eq!(admissions, [Admission::Accepted; 2]);
}

#[test]
fn a_repeated_reading_counts_once_and_a_contradiction_leaves_the_first() {
    let mut windows = open(5);
    let (admissions, _) = admit_all(&mut windows, &[reading(1, 1.0), reading(1, 1.0), reading(1, 7.0)]);
    assert_eq!(admissions, [Admission::Accepted, Admission::Repeated, Admission::Conflict { stored: 1.0 }]);
    let mut over = vec![];
    windows.close_until(at(60), &mut over);
    assert_eq!(intervals(&over[0])[0].count, 1);
    assert_eq!(intervals(&over[0])[0].mean, 1.0);
}

#[test]
fn a_sensor_that_sends_very_often_loses_no_reading_and_holds_few() {
    let kept = WindowSettings { kept_per_interval: 50, max_open_readings: 10_000, ..settings(5) };
    let mut windows = OpenWindows::new(kept, Timestamp::MIN, []);
    // 10,000 a second, for 15 s.
    let times = (0..150_000).map(|place| Timestamp::from_nanos(place * 100_000));
    let readings: Vec<_> = times.map(|time| Reading { sensor: SENSOR, time, value: 1.0 }).collect();
    let mut most = 0;
    for reading in &readings {
        assert_eq!(windows.admit(*reading, || None, &mut vec![]), Admission::Accepted);
        most = most.max(windows.open_readings());
    }
    assert!(most < 2 * (50 + RunningAggregate::CHUNK), "{most}");
    let mut over = vec![];
    let repeated = windows.admit(readings[100_000], || None, &mut over);
    assert!(matches!(repeated, Admission::Indistinct { until } if until > readings[100_000].time), "{repeated:?}");
    windows.close_until(at(60), &mut over);
    assert_eq!(intervals(&over[0]).iter().map(|interval| interval.count).collect::<Vec<_>>(), [100_000, 50_000]);
    assert_eq!(windows.open_readings(), 0);
}

#[test]
fn all_open_intervals_together_take_no_more_than_the_bound_until_some_are_closed() {
    let mut windows = OpenWindows::new(WindowSettings { max_open_readings: 2, ..settings(5) }, Timestamp::MIN, []);
    let (admissions, _) =
        admit_all(&mut windows, &[reading(1, 1.0), reading(11, 1.0), reading(12, 1.0), reading(11, 1.0)]);
    assert_eq!(admissions[2..], [Admission::MemoryFull, Admission::Repeated]);
    windows.close_until(at(60), &mut vec![]);
    assert_eq!(windows.open_readings(), 0);
    let (admissions, _) = admit_all(&mut windows, &[reading(61, 1.0)]);
    assert_eq!(admissions, [Admission::Accepted]);
}

#[test]
fn closing_for_all_makes_what_comes_later_late() {
    let mut windows = open(5);
    admit_all(&mut windows, &[reading(1, 1.0)]);
    let mut over = vec![];
    windows.close_until(at(60), &mut over);
    assert_eq!(over.len(), 1);
    let (admissions, _) = admit_all(&mut windows, &[reading(59, 1.0), reading(60, 1.0)]);
    assert_eq!(admissions, [Admission::Late { watermark: at(60) }, Admission::Accepted]);
}

#[test]
fn a_sensor_that_is_ahead_stays_there_when_an_older_window_is_closed_for_all() {
    let mut windows = open(5);
    let (_, over) = admit_all(&mut windows, &[reading(1, 1.0), reading(61, 2.0), reading(95, 3.0)]);
    assert_eq!(over.len(), 1, "its first window is over by its own readings");
    let mut over = vec![];
    windows.close_until(at(60), &mut over);
    assert_eq!(over, vec![]);
    let (admissions, _) = admit_all(&mut windows, &[reading(59, 9.0), reading(62, 9.0)]);
    assert_eq!(admissions, [Admission::Late { watermark: at(90) }; 2]);
}

#[test]
fn a_deadband_passes_over_small_changes_and_whatever_is_out_of_order() {
    let mut windows = open(50);
    let mut over = vec![];
    let values = [(1, 10.0), (2, 10.4), (3, 10.6), (2, 12.0), (3, 10.6), (4, 10.6), (5, 10.0)];
    let admissions: Vec<_> =
        values.map(|(secs, value)| windows.admit(reading(secs, value), || Some(0.5), &mut over)).into();
    use Admission::{Accepted, Repeated, Suppressed};
    assert_eq!(admissions, [Accepted, Suppressed, Accepted, Suppressed, Repeated, Suppressed, Accepted]);
}

#[test]
fn what_is_stored_is_late_after_a_restart() {
    let head = SensorHead { sensor: SENSOR, closed: at(60), last_value: 1.0 };
    let mut windows = OpenWindows::new(settings(5), at(0), [head]);
    let (admissions, _) = admit_all(&mut windows, &[reading(59, 1.0), reading(61, 1.0)]);
    assert_eq!(admissions, [Admission::Late { watermark: at(60) }, Admission::Accepted]);
}

/// All windows of these readings, closed at the end, as the store would hold them.
fn closed(windows: &mut OpenWindows, readings: &[Reading]) -> Vec<WindowBlock> {
    let (_, mut over) = admit_all(windows, readings);
    windows.close_until(at(100_000), &mut over);
    blocks(over)
}

fn blocks(over: Vec<ClosedWindow>) -> Vec<WindowBlock> {
    over.into_iter().map(|closed| closed.block).collect()
}

fn shuffled_within(readings: Vec<Reading>, reach_secs: i64) -> impl Strategy<Value = (Vec<Reading>, Vec<Reading>)> {
    let jitter = proptest::collection::vec(0..=reach_secs * 1_000_000_000, readings.len());
    let repeats = proptest::collection::vec(0..3_usize, readings.len());
    (jitter, repeats).prop_map(move |(jitter, repeats)| {
        let mut arriving: Vec<_> =
            readings.iter().zip(jitter).map(|(reading, late)| (reading.time.nanos() + late, *reading)).collect();
        arriving.sort_by_key(|(arrival, _)| *arrival);
        let arrived = arriving
            .iter()
            .zip(repeats)
            .flat_map(|((_, reading), repeats)| std::iter::repeat_n(*reading, 1 + repeats))
            .collect();
        (readings.clone(), arrived)
    })
}

fn some_readings() -> impl Strategy<Value = Vec<Reading>> {
    proptest::collection::btree_map(0..600_000_i64, -1e3..1e3_f64, 1..120).prop_map(|readings| {
        let time = |millis: i64| Timestamp::from_nanos(millis * 1_000_000);
        readings.into_iter().map(|(millis, value)| Reading { sensor: SENSOR, time: time(millis), value }).collect()
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_within_the_lateness_gives_the_same_windows(
        (in_order, arrived) in some_readings().prop_flat_map(|readings| shuffled_within(readings, 30))
    ) {
        prop_assert_eq!(closed(&mut open(30), &arrived), closed(&mut open(30), &in_order));
    }

    /// A run that closes a window for all sensors, early or late, never opens what a sensor's own readings had closed.
    #[test]
    fn closing_older_windows_on_the_way_changes_nothing(
        (_, arrived) in some_readings().prop_flat_map(|readings| shuffled_within(readings, 30)),
        closings in proptest::collection::vec((any::<prop::sample::Index>(), 0..20_i64), 0..5),
    ) {
        let undisturbed = closed(&mut open(30), &arrived);
        let mut windows = open(30);
        let mut over = vec![];
        for (place, reading) in arrived.iter().enumerate() {
            windows.admit(*reading, || None, &mut over);
            let newest = arrived[..=place].iter().map(|reading| reading.time).max().unwrap();
            for (_, back) in closings.iter().filter(|(at, _)| at.index(arrived.len()) == place) {
                let older = (newest - Span::from_secs(30)).floor(Span::from_secs(60)) - Span::from_secs(60).times(*back);
                windows.close_until(older, &mut over);
            }
        }
        windows.close_until(at(100_000), &mut over);
        prop_assert_eq!(blocks(over), undisturbed);
    }

    /// The journal holds the accepted readings. Whenever the daemon dies, and however many windows were stored by then,
    /// replaying the journal leads to the same windows.
    #[test]
    fn replaying_what_was_accepted_gives_the_same_windows(
        (_, arrived) in some_readings().prop_flat_map(|readings| shuffled_within(readings, 45)),
        crash in any::<prop::sample::Index>(),
        stored in any::<prop::sample::Index>(),
    ) {
        let undisturbed = closed(&mut open(30), &arrived);

        let crash = crash.index(arrived.len() + 1);
        let mut before = open(30);
        let (admissions, over) = admit_all(&mut before, &arrived[..crash]);
        let journal = arrived[..crash].iter().zip(admissions).filter(|(_, admission)| *admission == Admission::Accepted);
        let stored = &over[..stored.index(over.len() + 1)];

        let mut after = OpenWindows::new(settings(30), Timestamp::MIN, stored.iter().map(|window| window.head));
        let bounds = ReplayBounds { lateness: Span::from_secs(30), kept_per_interval: 100 };
        let mut finished = stored.to_vec();
        for (reading, _) in journal {
            after.replay(*reading, bounds, &mut finished);
        }
        // The publisher sends again the readings that were not acknowledged, and some that were.
        let mut finished = blocks(finished);
        finished.extend(closed(&mut after, &arrived[crash.saturating_sub(20)..]));
        prop_assert_eq!(finished, undisturbed);
    }
}

const SENSORS: u32 = 12;

/// What happens to open windows.
#[derive(Clone, Debug)]
enum Event {
    Reading(Reading),
    /// A closing for all sensors, so many seconds behind the newest reading.
    Closing(i64),
    /// So much of a closing that goes on is done.
    Slice(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let reading = (0..SENSORS, -90_000..40_000_i64, 0..3_u8).prop_map(|(sensor, late_millis, value)| {
        let time = Timestamp::from_nanos(late_millis * 1_000_000);
        Event::Reading(Reading { sensor: SensorId(sensor), time, value: f64::from(value) })
    });
    let event = prop_oneof![8 => reading, 1 => (-30..90_i64).prop_map(Event::Closing), 3 => (1..6_usize).prop_map(Event::Slice)];
    proptest::collection::vec(event, 1..200).prop_map(|mut events| {
        // Time goes on by half a second an event.
        for (place, event) in (0..).zip(&mut events) {
            if let Event::Reading(reading) = event {
                reading.time = reading.time + Span::from_nanos(500_000_000).times(place);
            }
        }
        events
    })
}

fn newest(events: &[Event]) -> Timestamp {
    let times =
        events.iter().filter_map(|event| if let Event::Reading(reading) = event { Some(reading.time) } else { None });
    times.max().unwrap_or_default()
}

/// The windows of each sensor in their order, whatever the order of sensors.
fn by_sensor(mut over: Vec<ClosedWindow>) -> Vec<ClosedWindow> {
    over.sort_by_key(|closed| closed.head.sensor);
    over
}

proptest! {
    /// What is accepted and refused, and every window that comes of it, is the same however slowly closings are done.
    #[test]
    fn a_lazy_closing_judges_and_closes_like_one_that_is_done_at_once(
        events in events(), max_open_readings in 20..120_usize,
    ) {
        let settings = WindowSettings { max_open_readings, ..settings(20) };
        let (mut lazy, mut eager) = (OpenWindows::new(settings, Timestamp::MIN, []), OpenWindows::new(settings, Timestamp::MIN, []));
        let (mut over_lazily, mut over_eagerly) = (vec![], vec![]);
        for (place, event) in events.iter().enumerate() {
            match event {
                Event::Reading(reading) => {
                    prop_assert_eq!(
                        lazy.arrival(reading.sensor, reading.time), eager.arrival(reading.sensor, reading.time)
                    );
                    let judged = lazy.admit(*reading, || None, &mut over_lazily);
                    prop_assert_eq!(judged, eager.admit(*reading, || None, &mut over_eagerly));
                }
                Event::Closing(behind) => {
                    let until = (newest(&events[..place]) - Span::from_secs(20)).floor(Span::from_secs(60))
                        - Span::from_secs(30).times(*behind / 30);
                    lazy.begin_closing(until, &mut over_lazily);
                    eager.close_until(until, &mut over_eagerly);
                }
                Event::Slice(work) => {
                    lazy.close_slice(ClosingSlice(*work), &mut over_lazily);
                }
            }
            prop_assert_eq!(lazy.closed(), eager.closed());
            if lazy.finished() == lazy.closed() {
                // All that is closed is there once the closing says that it is finished.
                prop_assert_eq!(by_sensor(over_lazily.clone()), by_sensor(over_eagerly.clone()));
                prop_assert_eq!(lazy.open_readings(), eager.open_readings());
                prop_assert_eq!(lazy.is_empty(), eager.is_empty());
            }
        }
        lazy.close_until(at(100_000), &mut over_lazily);
        eager.close_until(at(100_000), &mut over_eagerly);
        prop_assert_eq!(by_sensor(over_lazily), by_sensor(over_eagerly));
    }

    /// A process may end in the middle of a closing: the journal holds the readings that were accepted and the closings,
    /// in their order, and some of the windows are stored.
    #[test]
    fn a_replay_that_comes_upon_a_closing_gives_the_same_windows(
        events in events(), crash in any::<prop::sample::Index>(), stored in any::<prop::sample::Index>(),
    ) {
        let crash = crash.index(events.len() + 1);
        let (mut before, mut over, mut journal) = (OpenWindows::new(settings(20), Timestamp::MIN, []), vec![], vec![]);
        for (place, event) in events[..crash].iter().enumerate() {
            match event {
                Event::Reading(reading) => {
                    if before.admit(*reading, || None, &mut over) == Admission::Accepted {
                        journal.push(Ok(*reading));
                    }
                }
                Event::Closing(_) => {
                    let until = (newest(&events[..place]) - Span::from_secs(20)).floor(Span::from_secs(60));
                    before.begin_closing(until, &mut over);
                    journal.push(Err(until));
                }
                Event::Slice(work) => {
                    before.close_slice(ClosingSlice(*work), &mut over);
                }
            }
        }
        let stored = over[..stored.index(over.len() + 1)].to_vec();
        let finished = before.finished();
        let closed = if stored.len() == over.len() { finished } else { Timestamp::MIN };

        let mut after = OpenWindows::new(settings(20), closed, stored.iter().map(|window| window.head));
        let bounds = ReplayBounds { lateness: Span::from_secs(20), kept_per_interval: 100 };
        let mut replayed = stored;
        for entry in journal {
            match entry {
                Ok(reading) => after.replay(reading, bounds, &mut replayed),
                Err(until) => after.begin_closing(until, &mut replayed),
            }
        }
        after.end_replay(&mut replayed);
        prop_assert_eq!(after.closed(), before.closed());
        before.close_until(at(100_000), &mut over);
        after.close_until(at(100_000), &mut replayed);
        prop_assert_eq!(by_sensor(replayed), by_sensor(over));
    }
}
