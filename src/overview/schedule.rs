//! When runs are due, and which windows no run has scored.

use std::collections::BTreeMap;

use super::Overview;
use crate::answers::{self, MissedWindows, NextRun, Span};
use crate::group::GroupName;
use crate::interval::Cut;
use crate::run::{Run, RunState};
use crate::schedule::Schedule;
use crate::store::{Progress, StoreError};
use crate::time::{Clock, Timestamp};

/// How many of the next runs are told.
const NEXT_RUNS: usize = 10;
/// How many spans of missed windows are told.
const MISSED_SPANS: usize = 100;

impl Overview {
    /// When runs are due.
    pub fn schedule(&self) -> Result<answers::Schedule, StoreError> {
        let Schedule { firings, windows, lateness, catch_up, .. } = &self.schedule;
        let cut = windows.cut();
        let scored_until = self.reader.progress(&Progress::Scored(GroupName::default()))?;
        let runs = self.reader.runs()?;
        Ok(answers::Schedule {
            cron: firings.pattern().to_string(),
            zone: firings.zone().to_string(),
            interval_seconds: cut.interval().to_std().as_secs_f64(),
            window_seconds: cut.window().to_std().as_secs_f64(),
            lateness_seconds: lateness.to_std().as_secs_f64(),
            catch_up: *catch_up,
            scored_until,
            next: self.next_runs(scored_until, NEXT_RUNS),
            missed: scored_until.map(|scored| missed(&runs, cut, scored, *catch_up)).unwrap_or_default(),
        })
    }

    /// The runs that are due next; none when the readings decide.
    pub(super) fn next_runs(&self, scored_until: Option<Timestamp>, most: usize) -> Vec<NextRun> {
        match self.clock {
            Clock::Wall => next_runs(&self.schedule, scored_until, self.clock.now(), most),
            Clock::Event(_) => Vec::new(),
        }
    }
}

/// The runs that are due from `now` on, when the windows before `scored_until` are done.
fn next_runs(schedule: &Schedule, scored_until: Option<Timestamp>, now: Timestamp, most: usize) -> Vec<NextRun> {
    let windows = schedule.windows;
    let mut from = scored_until.unwrap_or(now).floor(windows.hop());
    let mut next = Vec::new();
    while next.len() < most {
        // A firing before the end of the window scores nothing.
        let before = (now - schedule.wait()).max(from + windows.hop() - crate::time::Span::from_nanos(1));
        let Some(firing) = schedule.firings.next_after(before) else { break };
        let last = windows.last_ending(firing);
        let earliest = last.end() - windows.hop().times(i64::from(schedule.catch_up.max(1)));
        let start = from.max(earliest) + windows.hop() - windows.length();
        next.push(NextRun { at: firing + schedule.wait(), window: Span { start, end: last.end() } });
        from = last.end();
    }
    next
}

/// The windows before `scored_until` that no run of the ledger has scored, from the ledger's oldest run on.
fn missed(runs: &[Run], cut: Cut, scored_until: Timestamp, catch_up: u32) -> Vec<MissedWindows> {
    let mut finished = BTreeMap::new();
    let mut cut_off = BTreeMap::new();
    for run in runs {
        match run.state {
            RunState::Finished(_) => finished.insert(run.window.index(), run),
            RunState::Started => cut_off.insert(run.window.index(), run),
        };
    }
    let Some(oldest) = runs.iter().map(|run| run.window.index()).min() else { return Vec::new() };
    let done = std::iter::once(oldest - 1).chain(finished.keys().copied());
    let ends = finished.keys().copied().chain([cut.window_of(scored_until).index()]);
    let gaps = done.zip(ends).map(|(before, behind)| (before + 1, behind)).filter(|(first, behind)| first < behind);
    let mut missed: Vec<_> = gaps
        .map(|(first, behind)| {
            let length = cut.window().nanos();
            let at = |index: i64| Timestamp::from_nanos(index.saturating_mul(length));
            let broken = cut_off.range(first..behind).next().map(|(_, run)| *run);
            MissedWindows {
                span: Span { start: at(first), end: at(behind) },
                windows: (behind - first).unsigned_abs(),
                words: why_missed(broken, catch_up),
            }
        })
        .collect();
    missed.reverse();
    missed.truncate(MISSED_SPANS);
    missed
}

