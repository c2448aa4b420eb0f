//! When runs are due, what came of the last firings, and which windows no run has scored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::Overview;
use crate::answers::{self, GivenUpWindows, GroupSchedule, LastFiring, MissedWindows, NextFiring, NextRun, Span};
use crate::group::GroupName;
use crate::run::{Run, RunState, Trigger};
use crate::schedule::agenda::{GivenUp, GroupPlan};
use crate::schedule::{Overlap, Schedule};
use crate::store::{Progress, StoreError};
use crate::time::{Clock, Timestamp};

/// How many of the next runs are told.
const NEXT_RUNS: usize = 10;
/// How many spans of missed windows are told.
const MISSED_SPANS: usize = 100;
/// How many firings of a group are told, of those that were and of those to come.
const FIRINGS: usize = 5;
/// How many times windows of a group were given up that are told.
const GIVEN_UP: usize = 100;

impl Overview {
    /// When runs are due.
    pub fn schedule(&self) -> Result<answers::Schedule, StoreError> {
        let Schedule { firings, windows, lateness, catch_up, .. } = &self.schedule;
        // Runs by command say nothing of what is due, and may be of some sensors only.
        let runs: Vec<_> = self.reader.runs()?.into_iter().filter(|run| run.trigger != Trigger::Command).collect();
        let given_up = self.live.schedule.given_up();
        let mut groups = Vec::new();
        let mut missed = Vec::new();
        for plan in self.plans.iter() {
            let scored_until = self.scored_until(&plan.name)?;
            let given_up: Vec<_> = given_up.iter().filter(|given_up| given_up.group == plan.name).collect();
            let runs: Vec<_> = runs.iter().filter(|run| run.group == plan.name).collect();
            groups.push(self.of_group(plan, scored_until, &runs, &given_up));
            missed.extend(scored_until.map(|scored| missed_of(plan, &runs, scored, &given_up)).unwrap_or_default());
        }
        missed.sort_by_key(|missed: &MissedWindows| std::cmp::Reverse(missed.span.end));
        missed.truncate(MISSED_SPANS);
        Ok(answers::Schedule {
            cron: firings.pattern().to_string(),
            zone: firings.zone().to_string(),
            interval_seconds: windows.interval().to_std().as_secs_f64(),
            window_seconds: windows.length().to_std().as_secs_f64(),
            lateness_seconds: lateness.to_std().as_secs_f64(),
            catch_up: *catch_up,
            scored_until: self.scored_until(&GroupName::default())?,
            next: self.next_runs(NEXT_RUNS)?,
            missed,
            groups,
            silent_seconds: self.live.schedule.silence(Instant::now()).map(|silence| silence.as_secs_f64()),
        })
    }

    /// The runs of all groups that are due next; none when the readings decide.
    pub(super) fn next_runs(&self, most: usize) -> Result<Vec<NextRun>, StoreError> {
        if let Clock::Event(_) = self.clock {
            return Ok(Vec::new());
        }
        let mut next = Vec::new();
        for plan in self.plans.iter() {
            next.extend(next_runs(plan, self.scored_until(&plan.name)?, self.clock.now(), most));
        }
        next.sort_by_key(|next| next.at);
        next.truncate(most);
        Ok(next)
    }

    /// The time before which all windows of a group are scored or given up.
    fn scored_until(&self, group: &GroupName) -> Result<Option<Timestamp>, StoreError> {
        self.reader.progress(&Progress::Scored(group.clone()))
    }

    fn of_group(
        &self,
        GroupPlan { name, schedule }: &GroupPlan,
        scored_until: Option<Timestamp>,
        runs: &[&Run],
        given_up: &[&GivenUp],
    ) -> GroupSchedule {
        let now = self.clock.now();
        let is_scored = |run: &&&Run| matches!(run.state, RunState::Finished(_));
        let scored = runs.iter().filter(is_scored).map(|run| run.window.end()).collect();
        let course = GroupCourse { schedule, scored, scored_until, given_up, now };
        let seconds = |span: crate::time::Span| span.to_std().as_secs_f64();
        GroupSchedule {
            group: name.to_string(),
            cron: schedule.firings.pattern().to_string(),
            zone: schedule.firings.zone().to_string(),
            window_seconds: seconds(schedule.windows.length()),
            hop_seconds: seconds(schedule.windows.hop()),
            delay_seconds: seconds(schedule.wait()),
            overlap: match schedule.overlap {
                Overlap::CatchUp => "catch_up",
                Overlap::QueueOne => "queue",
                Overlap::Skip => "skip",
            }
            .to_owned(),
            catch_up: schedule.catch_up,
            horizon_seconds: schedule.horizon.map(seconds),
            scored_until,
            last: if now == Timestamp::MIN { Vec::new() } else { course.last() },
            next: match self.clock {
                Clock::Wall => course.next(),
                Clock::Event(_) => Vec::new(),
            },
            given_up: given_up.iter().take(GIVEN_UP).map(|given_up| given_up_answer(given_up)).collect(),
        }
    }
}

