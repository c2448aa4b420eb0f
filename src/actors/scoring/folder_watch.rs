//! The folder watch: learns from the system (by inotify) when something in the folder of models may have changed.
//!
//! What has changed is found by a look through the folder, so an event is no more than a reason to look. Each look
//! begins a new round: each folder is watched anew before it is read, so that no change falls between; folders that the
//! look does not meet again are not watched any longer. Beside the folders, every name on the way to them is watched,
//! because any of these may be renamed, or be a link that is changed to lead elsewhere.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::statfs;
use rustix::io::Errno;
use tokio::io::Interest as Readiness;
use tokio::io::unix::AsyncFd;

use crate::model::FolderLinks;
use crate::printable::shown;

/// Watches folders. Clones are the same watch.
#[derive(Clone, Debug)]
pub struct FolderWatch {
    inotify: Result<Arc<OwnedFd>, Errno>,
    watched: Arc<Mutex<HashMap<WatchNumber, Interest>>>,
}

/// The number that the system gives to a folder that is watched.
type WatchNumber = i32;

/// Which names of a folder matter.
#[derive(Debug)]
enum Interest {
    /// Every event: the folder holds models.
    All,
    /// Changes of names: the folder is on the way to a folder with models.
    Names(BTreeSet<OsString>),
}

/// Why the system does not report every change, so that the folder has to be looked at from time to time.
#[derive(Debug, thiserror::Error)]
pub enum Unwatched {
    /// There is no inotify, or its limits are reached.
    #[error("the system does not tell of changes in {}: {source}{}", shown(path), advice(source))]
    Refused {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The folder is on a network file system: the system reports only changes that this machine makes.
    #[error("{} is on a file system that other machines or programs may change without a word", shown(.0))]
    Remote(PathBuf),
    /// Watching a folder costs the system memory.
    #[error("there are more than {} folders with models, of which no more are watched", WatchRound::MAX_FOLDERS)]
    TooMany,
    /// There are links in the folder: what they lead to is not watched.
    #[error("symbolic links lead from it to files elsewhere, which are not watched")]
    Links,
}

fn advice(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => "; all watches are taken: raise fs.inotify.max_user_watches (sysctl)",
        Some(Errno::MFILE) => {
            "; raise fs.inotify.max_user_instances (sysctl), or the files that the daemon may open (LimitNOFILE)"
        }
        _ => "",
    }
}

impl FolderWatch {
    /// A watch of nothing yet. Without inotify it never watches anything, and each round ends with that error.
    pub fn open() -> Self {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).map(Arc::new);
        Self { inotify, watched: Arc::default() }
    }

    /// Watches anew, for a look through `folder` that begins.
    pub fn begin_round(&self, folder: &Path) -> WatchRound<'_> {
        let mut round = WatchRound { watch: self, watched: HashMap::new(), folders: 0, unwatched: None };
        round.way_to(folder);
        round
    }

    /// Discards the events until now, and returns whether any of them matters.
    fn drain(&self) -> io::Result<bool> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let inotify = self.inotify.as_ref().map_err(|error| *error)?;
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        let mut matters = false;
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(matters),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            matters |= match watched.get(&event.wd()) {
                // There were too many events to tell of.
                _ if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => true,
                // It is watched no longer.
                None => false,
                Some(Interest::All) => true,
                Some(Interest::Names(names)) => {
                    let name = event.file_name().map(|name| name.to_bytes());
                    names.iter().any(|wanted| name == Some(wanted.as_encoded_bytes()))
                }
            };
        }
    }
}

/// The events of watched folders, to be waited for.
#[derive(Debug)]
pub struct FolderEvents {
    watch: FolderWatch,
    ready: AsyncFd<Arc<OwnedFd>>,
}

impl FolderEvents {
    /// The events of a watch. To be made where the runtime is.
    ///
    /// # Errors
    /// When there is no inotify, or the runtime cannot wait for it.
    pub fn of(watch: FolderWatch) -> io::Result<Self> {
        let inotify = Arc::clone(watch.inotify.as_ref().map_err(|error| *error)?);
        #[expect(
            deprecated,
            reason = "what takes its place is unsafe; the descriptor is owned, and stays open and the same"
        )]
        let ready = AsyncFd::with_interest(inotify, Readiness::READABLE)?;
        Ok(Self { watch, ready })
    }

    /// Waits until something may have changed. No event is lost when the future is dropped.
    ///
    /// # Errors
    /// When the system reports no more events.
    pub async fn next(&self) -> io::Result<()> {
        loop {
            let mut ready = self.ready.readable().await?;
            let matters = self.watch.drain()?;
            ready.clear_ready();
            if matters {
                return Ok(());
            }
        }
    }

    /// Discards the events until now: a look that begins will find their changes.
    pub fn forget(&self) {
        // An error comes again where events are waited for.
        let _ = self.watch.drain();
    }
}

