//! What the header says of the model: all of it but the arrays.

use serde::{Deserialize, Serialize};

use super::detectors::DetectorDescription;
use super::error::OwnError;
use super::steps::StepDescription;
use crate::model::Source;
use crate::model::formats::printable::printable;

/// The version that is written and read here.
pub(in crate::model) const VERSION: u32 = 1;

/// The description, in the order in which it is written.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) format: u32,
    /// The SHA-256 of the file with zeros in this place, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    #[serde(default)]
    pub(super) steps: Vec<StepDescription>,
    pub(super) detector: DetectorDescription,
    /// What the columns are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) features: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) library: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) library_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) training_rows: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Source>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

impl Description {
    /// Reads a description. serde_json bounds how deep it nests.
    pub(super) fn parse(text: impl AsRef<str>) -> Result<Self, OwnError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }

        let text = text.as_ref();
        match serde_json::from_str::<Self>(text) {
            Ok(description) if description.format == VERSION => Ok(description),
            Ok(description) => Err(OwnError::Version { found: description.format, known: VERSION }),
            // A later version may well say what is unknown here.
            Err(error) => Err(match serde_json::from_str(text) {
                Ok(Version { format }) if format != VERSION => OwnError::Version { found: format, known: VERSION },
                _ => OwnError::Description { problem: printable(&error.to_string()) },
            }),
        }
    }
}
