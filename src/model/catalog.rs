//! The models in a directory, each with the sensor that its file's name names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Limits, LoadError, Model, NameTemplate, is_expectation};
use crate::sensor::{SensorName, SensorNameError};

/// What a directory of models holds. A file that is no model fails alone.
#[derive(Debug)]
pub struct Catalog {
    /// An entry a sensor, in the order of their names.
    pub entries: Vec<Entry>,
    /// The files that name no sensor, in the order of their paths.
    pub ignored: Vec<Ignored>,
}

/// One sensor's model.
#[derive(Debug)]
pub struct Entry {
    /// The sensor.
    pub sensor: SensorName,
    /// The file, the first one if there are several.
    pub path: PathBuf,
    /// The model, or why there is none.
    pub model: Result<Model, EntryError>,
    /// Another sensor that the file's name could be taken to name.
    pub alternative: Option<SensorName>,
}

/// Why a sensor has no model.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Its file is not a model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It has several files.
    #[error("{} and {} both name the sensor {sensor}; remove one", first.display(), second.display())]
    Duplicate {
        /// The sensor.
        sensor: SensorName,
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
    },
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
    #[error("the directory of models {} cannot be read: {source}", path.display())]
    Directory {
        /// The directory, or one below it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There are too many files.
    #[error("more than {max} files are below {}; raise models.max_files if they are all models", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The bound.
        max: usize,
    },
}

impl Catalog {
    /// Reads all models of a directory.
    ///
    /// # Errors
    /// When the directory itself cannot be read, or holds too many files. A file that is no model is an entry that
    /// says why.
    pub fn read(directory: &Path, template: &NameTemplate, limits: &Limits) -> Result<Self, CatalogError> {
        let mut files = Vec::new();
        let mut left = limits.files;
        list(directory, template.depth(), &mut left, &mut files).map_err(|error| match error {
            ListError::Directory { path, source } => CatalogError::Directory { path, source },
            ListError::TooMany => CatalogError::TooMany { path: directory.to_owned(), max: limits.files },
        })?;
        files.retain(|path| !is_expectation(path));
        files.sort();
        let mut ignored = Vec::new();
        let mut found: BTreeMap<SensorName, Found> = BTreeMap::new();
        for path in files {
            match name_of(&path, directory, template) {
                Ok((sensor, alternative)) => match found.get_mut(&sensor) {
                    Some(first) => _ = first.second.get_or_insert(path),
                    None => _ = found.insert(sensor, Found { path, alternative, second: None }),
                },
                Err(reason) => ignored.push(Ignored { path, reason }),
            }
        }
        let entries = found.into_iter().map(|(sensor, found)| found.load(sensor, limits)).collect();
        Ok(Self { entries, ignored })
    }
}

/// The files that name one sensor.
struct Found {
    path: PathBuf,
    alternative: Option<SensorName>,
    second: Option<PathBuf>,
}

impl Found {
    fn load(self, sensor: SensorName, limits: &Limits) -> Entry {
        let Self { path, alternative, second } = self;
        let model = match second {
            None => Model::load(&path, limits).map_err(EntryError::from),
            Some(second) => Err(EntryError::Duplicate { sensor: sensor.clone(), first: path.clone(), second }),
        };
        Entry { sensor, path, model, alternative }
    }
}

enum ListError {
    Directory { path: PathBuf, source: io::Error },
    TooMany,
}

/// Lists the files of a directory and of those at most `depth` below it. So a link in a circle ends.
fn list(directory: &Path, depth: usize, left: &mut usize, files: &mut Vec<PathBuf>) -> Result<(), ListError> {
    let failed = |source| ListError::Directory { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        *left = left.checked_sub(1).ok_or(ListError::TooMany)?;
        if !path.is_dir() {
            files.push(path);
        } else if depth > 0 {
            list(&path, depth - 1, left, files)?;
        }
    }
    Ok(())
}

