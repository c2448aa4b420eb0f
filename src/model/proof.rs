//! Models that prove themselves: a file of expected answers beside a model, checked whenever the model is loaded.

use std::io;
use std::path::{Path, PathBuf};

use super::compare::{Comparison, Disagreement};
use super::listing::expectation;
use super::regular_file::{self, OpenError};
use super::rows::{Columns, LabelColumn, RowReader, RowsError};
use super::{EvaluateError, Limits, Model};
use crate::printable::shown;
use crate::verdict::Label;

/// Whether a model gave the expected answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Proof {
    /// None were.
    #[default]
    None,
    /// It did, to the last row.
    Held {
        /// How many rows were expected.
        rows: usize,
        /// How many of these rows are anomalies.
        anomalies: usize,
    },
}

impl Proof {
    /// Whether the model gave the expected answers.
    pub fn is_held(self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

/// Why a model is not proven although there are expected answers.
#[derive(Debug, thiserror::Error)]
#[error("is not put to work, since {} {problem}", shown(path))]
pub struct ProofError {
    /// The file of expected answers.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: ProofProblem,
}

/// What is wrong with a proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofProblem {
    /// The file cannot be used.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// A directory, a device or a pipe.
    #[error("is not a regular file")]
    NotAFile,
    /// The file holds no answers.
    #[error("has neither a column decision nor a column label")]
    NoAnswers,
    /// To try its rows takes too long.
    #[error(
        "holds {rows} rows, of which each takes the model about {operations} operations: too many to be tried at every \
         load; keep {most} of them at most, on both sides of the boundary, and try all with: anomalyd model check"
    )]
    Slow {
        /// How many rows there are.
        rows: usize,
        /// The operations of each.
        operations: usize,
        /// How many rows may be tried.
        most: usize,
    },
    /// The model cannot evaluate its rows.
    #[error("holds rows that it cannot evaluate: {0}")]
    Evaluate(#[from] EvaluateError),
    /// The model answers otherwise.
    #[error(
        "expects other answers in {count} of {rows} rows, {worst}; is it the file of another model, or does a scaler belong before this one?"
    )]
    Disagrees {
        /// How many rows are answered otherwise.
        count: usize,
        /// How many rows there are.
        rows: usize,
        /// The row with the largest difference.
        worst: Box<Disagreement>,
    },
}

/// How many rows of the slowest accepted model are tried at a load. Of a faster model, as many more are tried as take
/// no longer.
const ROWS_OF_THE_SLOWEST: usize = 64;

