//! A model file is data: whatever stands in it, reading ends soon, within the limits, with a model or a reason.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::archive::{Method, archive};
use anomalyd::model::formats::pickle::{PickleError, PickleProblem};
use anomalyd::model::formats::sklearn::SklearnError;
use anomalyd::model::formats::{JoblibError, SkopsError};
use anomalyd::model::{Limits, Model, ModelError, Step};
use ndarray::Array2;
use proptest::prelude::*;

/// Far above what any refusal takes, far below what a bomb would.
const SOON: Duration = Duration::from_secs(5);

/// The sample models, as they are.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let folders = [folder.join("formats"), folder];
    let mut paths: Vec<_> =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "pkl" || e == "joblib" || e == "skops"))
        .map(|path| fs::read(path).unwrap())
        .collect()
});

fn sample(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)).unwrap()
}

/// Reads with the default limits, which must be soon.
fn read(bytes: &[u8]) -> Result<Model, ModelError> {
    let start = Instant::now();
    let result = Model::read(bytes, &Limits::default());
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    result
}

/// A pickle of protocol 4 with these instructions.
fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [&[0x80, 4][..], &parts.concat()].concat()
}

fn problem(bytes: &[u8]) -> PickleProblem {
    match read(bytes) {
        Err(ModelError::Pickle(PickleError { problem, .. })) => problem,
        other => panic!("expected a refused pickle, got {other:?}"),
    }
}

fn limit(bytes: &[u8]) -> &'static str {
    match problem(bytes) {
        PickleProblem::Limit(exceeded) => exceeded.setting,
        other => panic!("expected a limit, got {other}"),
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut result = bytes.to_vec();
    let places: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        result[at..at + to.len()].copy_from_slice(to);
    }
    result
}

#[test]
fn a_name_that_would_run_code_elsewhere_is_refused_by_name() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("__builtin__", "apply"),
        ("importlib", "import_module"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("sklearn", "os.system"),
        ("sklearn.pipeline", "Pipeline.__reduce__"),
        ("sklearnx.pipeline", "Pipeline"),
    ] {
        let line = format!("c{module}\n{name}\n");
        let global = pickle(&[line.as_bytes(), b"X\x04\x00\x00\x00true\x85R."]);
        let mut parts = Vec::new();
        for text in [module, name] {
            parts.extend([0x8c, u8::try_from(text.len()).unwrap()]);
            parts.extend(text.bytes());
        }
        let stack_global = pickle(&[&parts, b"\x93)R."]);
        for bytes in [global, stack_global] {
            let reason = problem(&bytes).to_string();
            assert!(reason.starts_with(&format!("{module}.{name} is not allowed: a model file is data")), "{reason}");
        }
    }
}

#[test]
fn what_a_file_says_cannot_steer_the_log() {
    let reason = problem(&pickle(&[b"cos\x1b[2J\rhidden\nsystem\n."])).to_string();
    assert!(!reason.chars().any(char::is_control), "{reason:?}");
    let good = sample("p4_number_2d.pkl");
    for (from, to) in [(&b"OneClassSVM"[..], &b"OneClass\x1b[2"[..]), (b"rbf", b"\x1b[2")] {
        let reason = read(&replaced(&good, from, to)).unwrap_err().to_string();
        assert!(reason.contains("[2") && !reason.chars().any(char::is_control), "{reason:?}");
    }
}

#[test]
fn every_instruction_without_its_values_is_refused() {
    for opcode in 0..=u8::MAX {
        assert!(read(&pickle(&[&[opcode]])).is_err(), "{opcode:#x}");
        assert!(read(&pickle(&[b"(", &[opcode], b"."])).is_err(), "{opcode:#x}");
        assert!(read(&pickle(&[b"K\x01(", &[opcode], b"\x00\x00\x00\x00\x00\x00\x00\x00."])).is_err(), "{opcode:#x}");
    }
    assert_eq!(problem(&pickle(&[b"K\x01(a."])), PickleProblem::Underflow);
    assert_eq!(problem(&pickle(&[b"h\x07."])), PickleProblem::Memo(7));
    assert!(matches!(problem(&pickle(&[b"i"])), PickleProblem::Opcode(b'i')));
    assert!(matches!(problem(&[0x80, 6, b'N', b'.']), PickleProblem::Protocol(6)));
}

