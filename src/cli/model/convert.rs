//! `anomalyd model convert`: any model in our own format.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::new_file::{self, NewFileError};
use super::persist::{Existing, check_free};
use super::rows_file::{self, RowsFileError, trimmed};
use super::{Before, TwoScalers};
use crate::cli::limits::LimitArgs;
use crate::model::{
    Anomalous, CalibrateError, Contamination, LoadError, Model, RowReader, RowsError, Warning, of_width,
};

/// Writes a model in anomalyd's own format: lossless, fastest to load, readable without Python.
///
/// What is written is read back and compared first: it gives the same decision values to the last bit. Any model can be
/// given another boundary by --offset or --calibrate; one that does not say from where on a row is an anomaly (PCA, KMeans,
/// a mixture, a neural network) must be.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The model, in any format
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// The files before the model, which become part of the new file.
    #[command(flatten)]
    pub before: Before,
    /// The detector's offset_, as scikit-learn has it: the lowest score that is normal, so minus the greatest error; of a
    /// network that gives one number, the number from which on it is anomalous
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, conflicts_with = "calibrate", group = "boundary")]
    pub offset: Option<f64>,
    /// Which numbers of an ONNX network that gives one are anomalous: high, as those of an error, or low
    #[arg(long, value_name = "high|low", value_parser = anomalous, requires = "boundary")]
    pub anomalous: Option<Anomalous>,
    /// Set the offset so that --contamination of these rows are anomalies: CSV with the columns of the features' names,
    /// else x0, x1 and so on
    #[arg(long, value_name = "FILE.csv", group = "boundary")]
    pub calibrate: Option<PathBuf>,
    /// The share of the rows that are to be anomalies
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = Contamination::parse, requires = "calibrate")]
    pub contamination: Contamination,
    /// What the model's columns are, in its order
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub features: Option<Vec<String>>,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the options carry their help")]
    pub limits: LimitArgs,
}

fn anomalous(name: &str) -> Result<Anomalous, &'static str> {
    Anomalous::named(name).ok_or("neither high nor low")
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Which file is before the model is not clear.
    #[error(transparent)]
    Before(#[from] TwoScalers),
    /// Not as many names as the model has features.
    #[error("--features {0}")]
    Features(RowsError),
    /// The rows to calibrate with.
    #[error(transparent)]
    Rows(#[from] RowsFileError),
    /// The offset.
    #[error("the offset cannot be set: {0}")]
    Calibrate(#[from] CalibrateError),
    /// The new file.
    #[error(transparent)]
    NewFile(#[from] NewFileError),
    /// The answer.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Converts, and reports on `out` what was written.
///
/// # Errors
/// When the model cannot be read, calibrated, or written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, ConvertError> {
    let existing = Existing::from_flag(args.force);
    check_free(&args.output, existing).map_err(NewFileError::from)?;
    let limits = args.limits.limits();
    let before = args.before.files(&args.input)?;
    let mut model = match (args.offset, &args.calibrate, args.anomalous) {
        (None, None, _) => Model::load_behind(&before, &args.input, &limits)?,
        (.., Some(anomalous)) => Model::load_scores(&before, &args.input, anomalous, &limits)?,
        _ => Model::load_uncalibrated(&before, &args.input, &limits)?,
    };
    if let Some(features) = &args.features {
        let features = of_width(trimmed(features), model.width()).map_err(ConvertError::Features)?;
        model = model.with_columns(features);
    }
    let mut rows = None;
    if let Some(offset) = args.offset {
        model = model.with_offset(offset)?;
    } else if let Some(path) = &args.calibrate {
        let columns = model.metadata().columns.clone();
        let choose = |reader: &RowReader<rows_file::RowsText>| reader.features(model.width(), columns.as_deref());
        let (_, read) = rows_file::read(path, choose, None, None)?;
        model = model.calibrated(read.values.view(), args.contamination)?;
        rows = Some(read.values);
    }
    let written = new_file::write(&model, rows.as_ref().map(|rows| rows.view()), &args.output, existing, &limits)?;
    new_file::report(&args.output, &written, out)?;
    // Our format has no field for a threshold that is not applied.
    if let Some(threshold) = model.metadata().threshold.filter(|_| args.offset.is_none() && args.calibrate.is_none()) {
        writeln!(out, "warning: {}", Warning::Threshold { threshold })?;
    }
    Ok(ExitCode::SUCCESS)
}
