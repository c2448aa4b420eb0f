//! A store with runs, for tests.

use tempfile::TempDir;

use crate::group::Groups;
use crate::interval::{Cut, Interval, Window};
use crate::number_set::NumberSet;
use crate::run::{Run, RunState, Tally};
use crate::sensor::SensorId;
use crate::store::{ChunkId, Reader, ShedSettings, Store, StoreSettings, StoredChunks};
use crate::time::{Span, Timestamp};
use crate::verdict::{Explanation, Label, ModelHash, Outcome, Row, Scored, Verdict, VerdictRows};
use crate::window::{BlockBuilder, ClosedWindow, SensorHead};

/// A store whose runs are written by hand. Its windows are hours, its intervals minutes.
pub(super) struct RunStore {
    store: Store,
    _directory: TempDir,
}

/// What is said of each sensor, by its number.
pub(super) type Outcomes = Vec<(u32, Outcome)>;

pub(super) fn cut() -> Cut {
    Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap()
}

/// All sensors are in the default group.
pub(super) fn groups() -> Groups {
    Groups::new(Vec::new(), cut().into())
}

/// The hour that begins so many hours after midnight of 2026-03-02.
pub(super) fn hour(number: u32) -> Window {
    let midnight = Timestamp::parse("2026-03-02T00:00:00Z").unwrap();
    cut().window_of(midnight + Span::from_secs(3600 * number))
}

/// A scored window of sixty rows. Of those at `anomalies` the decision value is `worst`; that of the others is 1. A score
/// takes decision values in units of 1.
pub(super) fn scored(anomalies: &[u16], worst: f64) -> Outcome {
    let rows = (0..60).map(|interval| {
        let decision = if anomalies.contains(&interval) { worst } else { 1.0 };
        Row { interval, label: Label::anomaly_below_zero(decision), decision }
    });
    let explanation = anomalies.first().map(|interval| Explanation {
        interval: *interval,
        feature: "flow.mean".to_owned(),
        value: worst,
        usual: Some((0.2, 0.9)),
    });
    let model = ModelHash([7; 32]);
    Outcome::Scored(Scored { model, proven: true, unit: Some(1.0), boundary: None, rows: rows.collect(), explanation })
}

impl RunStore {
    /// An empty one that keeps the verdicts of so many runs.
    pub(super) fn new(verdict_runs: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            directory: directory.path().to_owned(),
            windows: 4,
            runs: verdict_runs,
            verdict_runs,
            keep_raw: None,
            shed: ShedSettings::NEVER,
            verdict_rows: VerdictRows::Worst,
            reject_blocks: 3,
            cache_bytes: 1 << 20,
            cut: cut(),
        };
        let mut store = Store::open(settings).unwrap();
        store.writer.replay_journal(|_| {}).unwrap();
        Self { store, _directory: directory }
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.store.reader
    }

    /// Stores a run over an hour that has ended.
    pub(super) fn finish(&mut self, id: u64, window: Window, outcomes: Outcomes) {
        let mut tally = Tally::default();
        outcomes.iter().for_each(|(_, outcome)| tally.add(outcome));
        self.put(Run { state: RunState::Finished(tally), ..Run::for_test(id, window) }, outcomes);
    }

    /// Stores the closed window of a sensor in an hour: a reading of this value at its start.
    pub(super) fn close(&mut self, sensor: u32, window: Window, value: f64) {
        let mut block = BlockBuilder::new(window);
        block.push(&Interval::aggregate(window.start(), [value].into_iter()).unwrap(), cut());
        let head = SensorHead { sensor: SensorId(sensor), closed: window.end(), last_value: value };
        let writer = &mut self.store.writer;
        writer.put_window(&ClosedWindow { window, block: block.finish(), head });
        writer.commit().unwrap();
        writer.settle().unwrap();
    }

    /// Stores a run over an hour that goes on.
    pub(super) fn begin(&mut self, id: u64, window: Window, outcomes: Outcomes) {
        self.put(Run::for_test(id, window), outcomes);
    }

    fn put(&mut self, run: Run, outcomes: Outcomes) {
        let scope: NumberSet = outcomes.iter().map(|(sensor, _)| *sensor).collect();
        let run = Run { scope, ..run };
        let verdicts = outcomes.into_iter().map(|(sensor, outcome)| Verdict { sensor: SensorId(sensor), outcome });
        let mut verdicts: Vec<_> = verdicts.collect();
        verdicts.sort_by_key(|verdict| verdict.sensor);
        let writer = &mut self.store.writer;
        writer.begin_run(&run, &StoredChunks::OfEarlierRuns);
        for chunk in verdicts.chunk_by(|a, b| ChunkId::of(a.sensor) == ChunkId::of(b.sensor)) {
            writer.put_verdicts(run.id, ChunkId::of(chunk[0].sensor), chunk);
        }
        writer.put_run(&run);
        writer.commit().unwrap();
        writer.settle().unwrap();
    }
}
