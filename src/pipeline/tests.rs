use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::ingest::batch::{AheadSuspect, Batch};
use crate::ingest::batch_account::BatchAccount;
use crate::ingest::session::{SessionLifetime, SessionMoment, SessionPresent};
use crate::interval::{Cut, WindowGrid};
use crate::live::{EventKind, Happening, Origin};
use crate::reading::{RejectId, RejectReason};
use crate::run::{Run, RunId, RunState, Tally};
use crate::schedule::Schedule;
use crate::schedule::clock_trust::ClockSync;
use crate::sensor::SensorName;
use crate::store::{Reader, ShedSettings, Store, StoreSettings};
use crate::time::{EventTime, Span};
use crate::verdict::VerdictRows;

const MINUTE: Span = Span::from_secs(60);

fn cut() -> Cut {
    Cut::new(Span::from_secs(10), MINUTE).unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_nanos(secs * 1_000_000_000)
}

fn reading(secs: i64, value: f64) -> Reading {
    Reading { sensor: SensorId(0), time: at(secs), value }
}

fn settings(clock: Clock) -> PipelineSettings {
    let schedule =
        Schedule { lateness: Span::from_secs(5), catch_up: 10_000, ..Schedule::for_test("0 * * * * *", cut().into()) };
    PipelineSettings {
        windows: WindowSettings {
            cut: cut(),
            lateness: schedule.lateness,
            kept_per_interval: 1_000,
            max_open_readings: 20_000,
        },
        plans: vec![GroupPlan { name: GroupName::default(), schedule }],
        clock,
        deadbands: Box::new(|_| None),
        sessions: SessionSettings { max: 2, expiry: MINUTE },
        sinks: vec!["files"],
        max_unpublished: 1_000,
        held: HeldSettings { max_ahead: None, max_readings: 100, held_for: Duration::from_secs(1_000) },
        live: Arc::default(),
    }
}

/// What clocks say that are so many seconds after the epoch.
fn clock_at(secs: i64, sync: ClockSync) -> ClockReading {
    ClockReading { wall: at(secs), instant: Instant::now(), believed: at(secs), sync }
}

impl Pipeline {
    /// Commits, and waits until all of it is in the database.
    fn commit_and_settle(&mut self) {
        self.commit().unwrap();
        self.settle().unwrap();
    }
}

/// A daemon's pipeline, as a process finds it.
struct Process {
    pipeline: Pipeline,
    reader: Reader,
    clock: Clock,
}

fn process(directory: &Path, clock: Clock) -> Process {
    process_under(directory, settings(clock))
}

fn process_under(directory: &Path, settings: PipelineSettings) -> Process {
    process_of(directory, settings, 1)
}

/// A process that knows so many sensors.
fn process_of(directory: &Path, settings: PipelineSettings, sensors: u32) -> Process {
    let store = Store::open(StoreSettings {
        directory: directory.to_owned(),
        windows: 200,
        runs: 200,
        verdict_runs: 200,
        keep_raw: None,
        shed: ShedSettings::NEVER,
        verdict_rows: VerdictRows::Worst,
        reject_blocks: 10,
        cache_bytes: 1 << 20,
        cut: cut(),
    })
    .unwrap();
    let reader = store.reader.clone();
    let names = SensorDirectory::new(10.max(sensors as usize), reader.sensors().unwrap());
    names.intern(&SensorName::new("press", "a").unwrap()).unwrap();
    for sensor in 1..sensors {
        names.intern(&SensorName::new("press", &format!("a{sensor}")).unwrap()).unwrap();
    }
    let clock = settings.clock.clone();
    let pipeline = Pipeline::recover(store, Arc::new(names), settings, clock_at(0, ClockSync::Unknown)).unwrap();
    Process { pipeline, reader, clock }
}

fn event_clock() -> Clock {
    Clock::Event(EventTime::default())
}

fn batch(readings: &[Reading]) -> Batch {
    Batch { readings: readings.to_vec(), ..Batch::default() }
}

/// Does what the scheduler and the recorder do.
fn score_what_is_due(process: &mut Process) {
    process.pipeline.commit_and_settle();
    let schedule = settings(Clock::Wall).plans.remove(0).schedule;
    while let Some(due) =
        schedule.due(process.pipeline.position().scored.of(&GroupName::default()), process.clock.now(), Timestamp::MAX)
    {
        process.pipeline.close(due.first.end());
        let state = RunState::Finished(Tally::default());
        let run = Run { state, ..Run::for_test(process.reader.next_run().unwrap().0, due.first) };
        process.pipeline.put_run(&run, Some(run.window.end()));
        process.pipeline.commit_and_settle();
    }
}

fn take_all(process: &mut Process, readings: &[Reading]) {
    let mut batch = batch(readings);
    let mut from = 0;
    while let BatchProgress::UpTo(place) = process.pipeline.take(&mut batch, from) {
        from = place;
        score_what_is_due(process);
    }
    process.pipeline.commit_and_settle();
}

