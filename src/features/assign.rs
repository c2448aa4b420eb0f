//! Which features a model gets: those that the configuration names for its sensor, else those that its own file names,
//! else the mean alone.

use std::fmt;
use std::sync::Arc;

use ndarray::Array2;

use super::{Bounds, FeatureSet, MissingPolicy, Plan, PlanError};
use crate::group::{ByGroup, Groups};
use crate::model::Model;
use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;

/// One `[[features]]`: the columns of the models of all sensors whose `device/sensor` matches a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSettings {
    /// The sensors whose models get these columns.
    pub sensors: SensorPattern,
    /// The columns.
    pub features: Arc<FeatureSet>,
}

/// Gives each model its features.
#[derive(Clone, Debug)]
pub struct Assigner {
    settings: Arc<[FeatureSettings]>,
    /// The features of models that get the mean alone, which most do.
    default: Arc<FeatureSet>,
    groups: Arc<ByGroup<GroupPlans>>,
}

/// How rows are made for the sensors of a group.
#[derive(Debug)]
struct GroupPlans {
    bounds: Bounds,
    /// That of models that get the mean alone.
    default_plan: Option<Arc<Plan>>,
}

/// Why a model cannot get its features.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AssignError {
    /// The model takes more than one column, and neither the configuration nor its file names them.
    #[error(
        "the model takes {width} columns a row, and its rows have 1, the mean of an interval, for nobody names others; \
         name the {width} in a [[features]] section for {sensor:?} (--features of score), or train it on columns with such \
         names{}", Own(.own)
    )]
    Unnamed {
        /// How many columns the model takes.
        width: usize,
        /// Its sensor.
        sensor: String,
        /// Why the columns that its file names are not features.
        own: Option<String>,
    },
    /// Another number of columns is named than the model takes.
    #[error("the model takes {width} columns a row, and {count} are named {by}: {features}; {advice}")]
    Width {
        /// How many columns the model takes.
        width: usize,
        /// How many are named.
        count: usize,
        /// By whom.
        by: NamedBy,
        /// The columns.
        features: String,
        /// What to do.
        advice: &'static str,
    },
    /// The rows cannot be made.
    #[error("the columns {features}, named {by}: {problem}")]
    Plan {
        /// The columns.
        features: String,
        /// Who named the columns.
        by: NamedBy,
        /// Why not.
        problem: PlanError,
    },
    /// The columns ask for NaN, and the model does not take NaN.
    #[error(
        "missing = \"nan\" is said {by}, and only a model that replaces NaN, with a SimpleImputer, or an \
         IsolationForest of scikit-learn 1.6 or newer takes such rows; this one does not: use \"skip\" or \"last N\""
    )]
    Nan {
        /// Who asked for NaN.
        by: NamedBy,
    },
}

struct Own<'a>(&'a Option<String>);

impl fmt::Display for Own<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |why| write!(f, "; its file names some, but {why}"))
    }
}

/// Who named the columns of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    /// The configuration, for the sensors of a pattern.
    Pattern(String),
    /// The model's file.
    File,
    /// No one: the model gets the mean alone.
    Default,
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => write!(f, "for {pattern:?}"),
            Self::File => f.write_str("by its file"),
            Self::Default => f.write_str("by default"),
        }
    }
}

impl Assigner {
    /// Gives a sensor's model the first of these features whose pattern matches the sensor.
    pub fn new(settings: Arc<[FeatureSettings]>, bounds: Bounds) -> Self {
        let groups = Groups::new(Vec::new(), bounds.cut.into());
        Self::of_groups(settings, &ByGroup::new(groups, |_| bounds))
    }

    /// Gives a sensor's model the first of these features whose pattern matches the sensor, within the bounds of the
    /// sensor's group.
    pub fn of_groups(settings: Arc<[FeatureSettings]>, bounds: &ByGroup<Bounds>) -> Self {
        let default = Arc::new(FeatureSet::default());
        let plans = |bounds: &Bounds| {
            // No device has a sensor without a name.
            let default_plan = Plan::new(Arc::clone(&default), "", *bounds).ok().map(Arc::new);
            GroupPlans { bounds: *bounds, default_plan }
        };
        let groups = Arc::new(bounds.map(plans));
        Self { settings, default, groups }
    }

