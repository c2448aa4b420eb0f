//! What the first bytes of a file say that it is.

use super::{Foreign, text};
use crate::model::formats::printable::printable;

/// How much of a beginning is looked at: a tar archive shows what it is within its first block.
pub(in crate::model::formats) const HEAD: usize = 4096;

/// Where a tar archive's first block says that it is one.
const TAR_MAGIC: usize = 257;

/// How a pickle begins that torch wrote before its version 1.6: protocol 2, and the whole number that it marks its
/// files with.
const OLD_TORCH: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Formats that a few bytes at the beginning tell.
static BEGINNINGS: [(&[u8], Foreign); 23] = [
    (b"\x89HDF\r\n\x1a\n", Foreign::Hdf5),
    (b"\x93NUMPY", Foreign::Npy),
    (b"CBM1", Foreign::Boosted { library: "CatBoost" }),
    (b"tree\nversion=", Foreign::Boosted { library: "LightGBM" }),
    (b"MATLAB 5.0 MAT-file", Foreign::Matlab),
    (b"MATLAB 7.3 MAT-file", Foreign::Matlab),
    (b"RDX2\n", Foreign::R),
    (b"RDX3\n", Foreign::R),
    (b"RDA3\n", Foreign::R),
    (b"X\n\0\0\0\x02", Foreign::R),
    (b"X\n\0\0\0\x03", Foreign::R),
    (b"\xff\xfe", Foreign::Utf16),
    (b"\xfe\xff", Foreign::Utf16),
    (b"PAR1", Foreign::Table { kind: "Parquet" }),
    (b"ARROW1", Foreign::Table { kind: "Arrow" }),
    (b"FEA1", Foreign::Table { kind: "Feather" }),
    (b"SQLite format 3\0", Foreign::Table { kind: "an SQLite database" }),
    (b"\x28\xb5\x2f\xfd", Foreign::Packed { by: "zstd" }),
    (b"7z\xbc\xaf\x27\x1c", Foreign::Packed { by: "7z" }),
    (b"Rar!\x1a\x07", Foreign::Packed { by: "unrar" }),
    (b"%PDF-", Foreign::Other { what: "a PDF document" }),
    (b"\x89PNG\r\n\x1a\n", Foreign::Other { what: "a picture" }),
    (b"\x7fELF", Foreign::Other { what: "a program of Linux" }),
];

/// Whether it is what torch wrote before its version 1.6, which begins as any pickle.
pub(in crate::model::formats) fn is_old_torch(bytes: &[u8]) -> bool {
    bytes.starts_with(OLD_TORCH)
}

/// What a file is, or the beginning of what a file holds, if it is of a kind that is known.
pub(in crate::model::formats) fn recognise(bytes: &[u8]) -> Option<Foreign> {
    if bytes.is_empty() {
        return Some(Foreign::Empty);
    }
    let head = &bytes[..bytes.len().min(HEAD)];
    if let Some((_, foreign)) = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning)) {
        return Some(foreign.clone());
    }
    if head.get(4..8) == Some(b"TFL3") {
        return Some(Foreign::TfLite);
    }
    // UBJSON, which XGBoost writes by default: an object, whose first key has a length of eight bytes.
    if head.starts_with(b"{L\0\0\0\0\0\0\0") && has(head, b"learner") {
        return Some(Foreign::Boosted { library: "XGBoost" });
    }
    if head.get(TAR_MAGIC..TAR_MAGIC + 5) == Some(b"ustar") {
        let name = head.split(|byte| *byte == 0).next().and_then(|name| str::from_utf8(name).ok());
        return Some(Foreign::Tar { member: name.filter(|name| !name.is_empty()).map(printable) });
    }
    if is_old_pickle(bytes) {
        return Some(Foreign::OldPickle);
    }
    text::recognise(bytes, head)
}

/// What is compressed, by its beginning, when it is no pickle.
pub(in crate::model::formats) fn within(head: &[u8]) -> Option<Foreign> {
    match head {
        [b'P', b'K', 3, 4, ..] => Some(Foreign::Wrapped { format: "a zip archive, as skops writes it" }),
        _ if crate::model::formats::onnx::recognise(head) => Some(Foreign::Wrapped { format: "ONNX" }),
        _ if crate::model::formats::own::recognise(head) => Some(Foreign::Wrapped { format: "safetensors" }),
        _ if crate::model::formats::libsvm::recognise(head) => Some(Foreign::Wrapped { format: "LIBSVM's text" }),
        _ => recognise(head),
    }
}

