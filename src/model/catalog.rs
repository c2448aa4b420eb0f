//! The models in a directory, each with the sensor that its file name names.

use std::path::{Path, PathBuf};

use super::{CatalogError, Ignored, Limits, Listing, LoadError, Model, ModelFile, NameTemplates, ScalerFile, guarded};
use crate::printable::shown;
use crate::sensor::SensorName;

/// The content of a directory of models. A file that is not usable as a model is an entry with its error, and no error
/// of the whole.
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
    /// The file; the first one if there are several.
    pub path: PathBuf,
    /// The file of the scaler before the model, if it is one of its own.
    pub scaler: Option<PathBuf>,
    /// The model, or why the file is not usable as one.
    pub model: Result<Model, EntryError>,
    /// Another sensor that the file name may name.
    pub alternative: Option<SensorName>,
}

/// Why a sensor has no model.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Its file is not a model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It has several files, of models or of scalers.
    #[error("{} and {} both name the sensor {sensor}; remove one", shown(first), shown(second))]
    Duplicate {
        /// The sensor.
        sensor: SensorName,
        /// The first file.
        first: PathBuf,
        /// The second file.
        second: PathBuf,
    },
    /// It could not be read in time.
    #[error("{}: {problem}", shown(path))]
    NotRead {
        /// The file.
        path: PathBuf,
        /// What held it up, in words.
        problem: String,
    },
}

impl EntryError {
    /// The problem, in words that fit many files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Load(error) => error.problem.kind(),
            Self::Duplicate { .. } => "two files for one sensor",
            Self::NotRead { .. } => "not read in time",
        }
    }

    /// Whether the same file may be readable later, because the problem is one that may pass.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Load(error) if error.problem.may_pass())
    }
}

impl Catalog {
    /// Reads all models of a directory.
    ///
    /// # Errors
    /// When the directory itself cannot be read, or holds too many files. A file that is not usable as a model is an
    /// entry with its error.
    pub fn read(directory: &Path, names: &NameTemplates, limits: &Limits) -> Result<Self, CatalogError> {
        Ok(Self::load(Listing::read(directory, names, limits.files)?, limits))
    }

    /// Reads all models of a listing.
    pub fn load(listing: Listing, limits: &Limits) -> Self {
        let Listing { files, ignored } = listing;
        let entries = files.into_iter().map(|(sensor, file)| Entry::load(sensor, file, limits)).collect();
        Self { entries, ignored }
    }
}

impl Entry {
    /// Reads the model of one sensor. A panic while a file is read makes it a file that is not usable as a model.
    pub fn load(sensor: SensorName, file: ModelFile, limits: &Limits) -> Self {
        let ModelFile { path, alternative, second, scaler, fingerprint: _ } = file;
        let (scaler, second_scaler) = match scaler {
            Some(ScalerFile { path, second }) => (Some(path), second),
            None => (None, None),
        };
        let duplicate = |first: &Path, second| {
            Err(EntryError::Duplicate { sensor: sensor.clone(), first: first.to_owned(), second })
        };
        let model = match (second, scaler.as_slice(), second_scaler) {
            (Some(second), ..) => duplicate(&path, second),
            (None, [scaler], Some(second)) => duplicate(scaler, second),
            (None, before, _) => {
                let load = || {
                    fail::fail_point!(&format!("model::load {sensor}"), |_| Err(LoadError::new(
                        &path,
                        super::ModelError::Read(rustix::io::Errno::MFILE.into())
                    )));
                    Model::load_behind(before, &path, limits)
                };
                let loaded = guarded(load).unwrap_or_else(|panic| Err(LoadError::new(&path, panic.into())));
                loaded.map_err(EntryError::from)
            }
        };
        Self { sensor, path, scaler, model, alternative }
    }

    /// A sensor whose file was not read, because of a problem that is not the file's.
    pub fn not_read(sensor: SensorName, file: ModelFile, problem: impl ToString) -> Self {
        let ModelFile { path, alternative, .. } = file;
        let model = Err(EntryError::NotRead { path: path.clone(), problem: problem.to_string() });
        Self { sensor, path, scaler: None, model, alternative }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::NameTemplate;

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
        Catalog::read(directory.path(), &NameTemplate::parse(template).unwrap().into(), &Limits::default()).unwrap()
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
        assert!(reasons[0].contains("model_1_1: is text"), "{}", reasons[0]);
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
        let error = Catalog::read(directory.path(), &NameTemplates::default(), &limits).unwrap_err();
        assert!(matches!(error, CatalogError::TooMany { max: 2, .. }));
        let missing = directory.path().join("missing");
        let error = Catalog::read(&missing, &NameTemplates::default(), &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("missing"));
    }
}
