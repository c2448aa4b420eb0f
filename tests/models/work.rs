//! Work is counted before it is done: what a file of a few KiB, or of all the MiB that are allowed, asks for again and
//! again is refused by the setting, and what is accepted is cheap to evaluate.

use std::fs;

use crate::archive::{Method, archive};
use anomalyd::model::{Limits, LoadError, Model, ModelError, ProofProblem};
use ndarray::Array2;

/// A file that asks for much work, and what its refusal says.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    says: &'static str,
}

/// Some of what can be asked for. As large as may be: what is refused before it is looked at proves nothing.
pub(crate) fn hostile() -> Vec<Hostile> {
    let size = (15 << 20) + (1 << 19);
    let blocks = [("empty blocks", fixed as fn(&mut Bits)), ("stored blocks", stored), ("tables", dynamic)];
    let mut files = Vec::new();
    let mut add = |name, bytes: Vec<u8>, says| {
        assert!(bytes.len() <= Limits::default().file_bytes, "{name}: {} bytes", bytes.len());
        files.push(Hostile { name, bytes, says });
    };
    for (name, block) in blocks {
        let blocks = deflated(size, block);
        add(name, [&[0x78, 0x01][..], &blocks].concat(), "models.max_operations");
        add(name, [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &blocks].concat(), "models.max_operations");
        add(name, zipped(&blocks), "models.max_operations");
    }
    add("bz2 of a cycle", bzip2(16 << 20), "models.max_operations");
    add("lzma literals", lzma(3 << 20), "models.max_operations");
    add("xz chunks", xz(&[1, 0, 0, 0x80].repeat(size / 4)), "models.max_operations");
    add("xz resets", xz(&resets(size)), "models.max_operations");
    add("a long module", module(15 << 20), "is not allowed");
    add("a long class", class(15 << 20), "is not allowed");
    add("logarithms", own(&vec![LOG; 900].join(","), 1 << 16), "models.max_row_operations");
    add("steps", own(&vec![LOG; 20_000].join(","), 1), "more than 1000 steps");
    add("products", own(&vec![PRODUCTS; 300].join(","), 1 << 16), "models.max_memory");
    add("a few products", own(&vec![PRODUCTS; 30].join(","), 1 << 16), "models.max_row_operations");
    add("decimals of LIBSVM", libsvm(SLOWEST, size), "models.max_operations");
    add("long decimals of LIBSVM", libsvm(&between(5_000), size), "100 characters at most");
    add("lines of LIBSVM", b"label\n".repeat(size / 6), "models.max_operations");
    add("blank lines of LIBSVM", [b"SV".to_vec(), vec![b'\n'; size]].concat(), "the header ends without");
    add("decimals of skops", skops(&between(40), size), "models.max_operations");
    add("long decimals of skops", skops(&between(5_000), size), "more than 100 characters");
    add("a long decimal of ours", own(&LOG.replace('1', &between(5_000)), 1), "more than 100 characters");
    files
}

fn refusal(bytes: &[u8]) -> String {
    match Model::read(bytes, &Limits::default()) {
        Ok(_) => panic!("it is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_asks_for_much_work_is_refused_by_what_was_counted() {
    for Hostile { name, bytes, says } in hostile() {
        let refusal = refusal(&bytes);
        assert!(refusal.contains(says), "{name}: {refusal}");
    }
}

/// Writes the files where this says, to be measured with `anomalyd model inspect`.
#[test]
fn the_files_can_be_written_to_be_measured() {
    let Some(folder) = std::env::var_os("ANOMALYD_TEST_HOSTILE_FILES") else { return };
    for (number, Hostile { name, bytes, .. }) in hostile().into_iter().enumerate() {
        fs::write(std::path::Path::new(&folder).join(format!("{number:02} {name}")), bytes).unwrap();
    }
}

// Compressed bytes.

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    byte: u8,
    count: u32,
}

impl Bits {
    fn put(&mut self, number: u32, bits: u32) {
        for bit in 0..bits {
            self.byte |= u8::try_from(number >> bit & 1).unwrap() << self.count;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(std::mem::take(&mut self.byte));
                self.count = 0;
            }
        }
    }
}

/// A block of no symbols, by the tables that need not be written.
fn fixed(bits: &mut Bits) {
    bits.put(0b010, 3);
    bits.put(0, 7);
}

/// A block of no bytes.
fn stored(bits: &mut Bits) {
    bits.put(0, 3);
    bits.put(0, (8 - bits.count) % 8);
    bits.put(0xffff_0000, 32);
}

