use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::interval::{Cut, WindowGrid};
use crate::run::{RunId, Tally};
use crate::schedule::Firings;

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3600);
const DAY: Span = Span::from_secs(86_400);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-03-{text}")).unwrap()
}

fn name(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

fn hourly() -> Schedule {
    Schedule::for_test("@hourly", Cut::new(MINUTE, HOUR).unwrap().into())
}

fn plan(group: &str, schedule: Schedule) -> GroupPlan {
    GroupPlan { name: name(group), schedule }
}

/// An agenda of which all is done before `mark`.
fn agenda(plans: &[GroupPlan], mark: Timestamp) -> Agenda {
    let mut agenda = Agenda::new(Order::LiveFirst, Timestamp::MIN, plans.to_vec());
    plans.iter().for_each(|plan| agenda.note_mark(&plan.name, mark));
    agenda
}

/// A run as `group end trigger mark`.
fn words(step: Option<AgendaStep>) -> String {
    match step {
        None => "nothing".to_owned(),
        Some(AgendaStep::Mark { group, until }) => format!("{group} mark {}", until.format("%d %H:%M")),
        Some(AgendaStep::GiveUp(given_up)) => {
            let GivenUp { group, first_end, last_end, windows, why, .. } = given_up;
            format!(
                "{group} gives up {windows}: {} to {}, {why}",
                first_end.format("%d %H:%M"),
                last_end.format("%d %H:%M")
            )
        }
        Some(AgendaStep::Run(DueRun { group, window, trigger, done_until })) => {
            let trigger = trigger.as_str();
            format!("{group} {} {trigger} mark {}", window.end().format("%d %H:%M"), done_until.format("%d %H:%M"))
        }
    }
}

/// The steps at `now`, each run taking no time.
fn steps(agenda: &mut Agenda, now: Timestamp, most: usize) -> Vec<String> {
    let mut steps = Vec::new();
    while steps.len() < most
        && let Some(step) = agenda.next(now, Timestamp::MAX)
    {
        if let AgendaStep::Run(run) = &step {
            agenda.ended(run, now);
        }
        steps.push(words(Some(step)));
    }
    steps
}

#[test]
fn what_is_live_goes_before_what_was_missed_and_that_goes_oldest_first() {
    let plans = [plan("a", hourly()), plan("b", hourly())];
    let mut agenda = agenda(&plans, at("01 10:00"));
    agenda.note_mark(&name("b"), at("01 11:00"));
    let expected = [
        "a 01 13:00 schedule mark 01 10:00",
        "b 01 13:00 schedule mark 01 11:00",
        "a 01 11:00 catch-up mark 01 11:00",
        "a 01 12:00 catch-up mark 01 13:00",
        "b 01 12:00 catch-up mark 01 13:00",
    ];
    assert_eq!(steps(&mut agenda, at("01 13:00"), 9), expected);
}

#[test]
fn what_becomes_due_while_runs_are_caught_up_on_waits_for_one_run_only() {
    let mut agenda = agenda(&[plan("a", hourly())], at("01 10:00"));
    assert_eq!(steps(&mut agenda, at("01 12:59"), 1), ["a 01 12:00 schedule mark 01 10:00"]);
    let Some(AgendaStep::Run(run)) = agenda.next(at("01 12:59"), Timestamp::MAX) else { panic!() };
    assert_eq!((run.window.end(), run.trigger), (at("01 11:00"), Trigger::CatchUp));
    agenda.ended(&run, at("01 13:01"));
    assert_eq!(steps(&mut agenda, at("01 13:01"), 9), ["a 01 13:00 schedule mark 01 13:00"]);
}

#[test]
fn history_is_scored_in_its_own_order() {
    let mut agenda = Agenda::new(Order::OldestFirst, Timestamp::MIN, vec![plan("a", hourly()), plan("b", hourly())]);
    agenda.note_mark(&name("a"), at("01 11:00"));
    agenda.note_mark(&name("b"), at("01 10:00"));
    let expected =
        ["b 01 11:00 catch-up mark 01 11:00", "a 01 12:00 schedule mark 01 12:00", "b 01 12:00 schedule mark 01 12:00"];
    assert_eq!(steps(&mut agenda, at("01 12:00"), 9), expected);
}

#[test]
fn a_run_that_was_cut_off_goes_first_and_what_ran_ahead_of_the_mark_is_known_from_the_ledger() {
    let window = |text: &str| hourly().windows.last_ending(at(text));
    let run = |id: u64, group: &str, end: &str, state: RunState| Run {
        state,
        group: name(group),
        ..Run::for_test(RunId(id).0, window(end))
    };
    let ended = RunState::Finished(Tally::default());
    let ledger = [
        run(0, "a", "01 12:00", ended),
        run(1, "gone", "01 12:00", ended),
        run(2, "b", "01 11:00", RunState::Started),
        run(3, "b", "01 10:30", ended),
        run(4, "b", "01 12:00", RunState::Started),
    ];
    let mut agenda = agenda(&[plan("a", hourly()), plan("b", hourly())], at("01 10:00"));
    agenda.read_ledger(&ledger);
    let expected = [
        "b 01 12:00 catch-up mark 01 10:00",
        "a 01 13:00 schedule mark 01 10:00",
        "b 01 13:00 schedule mark 01 10:00",
        "a 01 11:00 catch-up mark 01 13:00",
        "b 01 11:00 catch-up mark 01 13:00",
    ];
    assert_eq!(steps(&mut agenda, at("01 13:00"), 9), expected);
}

#[test]
fn a_mark_that_a_crash_lost_is_found_in_the_ledger_and_noted_again() {
    let ended = RunState::Finished(Tally::default());
    let run = Run { state: ended, group: name("a"), ..Run::for_test(7, hourly().windows.last_ending(at("01 11:00"))) };
    let mut agenda = agenda(&[plan("a", hourly())], at("01 10:00"));
    agenda.read_ledger(&[run]);
    assert_eq!(steps(&mut agenda, at("01 11:30"), 9), ["a mark 01 11:00"]);
}

#[test]
fn what_is_beyond_the_bounds_is_given_up_and_told() {
    let few = Schedule { catch_up: 2, ..hourly() };
    let mut agenda_of_few = agenda(&[plan("a", few)], at("01 00:00"));
    let expected = [
        "a gives up 4: 01 01:00 to 01 04:00, more windows were missed than are caught up on (schedule.catch_up = 2)",
        "a mark 01 04:00",
        "a 01 06:00 schedule mark 01 04:00",
        "a 01 05:00 catch-up mark 01 06:00",
    ];
    assert_eq!(steps(&mut agenda_of_few, at("01 06:30"), 9), expected);
    let near = Schedule { horizon: Some(HOUR.times(2)), ..hourly() };
    let mut agenda_of_near = agenda(&[plan("a", near)], at("01 00:00"));
    let expected = [
        "a gives up 4: 01 01:00 to 01 04:00, they ended longer ago than is caught up on (schedule.horizon = \"2h\")",
        "a mark 01 04:00",
        "a 01 06:00 schedule mark 01 04:00",
        "a 01 05:00 catch-up mark 01 06:00",
    ];
    assert_eq!(steps(&mut agenda_of_near, at("01 06:30"), 9), expected);
}

#[test]
fn what_became_due_while_no_process_was_there_is_caught_up_on_in_the_same_order() {
    let plans = [plan("a", Schedule { delay: MINUTE, ..hourly() })];
    let began = |time: &str| {
        let mut agenda = Agenda::new(Order::LiveFirst, at(time), plans.to_vec());
        agenda.note_mark(&name("a"), at("01 10:00"));
        steps(&mut agenda, at("01 12:40"), 9)
    };
    let newest_first =
        |trigger: &str| [format!("a 01 12:00 {trigger} mark 01 10:00"), "a 01 11:00 catch-up mark 01 12:00".to_owned()];
    assert_eq!(began("01 12:40"), newest_first("catch-up"));
    assert_eq!(began("01 12:01"), newest_first("schedule"), "it began before the runs of the firing were due");
}

/// A run of the firing at eleven takes until half past one.
fn after_a_long_run(overlap: Overlap) -> Vec<String> {
    let mut agenda = agenda(&[plan("a", Schedule { overlap, ..hourly() })], at("01 10:00"));
    let Some(AgendaStep::Run(run)) = agenda.next(at("01 11:00"), Timestamp::MAX) else { panic!() };
    agenda.ended(&run, at("01 13:30"));
    steps(&mut agenda, at("01 13:30"), 9)
}

#[test]
fn firings_that_become_due_while_the_one_before_is_scored_are_caught_up_on_or_queued_or_skipped() {
    assert_eq!(
        after_a_long_run(Overlap::CatchUp),
        ["a 01 13:00 schedule mark 01 11:00", "a 01 12:00 catch-up mark 01 13:00"]
    );
    assert_eq!(
        after_a_long_run(Overlap::QueueOne),
        [
            "a gives up 1: 01 12:00 to 01 12:00, the run before still went on, and a later firing took the one place in the \
             queue (schedule.overlap = \"queue\")",
            "a mark 01 12:00",
            "a 01 13:00 schedule mark 01 13:00"
        ]
    );
    assert_eq!(
        after_a_long_run(Overlap::Skip),
        [
            "a gives up 2: 01 12:00 to 01 13:00, the run before still went on (schedule.overlap = \"skip\")",
            "a mark 01 13:00"
        ]
    );
}

#[test]
fn a_firing_of_many_windows_is_scored_to_its_end_before_the_one_that_waits() {
    let schedule = Schedule { overlap: Overlap::QueueOne, ..hourly() };
    let daily = Schedule { firings: Firings::new("0 6 * * *".parse().unwrap(), schedule.firings.zone()), ..schedule };
    let mut agenda = agenda(&[plan("a", daily)], at("01 04:00"));
    let Some(AgendaStep::Run(run)) = agenda.next(at("01 06:00"), Timestamp::MAX) else { panic!() };
    agenda.ended(&run, at("02 07:00"));
    let steps = steps(&mut agenda, at("02 07:00"), 99);
    assert_eq!(
        steps[0],
        "a gives up 1: 01 06:00 to 01 06:00, more windows were missed than are caught up on (schedule.catch_up = 24)"
    );
    assert_eq!(steps.len(), 2 + 24);
}

#[test]
fn overlapping_windows_end_a_hop_apart() {
    let grid = WindowGrid::new(MINUTE, HOUR, MINUTE.times(10)).unwrap();
    let plans = [plan("a", Schedule::for_test("every 10m", grid))];
    let mut agenda = agenda(&plans, at("01 10:00"));
    let Some(AgendaStep::Run(run)) = agenda.next(at("01 10:11"), Timestamp::MAX) else { panic!() };
    assert_eq!((run.window.start(), run.window.end()), (at("01 09:10"), at("01 10:10")));
    assert_eq!(next_wake(&plans, at("01 10:11")), Some(at("01 10:20")));
}

/// A daemon whose clock, crashes and runs a test decides: the agenda, with a ledger and marks that outlive it.
struct Simulation {
    plans: Vec<GroupPlan>,
    agenda: Agenda,
    ledger: Vec<Run>,
    marks: BTreeMap<GroupName, Timestamp>,
    /// What became of each window, by group and end.
    fates: BTreeMap<(GroupName, Timestamp), Fate>,
    /// Windows up to then are closed, and stay so.
    closed: Timestamp,
    now: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Scored(Trigger),
    GivenUp,
}

/// What happens to a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RunEnd {
    After(Span),
    /// The process is killed while it goes on.
    Killed,
}