fn given_up_answer(GivenUp { first_end, last_end, windows, why, at, .. }: &GivenUp) -> GivenUpWindows {
    let (at, first_end, last_end) = (*at, *first_end, *last_end);
    GivenUpWindows { at, first_end, last_end, windows: *windows, words: why.to_string() }
}

/// What is known of a group's past and future.
struct GroupCourse<'a> {
    schedule: &'a Schedule,
    /// The ends of the windows that a run has scored.
    scored: BTreeSet<Timestamp>,
    scored_until: Option<Timestamp>,
    given_up: &'a [&'a GivenUp],
    now: Timestamp,
}

impl GroupCourse<'_> {
    /// The last firings, the newest first.
    fn last(&self) -> Vec<LastFiring> {
        let firings = &self.schedule.firings;
        let last = std::iter::successors(firings.last_until(self.now), |at| self.schedule.firing_before(*at));
        last.take(FIRINGS).map(|at| self.last_firing(at)).collect()
    }

    fn last_firing(&self, at: Timestamp) -> LastFiring {
        let windows = self.schedule.windows;
        let before = self.schedule.firing_before(at).map_or(Timestamp::MIN, |before| windows.last_ending(before).end());
        let last = windows.last_ending(at).end();
        let covered = match before {
            Timestamp::MIN => 0,
            before => self.schedule.windows_between(before, last),
        };
        let scored = match covered {
            0 => 0,
            _ => self.scored.iter().filter(|end| before < **end && **end <= last).count() as u64,
        };
        let local = self.schedule.firings.zone().show(at);
        LastFiring { at, local, windows: covered, scored, words: self.what_came(at, before, last, covered, scored) }
    }

    fn what_came(&self, at: Timestamp, before: Timestamp, last: Timestamp, covered: u64, scored: u64) -> String {
        if covered == 0 {
            return "no window had ended since the firing before".to_owned();
        }
        if scored >= covered {
            return if covered == 1 { "scored".to_owned() } else { format!("all {covered} windows scored") };
        }
        let begins = at + self.schedule.wait();
        let given_up = self.given_up.iter().find(|given_up| given_up.first_end <= last && before < given_up.last_end);
        let rest = match (given_up, self.scored_until) {
            (Some(given_up), _) => format!("given up: {}", given_up.why),
            _ if self.now < begins => format!("the run begins at {begins}"),
            (None, Some(until)) if until >= last => {
                "not scored: the daemon had no readings yet, or gave them up before its last start".to_owned()
            }
            (None, Some(_)) => "waits: another run goes on, or the windows are held open for their source".to_owned(),
            (None, None) => "not scored: no reading has come yet".to_owned(),
        };
        match (covered, scored) {
            (1, _) => rest,
            (_, 0) => format!("{covered} windows: {rest}"),
            _ => format!("{scored} of {covered} windows scored; of the others: {rest}"),
        }
    }

    /// The next firings.
    fn next(&self) -> Vec<NextFiring> {
        let (firings, windows) = (&self.schedule.firings, self.schedule.windows);
        let next = std::iter::successors(firings.next_after(self.now), |at| firings.next_after(*at));
        let firing = |at: Timestamp| {
            let before = self.schedule.firing_before(at).unwrap_or(at);
            let covered = self.schedule.windows_between(before, at);
            let last = windows.last_ending(at);
            let scored = covered.min(self.schedule.most().into());
            let others = u32::try_from(scored.saturating_sub(1)).unwrap_or(u32::MAX);
            let span = Span { start: windows.before(last, others).start(), end: last.end() };
            let (local, begins) = (firings.zone().show(at), at + self.schedule.wait());
            NextFiring { at, local, begins, span, windows: covered, scored }
        };
        next.take(FIRINGS).map(firing).collect()
    }
}

