//! One-class models in the text that LIBSVM's `svm-train` and `svm_save_model` write (Chang and Lin, *LIBSVM: a library
//! for support vector machines*, ACM Transactions on Intelligent Systems and Technology 2 (3), 2011; `svm_load_model`
//! in its `svm.cpp` is what defines it).
//!
//! A header of a key and its values a line, in any order, ends with a line `SV`. Each line from there on is a support
//! vector: its weight, then `index:value` for each feature that is not zero, indices from 1 and ascending. The text does
//! not say how many features there were: the highest index counts.

mod error;

pub use error::{LibsvmError, LibsvmProblem};

use LibsvmProblem as Problem;

use super::{Contents, Format, Metadata};
use crate::model::detector::Detector;
use crate::model::limits::Exceeded;
use crate::model::one_class_svm::{Kernel, OneClassSvm, Params};
use crate::model::operations::Operations;
use crate::model::{Limits, ModelError, decimal};
use crate::verdict::Label;

/// The keys of a header.
const KEYS: [&str; 14] = [
    "svm_type",
    "kernel_type",
    "degree",
    "gamma",
    "coef0",
    "nr_class",
    "total_sv",
    "rho",
    "label",
    "probA",
    "probB",
    "prob_density_marks",
    "nr_sv",
    "SV",
];

/// The operations that a line takes, whatever stands in it.
const LINE: usize = 30;

/// Up to how many significant digits LIBSVM writes of a value: fewer than a double has.
const LOSSY_DIGITS: usize = 8;

/// Whether a file begins with a key of a header.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    let word = bytes.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    KEYS.iter().any(|key| key.as_bytes() == word)
}

/// Reads a model.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Contents, ModelError> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        LibsvmError { line, problem: Problem::NotText }
    })?;
    let mut lines = (1..).zip(text.lines());
    let operations = Operations::new(limits);
    let header = Header::read(&mut lines, &operations)?;
    let vectors = Vectors::read(lines, header.vectors, limits, &operations)?;
    let notes = (vectors.digits <= LOSSY_DIGITS).then(|| {
        format!(
            "its support vectors are written with {} significant digits at most, as LIBSVM does: rows near the boundary \
             may get another label than where the model was trained",
            vectors.digits
        )
    });
    let (width, dense) = vectors.dense(limits)?;
    let detector = OneClassSvm::new(Params {
        vectors: dense,
        width,
        coefficients: vectors.coefficients,
        intercept: -header.rho,
        kernel: header.kernel,
        nu: None,
        tie: Label::Anomaly,
    })?;
    Ok(Contents {
        preprocessing: Vec::new(),
        detector: Detector::OneClassSvm(detector),
        metadata: Metadata {
            format: Format::Libsvm,
            library: "LIBSVM".to_owned(),
            library_version: None,
            training_rows: None,
            columns: None,
            threshold: None,
            source: None,
            notes: notes.into_iter().collect(),
        },
    })
}

/// What the header says.
struct Header {
    kernel: Kernel,
    rho: f64,
    vectors: usize,
}