impl Simulation {
    fn new(plans: Vec<GroupPlan>, now: Timestamp) -> Self {
        let marks = plans.iter().map(|plan| (plan.name.clone(), now)).collect();
        let agenda = Agenda::new(Order::LiveFirst, Timestamp::MIN, plans.clone());
        let mut simulation =
            Self { plans, agenda, ledger: Vec::new(), marks, fates: BTreeMap::new(), closed: now, now };
        simulation.restart();
        simulation
    }

    /// A process begins. It knows the marks and the ledger: what was given up ahead of the mark may be scored after all.
    fn restart(&mut self) {
        let marks = &self.marks;
        self.fates.retain(|(group, end), fate| *fate != Fate::GivenUp || *end <= marks[group]);
        self.agenda = Agenda::new(Order::LiveFirst, Timestamp::MIN, self.plans.clone());
        self.marks.iter().for_each(|(group, mark)| self.agenda.note_mark(group, *mark));
        self.agenda.read_ledger(&self.ledger);
    }

    /// Does one thing that is due. Returns whether there was one.
    fn step(&mut self, closable: Timestamp, end: RunEnd) -> bool {
        let closable = closable.max(self.closed);
        let Some(step) = self.agenda.next(self.now, closable) else { return false };
        match step {
            AgendaStep::Mark { group, until } => *self.marks.entry(group).or_insert(until) = until,
            AgendaStep::GiveUp(GivenUp { group, first_end, last_end, windows, .. }) => {
                let plan = self.plans.iter().find(|plan| plan.name == group).unwrap();
                let hop = plan.schedule.windows.hop();
                let ends =
                    std::iter::successors(Some(first_end), |end| Some(*end + hop)).take_while(|end| *end <= last_end);
                let undone: Vec<_> = ends.filter(|end| !self.fates.contains_key(&(group.clone(), *end))).collect();
                assert_eq!(undone.len() as u64, windows);
                self.fates.extend(undone.into_iter().map(|end| ((group.clone(), end), Fate::GivenUp)));
            }
            AgendaStep::Run(run) => {
                assert!(run.window.end() <= closable);
                self.closed = self.closed.max(run.window.end());
                let id = self.ledger.len() as u64;
                let resumed = self.ledger.last().is_some_and(|last| {
                    last.state == RunState::Started && (&last.group, last.window) == (&run.group, run.window)
                });
                if !resumed {
                    let (group, trigger) = (run.group.clone(), run.trigger);
                    self.ledger.push(Run { group, trigger, ..Run::for_test(id, run.window) });
                }
                match end {
                    RunEnd::Killed => self.restart(),
                    RunEnd::After(span) => {
                        self.now = self.now + span;
                        self.ledger.last_mut().unwrap().state = RunState::Finished(Tally::default());
                        self.marks.insert(run.group.clone(), run.done_until);
                        let window = (run.group.clone(), run.window.end());
                        let before = self.fates.insert(window, Fate::Scored(run.trigger));
                        assert_eq!(before, None, "{run:?}");
                        self.agenda.ended(&run, self.now);
                    }
                }
            }
        }
        true
    }

