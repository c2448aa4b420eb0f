//! Models: every format and detector against independent answers, hostile files, and the commands for models.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing"
)]

mod answers;
mod catalog;
mod commands;
mod contradictions;
mod detectors;
mod foreign;
mod formats;
mod fuzz;
mod hostile_models;
mod libsvm;
mod onnx;
mod onnx_apart;
mod onnx_file;
mod onnx_hostile;
mod onnx_operators;
mod onnx_scores;
mod own_format;
mod proofs;
mod separate;
mod svm;
mod terminal;
mod transformers;
mod work;
mod wrappers;

#[path = "../../fuzz/src/archive.rs"]
#[expect(dead_code, reason = "only the fuzz targets put archives together of parts")]
#[expect(clippy::duplicate_mod, reason = "it is part of the library of the fuzz targets as well")]
mod archive;
#[path = "../support/reference.rs"]
mod reference;
