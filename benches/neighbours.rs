//! What a model that computes for an hour costs its neighbours, among 10,000: from the broadcast of a window to the
//! outcome of each neighbour, with that model and without. Beside it: the same windows scored by a bare loop on as many
//! threads, without actors, to show what an actor a sensor costs. The windows are in a store; nothing is recorded. Run with
//! `cargo bench -- neighbours`; `ANOMALYD_BENCH_SENSORS` sets another number.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Size;
use actix::prelude::*;
use anomalyd::actors::scoring::assignment::SensorSettings;
use anomalyd::actors::scoring::evaluation::pool::PoolSettings;
use anomalyd::actors::scoring::evaluation::{BroadcastId, Scoring, StoredWindows};
use anomalyd::actors::scoring::supervisor::{Broadcast, Scope, SensorSupervisor, SupervisorSettings};
use anomalyd::features::{Blocks, Bounds, Plan};
use anomalyd::group::{ByGroup, Groups};
use anomalyd::interval::{Cut, Interval, Window};
use anomalyd::live::Live;
use anomalyd::model::{Limits, Model};
use anomalyd::model_memory::{ModelFiles, ModelMemory};
use anomalyd::run::Trigger;
use anomalyd::scoring::{ProofPolicy, ScoringSettings, score};
use anomalyd::sensitivity::Sensitivities;
use anomalyd::sensor::{SensorDirectory, SensorId, SensorName};
use anomalyd::store::{ShedSettings, Store, StoreSettings};
use anomalyd::supervision::SupervisionPolicy;
use anomalyd::time::{Span, Timestamp};
use anomalyd::verdict::VerdictRows;
use anomalyd::window::{BlockBuilder, ClosedWindow, SensorHead};

/// The sensor whose model computes for an hour.
const ENDLESS: &str = "press/s0";
/// How much later the last neighbour may be answered because of it.
const BUDGET: Duration = Duration::from_millis(50);
/// Of this many broadcasts of each kind the median counts.
const ROUNDS: usize = 9;

/// Notes when each outcome of a broadcast came.
struct Collector {
    begun: Instant,
    came: Vec<Duration>,
    awaited: usize,
    done: Option<tokio::sync::oneshot::Sender<Vec<Duration>>>,
}

impl Actor for Collector {
    type Context = Context<Self>;
}

impl Handler<Scoring> for Collector {
    type Result = ();

    fn handle(&mut self, scoring: Scoring, _: &mut Context<Self>) {
        assert_eq!(scoring.outcome.kind(), "scored");
        self.came.push(self.begun.elapsed());
        if self.came.len() == self.awaited
            && let Some(done) = self.done.take()
        {
            // The asker waits.
            let _ = done.send(std::mem::take(&mut self.came));
        }
    }
}

pub(crate) fn run(size: Size) {
    let sensors = std::env::var("ANOMALYD_BENCH_SENSORS").map_or(size.of(10_000, 20), |n| n.parse().expect("a number"));
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let folder = tempfile::tempdir().expect("a folder");
    let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).expect("a cut");
    let window = cut.window_of(Timestamp::default());
    let (windows, store) = stored(folder.path(), cut, window, sensors);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/models/svm_50_vectors_x_1.pkl");
    let model = Arc::new(Model::load(&file, &Limits::default()).expect("a model"));
    let plan = Arc::new(Plan::new(Arc::default(), "s", Bounds { cut, windows_back: 1 }).expect("a plan"));
    let scoring = ScoringSettings { cut, base: cut, min_intervals: 1 };

    println!("{sensors} sensors, models of 50 vectors, 60 intervals, {threads} threads");
    let rounds = size.of(ROUNDS, 1);
    let bare =
        median((0..rounds).map(|_| bare_loop(&windows, (&model, &plan), window, scoring, threads, sensors)).collect());
    let (alone, beside, nearest) = System::new().block_on(async {
        let memory = ModelMemory::new(usize::MAX, folder.path().to_owned(), Limits::default());
        let arbiters = (0..threads).map(|_| Arbiter::new().handle()).collect();
        let scope = (0..sensors).map(|number| scope_of(number, &memory, &model, &plan)).collect();
        let settings = SensorSettings {
            scoring,
            sensitivities: Sensitivities::default(),
            supervision: SupervisionPolicy {
                backoff_min: Duration::from_secs(1),
                backoff_max: Duration::from_secs(60),
                quarantine_after: 5,
                release_after: None,
            },
            deadline: Duration::from_secs(3600),
            proof: ProofPolicy::Optional,
            suspicious_after: u32::MAX,
        };
        let settings = Arc::new(settings);
        let settings = SupervisorSettings {
            sensors: ByGroup::new(Groups::new(Vec::new(), cut.into()), |_| Arc::clone(&settings)),
            restarts_per_second: 200,
            evaluators: PoolSettings { threads, max_hung: 8 },
        };
        let supervisor =
            SensorSupervisor::new(settings, windows.clone(), arbiters, scope, Arc::new(Live::default())).start();
        // Once, so that all actors are there.
        broadcast(&supervisor, window, 0, sensors).await;
        let mut alone = Vec::new();
        for _ in 0..rounds {
            alone.push(broadcast(&supervisor, window, 1, sensors).await);
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        fail::cfg_callback(format!("sensor::score {ENDLESS}"), move || {
            while !told.load(Ordering::Relaxed) {
                black_box((0..1000_u64).sum::<u64>());
            }
        })
        .expect("a fail point");
        // Without a warning: the first round has the model found out, and its neighbours wait for that.
        let mut beside = vec![broadcast_beside(&supervisor, window, sensors).await];
        for _ in 1..rounds {
            beside.push(broadcast(&supervisor, window, 1, sensors).await);
        }
        is_over.store(true, Ordering::Relaxed);
        fail::remove(format!("sensor::score {ENDLESS}"));
        drop(store);
        System::current().stop();
        let nearest = beside[0].iter().zip(&alone[0]).map(|(beside, alone)| beside.saturating_sub(*alone)).max();
        (alone, beside, nearest.expect("neighbours"))
    });
    let last = |rounds: &[Vec<Duration>]| median(rounds.iter().filter_map(|round| round.last().copied()).collect());
    let (alone, first, beside) = (last(&alone), last(&beside[..1]), last(&beside));
    println!("  bare loop, no actors        {:>9.2} ms", millis(bare));
    println!(
        "  all neighbours, alone       {:>9.2} ms   ({:.2} x the bare loop)",
        millis(alone),
        millis(alone) / millis(bare)
    );
    println!(
        "  beside the endless model    {:>9.2} ms   ({:+.2} ms; budget {} ms)",
        millis(beside),
        millis(beside) - millis(alone),
        BUDGET.as_millis()
    );
    println!(
        "  when it is found out        {:>9.2} ms   ({:+.2} ms; budget {} ms)",
        millis(first),
        millis(first) - millis(alone),
        BUDGET.as_millis()
    );
    println!("  most that a place in the order is later, then: {:.2} ms", millis(nearest));
}