/// The runs of a group that are due from `now` on, when the windows before `scored_until` are done.
fn next_runs(
    GroupPlan { name, schedule }: &GroupPlan,
    scored_until: Option<Timestamp>,
    now: Timestamp,
    most: usize,
) -> Vec<NextRun> {
    let windows = schedule.windows;
    let mut from = scored_until.unwrap_or(now).floor(windows.hop());
    let mut next = Vec::new();
    while next.len() < most {
        // A firing before the end of the window scores nothing.
        let before = (now - schedule.wait()).max(from + windows.hop() - crate::time::Span::from_nanos(1));
        let Some(firing) = schedule.firings.next_after(before) else { break };
        let (at, last) = (firing + schedule.wait(), windows.last_ending(firing));
        // What it gives up is none of its runs.
        let Some(due) = schedule.due(from, at, Timestamp::MAX) else { break };
        next.push(NextRun { at, window: Span { start: due.first.start(), end: last.end() }, group: name.to_string() });
        from = last.end();
    }
    next
}

/// The windows of a group before `scored_until` that no run of the ledger has scored, from the ledger's oldest run on; the
/// newest first.
fn missed_of(
    GroupPlan { name, schedule }: &GroupPlan,
    runs: &[&Run],
    scored_until: Timestamp,
    given_up: &[&GivenUp],
) -> Vec<MissedWindows> {
    let Schedule { windows, catch_up, .. } = schedule;
    // Windows are counted by their ends. What ran ahead of `scored_until` is not at its turn.
    let index = |run: &Run| run.window.end().index(windows.hop());
    let behind_all = scored_until.index(windows.hop()) + 1;
    let of_grid =
        runs.iter().filter(|run| windows.last_ending(run.window.end()) == run.window && index(run) < behind_all);
    let (mut finished, mut cut_off) = (BTreeSet::new(), BTreeMap::new());
    for run in of_grid {
        match run.state {
            RunState::Finished(_) => _ = finished.insert(index(run)),
            RunState::Started | RunState::CutOff => _ = cut_off.insert(index(run), *run),
        }
    }
    let Some(oldest) = finished.iter().chain(cut_off.keys()).min() else { return Vec::new() };
    let done = std::iter::once(oldest - 1).chain(finished.iter().copied());
    let ends = finished.iter().copied().chain([behind_all]);
    let gaps = done.zip(ends).map(|(before, behind)| (before + 1, behind)).filter(|(first, behind)| first < behind);
    let missed = gaps.map(|(first, behind)| {
        let end = |index: i64| Timestamp::from_nanos(index.saturating_mul(windows.hop().nanos()));
        let (first_end, last_end) = (end(first), end(behind - 1));
        let known = given_up.iter().find(|given_up| given_up.first_end <= last_end && first_end <= given_up.last_end);
        let why = known.map_or_else(|| why_missed(*catch_up), |known| format!("given up: {}", known.why));
        let words = match cut_off.range(first..behind).next() {
            Some((_, run)) => format!("run {} began and was cut off; what it left was {why}", run.id),
            None => why,
        };
        let span = Span { start: windows.last_ending(first_end).start(), end: last_end };
        MissedWindows { span, windows: (behind - first).unsigned_abs(), words, group: name.to_string() }
    });
    let mut missed: Vec<_> = missed.collect();
    missed.reverse();
    missed
}

