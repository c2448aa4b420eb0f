//! One estimator: its class, and its attributes taken out with care.

use super::SklearnError;
use crate::model::formats::pickle::{Class, Matrix, Node, printable};

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

    /// The library and its version, in words.
    pub(super) fn origin(self) -> String {
        format!("scikit-learn {}", self.version().as_deref().unwrap_or("of unknown version"))
    }

    pub(super) fn unsupported(self) -> SklearnError {
        SklearnError::Unsupported {
            class: printable(self.class.name),
            module: printable(self.class.module),
            version: self.origin(),
        }
    }

    pub(super) fn attribute(self, name: &str) -> Option<Node<'g, 'a>> {
        self.node.attribute(name)
    }

    pub(super) fn required(self, class: &'static str, name: &str) -> Result<Node<'g, 'a>, SklearnError> {
        self.attribute(name).ok_or_else(|| SklearnError::Missing { class, attribute: name.to_owned() })
    }

    /// The numbers of an array, all finite.
    pub(super) fn matrix(self, class: &'static str, name: &str) -> Result<Matrix, SklearnError> {
        let node = self.required(class, name)?;
        let wrong = |found: &str| SklearnError::Attribute {
            class,
            attribute: name.to_owned(),
            found: found.to_owned(),
            expected: "an array of finite numbers in one or two dimensions".to_owned(),
        };
        let matrix = node.matrix().ok_or_else(|| wrong(node.kind()))?;
        match matrix.numbers.iter().find(|number| !number.is_finite()) {
            Some(number) => Err(wrong(&format!("an array that holds {number}"))),
            None => Ok(matrix),
        }
    }

    /// The numbers of an array of one row.
    pub(super) fn row(self, class: &'static str, name: &str) -> Result<Vec<f64>, SklearnError> {
        let matrix = self.matrix(class, name)?;
        if matrix.rows == 1 {
            return Ok(matrix.numbers);
        }
        Err(SklearnError::Attribute {
            class,
            attribute: name.to_owned(),
            found: format!("{} by {}", matrix.rows, matrix.columns),
            expected: "one row of numbers".to_owned(),
        })
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
        node.int().and_then(|count| usize::try_from(count).ok()).ok_or_else(|| SklearnError::Attribute {
            class,
            attribute: name.to_owned(),
            found: node.int().map_or(node.kind().to_owned(), |int| int.to_string()),
            expected: "a whole number from 0 on".to_owned(),
        })
    }

    /// A truth value.
    pub(super) fn bool(self, class: &'static str, name: &str) -> Result<bool, SklearnError> {
        let node = self.required(class, name)?;
        node.bool().ok_or_else(|| SklearnError::Attribute {
            class,
            attribute: name.to_owned(),
            found: node.kind().to_owned(),
            expected: "True or False".to_owned(),
        })
    }
}
