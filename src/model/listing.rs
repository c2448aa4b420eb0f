//! The model files of a directory, by the sensors that they name. None of them is read yet.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::data_file;
use super::name_template::{NameMatch, without_ending};
use super::{NameTemplate, NameTemplates};
use crate::printable::shown;
use crate::sensor::{SensorName, SensorNameError};

/// What a directory of models holds, as far as names tell.
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
    /// The file, the first one if there are several.
    pub path: PathBuf,
    /// Another sensor that the file's name could be taken to name.
    pub alternative: Option<SensorName>,
    /// A second file that names the sensor.
    pub second: Option<PathBuf>,
    /// The scaler that stands before the model, in a file of its own.
    pub scaler: Option<ScalerFile>,
    /// What tells the content apart of the files in which an ONNX file may keep its numbers.
    pub numbers: Option<NumbersStamp>,
}

/// The file of the scaler that stands before a sensor's model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScalerFile {
    /// The file, the first one if there are several.
    pub path: PathBuf,
    /// A second file that names the same sensor.
    pub second: Option<PathBuf>,
}

/// What tells apart the files that hold the numbers of ONNX files. Which of them are a model's is said in the model, which
/// is not read here: they are those of its own name, else any in its folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumbersStamp(u64);

/// What tells one content of a file from the next without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stamp {
    modified: SystemTime,
    bytes: u64,
    /// A file that was renamed over another is another one, even if it is as old and as long.
    inode: u64,
    /// When anything of it was changed last, in seconds and their billionths: nobody can set it. What is copied or
    /// unpacked with its times may be as old and as long as what was there, and even be given its inode.
    changed: (i64, i64),
}

