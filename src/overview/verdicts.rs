//! Verdicts: in the words of the API, and lists of them, the newest first.
//!
//! A list reads the ledger backwards and of each run only the chunks of the sensors that are wanted. What one answer reads
//! is bounded; a selective question gets a short page, and goes on behind it.

use super::Overview;
use super::time_range::TimeRange;
use crate::answers::{self, List, WorstRow};
use crate::group::GroupName;
use crate::interval::Window;
use crate::run::{Run, RunId, RunState};
use crate::sensor::{SensorDirectory, SensorId};
use crate::sensor_pattern::SensorPattern;
use crate::store::{ChunkId, Reader, StoreError};
use crate::time::{Span, Timestamp};
use crate::verdict::{self, AnomalyScore, Label, Scored, ScoredRows, Verdict};

/// The most spans of anomalies that one verdict tells; a window may have thousands of intervals.
const MOST_SPANS: usize = 200;

/// The most runs and chunks that one answer reads.
const MOST_READ: usize = 20_000;

/// Which verdicts are wanted.
#[derive(Clone, Debug)]
pub struct VerdictSelection {
    /// The sensors.
    pub sensors: WantedSensors,
    /// Only those of runs of this group.
    pub group: Option<GroupName>,
    /// Their windows have a part in this range.
    pub range: TimeRange,
    /// Only those with this outcome.
    pub outcome: Option<answers::Outcome>,
    /// Which scored windows.
    pub anomalies: WantedAnomalies,
}

/// Whose verdicts are wanted.
#[derive(Clone, Debug)]
pub enum WantedSensors {
    /// Those of all sensors.
    All,
    /// Those of one.
    One(SensorId),
    /// Those of the sensors that fit a pattern.
    Fitting(SensorPattern),
}

/// Whether verdicts without anomalies are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WantedAnomalies {
    /// Verdicts with and without anomalies.
    Any,
    /// Only verdicts with anomalies.
    Some,
}

/// A place in a list of verdicts: behind the verdict of a sensor in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerdictCursor {
    run: RunId,
    /// The numbers below this one are behind us; sensors of a run come in the order of their numbers.
    next: u32,
}

impl VerdictCursor {
    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (run, next) = text.split_once('-')?;
        Some(Self { run: RunId(run.parse().ok()?), next: next.parse().ok()? })
    }
}

impl std::fmt::Display for VerdictCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.run, self.next)
    }
}

impl VerdictSelection {
    /// Whether a run may have verdicts that are wanted: it is over, and its window lies in the range.
    fn takes_run(&self, run: &Run) -> bool {
        let RunState::Finished(tally) = run.state else { return false };
        let count_of = |outcome| match outcome {
            answers::Outcome::Scored => tally.scored,
            answers::Outcome::NoData => tally.no_data,
            answers::Outcome::TooLittleData => tally.too_little_data,
            answers::Outcome::Failed => tally.failed,
            answers::Outcome::TimedOut => tally.timed_out,
            answers::Outcome::Quarantined => tally.quarantined,
            answers::Outcome::Unproven => tally.unproven,
        };
        self.range.overlaps(run.window)
            && self.group.as_ref().is_none_or(|group| *group == run.group)
            && self.outcome.is_none_or(|outcome| count_of(outcome) > 0)
            && (self.anomalies == WantedAnomalies::Any || tally.anomalies > 0)
    }

    fn takes(&self, verdict: &Verdict) -> bool {
        self.outcome.is_none_or(|outcome| outcome_answer(&verdict.outcome) == outcome)
            && (self.anomalies == WantedAnomalies::Any || anomalies(&verdict.outcome) > 0)
    }
}

/// The verdicts of a store.
#[derive(Clone, Copy, Debug)]
pub struct StoredVerdicts<'a> {
    /// Reads the store.
    pub reader: &'a Reader,
    /// The names of its sensors.
    pub sensors: &'a SensorDirectory,
}

impl Overview {
    /// The verdicts of the store.
    pub fn stored_verdicts(&self) -> StoredVerdicts<'_> {
        StoredVerdicts { reader: &self.reader, sensors: &self.sensors }
    }

    /// A verdict in the words of the API; `None` when its sensor has no name any more.
    pub fn verdict_answer(&self, run: &Run, verdict: &Verdict) -> Option<answers::Verdict> {
        self.stored_verdicts().answer(run, verdict)
    }
}

