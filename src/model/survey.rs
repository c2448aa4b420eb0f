//! What a look through the folder of models finds: a fingerprint a sensor, and no paths.

use std::collections::BTreeMap;
use std::path::Path;

use super::fingerprint::Fingerprint;
use super::model_folder::{FolderLinks, go_through};
use super::{CatalogError, NameTemplates};
use crate::sensor::SensorName;

/// The state of all files at one look. To take it is to ask the system, and all there is to ask.
#[derive(Debug)]
pub struct Survey {
    /// Of each sensor that has a model file.
    pub(super) fingerprints: BTreeMap<SensorName, Fingerprint>,
    /// The sensors that have a scaler and no model file.
    pub scalers_alone: Vec<SensorName>,
    /// Whether symbolic links lead from the folder to elsewhere.
    pub links: FolderLinks,
}

impl Survey {
    /// Looks through a folder, file by file. `known` gives the name that somebody else holds already, so
    /// that the survey holds none of its own.
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