#[test]
fn with_an_event_clock_readings_wait_for_the_runs_that_they_make_due() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), event_clock());
    let mut batch = batch(&[reading(30, 1.0), reading(64, 2.0), reading(65, 3.0), reading(66, 4.0)]);
    assert_eq!(process.pipeline.take(&mut batch, 0), BatchProgress::UpTo(2));
    assert_eq!(process.pipeline.take(&mut batch, 2), BatchProgress::UpTo(2), "until the run has ended");
    score_what_is_due(&mut process);
    assert_eq!(process.pipeline.take(&mut batch, 2), BatchProgress::Whole);
    assert_eq!(
        process.pipeline.position(),
        Position {
            closed: at(60),
            scored: ScoredMarks::of_default_group(at(60)),
            runs: RunId(1),
            pace: Pace::Free,
            next_due: at(125),
            behind: 0,
            held: 0
        }
    );
}

#[test]
fn with_an_event_clock_readings_wait_for_a_sink_that_is_too_far_behind() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), event_clock());
    process.pipeline.settings.max_unpublished = 1;
    take_all(&mut process, &[reading(30, 1.0), reading(65, 2.0)]);
    let mut behind = batch(&[reading(125, 3.0)]);
    assert_eq!(process.pipeline.take(&mut behind, 0), BatchProgress::UpTo(0), "a run is due");
    score_what_is_due(&mut process);
    assert_eq!(process.pipeline.take(&mut behind, 0), BatchProgress::UpTo(0), "the sink has published nothing");
    process.pipeline.put_cursor("files", RunId(1));
    assert_eq!(process.pipeline.take(&mut behind, 0), BatchProgress::Whole);
}

#[test]
fn an_event_clock_moves_on_only_when_what_moved_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), event_clock());
    process.pipeline.take(&mut batch(&[reading(30, 1.0)]), 0);
    assert_eq!(process.clock.now(), Timestamp::MIN);
    process.pipeline.commit_and_settle();
    assert_eq!(process.clock.now(), at(30));
}

#[test]
fn the_end_of_a_history_closes_what_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), event_clock());
    take_all(&mut process, &[reading(30, 1.0)]);
    process.pipeline.end_history();
    process.pipeline.commit_and_settle();
    assert!(process.reader.window(SensorId(0), cut().window_of(at(0))).unwrap().is_some());
    assert_eq!((process.pipeline.position().closed, process.clock.now()), (at(60), at(65)));
}

/// The default group and one whose windows overlap; the runs of both begin later than their firings.
fn groups_with_a_delay() -> PipelineSettings {
    let mut settings = settings(event_clock());
    settings.plans[0].schedule.delay = MINUTE.times(7);
    let windows = WindowGrid::new(Span::from_secs(10), MINUTE.times(10), MINUTE.times(5)).unwrap();
    let schedule = Schedule { windows, delay: MINUTE, ..settings.plans[0].schedule.clone() };
    settings.plans.push(GroupPlan { name: GroupName::new("pumps").unwrap(), schedule });
    settings
}

#[test]
fn the_end_of_a_history_makes_the_last_windows_of_all_groups_due_however_late_their_runs_begin() {
    let directory = tempfile::tempdir().unwrap();
    let mut ended = process_under(directory.path(), groups_with_a_delay());
    ended.pipeline.take(&mut batch(&[reading(430, 1.0)]), 0);
    ended.pipeline.commit_and_settle();
    ended.pipeline.end_history();
    ended.pipeline.commit_and_settle();
    let end = at(600);
    assert_eq!(
        (ended.pipeline.position().closed, ended.clock.now()),
        (end, end + Span::from_secs(5) + MINUTE.times(7))
    );
    for GroupPlan { name, schedule } in &ended.pipeline.settings.plans {
        let due = schedule.due(at(0), ended.clock.now(), ended.pipeline.position().closed).unwrap();
        let due_until = due.first.end() + schedule.windows.hop().times(i64::from(due.count) - 1);
        assert_eq!(due_until, end, "{name}: {due:?}");
    }
    assert_eq!(ended.pipeline.position().pace, Pace::Held);
    for group in [GroupName::default(), GroupName::new("pumps").unwrap()] {
        ended.pipeline.set_scored(&group, end);
    }
    ended.pipeline.commit_and_settle();
    assert_eq!(ended.pipeline.position().pace, Pace::Free, "what ends behind the history is not due");
    // Neither another end nor a new process moves it further.
    let position = ended.pipeline.position();
    ended.pipeline.end_history();
    ended.pipeline.commit_and_settle();
    assert_eq!(ended.pipeline.position(), position);
    drop(ended);
    let mut again = process_under(directory.path(), groups_with_a_delay());
    again.pipeline.end_history();
    again.pipeline.commit_and_settle();
    assert_eq!(again.pipeline.position().closed, end);
}

