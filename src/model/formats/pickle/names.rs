//! The names that a pickle may mention. A name is looked up in this list, and nowhere else: nothing is imported.

use std::fmt;

/// A name that may stand in a model file, and what it means here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Name<'a> {
    /// `numpy.core.multiarray._reconstruct`: begins an array.
    Reconstruct,
    /// `numpy.core.numeric._frombuffer`: a whole array, in protocol 5.
    FromBuffer,
    /// `numpy.core.multiarray.scalar`: one element.
    Scalar,
    /// `numpy.ndarray`, the argument of `_reconstruct`.
    Ndarray,
    /// `numpy.dtype`.
    Dtype,
    /// `_codecs.encode`: how protocol 2 writes bytes.
    Encode,
    /// `bytes`: how protocol 2 writes no bytes.
    Bytes,
    /// `copyreg._reconstructor`: an object, as protocols before 2 write it.
    Reconstructor,
    /// `object`, the argument of `_reconstructor`.
    Object,
    /// `slice`.
    Slice,
    /// A function that is a value, and is never called: numpy's `log1p`.
    Function(Class<'a>),
    /// A class of scikit-learn. Its instances are kept as data: the class and the attributes.
    Class(Class<'a>),
}

/// A class, known by its name only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) struct Class<'a> {
    /// The module that defines it.
    pub(in crate::model::formats) module: &'a str,
    /// The class's own name.
    pub(in crate::model::formats) name: &'a str,
}

impl fmt::Display for Class<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// Functions of numpy that change a number each by itself.
const FUNCTIONS: [&str; 19] = [
    "abs", "absolute", "arcsinh", "arctan", "cbrt", "ceil", "cos", "exp", "expm1", "fabs", "floor", "log", "log10",
    "log1p", "log2", "sign", "sin", "sqrt", "square",
];

/// Text from a file of unknown origin, fit for a log: without control characters, and no longer than a line.
pub(in crate::model::formats) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).take(100).collect()
}

impl<'a> Name<'a> {
    /// Looks a name up. `None` when it may not stand in a model file.
    pub(super) fn find(module: &'a str, name: &'a str) -> Option<Self> {
        // numpy 2 moved `numpy.core` to `numpy._core`; Python 3 renamed `__builtin__` and `copy_reg`.
        Some(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::Reconstruct,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::FromBuffer,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::Scalar,
            ("numpy", "ndarray") => Self::Ndarray,
            ("numpy", "dtype") => Self::Dtype,
            ("_codecs", "encode") => Self::Encode,
            ("builtins" | "__builtin__", "bytes") => Self::Bytes,
            ("copyreg" | "copy_reg", "_reconstructor") => Self::Reconstructor,
            ("builtins" | "__builtin__", "object") => Self::Object,
            ("builtins" | "__builtin__", "slice") => Self::Slice,
            // numpy's versions differ in where they say that their functions are.
            (
                "numpy"
                | "numpy.core.umath"
                | "numpy.core._multiarray_umath"
                | "numpy._core.umath"
                | "numpy._core._multiarray_umath",
                name,
            ) if FUNCTIONS.contains(&name) => Self::Function(Class { module: "numpy", name }),
            // A dot in the name would reach for an attribute of the class.
            (module, name)
                if !name.contains('.') && (module.starts_with("numpy.random.") || module.starts_with("sklearn.")) =>
            {
                Self::Class(Class { module, name })
            }
            _ => return None,
        })
    }
}
