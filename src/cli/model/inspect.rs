//! `anomalyd model inspect`: describes a model.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Before, Output, TwoScalers};
use crate::cli::limits::LimitArgs;
use crate::model::{LoadError, Model, ModelError, Proof, ProofError};
use crate::printable::shown;

/// Says what a model is: format, steps, detector, size, hash, and what is odd about it.
///
/// The exit code is 0 when the model can be put to work, 1 when it does not give the answers that the file NAME.expect.csv
/// beside it expects, and 2 when it cannot be read.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The model
    pub file: PathBuf,
    /// The files before the model.
    #[command(flatten)]
    pub before: Before,
    /// How the answer is written
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the options carry their help")]
    pub limits: LimitArgs,
}

/// Why there is nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file is not a model.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Which file is before the model is not clear.
    #[error(transparent)]
    Before(#[from] TwoScalers),
    /// The output.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Reads the model, and describes it on `out`.
///
/// # Errors
/// When the model cannot be read, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<ExitCode, InspectError> {
    let limits = args.limits.limits();
    let before = args.before.files(&args.file)?;
    let (model, proof) = match Model::load_behind(&before, &args.file, &limits) {
        Ok(model) => {
            let proof = model.proof();
            (model, Ok(proof))
        }
        // A model that fails its proof is described too, because that is when a description is needed most.
        Err(error) => match *error.problem {
            ModelError::Proof(problem) => (Model::load_unproven(&before, &args.file, &limits)?, Err(problem)),
            _ => return Err(error.into()),
        },
    };
    let files = Files { model: &args.file, before: &before };
    match args.output {
        Output::Text => write_text(&files, &model, &proof, out)?,
        Output::Json => writeln!(out, "{:#}", as_json(&files, &model, &proof))?,
    }
    Ok(if proof.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The files that were read.
struct Files<'a> {
    model: &'a Path,
    before: &'a [PathBuf],
}

/// Whether the model gives the expected answers.
type Proven = Result<Proof, ProofError>;

/// One line a fact, the facts in a column.
fn write_text(files: &Files<'_>, model: &Model, proof: &Proven, out: &mut dyn Write) -> io::Result<()> {
    let metadata = model.metadata();
    let mut line = |name: &str, fact: &str| writeln!(out, "{name:<10} {fact}");
    line("model", &shown(files.model).to_string())?;
    for file in files.before {
        line("before it", &shown(file).to_string())?;
    }
    line("format", &metadata.format.to_string())?;
    let version = metadata.library_version.as_ref().map(|version| format!(" {version}"));
    line("trained by", &format!("{}{}", metadata.library, version.unwrap_or_default()))?;
    if let Some(rows) = metadata.training_rows {
        line("trained on", &format!("{rows} rows"))?;
    }
    line("features", &features(model))?;
    for (number, step) in model.preprocessing().iter().enumerate() {
        let name = if number == 0 { "steps" } else { "" };
        line(name, &format!("{} {} → {}", step.name(), step.width(), step.output_width()))?;
    }
    let detector = model.detector();
    line("detector", &format!("{} {} → decision", detector.name(), detector.width()))?;
    let parameters = detector.parameters();
    let widest = parameters.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, value) in &parameters {
        line("", &format!("  {name:<widest$}  {value}"))?;
    }
    line("unit", &format!("{} (how far from 0 a decision value is twice as strange)", detector.unit()))?;
    line("proof", &proof_in_words(proof))?;
    line("memory", &format!("{} bytes", model.memory_bytes()))?;
    line("cost", &format!("about {} operations a row", model.operations_per_row()))?;
    line("hash", &model.hash().to_string())?;
    let lists = [
        ("note", metadata.notes.clone()),
        ("warning", model.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()),
    ];
    for (name, texts) in &lists {
        for text in texts {
            line(name, text)?;
        }
    }
    Ok(())
}

fn proof_in_words(proof: &Proven) -> String {
    match proof {
        Ok(Proof::None) => "none: put expected answers beside the model as NAME.expect.csv".to_owned(),
        Ok(Proof::Held { rows, anomalies }) => {
            format!("gives all {rows} answers that are expected, {anomalies} of them anomalies")
        }
        Err(error) => format!("fails: {error}"),
    }
}

fn features(model: &Model) -> String {
    match &model.metadata().columns {
        Some(columns) => format!("{}: {}", model.width(), columns.join(", ")),
        None => format!("{}, without names", model.width()),
    }
}

/// The keys are listed in docs/models.md, and stay.
fn as_json(files: &Files<'_>, model: &Model, proof: &Proven) -> Value {
    let metadata = model.metadata();
    let steps = model
        .preprocessing()
        .iter()
        .map(|step| json!({ "name": step.name(), "takes": step.width(), "gives": step.output_width() }));
    let detector = model.detector();
    let parameters: serde_json::Map<_, _> =
        detector.parameters().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "file": files.model.display().to_string(),
        "before": files.before.iter().map(|file| file.display().to_string()).collect::<Value>(),
        "format": metadata.format.to_string(),
        "library": metadata.library,
        "library_version": metadata.library_version,
        "training_rows": metadata.training_rows,
        "features": model.width(),
        "columns": metadata.columns,
        "steps": steps.collect::<Value>(),
        "detector": { "name": detector.name(), "takes": detector.width(), "parameters": parameters, "unit": detector.unit() },
        "proof": match proof {
            Ok(Proof::None) => Value::Null,
            Ok(Proof::Held { rows, anomalies }) => json!({ "held": true, "rows": rows, "anomalies": anomalies }),
            Err(error) => json!({ "held": false, "problem": error.to_string() }),
        },
        "memory_bytes": model.memory_bytes(),
        "operations_per_row": model.operations_per_row(),
        "hash": model.hash().to_string(),
        "notes": metadata.notes,
        "warnings": model.warnings().iter().map(ToString::to_string).collect::<Value>(),
    })
}
