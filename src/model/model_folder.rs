//! Goes through the folder of models file by file, and keeps nothing of a file after it was visited.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::data_file;
use super::fingerprint::{FileHash, Fingerprint};
use super::listing::{CatalogError, EXPECTATION, IgnoredReason, expectation};
use super::name_template::NameMatch;
use super::{NameTemplate, NameTemplates};
use crate::sensor::SensorName;

/// The role of a file, by its name.
#[derive(Debug)]
pub(super) enum Role {
    /// A sensor's model.
    Model {
        /// Another sensor that the file name may name.
        alternative: Option<SensorName>,
    },
    /// The scaler before a sensor's model.
    Scaler,
}

/// A file that names a sensor.
#[derive(Debug)]
pub(super) struct SensorFile {
    pub(super) sensor: SensorName,
    pub(super) role: Role,
    /// The fingerprint of this file; for a model also of the expected answers and the numbers beside it.
    pub(super) fingerprint: Fingerprint,
}

/// Goes through the folder, and those below it as deep as the templates reach. Calls `enter` with each folder before it
/// is read, and `visit` with each file. Names that begin with a dot are skipped, because files are written under such
/// names before they get their own; so are files of expected answers and of an ONNX file's numbers.
///
/// # Errors
/// When a folder cannot be read, or holds more than `max` files.
pub(super) fn go_through(
    directory: &Path,
    names: &NameTemplates,
    max: usize,
    enter: &mut dyn FnMut(&Path),
    visit: &mut dyn FnMut(PathBuf, Result<SensorFile, IgnoredReason>),
) -> Result<FolderLinks, CatalogError> {
    let mut walk = Walk { directory, names, left: max, links: FolderLinks::None, enter, visit };
    walk.folder(directory, names.depth()).map_err(|error| match error {
        WalkError::Directory { path, source } => CatalogError::Directory { path, source },
        WalkError::TooMany => CatalogError::TooMany { path: directory.to_owned(), max },
    })?;
    Ok(walk.links)
}

/// Whether symbolic links in the folder lead elsewhere: changes there are not reported for the folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FolderLinks {
    /// None.
    None,
    /// At least one.
    Some,
}

struct Walk<'a> {
    directory: &'a Path,
    names: &'a NameTemplates,
    left: usize,
    links: FolderLinks,
    enter: &'a mut dyn FnMut(&Path),
    visit: &'a mut dyn FnMut(PathBuf, Result<SensorFile, IgnoredReason>),
}

enum WalkError {
    Directory { path: PathBuf, source: io::Error },
    TooMany,
}

impl Walk<'_> {
    /// Goes through a folder and those at most `depth` below it, so that a circle of links ends.
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), WalkError> {
        (self.enter)(folder);
        let failed = |source| WalkError::Directory { path: folder.to_owned(), source };
        fail::fail_point!("model::folder", |_| Err(failed(rustix::io::Errno::MFILE.into())));
        let entries = match fs::read_dir(folder) {
            // It was there a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != self.directory => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        let (mut numbers, mut networks) = (FileHash::default(), false);
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if is_passed_over(name.as_encoded_bytes()) {
                continue;
            }
            self.left = self.left.checked_sub(1).ok_or(WalkError::TooMany)?;
            let path = entry.path();
            let metadata = self.metadata(&entry, &path);
            if metadata.as_ref().is_some_and(Metadata::is_dir) {
                if depth > 0 {
                    self.folder(&path, depth - 1)?;
                }
            } else if data_file::is_named_so(name.as_encoded_bytes()) {
                numbers = numbers.and(FileHash::of(&path, metadata.as_ref()));
            } else if is_network(name.as_encoded_bytes()) {
                networks = true;
            } else {
                self.file(path, metadata.as_ref(), FileHash::default());
            }
        }
        if networks { self.networks(folder, numbers).map_err(failed) } else { Ok(()) }
    }

    /// Visits the ONNX files of a folder, after the files that may hold their numbers are known. The model says which
    /// file holds them, but it is not read here: the file with its own name counts, or else every such file in its
    /// folder.
    fn networks(&mut self, folder: &Path, numbers: FileHash) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_passed_over(name.as_encoded_bytes()) || !is_network(name.as_encoded_bytes()) {
                continue;
            }
            let path = entry.path();
            let metadata = self.metadata(&entry, &path);
            if metadata.as_ref().is_some_and(Metadata::is_dir) {
                continue;
            }
            let own = data_file::its_own(&path);
            let numbers = fs::metadata(&own).map_or(numbers, |metadata| FileHash::of(&own, Some(&metadata)));
            self.file(path, metadata.as_ref(), numbers);
        }
        Ok(())
    }

    /// The metadata of a file, or of the target of a link; `None` when the system gives none.
    fn metadata(&mut self, entry: &DirEntry, path: &Path) -> Option<Metadata> {
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            return entry.metadata().ok();
        }
        self.links = FolderLinks::Some;
        fs::metadata(path).ok()
    }

    /// As [`metadata`](Self::metadata), of a file that is looked for by its name.
    fn named(&mut self, path: &Path) -> Option<Metadata> {
        let metadata = fs::symlink_metadata(path).ok()?;
        if !metadata.is_symlink() {
            return Some(metadata);
        }
        self.links = FolderLinks::Some;
        fs::metadata(path).ok()
    }

    fn file(&mut self, path: PathBuf, metadata: Option<&Metadata>, numbers: FileHash) {
        let file = self.role_of(&path).map(|(role, sensor)| {
            let mut fingerprint = Fingerprint::default();
            let hash = FileHash::of(&path, metadata);
            match role {
                Role::Model { .. } => {
                    fingerprint.add_model(hash);
                    fingerprint.add_beside(numbers);
                    let beside = expectation(&path);
                    if let Some(metadata) = self.named(&beside) {
                        fingerprint.add_beside(FileHash::of(&beside, Some(&metadata)));
                    }
                }
                Role::Scaler => fingerprint.add_scaler(hash),
            }
            SensorFile { sensor, role, fingerprint }
        });
        (self.visit)(path, file);
    }

    fn role_of(&self, path: &Path) -> Result<(Role, SensorName), IgnoredReason> {
        let names = self.names;
        let relative = path.strip_prefix(self.directory).unwrap_or(path).to_str().ok_or(IgnoredReason::NotUtf8)?;
        // Only a '/' of the template matches a '/' of the path, never a part of a name.
        let depth = relative.matches('/').count();
        let find = |template: &NameTemplate| (depth == template.depth()).then(|| template.find(relative)).flatten();
        let model = || {
            let role = |NameMatch { sensor, alternative }| (Role::Model { alternative }, sensor);
            find(names.models()).map(|found| found.map(role))
        };
        let scaler = || find(names.scalers()).map(|found| found.map(|NameMatch { sensor, .. }| (Role::Scaler, sensor)));
        // A name may fit both templates, as press/scaler_temp fits {device}/{sensor}: the template with more letters is
        // meant.
        let role = if names.scalers().letters() > names.models().letters() {
            scaler().or_else(model)
        } else {
            model().or_else(scaler)
        };
        Ok(role.ok_or_else(|| IgnoredReason::Template(names.models().to_string()))??)
    }
}

fn is_passed_over(name: &[u8]) -> bool {
    name.starts_with(b".") || name.ends_with(EXPECTATION.as_bytes())
}

fn is_network(name: &[u8]) -> bool {
    name.ends_with(b".onnx")
}