#[test]
fn the_end_of_a_history_reaches_the_window_of_a_group_whose_readings_are_all_closed() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_under(directory.path(), groups_with_a_delay());
    process.pipeline.take(&mut batch(&[reading(310, 1.0)]), 0);
    process.pipeline.close(at(360));
    process.pipeline.commit_and_settle();
    assert_eq!(process.pipeline.windows.open_readings(), 0);
    process.pipeline.end_history();
    process.pipeline.commit_and_settle();
    assert_eq!(process.pipeline.position().closed, at(600));
}

/// More sensors than a slice of a closing takes.
const MANY: u32 = 10_000;

fn of_many_sensors(secs: i64) -> Vec<Reading> {
    (0..MANY).map(|sensor| Reading { sensor: SensorId(sensor), ..reading(secs, f64::from(sensor)) }).collect()
}

fn are_stored(process: &Process, secs: i64) -> Vec<bool> {
    let window = cut().window_of(at(secs));
    (0..MANY).map(|sensor| process.reader.window(SensorId(sensor), window).unwrap().is_some()).collect()
}

#[test]
fn a_closing_takes_effect_at_once_and_is_done_when_the_last_slice_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of(directory.path(), settings(Clock::Wall), MANY);
    process.pipeline.take(&mut batch(&of_many_sensors(30)), 0);
    process.pipeline.close(at(60));
    process.pipeline.commit_and_settle();
    assert_eq!((process.pipeline.position().closed, process.pipeline.windows_put()), (at(60), Timestamp::MIN));
    let stored = are_stored(&process, 30);
    assert!(stored.contains(&true) && stored.contains(&false));
    // The last sensor has not had its turn. Its window is closed all the same, and is stored before the next reading.
    let last = |secs| Reading { sensor: SensorId(MANY - 1), ..reading(secs, 7.0) };
    process.pipeline.take(&mut batch(&[last(31), last(61)]), 0);
    process.pipeline.commit_and_settle();
    assert_eq!(reject_kinds(&process), ["late"]);
    assert_eq!(are_stored(&process, 30).last(), Some(&true));
    let mut slices = 0;
    while process.pipeline.is_closing() {
        process.pipeline.close_slice();
        process.pipeline.commit_and_settle();
        slices += 1;
    }
    assert!(slices > 1, "{slices}");
    assert_eq!(process.pipeline.windows_put(), at(60));
    assert!(!are_stored(&process, 30).contains(&false));
}

#[test]
fn a_closing_that_a_crash_cut_off_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    {
        let mut process = process_of(directory.path(), settings(Clock::Wall), MANY);
        process.pipeline.close(at(0));
        process.pipeline.take(&mut batch(&of_many_sensors(30)), 0);
        process.pipeline.close(at(60));
        process.pipeline.commit_and_settle();
    }
    let mut process = process_of(directory.path(), settings(Clock::Wall), MANY);
    assert_eq!((process.pipeline.position().closed, process.pipeline.windows_put()), (at(60), at(0)));
    process.pipeline.take(&mut batch(&[reading(31, 7.0)]), 0);
    while process.pipeline.is_closing() {
        process.pipeline.close_slice();
        process.pipeline.commit_and_settle();
    }
    assert_eq!(reject_kinds(&process), ["late"]);
    assert_eq!(process.pipeline.windows_put(), at(60));
    assert!(!are_stored(&process, 30).contains(&false));
}

#[test]
fn with_a_wall_clock_no_reading_moves_time_or_waits() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), Clock::Wall);
    let readings: Vec<_> = (0..50).map(|minute| reading(minute * 60, 1.0)).collect();
    assert_eq!(process.pipeline.take(&mut batch(&readings), 0), BatchProgress::Whole);
    assert_eq!(process.pipeline.position().closed, Timestamp::MIN);
}

/// A batch of readings that bear the time of their arrival.
fn arrived(readings: &[Reading]) -> Batch {
    let mut batch = Batch::default();
    readings.iter().for_each(|reading| batch.push_arrived(*reading));
    batch
}

#[test]
fn readings_without_a_time_each_count_however_many_come_at_once_and_whatever_the_clock_does() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for clock in [10, 10, 9, 12] {
        // Each time in another process, which finds the clock there.
        let mut process = process(directory.path(), Clock::Wall);
        let values = [1.0, 2.0, 2.0, 3.0];
        process.pipeline.take(&mut arrived(&values.map(|value| reading(clock, value))), 0);
        process.pipeline.commit_and_settle();
        expected.extend(values);
    }
    let mut process = process(directory.path(), Clock::Wall);
    assert_eq!(process.pipeline.windows.open_readings(), expected.len());
    process.pipeline.close(at(60));
    process.pipeline.commit_and_settle();
    // The clock went back behind what is closed: what has only just come is not late.
    process.pipeline.take(&mut arrived(&[reading(20, 7.0)]), 0);
    process.pipeline.commit_and_settle();
    assert_eq!(process.reader.rejects().unwrap().len(), 0);
    let block = process.reader.window(SensorId(0), cut().window_of(at(0))).unwrap().unwrap();
    let counts: Vec<_> = block.intervals(cut()).unwrap().iter().map(|interval| interval.count).collect();
    assert_eq!(counts.into_iter().map(u64::from).sum::<u64>(), 16);
}

