//! `anomalyd model check`: compares a model's answers with those that the library gave.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::persist::{Existing, PersistError, check_free, persist};
use super::rows_file::{self, RowsFileError, RowsText, trimmed};
use super::{Before, Output, TwoScalers};
use crate::cli::limits::LimitArgs;
use crate::model::{
    AnsweredRows, Comparison, Disagreement, EvaluateError, Evaluation, LabelColumn, LoadError, Model, RowReader,
    Tolerance, Warning, of_width,
};
use crate::printable::{Printable, shown};
use crate::verdict::Label;

/// Scores rows with a model and compares with the answers that are given beside them.
///
/// The exit code is 0 when the answers agree, 1 when one does not, and 2 when they could not be compared.
///
/// Decision values agree when they differ by at most the tolerance's share of the expected value; or, where that value
/// is smaller, of a thousandth of the detector's unit or of the largest expected value, whichever is more, but never of
/// more than the largest expected value. With a tolerance from 1e-6 on, for answers of 32-bit floats, it is the share
/// of all of the largest expected value. Where large terms cancel in the detector's sums, as much is allowed as rounding
/// may do to the row. Labels must agree wherever the decision value is further from zero than that, and than the
/// tolerance itself.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The model
    pub file: PathBuf,
    /// The files before the model.
    #[command(flatten)]
    pub before: Before,
    /// The rows: a table of text with a header; ',', ';', '|' or tabs between the fields, also packed by gzip; - is
    /// standard input
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The column with the expected decision values
    #[arg(long, value_name = "COLUMN")]
    pub decisions: Option<String>,
    /// The column with the expected labels
    #[arg(long, value_name = "COLUMN")]
    pub labels: Option<String>,
    /// What the column of labels says of a normal row
    #[arg(long, value_name = "LABEL", default_value = "1", allow_hyphen_values = true)]
    pub normal: String,
    /// How far apart decision values may be, as a share
    #[arg(long, value_name = "SHARE", default_value = "1e-9", value_parser = parse_tolerance)]
    pub tolerance: Tolerance,
    /// The columns of the model's features, in its order; the model's own names, else x0, x1 and so on, if left out
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub features: Option<Vec<String>>,
    /// Write the rows with the model's own answers to this file, to be reviewed and put beside the model as
    /// NAME.expect.csv
    #[arg(long, value_name = "FILE.csv")]
    pub write: Option<PathBuf>,
    /// Let --write replace a file
    #[arg(long, requires = "write")]
    pub force: bool,
    /// How the answer is written
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the options carry their help")]
    pub limits: LimitArgs,
}

fn parse_tolerance(text: &str) -> Result<Tolerance, String> {
    let number = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    Tolerance::new(number).map_err(|error| error.to_string())
}

