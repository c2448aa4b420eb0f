//! Opens files that others put there: the opened file is checked rather than its name, and opening never waits.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Why a file is not opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// It is a directory, a device, a socket or a pipe.
    NotRegular,
    /// The system's error.
    System(io::Error),
}

/// Opens a regular file for reading. Opening a pipe would wait for its other end, and a path may lead to another file
/// each time it is followed. So the file is opened without waiting, and the opened file is checked.
pub(super) fn open(path: &Path) -> Result<File, OpenError> {
    open_with(path, OFlags::empty())
}

/// As [`open`], but a link is not followed.
pub(super) fn open_itself(path: &Path) -> Result<File, OpenError> {
    open_with(path, OFlags::NOFOLLOW)
}

fn open_with(path: &Path, flags: OFlags) -> Result<File, OpenError> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        // The file is a socket, or the device is not there.
        Some(Errno::NXIO | Errno::NODEV) => OpenError::NotRegular,
        _ => OpenError::System(error),
    })?;
    match file.metadata().map_err(OpenError::System)?.is_file() {
        true => Ok(file),
        false => Err(OpenError::NotRegular),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn a_pipe_a_socket_and_a_directory_are_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RWXU).unwrap();
        let socket = directory.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [&*pipe, &socket, &link, directory.path(), Path::new("/dev/null")] {
            assert!(matches!(open(path), Err(OpenError::NotRegular)), "{}", path.display());
        }
    }

    #[test]
    fn a_file_is_opened_also_through_a_link_and_one_that_is_not_there_is_said_to_be_so() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| directory.path().join(name));
        std::fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut content = String::new();
        open(&link).unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(content, "content");
        let missing = open(&directory.path().join("missing"));
        assert!(matches!(missing, Err(OpenError::System(error)) if error.kind() == io::ErrorKind::NotFound));
    }
}