impl StoredVerdicts<'_> {
    /// Verdicts of finished runs: of the newest run first, and within a run in the order of the sensors' numbers.
    ///
    /// A page may be shorter than `limit` although more verdicts follow, because one answer reads a bounded part of the
    /// store; [`List::next`] then says where to go on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(
        &self,
        wanted: &VerdictSelection,
        after: Option<VerdictCursor>,
        limit: usize,
    ) -> Result<List<answers::Verdict>, StoreError> {
        self.list_within(MOST_READ, wanted, after, limit)
    }

    fn list_within(
        &self,
        most_read: usize,
        wanted: &VerdictSelection,
        after: Option<VerdictCursor>,
        limit: usize,
    ) -> Result<List<answers::Verdict>, StoreError> {
        let chosen = self.chosen(&wanted.sensors);
        let next_run = self.reader.next_run()?;
        let oldest = self.reader.oldest_run_with_verdicts(next_run);
        let newest = after.map_or(next_run.0, |cursor| cursor.run.0.saturating_add(1).min(next_run.0));
        let mut reads_left = most_read;
        let mut items = Vec::new();
        for id in (oldest.0..newest).rev().map(RunId) {
            let first = after.filter(|cursor| cursor.run == id).map_or(0, |cursor| cursor.next);
            let Some(left) = reads_left.checked_sub(1) else {
                return Ok(go_on_at(items, VerdictCursor { run: id, next: first }));
            };
            reads_left = left;
            let Some(run) = self.reader.run(id)?.filter(|run| wanted.takes_run(run)) else { continue };
            for chunk in chunks_of(&run, chosen.as_deref(), first) {
                let Some(left) = reads_left.checked_sub(1) else {
                    return Ok(go_on_at(items, VerdictCursor { run: id, next: chunk.first().0.max(first) }));
                };
                reads_left = left;
                for verdict in self.reader.verdicts(id, chunk)? {
                    let number = verdict.sensor.0;
                    let is_chosen = chosen.as_ref().is_none_or(|chosen| chosen.binary_search(&number).is_ok());
                    if number < first || !is_chosen || !wanted.takes(&verdict) {
                        continue;
                    }
                    if items.len() >= limit {
                        return Ok(go_on_at(items, VerdictCursor { run: id, next: number }));
                    }
                    items.extend(self.answer(&run, &verdict));
                }
            }
        }
        Ok(List { items, next: None, total: None })
    }

    /// The numbers of the sensors that are wanted, in order; `None` for all.
    fn chosen(&self, wanted: &WantedSensors) -> Option<Vec<u32>> {
        match wanted {
            WantedSensors::All => None,
            WantedSensors::One(sensor) => Some(vec![sensor.0]),
            WantedSensors::Fitting(pattern) => {
                let numbers = 0..u32::try_from(self.sensors.numbers()).unwrap_or(u32::MAX);
                let fits = |number: &u32| {
                    self.sensors.name(SensorId(*number)).is_some_and(|name| pattern.fits(&name.to_string()))
                };
                Some(numbers.filter(fits).collect())
            }
        }
    }

    /// A verdict in the words of the API; `None` when its sensor has no name any more.
    fn answer(&self, run: &Run, verdict: &Verdict) -> Option<answers::Verdict> {
        let sensor = self.sensors.name(verdict.sensor)?.to_string();
        Some(verdict_answer(sensor, run, verdict))
    }
}

/// A page that is followed by others.
fn go_on_at(items: Vec<answers::Verdict>, next: VerdictCursor) -> List<answers::Verdict> {
    List { items, next: Some(next.to_string()), total: None }
}

/// The chunks of a run that hold verdicts of chosen sensors whose numbers are not below `first`, in order.
fn chunks_of(run: &Run, chosen: Option<&[u32]>, first: u32) -> Vec<ChunkId> {
    let mut chunks = match chosen {
        None => {
            run.scope.iter().filter(|number| *number >= first).map(|number| ChunkId::of(SensorId(number))).collect()
        }
        Some(chosen) => {
            let chosen = chosen.iter().filter(|number| **number >= first && run.scope.contains(**number));
            chosen.map(|number| ChunkId::of(SensorId(*number))).collect::<Vec<_>>()
        }
    };
    chunks.dedup();
    chunks
}