impl Header {
    fn read<'a>(
        lines: &mut impl Iterator<Item = (usize, &'a str)>,
        operations: &Operations,
    ) -> Result<Self, LibsvmError> {
        let (mut svm_type, mut kernel_type) = (None, None);
        let (mut degree, mut gamma, mut coef0, mut rho, mut vectors) = (None, None, None, None, None);
        let mut last = 1;
        for (line, content) in lines {
            last = line;
            let at = |problem| LibsvmError { line, problem };
            operations.spend(LINE).map_err(|exceeded| at(exceeded.into()))?;
            let mut words = content.split_ascii_whitespace();
            let Some(key) = words.next() else { continue };
            let value = words.next().unwrap_or_default();
            match key {
                "SV" => break,
                "svm_type" => svm_type = Some(one_class(value).map_err(at)?),
                "kernel_type" => kernel_type = Some(value),
                "degree" => degree = Some(count("degree", value).map_err(at)?),
                "gamma" => gamma = Some(number("gamma", value, operations).map_err(at)?),
                "coef0" => coef0 = Some(number("coef0", value, operations).map_err(at)?),
                "rho" => rho = Some(number("rho", value, operations).map_err(at)?),
                "total_sv" => vectors = Some(count("total_sv", value).map_err(at)?),
                // What they say is for classifiers, and for densities that are not asked for here.
                _ if KEYS.contains(&key) => {}
                _ => return Err(at(Problem::Key(shown(key)))),
            }
        }
        let at = |problem| LibsvmError { line: last, problem };
        let needed = |what, number: Option<f64>| number.ok_or(at(Problem::Missing(what)));
        svm_type.ok_or(at(Problem::Missing("svm_type")))?;
        let kernel = match kernel_type.ok_or(at(Problem::Missing("kernel_type")))? {
            "rbf" => Kernel::Rbf { gamma: needed("gamma", gamma)? },
            "linear" => Kernel::Linear,
            "polynomial" => Kernel::Poly {
                degree: degree.ok_or(at(Problem::Missing("degree")))?,
                gamma: needed("gamma", gamma)?,
                coef0: needed("coef0", coef0)?,
            },
            "sigmoid" => Kernel::Sigmoid { gamma: needed("gamma", gamma)?, coef0: needed("coef0", coef0)? },
            other => {
                let supported = "rbf, linear, polynomial or sigmoid";
                return Err(at(Problem::Setting { key: "kernel_type", found: shown(other), supported }));
            }
        };
        let vectors = vectors.ok_or(at(Problem::Missing("total_sv")))?;
        let vectors = usize::try_from(vectors).unwrap_or(usize::MAX);
        Ok(Self { kernel, rho: needed("rho", rho)?, vectors })
    }
}

/// The support vectors as they stand in the text.
struct Vectors {
    coefficients: Vec<f64>,
    /// Where in `entries` each vector ends.
    ends: Vec<usize>,
    /// Index from 0, and value.
    entries: Vec<(usize, f64)>,
    width: usize,
    /// The most significant digits that a value is written with.
    digits: usize,
    last_line: usize,
}

impl Vectors {
    fn read<'a>(
        lines: impl Iterator<Item = (usize, &'a str)>,
        expected: usize,
        limits: &Limits,
        operations: &Operations,
    ) -> Result<Self, LibsvmError> {
        let mut vectors =
            Self { coefficients: Vec::new(), ends: Vec::new(), entries: Vec::new(), width: 0, digits: 0, last_line: 0 };
        for (line, content) in lines {
            vectors.last_line = line;
            operations.spend(LINE).map_err(|exceeded| LibsvmError { line, problem: exceeded.into() })?;
            let mut words = content.split_ascii_whitespace();
            let Some(coefficient) = words.next() else { continue };
            let pushed = vectors.push(coefficient, words, expected, limits, operations);
            pushed.map_err(|problem| LibsvmError { line, problem })?;
        }
        let found = vectors.coefficients.len();
        if found != expected {
            return Err(LibsvmError { line: vectors.last_line, problem: Problem::Count { found, expected } });
        }
        Ok(vectors)
    }