/// Why answers could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Which file is before the model is not clear.
    #[error(transparent)]
    Before(#[from] TwoScalers),
    /// The file of rows.
    #[error(transparent)]
    Rows(#[from] RowsFileError),
    /// The model cannot evaluate the rows.
    #[error("{}: {problem}", shown(path))]
    Evaluate {
        /// The file of rows.
        path: PathBuf,
        /// Why.
        problem: EvaluateError,
    },
    /// The file to write.
    #[error(transparent)]
    Persist(#[from] PersistError),
    /// The answer cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Compares, and writes the result to `out`.
///
/// # Errors
/// When model or rows cannot be read or do not fit together, or a file cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, CheckError> {
    let existing = Existing::from_flag(args.force);
    if let Some(path) = &args.write {
        check_free(path, existing)?;
    }
    // The model is read without its proof, because these rows may be those that it fails.
    let before = args.before.files(&args.file)?;
    let model = Model::load_unproven(&before, &args.file, &args.limits.limits())?;
    let choose = |reader: &RowReader<RowsText>| match &args.features {
        Some(features) => of_width(trimmed(features), model.width()),
        None => reader.features(model.width(), model.metadata().columns.as_deref()),
    };
    let label = args.labels.as_deref().map(|name| LabelColumn { name, normal: &args.normal });
    let (features, rows) = rows_file::read(&args.data, choose, args.decisions.as_deref(), label)?;
    let found = model
        .evaluate(rows.values.view())
        .map_err(|problem| CheckError::Evaluate { path: args.data.clone(), problem })?;
    if let Some(path) = &args.write {
        persist(&answers(&features, &rows, &found)?, path, existing)?;
    }
    let report = Report {
        args,
        before: &before,
        features: &features,
        rows: &rows,
        found: &found,
        comparison: Comparison::new(&model, &found, &rows, args.tolerance),
    };
    match args.output {
        Output::Text => report.write_text(&model, out)?,
        Output::Json => writeln!(out, "{:#}", report.as_json(&model))?,
    }
    Ok(if report.comparison.disagreeing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Rows and answers, as CSV.
fn answers(features: &[String], rows: &AnsweredRows, found: &[Evaluation]) -> io::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(features.iter().map(String::as_str).chain(["decision", "label"]))?;
    for (row, evaluation) in rows.values.rows().into_iter().zip(found) {
        let answers = [format!("{:?}", evaluation.decision), label_number(evaluation.label).to_string()];
        csv.write_record(row.iter().map(|x| format!("{x:?}")).chain(answers))?;
    }
    csv.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The number that scikit-learn uses for the label.
fn label_number(label: Label) -> i8 {
    match label {
        Label::Normal => 1,
        Label::Anomaly => -1,
    }
}

/// The result of the comparison.
struct Report<'a> {
    args: &'a Args,
    before: &'a [PathBuf],
    features: &'a [String],
    rows: &'a AnsweredRows,
    found: &'a [Evaluation],
    comparison: Comparison,
}

impl Report<'_> {
    fn anomalies(&self) -> usize {
        self.found.iter().filter(|evaluation| evaluation.label == Label::Anomaly).count()
    }

    /// What is odd about the model, and about its answers for these rows.
    fn warnings(&self, model: &Model) -> Vec<Warning> {
        let name = |feature: usize| self.features.get(feature).cloned().unwrap_or_default();
        let unscaled = model.unscaled(self.rows.values.view(), name).map(Warning::from);
        let mut warnings = model.warnings();
        if unscaled.is_some() {
            // The rows prove what this warning only guesses from the model alone.
            warnings.retain(|warning| !matches!(warning, Warning::Standardised(_)));
        }
        let sample = Warning::of_sample(self.found.len(), self.anomalies());
        warnings.into_iter().chain(unscaled).chain(sample).collect()
    }

    /// What was compared, in words.
    fn compared(&self) -> &'static str {
        match (&self.rows.decisions, &self.rows.labels) {
            (Some(_), Some(_)) => "decisions and labels",
            (Some(_), None) => "decisions",
            (None, Some(_)) => "labels",
            (None, None) => "nothing",
        }
    }

    fn write_text(&self, model: &Model, out: &mut dyn Write) -> io::Result<()> {
        let Comparison { rows, disagreeing, ties, rounded, largest_difference, worst } = &self.comparison;
        let mut line = |name: &str, fact: &str| writeln!(out, "{name:<11} {fact}");
        line("model", &shown(&self.args.file).to_string())?;
        for file in self.before {
            line("before it", &shown(file).to_string())?;
        }
        line("rows", &format!("{rows} scored, {} called an anomaly", self.anomalies()))?;
        let tolerance = self.args.tolerance.relative();
        match (self.compared(), disagreeing) {
            ("nothing", _) => line("agreement", "not looked at: name columns with --decisions and --labels")?,
            (compared, 0) => line("agreement", &format!("all {compared} agree, within {tolerance:e}"))?,
            (compared, _) => {
                line(
                    "agreement",
                    &format!("{disagreeing} of {rows} rows do not agree in {compared}, within {tolerance:e}"),
                )?;
            }
        }
        if let Some(difference) = largest_difference {
            line("difference", &format!("{difference:.3e} at most between two decision values"))?;
        }
        if *ties > 0 {
            line("ties", &format!("{ties} rows on the boundary, whose labels were not compared"))?;
        }
        if *rounded > 0 {
            line("rounding", &format!("{rounded} rows agree as nearly as sums that cancel can be known"))?;
        }
        if let Some(worst) = worst {
            self.write_worst(worst, out)?;
        }
        for warning in self.warnings(model) {
            writeln!(out, "{:<11} {warning}", "warning")?;
        }
        if let Some(path) = &self.args.write {
            writeln!(out, "{:<11} {}: review it before it proves anything", "written", shown(path))?;
        }
        Ok(())
    }

    fn write_worst(&self, worst: &Disagreement, out: &mut dyn Write) -> io::Result<()> {
        let row = self.rows.values.row(worst.row);
        let input: Vec<_> =
            self.features.iter().zip(row).map(|(name, value)| format!("{} = {value}", Printable(name))).collect();
        let answer = |decision: Option<f64>, label: Option<Label>| {
            let decision = decision.map(|decision| format!("decision {decision:?}"));
            let label = label.map(|label| label.to_string());
            decision.into_iter().chain(label).collect::<Vec<_>>().join(", ")
        };
        let mut line = |name: &str, fact: &str| writeln!(out, "{name:<11} {fact}");
        line("worst row", &format!("{}, on line {}", worst.row + 1, worst.line))?;
        line("  input", &input.join(", "))?;
        line("  expected", &answer(worst.expected_decision, worst.expected_label))?;
        line("  found", &answer(Some(worst.found.decision), Some(worst.found.label)))?;
        if let Some(difference) = worst.difference() {
            line("  apart by", &format!("{difference:.3e}, where {:.3e} is allowed", worst.allowed))?;
        }
        Ok(())
    }

    /// The keys are listed in docs/models.md, and stay.
    fn as_json(&self, model: &Model) -> Value {
        let Comparison { rows, disagreeing, ties, rounded, largest_difference, worst } = &self.comparison;
        let worst = worst.as_ref().map(|worst| {
            let row = self.rows.values.row(worst.row);
            let input: serde_json::Map<_, _> =
                self.features.iter().cloned().zip(row.iter().map(|value| json!(value))).collect();
            json!({
                "row": worst.row + 1,
                "line": worst.line,
                "input": input,
                "expected": { "decision": worst.expected_decision, "label": worst.expected_label.map(label_number) },
                "found": { "decision": worst.found.decision, "label": label_number(worst.found.label) },
                "difference": worst.difference(),
                "allowed": worst.allowed,
            })
        });
        json!({
            "file": self.args.file.display().to_string(),
            "before": self.before.iter().map(|file| file.display().to_string()).collect::<Value>(),
            "data": self.args.data.display().to_string(),
            "agrees": (self.compared() != "nothing").then_some(*disagreeing == 0),
            "compared": { "decisions": self.rows.decisions.is_some(), "labels": self.rows.labels.is_some() },
            "tolerance": self.args.tolerance.relative(),
            "rows": rows,
            "anomalies": self.anomalies(),
            "disagreeing": disagreeing,
            "ties": ties,
            "rounded": rounded,
            "largest_difference": largest_difference,
            "worst": worst,
            "warnings": self.warnings(model).iter().map(ToString::to_string).collect::<Value>(),
            "written": self.args.write.as_ref().map(|path| path.display().to_string()),
        })
    }
}