fn why_missed(catch_up: u32) -> String {
    format!(
        "given up, because more windows were missed than are caught up on (schedule.catch_up = {catch_up}): the daemon was \
         down or held up, or the clock was set ahead"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;
    use crate::run::Tally;
    use crate::time;

    fn schedule(cron: &str) -> Schedule {
        let cut = Cut::new(time::Span::from_secs(60), time::Span::from_secs(3600)).unwrap();
        Schedule { lateness: time::Span::from_secs(30), ..Schedule::for_test(cron, cut.into()) }
    }

    fn plan(cron: &str) -> GroupPlan {
        GroupPlan { name: GroupName::default(), schedule: schedule(cron) }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn next(cron: &str, scored: &str, now: &str) -> Vec<(String, String, String)> {
        let next = next_runs(&plan(cron), Some(at(scored)), at(now), 2);
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
        // Not what is given up then.
        let horizon =
            Schedule { catch_up: 99, horizon: Some(time::Span::from_secs(3_600)), ..schedule("0 30 6 * * *") };
        let plan = GroupPlan { name: GroupName::default(), schedule: horizon };
        let late = super::next_runs(&plan, Some(at("2026-02-26 06:00")), at("2026-03-01 10:00"), 1);
        assert_eq!(late[0].window.start, at("2026-03-01 06:00"));
        // No more than are caught up on.
        let late = next("0 30 6 * * *", "2026-02-20 06:00", "2026-03-01 10:00");
        assert_eq!(late[0], row("02 06:30:30", "01 06:00:00", "02 06:00:00"));
    }

    #[test]
    fn what_came_of_the_last_firings_is_told_with_the_reason_and_by_both_clocks() {
        let firings =
            |cron: &str| crate::schedule::Firings::new(cron.parse().unwrap(), "Europe/Berlin".parse().unwrap());
        let berlin = Schedule { firings: firings("30 2 * * *"), ..schedule("@hourly") };
        let ends = |from: &str, until: &str| {
            let ends = std::iter::successors(Some(at(from)), |end| Some(*end + time::Span::from_secs(3600)));
            ends.take_while(|end| *end <= at(until)).collect::<BTreeSet<_>>()
        };
        let given_up = GivenUp {
            group: GroupName::default(),
            first_end: at("2026-03-27 02:00"),
            last_end: at("2026-03-27 12:00"),
            windows: 11,
            why: crate::schedule::agenda::GiveUpReason::MoreThanCatchUp { catch_up: 24 },
            at: at("2026-03-28 01:30"),
        };
        let course = GroupCourse {
            schedule: &berlin,
            scored: ends("2026-03-27 13:00", "2026-03-29 01:00"),
            scored_until: Some(at("2026-03-29 01:00")),
            given_up: &[&given_up],
            now: at("2026-03-30 00:30:10Z"),
        };
        let last: Vec<_> =
            course.last().into_iter().map(|firing| (firing.local, firing.windows, firing.words)).collect();
        let words = |local: &str, windows, words: &str| (local.to_owned(), windows, words.to_owned());
        assert_eq!(
            last[..3],
            [
                words("2026-03-30T02:30:00+02:00", 23, "23 windows: the run begins at 2026-03-30T00:30:30Z"),
                words("2026-03-29T03:00:00+02:00", 24, "all 24 windows scored"),
                words(
                    "2026-03-28T02:30:00+01:00",
                    24,
                    "13 of 24 windows scored; of the others: given up: more windows were missed than are caught up on \
                     (schedule.catch_up = 24)"
                ),
            ]
        );
        let next = course.next();
        assert_eq!((next[0].local.as_str(), next[0].windows), ("2026-03-31T02:30:00+02:00", 24));
        assert_eq!((next[0].span.start, next[0].begins), (at("2026-03-30 00:00"), at("2026-03-31 00:30:30Z")));
        let weekly = Schedule { firings: firings("0 6 * * MON"), ..berlin.clone() };
        let next = GroupCourse { schedule: &weekly, ..course }.next();
        assert_eq!((next[0].windows, next[0].scored), (167, 24), "the week in which clocks are put ahead");
        assert_eq!(next[0].span, Span { start: at("2026-03-29 04:00"), end: at("2026-03-30 04:00") });
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
        let missed = |scored: &str| missed_of(&plan("@hourly"), &runs.iter().collect::<Vec<_>>(), at(scored), &[]);
        let until_nine = missed("2026-03-01 09:00");
        let spans: Vec<_> = until_nine.iter().map(|missed| (missed.span.start.format("%H"), missed.windows)).collect();
        assert_eq!(spans, [("05".to_owned(), 3), ("02".to_owned(), 2)]);
        assert!(until_nine[0].words.contains("schedule.catch_up = 24"), "{until_nine:?}");
        assert!(until_nine[1].words.starts_with("run 2 began and was cut off"), "{until_nine:?}");
        assert_eq!(missed("2026-03-01 11:00")[0].windows, 2, "given up since the last run");
        assert_eq!(missed_of(&plan("@hourly"), &[], at("2026-03-01 11:00"), &[]), []);
        assert_eq!(missed("2026-03-01 07:00").len(), 2, "what ran ahead is not told");
    }
}