    fn push<'a>(
        &mut self,
        coefficient: &str,
        entries: impl Iterator<Item = &'a str>,
        expected: usize,
        limits: &Limits,
        operations: &Operations,
    ) -> Result<(), Problem> {
        if self.coefficients.len() == expected {
            return Err(Problem::Count { found: expected.saturating_add(1), expected });
        }
        if self.coefficients.len() == limits.instructions {
            return Err(Exceeded { what: "support vectors", ..limits.instructions_exceeded() }.into());
        }
        self.coefficients.push(number("a support vector's weight", coefficient, operations)?);
        let mut width = 0;
        for entry in entries {
            let (index, value) = entry.split_once(':').ok_or_else(|| Problem::Number {
                what: "a feature",
                found: shown(entry),
                expected: "an index, a colon and a value",
            })?;
            let found = index.parse().ok().filter(|found: &usize| *found > width);
            let index = found.ok_or_else(|| Problem::Number {
                what: "an index",
                found: shown(index),
                expected: "a whole number from 1 on, above the one before it",
            })?;
            within_elements(index.max(self.entries.len() + 1), limits)?;
            self.entries.push((index - 1, number("a feature's value", value, operations)?));
            self.digits = self.digits.max(significant_digits(value));
            width = index;
        }
        self.ends.push(self.entries.len());
        self.width = self.width.max(width);
        self.within_memory(limits)
    }

    /// What is read so far and what it comes to, feature by feature, has to fit.
    fn within_memory(&self, limits: &Limits) -> Result<(), Problem> {
        let dense = self.coefficients.len().saturating_mul(self.width);
        within_elements(dense, limits)?;
        let entries = self.entries.len().saturating_mul(size_of::<(usize, f64)>());
        // The numbers feature by feature, twice while they are checked.
        let bytes = entries.saturating_add(dense.saturating_mul(2 * size_of::<f64>()));
        if bytes > limits.memory_bytes { Err(limits.memory_exceeded().into()) } else { Ok(()) }
    }

    /// The width, and all features of all vectors.
    fn dense(&self, limits: &Limits) -> Result<(usize, Vec<f64>), LibsvmError> {
        self.within_memory(limits).map_err(|problem| LibsvmError { line: self.last_line, problem })?;
        let mut numbers = vec![0.0; self.coefficients.len() * self.width];
        let mut begin = 0;
        for (end, vector) in self.ends.iter().zip(numbers.chunks_exact_mut(self.width.max(1))) {
            for (index, value) in &self.entries[begin..*end] {
                vector[*index] = *value;
            }
            begin = *end;
        }
        Ok((self.width, numbers))
    }
}

fn within_elements(count: usize, limits: &Limits) -> Result<(), Problem> {
    if count <= limits.elements {
        return Ok(());
    }
    Err(Exceeded { what: "features in all", ..limits.elements_exceeded() }.into())
}

fn one_class(found: &str) -> Result<(), Problem> {
    match found {
        "one_class" => Ok(()),
        _ => Err(Problem::Setting { key: "svm_type", found: shown(found), supported: "one_class" }),
    }
}

fn number(what: &'static str, found: &str, operations: &Operations) -> Result<f64, Problem> {
    let number = decimal::parse(found, operations)?.filter(|number| number.is_finite());
    let expected = "a finite number, of 100 characters at most";
    number.ok_or_else(|| Problem::Number { what, found: shown(found), expected })
}

/// A count as LIBSVM keeps it.
fn count(what: &'static str, found: &str) -> Result<u32, Problem> {
    let count = found.parse().ok().and_then(|count: i32| u32::try_from(count).ok());
    count.ok_or_else(|| Problem::Number { what, found: shown(found), expected: "a whole number from 0 on" })
}

/// How many digits of a number say something.
fn significant_digits(number: &str) -> usize {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.trim_start_matches(['+', '-', '0', '.']);
    digits.bytes().filter(u8::is_ascii_digit).count()
}

/// A word of the text, fit for a log.
fn shown(word: &str) -> String {
    super::printable::printable(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_significant_from_the_first_that_is_not_zero() {
        for (number, digits) in [("0.00123", 3), ("-1.5", 2), ("1.2345678e-10", 8), ("100", 3), ("0", 0)] {
            assert_eq!(significant_digits(number), digits, "{number}");
        }
    }

    #[test]
    fn a_text_is_known_by_its_first_word() {
        assert!(recognise(b"kernel_type rbf\n"));
        assert!(recognise(b"SV\n"));
        assert!(!recognise(b"kernel_types rbf\n") && !recognise(b"") && !recognise(b"\x80\x04"));
    }
}