/// Checks a model against the file of expected answers beside it, if there is one.
///
/// # Errors
/// When the file cannot be used, or the model does not give those answers.
pub(super) fn prove(model: &Model, path: &Path, limits: &Limits) -> Result<Proof, ProofError> {
    let path = expectation(path);
    let held = match regular_file::open(&path) {
        Ok(file) => hold(model, file, limits),
        Err(OpenError::NotRegular) => Err(ProofProblem::NotAFile),
        Err(OpenError::System(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Proof::None),
        Err(OpenError::System(error)) => Err(RowsError::Read(error).into()),
    };
    held.map_err(|problem| ProofError { path, problem })
}

/// The largest file of expected answers, and the most numbers in it: far more than a proof needs.
const MOST_BYTES: usize = 16 << 20;
const MOST_NUMBERS: usize = 1 << 20;

fn hold(model: &Model, expected: impl io::Read, limits: &Limits) -> Result<Proof, ProofProblem> {
    let (file_bytes, elements) = (limits.file_bytes.min(MOST_BYTES), limits.elements.min(MOST_NUMBERS));
    let limits = &Limits { file_bytes, elements, ..*limits };
    let reader = RowReader::new(expected, limits)?;
    let decision = Some("decision").filter(|name| reader.has(name));
    let label = Some(LabelColumn { name: "label", normal: "1" }).filter(|label| reader.has(label.name));
    if decision.is_none() && label.is_none() {
        return Err(ProofProblem::NoAnswers);
    }
    let features = reader.features(model.width(), model.metadata().columns.as_deref())?;
    let rows = reader.read(&Columns { features: &features, decision, label })?;
    let operations = model.operations_per_row().max(1);
    let most = ROWS_OF_THE_SLOWEST.saturating_mul(limits.row_operations) / operations;
    if rows.lines.len() > most {
        return Err(ProofProblem::Slow { rows: rows.lines.len(), operations, most });
    }
    let found = model.evaluate(rows.values.view())?;
    let tolerance = model.metadata().format.tolerance();
    let comparison = Comparison::new(model, &found, &rows, tolerance);
    match comparison.worst {
        Some(worst) => Err(ProofProblem::Disagrees {
            count: comparison.disagreeing,
            rows: comparison.rows,
            worst: Box::new(worst),
        }),
        None => Ok(Proof::Held {
            rows: comparison.rows,
            anomalies: found.iter().filter(|evaluation| evaluation.label == Label::Anomaly).count(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn expected_answers_lie_beside_the_model_without_its_ending() {
        let beside = |model: &str| expectation(Path::new(model));
        for model in ["m/model_1_1", "m/model_1_1.pkl", "m/model_1_1.joblib", "m/model_1_1.pkl.gz"] {
            assert_eq!(beside(model), Path::new("m/model_1_1.expect.csv"), "{model}");
        }
        assert_eq!(beside("model_press_1.5"), Path::new("model_press_1.5.expect.csv"));
    }

    #[test]
    fn a_proof_names_columns_as_the_model_does_also_where_a_name_begins_with_a_blank() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/p4_number_2d.pkl");
        let answers = fs::read_to_string(sample.with_extension("csv")).unwrap();
        let columns = [" a.mean", "a.mean"].map(str::to_owned).to_vec();
        let model = Model::load(&sample, &Limits::default()).unwrap().with_columns(columns);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model_1_1.safetensors");
        fs::write(&path, crate::model::formats::own::write(&model).unwrap()).unwrap();
        let proof = |header: &str| {
            fs::write(expectation(&path), answers.replacen("x0,x1", header, 1)).unwrap();
            Model::load(&path, &Limits::default()).map(|model| model.proof().is_held()).unwrap_or_default()
        };
        assert!(proof(" a.mean,a.mean"));
        assert!(!proof("a.mean, a.mean"), "these are the columns the other way round");
    }

    /// A sample, and its answers with a word replaced.
    fn load(change: impl Fn(&str) -> String) -> Result<Model, String> {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
        let directory = tempfile::tempdir().unwrap();
        let answers = fs::read_to_string(samples.join("p4_number_2d.csv")).unwrap();
        fs::copy(samples.join("p4_number_2d.pkl"), directory.path().join("model_1_1.pkl")).unwrap();
        fs::write(directory.path().join("model_1_1.expect.csv"), change(&answers)).unwrap();
        Model::load(&directory.path().join("model_1_1.pkl"), &Limits::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_model_that_gives_the_expected_answers_is_proven() {
        let model = load(str::to_owned).unwrap();
        let Proof::Held { rows, anomalies } = model.proof() else { panic!("not proven") };
        assert!(rows >= 20 && anomalies > 0 && anomalies < rows, "{rows}, {anomalies}");
    }

    #[test]
    fn one_wrong_answer_keeps_a_model_from_work_and_is_named() {
        let wrong_decision = load(|text| text.replacen("0.05020848509758524", "0.05020848519758524", 1)).unwrap_err();
        assert!(wrong_decision.contains("model_1_1.pkl: is not put to work, since "), "{wrong_decision}");
        let row = "model_1_1.expect.csv expects other answers in 1 of 24 rows, line 2: expected 0.05020848519758524, \
                   normal, found 0.0502084850975";
        assert!(wrong_decision.contains(row), "{wrong_decision}");
        let wrong_label = load(|text| text.replacen(",1,", ",-1,", 1)).unwrap_err();
        assert!(wrong_label.contains("line 2: expected 0.05020848509758524, anomaly, found"), "{wrong_label}");
    }

    #[test]
    fn answers_that_are_none_keep_a_model_from_work() {
        let refused = |text: &'static str| load(|_| text.to_owned()).unwrap_err();
        assert!(refused("x0,x1\n1,2\n").contains("neither a column decision nor a column label"));
        assert!(refused("x0,x1,label\n").contains("holds no rows"));
        assert!(refused("x0,label\n1,1\n").contains("gives rows of 1 features (x0), and the model takes 2"));
        assert!(refused("x0,x1,label\n1,inf,1\n").contains("it cannot evaluate: row 0 holds inf in feature 1"));
    }
}