#[test]
fn readings_with_a_time_keep_it_beside_those_without() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), Clock::Wall);
    let mut batch = arrived(&[reading(30, 1.0)]);
    batch.push(reading(30, 1.0));
    batch.push(reading(29, 2.0));
    batch.push_arrived(reading(30, 3.0));
    batch.push(reading(29, 4.0));
    process.pipeline.take(&mut batch, 0);
    process.pipeline.commit_and_settle();
    assert_eq!(process.pipeline.windows.open_readings(), 3);
    assert_eq!(process.reader.rejects().unwrap()[0].kept[0].kind, "conflict");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Sources deliver at once, clocks step, processes end: the times of a sensor's arrivals increase all the same.
    #[test]
    fn the_times_of_a_sensors_arrivals_increase_strictly(
        batches in prop::collection::vec((prop::collection::vec(-3..3_i64, 1..20), any::<bool>()), 1..12),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Some(process(directory.path(), Clock::Wall));
        let (mut clock, mut count) = (30, 0);
        for (steps, ends) in batches {
            let readings: Vec<_> = steps.iter().map(|step| { clock += step; reading(clock.max(0), 1.0) }).collect();
            count += readings.len();
            let running = process.as_mut().unwrap();
            running.pipeline.take(&mut arrived(&readings), 0);
            running.pipeline.commit_and_settle();
            if ends {
                drop(process.take());
                process = Some(self::process(directory.path(), Clock::Wall));
            }
        }
        let mut process = process.unwrap();
        process.pipeline.close(at(600));
        process.pipeline.commit_and_settle();
        let windows = (0..10).filter_map(|minute| {
            process.reader.window(SensorId(0), cut().window_of(at(minute * 60))).unwrap()
        });
        let counts = windows.flat_map(|block| block.intervals(cut()).unwrap()).map(|interval| interval.count as usize);
        prop_assert_eq!(counts.sum::<usize>(), count);
    }
}

#[test]
fn late_and_contradictory_readings_are_kept_as_rejects() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), Clock::Wall);
    process.pipeline.close(at(60));
    let readings = [reading(59, 1.0), reading(70, 1.0), reading(70, 2.0), reading(70, 1.0)];
    process.pipeline.take(&mut batch(&readings), 0);
    process.pipeline.commit_and_settle();
    let rejects = process.reader.rejects().unwrap();
    let kinds: Vec<_> = rejects[0].kept.iter().map(|reject| (reject.origin.as_str(), reject.kind.as_str())).collect();
    assert_eq!(kinds, [("press/a", "late"), ("press/a", "conflict")]);
}

#[test]
fn what_is_refused_of_an_import_says_nothing_of_a_clock_and_what_is_refused_live_does() {
    for (account, noted) in [(None, 1), (Some(BatchAccount::default()), 0)] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = process(directory.path(), Clock::Wall);
        process.pipeline.close(at(60));
        process.pipeline.set_clock(clock_at(7_200, ClockSync::Synchronised));
        let is_import = account.is_some();
        process.pipeline.take(&mut Batch { account, ..batch(&[reading(5, 1.0)]) }, 0);
        process.pipeline.commit_and_settle();
        let notes = process.pipeline.settings.live.clocks.take();
        assert_eq!((notes.nearest.len(), notes.imported.len()), (noted, usize::from(is_import)));
    }
}

#[test]
fn a_late_reading_whose_time_names_no_zone_is_told_with_the_zone_that_was_assumed() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process(directory.path(), Clock::Wall);
    process.pipeline.close(at(60));
    let mut batch = batch(&[reading(58, 1.0), reading(59, 1.0)]);
    batch.zones.push(1, "Europe/Berlin".parse().unwrap());
    process.pipeline.take(&mut batch, 0);
    process.pipeline.commit_and_settle();
    let rejects = process.reader.rejects().unwrap();
    let reasons: Vec<_> = rejects[0].kept.iter().map(|reject| (reject.kind.as_str(), reject.reason.as_str())).collect();
    let late = |second| format!("its time 1970-01-01T00:00:{second}Z lies before the sensor's watermark");
    assert!(matches!(&reasons[..], [("late", a), ("late", b)] if a.starts_with(&late(58)) && b.starts_with(&late(59))));
    assert!(!reasons[0].1.contains("zone") && reasons[1].1.contains("names no zone, and Europe/Berlin was assumed"));
}

