//! What to do about a pickle that names what may not stand in a model file.

use std::fmt;

use super::{KERAS, NO_DETECTOR, PYTORCH};
use crate::model::formats::printable::printable;

/// A name that was refused, fit for a line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The module and the name in it.
    name: String,
    advice: &'static str,
}

impl Refused {
    /// The name `name` of `module`.
    pub(in crate::model::formats) fn new(module: &str, name: &str) -> Self {
        Self { name: format!("{}.{}", printable(module), printable(name)), advice: advice(module, name) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, advice } = self;
        write!(
            f,
            "{name} is not allowed: a model file is data, and may name only classes of scikit-learn, imbalanced-learn, pyod \
             and pandas, and numpy's arrays; {advice}"
        )
    }
}

fn advice(module: &str, name: &str) -> &'static str {
    let package = module.split('.').next().unwrap_or_default();
    // Python's own names for classes begin with a capital, as nearly all people's do.
    let is_class =
        name.rsplit('.').next().is_some_and(|name| name.trim_start_matches('_').starts_with(char::is_uppercase));
    match package {
        "torch" | "torchvision" | "pytorch_lightning" | "lightning" => PYTORCH,
        "keras" | "tensorflow" | "tf_keras" => KERAS,
        "xgboost" | "lightgbm" | "catboost" => NO_DETECTOR,
        "os" | "posix" | "nt" | "sys" | "subprocess" | "builtins" | "__builtin__" | "importlib" | "runpy"
        | "shutil" | "socket" | "pty" | "ctypes" | "webbrowser" | "pickle" | "code" | "codeop" | "commands" => {
            "no model needs it, and Python would run it: do not load this file unless you know who made it"
        }
        "cloudpickle" | "dill" | "marshal" | "types" => {
            "this is Python's code in the file, and none is run: dump the scikit-learn model alone, by joblib.dump, \
             without functions of your own"
        }
        "numpy" | "scipy" | "sklearn" | "joblib" => {
            "no supported model needs it: dump that model alone, as in joblib.dump(search.best_estimator_, \"model.joblib\")"
        }
        _ if is_class => {
            "an object of another class needs its library's or your code: dump the scikit-learn model that it holds, as in \
             joblib.dump(detector.model, \"model.joblib\")"
        }
        _ => {
            "a function is code, which is not in the file: of a search dump its best_estimator_ alone; a FunctionTransformer may take numpy's log1p, log, sqrt or abs; do \
             anything else to the rows before they are fitted, and leave that step out"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_comes_with_what_to_do() {
        for (module, name, advice) in [
            ("__main__", "Detector", "joblib.dump(detector.model"),
            ("plant.detectors", "_Detector", "joblib.dump(detector.model"),
            ("__main__", "clean", "FunctionTransformer may take numpy's log1p"),
            ("torch._utils", "_rebuild_tensor_v2", "torch.onnx.export"),
            ("keras.src.saving", "deserialize", "tf2onnx"),
            ("xgboost.sklearn", "XGBClassifier", "no outlier detector"),
            ("numpy", "load", "joblib.dump(search.best_estimator_"),
            ("__main__", "my_score", "of a search dump its best_estimator_ alone"),
            ("cloudpickle.cloudpickle", "_make_function", "none is run"),
            ("posix", "system", "do not load this file"),
        ] {
            let said = Refused::new(module, name).to_string();
            assert!(said.starts_with(&format!("{module}.{name} is not allowed")) && said.contains(advice), "{said}");
        }
    }
}
