//! The model files of a directory, by the sensors that they name. The files are not read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use super::NameTemplates;
use super::error::may_pass;
use super::fingerprint::Fingerprint;
use super::model_folder::{FolderLinks, Role, SensorFile, go_through};
use super::name_template::without_ending;
use crate::printable::shown;
use crate::sensor::{SensorName, SensorNameError};

/// The content of a directory of models, by the names of its files.
#[derive(Debug)]
pub struct Listing {
    /// The files of each sensor.
    pub files: BTreeMap<SensorName, ModelFile>,
    /// The files that name no sensor, in the order of their paths.
    pub ignored: Vec<Ignored>,
}

/// The file of one sensor's model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelFile {
    /// The file; the first one if there are several.
    pub path: PathBuf,
    /// Another sensor that the file name may name.
    pub alternative: Option<SensorName>,
    /// A second file that names the sensor.
    pub second: Option<PathBuf>,
    /// The scaler before the model, in a file of its own.
    pub scaler: Option<ScalerFile>,
    /// The state of all these files.
    pub fingerprint: Fingerprint,
}

/// The file of the scaler before a sensor's model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScalerFile {
    /// The file; the first one if there are several.
    pub path: PathBuf,
    /// A second file that names the same sensor.
    pub second: Option<PathBuf>,
}

/// A file that names no sensor.
#[derive(Debug)]
pub struct Ignored {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: IgnoredReason,
}

/// Scalers without a model.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} is passed over: {reason}{}", shown(first), More(*.more))]
pub struct ScalersAlone {
    /// The first of their files.
    pub first: PathBuf,
    /// Why there is no model for it.
    pub reason: IgnoredReason,
    /// How many more there are.
    pub more: usize,
}

impl ScalersAlone {
    /// The scalers without a model in a listing; `None` when there are no such scalers.
    pub fn of(listing: &Listing) -> Option<Self> {
        let is_alone = |file: &&Ignored| matches!(file.reason, IgnoredReason::ScalerAlone { .. });
        let mut alone = listing.ignored.iter().filter(is_alone);
        let Ignored { path, reason } = alone.next()?;
        Some(Self { first: path.clone(), reason: reason.clone(), more: alone.count() })
    }
}

struct More(usize);

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            more => write!(f, "; and {more} more like it"),
        }
    }
}

/// Why a file in the directory of models names no sensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoredReason {
    /// Its name does not fit the template.
    #[error("its name does not fit the template {0}")]
    Template(String),
    /// It is a scaler's, and the sensor has no model.
    #[error(
        "it is named as the scaler before the model of {sensor} (models.scaler), and there is no model of that sensor; its \
         name would be as in {models}"
    )]
    ScalerAlone {
        /// The sensor.
        sensor: SensorName,
        /// The template of models.
        models: String,
    },
    /// Its name is not UTF-8.
    #[error("its name is not UTF-8")]
    NotUtf8,
    /// The names in the file name cannot be a sensor's.
    #[error(transparent)]
    Name(#[from] SensorNameError),
}

/// Why a directory of models cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The directory cannot be read.
    #[error("the directory of models {} cannot be read: {source}", shown(path))]
    Directory {
        /// The directory, or a directory below it.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// There are too many files.
    #[error("more than {max} files are below {}; raise models.max_files if they are all models", shown(path))]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The bound.
        max: usize,
    },
}

impl CatalogError {
    /// Whether the directory may be readable later, because the problem may pass, such as a lack of free descriptors.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Directory { source, .. } if may_pass(source))
    }
}

/// The ending of a file that holds the expected answers of the model beside it.
pub(super) const EXPECTATION: &str = ".expect.csv";

impl ModelFile {
    /// The file of the model's expected answers, if there is one: `NAME.expect.csv` for `NAME.pkl`.
    pub fn expectation(&self) -> PathBuf {
        expectation(&self.path)
    }
}

/// The path of a model's expected answers: beside the model, without its ending.
pub(super) fn expectation(model: &Path) -> PathBuf {
    PathBuf::from(format!("{}{EXPECTATION}", without_ending(&model.to_string_lossy())))
}

