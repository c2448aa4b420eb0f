//! How the files of models and of the scalers before them are named.

use super::NameTemplate;

/// The templates of both. They differ: else nothing would tell a model from a scaler.
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
    /// Models and scalers by these names.
    ///
    /// # Errors
    /// When both are named alike.
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

    /// How many directories a file lies below the directory of models, at most.
    pub(super) fn depth(&self) -> usize {
        self.models.depth().max(self.scalers.depth())
    }
}

impl From<NameTemplate> for NameTemplates {
    /// Scalers are named as models are, with another word; see [`NameTemplate::of_scalers`].
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
