//! What may stand in a pipeline, and what is said of the rest. The files here are written by hand, in protocol 2.

use super::*;
use crate::model::formats::pickle;
use crate::model::preprocessing::Function;

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
    let modules = [
        "preprocessing.data",
        "decomposition.pca",
        "impute",
        "compose._column_transformer",
        "pipeline",
        "kernel_approximation",
        "feature_selection._variance_threshold",
    ];
    for name in STEPS.iter().filter(|name| **name != "passthrough") {
        let class = name.split(' ').next().unwrap();
        let known = modules.iter().any(|module| {
            let bytes = File::of(&[&object(&format!("sklearn.{module}"), class, &[])]);
            let limits = Limits::default();
            let graph = pickle::read(&bytes.0, &limits).unwrap();
            let problem = step(estimator_of(graph.root()).unwrap(), None, &mut Walk::new(&limits)).err();
            matches!(problem, Some(SklearnError::Missing { .. }))
        });
        assert!(known, "{class}");
    }
}

#[test]
fn every_detector_that_is_said_to_be_supported_is() {
    let modules = [
        "svm.classes",
        "svm._classes",
        "ensemble.iforest",
        "neighbors.lof",
        "covariance",
        "linear_model",
        "decomposition",
        "cluster",
        "neural_network",
        "mixture",
    ];
    for name in DETECTORS {
        let class = name.split(' ').next().unwrap();
        let of_pyod = name.ends_with("of pyod").then(|| "pyod.models.any".to_owned());
        let modules = modules.iter().map(|module| format!("sklearn.{module}")).filter(|_| of_pyod.is_none());
        let known = modules.chain(of_pyod.clone()).any(|module| {
            let refusal = File::of(&[&object(&module, class, &[])]).read().unwrap_err();
            !matches!(refusal, SklearnError::Unsupported { .. })
        });
        assert!(known, "{class}");
    }
}

#[test]
fn a_class_that_is_not_supported_is_named_with_its_module_its_version_and_what_is() {
    let version = ("_sklearn_version", text("1.5.2"));
    let bins = object("sklearn.preprocessing._discretization", "KBinsDiscretizer", &[version]);
    let refusal = File::of(&[&pipeline(&[bins])]).refusal();
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
        let Err(refusal) = step(estimator_of(graph.root()).unwrap(), None, &mut Walk::new(&limits)) else {
            panic!("{found} was accepted");
        };
        assert!(
            refusal.to_string().contains(&format!("has func = {found}; supported: None, or numpy's log1p")),
            "{refusal}"
        );
    }
}

#[test]
fn a_function_of_numpy_may_be_written_as_a_call() {
    let call = |module: &str, name: &str| {
        let arguments = tuple(&[text(module), text(name)]);
        let func = [b"cnumpy.core\n_ufunc_reconstruct\n".as_slice(), &arguments, b"R"].concat();
        object("sklearn.preprocessing._function_transformer", "FunctionTransformer", &[("func", func)])
    };
    let function = |bytes: &[u8]| {
        let file = File::of(&[bytes]);
        let limits = Limits::default();
        let graph = pickle::read(&file.0, &limits).map_err(|error| error.to_string())?;
        function_transformer::read(estimator_of(graph.root()).unwrap()).map_err(|error| error.to_string())
    };
    for (module, name, expected) in [
        ("numpy", "log1p", Function::Log1p),
        ("numpy.core._multiarray_umath", "log", Function::Log),
        ("scipy", "sqrt", Function::Sqrt),
        ("numpy.core.umath", "absolute", Function::Abs),
    ] {
        assert_eq!(function(&call(module, name)), Ok(Some(expected)));
    }
    assert!(function(&call("numpy", "exp")).unwrap_err().contains("has func = numpy.exp"));
    assert!(function(&call("os", "log")).unwrap_err().contains("os.log"));
    assert!(function(&call("numpy", "ndarray")).unwrap_err().contains("expected a function of numpy"));
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
    let Err(refusal) = step(estimator_of(graph.root()).unwrap(), None, &mut Walk::new(&limits)) else {
        panic!("it was accepted");
    };
    assert!(refusal.to_string().contains("more than 32 levels"), "{refusal}");
}

/// What the step that a file holds comes to.
fn step_of(bytes: &[u8]) -> Result<Step, SklearnError> {
    let file = File::of(&[bytes]);
    let limits = Limits::default();
    let graph = pickle::read(&file.0, &limits).unwrap();
    match step(estimator_of(graph.root()).unwrap(), None, &mut Walk::new(&limits))? {
        Some(Link::Step(step)) => Ok(step),
        _ => panic!("no step"),
    }
}

fn int(int: i32) -> Vec<u8> {
    [b"J".as_slice(), &int.to_le_bytes()].concat()
}

fn slice(start: Vec<u8>, stop: Vec<u8>) -> Vec<u8> {
    slice_by(start, stop, none())
}

fn slice_by(start: Vec<u8>, stop: Vec<u8>, step: Vec<u8>) -> Vec<u8> {
    [b"c__builtin__\nslice\n".to_vec(), tuple(&[start, stop, step]), b"R".to_vec()].concat()
}

