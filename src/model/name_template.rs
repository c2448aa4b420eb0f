//! How the name of a model's file names its sensor.

use std::fmt;

use crate::sensor::{SensorName, SensorNameError};

/// A template for the names of model files, such as `model_{device}_{sensor}`.
///
/// It is matched against a file's path below the directory of models, so it may hold `/`. The device is the shortest
/// text that fits, and the sensor is the rest; `%2F` in a name stands for a `/` (a device of several topic levels). A
/// template without an ending matches files with any ending, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameTemplate {
    before: String,
    between: String,
    after: String,
    order: Order,
}

/// Which placeholder comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    DeviceFirst,
    SensorFirst,
}

/// Why a template was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameTemplateError {
    /// A placeholder is missing, or there more than once.
    #[error("the template {template:?} holds {placeholder} {count} times; it must hold it once")]
    Placeholder {
        /// The template.
        template: String,
        /// The placeholder.
        placeholder: &'static str,
        /// How often it is there.
        count: usize,
    },
    /// A brace that is not part of a placeholder.
    #[error("the template {template:?} holds a brace that is not of {{device}} or {{sensor}}")]
    Brace {
        /// The template.
        template: String,
    },
    /// Nothing tells the device from the sensor.
    #[error("the template {template:?} has nothing between {{device}} and {{sensor}}; put a '_' or a '/' there")]
    NothingBetween {
        /// The template.
        template: String,
    },
    /// The path leaves the directory of models.
    #[error("the template {template:?} must be a path below the directory of models, without '.', '..' or '//'")]
    Path {
        /// The template.
        template: String,
    },
}

/// The sensors that a file name may name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NameMatch {
    /// The sensor that is meant.
    pub(super) sensor: SensorName,
    /// Another sensor that could be meant.
    pub(super) alternative: Option<SensorName>,
}

impl NameTemplate {
    const DEVICE: &str = "{device}";
    const SENSOR: &str = "{sensor}";

    /// Reads a template.
    ///
    /// # Errors
    /// When a placeholder is missing or there twice, nothing stands between them, or the path is not below a directory.
    pub fn parse(template: &str) -> Result<Self, NameTemplateError> {
        let owned = || template.to_owned();
        for placeholder in [Self::DEVICE, Self::SENSOR] {
            let count = template.matches(placeholder).count();
            if count != 1 {
                return Err(NameTemplateError::Placeholder { template: owned(), placeholder, count });
            }
        }
        let device = template.find(Self::DEVICE).unwrap_or_default();
        let sensor = template.find(Self::SENSOR).unwrap_or_default();
        let order = if device < sensor { Order::DeviceFirst } else { Order::SensorFirst };
        let (first, second) = (device.min(sensor), device.max(sensor));
        // Both placeholders are of the same length.
        let length = Self::DEVICE.len();
        let (before, between, after) = (
            &template[..first],
            template.get(first + length..second).unwrap_or_default(),
            &template[second + length..],
        );
        if [before, between, after].iter().any(|part| part.contains(['{', '}'])) {
            return Err(NameTemplateError::Brace { template: owned() });
        }
        if between.is_empty() {
            return Err(NameTemplateError::NothingBetween { template: owned() });
        }
        if template.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(NameTemplateError::Path { template: owned() });
        }
        Ok(Self { before: before.to_owned(), between: between.to_owned(), after: after.to_owned(), order })
    }

    /// The template of the scalers before models of this template: with "scaler" in the place of the first "model",
    /// else with "scaler_" before the file's name.
    pub fn of_scalers(&self) -> Self {
        let mut parts = [self.before.clone(), self.between.clone(), self.after.clone()];
        match parts.iter_mut().find(|part| part.contains("model")) {
            Some(part) => *part = part.replacen("model", "scaler", 1),
            None => {
                // The file's name begins in the last part that holds a '/', behind that.
                let part = parts.iter_mut().rev().find(|part| part.contains('/'));
                match part {
                    Some(part) => part.insert_str(part.rfind('/').map_or(0, |slash| slash + 1), "scaler_"),
                    None => parts[0].insert_str(0, "scaler_"),
                }
            }
        }
        let [before, between, after] = parts;
        Self { before, between, after, order: self.order }
    }

    /// How many letters of a name the template gives: when a name fits two templates, the one with more letters is
    /// meant.
    pub(super) fn letters(&self) -> usize {
        [&self.before, &self.between, &self.after].iter().map(|part| part.len()).sum()
    }

    /// How many directories a model lies below the directory of models.
    pub(super) fn depth(&self) -> usize {
        [&self.before, &self.between, &self.after].iter().map(|part| part.matches('/').count()).sum()
    }

    /// The sensor that a path below the directory of models names; `None` when the path does not fit.
    pub(super) fn find(&self, path: &str) -> Option<Result<NameMatch, SensorNameError>> {
        let name = if self.has_ending() { path } else { without_ending(path) };
        let names = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let split = |at: usize| {
            let (first, second) = (&names[..at], &names[at + self.between.len()..]);
            // As in the names of prediction files, a name of several topic levels is written into one file name.
            let [first, second] = [first, second].map(|name| name.replace("%2F", "/"));
            match self.order {
                Order::DeviceFirst => SensorName::new(&first, &second),
                Order::SensorFirst => SensorName::new(&second, &first),
            }
        };
        // Overlapping places count too: `a__b` can be split before either '_'.
        let places = (0..names.len()).filter(|at| names.get(*at..).is_some_and(|s| s.starts_with(&self.between)));
        let mut readings: Vec<_> = places.map(split).collect();
        if self.order == Order::SensorFirst {
            readings.reverse();
        }
        let mut valid = readings.iter().flatten().cloned();
        match valid.next() {
            Some(sensor) => Some(Ok(NameMatch { sensor, alternative: valid.next() })),
            None => readings.into_iter().next()?.err().map(Err),
        }
    }

    /// Whether the template itself says how files end.
    fn has_ending(&self) -> bool {
        self.after.rsplit('/').next().is_some_and(|last| last.contains('.'))
    }
}