/// What a zip archive is that skops did not write, by the names in it.
pub(in crate::model::formats) fn archive<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Foreign {
    let has = |what: fn(&str) -> bool| names.clone().any(what);
    if has(|name| name == "data.pkl" || name.ends_with("/data.pkl") || name.ends_with("/constants.pkl")) {
        return Foreign::PyTorch;
    }
    if has(|name| name.ends_with(".weights.h5")) {
        return Foreign::Keras;
    }
    if has(|name| name == "[Content_Types].xml") {
        return Foreign::Other { what: "a document of an office program" };
    }
    if names.clone().next().is_some() && names.clone().all(|name| name.ends_with(".npy")) {
        return Foreign::Npz;
    }
    // Whichever looks most like a model; of several the first by name, so that the answer is always the same.
    let likeness = |name: &&str| {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        !["pkl", "pickle", "joblib", "skops", "onnx", "sav", "safetensors", "model"].contains(&ending)
    };
    let files = names.filter(|name| !name.ends_with('/'));
    Foreign::Zip { member: files.min_by_key(|name| (likeness(name), *name)).map(printable) }
}

/// Whether it is a pickle of protocol 0 or 1, which have no beginning of their own: a first instruction that writes such
/// as a list, a dictionary, a tuple or a name, and the last.
fn is_old_pickle(bytes: &[u8]) -> bool {
    let is_name = |line: &[u8]| {
        line.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    let first = match bytes {
        [b'(', b'l' | b'd' | b't', b'p', ..] | [b']' | b'}' | b')', b'q', ..] => true,
        [b'(', b'c' | b'i', lines @ ..] | [b'c', lines @ ..] => {
            let mut lines = lines[..lines.len().min(HEAD)].split(|byte| *byte == b'\n');
            let (module, name) = (lines.next(), lines.next());
            // A third piece there is only behind a second line that is whole.
            module.is_some_and(is_name) && name.is_some_and(is_name) && lines.next().is_some()
        }
        _ => false,
    };
    // Of what is compressed, no more than a beginning is known.
    first && (bytes.len() == HEAD || bytes.trim_ascii_end().ends_with(b"."))
}

fn has(head: &[u8], word: &[u8]) -> bool {
    head.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_pickles_are_told_from_text_and_from_lists() {
        for old in [
            &b"(lp0\nI1\naI2\na."[..],
            b"(dp0\n.",
            b"ccopy_reg\n_reconstructor\np0\n(csklearn.svm.classes\nOneClassSVM\np1\n.",
            b"ccopy_reg\n_reconstructor\nq\0(csklearn\nA\nq\x01.",
            b"(i__main__\nDetector\np0\n.",
            b"]q\0(K\x01K\x02e.",
            b"}q\0.",
        ] {
            assert!(is_old_pickle(old), "{old:?}");
        }
        for other in
            [&b"(let us see)."[..], b"cold\nwater", b"count\n1\n2\n", b"c", b"(", b"", b"cats and dogs\nrain.\n"]
        {
            assert!(!is_old_pickle(other), "{other:?}");
        }
    }

    #[test]
    fn an_archive_names_what_looks_most_like_a_model() {
        let zip = |names: &[&str]| archive(names.iter().copied());
        let named = |name: &str| Foreign::Zip { member: Some(name.to_owned()) };
        assert_eq!(zip(&["readme.md", "models/", "models/b.pkl", "models/a.pkl"]), named("models/a.pkl"));
        assert_eq!(zip(&["b", "a"]), named("a"));
        assert_eq!(zip(&["a\x1b[2J.pkl"]), named("a·[2J.pkl"));
        assert_eq!(zip(&[]), Foreign::Zip { member: None });
        assert_eq!(zip(&["mean.npy", "scale.npy"]), Foreign::Npz);
        assert_eq!(zip(&["net/data.pkl", "net/version", "net/data/0"]), Foreign::PyTorch);
        assert_eq!(zip(&["config.json", "metadata.json", "model.weights.h5"]), Foreign::Keras);
    }
}