/// The verdict of a sensor in a run; `None` when none is stored.
pub(super) fn verdict_of(reader: &Reader, run: RunId, sensor: SensorId) -> Result<Option<Verdict>, StoreError> {
    let verdicts = reader.verdicts(run, ChunkId::of(sensor))?;
    Ok(verdicts.into_iter().find(|verdict| verdict.sensor == sensor))
}

/// A verdict in the words of the API.
pub fn verdict_answer(sensor: String, run: &Run, verdict: &Verdict) -> answers::Verdict {
    let Run { window, interval, .. } = *run;
    let scored = match &verdict.outcome {
        verdict::Outcome::Scored(scored) => Some(scored),
        _ => None,
    };
    let worst = scored.and_then(Scored::worst);
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    answers::Verdict {
        run: run.id.0,
        group: run.group.to_string(),
        revision: run.revision,
        window: span_of(window),
        outcome: outcome_answer(&verdict.outcome),
        reason: reason(&verdict.outcome),
        model: scored.map(|scored| scored.model.to_string()),
        is_proven: scored.map(|scored| scored.proven),
        anomaly_score: scored.and_then(|scored| scored.boundary).map(AnomalyScore::get),
        intervals: scored.map_or(0, |scored| small(scored.rows.len())),
        anomalies: small(anomalies(&verdict.outcome)),
        anomalous: scored.map_or_else(Vec::new, |scored| anomalous_spans(&scored.rows, window, interval)),
        worst: worst
            .map(|row| WorstRow { time: interval_start(window, interval, row.interval), decision: row.decision }),
        score: scored.zip(worst).and_then(|(scored, worst)| scored.score(worst)),
        explanation: scored
            .and_then(|scored| scored.explanation.as_ref())
            .map(|explanation| explanation_answer(&sensor, explanation, window, interval)),
        sensor,
    }
}

/// An outcome in the words of the API.
pub fn outcome_answer(outcome: &verdict::Outcome) -> answers::Outcome {
    match outcome {
        verdict::Outcome::Scored(_) => answers::Outcome::Scored,
        verdict::Outcome::NoData => answers::Outcome::NoData,
        verdict::Outcome::TooLittleData { .. } => answers::Outcome::TooLittleData,
        verdict::Outcome::Failed { .. } => answers::Outcome::Failed,
        verdict::Outcome::TimedOut { .. } => answers::Outcome::TimedOut,
        verdict::Outcome::Quarantined => answers::Outcome::Quarantined,
        verdict::Outcome::Unproven => answers::Outcome::Unproven,
    }
}

/// An explanation in the words of the API, of a sensor's verdict. A feature without a sensor's name is of that sensor, and
/// its words name it, as they also stand where no sensor is in view.
pub fn explanation_answer(
    sensor: &str,
    explanation: &verdict::Explanation,
    window: Window,
    interval: Span,
) -> answers::Explanation {
    let words = explanation.words(window, interval);
    let own = sensor.rsplit_once('/').map_or(sensor, |(_, own)| own);
    let words = if explanation.feature.contains('.') { words } else { format!("{own} {words}") };
    // JSON has no number for what is missing.
    let finite = |number: f64| number.is_finite().then_some(number);
    answers::Explanation {
        words,
        time: interval_start(window, interval, explanation.interval),
        feature: explanation.feature.clone(),
        value: finite(explanation.value),
        usual_low: explanation.usual.and_then(|(low, _)| finite(low)),
        usual_high: explanation.usual.and_then(|(_, high)| finite(high)),
    }
}

/// Why a window was not scored, if it was not.
pub(super) fn reason(outcome: &verdict::Outcome) -> Option<String> {
    match outcome {
        verdict::Outcome::Scored(_) => None,
        verdict::Outcome::NoData => Some("the window holds no readings of the sensor".to_owned()),
        verdict::Outcome::TooLittleData { intervals, needed } => {
            Some(format!("rows can be made for {intervals} intervals, and {needed} are needed (scoring.min_intervals)"))
        }
        verdict::Outcome::Failed { .. } | verdict::Outcome::TimedOut { .. } => {
            outcome.fault().map(std::borrow::Cow::into_owned)
        }
        verdict::Outcome::Quarantined => {
            let words = "the model failed so often that it is not tried any more until it is released (`anomalyd models \
                         release`, or by itself after supervision.release_after), or another file takes its place";
            Some(words.to_owned())
        }
        verdict::Outcome::Unproven => Some(
            "no file beside the model says what it should answer, and scoring.proof wants such a file of every model"
                .to_owned(),
        ),
    }
}