/// A block of no symbols that brings its tables.
fn dynamic(bits: &mut Bits) {
    bits.put(0b100, 3);
    bits.put(0, 10);
    bits.put(14, 4);
    // Lengths of the lengths, in the order of RFC 1951: those of 18, which repeats zeros, and of 1.
    for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] {
        bits.put(length, 3);
    }
    bits.put(1 | (138 - 11) << 1, 8);
    bits.put(1 | (117 - 11) << 1, 8);
    bits.put(0, 3);
    bits.put(1, 1);
}

/// A stored byte that begins a pickle, and as many blocks as come to `size` bytes.
fn deflated(size: usize, block: fn(&mut Bits)) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0, 1, 0, 0xfe, 0xff, 0x80], ..Bits::default() };
    // All blocks begin within a byte as one of the first eight did.
    for _ in 0..8 {
        block(&mut bits);
    }
    let begun = bits.bytes[6..].to_vec();
    assert_eq!(bits.count, 0);
    while bits.bytes.len() + begun.len() <= size {
        bits.bytes.extend_from_slice(&begun);
    }
    bits.bytes
}

/// An archive whose schema is these deflated bytes.
fn zipped(deflated: &[u8]) -> Vec<u8> {
    let mut bytes = archive([(&b"schema.json"[..], deflated, Method::Stored)]);
    let directory = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    (bytes[8], bytes[directory + 10]) = (8, 8);
    bytes
}

/// bzip2 of a cycle of bits, which its decoder goes through in no order.
fn bzip2(length: u32) -> Vec<u8> {
    let mut content: Vec<u8> =
        (0..length).map(|place| u8::from(place.wrapping_mul(2_654_435_761) >> 31 == 1)).collect();
    content[0] = 0x80;
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    std::io::Write::write_all(&mut encoder, &content).unwrap();
    encoder.finish().unwrap()
}

/// LZMA of `count` literals of the same byte, which take a quarter of a bit each: as rarely as an encoder writes them.
fn lzma(count: usize) -> Vec<u8> {
    let mut encoder = Range { low: 0, range: u32::MAX, cache: 0, pending: 1, bytes: Vec::new() };
    let mut first = [1 << 10; 4];
    let mut literals = vec![[1_u16 << 10; 256]; 8];
    // What lies before a literal decides which probabilities it has, and its place whether it may be a match.
    for place in 0..count {
        encoder.bit(&mut first[place % 4], false);
        let context = if place == 0 { 0 } else { 0x80 >> 5 };
        let mut symbol = 1;
        for bit in (0..8).rev() {
            let bit = 0x80 >> bit & 1 == 1;
            encoder.bit(&mut literals[context][symbol], bit);
            symbol = symbol << 1 | usize::from(bit);
        }
    }
    for _ in 0..5 {
        encoder.shift();
    }
    [&[0x5d, 0, 0, 0x80, 0][..], &u64::try_from(count).unwrap().to_le_bytes(), &encoder.bytes].concat()
}

/// The encoder of LZMA's bits, as its specification has it.
struct Range {
    low: u64,
    range: u32,
    cache: u8,
    pending: usize,
    bytes: Vec<u8>,
}

impl Range {
    fn bit(&mut self, probability: &mut u16, bit: bool) {
        let bound = (self.range >> 11) * u32::from(*probability);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
            *probability -= *probability >> 5;
        } else {
            self.range = bound;
            *probability += ((1 << 11) - *probability) >> 5;
        }
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.shift();
        }
    }

    fn shift(&mut self) {
        let carry = u8::from(self.low > u64::from(u32::MAX));
        if self.low < 0xff00_0000 || carry == 1 {
            for _ in 0..std::mem::take(&mut self.pending) {
                self.bytes.push(self.cache.wrapping_add(carry));
                self.cache = 0xff;
            }
            self.cache = self.low.to_le_bytes()[3];
        }
        self.pending += 1;
        self.low = (self.low & 0x00ff_ffff) << 8;
    }
}

/// A stream of one block of these chunks of LZMA2.
fn xz(chunks: &[u8]) -> Vec<u8> {
    let checked = |fields: &[u8]| {
        let mut checksum = flate2::Crc::new();
        checksum.update(fields);
        [fields, &checksum.sum().to_le_bytes()].concat()
    };
    let flags = checked(&[0, 0])[..].to_vec();
    let block = checked(&[2, 0, 0x21, 1, 0, 0, 0, 0]);
    [b"\xfd7zXZ\0", &flags[..], &block, chunks].concat()
}

