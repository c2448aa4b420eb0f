//! ONNX files that keep their numbers in another file beside them, and those that take a column at each input.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anomalyd::model::formats::own;
use anomalyd::model::{Changes, Limits, Listing, Model, NameTemplates, Step, Survey};

use crate::onnx_file::{file, node, number, part, tensor, text, value};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

/// A folder with the two files of a network under these names.
fn folder(model: &str, data: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(sample("onnx_apart_4d.onnx"), folder.path().join(model)).unwrap();
    fs::copy(sample("onnx_apart_4d.onnx.data"), folder.path().join(data)).unwrap();
    folder
}

fn load(folder: &tempfile::TempDir, model: &str) -> Result<Model, String> {
    Model::load(&folder.path().join(model), &Limits::default()).map_err(|error| error.to_string())
}

/// A file whose weights are said to be elsewhere.
fn apart(settings: &[(&str, &str)]) -> Vec<u8> {
    let settings: Vec<u8> =
        settings.iter().flat_map(|(key, value)| part(13, &[text(1, key), text(2, value)].concat())).collect();
    let weights = [number(1, 2), number(1, 1), number(2, 1), text(8, "w"), settings, number(14, 1)].concat();
    let graph = [part(1, &node("MatMul", &["x", "w"], "y")), part(5, &weights), part(11, &value("x", &[1, 2]))];
    file(&[graph.concat(), part(12, &value("y", &[1, 1]))].concat())
}

#[test]
fn both_files_are_one_model_and_count_in_its_hash() {
    let folder = folder("model_1_1.onnx", "onnx_apart_4d.onnx.data");
    let model = load(&folder, "model_1_1.onnx").unwrap();
    assert_eq!(model.width(), 4);
    let data = folder.path().join("onnx_apart_4d.onnx.data");
    let mut bytes = fs::read(&data).unwrap();
    bytes[3] ^= 1;
    fs::write(&data, bytes).unwrap();
    assert_ne!(load(&folder, "model_1_1.onnx").unwrap().hash(), model.hash());
    // Its own format has it all.
    let own = Model::read(&own::write(&model).unwrap(), &Limits::default()).unwrap();
    assert_eq!(own.detector(), model.detector());
}

#[test]
fn the_other_file_may_have_the_name_of_the_model_instead() {
    let folder = folder("model_1_1.onnx", "model_1_1.onnx.data");
    assert!(load(&folder, "model_1_1.onnx").is_ok());
    fs::copy(sample("onnx_apart_4d.onnx.data"), folder.path().join("onnx_apart_4d.onnx.data")).unwrap();
    let error = load(&folder, "model_1_1.onnx").unwrap_err();
    assert!(error.contains("onnx_apart_4d.onnx.data, as it says itself, or in "), "{error}");
}

#[test]
fn bytes_alone_have_no_folder_to_look_into() {
    let bytes = fs::read(sample("onnx_apart_4d.onnx")).unwrap();
    let error = Model::read(&bytes, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("numbers in another file, onnx_apart_4d.onnx.data"), "{error}");
}

#[test]
fn only_a_regular_file_of_a_plain_name_in_the_same_folder_is_opened() {
    let folder = folder("model_1_1.onnx", "elsewhere");
    let data = folder.path().join("onnx_apart_4d.onnx.data");
    let reason = "expected a regular file beside the model's, not a link";
    assert!(load(&folder, "model_1_1.onnx").unwrap_err().contains(reason));
    symlink(folder.path().join("elsewhere"), &data).unwrap();
    assert!(load(&folder, "model_1_1.onnx").unwrap_err().contains(reason));
    fs::remove_file(&data).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &data, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600), 0)
        .unwrap();
    assert!(load(&folder, "model_1_1.onnx").unwrap_err().contains("is not a regular file"));
    fs::create_dir(folder.path().join("below")).unwrap();
    fs::copy(sample("onnx_apart_4d.onnx.data"), folder.path().join("below/data")).unwrap();
    let above = folder.path().join("elsewhere");
    for name in ["below/data", "../data", "..", "", "/etc/passwd", above.to_str().unwrap(), "a\\b", ".hidden", "a\0b"] {
        fs::write(folder.path().join("m.onnx"), apart(&[("location", name)])).unwrap();
        let error = load(&folder, "m.onnx").unwrap_err();
        assert!(error.contains("expected the plain name of one file beside"), "{name}: {error}");
    }
}

#[test]
fn places_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), [0, 0, 128, 63, 0, 0, 128, 191, 9]).unwrap();
    for (settings, reason) in [
        (&[("offset", "0"), ("length", "8")][..], ""),
        (&[("offset", "1"), ("length", "8")], ""),
        (&[("offset", "2"), ("length", "8")], "8 bytes from byte 2 on in data, which has 9"),
        (&[("offset", "99")], "the bytes from byte 99 on in data"),
        (&[("offset", "1"), ("length", "18446744073709551615")], "bytes from byte 1 on"),
        (&[("offset", "18446744073709551615"), ("length", "8")], "from byte 18446744073709551615 on"),
        (&[("offset", "-1")], "offset is -1; expected a count of bytes"),
        (&[("length", "4")], "make 2 numbers, and 1 are there"),
        (&[], "do not make whole numbers"),
    ] {
        let settings: Vec<_> = [("location", "data")].iter().chain(settings).copied().collect();
        fs::write(folder.path().join("m.onnx"), apart(&settings)).unwrap();
        match load(&folder, "m.onnx") {
            Ok(_) => assert_eq!(reason, ""),
            Err(error) => assert!(!reason.is_empty() && error.contains(reason), "{settings:?}: {error}"),
        }
    }
}

