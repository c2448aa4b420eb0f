//! The names that a pickle may mention. A name is looked up in this list, and nowhere else: nothing is imported.

use std::fmt;

use super::error::PickleProblem as Problem;
use crate::model::formats::Refused;

/// A name that may stand in a model file, and what it means here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) enum Name<'a> {
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
    /// `bytes`, which is how protocol 2 writes no bytes, and `bytearray`.
    Bytes,
    /// `numpy.core._ufunc_reconstruct`: one of numpy's functions, as numpy before 1.20 writes them.
    Ufunc,
    /// `copyreg._reconstructor`: an object, as protocols before 2 write it.
    Reconstructor,
    /// `object`, the argument of `_reconstructor`.
    Object,
    /// `collections.OrderedDict` and `defaultdict`.
    Dict,
    /// `set` and `frozenset`: how protocols before 4 write them.
    Set,
    /// `slice`.
    Slice,
    /// `getattr`: a method of an object, as scipy's distributions hold it. Only that there is one is kept.
    Method,
    /// A function or a type that is a value, and is never called: numpy's `log1p`, Python's `float`.
    Function(Class<'a>),
    /// A class of scikit-learn, of what stands around its estimators (imbalanced-learn, pyod, scipy's sparse arrays and
    /// distributions), of numpy's random numbers, joblib's for arrays, or pandas', whose indexes name columns. Its
    /// instances are kept as data: the class and the attributes.
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

impl Class<'_> {
    /// Whether its objects stand before the bytes of an array. Old versions of scikit-learn brought their own joblib.
    pub(super) fn is_joblib_array(self) -> bool {
        is_joblib(self.module) && self.name == "NumpyArrayWrapper"
    }
}

fn is_joblib(module: &str) -> bool {
    matches!(
        module,
        "joblib.numpy_pickle"
            | "joblib.numpy_pickle_compat"
            | "sklearn.externals.joblib.numpy_pickle"
            | "sklearn.externals.joblib.numpy_pickle_compat"
    )
}

/// Functions of numpy that change a number each by itself.
const FUNCTIONS: [&str; 19] = [
    "abs", "absolute", "arcsinh", "arctan", "cbrt", "ceil", "cos", "exp", "expm1", "fabs", "floor", "log", "log10",
    "log1p", "log2", "sign", "sin", "sqrt", "square",
];

/// The packages whose classes may stand in a model file.
const PACKAGES: [&str; 9] = [
    "imblearn.",
    "numpy.ma.",
    "numpy.random.",
    "pandas.",
    "pyarrow.",
    "pyod.models.",
    "scipy.sparse.",
    "scipy.stats.",
    "sklearn.",
];

/// numpy's types, which are the values of settings such as `dtype`.
const TYPES: [&str; 17] = [
    "bool_", "float16", "float32", "float64", "floating", "int16", "int32", "int64", "int8", "integer", "number",
    "object_", "str_", "uint16", "uint32", "uint64", "uint8",
];

/// The most bytes of a module's or a class's name. A name is looked through whenever it is used, and a few bytes of a file
/// use it.
const LONGEST: usize = 256;

impl<'a> Name<'a> {
    /// Looks a name up. `None` when it may not stand in a model file.
    fn find(module: &'a str, name: &'a str) -> Option<Self> {
        if module.len().max(name.len()) > LONGEST {
            return None;
        }
        // numpy 2 moved `numpy.core` to `numpy._core`; Python 3 renamed `__builtin__` and `copy_reg`.
        Some(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::Reconstruct,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::FromBuffer,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::Scalar,
            ("numpy", "ndarray" | "memmap" | "matrix")
            | ("numpy.core.memmap" | "numpy._core.memmap", "memmap")
            | ("numpy.matrixlib.defmatrix", "matrix") => Self::Ndarray,
            ("numpy", "dtype") => Self::Dtype,
            ("numpy.core" | "numpy._core", "_ufunc_reconstruct") => Self::Ufunc,
            ("_codecs", "encode") => Self::Encode,
            ("builtins" | "__builtin__", "bytes" | "bytearray") => Self::Bytes,
            ("copyreg" | "copy_reg", "_reconstructor") => Self::Reconstructor,
            ("builtins" | "__builtin__", "object") => Self::Object,
            ("collections", "OrderedDict" | "defaultdict") => Self::Dict,
            ("builtins" | "__builtin__", "set" | "frozenset") => Self::Set,
            ("builtins" | "__builtin__", "slice") => Self::Slice,
            ("builtins" | "__builtin__", "getattr") => Self::Method,
            ("builtins" | "__builtin__", "bool" | "dict" | "float" | "int" | "list" | "long" | "str" | "tuple") => {
                Self::Function(Class { module: "builtins", name })
            }
            // numpy's versions differ in where they say that their functions are.
            (
                "numpy"
                | "numpy.core.umath"
                | "numpy.core._multiarray_umath"
                | "numpy._core.umath"
                | "numpy._core._multiarray_umath",
                name,
            ) if FUNCTIONS.contains(&name) => Self::Function(Class { module: "numpy", name }),
            ("numpy", "vectorize") | ("numpy.ma", "MaskedArray") => Self::Class(Class { module, name }),
            ("numpy", name) if TYPES.contains(&name) => Self::Function(Class { module: "numpy", name }),
            (module, "NumpyArrayWrapper") if is_joblib(module) => Self::Class(Class { module, name }),
            (module, _) if is_joblib(module) => return None,
            // A dot in the name would reach for an attribute of the class.
            (module, name)
                if !name.contains('.')
                    && (module == "numpy.random"
                        || module == "pandas"
                        || PACKAGES.iter().any(|of| module.starts_with(of))) =>
            {
                Self::Class(Class { module, name })
            }
            _ => return None,
        })
    }

    /// Looks a name up.
    ///
    /// # Errors
    /// When it may not stand in a model file.
    pub(in crate::model::formats) fn look_up(module: &'a str, name: &'a str) -> Result<Self, Problem> {
        match Self::find(module, name) {
            Some(name) => Ok(name),
            None if Self::is_old_joblib(module, name) => Err(Problem::OldJoblib),
            None => Err(Problem::Name(Refused::new(module, name))),
        }
    }

    /// Whether it names what joblib before 0.10 wrote.
    fn is_old_joblib(module: &str, name: &str) -> bool {
        is_joblib(module) && matches!(name, "NDArrayWrapper" | "ZNDArrayWrapper")
    }
}