    /// The plan of the rows of a sensor's model.
    ///
    /// # Errors
    /// When the model takes another number of columns than are named, or its rows cannot be made.
    pub fn assign(&self, sensor: &SensorName, model: &Model) -> Result<Arc<Plan>, AssignError> {
        let width = model.width();
        let (features, by) = self.choose(sensor, width, model.metadata().columns.as_deref())?;
        if features.missing() == MissingPolicy::Nan
            && model.evaluate(Array2::from_elem((1, width), f64::NAN).view()).is_err()
        {
            return Err(AssignError::Nan { by });
        }
        let group = self.groups.of(sensor);
        match &group.default_plan {
            Some(plan) if features == self.default => Ok(Arc::clone(plan)),
            _ => Plan::new(Arc::clone(&features), sensor.sensor(), group.bounds)
                .map(Arc::new)
                .map_err(|problem| AssignError::Plan { features: features.to_string(), by, problem }),
        }
    }

    /// The features of a model with `width` columns, whose file calls them `named`; and who named them.
    fn choose(
        &self,
        sensor: &SensorName,
        width: usize,
        named: Option<&[String]>,
    ) -> Result<(Arc<FeatureSet>, NamedBy), AssignError> {
        let default = || (Arc::clone(&self.default), NamedBy::Default);
        let unnamed = |own| AssignError::Unnamed { width, sensor: sensor.to_string(), own };
        let (features, by) = match (self.configured(sensor), named) {
            (Some(FeatureSettings { sensors, features }), _) => {
                (Arc::clone(features), NamedBy::Pattern(sensors.to_string()))
            }
            (None, Some(columns)) => match FeatureSet::parse(columns, MissingPolicy::Skip) {
                Ok(features) => (Arc::new(features), NamedBy::File),
                Err(_) if width == 1 => default(),
                Err(problem) => return Err(unnamed(Some(problem.to_string()))),
            },
            (None, None) if width == 1 => default(),
            (None, None) => return Err(unnamed(None)),
        };
        let count = features.columns().len();
        if count != width {
            let advice = match by {
                NamedBy::File => {
                    "the file contradicts itself: name them in a [[features]] section (--features of score)"
                }
                NamedBy::Pattern(_) | NamedBy::Default => "name as many, in the order in which it was trained on them",
            };
            return Err(AssignError::Width { width, count, by, features: features.to_string(), advice });
        }
        Ok((features, by))
    }