#[test]
fn the_largest_file_is_that_of_both_together() {
    let folder = folder("model_1_1.onnx", "onnx_apart_4d.onnx.data");
    let bytes = |name: &str| usize::try_from(fs::metadata(folder.path().join(name)).unwrap().len()).unwrap();
    let file_bytes = bytes("model_1_1.onnx") + bytes("onnx_apart_4d.onnx.data");
    let load = |file_bytes| {
        let limits = Limits { file_bytes, ..Limits::default() };
        Model::load(&folder.path().join("model_1_1.onnx"), &limits).map_err(|error| error.to_string())
    };
    assert!(load(file_bytes).is_ok());
    assert!(load(file_bytes - 1).unwrap_err().contains("is larger than"));
    // A hundred tensors that share their numbers would be a hundred times as many.
    let shared =
        part(5, &[number(1, 25_000), number(2, 1), part(13, &[text(1, "location"), text(2, "d")].concat())].concat());
    fs::write(folder.path().join("d"), vec![0; 100_000]).unwrap();
    fs::write(folder.path().join("m.onnx"), file(&shared.repeat(1_000))).unwrap();
    let error = Model::load(&folder.path().join("m.onnx"), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("bytes of numbers") && error.contains("models.max_file"), "{error}");
}

#[test]
fn the_other_file_is_no_model_and_a_change_of_it_is_one_of_the_model() {
    for data in ["model_1_1.onnx.data", "onnx_apart_4d.onnx.data"] {
        let folder = folder("model_1_1.onnx", data);
        fs::write(folder.path().join("model_1_2.pkl"), b"another").unwrap();
        let names = NameTemplates::default();
        let listing = Listing::read(folder.path(), &names, 100).unwrap();
        let survey = || Survey::take(folder.path(), &names, 100, &|name| name, &mut |_| {}).unwrap();
        assert_eq!(listing.files.len(), 2);
        assert!(listing.ignored.is_empty() && listing.files.values().all(|file| file.second.is_none()));
        let seen = listing.files.into_iter().map(|(sensor, file)| (sensor, file.fingerprint));
        let (mut changes, start) = (Changes::since(seen, Duration::ZERO), Instant::now());
        assert!(changes.look(survey(), start).load.is_empty());
        fs::write(folder.path().join(data), b"other numbers").unwrap();
        let due = changes.look(survey(), start + Duration::from_secs(1));
        assert_eq!(due.load.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1/1"], "{data}");
    }
}

#[test]
fn inputs_of_one_column_each_name_the_columns() {
    let model = Model::load(&sample("onnx_svm_named_2d.onnx"), &Limits::default()).unwrap();
    assert_eq!(model.metadata().columns.as_deref(), Some(&["mean".to_owned(), "std".to_owned()][..]));
    let model = Model::load(&sample("onnx_svm_named_3d.onnx"), &Limits::default()).unwrap();
    assert_eq!(model.metadata().columns.as_ref().map(Vec::len), Some(3));
    assert_eq!(model.preprocessing().iter().map(Step::name).collect::<Vec<_>>(), ["ColumnTransformer"]);
}

#[test]
fn a_network_may_take_a_column_at_each_input_and_whole_numbers() {
    let input = |name: &str, element| {
        let dims = part(1, &number(1, 1)).repeat(2);
        let kind = [number(1, element), part(2, &dims)].concat();
        part(11, &[text(1, name), part(2, &part(1, &kind))].concat())
    };
    let concat =
        [node("Concat", &["std", "mean"], "rows"), part(5, &[text(1, "axis"), number(3, 1)].concat())].concat();
    let cast = |from: &str, to: &str| {
        let kind = [text(1, "to"), number(3, 1), number(20, 2)].concat();
        part(1, &[node("Cast", &[from], to), part(5, &kind)].concat())
    };
    // int64, int32 and double.
    for element in [7, 6, 11] {
        let concat = [cast("a", "mean"), cast("b", "std"), part(1, &concat)].concat();
        let rest =
            [part(1, &node("MatMul", &["rows", "w"], "y")), part(5, &tensor("w", &[2, 1], &[1.0, -2.0]))].concat();
        let ends = [input("a", element), input("b", element), part(12, &value("y", &[1, 1]))].concat();
        let model = Model::read(&file(&[concat, rest, ends].concat()), &Limits::default()).unwrap();
        assert_eq!(model.metadata().columns.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        let row = ndarray::array![[20.5, 3.25]];
        let decision = model.evaluate(row.view()).unwrap()[0].decision;
        assert!((decision - (3.25 - 2.0 * 20.5)).abs() < 1e-12, "{decision}");
    }
}