fn why_missed(broken: Option<&Run>, catch_up: u32) -> String {
    let given_up = format!(
        "given up, because more windows were missed than are caught up on (schedule.catch_up = {catch_up}): the daemon was \
         down or held up, or the clock was set ahead"
    );
    match broken {
        Some(run) => format!("run {} began and was cut off; what it left was {given_up}", run.id),
        None => given_up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Tally;
    use crate::time;

    fn schedule(cron: &str) -> Schedule {
        let cut = Cut::new(time::Span::from_secs(60), time::Span::from_secs(3600)).unwrap();
        Schedule { lateness: time::Span::from_secs(30), ..Schedule::for_test(cron, cut.into()) }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn next(cron: &str, scored: &str, now: &str) -> Vec<(String, String, String)> {
        let next = next_runs(&schedule(cron), Some(at(scored)), at(now), 2);
        let clock = |time: Timestamp| time.format("%d %H:%M:%S");
        next.iter().map(|run| (clock(run.at), clock(run.window.start), clock(run.window.end))).collect()
    }

    fn row(at: &str, start: &str, end: &str) -> (String, String, String) {
        (at.to_owned(), start.to_owned(), end.to_owned())
    }

    #[test]
    fn a_run_is_due_when_the_lateness_after_its_firing_has_passed() {
        let hourly = next("0 0 * * * *", "2026-03-01 10:00", "2026-03-01 10:20");
        assert_eq!(
            hourly,
            [row("01 11:00:30", "01 10:00:00", "01 11:00:00"), row("01 12:00:30", "01 11:00:00", "01 12:00:00")]
        );
        // Firings within a window score nothing.
        let often = next("*/5 * * * * *", "2026-03-01 10:00", "2026-03-01 10:20");
        assert_eq!(often, hourly);
    }

    #[test]
    fn a_run_a_day_is_of_the_windows_of_the_day() {
        let daily = next("0 30 6 * * *", "2026-03-01 06:00", "2026-03-01 10:00");
        assert_eq!(daily[0], row("02 06:30:30", "01 06:00:00", "02 06:00:00"));
        // No more than are caught up on.
        let late = next("0 30 6 * * *", "2026-02-20 06:00", "2026-03-01 10:00");
        assert_eq!(late[0], row("02 06:30:30", "01 06:00:00", "02 06:00:00"));
    }

    fn run(id: u64, start: &str, state: RunState) -> Run {
        Run { state, ..Run::for_test(id, schedule("0 0 * * * *").windows.cut().window_of(at(start))) }
    }

    #[test]
    fn windows_without_a_finished_run_are_missed_neighbours_together_the_newest_first() {
        let done = RunState::Finished(Tally::default());
        let runs = [
            run(1, "2026-03-01 01:00", done),
            run(2, "2026-03-01 02:00", RunState::Started),
            run(3, "2026-03-01 04:00", done),
            run(4, "2026-03-01 08:00", done),
        ];
        let missed = |scored: &str| missed(&runs, schedule("0 0 * * * *").windows.cut(), at(scored), 24);
        let until_nine = missed("2026-03-01 09:00");
        let spans: Vec<_> = until_nine.iter().map(|missed| (missed.span.start.format("%H"), missed.windows)).collect();
        assert_eq!(spans, [("05".to_owned(), 3), ("02".to_owned(), 2)]);
        assert!(until_nine[0].words.contains("schedule.catch_up = 24"), "{until_nine:?}");
        assert!(until_nine[1].words.starts_with("run 2 began and was cut off"), "{until_nine:?}");
        assert_eq!(missed("2026-03-01 11:00")[0].windows, 2, "given up since the last run");
        assert_eq!(super::missed(&[], schedule("0 0 * * * *").windows.cut(), at("2026-03-01 11:00"), 24), []);
    }
}