/// Chunks of LZMA that forget everything, of a literal each.
fn resets(size: usize) -> Vec<u8> {
    // Properties with as many contexts of literals as LZMA2 allows.
    let chunk = [0xe0, 0, 0, 0, 6, 0x04, 0, 0x40, 0, 0, 0, 0, 0];
    chunk.repeat(size / chunk.len())
}

#[test]
fn what_the_encoders_of_others_write_is_read() {
    // The hostile files above are refused for what they ask for, not for being none.
    let small = lzma(1_000);
    assert!(refusal(&small).contains("pickle"), "{}", refusal(&small));
}

// Pickles.

fn text(text: &str) -> Vec<u8> {
    [b"X", &u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

/// A class of so long a name, named again and again.
fn class(length: usize) -> Vec<u8> {
    let again = b"h\0h\x01\x930".repeat(80_000);
    [&b"\x80\x04"[..], &text("sklearn.base"), b"q\x000", &text(&"a".repeat(length)), b"q\x010", &again, b"N."].concat()
}

/// A class of a module of so long a name, in a pipeline again and again.
fn module(length: usize) -> Vec<u8> {
    let module = format!("sklearn.{}", "a".repeat(length));
    let step = [&text("a")[..], b"h\x02\x86"].concat().repeat(900);
    let object = [&text(&module)[..], &text("A"), b"\x93)\x81q\x020"].concat();
    let pipeline = [&b"csklearn.pipeline\nPipeline\n)\x81}"[..], &text("steps"), b"](", &step, b"esb."].concat();
    [&b"\x80\x04"[..], &object, &pipeline].concat()
}

// Our own format.

const LOG: &str = r#"{"FunctionTransformer":{"width":WIDTH,"function":"log1p"}}"#;
const PRODUCTS: &str = r#"{"PolynomialFeatures":{"width":WIDTH,"min_degree":1,"max_degree":1,"interaction_only":true,"include_bias":false}}"#;

/// A linear detector of `width` features behind these steps.
fn own(steps: &str, width: usize) -> Vec<u8> {
    described(&format!(r#""steps":[{}]"#, steps.replace("WIDTH", &width.to_string())), width)
}

/// A linear detector of `width` features, and what else is said of the model.
fn described(more: &str, width: usize) -> Vec<u8> {
    let detector = r#"{"sgd_one_class_svm":{"offset":0.0,"nu":null}}"#;
    let description = serde_json::to_string(&format!(r#"{{"format":1,"detector":{detector},{more}}}"#)).unwrap();
    let header = format!(
        r#"{{"__metadata__":{{"anomalyd":{description}}},"detector.coefficients":{{"dtype":"F64","shape":[{width}],"data_offsets":[0,{}]}}}}"#,
        8 * width
    );
    let length = u64::try_from(header.len()).unwrap().to_le_bytes();
    [&length[..], header.as_bytes(), &1.0_f64.to_le_bytes().repeat(width)].concat()
}

#[test]
fn names_that_are_refused_are_read_where_they_are_shorter() {
    assert!(refusal(&class(200)).contains("the file holds None"), "{}", refusal(&class(200)));
    assert!(refusal(&module(200)).contains("is not supported here"), "{}", refusal(&module(200)));
}

#[test]
fn the_steps_that_are_refused_are_read_where_there_are_fewer() {
    for steps in [LOG, PRODUCTS] {
        let model = Model::read(&own(&[steps; 3].join(","), 4), &Limits::default()).unwrap();
        assert_eq!((model.width(), model.preprocessing().len()), (4, 3));
    }
}

#[test]
fn as_many_wide_steps_as_are_accepted_are_evaluated_block_by_block() {
    let wide = |count| Model::read(&own(&vec![PRODUCTS; count].join(","), 1 << 16), &Limits::default());
    let model = wide(10).unwrap();
    assert!(model.operations_per_row() <= Limits::default().row_operations);
    let rows = Array2::from_elem((40, 1 << 16), 0.5);
    let decisions = model.evaluate(rows.view()).unwrap();
    assert!(decisions.iter().all(|answer| answer.decision.to_bits() == 32_768.0_f64.to_bits()));
    assert!(matches!(wide(12), Err(ModelError::Slow { .. })));
}

// Texts.

/// A decimal of so many digits that lies between two floats, but for its last digit.
fn between(digits: usize) -> String {
    format!("9007199254740993{}1", "0".repeat(digits.saturating_sub(17)))
}

/// A decimal between the smallest normal float and the next below it: so many zeros lie before its digits that these are
/// moved hundreds of times.
const SLOWEST: &str = "2.2250738585072011360574097967091319759348195463516456e-308";

fn libsvm(number: &str, size: usize) -> Vec<u8> {
    let features: Vec<String> = (1..=100).map(|index| format!("{index}:{number}")).collect();
    let vector = format!("1 {}\n", features.join(" "));
    let count = (size / vector.len()).max(1);
    let header = format!("svm_type one_class\nkernel_type linear\nnr_class 2\ntotal_sv {count}\nrho 1\nSV\n");
    [header, vector.repeat(count)].concat().into_bytes()
}

fn skops(number: &str, size: usize) -> Vec<u8> {
    let numbers = vec![number; (size - 1_000) / (number.len() + 1)].join(",");
    let schema = format!(r#"{{"protocol":2,"x":[{numbers}]}}"#);
    archive([(&b"schema.json"[..], schema.as_bytes(), Method::Stored)])
}

// Proofs.

/// A model of `width` features with names, and a file of expected answers beside it.
fn proven(width: usize, expected: &str, limits: &Limits) -> Result<Model, LoadError> {
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..width).map(|name| format!("n{name}")).collect();
    let bytes = described(&format!(r#""features":{}"#, serde_json::to_string(&names).unwrap()), width);
    fs::write(directory.path().join("model_1_1.st"), bytes).unwrap();
    fs::write(directory.path().join("model_1_1.expect.csv"), expected).unwrap();
    Model::load(&directory.path().join("model_1_1.st"), limits)
}

fn problem(error: LoadError) -> ProofProblem {
    match *error.problem {
        ModelError::Proof(proof) => proof.problem,
        other => panic!("{other}"),
    }
}

#[test]
fn a_proof_as_wide_as_a_model_may_be_is_read_column_by_column() {
    let width = 1 << 16;
    // The last first: to look for each name from the beginning would take two thousand million comparisons.
    let names: Vec<String> = (0..width).rev().map(|name| format!("n{name}")).collect();
    let row = vec!["0.5"; width].join(",");
    let expected = format!("{},decision\n{}", names.join(","), format!("{row},32768\n").repeat(3));
    assert!(proven(width, &expected, &Limits::default()).unwrap().proof().is_held());
}

#[test]
fn a_proof_that_would_take_long_is_refused_with_how_many_rows_may_be_tried() {
    let limits = Limits { row_operations: 100, ..Limits::default() };
    let expected = |rows: usize| format!("n0,n1,decision\n{}", "1,2,3\n".repeat(rows));
    let operations = proven(2, &expected(1), &limits).unwrap().operations_per_row();
    let most = 64 * 100 / operations;
    assert!(proven(2, &expected(most), &limits).unwrap().proof().is_held());
    let error = problem(proven(2, &expected(most + 1), &limits).unwrap_err());
    let said = error.to_string();
    assert!(said.contains(&format!("keep {most} of them")) && said.contains("anomalyd model check"), "{said}");
}

#[test]
fn what_a_proof_of_many_digits_or_columns_asks_for_is_counted() {
    let limits = Limits::default();
    let said = |expected: &str| problem(proven(2, expected, &limits).unwrap_err()).to_string();
    let number = SLOWEST;
    let many = format!("n0,n1,decision\n{}", format!("{number},{number},{number}\n").repeat(2_000));
    assert!(said(&many).contains("models.max_operations"), "{}", said(&many));
    let blank = format!("n0,n1,decision\n{}", " \n".repeat(2 << 20));
    assert!(said(&blank).contains("models.max_operations"), "{}", said(&blank));
    let long = format!("n0,n1,decision\n1,2,3\n1,{},3\n", between(5_000));
    assert!(said(&long).contains("line 3, column \"n1\"") && said(&long).contains("100 characters"), "{}", said(&long));
    let honest = format!("n0,n1,decision\n0.{0},0.{0},0.{1}\n", "5".repeat(60), "1".repeat(60));
    assert!(said(&honest).contains("expects other answers"), "{}", said(&honest));
    let commas = ",".repeat(15 << 20);
    assert!(said(&commas).contains("fields, the most that is accepted"), "{}", said(&commas));
    let columns = format!("n0,n1,decision{}\n1,2,3\n", ",".repeat(200_000));
    assert!(said(&columns).contains("names 200003 columns"), "{}", said(&columns));
}