/// A file that names no sensor.
#[derive(Debug)]
pub struct Ignored {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: IgnoredReason,
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
    /// The names in it cannot be a sensor's.
    #[error(transparent)]
    Name(#[from] SensorNameError),
}

/// Why a directory of models cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The directory cannot be read.
    #[error("the directory of models {} cannot be read: {source}", shown(path))]
    Directory {
        /// The directory, or one below it.
        path: PathBuf,
        /// What the system says.
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

/// What a file's name ends in that holds the answers expected of the model beside it.
const EXPECTATION: &str = ".expect.csv";

impl ModelFile {
    /// Where the answers that are expected of the model are, if there are any: `NAME.expect.csv` for `NAME.pkl`.
    pub fn expectation(&self) -> PathBuf {
        expectation(&self.path)
    }
}

/// Where the answers that are expected of a model would be: beside it, without its ending.
pub(super) fn expectation(model: &Path) -> PathBuf {
    PathBuf::from(format!("{}{EXPECTATION}", without_ending(&model.to_string_lossy())))
}

impl ScalerFile {
    /// The scaler beside a model's file, by the default names: `scaler_1_2.pkl` beside `model_1_2.joblib`. `None` for a
    /// model that is not named so.
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

impl Stamp {
    /// The stamp of a file; `None` when there is none, or it cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata: Metadata = fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok()?,
            bytes: metadata.len(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Listing {
    /// Lists a directory, and those below it as deep as the templates' names reach. Names that begin with a dot are
    /// passed over, as files are written under such before they get their own, and so are expected answers and what holds
    /// the numbers of an ONNX file.
    ///
    /// # Errors
    /// When a directory cannot be read, or there are more than `max` files.
    pub fn read(directory: &Path, names: &NameTemplates, max: usize) -> Result<Self, CatalogError> {
        let (mut files, mut numbers) = (Vec::new(), Vec::new());
        let mut left = max;
        list(directory, names.depth(), &mut left, &mut files, &mut numbers).map_err(|error| match error {
            ListError::Directory { path, source } => CatalogError::Directory { path, source },
            ListError::TooMany => CatalogError::TooMany { path: directory.to_owned(), max },
        })?;
        files.sort();
        numbers.sort();
        let mut listing = Self { files: BTreeMap::new(), ignored: Vec::new() };
        let mut scalers: BTreeMap<SensorName, ScalerFile> = BTreeMap::new();
        for path in files {
            match role_of(&path, directory, names) {
                Ok(Role::Model(NameMatch { sensor, alternative })) => match listing.files.get_mut(&sensor) {
                    Some(first) => _ = first.second.get_or_insert(path),
                    None => {
                        let numbers = numbers_of(&path, &numbers);
                        let file = ModelFile { path, alternative, second: None, scaler: None, numbers };
                        listing.files.insert(sensor, file);
                    }
                },
                Ok(Role::Scaler(NameMatch { sensor, .. })) => match scalers.get_mut(&sensor) {
                    Some(first) => _ = first.second.get_or_insert(path),
                    None => _ = scalers.insert(sensor, ScalerFile { path, second: None }),
                },
                Err(reason) => listing.ignored.push(Ignored { path, reason }),
            }
        }
        for (sensor, scaler) in scalers {
            match listing.files.get_mut(&sensor) {
                Some(model) => model.scaler = Some(scaler),
                None => {
                    let reason = IgnoredReason::ScalerAlone { sensor, models: names.models().to_string() };
                    listing.ignored.push(Ignored { path: scaler.path, reason });
                }
            }
        }
        listing.ignored.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }
}

enum ListError {
    Directory { path: PathBuf, source: io::Error },
    TooMany,
}

/// Lists the files of a directory and of those at most `depth` below it. So a link in a circle ends.
fn list(
    directory: &Path,
    depth: usize,
    left: &mut usize,
    files: &mut Vec<PathBuf>,
    numbers: &mut Vec<PathBuf>,
) -> Result<(), ListError> {
    let failed = |source| ListError::Directory { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b".") || name.ends_with(EXPECTATION.as_bytes()) {
            continue;
        }
        let path = entry.path();
        *left = left.checked_sub(1).ok_or(ListError::TooMany)?;
        if !path.is_dir() {
            if data_file::is_named_so(name) { numbers.push(path) } else { files.push(path) }
        } else if depth > 0 {
            list(&path, depth - 1, left, files, numbers)?;
        }
    }
    Ok(())
}

/// The stamp of the files that may hold a model's numbers. `numbers` are all such files, sorted.
fn numbers_of(model: &Path, numbers: &[PathBuf]) -> Option<NumbersStamp> {
    if numbers.is_empty() || model.extension().is_none_or(|ending| ending != "onnx") {
        return None;
    }
    let own = data_file::its_own(model);
    let stamp_of = |path: &PathBuf| (path.clone(), Stamp::of(path));
    let stamps: Vec<_> = match numbers.binary_search(&own) {
        Ok(_) => vec![stamp_of(&own)],
        Err(_) => numbers.iter().filter(|path| path.parent() == model.parent()).map(stamp_of).collect(),
    };
    let mut hasher = DefaultHasher::new();
    stamps.hash(&mut hasher);
    Some(NumbersStamp(hasher.finish()))
}

/// What a file is by its name.
enum Role {
    Model(NameMatch),
    Scaler(NameMatch),
}

fn role_of(path: &Path, directory: &Path, names: &NameTemplates) -> Result<Role, IgnoredReason> {
    let relative = path.strip_prefix(directory).unwrap_or(path).to_str().ok_or(IgnoredReason::NotUtf8)?;
    // A '/' of the path stands for one of the template, never for a part of a name.
    let depth = relative.matches('/').count();
    let find = |template: &NameTemplate| (depth == template.depth()).then(|| template.find(relative)).flatten();
    let model = || find(names.models()).map(|found| found.map(Role::Model));
    let scaler = || find(names.scalers()).map(|found| found.map(Role::Scaler));
    // A name may fit both, as press/scaler_temp fits {device}/{sensor}: the template that says more of it is meant.
    let role = if names.scalers().letters() > names.models().letters() {
        scaler().or_else(model)
    } else {
        model().or_else(scaler)
    };
    Ok(role.ok_or_else(|| IgnoredReason::Template(names.models().to_string()))??)
}
