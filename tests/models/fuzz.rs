//! The fuzz targets, on stable Rust: every file of their corpus, and a bounded number of changed ones.
//!
//! `ANOMALYD_FUZZ` says how many changed ones a target gets. What is tried follows from `ANOMALYD_FUZZ_SEED`, so a failure
//! comes again. An input that fails is kept, and belongs into the corpus once it is mended: see `fuzz/README.md`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of another crate as well")]
mod targets;

/// How many changed inputs a target gets, unless `ANOMALYD_FUZZ` says.
const INPUTS: u64 = 2_000;

/// What they follow from, unless `ANOMALYD_FUZZ_SEED` says.
const SEED: u64 = 1;

/// No input of these sizes takes a hundredth of it, but the machine may be busy with something else.
const SLOW: Duration = Duration::from_secs(1);

/// An input that takes longer will never end.
const HANGS: Duration = Duration::from_secs(60);

/// Inputs grow no larger.
const LARGEST: usize = 1 << 16;

/// Names each target once: as a test, and as a name.
macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                fuzz(stringify!($name), targets::$name);
            }
        )*

        const TARGETS: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! { pickle joblib joblib_compressed skops skops_parts onnx libsvm own expect_csv features journal_segment }

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names in a folder, without what stands behind the first dot.
fn names(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.split('.').next().unwrap().to_owned()).collect()
}

#[test]
fn every_target_has_a_binary_and_a_corpus() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Gives a target its corpus, then changed inputs. Fails when the target does, or takes too long.
fn fuzz(name: &'static str, target: fn(&[u8])) {
    let (report, reports) = mpsc::channel();
    // Here is what is being tried, should it bring the whole process down.
    let tried = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    let input = tried.clone();
    let worker = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let (inputs, seed) = (number("ANOMALYD_FUZZ", INPUTS), number("ANOMALYD_FUZZ_SEED", SEED));
        let corpus = corpus(name);
        for (path, bytes) in &corpus {
            attempt(target, bytes, &input, &path.display().to_string());
            _ = report.send(());
        }
        let seeds: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
        for number in 0..inputs {
            let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
            let bytes = changed(&seeds, &mut random);
            attempt(target, &bytes, &input, &format!("input {number} of ANOMALYD_FUZZ_SEED={seed}"));
            _ = report.send(());
        }
    });
    let worker = worker.unwrap();
    while match reports.recv_timeout(HANGS) {
        Ok(()) => true,
        Err(mpsc::RecvTimeoutError::Disconnected) => false,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name} does not come back from {}", tried.display()),
    } {}
    if worker.join().is_err() {
        panic!("{name} failed: see above");
    }
}

/// The files of a target's corpus, in the order of their names.
fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder("corpus").join(name)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn attempt(target: fn(&[u8]), bytes: &[u8], kept: &Path, origin: &str) {
    fs::write(kept, bytes).unwrap();
    let took = || {
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(bytes)));
        assert!(
            outcome.is_ok(),
            "{origin} failed, {} bytes: {}, kept as {}",
            bytes.len(),
            shown(bytes),
            kept.display()
        );
        start.elapsed()
    };
    // The second time tells a slow input from a busy machine.
    let slow = took() > SLOW && took() > SLOW;
    assert!(!slow, "{origin} takes more than {SLOW:?}, {} bytes, kept as {}", bytes.len(), kept.display());
}

/// A short input as it would stand in a string of Rust.
fn shown(bytes: &[u8]) -> String {
    let (start, more) = bytes.split_at(bytes.len().min(256));
    format!("{}{}", start.escape_ascii(), if more.is_empty() { "" } else { "…" })
}

/// Numbers at which something ends: of lengths, counts, indices and floating point.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0x7fe0_0000_0000_0000,
    0x0010_0000_0000_0000,
];

/// The same in text.
const WORDS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "2",
    "1e308",
    "-1e308",
    "1e-320",
    "nan",
    "inf",
    "null",
    "[]",
    "{}",
    "\"\"",
    "18446744073709551615",
    "4294967296",
    "true",
];

/// One of the seeds, changed in one to eight places.
fn changed(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = random.choice(seeds).expect("a corpus").clone();
    for _ in 0..1 << random.u32(0..4) {
        change(&mut bytes, seeds, random);
    }
    bytes.truncate(LARGEST);
    bytes
}

/// Part of these bytes, from one to `most` of them; none of none.
fn part(bytes: &[u8], most: usize, random: &mut fastrand::Rng) -> std::ops::Range<usize> {
    let start = random.usize(0..=bytes.len());
    let length = random.usize(1..=most);
    start..bytes.len().min(start + length)
}

fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(0..=bytes.len());
    match random.u32(0..12) {
        0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.u32(0..8)),
        2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
        3 => bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = byte.wrapping_add(random.choice([1, 255]).unwrap())),
        4 => overwrite(bytes, at, &edge(random)),
        5 => _ = bytes.drain(part(bytes, 32, random)),
        6 => {
            let inserted: Vec<u8> = (0..random.usize(1..9)).map(|_| random.u8(..)).collect();
            bytes.splice(at..at, inserted);
        }
        // Of itself, once more.
        7 => {
            let copied = bytes[part(bytes, 128, random)].to_vec();
            bytes.splice(at..at, copied);
        }
        8 => {
            let copied = bytes[part(bytes, 16, random)].to_vec();
            overwrite(bytes, at, &copied);
        }
        // Of another, in place of what stands here.
        9 => {
            let other = random.choice(seeds).expect("a corpus");
            let other = &other[part(other, 256, random)];
            let place = part(bytes, 256, random);
            bytes.splice(place, other.iter().copied());
        }
        // A number in text.
        10 => {
            let digit = |byte: &u8| byte.is_ascii_digit() || b"+-.e".contains(byte);
            let start = bytes[at..].iter().position(digit).map_or(at, |offset| at + offset);
            let length = bytes[start..].iter().take_while(|byte| digit(byte)).count();
            bytes.splice(start..start + length, random.choice(WORDS).unwrap().bytes());
        }
        _ => bytes.truncate(at.max(bytes.len().saturating_sub(64))),
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}

/// A number at which something ends, in 1 to 8 bytes of either order.
fn edge(random: &mut fastrand::Rng) -> Vec<u8> {
    let number = *random.choice(&EDGES).unwrap();
    let length = 1 << random.usize(0..4);
    match random.bool() {
        true => number.to_le_bytes()[..length].to_vec(),
        false => number.to_be_bytes()[8 - length..].to_vec(),
    }
}