impl Default for NameTemplate {
    fn default() -> Self {
        Self { before: "model_".to_owned(), between: "_".to_owned(), after: String::new(), order: Order::DeviceFirst }
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = match self.order {
            Order::DeviceFirst => (Self::DEVICE, Self::SENSOR),
            Order::SensorFirst => (Self::SENSOR, Self::DEVICE),
        };
        write!(f, "{}{first}{}{second}{}", self.before, self.between, self.after)
    }
}

/// A path without its ending: a dot and up to eight letters and digits, at least one of them a letter, so that the
/// number in `model_press_1.5` stays; or `.safetensors`, our own ending. Before it, an ending that often comes in pairs
/// (`.pkl.gz`, `.z.joblib`) is removed too.
pub(super) fn without_ending(path: &str) -> &str {
    const PAIRED: [&str; 9] = ["pkl", "pickle", "joblib", "z", "gz", "bz2", "xz", "lzma", "lz4"];
    let split = |path| -> Option<(&str, &str)> {
        let (stem, ending) = str::rsplit_once(path, '.')?;
        let named = stem.rsplit('/').next().is_some_and(|name| !name.is_empty());
        let plausible = ((1..=8).contains(&ending.len()) || ending == "safetensors")
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && ending.bytes().any(|byte| byte.is_ascii_alphabetic());
        (named && plausible).then_some((stem, ending))
    };
    let Some((mut stem, _)) = split(path) else { return path };
    while let Some((shorter, _)) = split(stem).filter(|(_, ending)| PAIRED.contains(ending)) {
        stem = shorter;
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str, path: &str) -> Option<String> {
        let found = NameTemplate::parse(template).unwrap().find(path)?.unwrap();
        let other = found.alternative.map(|name| format!(" or {name}")).unwrap_or_default();
        Some(format!("{}{other}", found.sensor))
    }

    #[test]
    fn a_name_gives_device_and_sensor_whatever_its_ending() {
        let template = "model_{device}_{sensor}";
        for path in [
            "model_1_2",
            "model_1_2.pkl",
            "model_1_2.joblib",
            "model_1_2.z.joblib",
            "model_1_2.pkl.gz",
            "model_1_2.safetensors",
        ] {
            assert_eq!(found(template, path).as_deref(), Some("1/2"), "{path}");
        }
        assert_eq!(found(template, "model_press_1.5").as_deref(), Some("press/1.5"));
        for path in ["model_1", "model-1_2", "other_1_2", "", "model_", "1_2"] {
            assert_eq!(found(template, path), None, "{path}");
        }
    }

    #[test]
    fn the_device_is_the_shortest_match_and_the_other_reading_is_told() {
        assert_eq!(found("model_{device}_{sensor}", "model_a_b_c").as_deref(), Some("a/b_c or a_b/c"));
        assert_eq!(found("{sensor}@{device}", "a@b@c").as_deref(), Some("c/a@b or b@c/a"));
        assert_eq!(found("{device}__{sensor}", "a___b").as_deref(), Some("a/_b or a_/b"));
        assert_eq!(found("model_{device}_{sensor}", "model__a_b").as_deref(), Some("_a/b"), "no device has no name");
    }

    #[test]
    fn a_template_may_hold_folders_and_an_ending() {
        let template = "{device}/svm_{sensor}.v2.pkl";
        assert_eq!(NameTemplate::parse(template).unwrap().depth(), 1);
        assert_eq!(found(template, "press/svm_a_b.x.v2.pkl").as_deref(), Some("press/a_b.x"));
        assert_eq!(found(template, "press/svm_a.pkl"), None);
        assert_eq!(found("{device}/{sensor}", "press/.pkl").as_deref(), Some("press/.pkl"));
    }

    #[test]
    fn a_name_of_several_topic_levels_fits_into_one_file_name() {
        assert_eq!(
            found("model_{device}_{sensor}", "model_hall3%2Fpress7_flow.pkl").as_deref(),
            Some("hall3/press7/flow")
        );
    }

    #[test]
    fn a_name_that_no_sensor_can_have_is_an_error() {
        assert!(NameTemplate::default().find("model__b.pkl").unwrap().is_err());
        assert!(NameTemplate::default().find("model_a_b#").unwrap().is_err());
    }

    #[test]
    fn a_template_that_cannot_tell_device_from_sensor_is_refused() {
        use NameTemplateError as E;
        assert!(matches!(NameTemplate::parse("model_{device}"), Err(E::Placeholder { count: 0, .. })));
        assert!(matches!(NameTemplate::parse("{device}_{sensor}_{device}"), Err(E::Placeholder { count: 2, .. })));
        assert!(matches!(NameTemplate::parse("{device}{sensor}"), Err(E::NothingBetween { .. })));
        assert!(matches!(NameTemplate::parse("{device}_{sensor}_{tag}"), Err(E::Brace { .. })));
        for template in ["/{device}/{sensor}", "../{device}_{sensor}", "{device}//{sensor}"] {
            assert!(matches!(NameTemplate::parse(template), Err(E::Path { .. })), "{template}");
        }
    }

    #[test]
    fn scalers_are_named_as_their_models_are() {
        for (models, scalers) in [
            ("model_{device}_{sensor}", "scaler_{device}_{sensor}"),
            ("{device}/{sensor}", "{device}/scaler_{sensor}"),
            ("{device}-{sensor}.pkl", "scaler_{device}-{sensor}.pkl"),
            ("{sensor}@{device}", "scaler_{sensor}@{device}"),
            ("{device}/svm_{sensor}.v2", "{device}/scaler_svm_{sensor}.v2"),
            ("models/{device}/{sensor}", "scalers/{device}/{sensor}"),
            ("{device}/{sensor}/model.pkl", "{device}/{sensor}/scaler.pkl"),
            ("{device}_{sensor}/svm", "{device}_{sensor}/scaler_svm"),
        ] {
            let template = NameTemplate::parse(models).unwrap().of_scalers();
            assert_eq!(template, NameTemplate::parse(scalers).unwrap(), "{models}");
        }
    }

    #[test]
    fn a_template_is_written_as_it_was_read() {
        for template in ["model_{device}_{sensor}", "{sensor}/of_{device}.pkl"] {
            assert_eq!(NameTemplate::parse(template).unwrap().to_string(), template);
        }
        assert_eq!(NameTemplate::default(), NameTemplate::parse("model_{device}_{sensor}").unwrap());
    }
}