    /// Does all that is due, each run taking this long.
    fn run_all(&mut self, each: Span) {
        while self.step(Timestamp::MAX, RunEnd::After(each)) {}
    }

    /// What became of the windows of a group that end behind `from`, and at `until` or before, in their order.
    fn fates(&self, group: &str, from: Timestamp, until: Timestamp) -> Vec<Option<Fate>> {
        let group = name(group);
        let plan = self.plans.iter().find(|plan| plan.name == group).unwrap();
        let hop = plan.schedule.windows.hop();
        let ends = std::iter::successors(Some(from.floor(hop) + hop), |end| Some(*end + hop));
        ends.take_while(|end| *end <= until).map(|end| self.fates.get(&(group.clone(), end)).copied()).collect()
    }
}

fn two_zones() -> Vec<GroupPlan> {
    let hop = WindowGrid::new(MINUTE, HOUR, MINUTE.times(20)).unwrap();
    let of = |pattern: &str, zone: &str, windows| Schedule {
        firings: Firings::new(pattern.parse().unwrap(), zone.parse().unwrap()),
        lateness: Span::from_secs(30),
        ..Schedule::for_test(pattern, windows)
    };
    let berlin = Schedule { catch_up: 48, ..of("30 2 * * *", "Europe/Berlin", Cut::new(MINUTE, HOUR).unwrap().into()) };
    let new_york = Schedule { delay: Span::from_secs(7), ..of("*/20 * * * *", "America/New_York", hop) };
    vec![plan("berlin", berlin), plan("new york", new_york)]
}

