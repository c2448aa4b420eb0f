use proptest::prelude::*;

use super::*;
use crate::schedule::clock_trust::{Belief, ClockNews, ClockSync, ClockTrust, ClockTrustSettings};

const MINUTE: Span = Span::from_secs(60);
const LATENESS: u64 = 10;
const SETTLE: u64 = 20;
const HOLD: u64 = 300;

fn settings() -> ClosingSettings {
    ClosingSettings {
        cut: Cut::new(MINUTE, MINUTE).unwrap(),
        lateness: Span::from_secs(10),
        settle: Duration::from_secs(SETTLE),
        hold: Duration::from_secs(HOLD),
    }
}

/// A gate whose clocks began together, counted in seconds.
struct Gate {
    gate: ClosingGate,
    start: Instant,
    closed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Away,
    /// Connected since the first time, and last heard of at the second.
    Up(u64, u64),
}

fn at(secs: u64) -> Timestamp {
    Timestamp::default() + Span::from(Duration::from_secs(secs))
}

fn secs(time: Timestamp) -> u64 {
    u64::try_from(time.nanos() / 1_000_000_000).unwrap()
}

impl Gate {
    fn new() -> Self {
        let start = Instant::now();
        Self { gate: ClosingGate::new(settings(), start), start, closed: 0 }
    }

    fn instant(&self, secs: u64) -> Instant {
        self.start + Duration::from_secs(secs)
    }

    fn look(&mut self, now: u64, line: Option<Line>, behind: u64) -> ClosingDecision {
        let clock = ClockReading {
            wall: at(now),
            instant: self.instant(now),
            believed: at(now),
            sync: ClockSync::Unsynchronised,
        };
        let source = line.map(|line| match line {
            Line::Away => SourceSight::Away,
            Line::Up(since, heard) => SourceSight::Connected { since: self.instant(since), heard: self.instant(heard) },
        });
        let decision = self.gate.decide(&clock, source, behind, at(self.closed));
        if let ClosingDecision::Close { until, .. } = decision {
            self.closed = secs(until);
        }
        decision
    }

    fn hold(&self, reason: HoldReason, at_most: u64) -> ClosingDecision {
        ClosingDecision::Hold { reason, at_most: self.instant(at_most) }
    }
}

fn close(until: u64, closing: Closing) -> ClosingDecision {
    ClosingDecision::Close { until: at(until), closing }
}

#[test]
fn without_a_source_that_can_be_away_windows_are_closed_when_they_are_over() {
    let mut gate = Gate::new();
    assert_eq!(gate.look(69, None, 0), ClosingDecision::Nothing);
    assert_eq!(gate.look(70, None, 0), close(60, Closing::OnTime));
    assert_eq!(gate.look(71, None, 0), ClosingDecision::Nothing);
    assert_eq!(gate.look(250, None, 0), close(240, Closing::OnTime));
}

#[test]
fn after_the_start_windows_stay_open_until_devices_have_sent_again() {
    let mut gate = Gate::new();
    gate.gate.began = gate.instant(65);
    gate.gate.state = SourcesState::Settling { connected: None, since: gate.instant(65), until: gate.instant(85) };
    assert_eq!(gate.look(75, None, 0), gate.hold(HoldReason::Started, 370));
    assert_eq!(gate.look(84, None, 3), gate.hold(HoldReason::Started, 370), "more has come");
    assert_eq!(gate.look(103, None, 3), gate.hold(HoldReason::Started, 370));
    assert_eq!(gate.look(104, None, 3), close(60, Closing::Held(Span::from_secs(29))));
}

