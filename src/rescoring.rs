//! Computing again what is not stored of a verdict: the decision values of all rows of a scored window.
//!
//! A verdict is a pure function of its window, its model and the settings. So they come out as they were, bit for bit, as
//! long as the store keeps the windows that the model read, the model is kept (`store/kept_models.rs`), and the settings
//! are those of the run. What comes out is compared with what was stored: all labels, and the decision values of the worst
//! rows.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::features::{Assigner, Blocks, Plan};
use crate::group::{ByGroup, GroupName};
use crate::model::{Limits, Model, guarded};
use crate::run::Run;
use crate::scoring::{Judgement, ScoringSettings, score};
use crate::sensitivity::Sensitivities;
use crate::sensor::{SensorDirectory, SensorId};
use crate::store::{Reader, StoreError, read_kept_model};
use crate::verdict::{ModelHash, Outcome, Scored, ScoredRows};

/// What verdicts depend on, and where it is kept.
#[derive(Clone, Debug)]
pub struct RescoringSettings {
    /// The store's folder, beside whose database the models are.
    pub store: PathBuf,
    /// The bounds on reading a model.
    pub limits: Limits,
    /// Decides what a model's columns are.
    pub features: Assigner,
    /// From which score on intervals are anomalies.
    pub sensitivities: ByGroup<Sensitivities>,
    /// What each group's windows are scored by.
    pub groups: ByGroup<GroupRescoring>,
}

/// What a group's windows are scored by.
#[derive(Clone, Copy, Debug)]
pub struct GroupRescoring {
    /// As for the first scoring.
    pub scoring: ScoringSettings,
    /// The hash of all settings that the group's verdicts depend on.
    pub settings_hash: u64,
}

/// Computes rows again.
#[derive(Debug)]
pub struct Rescorer {
    settings: RescoringSettings,
    reader: Reader,
    sensors: Arc<SensorDirectory>,
    /// The models that were read last.
    models: Mutex<ModelCache>,
}

/// Why the rows of a window cannot be computed again. What is stored of its verdict is all there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RescoringError {
    /// The settings that verdicts depend on have changed since.
    #[error("it was given under other settings ({stored:016x}) than today's ({configured:016x})")]
    OtherSettings {
        /// The hash of the settings when the verdict was given.
        stored: u64,
        /// The hash of the settings now.
        configured: u64,
    },
    /// Its group is not configured any more.
    #[error("it was given in a run of the group {0}, which is no longer configured")]
    GroupGone(GroupName),
    /// The model is not kept any more.
    #[error("its model {0} is no longer kept (store.kept_models)")]
    ModelGone(ModelHash),
    /// The model is kept, and cannot be read or used.
    #[error("its model {hash} is kept, and cannot be used: {problem}")]
    ModelUnusable {
        /// The model's hash.
        hash: ModelHash,
        /// What is wrong with it.
        problem: String,
    },
    /// A window is gone from the ring, or what came out is not what the store kept of the verdict.
    #[error("the windows that its rows were made of are no longer all kept")]
    WindowsGone,
}

/// A model, and how its rows are made.
type PlannedModel = Arc<(Model, Arc<Plan>)>;

#[derive(Debug, Default)]
struct ModelCache {
    models: HashMap<(ModelHash, SensorId), PlannedModel>,
    bytes: usize,
}

impl ModelCache {
    /// The most bytes of model files. A model that does not fit empties the cache first.
    const MAX_BYTES: usize = 16 << 20;
    const MAX_MODELS: usize = 256;
}

impl Rescorer {
    /// A rescorer that reads windows from `reader`, and names of sensors from `sensors`.
    pub fn new(settings: RescoringSettings, reader: Reader, sensors: Arc<SensorDirectory>) -> Self {
        Self { settings, reader, sensors, models: Mutex::default() }
    }

    /// All rows of a scored window, as its run computed them; those that are stored, if these are all.
    ///
    /// # Errors
    /// The outer error: the store cannot be read. The inner one: the rows cannot be computed again, and why.
    pub fn rows(
        &self,
        run: &Run,
        sensor: SensorId,
        scored: &Scored,
    ) -> Result<Result<ScoredRows, RescoringError>, StoreError> {
        if let ScoredRows::All(_) = scored.rows {
            return Ok(Ok(scored.rows.clone()));
        }
        let Some(GroupRescoring { scoring, settings_hash }) = self.settings.groups.of_group(&run.group) else {
            return Ok(Err(RescoringError::GroupGone(run.group.clone())));
        };
        let (stored, configured) = (run.settings, *settings_hash);
        if stored != configured {
            return Ok(Err(RescoringError::OtherSettings { stored, configured }));
        }
        let model = match self.model(sensor, scored.model) {
            Ok(model) => model,
            Err(problem) => return Ok(Err(problem)),
        };
        let (model, plan) = &*model;
        let blocks =
            Blocks::read(plan, run.window, scoring.row_cut(), |source, window| match self.source(sensor, source) {
                Some(sensor) => self.reader.window(sensor, window),
                None => Ok(None),
            });
        let blocks = match blocks {
            Err(StoreError::Damaged | StoreError::Overwritten) => return Ok(Err(RescoringError::WindowsGone)),
            blocks => blocks?,
        };
        let boundary = self.sensors.name(sensor).and_then(|name| self.settings.sensitivities.of(&name).of(&name));
        Ok(match score(model, plan, run.window, &blocks, *scoring, boundary) {
            Ok(Judgement { outcome: Outcome::Scored(again), .. }) if again.rows.bear_out(&scored.rows) => {
                Ok(again.rows)
            }
            _ => Err(RescoringError::WindowsGone),
        })
    }

    /// The number of a source of a model's rows; `None` is the model's own sensor.
    fn source(&self, own: SensorId, source: Option<&str>) -> Option<SensorId> {
        match source {
            None => Some(own),
            Some(other) => self.sensors.find(&self.sensors.name(own)?.sibling(other).ok()?),
        }
    }

    /// A kept model with its plan for a sensor.
    fn model(&self, sensor: SensorId, hash: ModelHash) -> Result<Arc<(Model, Arc<Plan>)>, RescoringError> {
        let mut cache = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = cache.models.get(&(hash, sensor)) {
            return Ok(Arc::clone(model));
        }
        let gone = || RescoringError::ModelGone(hash);
        let unusable = |problem: String| RescoringError::ModelUnusable { hash, problem };
        let files = read_kept_model(&self.settings.store, hash).ok_or_else(gone)?;
        let name = self.sensors.name(sensor).ok_or_else(gone)?;
        let read = guarded(|| {
            let model = Model::read_parts(&files, &self.settings.limits).map_err(|problem| problem.to_string())?;
            if model.hash() != hash {
                return Err("its bytes have changed".to_owned());
            }
            let plan = self.settings.features.assign(&name, &model).map_err(|problem| problem.to_string())?;
            Ok((model, plan))
        });
        let model = Arc::new(read.map_err(|panic| unusable(panic.to_string()))?.map_err(unusable)?);
        let bytes = files.iter().map(Vec::len).sum::<usize>();
        if cache.bytes + bytes > ModelCache::MAX_BYTES || cache.models.len() >= ModelCache::MAX_MODELS {
            *cache = ModelCache::default();
        }
        cache.bytes += bytes;
        cache.models.insert((hash, sensor), Arc::clone(&model));
        Ok(model)
    }
}