/// The folders that one look has met so far.
#[derive(Debug)]
pub struct WatchRound<'a> {
    watch: &'a FolderWatch,
    watched: HashMap<WatchNumber, Interest>,
    folders: usize,
    unwatched: Option<Unwatched>,
}

impl WatchRound<'_> {
    /// How many folders are watched at most: each takes the system about a kilobyte that it cannot swap out.
    pub const MAX_FOLDERS: usize = 8192;

    /// How many links there may be on the way to a folder: as many as the system follows.
    const MAX_LINKS: usize = 40;

    /// The events of a folder with models. A time that is set alone is reported as a write; a write through mapped
    /// memory is reported only when the file is closed.
    const CHANGES: WatchFlags = WatchFlags::CREATE
        .union(WatchFlags::MODIFY)
        .union(WatchFlags::CLOSE_WRITE)
        .union(WatchFlags::ATTRIB)
        .union(WatchFlags::MOVE)
        .union(WatchFlags::DELETE)
        .union(WatchFlags::MOVE_SELF)
        .union(WatchFlags::DELETE_SELF);

    /// The events of a folder on the way.
    const NAMES: WatchFlags = WatchFlags::CREATE.union(WatchFlags::MOVE).union(WatchFlags::DELETE);

    /// Watches the names that lead to a folder.
    fn way_to(&mut self, folder: &Path) {
        let way = match names_on_the_way_to(folder) {
            Ok(way) => way,
            Err(source) => return self.leave(Unwatched::Refused { path: folder.to_owned(), source }),
        };
        for (folder, name) in way {
            let Some(number) = self.add(&folder, Self::NAMES) else { return };
            match self.watched.entry(number).or_insert_with(|| Interest::Names(BTreeSet::new())) {
                Interest::All => {}
                Interest::Names(names) => _ = names.insert(name),
            }
        }
    }

    /// Watches a folder with models. After the first folder that cannot be watched, the round watches no others.
    pub fn folder(&mut self, folder: &Path) {
        self.folders += 1;
        if self.folders > Self::MAX_FOLDERS {
            return self.leave(Unwatched::TooMany);
        }
        if let Some(number) = self.add(folder, Self::CHANGES) {
            self.watched.insert(number, Interest::All);
        }
        if statfs(folder).is_ok_and(|system| is_remote(system.f_type)) {
            self.leave(Unwatched::Remote(folder.to_owned()));
        }
    }

    /// Ends the round: exactly the folders that it has met are watched.
    ///
    /// # Errors
    /// When not every change will be reported.
    pub fn end(mut self, links: FolderLinks) -> Result<(), Unwatched> {
        let mut watched = self.watch.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *watched, std::mem::take(&mut self.watched));
        for number in before.into_keys().filter(|number| !watched.contains_key(number)) {
            // It ends by itself when its folder is removed.
            if let Ok(inotify) = &self.watch.inotify {
                let _ = inotify::remove_watch(inotify, number);
            }
        }
        match self.unwatched {
            Some(unwatched) => Err(unwatched),
            None if links == FolderLinks::Some => Err(Unwatched::Links),
            None => Ok(()),
        }
    }

    fn add(&mut self, folder: &Path, what: WatchFlags) -> Option<WatchNumber> {
        if self.unwatched.is_some() {
            return None;
        }
        let add = |inotify| inotify::add_watch(inotify, folder, what | WatchFlags::ONLYDIR | WatchFlags::MASK_ADD);
        let added = self.watch.inotify.as_ref().map_err(|error| *error).and_then(add);
        let refused = |error: Errno| Unwatched::Refused { path: folder.to_owned(), source: error.into() };
        added.map_err(|error| self.leave(refused(error))).ok()
    }

    /// The first reason counts.
    fn leave(&mut self, reason: Unwatched) {
        self.unwatched.get_or_insert(reason);
    }
}

/// Each name that leads to `folder`, with the folder that holds the name; all links are followed.
fn names_on_the_way_to(folder: &Path) -> io::Result<Vec<(PathBuf, OsString)>> {
    let absolute = std::path::absolute(folder)?;
    let components = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let mut left: VecDeque<OsString> = components(&absolute).into();
    let (mut at, mut way, mut links) = (PathBuf::from("/"), Vec::new(), 0);
    while let Some(name) = left.pop_front() {
        match Path::new(&name).components().next() {
            Some(Component::RootDir) => at = PathBuf::from("/"),
            Some(Component::ParentDir) => _ = at.pop(),
            Some(Component::Normal(_)) => {
                let next = at.join(&name);
                way.push((at.clone(), name));
                match next.read_link() {
                    Ok(target) => {
                        links += 1;
                        if links > WatchRound::MAX_LINKS {
                            return Err(Errno::LOOP.into());
                        }
                        components(&target).into_iter().rev().for_each(|name| left.push_front(name));
                    }
                    // It is no link, or not there.
                    Err(_) => at = next,
                }
            }
            Some(Component::CurDir | Component::Prefix(_)) | None => {}
        }
    }
    Ok(way)
}