impl ScalerFile {
    /// The scaler beside a model's file, by the default names: `scaler_1_2.pkl` beside `model_1_2.joblib`. `None` when
    /// the model's name does not fit.
    pub fn beside(model: &Path) -> Option<Self> {
        let names = NameTemplates::default();
        let sensor = names.models().find(model.file_name()?.to_str()?)?.ok()?.sensor;
        let folder = model.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let is_its = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            let found = name.filter(|name| !name.ends_with(EXPECTATION)).and_then(|name| names.scalers().find(name));
            found.is_some_and(|found| found.is_ok_and(|found| found.sensor == sensor))
        };
        let mut files: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(is_its).collect();
        files.sort();
        let mut files = files.into_iter().map(|path| model.with_file_name(path.file_name().unwrap_or_default()));
        Some(Self { path: files.next()?, second: files.next() })
    }
}

impl Listing {
    /// Lists a directory, and those below it as deep as the templates reach. Names that begin with a dot are skipped,
    /// and so are files of expected answers and of an ONNX file's numbers.
    ///
    /// # Errors
    /// When a directory cannot be read, or there are more than `max` files.
    pub fn read(directory: &Path, names: &NameTemplates, max: usize) -> Result<Self, CatalogError> {
        Ok(Self::read_some(directory, names, max, &|_| true, &mut |_| {})?.0)
    }

    /// Lists the files of some sensors, and those that name none. Also returns whether links lead elsewhere. Calls
    /// `enter` with each folder before it is read.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_some(
        directory: &Path,
        names: &NameTemplates,
        max: usize,
        is_wanted: &dyn Fn(&SensorName) -> bool,
        enter: &mut dyn FnMut(&Path),
    ) -> Result<(Self, FolderLinks), CatalogError> {
        let mut listing = Self { files: BTreeMap::new(), ignored: Vec::new() };
        let mut scalers: BTreeMap<SensorName, (ScalerFile, Fingerprint)> = BTreeMap::new();
        let links = go_through(directory, names, max, enter, &mut |path, file| match file {
            Ok(SensorFile { sensor, .. }) if !is_wanted(&sensor) => {}
            Ok(SensorFile { sensor, role: Role::Model { alternative }, fingerprint }) => {
                match listing.files.get_mut(&sensor) {
                    Some(file) => {
                        file.fingerprint.add(fingerprint);
                        if insert_in_order(path, &mut file.path, &mut file.second) {
                            file.alternative = alternative;
                        }
                    }
                    None => {
                        let file = ModelFile { path, alternative, second: None, scaler: None, fingerprint };
                        listing.files.insert(sensor, file);
                    }
                }
            }
            Ok(SensorFile { sensor, role: Role::Scaler, fingerprint }) => match scalers.get_mut(&sensor) {
                Some((scaler, before)) => {
                    before.add(fingerprint);
                    insert_in_order(path, &mut scaler.path, &mut scaler.second);
                }
                None => _ = scalers.insert(sensor, (ScalerFile { path, second: None }, fingerprint)),
            },
            Err(reason) => listing.ignored.push(Ignored { path, reason }),
        })?;
        for (sensor, (scaler, fingerprint)) in scalers {
            match listing.files.get_mut(&sensor) {
                Some(model) => {
                    model.fingerprint.add(fingerprint);
                    model.scaler = Some(scaler);
                }
                None => {
                    let reason = IgnoredReason::ScalerAlone { sensor, models: names.models().to_string() };
                    listing.ignored.push(Ignored { path: scaler.path, reason });
                }
            }
        }
        listing.ignored.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((listing, links))
    }
}

/// Puts a path into its place among the first two. Returns whether it is the first.
fn insert_in_order(path: PathBuf, first: &mut PathBuf, second: &mut Option<PathBuf>) -> bool {
    if path < *first {
        *second = Some(std::mem::replace(first, path));
        return true;
    }
    if second.as_ref().is_none_or(|second| path < *second) {
        *second = Some(path);
    }
    false
}