    /// The settings that no sensor's model gets.
    pub fn unused<'a>(&self, sensors: impl Iterator<Item = &'a SensorName>) -> Vec<&FeatureSettings> {
        if self.settings.is_empty() {
            return Vec::new();
        }
        let mut used = vec![false; self.settings.len()];
        for name in sensors.map(ToString::to_string) {
            if let Some(place) = self.settings.iter().position(|settings| settings.sensors.fits(&name)) {
                used[place] = true;
            }
        }
        self.settings.iter().zip(used).filter(|(_, used)| !used).map(|(settings, _)| settings).collect()
    }

    fn configured(&self, sensor: &SensorName) -> Option<&FeatureSettings> {
        if self.settings.is_empty() {
            return None;
        }
        let name = sensor.to_string();
        self.settings.iter().find(|settings| settings.sensors.fits(&name))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::interval::Cut;
    use crate::model::Limits;
    use crate::time::Span;

    fn assigner(entries: &[(&str, &[&str], &str)]) -> Assigner {
        let settings = |(sensors, columns, missing): &(&str, &[&str], &str)| FeatureSettings {
            sensors: SensorPattern::parse(sensors).unwrap(),
            features: FeatureSet::parse(columns, MissingPolicy::parse(missing).unwrap()).unwrap().into(),
        };
        let cut = Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        Assigner::new(entries.iter().map(settings).collect(), Bounds { cut, windows_back: 2 })
    }

    fn sensor() -> SensorName {
        SensorName::new("press", "vibration").unwrap()
    }

    fn model(name: &str) -> Model {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
        Model::load(&samples.join(name), &Limits::default()).unwrap()
    }

    /// The columns that a model of this width gets, whose file calls them `named`; and who named them.
    fn chosen(assigner: &Assigner, width: usize, named: Option<&[&str]>) -> Result<String, String> {
        let named: Option<Vec<String>> = named.map(|names| names.iter().map(ToString::to_string).collect());
        let chosen = assigner.choose(&sensor(), width, named.as_deref());
        chosen.map(|(features, by)| format!("{features} {by}")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_configuration_decides_then_the_models_file_then_it_is_the_mean() {
        let none = assigner(&[]);
        let two = assigner(&[
            ("*/temperature", &["max"], "skip"),
            ("press/*", &["mean", "temperature.mean"], "skip"),
            ("*", &["min", "max"], "skip"),
        ]);
        let named: Option<&[&str]> = Some(&["std", "temperature.mean lag 1"]);
        assert_eq!(chosen(&two, 2, named).unwrap(), "mean, temperature.mean for \"press/*\"");
        assert_eq!(chosen(&none, 2, named).unwrap(), "std, temperature.mean lag 1 by its file");
        assert_eq!(chosen(&none, 1, None).unwrap(), "mean by default");
        assert_eq!(chosen(&none, 1, Some(&["Val"])).unwrap(), "mean by default");
        assert_eq!(chosen(&none, 1, Some(&["std"])).unwrap(), "std by its file");
    }

    #[test]
    fn a_width_that_does_not_fit_is_an_error_with_both_numbers_and_what_to_do() {
        let none = assigner(&[]);
        let error = chosen(&none, 3, None).unwrap_err();
        assert!(error.contains("takes 3 columns") && error.contains("have 1, the mean"), "{error}");
        assert!(error.contains("name the 3 in a [[features]] section for \"press/vibration\""), "{error}");
        let error = chosen(&none, 2, Some(&["mean", "temperature"])).unwrap_err();
        assert!(error.contains("its file names some, but \"temperature\" is no feature"), "{error}");
        let two = assigner(&[("press/*", &["mean", "std"], "skip")]);
        let error = chosen(&two, 3, None).unwrap_err();
        assert!(error.contains("takes 3 columns a row, and 2 are named for \"press/*\": mean, std"), "{error}");
        let error = chosen(&none, 3, Some(&["mean", "std"])).unwrap_err();
        assert!(
            error.contains("2 are named by its file: mean, std") && error.contains("contradicts itself"),
            "{error}"
        );
        assert!(assigner(&[]).assign(&sensor(), &model("p3_auto_3d.pkl")).is_err());
    }

    #[test]
    fn nan_is_for_models_that_replace_it() {
        let nan = assigner(&[("*", &["mean", "std"], "nan")]);
        let error = nan.assign(&sensor(), &model("p5_scale_2d.pkl")).unwrap_err().to_string();
        assert!(error.contains("missing = \"nan\" is said for \"*\"") && error.contains("SimpleImputer"), "{error}");
        let nan = assigner(&[("*", &["mean", "std", "min"], "nan")]);
        assert!(nan.assign(&sensor(), &model("detectors/forest_asked_of_lacking.pkl")).is_ok());
    }

    #[test]
    fn rows_that_cannot_be_made_are_an_error_that_names_the_columns() {
        let far = assigner(&[("*", &["mean lag 121"], "skip")]);
        let error = far.assign(&sensor(), &model("p2_scale_1d.pkl")).unwrap_err().to_string();
        assert!(error.starts_with("the columns mean lag 121, named for \"*\": the columns look 121"), "{error}");
    }

    #[test]
    fn models_with_the_mean_alone_share_one_plan() {
        // A plan each would take memory a sensor, and most models have the mean alone.
        let none = assigner(&[]);
        let plans = ["p2_scale_1d.pkl", "p4_bare_1d.pkl"].map(|name| none.assign(&sensor(), &model(name)).unwrap());
        assert!(Arc::ptr_eq(&plans[0], &plans[1]));
    }

    #[test]
    fn features_that_no_model_gets_are_told() {
        let entries = assigner(&[("press/*", &["mean"], "skip"), ("press/vibration", &["std"], "skip")]);
        let unused = entries.unused([sensor()].iter());
        assert_eq!(unused.iter().map(|settings| settings.sensors.to_string()).collect::<Vec<_>>(), ["press/vibration"]);
    }
}
