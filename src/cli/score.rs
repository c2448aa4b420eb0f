//! `anomalyd score`: the batch job, offline. It runs the daemon's code for intervals, windows and models over a file.

mod held;
mod report;
mod table;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use self::held::{Held, Reads};
pub use self::report::Report;
use self::table::SensorScore;
use crate::actors::scoring::model_loader::{LoadBounds, read_catalog};
use crate::cli::arguments::{parse_anomaly_score, parse_features, parse_missing, parse_span};
use crate::cli::history::{Histories, HistoriesError, HistoryOptions};
use crate::cli::limits::LimitArgs;
use crate::features::{Assigner, Blocks, Bounds, FeatureSet, FeatureSettings, MissingPolicy, Plan};
use crate::group::Groups;
use crate::ingest::history::{AnyTime, NamedReading};
use crate::interval::{Cut, CutError, Window, WindowGrid};
use crate::model::{Catalog, CatalogError, IgnoredReason, Listing, Model, NameTemplate, NameTemplates, SameNames};
use crate::printable::shown;
use crate::reading::Reading;
use crate::scoring::{Judgement, ScoringSettings, score};
use crate::sensor::{SensorDirectory, SensorId, SensorName};
use crate::sensor_pattern::SensorPattern;
use crate::sink::prediction::{Decisions, FileNames, PredictionWriter};
use crate::time::{Span, Timestamp};
use crate::verdict::{AnomalyScore, Outcome};
use crate::window::{Admission, ClosedWindow, OpenWindows, WindowSettings};

/// Scores a history with models, offline: what the daemon would have said of these readings.
///
/// Reads tables of text, aggregates the readings over intervals, scores window after window with each sensor's model,
/// and writes one prediction file a sensor: preds_{device}_{sensor}_{yymmddHHMMSS}.csv, the time being the end of the
/// last window. The report has a line a sensor, the worst first. A model's columns are those that --features names,
/// else those that its file names, else the mean; a window is scored when it is over for all sensors that they name.
/// The configuration is not read: the windows, hop, columns and threshold of a group are given here, for one group at a time.
/// Bounds, filters and deadbands of a configuration have no part in it. The last window is the first that ends behind the last
/// reading, as at the end of a history that the daemon scores.
/// The exit code is 0 when every model could be read and every window scored, and there was one at all, else 1.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The directory of models
    #[arg(long, value_name = "DIR")]
    pub models: PathBuf,
    /// How model files are named; any file ending is accepted behind it
    #[arg(long, value_name = "TEMPLATE", default_value = "model_{device}_{sensor}", value_parser = NameTemplate::parse)]
    pub name: NameTemplate,
    /// How the files of scalers before the models are named; as the models, with "scaler" for "model", if left out
    #[arg(long, value_name = "TEMPLATE", value_parser = NameTemplate::parse)]
    pub scaler: Option<NameTemplate>,
    /// The history: tables of text with a header, a reading a row or a column a sensor, also packed by gzip; - is standard
    /// input; several files are read one after the other
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// Where the prediction files go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The interval into which readings are aggregated
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = parse_span)]
    pub interval: Span,
    /// The window that is scored at once
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = parse_span)]
    pub window: Span,
    /// How far a window ends behind the one before; as long as a window, if left out
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub hop: Option<Span>,
    /// The score from which on intervals are anomalies, as scoring.anomaly_score: from 0.002 to 0.998; a model's own boundary
    /// is 0.5. The models decide, if left out
    #[arg(long, value_name = "SCORE", value_parser = parse_anomaly_score)]
    pub anomaly_score: Option<AnomalyScore>,
    /// How far out of order a sensor's rows may be
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = parse_span)]
    pub lateness: Span,
    /// The columns of all models, such as "mean,temperature.mean lag 1"; a name with a comma stands in double quotes
    #[arg(long, value_name = "COLUMN,...", value_parser = parse_features)]
    pub features: Option<FeatureSet>,
    /// What becomes of a row for which a sensor has no value: skip, nan, or "last N" intervals. With --features
    #[arg(long, value_name = "POLICY", default_value_t, value_parser = parse_missing, requires = "features")]
    pub missing: MissingPolicy,
    /// For how many intervals of a window a row must be made for it to be scored
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub min_intervals: u32,
    /// How many sensors the table shows at most, the worst first; 0 for no table
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub table: usize,
    /// Add a column with the decision values
    #[arg(long)]
    pub decisions: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the options carry their help")]
    pub limits: LimitArgs,
    /// How the history is read
    #[command(flatten)]
    pub history: HistoryOptions,
    /// The former name of --until
    #[arg(long, value_name = "TIME", value_parser = AnyTime::parse, hide = true, conflicts_with = "until")]
    pub to: Option<AnyTime>,
}