/// A reading that is late by more places than the second process keeps was accepted by the first, and must count.
#[test]
fn a_replay_under_a_smaller_bound_on_intervals_loses_nothing() {
    let millis =
        |place: i64| Reading { time: Timestamp::from_nanos(place * 1_000_000), ..reading(0, (place as f64).sin()) };
    let mut readings: Vec<_> = (0..9_000).map(millis).collect();
    let slow = readings.remove(4_000);
    readings.insert(4_150, slow);
    let after_ends_of_processes = |ends: &[usize]| {
        let directory = tempfile::tempdir().unwrap();
        let mut rest = &readings[..];
        for (end, kept_per_interval) in ends.iter().zip([100, 1, 1]) {
            let mut settings = settings(Clock::Wall);
            settings.windows.kept_per_interval = kept_per_interval;
            let mut process = process_under(directory.path(), settings);
            let (now, later) = rest.split_at(*end);
            take_all(&mut process, now);
            rest = later;
            if rest.is_empty() {
                process.pipeline.close(at(60));
                process.pipeline.commit_and_settle();
                return stored(&process);
            }
        }
        panic!("some readings are left")
    };
    let undisturbed = after_ends_of_processes(&[9_000]);
    assert!(undisturbed.iter().any(Option::is_some));
    assert_eq!(after_ends_of_processes(&[5_000, 1_000, 3_000]), undisturbed);
}

#[test]
fn a_session_is_taken_up_after_a_restart_and_a_new_one_takes_the_place_of_the_oldest() {
    use SessionLifetime::{Connection, Persistent};
    let directory = tempfile::tempdir().unwrap();
    let steady = std::time::Instant::now();
    let moment = |secs| SessionMoment { wall: at(secs), steady };
    {
        let mut process = process(directory.path(), Clock::Wall);
        for (secs, client) in [(1, "a"), (2, "b"), (3, "c")] {
            assert_eq!(process.pipeline.open_session(client, Persistent, moment(secs)), SessionPresent::No);
            process.pipeline.leave_session(client, moment(secs));
        }
        process.pipeline.touch_session("b", moment(20));
        process.pipeline.commit_and_settle();
    }
    let mut process = process(directory.path(), Clock::Wall);
    let mut open = |client, lifetime, secs| {
        let present = process.pipeline.open_session(client, lifetime, moment(secs));
        process.pipeline.leave_session(client, moment(secs));
        present
    };
    assert_eq!(open("c", Persistent, 30), SessionPresent::Yes);
    assert_eq!(open("a", Persistent, 30), SessionPresent::No, "it was the oldest");
    assert_eq!(open("c", Connection, 30), SessionPresent::No);
    assert_eq!(open("c", Persistent, 30), SessionPresent::No);
}

const MAX_AHEAD: Span = Span::from_secs(10);

/// A process with a wall clock, of which readings may be ahead by ten seconds.
fn process_of_a_gateway(directory: &Path) -> Process {
    let settings = settings(Clock::Wall);
    process_under(
        directory,
        PipelineSettings { held: HeldSettings { max_ahead: Some(MAX_AHEAD), ..settings.held }, ..settings },
    )
}

/// Takes in a reading as it was decoded at that time.
fn take_at(process: &mut Process, clock: ClockReading, reading: Reading) {
    let latest = clock.wall + MAX_AHEAD;
    let mut batch = Batch::default();
    if reading.time > latest {
        let reason = RejectReason::ImplausibleTime { time: reading.time, earliest: Timestamp::MIN, latest };
        batch.push_ahead(reading, reason, AheadSuspect::Clock);
    } else {
        batch.readings.push(reading);
    }
    process.pipeline.set_clock(clock);
    process.pipeline.take(&mut batch, 0);
}

fn reject_kinds(process: &Process) -> Vec<String> {
    let rejects = process.reader.rejects().unwrap();
    rejects.into_iter().flat_map(|block| block.kept).map(|reject| reject.kind).collect()
}

#[test]
fn a_gateway_that_boots_behind_counts_what_came_before_its_clock_was_set() {
    use ClockSync::{Synchronised, Unsynchronised};
    let directory = tempfile::tempdir().unwrap();
    {
        let mut process = process_of_a_gateway(directory.path());
        for secs in 3_600..3_660 {
            take_at(&mut process, clock_at(secs - 3_600, Unsynchronised), reading(secs, 1.0));
        }
        process.pipeline.commit_and_settle();
        assert_eq!(process.pipeline.position().held, 60);
    }
    let mut process = process_of_a_gateway(directory.path());
    assert_eq!(process.pipeline.position().held, 60);
    // The first reading after the clock is set comes behind those that waited for it: they are not late.
    take_at(&mut process, clock_at(3_670, Synchronised), reading(3_670, 1.0));
    process.pipeline.close(at(3_660));
    process.pipeline.commit_and_settle();
    assert_eq!(process.pipeline.position().held, 0);
    let window = process.reader.window(SensorId(0), cut().window_of(at(3_600))).unwrap().unwrap();
    assert_eq!(window.intervals(cut()).unwrap().iter().map(|interval| interval.count).sum::<u32>(), 60);
    assert_eq!(reject_kinds(&process), [""; 0]);
    drop(process);
    assert_eq!(process_of_a_gateway(directory.path()).pipeline.position().held, 0);
}

