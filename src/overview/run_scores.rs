//! What finished runs said of each sensor, a byte a sensor and window.
//!
//! A finished run never changes, so its verdicts are read from the store once and kept in memory, within a bound; the
//! runs that were asked for least recently make room for others. The runs themselves are kept as their ids and windows.
//!
//! One question at a time reads from the store; others that need the same runs wait for it, and find them there. A
//! question that finds all that it needs waits for nobody. While a question works it may hold runs that another one has
//! put out of the memory, so for that moment the bound may be exceeded by what a question takes, which is at most the
//! bound again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::answers::Outcome;
use crate::group::{GroupName, Groups};
use crate::interval::Window;
use crate::overview::score_code::ScoreCode;
use crate::run::{Run, RunId, RunState};
use crate::sensor::SensorId;
use crate::store::{Reader, StoreError};
use crate::telemetry::metrics;
use crate::time::Timestamp;

/// What a run said of a window of a sensor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct VerdictSummary {
    /// What came out.
    pub outcome: Outcome,
    /// Whether an interval is an anomaly.
    pub is_anomalous: bool,
    /// How unusual the worst interval is, from 0 to 1, to within 1/244.
    pub score: Option<f32>,
}

/// The codes of a run, by the sensors' numbers; what is beyond its end is empty.
type RunCodes = Arc<[ScoreCode]>;

/// Remembers what finished runs said.
#[derive(Debug)]
pub struct RunScores {
    max_bytes: usize,
    memory: Mutex<Memory>,
    /// Held by the question that reads runs from the store.
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The window of each finished run of the ledger whose verdicts may be stored.
    ledger: BTreeMap<RunId, LedgerEntry>,
    codes: HashMap<RunId, RememberedRun>,
    bytes: usize,
    /// Counts the questions.
    question: u64,
}

#[derive(Clone, Debug)]
struct LedgerEntry {
    group: GroupName,
    window: Window,
    /// How many codes it has: one for each number up to the last in its scope.
    codes: usize,
}

#[derive(Debug)]
struct RememberedRun {
    codes: RunCodes,
    last_used: u64,
}

/// What finished runs said of some windows.
#[derive(Clone, Debug, Default)]
pub struct ScoredWindows {
    /// Those that a run has scored, the oldest first.
    pub windows: Vec<ScoredWindow>,
    /// The start of the oldest of them when older ones did not fit; `None` when all that was asked for is there.
    pub complete_since: Option<Timestamp>,
}

/// What finished runs said of a window.
#[derive(Clone, Debug)]
pub struct ScoredWindow {
    /// The window.
    pub window: Window,
    /// Its runs, the newest first: a later one counts instead of an earlier one.
    runs: Vec<(RunId, RunCodes)>,
}

/// Which windows a question is about.
#[derive(Clone, Copy)]
enum Wanted {
    /// Those that begin within a range of time, as many of the newest as fit into the memory.
    Between(Timestamp, Timestamp),
    /// The newest.
    Newest(usize),
}

/// The runs that a question reads.
#[derive(Default)]
struct Choice {
    /// Each with its window, the newest window first.
    runs: Vec<(Window, RunId)>,
    complete_since: Option<Timestamp>,
}

