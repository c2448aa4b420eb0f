//! LIBSVM's text is read as LIBSVM reads it, and refused where it is damaged or too much.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anomalyd::model::{Detector, Format, Kernel, Limits, Model};
use anomalyd::verdict::Label;
use ndarray::array;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/svm").join(name)
}

const TEXT: &str = "svm_type one_class\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho 0.25\nSV\n\
                    0.5 1:1.5 3:-2 \n1 2:0.123456789 \n";

fn read(text: &str) -> Result<Model, String> {
    Model::read(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())
}

/// The text with one part changed.
fn changed(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "{from}");
    TEXT.replacen(from, to, 1)
}

#[test]
fn a_byte_order_mark_before_the_text_changes_nothing() {
    let text = fs::read(sample("text_linear_2d.libsvm")).unwrap();
    let marked = [b"\xef\xbb\xbf", &*text].concat();
    let [plain, marked] = [&text, &marked].map(|bytes| Model::read(bytes, &Limits::default()).unwrap());
    assert_eq!(marked.metadata().format, plain.metadata().format);
    let rows = array![[0.5, -1.0], [3.0, 0.25]];
    assert_eq!(marked.evaluate(rows.view()).unwrap(), plain.evaluate(rows.view()).unwrap());
}

#[test]
fn every_kernel_gives_the_answers_of_the_library_for_the_text() {
    for name in ["text_rbf_3d", "text_linear_2d", "text_polynomial_2d", "text_sigmoid_3d"] {
        let path = sample(&format!("{name}.libsvm"));
        let model = Model::load(&path, &Limits::default()).unwrap();
        crate::answers::check(&model, &path.with_extension("csv"));
        assert_eq!((model.metadata().format, model.metadata().library.as_str()), (Format::Libsvm, "LIBSVM"));
    }
}

#[test]
fn features_that_are_not_written_are_zero_and_the_highest_index_is_the_width() {
    let model = read(TEXT).unwrap();
    let Detector::OneClassSvm(svm) = model.detector() else { unreachable!() };
    assert_eq!((svm.width(), svm.kernel()), (3, Kernel::Rbf { gamma: 0.5 }));
    assert_eq!(svm.vectors(), [1.5, 0.0, -2.0, 0.0, 0.123456789, 0.0]);
    assert_eq!((svm.coefficients(), svm.intercept()), (&[0.5, 1.0][..], -0.25));
}

#[test]
fn a_decision_of_zero_is_an_anomaly() {
    let model = read("svm_type one_class\nkernel_type linear\ntotal_sv 1\nrho 2\nSV\n1 1:1\n").unwrap();
    let labels: Vec<Label> =
        model.evaluate(array![[2.0], [2.5]].view()).unwrap().iter().map(|evaluation| evaluation.label).collect();
    assert_eq!(labels, [Label::Anomaly, Label::Normal]);
}

#[test]
fn the_header_may_be_in_any_order_and_lines_may_end_as_windows_has_them() {
    let text = "total_sv 2\nrho 0.25\nnr_class 2\ngamma 0.5\nkernel_type rbf\nprob_density_marks 1 2\nsvm_type one_class\n\
                SV\n0.5 1:1.5 3:-2 \n1 2:0.123456789 \n\n";
    let expected = read(TEXT).unwrap();
    for text in [text.to_owned(), text.replace('\n', "\r\n")] {
        assert_eq!(read(&text).unwrap().detector(), expected.detector());
    }
}

#[test]
fn few_digits_are_noted_and_many_are_not() {
    let note = |text: &str| read(text).unwrap().metadata().notes.join(" ");
    assert_eq!(note(TEXT), "");
    let lossy = note(&changed("0.123456789", "0.12345679"));
    assert!(lossy.contains("8 significant digits") && lossy.contains("near the boundary"), "{lossy}");
}

#[test]
fn what_is_damaged_is_refused_with_its_line() {
    for (from, to, reason) in [
        ("one_class", "c_svc", "line 1 of LIBSVM's text: svm_type is 'c_svc'; supported: one_class"),
        ("kernel_type rbf", "kernel_type precomputed", "kernel_type is 'precomputed'; supported: rbf, linear"),
        ("gamma 0.5\n", "", "the header ends without gamma"),
        ("rho 0.25\n", "", "the header ends without rho"),
        ("total_sv 2\n", "", "the header ends without total_sv"),
        ("svm_type one_class\n", "", "the header ends without svm_type"),
        ("rho 0.25", "rho nan", "line 6 of LIBSVM's text: rho is 'nan', expected a finite number"),
        ("gamma 0.5", "gamma -0.5", "_gamma of OneClassSVM is -0.5"),
        ("total_sv 2", "total_sv 3", "total_sv is 3, and the file has 2"),
        ("total_sv 2", "total_sv 1", "total_sv is 1, and the file has 2"),
        ("total_sv 2", "total_sv -1", "total_sv is '-1', expected a whole number"),
        ("nr_class", "nr_klass", "the key 'nr_klass' is not one that LIBSVM writes"),
        ("1:1.5 3:-2", "3:1.5 1:-2", "an index is '1', expected a whole number from 1 on, above the one before"),
        ("1:1.5", "0:1.5", "an index is '0'"),
        ("1:1.5", "-1:1.5", "an index is '-1'"),
        ("1:1.5", "1.5", "a feature is '1.5'"),
        ("1:1.5", "1:inf", "a feature's value is 'inf'"),
        ("0.5 1:1.5", "x 1:1.5", "line 8 of LIBSVM's text: a support vector's weight is 'x'"),
    ] {
        let error = read(&changed(from, to)).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    // Where the last vector begins: from there on nothing in the text says that it is cut off.
    for end in 0..TEXT.len() - "1 2:0.123456789 \n".len() {
        assert!(read(&TEXT[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_model_without_features_is_refused() {
    let error = read("svm_type one_class\nkernel_type linear\ntotal_sv 1\nrho 2\nSV\n1\n").unwrap_err();
    assert!(error.contains("expected at least one support vector of at least one feature"), "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let mut bytes = TEXT.as_bytes().to_vec();
    bytes[30] = 0xff;
    let error = Model::read(&bytes, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("line 2 of LIBSVM's text: it is not plain text"), "{error}");
}

#[test]
fn what_would_take_too_much_is_refused_soon() {
    let limits = Limits { elements: 1000, ..Limits::default() };
    let wide = changed("3:-2", "1001:-2");
    let far = changed("3:-2", "18446744073709551615:-2");
    let square = changed("3:-2", "501:-2");
    for text in [wide, far, square] {
        let error = Model::read(text.as_bytes(), &limits).unwrap_err().to_string();
        assert!(error.contains("more than 1000 features in all") && error.contains("models.max_elements"), "{error}");
    }
    let little = Limits { memory_bytes: 64, ..Limits::default() };
    let error = Model::read(TEXT.as_bytes(), &little).unwrap_err().to_string();
    assert!(error.contains("models.max_memory"), "{error}");

    let began = Instant::now();
    let many = format!("{}{}", changed("total_sv 2", "total_sv 2147483647"), "1\n".repeat(7_000_000));
    assert!(read(&many).is_err());
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    assert!(fs::metadata(sample("text_rbf_3d.libsvm")).unwrap().len() < 4096);
}
