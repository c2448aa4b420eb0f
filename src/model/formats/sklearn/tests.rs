//! What may stand in a pipeline, and what is said of the rest. The files here are written by hand, in protocol 2.

use super::*;
use crate::model::formats::pickle;

/// A pickle under construction: what it holds is written as Python's `pickletools` would show it.
struct File(Vec<u8>);

impl File {
    fn of(parts: &[&[u8]]) -> Self {
        Self([b"\x80\x02", parts.concat().as_slice(), b"."].concat())
    }

    fn read(&self) -> Result<Contents, SklearnError> {
        let limits = Limits::default();
        read(&pickle::read(&self.0, &limits).unwrap(), &limits)
    }

    fn refusal(&self) -> String {
        self.read().unwrap_err().to_string()
    }
}

fn text(text: &str) -> Vec<u8> {
    [b"X", u32::try_from(text.len()).unwrap().to_le_bytes().as_slice(), text.as_bytes()].concat()
}

fn none() -> Vec<u8> {
    b"N".to_vec()
}

/// `(a, b, …)`
fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(", items.concat().as_slice(), b"t"].concat()
}

/// `[a, b, …]`
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"](", items.concat().as_slice(), b"e"].concat()
}

fn object(module: &str, class: &str, attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let attributes: Vec<_> = attributes.iter().flat_map(|(name, value)| [text(name), value.clone()].concat()).collect();
    [format!("c{module}\n{class}\n").as_bytes(), b")\x81}(", &attributes, b"ub"].concat()
}

fn pipeline(steps: &[Vec<u8>]) -> Vec<u8> {
    let pairs: Vec<_> = steps.iter().map(|step| tuple(&[text("step"), step.clone()])).collect();
    object("sklearn.pipeline", "Pipeline", &[("steps", list(&pairs))])
}

fn svm() -> Vec<u8> {
    object("sklearn.svm.classes", "OneClassSVM", &[("kernel", text("poly"))])
}

#[test]
fn every_step_that_is_said_to_be_supported_is() {
    let modules = ["preprocessing.data", "decomposition.pca", "impute", "compose._column_transformer", "pipeline"];
    for name in STEPS.iter().filter(|name| **name != "passthrough") {
        let class = name.split(' ').next().unwrap();
        let known = modules.iter().any(|module| {
            let bytes = File::of(&[&object(&format!("sklearn.{module}"), class, &[])]);
            let limits = Limits::default();
            let graph = pickle::read(&bytes.0, &limits).unwrap();
            let problem = step(estimator_of(graph.root()).unwrap(), &mut Walk::new(&limits)).err();
            matches!(problem, Some(SklearnError::Missing { .. }))
        });
        assert!(known, "{class}");
    }
}

#[test]
fn every_detector_that_is_said_to_be_supported_is() {
    let modules = ["svm.classes", "svm._classes", "ensemble.iforest", "neighbors.lof", "covariance", "linear_model"];
    for name in DETECTORS {
        let class = name.split(' ').next().unwrap();
        let known = modules.iter().any(|module| {
            let refusal = File::of(&[&object(&format!("sklearn.{module}"), class, &[])]).read().unwrap_err();
            !matches!(refusal, SklearnError::Unsupported { .. })
        });
        assert!(known, "{class}");
    }
}

#[test]
fn a_class_that_is_not_supported_is_named_with_its_module_its_version_and_what_is() {
    let version = ("_sklearn_version", text("1.5.2"));
    let bins = object("sklearn.preprocessing._discretization", "KBinsDiscretizer", &[version]);
    let refusal = File::of(&[&pipeline(&[bins.clone()])]).refusal();
    let named = "KBinsDiscretizer of sklearn.preprocessing._discretization (scikit-learn 1.5.2) is not supported here";
    assert!(refusal.contains(named) && refusal.contains("PolynomialFeatures, ColumnTransformer"), "{refusal}");
}

#[test]
fn a_function_that_is_not_supported_is_named() {
    for (func, found) in
        [("cnumpy\nexp\n", "numpy.exp"), ("csklearn.utils\nf\n", "sklearn.utils.f"), ("K\x01", "a whole number")]
    {
        let transformer = object(
            "sklearn.preprocessing._function_transformer",
            "FunctionTransformer",
            &[("func", func.as_bytes().to_vec())],
        );
        let file = File::of(&[&transformer]);
        let limits = Limits::default();
        let graph = pickle::read(&file.0, &limits).unwrap();
        let Err(refusal) = step(estimator_of(graph.root()).unwrap(), &mut Walk::new(&limits)) else {
            panic!("{found} was accepted");
        };
        assert!(
            refusal.to_string().contains(&format!("has func = {found}; supported: None, or numpy's log1p")),
            "{refusal}"
        );
    }
}

#[test]
fn pipelines_within_each_other_are_one() {
    // The detector comes last, however deep, and what does nothing is not asked.
    let nested = pipeline(&[none(), text("passthrough"), pipeline(&[pipeline(&[svm()])])]);
    assert!(File::of(&[&nested]).refusal().contains("OneClassSVM"));
    let empty = File::of(&[&pipeline(&[none(), pipeline(&[])])]).refusal();
    assert!(empty.contains("a Pipeline without steps"), "{empty}");
}

#[test]
fn a_pipeline_that_holds_itself_is_refused() {
    let itself = b"csklearn.pipeline\nPipeline\n)\x81q\x00}(X\x05\x00\x00\x00steps](X\x01\x00\x00\x00ah\x00\x86eub";
    assert!(File::of(&[itself]).refusal().contains("more than 32 levels"));
}

#[test]
fn pipelines_that_double_at_every_level_are_refused_at_once() {
    let mut nested = svm();
    for level in 0..30_u8 {
        // Remembers the one within, and holds it twice.
        let twice = [tuple(&[text("a"), [nested, vec![b'q', level]].concat()]), tuple(&[text("b"), vec![b'h', level]])];
        nested = object("sklearn.pipeline", "Pipeline", &[("steps", list(&twice))]);
    }
    let refusal = File::of(&[&nested]).refusal();
    assert!(refusal.contains("more than 1000 steps"), "{refusal}");
}

#[test]
fn a_transformer_of_columns_that_holds_itself_is_refused() {
    let itself = b"csklearn.compose\nColumnTransformer\n)\x81q\x00}(X\x0e\x00\x00\x00n_features_in_K\x01\
        X\x0d\x00\x00\x00transformers_](X\x01\x00\x00\x00ah\x00](K\x00e\x87eub";
    let file = File::of(&[itself]);
    let limits = Limits::default();
    let graph = pickle::read(&file.0, &limits).unwrap();
    let Err(refusal) = step(estimator_of(graph.root()).unwrap(), &mut Walk::new(&limits)) else {
        panic!("it was accepted");
    };
    assert!(refusal.to_string().contains("more than 32 levels"), "{refusal}");
}