#[test]
fn a_reading_from_ahead_of_a_synchronised_clock_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of_a_gateway(directory.path());
    take_at(&mut process, clock_at(0, ClockSync::Synchronised), reading(11, 1.0));
    process.pipeline.commit_and_settle();
    assert_eq!((process.pipeline.position().held, reject_kinds(&process)), (0, vec!["implausible_time".to_owned()]));
}

#[test]
fn what_is_stamped_by_a_clock_in_doubt_closes_no_interval_of_its_sensor() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of_a_gateway(directory.path());
    let clock = clock_at(100, ClockSync::Unsynchronised);
    take_at(&mut process, clock, reading(100, 1.0));
    // The clock jumps a day ahead, and back again.
    let day = Span::from_secs(86_400);
    let doubtful = ClockReading { wall: clock.wall + day, believed: at(101), ..clock };
    take_at(&mut process, doubtful, Reading { time: doubtful.wall, ..reading(0, 2.0) });
    take_at(&mut process, clock_at(102, ClockSync::Unsynchronised), reading(102, 3.0));
    process.pipeline.close(at(120));
    process.pipeline.commit_and_settle();
    let window = process.reader.window(SensorId(0), cut().window_of(at(100))).unwrap().unwrap();
    assert_eq!(window.intervals(cut()).unwrap()[0].count, 2);
    assert_eq!((process.pipeline.position().held, reject_kinds(&process)), (1, Vec::new()));
}

#[test]
fn readings_without_a_time_each_count_by_the_time_believed_while_a_jump_of_the_clock_is_in_doubt() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of_a_gateway(directory.path());
    let clock = clock_at(100, ClockSync::Unsynchronised);
    // The clock jumps a day ahead, and back again.
    let jumped = clock.wall + Span::from_secs(86_400);
    let doubtful = ClockReading { wall: jumped, believed: at(101), ..clock };
    process.pipeline.set_clock(doubtful);
    // The first came in before the jump.
    let at_once = [1.0, 1.0, 2.0].map(|value| Reading { time: jumped, ..reading(0, value) });
    let mut batch = arrived(&[reading(100, 1.0)]);
    at_once.iter().for_each(|reading| batch.push_arrived(*reading));
    process.pipeline.take(&mut batch, 0);
    process.pipeline.set_clock(clock_at(102, ClockSync::Synchronised));
    process.pipeline.take(&mut arrived(&[reading(102, 3.0)]), 0);
    process.pipeline.close(at(120));
    process.pipeline.commit_and_settle();
    let window = process.reader.window(SensorId(0), cut().window_of(at(100))).unwrap().unwrap();
    assert_eq!(window.intervals(cut()).unwrap()[0].count, 5);
    assert_eq!((process.pipeline.position().held, reject_kinds(&process)), (0, Vec::new()));
}

#[test]
fn a_clock_that_is_set_right_while_readings_wait_for_the_disk_refuses_none_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of_a_gateway(directory.path());
    let why = |time| RejectReason::ImplausibleTime { time, earliest: Timestamp::MIN, latest: at(40) };
    // The clock said 30 seconds at first, and was set right before the last reading came.
    let mut batch = batch(&[reading(30, 1.0)]);
    batch.push_ahead(reading(3_600, 1.0), why(at(3_600)), AheadSuspect::Clock);
    batch.push(reading(3_620, 1.0));
    process.pipeline.set_clock(clock_at(3_621, ClockSync::Synchronised));
    process.pipeline.take(&mut batch, 0);
    process.pipeline.close(at(3_660));
    process.pipeline.commit_and_settle();
    let count = |secs| {
        let window = process.reader.window(SensorId(0), cut().window_of(at(secs))).unwrap().unwrap();
        window.intervals(cut()).unwrap().iter().map(|interval| interval.count).sum::<u32>()
    };
    assert_eq!((count(0), count(3_600)), (1, 2));
    assert_eq!((process.pipeline.position().held, reject_kinds(&process)), (0, Vec::new()));
}

#[test]
fn a_reading_a_zone_ahead_is_refused_where_others_bear_the_clock_out_and_held_where_none_does() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of_a_gateway(directory.path());
    let ahead = |secs| {
        let mut batch = Batch::default();
        let reason = RejectReason::ImplausibleTime { time: at(secs), earliest: Timestamp::MIN, latest: at(40) };
        batch.push_ahead(reading(secs, 1.0), reason, AheadSuspect::ZoneOrClock);
        batch
    };
    process.pipeline.set_clock(clock_at(30, ClockSync::Unsynchronised));
    process.pipeline.take(&mut ahead(3_630), 0);
    assert_eq!(process.pipeline.position().held, 1);
    process.pipeline.take(&mut batch(&[reading(30, 1.0)]), 0);
    process.pipeline.take(&mut ahead(3_631), 0);
    process.pipeline.commit_and_settle();
    assert_eq!((process.pipeline.position().held, reject_kinds(&process)), (1, vec!["implausible_time".to_owned()]));
}

