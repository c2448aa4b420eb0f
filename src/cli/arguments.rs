//! Arguments that several commands take.

use crate::features::{FeatureError, FeatureSet, MissingError, MissingPolicy};
use crate::group::GroupName;
use crate::time::Span;
use crate::verdict::AnomalyScore;

/// A text that is not a length of time.
#[derive(Debug, thiserror::Error)]
#[error("not a span; write it as 500ms, 5s, 1m, 1h or 1h30m")]
pub(super) struct SpanError;

/// Reads a length of time, which must not be zero.
pub(super) fn parse_span(text: &str) -> Result<Span, SpanError> {
    Span::parse(text).filter(|span| *span > Span::ZERO).ok_or(SpanError)
}

/// A text that cannot name a group.
#[derive(Debug, thiserror::Error)]
#[error("not the name of a group: 1 to {} bytes, without blanks at the ends", GroupName::MAX_BYTES)]
pub(super) struct GroupNameError;

/// Reads the name of a group.
pub(super) fn parse_group(text: &str) -> Result<GroupName, GroupNameError> {
    GroupName::new(text).ok_or(GroupNameError)
}

/// A text that is not a list of columns.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeaturesError {
    /// The commas or the quotes.
    #[error("not a list of columns: {0}")]
    List(#[from] csv::Error),
    /// A name that is not a column, or the number of columns.
    #[error(transparent)]
    Feature(#[from] FeatureError),
}

/// Reads columns with commas between them, as a row of CSV: a name with a comma is in double quotes.
pub(super) fn parse_features(text: &str) -> Result<FeatureSet, FeaturesError> {
    let mut list = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
    let columns = list.records().next().transpose()?.unwrap_or_default();
    Ok(FeatureSet::parse(&columns.iter().collect::<Vec<_>>(), MissingPolicy::default())?)
}

/// Reads the policy for missing values.
pub(super) fn parse_missing(text: &str) -> Result<MissingPolicy, MissingError> {
    MissingPolicy::parse(text)
}

/// Reads the score from which on intervals are anomalies.
pub(super) fn parse_anomaly_score(text: &str) -> Result<AnomalyScore, String> {
    let score = text.parse().ok().and_then(AnomalyScore::new);
    score.ok_or_else(|| "give a number from 0.002 to 0.998".to_owned())
}
