//! Writing a model in our own format: proven first, then written.

use std::io::{self, Write};
use std::path::Path;

use ndarray::{Array2, ArrayView2};

use super::persist::{Existing, PersistError, persist};
use crate::model::formats::own;
use crate::model::{Limits, Model, ModelError};
use crate::printable::shown;

/// Why a model was not written.
#[derive(Debug, thiserror::Error)]
pub enum NewFileError {
    /// The model does not fit the format.
    #[error(transparent)]
    Format(#[from] own::WriteError),
    /// The bytes to write cannot be read back.
    #[error("what would be written cannot be read, so nothing was written: {0}")]
    Unreadable(#[from] ModelError),
    /// The bytes to write read back as another model.
    #[error("what would be written gives other answers than the model, so nothing was written")]
    Differs,
    /// The file.
    #[error(transparent)]
    Persist(#[from] PersistError),
}

/// Writes a model to a file, after checking that the bytes read back as the same model, with the same answers to the
/// last bit on `rows` and on test rows. Returns the model that was read back.
pub(super) fn write(
    model: &Model,
    rows: Option<ArrayView2<'_, f64>>,
    path: &Path,
    existing: Existing,
    limits: &Limits,
) -> Result<Model, NewFileError> {
    let bytes = own::write(model)?;
    let read = Model::read(&bytes, limits)?;
    let probes = probes(model);
    let agrees = rows.into_iter().chain([probes.view()]).all(|rows| answers(model, &rows) == answers(&read, &rows));
    if !agrees || own::write(&read)? != bytes {
        return Err(NewFileError::Differs);
    }
    persist(&bytes, path, existing)?;
    Ok(read)
}

/// Reports what was written, and what is odd about it.
pub(super) fn report(path: &Path, model: &Model, out: &mut dyn Write) -> io::Result<()> {
    let (path, features) = (shown(path), model.width());
    writeln!(out, "wrote {path}: {}, {features} features, hash {}", model.detector().name(), model.hash())?;
    for (name, value) in model.detector().parameters() {
        writeln!(out, "  {name} {value}")?;
    }
    model.warnings().iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))
}

/// The decision values as bits, or the error, row by row.
fn answers(model: &Model, rows: &ArrayView2<'_, f64>) -> Vec<Result<u64, String>> {
    let answer = |row| match model.evaluate(row) {
        Ok(evaluations) => Ok(evaluations.first().map_or(0, |evaluation| evaluation.decision.to_bits())),
        Err(error) => Err(error.to_string()),
    };
    rows.axis_chunks_iter(ndarray::Axis(0), 1).map(answer).collect()
}

/// Test rows with values of all sizes; the same rows every time.
fn probes(model: &Model) -> Array2<f64> {
    const SIZES: [f64; 6] = [0.0, 0.1, 1.0, 10.0, 1e3, 1e6];
    const EACH: usize = 8;
    let mut random = fastrand::Rng::with_seed(0);
    Array2::from_shape_fn((SIZES.len() * EACH, model.width()), |(row, _)| {
        SIZES.get(row / EACH).copied().unwrap_or_default() * (2.0 * random.f64() - 1.0)
    })
}