impl RunScores {
    /// Remembers runs within so many bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, memory: Mutex::default(), reading: Mutex::default() }
    }

    /// What finished runs of a group said of the windows that begin from `since` on and before `until`; of those the newest
    /// that fit into the memory together, see [`ScoredWindows::complete_since`].
    pub fn between(
        &self,
        reader: &Reader,
        group: &GroupName,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<ScoredWindows, StoreError> {
        self.learn_runs(reader)?;
        self.read(reader, group, Wanted::Between(since, until), self.max_bytes)
    }

    /// What finished runs of each group said of the group's newest windows, at most so many, in the order of the groups.
    /// The windows of all groups together fit into the memory, but one of each group in any case.
    pub fn newest(&self, reader: &Reader, groups: &Groups, most: usize) -> Result<Vec<ScoredWindows>, StoreError> {
        self.learn_runs(reader)?;
        let share = self.max_bytes / groups.iter().count().max(1);
        groups.iter().map(|group| self.read(reader, &group.name, Wanted::Newest(most), share)).collect()
    }

    /// The oldest window and the newest that a finished run of a group has scored whose verdicts may be stored.
    pub fn extent(&self, reader: &Reader, group: &GroupName) -> Result<Option<(Window, Window)>, StoreError> {
        self.learn_runs(reader)?;
        let memory = lock(&self.memory);
        let windows = memory.ledger.values().filter(|entry| entry.group == *group).map(|entry| entry.window);
        Ok(windows.clone().min().zip(windows.max()))
    }

    fn read(
        &self,
        reader: &Reader,
        group: &GroupName,
        wanted: Wanted,
        max_bytes: usize,
    ) -> Result<ScoredWindows, StoreError> {
        let Choice { runs: wanted, complete_since } = lock(&self.memory).choose(group, wanted, max_bytes);
        let mut windows: BTreeMap<Window, Vec<(RunId, RunCodes)>> = BTreeMap::new();
        for (window, run) in wanted {
            if let Some(codes) = self.codes(reader, run)? {
                windows.entry(window).or_default().push((run, codes));
            }
        }
        let windows = windows.into_iter().map(|(window, mut runs)| {
            runs.sort_unstable_by_key(|(run, _)| std::cmp::Reverse(*run));
            ScoredWindow { window, runs }
        });
        Ok(ScoredWindows { windows: windows.collect(), complete_since })
    }

    /// Takes the runs that have finished since the last question into the ledger, and those that are gone out of it.
    fn learn_runs(&self, reader: &Reader) -> Result<(), StoreError> {
        let next = reader.next_run()?;
        let unknown: Vec<RunId> = {
            let mut memory = lock(&self.memory);
            let oldest = reader.oldest_run_with_verdicts(next);
            memory.forget_before(oldest);
            memory.question += 1;
            (oldest.0..next.0).map(RunId).filter(|run| !memory.ledger.contains_key(run)).collect()
        };
        for id in unknown {
            if let Some(run) = reader.run(id)?
                && let RunState::Finished(_) = run.state
            {
                lock(&self.memory).ledger.insert(id, LedgerEntry::of(&run));
            }
        }
        Ok(())
    }

    /// The codes of a run, read from the store unless they are remembered; `None` when the run is gone.
    fn codes(&self, reader: &Reader, id: RunId) -> Result<Option<RunCodes>, StoreError> {
        if let Some(codes) = lock(&self.memory).remembered(id) {
            return Ok(Some(codes));
        }
        let _reading = lock(&self.reading);
        // Another question may have read them meanwhile.
        if let Some(codes) = lock(&self.memory).remembered(id) {
            return Ok(Some(codes));
        }
        let Some(run) = reader.run(id)? else { return Ok(None) };
        let mut codes = vec![ScoreCode::default(); LedgerEntry::of(&run).codes];
        reader.verdict_summaries(&run, &mut |sensor, summary| {
            if let Some(code) = codes.get_mut(sensor.index()) {
                *code = ScoreCode::of(summary);
            }
        })?;
        let codes = RunCodes::from(codes);
        lock(&self.memory).remember(id, Arc::clone(&codes), self.max_bytes);
        Ok(Some(codes))
    }
}

impl LedgerEntry {
    fn of(run: &Run) -> Self {
        Self {
            group: run.group.clone(),
            window: run.window,
            codes: run.scope.last().map_or(0, |last| last as usize + 1),
        }
    }
}

impl Memory {
    /// The runs of a group and of the windows that are wanted, as far as their codes fit into so many bytes, the newest
    /// window first.
    fn choose(&self, group: &GroupName, wanted: Wanted, max_bytes: usize) -> Choice {
        let is_wanted = |entry: &LedgerEntry| match wanted {
            _ if entry.group != *group => false,
            Wanted::Between(since, until) => since <= entry.window.start() && entry.window.start() < until,
            Wanted::Newest(_) => true,
        };
        let mut by_window: BTreeMap<Window, Vec<RunId>> = BTreeMap::new();
        for (id, entry) in self.ledger.iter().filter(|(_, entry)| is_wanted(entry)) {
            by_window.entry(entry.window).or_default().push(*id);
        }
        let most = match wanted {
            Wanted::Between(..) => usize::MAX,
            Wanted::Newest(most) => most,
        };
        let mut bytes = 0;
        let mut choice = Choice::default();
        for (window, ids) in by_window.into_iter().rev().take(most) {
            bytes += ids.iter().filter_map(|id| self.ledger.get(id)).map(|entry| bytes_of(entry.codes)).sum::<usize>();
            if let (true, Some((oldest, _))) = (bytes > max_bytes, choice.runs.last()) {
                choice.complete_since = Some(oldest.start());
                break;
            }
            choice.runs.extend(ids.into_iter().map(|id| (window, id)));
        }
        choice
    }

