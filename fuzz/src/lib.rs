//! What is fuzzed, and what must hold of it. Each target is a function of bytes that panics when something does not hold:
//! the binaries of cargo-fuzz call them, and so does `tests/models/fuzz.rs`, on stable Rust, in every check.

mod archive;
mod properties;

use std::fs;
use std::io::Write;
use std::path::Path;

use anomalyd::features::{Feature, FeatureSet, MissingPolicy};
use anomalyd::model::{Model, NameTemplate};
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use properties::{LIMITS, read};

/// A model of two features, which expected answers are held against.
const MODEL: &[u8] = include_bytes!("../../tests/samples/p4_number_2d.pkl");

/// Where our own format says what the hash of its bytes is, before the hash.
const HASH_BEGINS: &[u8] = br#"\"content\":\""#;
const HASH_LENGTH: usize = 64;

/// Pickles.
pub fn pickle(bytes: &[u8]) {
    read(bytes);
}

/// What joblib writes, plain or compressed.
pub fn joblib(bytes: &[u8]) {
    read(bytes);
}

/// Files that are compressed after they were changed: the first byte says how.
pub fn joblib_compressed(bytes: &[u8]) {
    if let Some((how, content)) = bytes.split_first() {
        read(&compress(how % 6, content));
    }
}

/// Archives as they are.
pub fn skops(bytes: &[u8]) {
    read(bytes);
}

/// Archives that are put together of their entries after those were changed, so that checksums and lengths are right.
pub fn skops_parts(bytes: &[u8]) {
    read(&archive::of_parts(bytes));
}

/// ONNX.
pub fn onnx(bytes: &[u8]) {
    read(bytes);
}

/// The text of LIBSVM.
pub fn libsvm(bytes: &[u8]) {
    read(bytes);
}

/// Our own format: as it is, and with its length and its hash put right.
pub fn own(bytes: &[u8]) {
    read(bytes);
    if let Some(mended) = mended(bytes) {
        read(&mended);
    }
}

/// A file of expected answers beside a model.
pub fn expect_csv(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    fs::write(directory.path().join("model_1_1.expect.csv"), bytes).expect("a place for a file");
    let model = Model::read(MODEL, &LIMITS).expect("a sample");
    if let Err(error) = model.prove(Path::new(&directory.path().join("model_1_1.pkl")), &LIMITS) {
        assert!(!error.to_string().is_empty());
    }
}

/// A segment of the store's journal: as it is, and with its numbers and checksums put right.
pub fn journal_segment(bytes: &[u8]) {
    anomalyd::store::go_through_segment(bytes);
}

/// What features, what becomes of those that are missing, and names of models are written as.
pub fn features(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let columns: Vec<&str> = text.lines().collect();
    for column in &columns {
        match Feature::parse(column) {
            Ok(feature) => assert_eq!(feature.to_string(), *column, "a feature is written in one way"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        match MissingPolicy::parse(column) {
            Ok(missing) => assert_eq!(MissingPolicy::parse(&missing.to_string()), Ok(missing)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        _ = NameTemplate::parse(column).map_err(|error| error.to_string());
    }
    if let Ok(set) = FeatureSet::parse(&columns, MissingPolicy::default()) {
        assert_eq!(set.names(), columns);
    }
}

fn compress(how: u8, content: &[u8]) -> Vec<u8> {
    fn finish<W: Write, R>(mut writer: W, content: &[u8], finish: impl FnOnce(W) -> R) -> R {
        writer.write_all(content).expect("memory takes all that is written");
        finish(writer)
    }
    const WRITTEN: &str = "memory takes all that is written";
    let fast = flate2::Compression::fast();
    match how {
        0 => finish(flate2::write::ZlibEncoder::new(Vec::new(), fast), content, |w| w.finish().expect(WRITTEN)),
        1 => finish(flate2::write::GzEncoder::new(Vec::new(), fast), content, |w| w.finish().expect(WRITTEN)),
        2 => finish(bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast()), content, |w| {
            w.finish().expect(WRITTEN)
        }),
        3 => finish(lz4_flex::frame::FrameEncoder::new(Vec::new()), content, |w| w.finish().expect(WRITTEN)),
        4 => {
            let options = lzma_rust2::XzOptions::with_preset(0);
            finish(lzma_rust2::XzWriter::new(Vec::new(), options).expect("valid options"), content, |w| {
                w.finish().expect(WRITTEN)
            })
        }
        _ => {
            let options = lzma_rust2::LzmaOptions::with_preset(0);
            let writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).expect("valid options");
            finish(writer, content, |w| w.finish().expect(WRITTEN))
        }
    }
}

/// The bytes with the length that their header has, and the hash that they have, if those can be told.
fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut header = serde_json::Deserializer::from_slice(bytes.get(8..)?).into_iter::<IgnoredAny>();
    header.next()?.ok()?;
    let mut mended = bytes.to_vec();
    mended[..8].copy_from_slice(&u64::try_from(header.byte_offset()).ok()?.to_le_bytes());
    let begins = bytes.windows(HASH_BEGINS.len()).position(|window| window == HASH_BEGINS);
    if let Some(begin) = begins.map(|at| at + HASH_BEGINS.len())
        && begin + HASH_LENGTH <= bytes.len()
    {
        mended[begin..begin + HASH_LENGTH].fill(b'0');
        let hash: String = Sha256::digest(&mended).iter().map(|byte| format!("{byte:02x}")).collect();
        mended[begin..begin + HASH_LENGTH].copy_from_slice(hash.as_bytes());
    }
    Some(mended)
}