/// The journal holds readings that were accepted under the larger lateness.
#[test]
fn after_the_lateness_was_made_smaller_a_crash_changes_nothing_of_what_is_late() {
    let late = |crash: bool| {
        let directory = tempfile::tempdir().unwrap();
        let process = |lateness| {
            let mut settings = settings(Clock::Wall);
            settings.windows.lateness = Span::from_secs(lateness);
            process_under(directory.path(), settings)
        };
        take_all(&mut process(30), &[reading(5, 1.0), reading(30, 1.0)]);
        let mut running = process(5);
        take_all(&mut running, &[reading(41, 1.0)]);
        if crash {
            drop(running);
            running = process(5);
        }
        take_all(&mut running, &[reading(25, 1.0), reading(35, 1.0)]);
        running.pipeline.close(at(60));
        running.pipeline.commit_and_settle();
        (stored(&running), reject_kinds(&running))
    };
    assert_eq!(late(false).1, ["late"]);
    assert_eq!(late(true), late(false));
}

#[test]
fn readings_for_windows_that_are_over_are_told_apart_as_what_was_kept_for_us() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = process_of_a_gateway(directory.path());
    take_at(&mut process, clock_at(64, ClockSync::Unknown), reading(30, 1.0));
    assert_eq!(process.pipeline.position().behind, 0, "the lateness has not passed");
    take_at(&mut process, clock_at(65, ClockSync::Unknown), reading(31, 1.0));
    take_at(&mut process, clock_at(65, ClockSync::Unknown), reading(61, 1.0));
    assert_eq!(process.pipeline.position().behind, 1);
}

/// All windows that are stored, as their bytes.
fn stored(process: &Process) -> Vec<Option<Vec<u8>>> {
    let window = |minute: i64| {
        let window = cut().window_of(at(minute * 60));
        Some(process.reader.window(SensorId(0), window).unwrap()?.as_bytes().to_vec())
    };
    (-2..60).map(window).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A publisher sends again what was not acknowledged. Wherever processes end, what is stored in the end is what an
    /// undisturbed process stores.
    #[test]
    fn processes_that_end_anywhere_store_what_an_undisturbed_one_stores(
        steps in proptest::collection::vec((0..40_i64, -5.0..5.0_f64), 1..80),
        ends in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..6),
        batch_size in 1..20_usize,
    ) {
        let mut now = 0;
        let readings: Vec<_> = steps.iter().map(|(step, value)| { now += step; reading(now, *value) }).collect();
        let undisturbed = tempfile::tempdir().unwrap();
        let undisturbed = {
            let mut process = process(undisturbed.path(), event_clock());
            take_all(&mut process, &readings);
            process.pipeline.end_history();
            process.pipeline.commit_and_settle();
            stored(&process)
        };

        let directory = tempfile::tempdir().unwrap();
        let mut acknowledged = 0;
        for (end, committed) in ends {
            let mut process = process(directory.path(), event_clock());
            let end = end.index(readings.len() + 1).max(acknowledged);
            while acknowledged < end {
                let upto = (acknowledged + batch_size).min(readings.len());
                take_all(&mut process, &readings[acknowledged..upto]);
                acknowledged = upto;
            }
            // The process ends with a batch half taken in; or wholly, but before the acknowledgement left.
            let rest = &readings[acknowledged..];
            let half = &rest[..rest.len().min(batch_size)];
            process.pipeline.take(&mut batch(half), 0);
            if committed {
                process.pipeline.commit_and_settle();
            }
        }
        let mut process = process(directory.path(), event_clock());
        take_all(&mut process, &readings[acknowledged..]);
        process.pipeline.end_history();
        process.pipeline.commit_and_settle();
        prop_assert_eq!(stored(&process), undisturbed);
    }

    /// A gateway boots behind, and its clock is set right later. Wherever processes end, what is stored in the end is what
    /// an undisturbed process stores, and that is every reading.
    #[test]
    fn readings_that_wait_for_the_clock_are_judged_alike_wherever_processes_end(
        steps in proptest::collection::vec((0..20_i64, -5.0..5.0_f64), 1..60),
        behind in 0..2_000_i64,
        set_right in any::<prop::sample::Index>(),
        ends in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..5),
    ) {
        let mut now = 2_000;
        let readings: Vec<_> = steps.iter().map(|(step, value)| { now += step + 1; reading(now, *value) }).collect();
        let set_right = set_right.index(readings.len());
        let clock = |place: usize| {
            let true_time = readings[place].time.nanos() / 1_000_000_000;
            if place < set_right {
                clock_at(true_time - behind, ClockSync::Unsynchronised)
            } else {
                clock_at(true_time, ClockSync::Synchronised)
            }
        };
        let ends: BTreeMap<_, _> = ends.into_iter().map(|(end, committed)| (end.index(readings.len()), committed)).collect();
        let run = |ends: &BTreeMap<usize, bool>| {
            let directory = tempfile::tempdir().unwrap();
            let mut process = process_of_a_gateway(directory.path());
            for (place, reading) in readings.iter().enumerate() {
                take_at(&mut process, clock(place), *reading);
                if let Some(committed) = ends.get(&place) {
                    if *committed {
                        process.pipeline.commit_and_settle();
                    }
                    drop(process);
                    process = process_of_a_gateway(directory.path());
                    // It was not acknowledged: it comes again.
                    take_at(&mut process, clock(place), *reading);
                }
                process.pipeline.commit_and_settle();
            }
            process.pipeline.set_clock(clock_at(now, ClockSync::Synchronised));
            process.pipeline.close(at(now + 60));
            process.pipeline.commit_and_settle();
            (stored(&process), process.pipeline.position().held, reject_kinds(&process))
        };
        let (undisturbed, held, rejected) = run(&BTreeMap::new());
        prop_assert_eq!((held, rejected), (0, Vec::new()));
        prop_assert_eq!(run(&ends).0, undisturbed);
    }
}