/// Whether other machines can change the content of a file system of this kind, by the number in its superblock.
fn is_remote(kind: impl Into<i64>) -> bool {
    const REMOTE: [u32; 14] = [
        0x0000_6969, // NFS
        0x0000_517b, // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB 2
        0x6573_5546, // FUSE
        0x0102_1997, // 9P
        0x00c3_6400, // Ceph
        0x5346_414f, // AFS
        0x7375_7245, // Coda
        0x0116_1970, // GFS2
        0x7461_636f, // OCFS2
        0x0bd0_0bd0, // Lustre
        0x786f_4256, // VirtualBox's shared folders
        0x4750_4653, // GPFS
    ];
    // Only 32 bits of the number count, whatever type it has.
    let kind = kind.into() & 0xffff_ffff;
    REMOTE.iter().any(|remote| i64::from(*remote) == kind)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Watches a folder and those in it, as a look does.
    fn look(watch: &FolderWatch, folder: &Path) {
        let mut round = watch.begin_round(folder);
        round.folder(folder);
        for entry in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            round.folder(&entry.path());
        }
        round.end(FolderLinks::None).unwrap();
    }

    async fn is_told(events: &FolderEvents) -> bool {
        // Events are there as soon as the change is made.
        timeout(Duration::from_millis(50), events.next()).await.is_ok()
    }

    #[tokio::test]
    async fn what_happens_to_the_folder_and_the_names_on_the_way_is_told_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("releases/v1/models/press")).unwrap();
        fs::create_dir_all(path("releases/v2/models")).unwrap();
        symlink("releases/v1", path("current")).unwrap();
        let watch = FolderWatch::open();
        let events = FolderEvents::of(watch.clone()).unwrap();
        look(&watch, &path("current/models"));
        assert!(!is_told(&events).await, "to watch changes nothing");

        fs::write(path("releases/v1/models/press/flow"), "a model").unwrap();
        assert!(is_told(&events).await);
        events.forget();
        fs::write(path("beside"), "another file").unwrap();
        fs::write(path("releases/v2/models/flow"), "not in use yet").unwrap();
        assert!(!is_told(&events).await);

        symlink("releases/v2", path("new")).unwrap();
        fs::rename(path("new"), path("current")).unwrap();
        assert!(is_told(&events).await);
        look(&watch, &path("current/models"));
        events.forget();
        fs::write(path("releases/v1/models/press/flow"), "no longer in use").unwrap();
        assert!(!is_told(&events).await);
        fs::write(path("releases/v2/models/flow"), "another model").unwrap();
        assert!(is_told(&events).await);
    }

    #[test]
    fn the_way_to_a_folder_leads_through_links_and_upwards_and_a_circle_ends() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("../a/b", root.join("a/link")).unwrap();
        symlink("circle", root.join("circle")).unwrap();
        let way = names_on_the_way_to(&root.join("a/link/models")).unwrap();
        let below: Vec<_> = way.iter().filter_map(|(at, name)| Some((at.strip_prefix(&root).ok()?, name))).collect();
        let expected = [("", "a"), ("a", "link"), ("", "a"), ("a", "b"), ("a/b", "models")];
        assert_eq!(below.len(), expected.len(), "{below:?}");
        assert!(
            below.iter().zip(expected).all(|((at, name), (folder, what))| *at == Path::new(folder) && **name == *what)
        );
        assert!(names_on_the_way_to(&root.join("circle")).is_err());
    }

    #[test]
    fn more_folders_than_are_watched_are_told_of_as_such() {
        let directory = tempfile::tempdir().unwrap();
        let watch = FolderWatch::open();
        let mut round = watch.begin_round(directory.path());
        (0..=WatchRound::MAX_FOLDERS).for_each(|_| round.folder(directory.path()));
        assert!(matches!(round.end(FolderLinks::None), Err(Unwatched::TooMany)));
        let missing = watch.begin_round(&directory.path().join("not/there")).end(FolderLinks::None);
        let said = missing.unwrap_err().to_string();
        assert!(
            said.starts_with("the system does not tell of changes in /") && said.contains("No such file"),
            "{said}"
        );
    }
}