/// Why a history was not scored to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScoreHistoryError {
    /// The interval and the window.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// The names of models and scalers.
    #[error("--scaler: {0}")]
    Names(#[from] SameNames),
    /// The directory of models.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A file of the history.
    #[error(transparent)]
    History(#[from] HistoriesError),
    /// A prediction file.
    #[error("{}: {problem}", path.display())]
    Output {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The summary.
    #[error("cannot write the summary: {0}")]
    Summary(#[from] io::Error),
}

/// Scores, and writes the summary to `out`. The progress bar goes to standard error, when that is a terminal.
///
/// # Errors
/// When models, history or prediction files cannot be read or written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, ScoreHistoryError> {
    let report = score_history(args)?;
    write!(out, "{report}")?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Scores, and writes nothing but the progress bar.
///
/// # Errors
/// When models, history or prediction files cannot be read or written.
pub fn score_history(args: &Args) -> Result<Report, ScoreHistoryError> {
    let began = Instant::now();
    let grid = WindowGrid::new(args.interval, args.window, args.hop.unwrap_or(args.window))?;
    let base = Groups::new(Vec::new(), grid).base_cut()?;
    let names = match &args.scaler {
        Some(scaler) => NameTemplates::new(args.name.clone(), scaler.clone())?,
        None => args.name.clone().into(),
    };
    let limits = args.limits.limits();
    let listing = Listing::read(&args.models, &names, limits.files)?;
    // The deadline is long, because a user waits for the command and can stop it.
    let deadline = Duration::from_secs(60);
    let bounds = LoadBounds { limits, deadline, advice: "shorten its .expect.csv, or take it away" };
    let catalog = read_catalog(listing, bounds);
    fs::create_dir_all(&args.out).map_err(|problem| ScoreHistoryError::Output { path: args.out.clone(), problem })?;
    let mut scorer = Scorer::new(args, grid, base, catalog);
    scorer.read()?;
    scorer.finish(began)
}

struct Scorer<'a> {
    args: &'a Args,
    scoring: ScoringSettings,
    directory: SensorDirectory,
    windows: OpenWindows,
    over: Vec<ClosedWindow>,
    held: Held,
    sensors: Vec<Sensor>,
    grid: WindowGrid,
    /// The time of the latest reading.
    newest: Timestamp,
    /// The end of the last window scored.
    end: Timestamp,
    report: Report,
}

/// A sensor of the history, or one with a model.
struct Sensor {
    name: SensorName,
    model: Assigned,
    predictions: Option<PredictionWriter<Appender>>,
    readings: u64,
    score: SensorScore,
}

/// Whether a sensor has a model.
enum Assigned {
    None,
    Usable(Box<Model>, Arc<Plan>),
    /// The sensor's file cannot be used.
    Broken,
}

impl<'a> Scorer<'a> {
    fn new(args: &'a Args, grid: WindowGrid, base: Cut, catalog: Catalog) -> Self {
        let directory = SensorDirectory::new(usize::MAX, Vec::new());
        let windows = WindowSettings {
            cut: base,
            lateness: args.lateness,
            kept_per_interval: usize::MAX,
            max_open_readings: usize::MAX,
        };
        let mut scorer = Self {
            args,
            scoring: ScoringSettings { cut: grid.cut(), base, min_intervals: args.min_intervals },
            directory,
            windows: OpenWindows::new(windows, Timestamp::MIN, []),
            over: Vec::new(),
            held: Held::new(grid),
            sensors: Vec::new(),
            grid,
            newest: Timestamp::MIN,
            end: Timestamp::MIN,
            report: Report::new(&args.out, args.table),
        };
        let alone = catalog.ignored.iter().filter(|file| matches!(file.reason, IgnoredReason::ScalerAlone { .. }));
        scorer.report.passed_over.extend(alone.map(|file| format!("{}: {}", shown(&file.path), file.reason)));
        let features = assigner(args, grid.cut());
        for entry in catalog.entries {
            let model = entry.model.map_err(|error| error.to_string()).and_then(|model| {
                match features.assign(&entry.sensor, &model) {
                    Ok(plan) => Ok((Box::new(model), plan)),
                    Err(error) => Err(format!("{}: {error}", shown(&entry.path))),
                }
            });
            match model {
                Ok((model, plan)) => {
                    scorer.hold(&entry.sensor, &plan);
                    scorer.sensor(&entry.sensor).1.model = Assigned::Usable(model, plan);
                    scorer.report.models += 1;
                }
                Err(reason) => {
                    scorer.sensor(&entry.sensor).1.model = Assigned::Broken;
                    scorer.report.broken.push(reason);
                }
            }
        }
        scorer
    }

    /// Has all windows held that a model reads.
    fn hold(&mut self, name: &SensorName, plan: &Plan) {
        let mut number = |source: Option<&str>| match source {
            // A feature's sensor is checked, so its name is valid.
            Some(other) => name.sibling(other).map_or(SensorId(0), |name| self.sensor(&name).0),
            None => self.sensor(name).0,
        };
        // The own sensor's values are in the prediction file, so it is read even when no column is of it.
        let own = number(None);
        let others = plan.sources().flatten().map(Some).collect::<Vec<_>>();
        let sensors = [own].into_iter().chain(others.into_iter().map(&mut number)).collect();
        let base = plan.base().map(&mut number).collect();
        self.held.wait(own, Reads { sensors, base, windows_back: plan.windows_back() });
    }

    fn read(&mut self) -> Result<(), ScoreHistoryError> {
        let mut options = self.args.history.clone();
        options.until = options.until.or(self.args.to);
        let mut histories = Histories::open(&self.args.data, &options)?;
        let bar = ProgressBar::new(histories.bytes_total());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % of the history, {elapsed}") {
            bar.set_style(style);
        }
        while let Some(NamedReading { sensor, time, value, .. }) = histories.read()? {
            self.take(&sensor, time, value)?;
            if histories.tally().readings.is_multiple_of(4096) {
                bar.set_position(histories.bytes_read());
            }
        }
        bar.finish_and_clear();
        self.report.history = histories.into_tally();
        Ok(())
    }

    fn take(&mut self, name: &SensorName, time: Timestamp, value: f64) -> Result<(), ScoreHistoryError> {
        let (sensor, known) = self.sensor(name);
        known.readings += 1;
        self.newest = self.newest.max(time);
        if !self.held.is_read(sensor) {
            return Ok(());
        }
        match self.windows.admit(Reading { sensor, time, value }, || None, &mut self.over) {
            Admission::Accepted | Admission::Suppressed | Admission::Indistinct { .. } | Admission::MemoryFull => {}
            Admission::Repeated => self.report.repeated += 1,
            Admission::Conflict { .. } => self.report.conflicting += 1,
            Admission::Late { .. } => self.report.late += 1,
        }
        self.score_what_is_over()
    }

    fn sensor(&mut self, name: &SensorName) -> (SensorId, &mut Sensor) {
        let number = self.directory.intern(name).unwrap_or(SensorId(0));
        let id = number.index();
        if id == self.sensors.len() {
            let name = name.clone();
            self.sensors.push(Sensor {
                name,
                model: Assigned::None,
                predictions: None,
                readings: 0,
                score: SensorScore::default(),
            });
        }
        (number, &mut self.sensors[id])
    }

    fn score_what_is_over(&mut self) -> Result<(), ScoreHistoryError> {
        let mut readers = BTreeSet::new();
        for closed in self.over.drain(..) {
            readers.extend(self.held.close(closed));
        }
        readers.into_iter().try_for_each(|sensor| self.score_waiting(sensor))
    }

    /// Scores the windows of a sensor that are over for all sensors that its model reads.
    fn score_waiting(&mut self, sensor: SensorId) -> Result<(), ScoreHistoryError> {
        let mut scored = None;
        while let Some(window) = self.held.next(sensor) {
            self.score(sensor, window)?;
            scored = Some(window);
        }
        if scored.is_some() {
            self.held.forget(sensor);
        }
        Ok(())
    }

    fn score(&mut self, own: SensorId, window: Window) -> Result<(), ScoreHistoryError> {
        let sensor = &mut self.sensors[own.index()];
        let Assigned::Usable(model, plan) = &sensor.model else { return Ok(()) };
        let began = Instant::now();
        let Ok(blocks) = Blocks::read(plan, window, self.scoring.row_cut(), |source, window| {
            let id = match source {
                None => Some(own),
                Some(other) => sensor.name.sibling(other).ok().and_then(|name| self.directory.find(&name)),
            };
            Ok::<_, Infallible>(id.and_then(|id| self.held.block(id, window)).cloned())
        });
        let (scored, drift) = match score(model, plan, window, &blocks, self.scoring, self.args.anomaly_score) {
            Ok(Judgement { outcome: Outcome::Scored(scored), drift }) => (scored, drift),
            Ok(_) => {
                self.report.too_little += 1;
                return Ok(());
            }
            Err(error) => {
                self.report.fail(format!("{} at {}: {error}", sensor.name, window.start()));
                return Ok(());
            }
        };
        self.report.scoring += began.elapsed();
        self.report.windows += 1;
        sensor.score.observe(window, self.scoring.cut.interval(), &scored, drift);
        self.end = self.end.max(window.end());
        let path = partial_path(&self.args.out, own);
        let at = |problem| ScoreHistoryError::Output { path: path.clone(), problem };
        let writer = match &mut sensor.predictions {
            Some(writer) => writer,
            none => {
                let decisions = if self.args.decisions { Decisions::Include } else { Decisions::Omit };
                let file = Appender::create(path.clone()).map_err(at)?;
                none.insert(PredictionWriter::new(file, sensor.name.clone(), decisions).map_err(at)?)
            }
        };
        // This process made the stored form, so it is not damaged.
        let blocks = self.held.blocks_within(own, window);
        let intervals: Vec<_> = blocks.filter_map(|block| block.intervals(self.scoring.base).ok()).flatten().collect();
        writer.write(window, self.scoring.cut.interval(), &intervals, &scored).map_err(at)
    }

    fn finish(mut self, began: Instant) -> Result<Report, ScoreHistoryError> {
        self.windows.close_until(Timestamp::MAX, &mut self.over);
        self.score_what_is_over()?;
        for sensor in self.held.end(self.grid.first_ending_after(self.newest).end()) {
            self.score_waiting(sensor)?;
        }
        let mut names = FileNames::default();
        for (id, sensor) in (0..).map(SensorId).zip(self.sensors) {
            match (&sensor.model, sensor.readings) {
                (Assigned::None, 0) => self.report.not_seen.push(sensor.name.clone()),
                (Assigned::None, _) => self.report.without_model.push(sensor.name.clone()),
                (Assigned::Usable(..), 0) if sensor.predictions.is_none() => self.report.models_without_readings += 1,
                (Assigned::Usable(..) | Assigned::Broken, _) => {}
            }
            let Some(writer) = sensor.predictions else { continue };
            self.report.scored.push((sensor.name.clone(), sensor.score));
            let path = self.args.out.join(names.give(&sensor.name, self.end));
            let at = |problem| ScoreHistoryError::Output { path: path.clone(), problem };
            writer.finish().map_err(at)?;
            fs::rename(partial_path(&self.args.out, id), &path).map_err(at)?;
        }
        self.report.sort();
        self.report.took = began.elapsed();
        Ok(self.report)
    }
}

/// Decides which features each model gets.
fn assigner(args: &Args, cut: Cut) -> Assigner {
    let named = args.features.clone().map(|features| features.with_missing(args.missing));
    let settings: Vec<_> = named
        .and_then(|features| {
            Some(FeatureSettings { sensors: SensorPattern::parse("*").ok()?, features: features.into() })
        })
        .into_iter()
        .collect();
    // All windows that a model needs are held, so there is no bound on how far it reads back.
    Assigner::new(settings.into(), Bounds { cut, windows_back: u32::MAX })
}

/// The temporary file of a sensor's predictions.
fn partial_path(out: &Path, sensor: SensorId) -> PathBuf {
    out.join(format!("preds_{}.csv.part", sensor.0))
}

/// A file that is open only while it is written to, because there may be more sensors than a process may have open
/// files.
struct Appender {
    path: PathBuf,
}

impl Appender {
    fn create(path: PathBuf) -> io::Result<Self> {
        File::create(&path)?;
        Ok(Self { path })
    }
}

impl Write for Appender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        File::options().append(true).open(&self.path)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
