//! One estimator: its class, and its attributes taken out with care.

use super::SklearnError;
use crate::model::formats::pickle::{Class, Matrix, Node};
use crate::model::formats::printable::printable;

/// What the names of regressors have in them. Unlike classifiers they have no attribute of their own.
const REGRESSORS: [&str; 8] = ["Regressor", "Regression", "SVR", "Ridge", "Lasso", "ElasticNet", "Lars", "LinearModel"];

/// An object of one of scikit-learn's classes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimator<'g, 'a> {
    node: Node<'g, 'a>,
    class: Class<'a>,
}

impl<'g, 'a> Estimator<'g, 'a> {
    /// The estimator that a value is, if it is one.
    pub(super) fn of(node: Node<'g, 'a>) -> Option<Self> {
        node.class().map(|class| Self { node, class })
    }

    /// Its place among the values of its file: two of one place are one and the same.
    pub(super) fn place(self) -> u32 {
        self.node.place()
    }

    /// Whether it is a PCA, which projects rows, or measures what that loses of them.
    pub(super) fn is_pca(self) -> bool {
        self.path() == ("sklearn.decomposition", "PCA")
    }

    /// Its class, for people.
    pub(super) fn class_name(self) -> String {
        printable(self.class.name)
    }

    /// The package and the class, without the module that the class moved between.
    pub(super) fn path(self) -> (&'a str, &'a str) {
        let module = self.class.module;
        let package = module.match_indices('.').nth(1).map_or(module, |(end, _)| &module[..end]);
        (package, self.class.name)
    }

    /// The version of scikit-learn that wrote it.
    pub(super) fn version(self) -> Option<String> {
        self.node.attribute("_sklearn_version").and_then(Node::text).map(printable)
    }

    /// Whether an older version of scikit-learn wrote it, or one that does not say which it is, as the oldest do.
    pub(super) fn is_before(self, major: u32, minor: u32) -> bool {
        let version = self.version().unwrap_or_default();
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (major, minor)
    }