#[test]
fn two_groups_in_different_zones_live_through_a_year_with_both_changes_of_daylight_saving() {
    let start = Timestamp::parse("2026-01-01 00:00").unwrap();
    let end = start + DAY.times(365);
    let mut simulation = Simulation::new(two_zones(), start);
    let mut local_hours: BTreeMap<String, u32> = BTreeMap::new();
    while let Some(wake) = next_wake(&simulation.plans, simulation.now).filter(|wake| *wake < end) {
        simulation.now = wake;
        simulation.run_all(Span::ZERO);
        let berlin = &simulation.plans[0].schedule;
        if berlin.firing(wake) == Some(wake - berlin.wait()) {
            let shown = berlin.firings.zone().show(wake - berlin.wait());
            *local_hours.entry(shown[11..].to_owned()).or_default() += 1;
        }
    }
    // Once a day, at the same local time, but on the day on which the clocks leave it out.
    let expected = [("02:30:00+01:00", 154), ("02:30:00+02:00", 210), ("03:00:00+02:00", 1)];
    assert_eq!(local_hours.iter().map(|(shown, days)| (shown.as_str(), *days)).collect::<Vec<_>>(), expected);
    // Every window of the year was scored once, when it was due.
    let live = Some(Fate::Scored(Trigger::Schedule));
    for (group, windows) in [("berlin", 365 * 24 - 23), ("new york", 365 * 72 - 1)] {
        let until = end - if group == "berlin" { HOUR.times(23) } else { MINUTE.times(20) };
        let fates = simulation.fates(group, start, until);
        assert_eq!(fates.len(), windows, "{group}");
        assert!(fates.iter().all(|fate| *fate == live), "{group}");
    }
}