#[test]
fn a_file_of_another_kind_is_refused_by_its_beginning() {
    for bytes in [&b"PK\x05\x06"[..], b"\x00"] {
        assert!(matches!(read(bytes), Err(ModelError::Format { .. })));
    }
}

#[test]
fn lengths_beyond_the_file_are_refused_before_anything_is_allocated() {
    let huge = [0xff; 8];
    for opcode in [0x8d, 0x8e, 0x96, 0x95] {
        assert_eq!(problem(&pickle(&[&[opcode], &huge, b"x."])), PickleProblem::Truncated);
    }
    for opcode in *b"XBT" {
        assert_eq!(problem(&pickle(&[&[opcode], &huge[..4], b"x."])), PickleProblem::Truncated);
    }
    assert_eq!(limit(&pickle(&[b"Nr\xff\xff\xff\xff."])), "max_instructions");
}

#[test]
fn deep_nesting_does_not_reach_the_native_stack() {
    let tuples = vec![0x85; 400_000];
    assert!(matches!(read(&pickle(&[b")", &tuples, b"."])), Err(ModelError::Sklearn(_))));
    let (lists, appends) = (vec![b']'; 90_000], vec![b'a'; 89_999]);
    assert!(matches!(read(&pickle(&[&lists, &appends, b"."])), Err(ModelError::Sklearn(_))));
}

#[test]
fn a_value_used_a_thousand_times_is_there_once() {
    // Each tuple holds the one before twice: 2¹⁰⁰⁰ values, if they were written out.
    let doubling: Vec<u8> = (0..1_000_u16).flat_map(|_| *b"q\x00h\x00\x86").collect();
    let start = Instant::now();
    let error = read(&pickle(&[b")", &doubling, b"."])).unwrap_err();
    assert!(error.to_string().starts_with("the file holds a tuple"), "{error}");
    assert!(format!("{error:?}").len() < 1_000 && start.elapsed() < SOON);
}

#[test]
fn a_value_that_holds_itself_is_refused() {
    assert!(matches!(read(&pickle(&[b"]q\x00h\x00a."])), Err(ModelError::Sklearn(_))));
    // A pipeline whose only step is itself.
    let pipeline = b"csklearn.pipeline\nPipeline\n)\x81q\x00}X\x05\x00\x00\x00steps]X\x01\x00\x00\x00ah\x00\x86asb.";
    assert!(matches!(read(&pickle(&[pipeline])), Err(ModelError::Sklearn(SklearnError::Limit(_)))));
    // One that is its own state, and an array that is its own data.
    assert!(read(&pickle(&[b"csklearn.pipeline\nPipeline\n)\x81q\x00h\x00b."])).is_err());
    let array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x85Rq\x00\
        (K\x01)cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R\x89h\x00tb.";
    assert!(matches!(problem(&pickle(&[array])), PickleProblem::Expected { .. }));
}

/// An array of float64 with these sides, little-endian longs, and 8 bytes of data.
fn array(sides: &[i64]) -> Vec<u8> {
    let sides: Vec<u8> = sides.iter().flat_map(|side| [&[0x8a, 8][..], &side.to_le_bytes()].concat()).collect();
    pickle(&[
        b"cnumpy.core.numeric\n_frombuffer\n(C\x0800000000cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R(",
        &sides,
        b"tX\x01\x00\x00\x00CtR.",
    ])
}

#[test]
fn an_array_is_held_to_its_bytes_whatever_shape_it_declares() {
    assert!(matches!(read(&array(&[1])), Err(ModelError::Sklearn(_))), "an honest array is read");
    for sides in [&[i64::MAX][..], &[1 << 32, 1 << 32], &[i64::MAX, 0], &[0, 1 << 40], &[1 << 62, 4]] {
        assert_eq!(limit(&array(sides)), "max_elements", "{sides:?}");
    }
    for sides in [&[2][..], &[0], &[1, 2], &[-1], &[-1, -1]] {
        assert!(matches!(problem(&array(sides)), PickleProblem::Expected { .. }), "{sides:?}");
    }
    assert!(matches!(problem(&array(&[1; 100])), PickleProblem::Expected { .. }));
}