    /// The library that its class is of.
    pub(super) fn library(self) -> &'static str {
        match self.class.module.split('.').next() {
            Some("pyod") => "pyod",
            Some("imblearn") => "imbalanced-learn",
            _ => "scikit-learn",
        }
    }

    /// The library and its version, in words.
    pub(super) fn origin(self) -> String {
        format!("{} {}", self.library(), self.version().as_deref().unwrap_or("of unknown version"))
    }

    pub(super) fn unsupported(self) -> SklearnError {
        SklearnError::Unsupported {
            class: printable(self.class.name),
            module: printable(self.class.module),
            version: self.origin(),
        }
    }

    /// The error that says that it stands where a detector should.
    pub(super) fn no_detector(self) -> SklearnError {
        let name = self.class.name;
        let is_regressor = REGRESSORS.iter().any(|part| name.contains(part));
        let kind = match self.attribute("classes_") {
            Some(_) => "a classifier",
            None if name.ends_with("Classifier") => "a classifier",
            None if is_regressor => "a regressor",
            None => return self.unsupported(),
        };
        SklearnError::NotADetector {
            class: printable(name),
            module: printable(self.class.module),
            version: self.origin(),
            kind,
        }
    }

    pub(super) fn attribute(self, name: &str) -> Option<Node<'g, 'a>> {
        self.node.attribute(name)
    }

    pub(super) fn required(self, class: &'static str, name: &str) -> Result<Node<'g, 'a>, SklearnError> {
        self.attribute(name).ok_or_else(|| SklearnError::Missing { class, attribute: name.to_owned() })
    }

    /// Whichever of two attributes is there: they change their names between versions.
    pub(super) fn either(self, first: &'static str, second: &'static str) -> &'static str {
        if self.attribute(first).is_some() { first } else { second }
    }

    /// The error that says what an attribute is and what it must be.
    pub(super) fn wrong(
        self,
        class: &'static str,
        attribute: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> SklearnError {
        SklearnError::Attribute {
            class,
            attribute: attribute.to_owned(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// The error that says what a setting may be.
    pub(super) fn setting(
        self,
        class: &'static str,
        setting: &'static str,
        value: &str,
        supported: &'static str,
    ) -> SklearnError {
        SklearnError::Setting { class, version: self.origin(), setting, value: printable(value), supported }
    }

    /// The numbers of an array, all finite. A sparse one has zeros elsewhere.
    pub(super) fn matrix(self, class: &'static str, name: &str) -> Result<Matrix, SklearnError> {
        let node = self.required(class, name)?;
        let wrong = |found: &str| self.wrong(class, name, found, "an array of finite numbers in one or two dimensions");
        let matrix = node.matrix().or_else(|| node.sparse_matrix()).ok_or_else(|| wrong(node.kind()))?;
        match matrix.numbers.iter().find(|number| !number.is_finite()) {
            Some(number) => Err(wrong(&format!("an array that holds {number}"))),
            None => Ok(matrix),
        }
    }

    /// The numbers of an array of one row, all finite.
    pub(super) fn row(self, class: &'static str, name: &str) -> Result<Vec<f64>, SklearnError> {
        let matrix = self.matrix(class, name)?;
        self.one_row(class, name, matrix)
    }

    /// The numbers of an array of one row; NaN may be among them. They may be Python's own.
    pub(super) fn row_with_nan(self, class: &'static str, name: &str) -> Result<Vec<f64>, SklearnError> {
        let node = self.required(class, name)?;
        if let Some(numbers) = node.objects().and_then(|items| items.map(Node::number).collect()) {
            return Ok(numbers);
        }
        let matrix = node.matrix().ok_or_else(|| self.wrong(class, name, node.kind(), "one row of numbers"))?;
        self.one_row(class, name, matrix)
    }

    /// The numbers of an array of one row, if a switch is on.
    pub(super) fn row_if(
        self,
        class: &'static str,
        switch: &str,
        name: &str,
    ) -> Result<Option<Vec<f64>>, SklearnError> {
        self.bool(class, switch)?.then(|| self.row(class, name)).transpose()
    }

    fn one_row(self, class: &'static str, name: &str, matrix: Matrix) -> Result<Vec<f64>, SklearnError> {
        match matrix.rows {
            1 => Ok(matrix.numbers),
            rows => Err(self.wrong(class, name, format!("{rows} by {}", matrix.columns), "one row of numbers")),
        }
    }

    /// A finite number.
    pub(super) fn number(self, class: &'static str, name: &str) -> Result<f64, SklearnError> {
        let node = self.required(class, name)?;
        node.number().filter(|number| number.is_finite()).ok_or_else(|| SklearnError::Attribute {
            class,
            attribute: name.to_owned(),
            found: node.number().map_or(node.kind().to_owned(), |number| number.to_string()),
            expected: "a finite number".to_owned(),
        })
    }

    /// A whole number from 0 on.
    pub(super) fn count(self, class: &'static str, name: &str) -> Result<usize, SklearnError> {
        let node = self.required(class, name)?;
        let found = || node.int().map_or(node.kind().to_owned(), |int| int.to_string());
        node.int()
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| self.wrong(class, name, found(), "a whole number from 0 on"))
    }

    /// Checks a count that stands beside what it counts, if it does: scikit-learn goes by it.
    pub(super) fn counted(
        self,
        class: &'static str,
        name: &str,
        count: usize,
        of_what: &str,
    ) -> Result<(), SklearnError> {
        match self.attribute(name).and_then(Node::int) {
            Some(found) if usize::try_from(found) != Ok(count) => {
                Err(self.wrong(class, name, found.to_string(), format!("{count}, as many {of_what} as there are")))
            }
            _ => Ok(()),
        }
    }

    /// A truth value.
    pub(super) fn bool(self, class: &'static str, name: &str) -> Result<bool, SklearnError> {
        let node = self.required(class, name)?;
        node.bool().ok_or_else(|| self.wrong(class, name, node.kind(), "True or False"))
    }

    /// Text.
    pub(super) fn text(self, class: &'static str, name: &str) -> Result<&'g str, SklearnError> {
        let node = self.required(class, name)?;
        node.text().ok_or_else(|| self.wrong(class, name, node.kind(), "text"))
    }

    /// How many rows a transformer was fitted to, if it says so. Where numbers were missing it counts them by feature.
    pub(super) fn training_rows(self) -> Option<u64> {
        let node = self.attribute(self.either("n_samples_seen_", "n_samples_"))?;
        let rows = node.int().or_else(|| node.ints()?.into_iter().max())?;
        u64::try_from(rows).ok()
    }

    /// What the features were called in training, if that is known.
    pub(super) fn feature_names(self) -> Option<Vec<String>> {
        self.attribute(self.either("feature_names_in_", "_feature_names_in"))?.texts()
    }
}
