//! The names of model files, and of the files of scalers before them.

use super::NameTemplate;

/// The templates of models and scalers. They differ, because only the name tells a model from a scaler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameTemplates {
    models: NameTemplate,
    scalers: NameTemplate,
}

/// Models and scalers are named alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scalers' names are those of the models, {0}; nothing tells one from the other")]
pub struct SameNames(NameTemplate);

impl NameTemplates {
    /// Models and scalers with these names.
    ///
    /// # Errors
    /// When both templates are the same.
    pub fn new(models: NameTemplate, scalers: NameTemplate) -> Result<Self, SameNames> {
        if models == scalers { Err(SameNames(models)) } else { Ok(Self { models, scalers }) }
    }

    /// The names of models.
    pub fn models(&self) -> &NameTemplate {
        &self.models
    }

    /// The names of scalers.
    pub fn scalers(&self) -> &NameTemplate {
        &self.scalers
    }

    /// How many directories below the directory of models a file may be.
    pub(super) fn depth(&self) -> usize {
        self.models.depth().max(self.scalers.depth())
    }
}

impl From<NameTemplate> for NameTemplates {
    /// Scalers are named like models, with another word; see [`NameTemplate::of_scalers`].
    fn from(models: NameTemplate) -> Self {
        let scalers = models.of_scalers();
        Self { models, scalers }
    }
}

impl Default for NameTemplates {
    fn default() -> Self {
        NameTemplate::default().into()
    }
}