/// An array of Python values.
fn names(names: &[&str]) -> Vec<u8> {
    let items: Vec<_> = names.iter().map(|name| text(name)).collect();
    array("O8", names.len(), list(&items))
}

fn array(dtype: &str, length: usize, data: Vec<u8>) -> Vec<u8> {
    let dtype = [b"cnumpy\ndtype\n".to_vec(), tuple(&[text(dtype)]), b"R".to_vec()].concat();
    let state = tuple(&[int(1), tuple(&[int(i32::try_from(length).unwrap())]), dtype, b"\x89".to_vec(), data]);
    [b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR".to_vec(), state, b"b".to_vec()]
        .concat()
}

/// The columns that a transformer of four named columns takes.
fn columns_of(columns: Vec<u8>) -> Result<Vec<usize>, String> {
    let transformer = object(
        "sklearn.compose._column_transformer",
        "ColumnTransformer",
        &[
            ("n_features_in_", int(4)),
            ("feature_names_in_", names(&["a", "b", "c", "d"])),
            ("transformers_", list(&[tuple(&[text("x"), text("passthrough"), columns])])),
        ],
    );
    match step_of(&transformer) {
        Ok(Step::ColumnTransformer(transformer)) => Ok(transformer.branches()[0].columns.clone()),
        Ok(step) => panic!("{step:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn columns_are_places_names_truth_values_or_slices() {
    let (yes, no) = (b"\x88".to_vec(), b"\x89".to_vec());
    let remainder = object("sklearn.compose._column_transformer", "_RemainderColsList", &[("data", list(&[int(3)]))]);
    for (columns, expected) in [
        (list(&[int(2), int(-4)]), vec![2, 0]),
        (tuple(&[text("d"), text("a")]), vec![3, 0]),
        (names(&["c"]), vec![2]),
        (list(&[no.clone(), yes.clone(), no.clone(), yes.clone()]), vec![1, 3]),
        (slice(int(1), int(3)), vec![1, 2]),
        (slice(int(-2), none()), vec![2, 3]),
        (slice(none(), int(99)), vec![0, 1, 2, 3]),
        // A slice of names takes the last of them in.
        (slice(text("b"), text("c")), vec![1, 2]),
        (slice_by(none(), none(), int(2)), vec![0, 2]),
        (slice_by(int(1), none(), int(9)), vec![1]),
        (int(-1), vec![3]),
        (text("b"), vec![1]),
        (remainder, vec![3]),
    ] {
        assert_eq!(columns_of(columns), Ok(expected));
    }
    for (columns, reason) in [
        (list(&[int(4)]), "column 4 of 4"),
        (list(&[int(-5)]), "column -5 of 4"),
        (list(&[text("e")]), "column 'e', of which the model does not say where it is"),
        (list(&[yes, no]), "2 truth values for 4 columns"),
        (list(&[none()]), "None for a column"),
        (slice_by(none(), none(), int(-1)), "a step that is not 1 or more"),
        (slice_by(none(), none(), int(0)), "a step that is not 1 or more"),
    ] {
        let error = columns_of(columns).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn columns_of_more_features_than_rows_may_have_are_never_written_out() {
    let endless = [b"\x8a\x08".as_slice(), &i64::MAX.to_le_bytes()].concat();
    let no = b"\x89".to_vec();
    let attributes = [("n_features_in_", endless.clone()), ("with_mean", no.clone()), ("with_std", no)];
    let scaler = object("sklearn.preprocessing", "StandardScaler", &attributes);
    let columns = slice(none(), none());
    for (class, attributes) in [
        (
            "sklearn.compose.ColumnTransformer",
            vec![
                ("n_features_in_", endless),
                ("transformers_", list(&[tuple(&[text("x"), text("passthrough"), columns])])),
            ],
        ),
        ("sklearn.pipeline.FeatureUnion", vec![("transformer_list", list(&[tuple(&[text("x"), scaler])]))]),
    ] {
        let (module, name) = class.rsplit_once('.').unwrap();
        let refusal = step_of(&object(module, name, &attributes)).unwrap_err().to_string();
        assert!(refusal.contains("is 9223372036854775807 features, expected at most 65536"), "{refusal}");
    }
}

#[test]
fn steps_that_share_an_array_are_refused_before_they_fill_the_memory() {
    let count = 100_000_i32;
    let numbers = 1.0_f64.to_le_bytes().repeat(100_000);
    let length = u32::try_from(numbers.len()).unwrap().to_le_bytes();
    let dtype = [b"cnumpy\ndtype\n".to_vec(), tuple(&[text("f8")]), b"R".to_vec()].concat();
    let array = [
        b"cnumpy.core.numeric\n_frombuffer\n(B".to_vec(),
        [length.as_slice(), &numbers].concat(),
        dtype,
        tuple(&[int(count)]),
        text("C"),
        b"tRq\x01".to_vec(),
    ]
    .concat();
    let first = object("sklearn.preprocessing.data", "MaxAbsScaler", &[("scale_", array)]);
    let next = object("sklearn.preprocessing.data", "MaxAbsScaler", &[("scale_", b"h\x01".to_vec())]);
    let steps: Vec<_> = [first].into_iter().chain(std::iter::repeat_n(next, 500)).collect();
    let limits = Limits::default();
    let file = File::of(&[&pipeline(&steps)]);
    let graph = pickle::read(&file.0, &limits).unwrap();
    let mut walk = Walk::new(&limits);
    let estimators = walk.flatten(graph.root()).unwrap();
    let Err(refusal) = walk.chain(&estimators, None) else { panic!("they were accepted") };
    assert!(refusal.to_string().contains("more than 12582912 bytes of memory for its steps"), "{refusal}");
}

#[test]
fn a_function_takes_its_width_from_what_stands_around_it() {
    let function = |module: &str| {
        let func = ("func", b"cnumpy.core._multiarray_umath\nlog1p\n".to_vec());
        object(module, "FunctionTransformer", &[func])
    };
    let function = function("sklearn.preprocessing._function_transformer");
    let passing = object(
        "sklearn.compose",
        "ColumnTransformer",
        &[
            ("n_features_in_", int(3)),
            (
                "transformers_",
                list(&[tuple(&[text("x"), pipeline(std::slice::from_ref(&function)), list(&[int(0), int(2)])])]),
            ),
        ],
    );
    let limits = Limits::default();
    let file = File::of(&[&pipeline(&[function.clone(), passing, function])]);
    let graph = pickle::read(&file.0, &limits).unwrap();
    let mut walk = Walk::new(&limits);
    let estimators = walk.flatten(graph.root()).unwrap();
    let chain = |walk: &mut Walk, estimators: &[Estimator<'_, '_>]| walk.chain(estimators, None).unwrap();
    let widths = |steps: Vec<Step>| steps.iter().map(Step::width).collect::<Vec<_>>();
    assert_eq!(widths(chain(&mut walk, &estimators).steps(None, Some(2)).unwrap()), [3, 3, 2]);
    // Alone, it takes what the detector takes.
    assert_eq!(widths(chain(&mut walk, &estimators[..1]).steps(None, Some(7)).unwrap()), [7]);
}

/// A union of these transformers.
fn union(transformers: &[Vec<u8>]) -> Vec<u8> {
    let pairs: Vec<_> = transformers.iter().map(|transformer| tuple(&[text("x"), transformer.clone()])).collect();
    object("sklearn.pipeline", "FeatureUnion", &[("transformer_list", list(&pairs))])
}

#[test]
fn a_union_of_functions_takes_its_width_from_what_stands_around_it_or_from_what_they_were_given() {
    let function = |given: Option<i32>| {
        let func = ("func", b"cnumpy.core._multiarray_umath\nlog1p\n".to_vec());
        let given = given.map(|given| ("n_features_in_", int(given)));
        let attributes: Vec<_> = [func].into_iter().chain(given).collect();
        object("sklearn.preprocessing._function_transformer", "FunctionTransformer", &attributes)
    };
    let nobody_knows = union(&[function(None), text("passthrough")]);
    let refusal = step_of(&nobody_knows).unwrap_err().to_string();
    assert_eq!(refusal, "FeatureUnion does not say how many features it takes; put a scaler before it");
    assert_eq!(step_of(&union(&[text("passthrough"), function(Some(4))])).unwrap().output_width(), 8);
    let columns = object(
        "sklearn.compose",
        "ColumnTransformer",
        &[
            ("n_features_in_", int(3)),
            ("transformers_", list(&[tuple(&[text("x"), nobody_knows, list(&[int(0), int(2)])])])),
        ],
    );
    assert_eq!(step_of(&columns).unwrap().output_width(), 4);
}

#[test]
fn elements_without_a_size_are_no_columns() {
    for dtype in ["S0", "U0", "V0"] {
        assert!(columns_of(array(dtype, 0, b"U\x00".to_vec())).is_err(), "{dtype}");
    }
}

#[test]
fn long_text_that_stands_in_many_places_is_not_compared_for_ever() {
    let long = "x".repeat(1 << 20);
    let many: Vec<_> = std::iter::repeat_n(b"h\x01".to_vec(), 10_000).collect();
    let named = list(&[vec![[text(&long), b"q\x01".to_vec()].concat()], many].concat());
    let transformer = object(
        "sklearn.compose._column_transformer",
        "ColumnTransformer",
        &[
            ("n_features_in_", int(1)),
            ("feature_names_in_", names(&[&long])),
            ("transformers_", list(&[tuple(&[text("x"), text("passthrough"), named])])),
        ],
    );
    let limits = Limits::default();
    let file = File::of(&[&transformer]);
    let graph = pickle::read(&file.0, &limits).unwrap();
    let refused = step(estimator_of(graph.root()).unwrap(), None, &mut Walk::new(&limits)).is_err();
    assert!(refused && graph.exceeded().is_some());
}