fn anomalies(outcome: &verdict::Outcome) -> usize {
    match outcome {
        verdict::Outcome::Scored(scored) => scored.anomalies(),
        _ => 0,
    }
}

/// The anomalies of a window, neighbouring intervals as one span; the first [`MOST_SPANS`].
fn anomalous_spans(rows: &ScoredRows, window: Window, interval: Span) -> Vec<answers::Span> {
    let mut spans: Vec<answers::Span> = Vec::new();
    let anomalies = rows.iter().filter(|(_, label, _)| *label == Label::Anomaly);
    for start in anomalies.map(|(place, ..)| interval_start(window, interval, place)) {
        let end = start + interval;
        let is_full = spans.len() == MOST_SPANS;
        match spans.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ if is_full => break,
            _ => spans.push(answers::Span { start, end }),
        }
    }
    spans
}

pub(super) fn interval_start(window: Window, interval: Span, place: u16) -> Timestamp {
    window.start() + interval.times(i64::from(place))
}

/// A window as a span of time.
pub(super) fn span_of(window: Window) -> answers::Span {
    answers::Span { start: window.start(), end: window.end() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::test_runs::{RunStore, hour, scored};
    use crate::sensor::SensorName;
    use crate::verdict::Row;

    /// Sensors in three chunks, in four hours; the third run goes on.
    fn store() -> (RunStore, SensorDirectory) {
        let sensors = SensorDirectory::new(100, vec![]);
        for number in 0..40 {
            let device = if number % 2 == 0 { "even" } else { "odd" };
            sensors.intern(&SensorName::new(device, &format!("s{number:02}")).unwrap()).unwrap();
        }
        let mut runs = RunStore::new(10);
        for run in 1..=4_u32 {
            let outcome = |sensor: u32| match (sensor + run) % 4 {
                0 => scored(&[3, 4, 5, 50], -0.5),
                1 => verdict::Outcome::NoData,
                _ => scored(&[], 1.0),
            };
            let outcomes = [0, 1, 5, 15, 16, 17, 39].map(|sensor| (sensor, outcome(sensor))).to_vec();
            match run {
                3 => runs.begin(run.into(), hour(run), outcomes),
                _ => runs.finish(run.into(), hour(run), outcomes),
            }
        }
        (runs, sensors)
    }

    fn all() -> VerdictSelection {
        VerdictSelection {
            group: None,
            sensors: WantedSensors::All,
            range: TimeRange { since: hour(0).start(), until: hour(9).start() },
            outcome: None,
            anomalies: WantedAnomalies::Any,
        }
    }

    /// All pages, each of which reads and has so much at the most.
    fn pages(wanted: &VerdictSelection, most_read: usize, limit: usize) -> Vec<answers::Verdict> {
        let (runs, sensors) = store();
        let stored = StoredVerdicts { reader: runs.reader(), sensors: &sensors };
        let (mut items, mut after) = (Vec::new(), None);
        for _ in 0..200 {
            let page = stored.list_within(most_read, wanted, after, limit).unwrap();
            assert!(page.items.len() <= limit);
            items.extend(page.items);
            after = page.next.map(|next| VerdictCursor::parse(&next).unwrap());
            if after.is_none() {
                return items;
            }
        }
        panic!("the list has no end");
    }

    #[test]
    fn finished_runs_are_listed_the_newest_first_whatever_a_page_has_and_reads() {
        let whole = pages(&all(), MOST_READ, 1000);
        let places: Vec<_> = whole.iter().map(|verdict| (verdict.run, &verdict.sensor[..])).collect();
        let names = ["even/s00", "odd/s01", "odd/s05", "odd/s15", "even/s16", "odd/s17", "odd/s39"];
        let expected: Vec<_> = [4, 2, 1].iter().flat_map(|run| names.map(|name| (*run, name))).collect();
        assert_eq!(places, expected);
        for (most_read, limit) in [(MOST_READ, 1), (MOST_READ, 3), (2, 1000), (3, 2), (5, 7)] {
            assert_eq!(pages(&all(), most_read, limit), whole, "{most_read} read, {limit} a page");
        }
    }

    #[test]
    fn a_selection_takes_what_it_says() {
        let whole = pages(&all(), MOST_READ, 1000);
        let kept =
            |keep: &dyn Fn(&answers::Verdict) -> bool| whole.iter().filter(|v| keep(v)).cloned().collect::<Vec<_>>();
        let anomalous = VerdictSelection { anomalies: WantedAnomalies::Some, ..all() };
        assert_eq!(pages(&anomalous, 4, 2), kept(&|verdict| verdict.anomalies > 0));
        let silent = VerdictSelection { outcome: Some(answers::Outcome::NoData), ..all() };
        assert_eq!(pages(&silent, 4, 2), kept(&|verdict| verdict.outcome == answers::Outcome::NoData));
        let odd = WantedSensors::Fitting(SensorPattern::parse("odd/*").unwrap());
        let odd = VerdictSelection { sensors: odd, ..all() };
        assert_eq!(pages(&odd, 4, 2), kept(&|verdict| verdict.sensor.starts_with("odd/")));
        let one = VerdictSelection { sensors: WantedSensors::One(SensorId(16)), ..all() };
        assert_eq!(pages(&one, 4, 2), kept(&|verdict| verdict.sensor == "even/s16"));
        let range = TimeRange { since: hour(2).start(), until: hour(4).start() };
        assert_eq!(pages(&VerdictSelection { range, ..all() }, 4, 2), kept(&|verdict| verdict.run == 2));
    }

    #[test]
    fn the_words_of_an_explanation_name_the_sensor_once() {
        for (feature, words) in [("mean", "flow mean 7 at 04:03"), ("heat.std", "heat std 7 at 04:03")] {
            let explanation = verdict::Explanation { interval: 3, feature: feature.into(), value: 7.0, usual: None };
            let answer = explanation_answer("press-1/flow", &explanation, hour(4), Span::from_secs(60));
            assert_eq!((&*answer.words, &*answer.feature), (words, feature));
        }
    }

    #[test]
    fn a_verdict_tells_its_anomalies_as_spans_and_why() {
        let whole = pages(&all(), MOST_READ, 1000);
        let verdict = whole.iter().find(|verdict| verdict.run == 4 && verdict.sensor == "even/s00").unwrap();
        let at = |minute: u32| hour(4).start() + Span::from_secs(60 * minute);
        let span = |start, end| answers::Span { start: at(start), end: at(end) };
        assert_eq!(verdict.anomalous, [span(3, 6), span(50, 51)]);
        assert_eq!((verdict.intervals, verdict.anomalies), (60, 4));
        assert_eq!(verdict.worst, Some(WorstRow { time: at(3), decision: -0.5 }));
        let explanation = verdict.explanation.as_ref().unwrap();
        assert_eq!((&*explanation.words, explanation.time), ("flow mean -0.5 at 04:03, usually 0.2 to 0.9", at(3)));
        let silent = whole.iter().find(|verdict| verdict.outcome == answers::Outcome::NoData).unwrap();
        assert_eq!(silent.reason.as_deref(), Some("the window holds no readings of the sensor"));
    }

    #[test]
    fn spans_of_anomalies_are_bounded() {
        let rows: ScoredRows = (0..2 * 300)
            .map(|interval| Row {
                interval,
                label: if interval % 2 == 0 { Label::Anomaly } else { Label::Normal },
                decision: -1.0,
            })
            .collect();
        assert_eq!(anomalous_spans(&rows, hour(1), Span::from_secs(1)).len(), MOST_SPANS);
    }

    #[test]
    fn a_cursor_can_be_read_back() {
        let cursor = VerdictCursor { run: RunId(u64::MAX), next: 7 };
        assert_eq!(VerdictCursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", "7", "7-", "-7", "7-x", "7-4294967296"] {
            assert_eq!(VerdictCursor::parse(text), None, "{text}");
        }
    }
}