#[test]
fn what_was_late_stays_late_when_the_database_is_lost_and_the_journal_has_no_closing_left() {
    let directory = tempfile::tempdir().unwrap();
    let mut before = process(directory.path(), Clock::Wall);
    take_all(&mut before, &[reading(10, 1.0)]);
    before.pipeline.close(at(60));
    before.pipeline.commit_and_settle();
    let first_segment = |process: &Process| process.pipeline.journal_extents()[0].path.clone();
    let beginning = first_segment(&before);
    while first_segment(&before) == beginning {
        (0..500).for_each(|secs| before.pipeline.writer.put_session("press", at(secs)));
        before.pipeline.commit_and_settle();
    }
    drop(before);
    std::fs::remove_dir_all(directory.path().join("data")).unwrap();
    let mut after = process(directory.path(), Clock::Wall);
    assert_eq!(after.pipeline.position().closed, at(60));
    take_all(&mut after, &[reading(20, 2.0)]);
    assert_eq!(reject_kinds(&after), ["late"]);
}

#[test]
fn the_newest_reading_of_a_sensor_is_known_after_its_commit_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let live = Arc::new(Live::default());
        let settings = PipelineSettings { live: Arc::clone(&live), ..settings(Clock::Wall) };
        (process_of(directory.path(), settings, 2), live)
    };
    let newest =
        |live: &Live, sensor| live.activity.newest(SensorId(sensor)).map(|newest| (newest.time, newest.origin));
    let of_other = |secs| Reading { sensor: SensorId(1), ..reading(secs, 7.0) };
    let (mut process, live) = start();
    process.pipeline.take(&mut batch(&[reading(10, 1.0), of_other(11)]), 0);
    assert_eq!(newest(&live, 0), None, "it may be lost yet");
    process.pipeline.commit_and_settle();
    let arrived = Origin::Live { arrived: at(0) };
    assert_eq!((newest(&live, 0), newest(&live, 1)), (Some((at(10), arrived)), Some((at(11), arrived))));
    process.pipeline.take(&mut batch(&[of_other(70)]), 0);
    process.pipeline.close(at(60));
    process.pipeline.commit_and_settle();
    drop(process);
    let (process, live) = start();
    assert_eq!(newest(&live, 1), Some((at(70), Origin::Replayed)));
    let (time, origin) = newest(&live, 0).unwrap();
    assert!([(at(60), Origin::Head), (at(10), Origin::Replayed)].contains(&(time, origin)), "{time} {origin:?}");
    assert_eq!(live.activity.last_accepted(), None);
    drop(process);
}

#[test]
fn readings_are_told_of_when_they_are_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let live = Arc::new(Live::default());
    let settings = PipelineSettings { live: Arc::clone(&live), ..settings(Clock::Wall) };
    let mut process = process_of(directory.path(), settings, 1);
    let mut listening = live.events.listen(vec![EventKind::Reading, EventKind::Reject]).unwrap();
    let mut next = || futures_util::FutureExt::now_or_never(listening.next());
    process.pipeline.take(&mut batch(&[reading(10, 1.0), reading(10, 2.0), reading(11, 1.0)]), 0);
    assert!(next().is_none());
    process.pipeline.commit().unwrap();
    let (mut readings, mut rejects) = (Vec::new(), Vec::new());
    while let Some(Some(Ok(happening))) = next() {
        match happening {
            Happening::Readings(told) => readings.extend_from_slice(&told),
            Happening::Rejects(told) => rejects.extend(told.iter().map(|(id, reject)| (*id, reject.kind.clone()))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(readings, [reading(10, 1.0), reading(11, 1.0)]);
    assert_eq!(rejects, [(RejectId { block: 0, place: 0 }, "conflict".to_owned())]);
}
