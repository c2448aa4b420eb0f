//! Fingerprints of sixteen bytes that tell one state of a sensor's files from the next without reading the files.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The state of all files of one sensor: of its model, and of the files beside that, which are the expected answers,
/// the numbers of an ONNX file, and the scaler.
///
/// Both halves are sums of one hash a file, so that it does not matter in which order a folder names its files.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Fingerprint {
    model: u64,
    /// The lowest bit says whether a scaler is among the files; the other bits are the sum.
    beside: u64,
}

const SCALER: u64 = 1;

impl Fingerprint {
    /// Adds a file whose name is that of the sensor's model.
    pub(super) fn add_model(&mut self, file: FileHash) {
        self.model = self.model.wrapping_add(file.0);
    }

    /// Adds a file beside the model.
    pub(super) fn add_beside(&mut self, file: FileHash) {
        self.beside = self.beside.wrapping_add(file.0 << 1);
    }

    /// Adds the scaler before the model.
    pub(super) fn add_scaler(&mut self, file: FileHash) {
        self.add_beside(file);
        self.beside |= SCALER;
    }

    /// Adds the files of another fingerprint.
    pub(super) fn add(&mut self, files: Self) {
        self.model = self.model.wrapping_add(files.model);
        let scaler = (self.beside | files.beside) & SCALER;
        self.beside = (self.beside & !SCALER).wrapping_add(files.beside & !SCALER) | scaler;
    }

    /// Whether a model's file is among the files.
    pub(super) fn has_model(self) -> bool {
        self.model != 0
    }

    /// Whether the model is as it was, and the scaler before it is gone.
    pub(super) fn has_lost_its_scaler_since(self, before: Self) -> bool {
        before.beside & SCALER != 0 && self.beside & SCALER == 0 && self.model == before.model
    }
}

/// The hash of a file's state: its path, its times and length, and its inode.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct FileHash(u64);

impl FileHash {
    /// The hash of a file with this metadata; `metadata` is `None` when the file could not be looked at.
    ///
    /// A file that was renamed over another has another inode, even if time and length are the same. The time of the
    /// last change (`ctime`) cannot be set: a file that is copied or unpacked with its times may have the time and
    /// length of the one before, and may even get its inode.
    pub(super) fn of(path: &Path, metadata: Option<&Metadata>) -> Self {
        let state = metadata.map(|file| {
            (file.dev(), file.ino(), file.len(), (file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()))
        });
        let mut hasher = DefaultHasher::new();
        (path, state).hash(&mut hasher);
        // Never zero, because a sum of zero says that no file was added.
        Self(hasher.finish().max(1))
    }

    /// The hash of this file and others.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(number: u32) -> FileHash {
        FileHash::of(Path::new(&number.to_string()), None)
    }

    proptest! {
        #[test]
        fn a_fingerprint_is_the_same_in_whatever_order_the_files_are_told_of(
            files in prop::collection::vec((0..3_u8, any::<u32>()), 0..8),
            seed in any::<u64>(),
        ) {
            let add = |print: &mut Fingerprint, (kind, number): (u8, u32)| match kind {
                0 => print.add_model(hash(number)),
                1 => print.add_beside(hash(number)),
                _ => print.add_scaler(hash(number)),
            };
            let (mut in_order, mut in_another, mut of_parts) = <(Fingerprint, Fingerprint, Fingerprint)>::default();
            files.iter().for_each(|file| add(&mut in_order, *file));
            let mut shuffled = files.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            for file in shuffled {
                add(&mut in_another, file);
                let mut part = Fingerprint::default();
                add(&mut part, file);
                of_parts.add(part);
            }
            prop_assert_eq!([in_another, of_parts], [in_order; 2]);
        }
    }

    #[test]
    fn a_scaler_that_is_gone_is_missed_only_while_the_model_is_as_it_was() {
        let (mut with, mut without, mut another) = <(Fingerprint, Fingerprint, Fingerprint)>::default();
        with.add_model(hash(1));
        with.add_scaler(hash(2));
        without.add_model(hash(1));
        another.add_model(hash(3));
        assert!(without.has_lost_its_scaler_since(with));
        without.add_beside(hash(4));
        assert!(without.has_lost_its_scaler_since(with), "whatever else lies beside the model");
        assert!(!another.has_lost_its_scaler_since(with));
        assert!(!with.has_lost_its_scaler_since(with) && !with.has_lost_its_scaler_since(without));
    }

    #[test]
    fn sixteen_bytes_a_sensor() {
        assert_eq!(size_of::<Fingerprint>(), 16);
    }
}
