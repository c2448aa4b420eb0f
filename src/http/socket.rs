//! The socket's file: made so that nobody connects who may not, and removed at the end.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// What the socket's file is called where the configuration names none.
const FILE: &str = "anomalyd.sock";
/// Where systemd puts what the shipped unit asks for.
const RUNTIME_DIRECTORY: &str = "/run/anomalyd";
/// The longest path that a socket's address holds.
const MAX_PATH_BYTES: usize = 107;
/// How many connections the system keeps until they are accepted.
const BACKLOG: i32 = 64;

/// Where the socket's file is, and who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketSettings {
    /// The file.
    pub path: PathBuf,
    /// The group that it belongs to, by name or number; `None` for the daemon's own.
    pub group: Option<String>,
    /// Its mode.
    pub mode: u32,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process listens there.
    #[error("{} is the socket of another process; give each daemon its own socket.path", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Something else has the name.
    #[error("{} is no socket, and is not replaced; move it away, or change socket.path", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// No such group.
    #[error("there is no group {group} in /etc/group (socket.group); make it, or write the number of a group")]
    NoGroup {
        /// The name.
        group: String,
    },
    /// The file cannot be given to the group.
    #[error("{} cannot be given to the group {group}: {problem}; the daemon's user must be a member of it, and the service's unit must allow it, as docs/operations.md shows (socket.group)", path.display())]
    Group {
        /// The file.
        path: PathBuf,
        /// The group.
        group: String,
        /// The system's error.
        problem: io::Error,
    },
    /// The system refused.
    #[error("{} cannot be made: {problem}; its folder must be there, and anomalyd must be able to write to it (socket.path)", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
}

/// Where the socket's file is when the configuration does not say, the likeliest first. `service` is the folder that
/// systemd made for this process.
pub fn default_paths(store: &Path, service: Option<&Path>) -> [PathBuf; 2] {
    [service.unwrap_or(Path::new(RUNTIME_DIRECTORY)).join(FILE), store.join(FILE)]
}

/// The file of an open socket. Removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: FileIdentity,
}

/// Tells a file from others that had or will have its name. The number of an inode is used again, so the time of the
/// inode's last change is a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileIdentity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl FileIdentity {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if FileIdentity::of(&self.path).is_ok_and(|identity| identity == self.identity) {
            // What is left behind is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the socket and its file. The file of a daemon that was killed is replaced.
pub(super) fn open(settings: &SocketSettings) -> Result<(UnixListener, SocketFile), SocketError> {
    let SocketSettings { path, group, mode } = settings;
    let refused = |problem: io::Error| SocketError::System { path: path.clone(), problem };
    let number = group.as_deref().map(number_of_group).transpose()?;
    make_room(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let socket = socket.map_err(|problem| refused(problem.into()))?;
    let address = Address::of(path).map_err(refused)?;
    let bound = SocketAddrUnix::new(&address.path).and_then(|address| rustix::net::bind(&socket, &address));
    bound.map_err(|problem| match problem {
        rustix::io::Errno::ADDRINUSE => SocketError::InUse { path: path.clone() },
        problem => refused(problem.into()),
    })?;
    let mut file = SocketFile { path: path.clone(), identity: FileIdentity::of(path).map_err(refused)? };
    let own = fs::symlink_metadata(path).map_err(refused)?.gid();
    // A sandbox that forbids any change of owners also forbids one that changes nothing.
    if let (Some(number), Some(group)) = (number.filter(|number| *number != own), group) {
        let in_group = |problem| SocketError::Group { path: path.clone(), group: group.clone(), problem };
        chown(path, None, Some(number)).map_err(in_group)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(*mode)).map_err(refused)?;
    file.identity = FileIdentity::of(path).map_err(refused)?;
    // Nobody can connect before this: the file has its group and its mode first.
    rustix::net::listen(&socket, BACKLOG).map_err(|problem| refused(problem.into()))?;
    Ok((UnixListener::from(socket), file))
}

/// Connects to the socket of another process.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(&Address::of(path)?.path)
}

/// Removes the file of a daemon that was killed. Whether a daemon listens is tried, not guessed from the file.
fn make_room(path: &Path) -> Result<(), SocketError> {
    let refused = |problem: io::Error| SocketError::System { path: path.to_owned(), problem };
    match fs::symlink_metadata(path) {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(refused(problem)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match connect(path) {
        Err(problem) if problem.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(refused),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(()),
        // A queue of connections that is full, or rights that are missing: somebody listens.
        Ok(_) | Err(_) => Err(SocketError::InUse { path: path.to_owned() }),
    }
}

/// The address of a file. One that is too long for the system is reached by way of its open folder.
struct Address {
    path: PathBuf,
    _folder: Option<rustix::fd::OwnedFd>,
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= MAX_PATH_BYTES {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }
}

/// The number of a group that is named by its name or its number.
///
/// # Errors
/// When there is no group of that name.
pub fn number_of_group(group: &str) -> Result<u32, SocketError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let number = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
    });
    number.ok_or_else(|| SocketError::NoGroup { group: group.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(path: PathBuf) -> SocketSettings {
        SocketSettings { path, group: None, mode: 0o660 }
    }

    #[test]
    fn a_socket_has_the_mode_that_was_asked_for_and_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        for mode in [0o600, 0o660] {
            let (_listener, file) = open(&SocketSettings { mode, ..settings(path.clone()) }).unwrap();
            assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, mode);
            connect(&path).unwrap();
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_a_kill_left_is_replaced_and_what_is_in_use_or_no_socket_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a listener leaves its file");
        let (listener, file) = open(&settings(path.clone())).unwrap();
        assert!(matches!(open(&settings(path.clone())), Err(SocketError::InUse { .. })));
        connect(&path).unwrap();
        drop((listener, file));
        fs::write(&path, "another's").unwrap();
        assert!(matches!(open(&settings(path.clone())), Err(SocketError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"another's");
    }

    #[test]
    fn a_file_in_the_place_of_ours_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (listener, file) = open(&settings(path.clone())).unwrap();
        drop(listener);
        fs::remove_file(&path).unwrap();
        let (_other, _other_file) = open(&settings(path.clone())).unwrap();
        drop(file);
        connect(&path).unwrap();
    }

    #[test]
    fn a_path_that_is_too_long_for_an_address_works_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("s");
        let (_listener, _file) = open(&settings(path.clone())).unwrap();
        connect(&path).unwrap();
    }

    #[test]
    fn a_group_is_known_by_name_or_number() {
        assert_eq!(number_of_group("4711").unwrap(), 4711);
        assert_eq!(number_of_group("root").unwrap(), 0);
        let error = number_of_group("nobody-has-this-group").unwrap_err().to_string();
        assert!(error.contains("there is no group nobody-has-this-group"), "{error}");
    }
}