fn name_of(
    path: &Path,
    directory: &Path,
    template: &NameTemplate,
) -> Result<(SensorName, Option<SensorName>), IgnoredReason> {
    let relative = path.strip_prefix(directory).unwrap_or(path).to_str().ok_or(IgnoredReason::NotUtf8)?;
    let misfit = || IgnoredReason::Template(template.to_string());
    // A '/' of the path stands for one of the template, never for a part of a name.
    if relative.matches('/').count() != template.depth() {
        return Err(misfit());
    }
    let found = template.find(relative).ok_or_else(misfit)??;
    Ok((found.sensor, found.alternative))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"not a model").unwrap();
        }
        directory
    }

    fn read(directory: &tempfile::TempDir, template: &str) -> Catalog {
        Catalog::read(directory.path(), &NameTemplate::parse(template).unwrap(), &Limits::default()).unwrap()
    }

    fn sensors(catalog: &Catalog) -> Vec<String> {
        catalog.entries.iter().map(|entry| entry.sensor.to_string()).collect()
    }

    #[test]
    fn sensors_come_in_the_order_of_their_names_and_other_files_are_listed() {
        let directory = directory(&["model_2_1", "model_1_2.pkl", "readme.txt", "model_1_1", "below/model_3_1"]);
        let catalog = read(&directory, "model_{device}_{sensor}");
        assert_eq!(sensors(&catalog), ["1/1", "1/2", "2/1"]);
        let [ignored] = &catalog.ignored[..] else { panic!("{:?}", catalog.ignored) };
        assert!(ignored.path.ends_with("readme.txt"));
        assert!(ignored.reason.to_string().contains("model_{device}_{sensor}"));
    }

    #[test]
    fn a_file_that_is_no_model_fails_alone_and_by_its_name() {
        let directory = directory(&["model_1_1", "model_1_2"]);
        let catalog = read(&directory, "model_{device}_{sensor}");
        let reasons: Vec<_> =
            catalog.entries.iter().map(|entry| entry.model.as_ref().unwrap_err().to_string()).collect();
        assert_eq!(reasons.len(), 2);
        assert!(reasons[0].contains("model_1_1: begins with the bytes"), "{}", reasons[0]);
    }

    #[test]
    fn two_files_for_one_sensor_are_an_error_that_names_both() {
        let directory = directory(&["model_1_1", "model_1_1.pkl", "model_1_1.joblib", "model_1_2"]);
        let catalog = read(&directory, "model_{device}_{sensor}");
        assert_eq!(sensors(&catalog), ["1/1", "1/2"]);
        let reason = catalog.entries[0].model.as_ref().unwrap_err().to_string();
        assert!(reason.contains("model_1_1 and ") && reason.contains("model_1_1.joblib both name"), "{reason}");
        assert!(matches!(catalog.entries[1].model, Err(EntryError::Load(_))));
    }

    #[test]
    fn expected_answers_are_neither_models_nor_passed_over() {
        let directory = directory(&["model_1_1.pkl", "model_1_1.expect.csv", "model_1_2.expect.csv"]);
        let catalog = read(&directory, "model_{device}_{sensor}");
        assert_eq!((sensors(&catalog), catalog.ignored.len()), (vec!["1/1".to_owned()], 0));
    }

    #[test]
    fn models_may_lie_in_a_folder_a_device() {
        let directory = directory(&["press/temp.pkl", "oven/temp.pkl", "stray.pkl", "oven/deep/temp.pkl"]);
        let catalog = read(&directory, "{device}/{sensor}");
        assert_eq!(sensors(&catalog), ["oven/temp", "press/temp"]);
        assert_eq!(catalog.ignored.len(), 1);
    }

    #[test]
    fn a_name_that_can_be_split_in_two_ways_is_flagged() {
        let directory = directory(&["model_a_b_c", "model_d_e"]);
        let catalog = read(&directory, "model_{device}_{sensor}");
        assert_eq!(catalog.entries[0].alternative, Some(SensorName::new("a_b", "c").unwrap()));
        assert_eq!(catalog.entries[1].alternative, None);
    }

    #[test]
    fn too_many_files_and_no_directory_are_errors() {
        let directory = directory(&["model_1_1", "model_1_2", "model_1_3"]);
        let limits = Limits { files: 2, ..Limits::default() };
        let error = Catalog::read(directory.path(), &NameTemplate::default(), &limits).unwrap_err();
        assert!(matches!(error, CatalogError::TooMany { max: 2, .. }));
        let missing = directory.path().join("missing");
        let error = Catalog::read(&missing, &NameTemplate::default(), &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("missing"));
    }
}