#[test]
fn a_window_waits_for_a_source_that_is_away_and_for_what_it_kept() {
    let mut gate = Gate::new();
    let up = |now| Some(Line::Up(0, now));
    assert_eq!(gate.look(30, up(30), 0), ClosingDecision::Nothing);
    assert_eq!(gate.look(50, Some(Line::Away), 0), ClosingDecision::Nothing);
    assert_eq!(gate.look(70, Some(Line::Away), 0), gate.hold(HoldReason::SourceAway, 370));
    assert_eq!(gate.look(100, Some(Line::Up(100, 100)), 0), gate.hold(HoldReason::SourceReturned, 370));
    // The messages that it kept come, for longer than settling takes.
    assert_eq!(gate.look(119, Some(Line::Up(100, 119)), 7), gate.hold(HoldReason::SourceReturned, 370));
    assert_eq!(gate.look(138, Some(Line::Up(100, 138)), 7), gate.hold(HoldReason::SourceReturned, 370));
    assert_eq!(gate.look(139, Some(Line::Up(100, 139)), 7), close(120, Closing::Held(Span::from_secs(9))));
}

#[test]
fn at_the_bound_a_window_is_closed_although_its_source_is_away() {
    let mut gate = Gate::new();
    gate.look(30, Some(Line::Up(0, 30)), 0);
    assert_eq!(gate.look(70, Some(Line::Away), 0), gate.hold(HoldReason::SourceAway, 370));
    assert_eq!(gate.look(369, Some(Line::Away), 0), gate.hold(HoldReason::SourceAway, 370));
    assert_eq!(gate.look(370, Some(Line::Away), 0), close(60, Closing::AtBound(Span::from_secs(300))));
    assert_eq!(gate.look(371, Some(Line::Away), 0), gate.hold(HoldReason::SourceAway, 430));
    assert_eq!(gate.look(430, Some(Line::Away), 0), close(120, Closing::AtBound(Span::from_secs(300))));
}

#[test]
fn a_source_that_was_never_there_holds_windows_from_the_start_to_the_bound() {
    let mut gate = Gate::new();
    assert_eq!(gate.look(100, Some(Line::Away), 0), gate.hold(HoldReason::SourceAway, 370));
    assert_eq!(gate.look(370, Some(Line::Away), 0), close(60, Closing::AtBound(Span::from_secs(270))));
}

#[test]
fn a_line_that_is_dead_and_not_known_to_be_closes_nothing() {
    let mut gate = Gate::new();
    assert_eq!(gate.look(70, Some(Line::Up(0, 59)), 0), gate.hold(HoldReason::SourceSilent, 370));
    assert_eq!(gate.look(80, Some(Line::Up(0, 60)), 0), close(60, Closing::Held(Span::from_secs(10))));
}

#[test]
fn a_device_whose_clock_is_behind_holds_windows_once_and_not_for_ever() {
    let mut gate = Gate::new();
    for now in 70..HOLD {
        assert!(matches!(gate.look(now, None, now), ClosingDecision::Hold { .. }), "{now}");
    }
    assert_eq!(gate.look(HOLD, None, HOLD), close(240, Closing::AtBound(Span::from_secs(50))));
    // What it sends for windows that are closed is late, as it was before.
    assert_eq!(gate.look(309, None, 309), ClosingDecision::Nothing);
    assert_eq!(gate.look(310, None, 310), close(300, Closing::OnTime));
    // A source that comes back has as much time again.
    for now in 331..631 {
        let closed = gate.look(now, Some(Line::Up(331, now)), now);
        assert!(!matches!(closed, ClosingDecision::Close { .. }), "{now}");
    }
    let decision = gate.look(631, Some(Line::Up(331, 631)), 631);
    assert!(matches!(decision, ClosingDecision::Close { closing: Closing::AtBound(_), .. }), "{decision:?}");
    assert_eq!(gate.look(670, Some(Line::Up(331, 669)), 670), close(660, Closing::OnTime));
}

