//! Small files of ours beside the database, in a folder where others may have put something in their place. What is opened
//! is judged, not its name: nothing is waited for, no link is followed, and no more is read than a file of ours may hold.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// More than any of them holds.
const MAX_BYTES: u64 = 64 << 10;

/// Opens a regular file by its own name.
///
/// # Errors
/// When the system refuses, or it is a folder, a link, a pipe or the like.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|problem| match Errno::from_io_error(&problem) {
        // A link, a folder, a pipe that nobody reads, or a device that is not there.
        Some(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV) => not_regular(path),
        _ => problem,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular(path)) }
}

/// Reads a file whole.
///
/// # Errors
/// As [`open`], and when it holds more than any file of ours.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, File::options().read(true))?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let problem = format!("{} has more than {MAX_BYTES} bytes; remove it, and it is written anew", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(bytes)
}

/// Writes a file whole, durably: it is there as it was before, or as it is to be. Whatever has its name is replaced, but
/// for a folder.
///
/// # Errors
/// When the system refuses.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("part");
    match fs::remove_file(&partial) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
        _ => {}
    }
    let mut file = File::create_new(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    sync_names(path)
}

/// Makes durable what was done to the name of a file: that it was made, renamed or removed.
///
/// # Errors
/// When the system refuses.
pub(super) fn sync_names(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn not_regular(path: &Path) -> io::Error {
    let problem = format!("{} is a folder, a link or a pipe, where a file of ours belongs; remove it", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    /// Puts what is no file of ours at a path, one kind after the other, with whether it can be replaced.
    pub(in crate::store) fn each_in_its_place(path: &Path, mut then: impl FnMut(&str)) {
        let beside = path.with_extension("beside");
        fs::write(&beside, "another's").unwrap();
        for kind in ["pipe", "link to a file", "link to itself", "link to nothing", "folder", "huge", "empty"] {
            fs::remove_file(path).or_else(|_| fs::remove_dir(path)).ok();
            match kind {
                "pipe" => mkfifoat(CWD, path, Mode::RWXU).unwrap(),
                "link to a file" => symlink(&beside, path).unwrap(),
                "link to itself" => symlink(path, path).unwrap(),
                "link to nothing" => symlink(path.with_extension("nothing"), path).unwrap(),
                "folder" => fs::create_dir(path).unwrap(),
                "huge" => File::create(path).unwrap().set_len(1 << 40).unwrap(),
                _ => fs::write(path, "").unwrap(),
            }
            then(kind);
            assert_eq!(fs::read(&beside).unwrap(), b"another's", "{kind}");
            assert!(!path.with_extension("nothing").exists(), "{kind}");
        }
        fs::remove_file(path).or_else(|_| fs::remove_dir(path)).ok();
        fs::remove_file(beside).unwrap();
    }

    #[test]
    fn what_is_no_file_of_ours_is_neither_waited_for_nor_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("note");
        each_in_its_place(&path, |kind| {
            assert_eq!(read(&path).is_ok(), kind == "empty", "{kind}");
            assert_eq!(write(&path, b"ours").is_ok(), kind != "folder", "{kind}");
            assert_eq!(read(&path).is_ok_and(|bytes| bytes == b"ours"), kind != "folder", "{kind}");
        });
        fs::write(path.with_extension("part"), "left by a kill").unwrap();
        write(&path, b"ours").unwrap();
        assert_eq!(read(&path).unwrap(), b"ours");
        assert_eq!(directory.path().read_dir().unwrap().count(), 1, "nothing is left beside it");
    }
}