#[test]
fn each_bound_is_kept_and_named() {
    assert_eq!(limit(&pickle(&[&b"N0".repeat(600_000)])), "max_instructions");
    // The same long text, turned into bytes again and again.
    let text = [&b"X\x00\x00\x10\x00"[..], &vec![b'a'; 1 << 20]].concat();
    let encode = b"h\x01h\x00h\x02\x86R".repeat(1_000);
    let bomb = pickle(&[&text, b"q\x00c_codecs\nencode\nq\x01X\x06\x00\x00\x00latin1q\x02", &encode, b"."]);
    assert_eq!(limit(&bomb), "max_memory");
    let large = vec![0x80; Limits::default().file_bytes + 1];
    assert!(matches!(read(&large), Err(ModelError::TooLarge { .. })));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for bytes in SAMPLES.iter() {
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let good = sample("p4_number_2d.pkl");
    let reason = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    let model = read(&good).unwrap();
    let [Step::StandardScaler(scaler)] = model.preprocessing() else { panic!("another model") };
    let (mean, scale) = (scaler.mean().unwrap()[0].to_le_bytes(), scaler.scale().unwrap()[0].to_le_bytes());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = reason(&replaced(&good, &scale, &bad.to_le_bytes()));
        assert!(error.starts_with("scale_ of StandardScaler is"), "{error}");
    }
    let error = reason(&replaced(&good, &mean, &f64::NAN.to_le_bytes()));
    assert_eq!(
        error,
        "mean_ of StandardScaler is an array that holds NaN, expected an array of finite numbers in one or two dimensions"
    );
    for bad in [f64::NAN, f64::INFINITY, -0.3] {
        let error = reason(&replaced(&good, &0.3_f64.to_be_bytes(), &bad.to_be_bytes()));
        assert!(error.starts_with("_gamma of OneClassSVM is"), "{error}");
    }
    let swapped = replaced(&good, b"_dual_coef_", b"_xxxx_xxxx_");
    let swapped = replaced(&swapped, b"_intercept_", b"_dual_coef_");
    assert!(reason(&swapped).starts_with("dual_coef_ of OneClassSVM is 1 numbers"), "{}", reason(&swapped));
    let missing = reason(&replaced(&good, b"support_vectors_", b"support_Vectors_"));
    assert_eq!(missing, "OneClassSVM has no support_vectors_; fit the model before it is written");
    let other = reason(&replaced(&good, b"OneClassSVM", b"OneClassXXX"));
    assert!(other.starts_with("OneClassXXX of sklearn.svm._classes (scikit-learn 1."), "{other}");
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    (prop::sample::select(&SAMPLES[..]), prop::collection::vec(edit, 1..6)).prop_map(|(mut bytes, edits)| {
        for (from, to, byte, kind) in edits {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let (start, end) = (from.min(to), from.max(to));
            match kind {
                0 => bytes[from] = byte,
                1 => bytes[from] ^= 1 << (byte % 8),
                2 => _ = bytes.drain(start..end.min(start + 16)),
                _ => {
                    let part = bytes[start..end.min(start + 64)].to_vec();
                    bytes.splice(to..to, part);
                }
            }
            if bytes.is_empty() {
                bytes.push(byte);
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_damaged_file_is_a_model_or_an_error_with_a_reason(bytes in mutated()) {
        match read(&bytes) {
            Ok(model) => {
                // What was accepted can be evaluated.
                let rows = Array2::from_elem((3, model.width()), 1.5);
                _ = model.evaluate(rows.view());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_bytes_at_all_are_refused_or_read(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = read(&pickle(&[&tail]));
    }
}

/// Names the setting of the bound that a file reached.
fn exceeded(bytes: &[u8]) -> &'static str {
    match read(bytes) {
        Err(ModelError::Pickle(PickleError { problem: PickleProblem::Limit(exceeded), .. }))
        | Err(ModelError::Joblib(JoblibError::Limit(exceeded)))
        | Err(ModelError::Skops(SkopsError::Limit(exceeded)))
        | Err(ModelError::Limit(exceeded)) => exceeded.setting,
        Err(error @ ModelError::Joblib(JoblibError::Bomb { .. })) if error.to_string().contains("max_memory") => {
            "max_memory"
        }
        Err(ModelError::Joblib(JoblibError::Slow { .. })) => "max_operations",
        other => panic!("expected a bound, got {other:?}"),
    }
}

/// These bytes, compressed in every way that can be written here.
fn compressed(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(content).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(content).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(content).unwrap();
    vec![
        ("zlib", zlib.finish().unwrap()),
        ("gzip", gzip.finish().unwrap()),
        ("bz2", bzip2.finish().unwrap()),
        ("lz4", lz4.finish().unwrap()),
    ]
}

#[test]
fn a_bomb_of_each_compression_is_refused_by_the_setting() {
    let mut content = vec![0; Limits::default().memory_bytes + (1 << 20)];
    content[..8].copy_from_slice(b"\x80\x05B\xff\xff\xff\xff\x00");
    for (name, bomb) in compressed(&content) {
        let setting = if name == "bz2" { "max_operations" } else { "max_memory" };
        assert_eq!(exceeded(&bomb), setting, "{name}");
    }
    for bomb in ["bombs/zeros.lzma", "bombs/zeros.xz"] {
        assert_eq!(exceeded(&sample(bomb)), "max_memory", "{bomb}");
    }
    // What is no pickle is not even inflated.
    content[0] = 0;
    for (name, bomb) in compressed(&content[..1 << 16]) {
        assert!(matches!(read(&bomb), Err(ModelError::Joblib(JoblibError::NotAPickle { .. }))), "{name}");
    }
}

#[test]
fn a_compression_that_is_slow_to_undo_is_refused_by_the_size_of_the_file() {
    let file = [&b"BZh9"[..], &vec![b'0'; Limits::default().operations / 50]].concat();
    let error = read(&file).unwrap_err();
    assert!(matches!(error, ModelError::Joblib(JoblibError::Slow { .. })), "{error}");
    let reason = error.to_string();
    assert!(reason.contains("compress=3") && reason.contains("max_operations"), "{reason}");
    let generous = Limits { operations: 1 << 30, ..Limits::default() };
    let error = Model::read(&file, &generous).unwrap_err();
    assert!(matches!(error, ModelError::Joblib(JoblibError::Damaged { .. })), "{error}");
}

#[test]
fn a_deflated_schema_that_grows_beyond_measure_is_refused_before_it_is_inflated() {
    let deflated = |schema: &str| archive([(&b"schema.json"[..], schema.as_bytes(), Method::Deflated)]);
    let small = format!(r#"{{"protocol": 9, "x": "{}"}}"#, "a".repeat(2 << 20));
    assert!(matches!(read(&deflated(&small)), Err(ModelError::Skops(SkopsError::Protocol))));
    let bomb = format!(r#"{{"protocol": 9, "x": "{}"}}"#, "a".repeat(4 << 20));
    let error = read(&deflated(&bomb)).unwrap_err().to_string();
    assert!(error.contains("schema.json grows more than 256-fold"), "{error}");
}

#[test]
fn joblibs_array_is_held_to_the_bytes_that_follow_it() {
    let good = sample("formats/plain.joblib");
    assert!(read(&good).is_ok());
    // The mean of two features becomes one of 258, one of none, and one that is no shape.
    let shape = b"shape\x94K\x02\x85\x94";
    for bad in [&b"shape\x94K\xff\x85\x94"[..], b"shape\x94K\x00\x85\x94", b"shape\x94N0\x85\x94"] {
        assert!(read(&replaced(&good, shape, bad)).is_err());
    }
    assert!(read(&replaced(&good, b"f8\x94", b"O8\x94")).is_err());
    assert!(read(&replaced(&good, b"subclass", b"subclasz")).is_err());
    let old = b"cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81.";
    assert_eq!(problem(&pickle(&[old])), PickleProblem::OldJoblib);
    let old = read(b"ZF0x1a                 xxxx").unwrap_err().to_string();
    assert!(old.contains("dump it again"), "{old}");
}

/// A zip archive of stored entries.
fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    archive(entries.iter().map(|(name, content)| (name.as_bytes(), *content, Method::Stored)))
}

/// A skops file whose root this is.
fn skops(root: &str) -> Vec<u8> {
    stored(&[("schema.json", format!("{{\"protocol\": 2, {}", &root[1..]).as_bytes())])
}

#[test]
fn a_skops_file_is_data_too() {
    let node = |loader: &str, module: &str, class: &str, more: &str| {
        format!(r#"{{"__loader__": "{loader}", "__module__": "{module}", "__class__": "{class}"{more}}}"#)
    };
    let reason = |root: &str| read(&skops(root)).unwrap_err().to_string();
    for loader in ["ObjectNode", "FunctionNode", "TypeNode", "RandomStateNode"] {
        let error = reason(&node(loader, "os", "system", ""));
        assert!(error.contains("os.system is not allowed: a model file is data"), "{error}");
    }
    for loader in ["MethodNode", "PartialNode", "SparseMatrixNode", "OperatorFuncNode"] {
        let error = reason(&node(loader, "scipy.sparse", "coo_matrix", ""));
        assert!(error.contains("scipy.sparse.coo_matrix"), "{error}");
    }
    assert!(reason(&node("Evil", "a", "b", "")).contains("a known __loader__"));
    assert!(matches!(read(&skops(r#"{"__loader__": 3}"#)), Err(ModelError::Skops(SkopsError::Schema { .. }))));
    for text in ["", "{", "[]", "null", "{}", r#"{"protocol": 3}"#, r#"{"protocol": -1}"#, r#"{"protocol": true}"#] {
        assert!(read(&stored(&[("schema.json", text.as_bytes())])).is_err(), "{text}");
    }
    assert!(
        read(&stored(&[("other.json", b"{}")]))
            .unwrap_err()
            .to_string()
            .contains("a zip archive that skops did not write")
    );
}

#[test]
fn deep_schemas_are_refused_by_the_setting_and_never_reach_the_native_stack() {
    let mut root = r#"{"__loader__": "JsonNode", "content": "1"}"#.to_owned();
    for _ in 0..40 {
        root = format!(r#"{{"__loader__": "ListNode", "content": [{root}]}}"#);
    }
    assert_eq!(exceeded(&skops(&root)), "max_depth");
    for unit in ["[", r#"{"a":"#] {
        let deep = format!(r#"{{"protocol": 2, "x": {}"#, unit.repeat(100_000));
        assert!(matches!(
            read(&stored(&[("schema.json", deep.as_bytes())])),
            Err(ModelError::Skops(SkopsError::Json(_)))
        ));
    }
}

#[test]
fn a_zip_archive_that_lies_is_refused() {
    let number = |class: &str| {
        format!(
            r#"{{"protocol": 2, "__loader__": "NdArrayNode", "__module__": "numpy", "__class__": "{class}", "type": "numpy", "file": "a.npy"}}"#
        )
    };
    let npy = |header: &str, data: &[u8]| {
        [b"\x93NUMPY\x01\x00", &u16::try_from(header.len()).unwrap().to_le_bytes()[..], header.as_bytes(), data]
            .concat()
    };
    let schema = number("ndarray");
    let good = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", &[0; 8]);
    let whole = stored(&[("schema.json", schema.as_bytes()), ("a.npy", &good)]);
    assert!(matches!(read(&whole), Err(ModelError::Sklearn(_))), "an honest archive is read");
    for length in 0..whole.len() {
        assert!(!matches!(read(&whole[..length]), Ok(_) | Err(ModelError::Sklearn(_))), "{length}");
    }
    for (descr, shape) in [("<f8", "(2,)"), ("<f8", "()x"), ("<f8", "(99999999999,)"), ("|O", "(1,)"), ("<f4", "(1,)")]
    {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}");
        let bytes = stored(&[("schema.json", schema.as_bytes()), ("a.npy", &npy(&header, &[0; 8]))]);
        assert!(matches!(read(&bytes), Err(ModelError::Skops(_))), "{descr} {shape}");
    }
    // A size that is not there, in the directory: more than the file, and more than may be.
    for size in [9_u32, 1 << 30, u32::MAX] {
        let from = [&u32::try_from(good.len()).unwrap().to_le_bytes()[..]; 2].concat();
        let to = [&size.to_le_bytes()[..]; 2].concat();
        assert!(matches!(read(&replaced(&whole, &from, &to)), Err(ModelError::Skops(_))), "{size}");
    }
    // A deflated entry that declares a gibibyte.
    let deflated = sample("formats/deflated.skops");
    let place = deflated.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let mut bomb = deflated.clone();
    bomb[place + 24..place + 28].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    assert_eq!(exceeded(&bomb), "max_memory");
    let mut many = whole.clone();
    let end = many.len() - 22;
    many[end + 8..end + 12].copy_from_slice(&[0xff, 0xfe, 0xff, 0xfe]);
    assert!(read(&many).is_err());
}

#[test]
fn values_shared_without_end_are_read_no_more_often_than_the_limits_allow() {
    // Forty pipelines, each with the one before it twice: 2⁴⁰ steps, if they were all read.
    let mut instructions = b"csklearn.pipeline\nPipeline\nq\x000".to_vec();
    instructions.extend(b"]q\x010");
    for _ in 0..40 {
        instructions.extend(
            b"h\x00)\x81}X\x05\x00\x00\x00steps](X\x01\x00\x00\x00ah\x01\x86X\x01\x00\x00\x00bh\x01\x86esbq\x010",
        );
    }
    instructions.extend(b"h\x01.");
    assert!(read(&pickle(&[&instructions])).is_err());
}

#[test]
fn what_large_honest_files_hold_is_within_the_defaults() {
    // The distances of 100,000 rows to their 20 neighbours, among 4 MiB that are beside the point.
    let (rows, columns) = (100_000_u32, 20_u8);
    let count = rows as usize * usize::from(columns);
    let data: Vec<u8> = (0..count).flat_map(|number| (number as f64).sqrt().to_bits().to_le_bytes()).collect();
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let beginning = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01J";
    let dtype =
        b"K\x14\x86cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb";
    let file = pickle(&[beginning, &rows.to_le_bytes(), dtype, b"\x89B", &length, &data, b"tb."]);
    assert!(file.len() > 16_000_000);
    let found = |bytes: &[u8]| match read(bytes) {
        Err(ModelError::Sklearn(SklearnError::NotAnEstimator { found })) => found,
        other => panic!("expected an array, got {other:?}"),
    };
    assert_eq!(found(&file), "an array");
    for (name, file) in compressed(&file).into_iter().filter(|(name, _)| *name != "bz2") {
        assert_eq!(found(&file), "an array", "{name}");
    }
}

/// Files that would take far more than they are.
#[cfg(target_os = "linux")]
fn bombs() -> Vec<Vec<u8>> {
    let mut zeros = vec![0; 80 << 20];
    zeros[..8].copy_from_slice(b"\x80\x05B\xff\xff\xff\xff\x00");
    let mut bombs: Vec<_> = compressed(&zeros).into_iter().map(|(_, bomb)| bomb).collect();
    bombs.extend([sample("bombs/zeros.lzma"), sample("bombs/zeros.xz")]);
    let lists = format!(r#"{{"protocol": 2, "x": [{}[]]}}"#, "[[]],".repeat(1_500_000));
    let objects = format!(r#"{{"protocol": 2, "x": [{}0]}}"#, r#"{"":{}},"#.repeat(1_000_000));
    bombs.extend([
        pickle(&[&b"N\x85\x94".repeat(200_000)]),
        pickle(&[&b")\x85\x940".repeat(200_000)]),
        pickle(&[&b"(".repeat(490_000)]),
        pickle(&[b"N", &b"2".repeat(490_000)]),
        pickle(&[&b"]NaN0".repeat(240_000)]),
        pickle(&[b"Nr\x00\xa0\x07\x00"]),
        pickle(&[b"]q\x00(", &b"N".repeat(300_000), b"e", &b"(h\x00h\x00e".repeat(40_000)]),
        stored(&[("schema.json", lists.as_bytes())]),
        stored(&[("schema.json", objects.as_bytes())]),
    ]);
    bombs.extend(crate::work::hostile().into_iter().map(|hostile| hostile.bytes));
    bombs
}

/// Each bomb is read by a process of its own, which says how much it took: this test again, told which.
#[cfg(target_os = "linux")]
#[test]
fn a_bomb_takes_no_more_memory_than_is_declared() {
    const BOMB: &str = "ANOMALYD_TEST_BOMB";
    let resident = |field: &str| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    if let Some(path) = env::var_os(BOMB) {
        let bytes = fs::read(path).unwrap();
        let before = resident("VmRSS") - bytes.len();
        assert!(read(&bytes).is_err());
        let peak = resident("VmHWM");
        // A large file may take more in proportion to its size; docs/models.md says how much at most.
        let most = if bytes.len() <= 1 << 20 { 64 << 20 } else { (112 << 20) + bytes.len() };
        assert!(peak - before <= most, "{} KiB over {} KiB", (peak - before) / 1024, before / 1024);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (number, bomb) in bombs().into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::write(&path, bomb).unwrap();
        let test = ["--exact", "hostile_models::a_bomb_takes_no_more_memory_than_is_declared"];
        let output = Command::new(env::current_exe().unwrap()).args(test).env(BOMB, &path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "bomb {number}: {said}");
    }
}