    fn remembered(&mut self, id: RunId) -> Option<RunCodes> {
        let run = self.codes.get_mut(&id)?;
        run.last_used = self.question;
        Some(Arc::clone(&run.codes))
    }

    /// Remembers the codes of a run, in the place of those that were used least recently, and of these of the oldest.
    fn remember(&mut self, id: RunId, codes: RunCodes, max_bytes: usize) {
        let bytes = bytes_of(codes.len());
        while self.bytes + bytes > max_bytes {
            let Some(least) = self.codes.iter().min_by_key(|(id, run)| (run.last_used, **id)).map(|(id, _)| *id) else {
                break;
            };
            self.forget(least);
        }
        if bytes <= max_bytes {
            self.bytes += bytes;
            self.codes.insert(id, RememberedRun { codes, last_used: self.question });
        }
        metrics::TIMELINE_BYTES.set(self.bytes as u64);
    }

    fn forget(&mut self, id: RunId) {
        if let Some(run) = self.codes.remove(&id) {
            self.bytes -= bytes_of(run.codes.len());
        }
    }

    fn forget_before(&mut self, oldest: RunId) {
        let kept = self.ledger.split_off(&oldest);
        for id in std::mem::replace(&mut self.ledger, kept).into_keys() {
            self.forget(id);
        }
    }
}

impl ScoredWindow {
    /// What the last run that says something of a sensor says.
    pub fn of(&self, sensor: SensorId) -> Option<VerdictSummary> {
        self.code(sensor).summary()
    }

    pub(super) fn code(&self, sensor: SensorId) -> ScoreCode {
        let codes = self.runs.iter().filter_map(|(_, codes)| codes.get(sensor.index()));
        codes.copied().find(|code| *code != ScoreCode::default()).unwrap_or_default()
    }

    /// The last run that says something of a sensor.
    pub fn run_of(&self, sensor: SensorId) -> Option<RunId> {
        let says = |codes: &RunCodes| codes.get(sensor.index()).is_some_and(|code| *code != ScoreCode::default());
        self.runs.iter().find(|(_, codes)| says(codes)).map(|(run, _)| *run)
    }
}

impl ScoredWindows {
    /// The last of the windows of which something is said of a sensor, and what.
    pub fn last_of(&self, sensor: SensorId) -> Option<(Window, VerdictSummary)> {
        self.windows.iter().rev().find_map(|window| Some((window.window, window.of(sensor)?)))
    }
}

