//! The result of a look through the folder of models: a fingerprint a sensor, and no paths.

use std::collections::BTreeMap;
use std::path::Path;

use super::fingerprint::Fingerprint;
use super::model_folder::{FolderLinks, go_through};
use super::{CatalogError, NameTemplates};
use crate::sensor::SensorName;

/// The state of all files at one look. Taking it asks the system for everything that it needs.
#[derive(Debug)]
pub struct Survey {
    /// The fingerprint of each sensor that has a model file.
    pub(super) fingerprints: BTreeMap<SensorName, Fingerprint>,
    /// The sensors with a scaler and without a model file.
    pub scalers_alone: Vec<SensorName>,
    /// Whether symbolic links lead from the folder to elsewhere.
    pub links: FolderLinks,
}

impl Survey {
    /// Looks through a folder, file by file. `known` returns the shared name of a sensor that is known already, so that
    /// the survey holds no copy of it.
    ///
    /// # Errors
    /// When a folder cannot be read, or there are more than `max` files.
    pub fn take(
        directory: &Path,
        names: &NameTemplates,
        max: usize,
        known: &dyn Fn(SensorName) -> SensorName,
        enter: &mut dyn FnMut(&Path),
    ) -> Result<Self, CatalogError> {
        let mut fingerprints = BTreeMap::<_, Fingerprint>::new();
        let links = go_through(directory, names, max, enter, &mut |_, file| {
            let Ok(file) = file else { return };
            match fingerprints.get_mut(&file.sensor) {
                Some(before) => before.add(file.fingerprint),
                None => _ = fingerprints.insert(known(file.sensor), file.fingerprint),
            }
        })?;
        let mut scalers_alone = Vec::new();
        fingerprints.retain(|sensor, files| {
            let has_model = files.has_model();
            if !has_model {
                scalers_alone.push(sensor.clone());
            }
            has_model
        });
        Ok(Self { fingerprints, scalers_alone, links })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn expected_answers_that_a_link_leads_to_are_elsewhere_too() {
        let [folder, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let links = || {
            let names = NameTemplates::default();
            Survey::take(folder.path(), &names, 100, &|name| name, &mut |_| {}).unwrap().links
        };
        fs::write(folder.path().join("model_1_1"), "a model").unwrap();
        let expected = folder.path().join("model_1_1.expect.csv");
        fs::write(&expected, "x0,decision\n").unwrap();
        assert_eq!(links(), FolderLinks::None);
        fs::rename(&expected, elsewhere.path().join("answers")).unwrap();
        symlink(elsewhere.path().join("answers"), &expected).unwrap();
        assert_eq!(links(), FolderLinks::Some);
    }
}