#[test]
fn a_window_is_held_no_longer_than_can_be_caught_up_on() {
    let hold = |secs, catch_up| {
        let hold = Duration::from_secs(secs);
        ClosingSettings { hold, ..settings() }.bounded(MINUTE.times(catch_up)).hold
    };
    assert_eq!(hold(3_600, 24), MINUTE.times(24).to_std() - Duration::from_nanos(1));
    assert_eq!(hold(3_600, 100), Duration::from_secs(3_600));
    assert_eq!(hold(3_600, 1), MINUTE.to_std() - Duration::from_nanos(1));
    assert_eq!(hold(0, 24), Duration::from_secs(SETTLE), "no shorter than it takes to settle");
}

proptest! {
    /// However a source comes and goes: a window that is not closed at the bound had all readings that were sent before
    /// its end, and no window stays open beyond the bound.
    #[test]
    fn windows_are_closed_when_they_are_complete_or_at_the_bound(
        turns in proptest::collection::vec((1..200_u64, any::<bool>(), 0..40_u64), 1..40),
    ) {
        let mut gate = Gate::new();
        let (mut now, mut line) = (0, Line::Away);
        // When the line went away for the last time.
        let mut left = 0;
        for (length, up, silence) in turns {
            line = match (line, up) {
                (Line::Away, true) => Line::Up(now, now),
                (line, false) => { if line != Line::Away { left = now } Line::Away }
                (line, true) => line,
            };
            for second in 0..length {
                now += 1;
                if let Line::Up(since, heard) = line {
                    line = Line::Up(since, if second >= silence { now } else { heard });
                }
                let before = gate.closed;
                match gate.look(now, Some(line), 0) {
                    ClosingDecision::Close { until, closing: Closing::OnTime | Closing::Held(_) } => {
                        let Line::Up(since, heard) = line else {
                            // A window that was complete when the line went away may have been closed since.
                            prop_assert!(secs(until) <= left);
                            continue;
                        };
                        prop_assert!(now >= since + SETTLE || secs(until) <= left, "{now} {line:?}");
                        prop_assert!(secs(until) <= heard.max(left));
                    }
                    ClosingDecision::Close { until, closing: Closing::AtBound(held) } => {
                        prop_assert!(now >= secs(until) + LATENESS + HOLD);
                        prop_assert!(held <= Span::from_secs(300));
                    }
                    ClosingDecision::Hold { at_most, .. } => {
                        prop_assert!(at_most > gate.instant(now));
                        prop_assert!(now < before + 60 + LATENESS + HOLD || now < left.max(HOLD) + HOLD);
                    }
                    ClosingDecision::Nothing => prop_assert!(now < before + 60 + LATENESS),
                }
            }
        }
    }

    /// Wherever the system's clock is set, and however often: no window is closed before its end in true time, as long
    /// as no jump has lasted long enough to be believed.
    #[test]
    fn no_window_is_closed_early_by_a_clock_that_is_not_believed(
        steps in proptest::collection::vec((1..200_u64, prop_oneof![Just(0_i64), -100_000..100_000_i64]), 1..60),
    ) {
        let start = Instant::now();
        let mut gate = ClosingGate::new(settings(), start);
        let trust = ClockTrustSettings { tolerance: Span::from_secs(5), patience: Duration::from_secs(600) };
        let begin = 1_000_000;
        let mut trust = ClockTrust::new(trust, at(begin), start);
        let (mut elapsed, mut offset, mut closed) = (0, 0, at(begin).floor(MINUTE));
        for (secs, step) in steps {
            elapsed += secs;
            // A step within the tolerance does not count as a step.
            offset += if step.abs() > 5 { step } else { 0 };
            let true_time = at(begin + elapsed);
            let wall = Timestamp::from_nanos(true_time.nanos() + offset * 1_000_000_000);
            let (clock, news) = trust.observe(wall, start + Duration::from_secs(elapsed), ClockSync::Unsynchronised);
            if let Some(ClockNews::Believed { why: Belief::Lasted, .. }) = news {
                break;
            }
            if let ClosingDecision::Close { until, .. } = gate.decide(&clock, None, 0, closed) {
                prop_assert!(until + Span::from(Duration::from_secs(LATENESS)) <= true_time);
                closed = until;
            }
        }
    }
}