/// What a run with so many codes takes in memory, with what holds it.
fn bytes_of(codes: usize) -> usize {
    const HOLDER: usize = 128;
    HOLDER + codes
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked has left every value whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::test_runs::{RunStore, groups, hour, scored};
    use crate::verdict;

    /// The scores of the first sensors in each window, in hundredths; `x` for one that was not scored.
    fn shown(scored: &ScoredWindows) -> Vec<String> {
        let sensor = |window: &ScoredWindow, sensor| match window.of(SensorId(sensor)) {
            None => "-".to_owned(),
            Some(VerdictSummary { score: Some(score), .. }) => format!("{:.0}", score * 100.0),
            Some(VerdictSummary { score: None, .. }) => "x".to_owned(),
        };
        let window = |window: &ScoredWindow| {
            let sensors = (0..3).map(|number| sensor(window, number)).collect::<Vec<_>>().join(" ");
            format!("{} {sensors}", window.window.start().format("%H"))
        };
        scored.windows.iter().map(window).collect()
    }

    fn all(scores: &RunScores, store: &RunStore) -> Vec<String> {
        shown(&scores.between(store.reader(), &GroupName::default(), Timestamp::MIN, Timestamp::MAX).unwrap())
    }

    fn strange() -> verdict::Outcome {
        scored(&[7], -5.0)
    }

    fn usual() -> verdict::Outcome {
        scored(&[], 1.0)
    }

    #[test]
    fn each_window_says_what_its_runs_said() {
        let mut store = RunStore::new(9);
        store.finish(1, hour(3), vec![(0, usual()), (1, strange()), (20, strange())]);
        store.finish(2, hour(4), vec![(0, verdict::Outcome::NoData), (2, usual())]);
        let scores = RunScores::new(1 << 20);
        let read = scores.between(store.reader(), &GroupName::default(), Timestamp::MIN, Timestamp::MAX).unwrap();
        assert_eq!(shown(&read), ["03 2 100 -", "04 x - 2"]);
        assert!(read.windows[0].of(SensorId(20)).unwrap().is_anomalous);
        assert_eq!(read.windows[0].of(SensorId(99)), None);
        let (last, summary) = read.last_of(SensorId(1)).unwrap();
        assert_eq!((last, summary.outcome, summary.is_anomalous), (hour(3), Outcome::Scored, true));
        assert_eq!(read.windows[1].run_of(SensorId(0)), Some(RunId(2)));
        let early = scores.between(store.reader(), &GroupName::default(), hour(3).start(), hour(4).start()).unwrap();
        assert_eq!((shown(&early), early.complete_since), (vec!["03 2 100 -".to_owned()], None));
        assert_eq!(shown(&scores.newest(store.reader(), &groups(), 1).unwrap()[0]), ["04 x - 2"]);
        assert_eq!(scores.extent(store.reader(), &GroupName::default()).unwrap(), Some((hour(3), hour(4))));
    }

    #[test]
    fn a_later_run_over_a_window_counts_instead_of_the_earlier_one() {
        let mut store = RunStore::new(9);
        store.finish(1, hour(3), vec![(0, strange()), (1, strange())]);
        let scores = RunScores::new(1 << 20);
        assert_eq!(all(&scores, &store), ["03 100 100 -"]);
        store.finish(2, hour(4), vec![(0, usual())]);
        store.finish(3, hour(3), vec![(0, usual())]);
        assert_eq!(all(&scores, &store), ["03 2 100 -", "04 2 - -"], "of sensor 1 the later run says nothing");
    }

    #[test]
    fn a_run_counts_when_it_has_ended_and_is_read_once() {
        let mut store = RunStore::new(9);
        store.begin(1, hour(3), vec![(0, usual())]);
        let scores = RunScores::new(1 << 20);
        assert_eq!(all(&scores, &store), Vec::<String>::new());
        store.finish(1, hour(3), vec![(0, usual())]);
        assert_eq!(all(&scores, &store), ["03 2 - -"]);
        // No daemon writes over a finished run. Whoever did would not be heard.
        store.finish(1, hour(3), vec![(0, strange())]);
        assert_eq!(all(&scores, &store), ["03 2 - -"]);
    }

    #[test]
    fn a_run_that_left_the_ring_is_forgotten() {
        let mut store = RunStore::new(2);
        let scores = RunScores::new(1 << 20);
        for number in 1..5 {
            store.finish(number.into(), hour(number), vec![(0, usual())]);
            scores.newest(store.reader(), &groups(), 9).unwrap();
        }
        assert_eq!(all(&scores, &store), ["03 2 - -", "04 2 - -"]);
        assert_eq!(lock(&scores.memory).bytes, 2 * bytes_of(1));
    }

    #[test]
    fn what_does_not_fit_makes_room_and_what_is_beyond_the_bound_is_left_out() {
        let mut store = RunStore::new(9);
        for number in 1..5 {
            store.finish(number.into(), hour(number), vec![(0, usual())]);
        }
        let scores = RunScores::new(2 * bytes_of(1));
        let read = scores.between(store.reader(), &GroupName::default(), hour(1).start(), hour(5).start()).unwrap();
        assert_eq!(
            (shown(&read), read.complete_since),
            (vec!["03 2 - -".into(), "04 2 - -".into()], Some(hour(3).start()))
        );
        let read = scores.between(store.reader(), &GroupName::default(), hour(1).start(), hour(3).start()).unwrap();
        assert_eq!((shown(&read), read.complete_since), (vec!["01 2 - -".into(), "02 2 - -".into()], None));
        assert_eq!(lock(&scores.memory).bytes, 2 * bytes_of(1));
        let scores = RunScores::new(0);
        let read = scores.between(store.reader(), &GroupName::default(), hour(1).start(), hour(5).start()).unwrap();
        assert_eq!(shown(&read), ["04 2 - -"], "one window is always answered");
        assert_eq!(lock(&scores.memory).bytes, 0);
    }

    #[test]
    fn many_questions_at_once_get_the_same_answer() {
        let mut store = RunStore::new(9);
        for number in 1..9 {
            store.finish(number.into(), hour(number), vec![(0, usual()), (1, strange())]);
        }
        for max_bytes in [1 << 20, 3 * bytes_of(2)] {
            let scores = RunScores::new(max_bytes);
            let alone = all(&RunScores::new(max_bytes), &store);
            std::thread::scope(|threads| {
                let ask = || all(&scores, &store);
                let asking: Vec<_> = (0..8).map(|_| threads.spawn(ask)).collect();
                asking.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), alone));
            });
            assert!(lock(&scores.memory).bytes <= max_bytes);
        }
    }
}