/// Windows of sixty intervals, one a sensor.
fn stored(folder: &Path, cut: Cut, window: Window, sensors: u32) -> (StoredWindows, Store) {
    let mut store = Store::open(StoreSettings {
        directory: folder.to_owned(),
        windows: 4,
        runs: 4,
        verdict_runs: 4,
        keep_raw: None,
        shed: ShedSettings { max_bytes: u64::MAX, reserve_bytes: 0 },
        verdict_rows: VerdictRows::Worst,
        reject_blocks: 1,
        cache_bytes: 64 << 20,
        cut,
    })
    .expect("a store");
    let mut block = BlockBuilder::new(window);
    for place in 0..60 {
        let start = window.start() + cut.interval().times(place);
        let values = (0..12).map(|reading| 20.0 + (place % 7) as f64 / 10.0 + f64::from(reading) / 100.0);
        block.push(&Interval::aggregate(start, values).expect("readings"), cut);
    }
    let block = block.finish();
    let directory = SensorDirectory::new(sensors as usize, Vec::new());
    for number in 0..sensors {
        let sensor = directory.intern(&name(number)).expect("room");
        let head = SensorHead { sensor, closed: window.end(), last_value: 20.0 };
        store.writer.put_window(&ClosedWindow { window, block: block.clone(), head });
        if number % 1000 == 999 {
            store.writer.commit().expect("a commit");
        }
    }
    store.writer.commit().expect("a commit");
    store.writer.settle().expect("a sync");
    (StoredWindows { reader: store.reader.clone(), directory: Arc::new(directory) }, store)
}

fn name(number: u32) -> SensorName {
    SensorName::new("press", &format!("s{number}")).expect("a name")
}

fn scope_of(number: u32, memory: &Arc<ModelMemory>, model: &Arc<Model>, plan: &Arc<Plan>) -> Scope {
    let files = ModelFiles { path: Path::new("").into(), scaler: None };
    let model = Ok((memory.put_to_work(Arc::clone(model), files), Arc::clone(plan)));
    Scope { sensor: SensorId(number), name: name(number), file: None, model, warnings: Vec::new() }
}

/// When the outcomes of the sensors from `first` on came, the earliest first; those before are not asked.
async fn broadcast(supervisor: &Addr<SensorSupervisor>, window: Window, first: u32, sensors: u32) -> Vec<Duration> {
    ask(supervisor, window, (first..sensors).map(SensorId).collect(), (sensors - first) as usize).await
}

/// As [`broadcast`] to all, of which the first never answers.
async fn broadcast_beside(supervisor: &Addr<SensorSupervisor>, window: Window, sensors: u32) -> Vec<Duration> {
    ask(supervisor, window, (0..sensors).map(SensorId).collect(), sensors as usize - 1).await
}

async fn ask(
    supervisor: &Addr<SensorSupervisor>,
    window: Window,
    sensors: Vec<SensorId>,
    awaited: usize,
) -> Vec<Duration> {
    let (done, came) = tokio::sync::oneshot::channel();
    let begun = Instant::now();
    let collector = Collector { begun, came: Vec::with_capacity(awaited), awaited, done: Some(done) }.start();
    let deadline = begun + Duration::from_secs(3600);
    supervisor.do_send(Broadcast {
        id: BroadcastId::default(),
        window,
        trigger: Trigger::Schedule,
        sensors,
        deadline,
        outcomes: collector.recipient(),
    });
    came.await.expect("all outcomes")
}

/// How long as many threads take to score the same windows without actors.
fn bare_loop(
    windows: &StoredWindows,
    (model, plan): (&Model, &Plan),
    window: Window,
    settings: ScoringSettings,
    threads: usize,
    sensors: u32,
) -> Duration {
    let (begun, next) = (Instant::now(), AtomicUsize::new(1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(number) =
                    u32::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().filter(|n| *n < sensors)
                {
                    let blocks = Blocks::read(plan, window, settings.row_cut(), |_, window| {
                        windows.reader.window(SensorId(number), window)
                    });
                    black_box(
                        score(model, plan, window, &blocks.expect("a window"), settings, None).expect("an outcome"),
                    );
                }
            });
        }
    });
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
