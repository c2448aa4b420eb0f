//! `anomalyd model fit`: a model of the gateway's own history, without Python.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::new_file::{self, NewFileError};
use super::persist::{Existing, check_free};
use super::rows_file::{self, RowsFileError, RowsText, trimmed};
use crate::cli::limits::LimitArgs;
use crate::model::{Components, Contamination, RowReader, RowsError, TrainError, Training, TrainingMethod, train};

/// Trains a model on rows of a history, and writes it in anomalyd's own format.
///
/// The same rows and options always give the same file.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The detector
    #[arg(value_name = "DETECTOR", value_enum)]
    pub detector: Kind,
    /// The rows, one an interval and a column a feature, all of them normal but for the share of --contamination: a table
    /// of text with a header; ',', ';', '|' or tabs between the fields, also packed by gzip; - is standard input
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The share of the rows that are to be anomalies
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = Contamination::parse)]
    pub contamination: Contamination,
    /// The columns to learn from; x0, x1 and so on, else all, if left out
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub features: Option<Vec<String>>,
    /// Of pca: how many components to keep, or, below 1, the share of the variance that they hold
    #[arg(long, value_name = "NUMBER", default_value = "0.95", value_parser = parse_components)]
    pub components: Components,
    /// Of kmeans: how many centres to find
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    pub clusters: usize,
    /// Of kmeans: where its centres begin
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Of robust: what is usual
    #[arg(long, value_enum, default_value_t)]
    pub rule: Rule,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the options carry their help")]
    pub limits: LimitArgs,
}

/// A detector that can be trained here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Kind {
    /// Reconstruction error of a principal component analysis: sensors that move together
    Pca,
    /// Distance to the nearest centre of k-means: a machine with several ways of running
    Kmeans,
    /// Each column against its own usual range
    Robust,
}

/// How the usual values of a column are described.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Rule {
    /// Around the median, in median absolute deviations
    #[default]
    Mad,
    /// Between two quantiles
    Quantile,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The rows.
    #[error(transparent)]
    Rows(RowsFileError),
    /// What may be readings: text from the first row on.
    #[error(
        "{0}; fit takes rows, one an interval and a column a feature, not a history of readings: choose columns with \
         --features"
    )]
    Readings(RowsFileError),
    /// No model can be trained on the rows.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The new file.
    #[error(transparent)]
    NewFile(#[from] NewFileError),
    /// The answer.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl From<RowsFileError> for FitError {
    fn from(error: RowsFileError) -> Self {
        match error.problem {
            RowsError::Field { row: 0, .. } => Self::Readings(error),
            _ => Self::Rows(error),
        }
    }
}

fn parse_components(text: &str) -> Result<Components, &'static str> {
    let share = || text.parse().ok().filter(|share: &f64| *share > 0.0 && *share < 1.0).map(Components::Share);
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .map(Components::Number)
        .or_else(share)
        .ok_or("neither a number of components from 1 on, nor a share of the variance between 0 and 1")
}

/// Trains, and reports on `out` what was written.
///
/// # Errors
/// When the rows cannot be read, no model can be trained on them, or the file cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, FitError> {
    let existing = Existing::from_flag(args.force);
    check_free(&args.out, existing).map_err(NewFileError::from)?;
    let choose = |reader: &RowReader<RowsText>| Ok(args.features(reader));
    let (features, rows) = rows_file::read(&args.data, choose, None, None)?;
    let rows = rows.values;
    let training = Training { method: args.method(), contamination: args.contamination, columns: features };
    let model = train(rows.view(), &training)?;
    let written = new_file::write(&model, Some(rows.view()), &args.out, existing, &args.limits.limits())?;
    new_file::report(&args.out, &written, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn method(&self) -> TrainingMethod {
        match (self.detector, self.rule) {
            (Kind::Pca, _) => TrainingMethod::Pca { components: self.components },
            (Kind::Kmeans, _) => TrainingMethod::Kmeans { clusters: self.clusters, seed: self.seed },
            (Kind::Robust, Rule::Mad) => TrainingMethod::Mad,
            (Kind::Robust, Rule::Quantile) => TrainingMethod::Quantiles,
        }
    }

    fn features(&self, reader: &RowReader<RowsText>) -> Vec<String> {
        if let Some(features) = &self.features {
            return trimmed(features);
        }
        let numbered: Vec<_> = (0..).map(|number| format!("x{number}")).take_while(|name| reader.has(name)).collect();
        if numbered.is_empty() { reader.header().to_vec() } else { numbered }
    }
}