/// What happens next in a simulation.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes, and all that is due is scored, each run taking so many seconds.
    Pass {
        minutes: u32,
        run_seconds: u32,
    },
    /// Windows up to so many minutes ago may be closed only; one thing is done.
    Hold {
        minutes: u32,
    },
    StepAhead {
        minutes: u32,
    },
    StepBack {
        minutes: u32,
    },
    /// The process is killed in the middle of the next run.
    Kill,
    Restart {
        minutes: u32,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1_u32..300, 0_u32..5_000).prop_map(|(minutes, run_seconds)| Event::Pass { minutes, run_seconds }),
        1 => (0_u32..300).prop_map(|minutes| Event::Hold { minutes }),
        1 => (1_u32..20_000).prop_map(|minutes| Event::StepAhead { minutes }),
        1 => (1_u32..20_000).prop_map(|minutes| Event::StepBack { minutes }),
        1 => Just(Event::Kill),
        1 => (1_u32..5_000).prop_map(|minutes| Event::Restart { minutes }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// However the clock is set, and whenever the process is killed: no window is scored twice, none that was given up is
    /// scored, none is forgotten, and no run that was cut off stays so.
    #[test]
    fn a_clock_that_is_set_and_a_process_that_is_killed_lose_and_repeat_nothing(
        events in proptest::collection::vec(event(), 1..60),
        overlap in proptest::sample::select(vec![Overlap::CatchUp, Overlap::QueueOne, Overlap::Skip]),
        horizon in proptest::option::of(60_u32..3_000),
    ) {
        let start = Timestamp::parse("2026-03-27 00:00").unwrap();
        let plans = two_zones().into_iter().map(|GroupPlan { name, schedule }| {
            let horizon = horizon.map(|minutes| MINUTE.times(minutes.into()));
            GroupPlan { name, schedule: Schedule { overlap, horizon, catch_up: 12, ..schedule } }
        });
        let mut simulation = Simulation::new(plans.collect(), start);
        let mut latest = start;
        for event in events {
            match event {
                Event::Pass { minutes, run_seconds } => {
                    simulation.now = simulation.now + MINUTE.times(minutes.into());
                    // Runs that take longer than their period never come to an end.
                    for _ in 0..40 {
                        simulation.step(Timestamp::MAX, RunEnd::After(Span::from_secs(run_seconds)));
                    }
                }
                Event::Hold { minutes } => {
                    simulation.step(simulation.now - MINUTE.times(minutes.into()), RunEnd::After(Span::ZERO));
                }
                Event::StepAhead { minutes } => simulation.now = simulation.now + MINUTE.times(minutes.into()),
                Event::StepBack { minutes } => simulation.now = simulation.now - MINUTE.times(minutes.into()),
                Event::Kill => _ = simulation.step(Timestamp::MAX, RunEnd::Killed),
                Event::Restart { minutes } => {
                    simulation.restart();
                    simulation.now = simulation.now + MINUTE.times(minutes.into());
                }
            }
            latest = latest.max(simulation.now);
            for group in &simulation.agenda.groups {
                prop_assert!(group.done.len() <= 12 + 1, "{:?}", group.done);
            }
        }
        // The clock is right again, and a day and a half later everything is settled.
        simulation.now = latest + HOUR.times(36);
        simulation.run_all(Span::ZERO);
        for plan in &simulation.plans {
            let done = simulation.marks[&plan.name];
            prop_assert!(simulation.now.since(done) <= HOUR.times(25));
            let fates = simulation.fates(plan.name.as_str(), start, done);
            prop_assert!(fates.iter().all(Option::is_some), "{} {:?}", plan.name, fates);
        }
        // A run that was cut off has gone on, unless its window was given up.
        for run in simulation.ledger.iter().filter(|run| run.state == RunState::Started) {
            let window = (run.group.clone(), run.window.end());
            prop_assert_eq!(simulation.fates.get(&window), Some(&Fate::GivenUp));
        }
    }
}
