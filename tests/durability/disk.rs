//! A disk with a volatile cache, and what it may hold after a power cut.
//!
//! What was synced is there. Of what was written since, each write may be there, or not, or some of its sectors, whatever
//! became of earlier and later ones. `sync_file_range` is no sync. New names, renames and removals follow the rules of
//! the file system, [`NameRule`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::entry::{Entry, SyncKind};

const SECTOR: usize = 512;

/// When a change of names is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameRule {
    /// ext4: changes become durable in their order, and any sync that has to write metadata makes all earlier ones durable.
    Journalled,
    /// No more than POSIX promises: when the folder itself was synced, each folder for itself.
    ByFolder,
}

/// A disk, and the page cache above it.
#[derive(Clone)]
pub(crate) struct Disk {
    /// The folder that the recorder calls by this path is the first inode.
    root: PathBuf,
    inodes: Vec<Inode>,
    /// The names as the page cache shows them, and as they are on the disk by each of the rules.
    cached: Names,
    journalled: Names,
    by_folder: Names,
    descriptors: HashMap<i64, usize>,
    /// Changes of names that are not durable by the one rule, and by the other.
    not_journalled: Vec<NameChange>,
    not_by_folder: Vec<NameChange>,
    syncs: HashMap<i64, Sync>,
    /// How many entries were applied.
    now: u64,
}

/// Of each folder, by its inode, the names in it and their inodes.
type Names = HashMap<usize, BTreeMap<String, usize>>;

#[derive(Clone)]
enum Inode {
    File(File),
    Folder,
}

#[derive(Clone, Default)]
struct File {
    cached: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<DataChange>,
}

#[derive(Clone)]
struct DataChange {
    at: u64,
    what: Data,
}

#[derive(Clone)]
enum Data {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone)]
struct NameChange {
    at: u64,
    /// The name that goes away, if any; and the one that comes, with its inode.
    remove: Option<(usize, String)>,
    put: Option<(usize, String, usize)>,
}

#[derive(Clone, Copy)]
struct Sync {
    inode: usize,
    began: u64,
    kind: SyncKind,
}

/// How a cut treats what was not synced.
#[derive(Clone, Copy)]
struct Fate {
    /// How many of a hundred changes are on the disk.
    kept: u32,
    /// Whether sectors of a write have fates of their own.
    is_torn: bool,
    /// Whether a file may have grown less than what was written to it.
    is_short: bool,
}

impl Disk {
    /// A disk that holds, durably, what a folder holds.
    pub(crate) fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            inodes: vec![Inode::Folder],
            cached: Names::new(),
            journalled: Names::new(),
            by_folder: Names::new(),
            descriptors: HashMap::new(),
            not_journalled: Vec::new(),
            not_by_folder: Vec::new(),
            syncs: HashMap::new(),
            now: 0,
        };
        disk.load(root, 0);
        disk
    }

    fn load(&mut self, path: &Path, folder: usize) {
        for found in fs::read_dir(path).unwrap().map(Result::unwrap) {
            let kind = found.file_type().unwrap();
            if !kind.is_dir() && !kind.is_file() {
                // A killed daemon leaves its socket.
                continue;
            }
            let is_folder = kind.is_dir();
            let inode = self.inodes.len();
            self.inodes.push(if is_folder {
                Inode::Folder
            } else {
                let bytes = fs::read(found.path()).unwrap();
                Inode::File(File { cached: bytes.clone(), durable: bytes, unsynced: Vec::new() })
            });
            let name = found.file_name().into_string().unwrap();
            for names in [&mut self.cached, &mut self.journalled, &mut self.by_folder] {
                names.entry(folder).or_default().insert(name.clone(), inode);
            }
            if is_folder {
                self.load(&found.path(), inode);
            }
        }
    }

    /// Another process goes on with the same disk.
    pub(crate) fn begin_process(&mut self) {
        self.descriptors.clear();
        self.syncs.clear();
    }

    /// Applies what a process did.
    pub(crate) fn apply(&mut self, entry: &Entry<'_>) {
        self.now += 1;
        match *entry {
            Entry::Open { descriptor, flags, folder, path } => self.open(descriptor, flags, folder, path),
            Entry::Close { descriptor } => drop(self.descriptors.remove(&descriptor)),
            Entry::Duplicate { old, new } => {
                let inode = self.descriptors[&old];
                self.descriptors.insert(new, inode);
            }
            Entry::Write { descriptor, offset, bytes } => {
                self.change(descriptor, Data::Write { offset, bytes: bytes.to_vec() });
            }
            Entry::Truncate { descriptor, length } => self.change(descriptor, Data::Length(length)),
            Entry::Allocate { descriptor, keeps_size, until } => {
                let inode = self.descriptors[&descriptor];
                if !keeps_size && self.file(inode).cached.len() < until {
                    self.change(descriptor, Data::Length(until));
                }
            }
            Entry::Rename { folder, from, to_folder, to } => {
                let (from, to) = (self.name(folder, from), self.name(to_folder, to));
                let inode = self.cached[&from.0][&from.1];
                self.rename(Some(from), Some((to.0, to.1, inode)));
            }
            Entry::Link { folder, from, to_folder, to } => {
                let (from, to) = (self.name(folder, from), self.name(to_folder, to));
                let inode = self.cached[&from.0][&from.1];
                self.rename(None, Some((to.0, to.1, inode)));
            }
            Entry::Unlink { folder, path } => {
                let name = self.name(folder, path);
                self.rename(Some(name), None);
            }
            Entry::MakeFolder { folder, path } => {
                let (parent, name) = self.name(folder, path);
                let inode = self.add(Inode::Folder);
                self.rename(None, Some((parent, name, inode)));
            }
            Entry::SyncBegins { descriptor, kind, number } => {
                let sync = Sync { inode: self.descriptors[&descriptor], began: self.now, kind };
                self.syncs.insert(number, sync);
            }
            Entry::SyncEnds { number, is_good } => {
                let sync = self.syncs.remove(&number).unwrap();
                if is_good { self.sync(sync) } else { self.fail(sync) }
            }
            Entry::Sent { .. } => {}
            Entry::Unknown { what } => panic!("the daemon changes files in a way that is not recorded: {what}"),
        }
    }

    fn open(&mut self, descriptor: i64, flags: i64, folder: i64, path: &str) {
        let inode = match self.find(folder, path) {
            Some(inode) => inode,
            None => {
                assert!(flags & i64::from(libc::O_CREAT) != 0, "{path} is opened, and was never made");
                let (parent, name) = self.name(folder, path);
                let inode = self.add(Inode::File(File::default()));
                self.rename(None, Some((parent, name, inode)));
                inode
            }
        };
        self.descriptors.insert(descriptor, inode);
        if flags & i64::from(libc::O_TRUNC) != 0 && !self.file(inode).cached.is_empty() {
            self.change(descriptor, Data::Length(0));
        }
    }

    fn change(&mut self, descriptor: i64, what: Data) {
        let (inode, at) = (self.descriptors[&descriptor], self.now);
        let file = self.file(inode);
        what.apply(&mut file.cached);
        file.unsynced.push(DataChange { at, what });
    }

    fn rename(&mut self, remove: Option<(usize, String)>, put: Option<(usize, String, usize)>) {
        let change = NameChange { at: self.now, remove, put };
        change.apply(&mut self.cached);
        self.not_journalled.push(change.clone());
        self.not_by_folder.push(change);
    }

    /// A sync has succeeded: what was written before it began is durable.
    fn sync(&mut self, Sync { inode, began, kind }: Sync) {
        if kind == SyncKind::FileSystem {
            for inode in &mut self.inodes {
                if let Inode::File(file) = inode {
                    file.sync(began);
                }
            }
            self.sync_names(began, |_| true);
            return;
        }
        match &mut self.inodes[inode] {
            Inode::Folder => self.sync_names(began, |change| change.folder() == inode),
            Inode::File(file) => {
                let before = file.durable.len();
                let was_written = file.sync(began);
                let is_new = |change: &NameChange| change.put.as_ref().is_some_and(|put| put.2 == inode);
                // Otherwise ext4 has no metadata to write, and leaves those of others alone.
                if file.durable.len() != before
                    || (kind == SyncKind::Whole && was_written)
                    || self.not_journalled.iter().any(is_new)
                {
                    self.sync_names(began, |_| false);
                }
            }
        }
    }

    /// Makes changes of names durable that came before: all of them where the file system has a journal, and otherwise
    /// those that `is_own` says.
    fn sync_names(&mut self, began: u64, is_own: impl Fn(&NameChange) -> bool) {
        let synced = self.not_journalled.iter().take_while(|change| change.at < began).count();
        self.not_journalled.drain(..synced).for_each(|change| change.apply(&mut self.journalled));
        let is_synced = |change: &NameChange| change.at < began && is_own(change);
        let (synced, rest): (Vec<_>, Vec<_>) = self.not_by_folder.drain(..).partition(is_synced);
        self.not_by_folder = rest;
        synced.iter().for_each(|change| change.apply(&mut self.by_folder));
    }

    /// A sync has failed: what was written before it began is never written again, though the page cache shows it.
    fn fail(&mut self, Sync { inode, began, .. }: Sync) {
        if let Inode::File(file) = &mut self.inodes[inode] {
            file.unsynced.retain(|change| change.at >= began);
        }
    }

    /// Writes into an empty folder what the disk may hold after a cut that comes now.
    pub(crate) fn image(&self, rule: NameRule, rng: &mut Rng, into: &Path) {
        let kept = *rng.choice(&[0, 10, 50, 90, 100]).unwrap();
        let fate = Fate { kept, is_torn: rng.bool(), is_short: rng.u8(..4) == 0 };
        let names = match rule {
            NameRule::Journalled => {
                let mut names = self.journalled.clone();
                let done = rng.usize(..=self.not_journalled.len());
                self.not_journalled[..done].iter().for_each(|change| change.apply(&mut names));
                names
            }
            NameRule::ByFolder => {
                let mut names = self.by_folder.clone();
                let mut ended = HashSet::new();
                for change in &self.not_by_folder {
                    // Within a folder they are in their order: once one is missing, all later ones are.
                    if rng.u32(..100) >= fate.kept {
                        ended.insert(change.folder());
                    }
                    if !ended.contains(&change.folder()) {
                        change.apply(&mut names);
                    }
                }
                names
            }
        };
        self.write(0, &names, into, &mut |file| file.after_cut(fate, rng));
    }

    /// Writes into an empty folder what the page cache shows.
    pub(crate) fn write_cached(&self, into: &Path) {
        self.write(0, &self.cached, into, &mut |file| file.cached.clone());
    }

    /// Writes into an empty folder what is durable of the files that the page cache shows.
    pub(crate) fn write_durable(&self, into: &Path) {
        self.write(0, &self.cached, into, &mut |file| file.durable.clone());
    }

    fn write(&self, folder: usize, names: &Names, into: &Path, content: &mut impl FnMut(&File) -> Vec<u8>) {
        for (name, inode) in names.get(&folder).into_iter().flatten() {
            let path = into.join(name);
            match &self.inodes[*inode] {
                Inode::File(file) => fs::write(path, content(file)).unwrap(),
                Inode::Folder => {
                    fs::create_dir(&path).unwrap();
                    self.write(*inode, names, &path, content);
                }
            }
        }
    }

    fn add(&mut self, inode: Inode) -> usize {
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    fn file(&mut self, inode: usize) -> &mut File {
        match &mut self.inodes[inode] {
            Inode::File(file) => file,
            Inode::Folder => panic!("a folder is written to"),
        }
    }

    /// The inode behind a path.
    fn find(&self, folder: i64, path: &str) -> Option<usize> {
        let (mut inode, rest) = self.beginning(folder, path);
        for name in &rest {
            inode = *self.cached.get(&inode)?.get(name)?;
        }
        Some(inode)
    }

    /// The folder that a path's last name is in, and that name.
    fn name(&self, folder: i64, path: &str) -> (usize, String) {
        let (mut inode, mut rest) = self.beginning(folder, path);
        let last = rest.pop().unwrap();
        for name in &rest {
            inode = self.cached[&inode][name];
        }
        (inode, last)
    }

    fn beginning(&self, folder: i64, path: &str) -> (usize, Vec<String>) {
        let path = Path::new(path);
        let (inode, rest) = match path.strip_prefix(&self.root) {
            Ok(rest) => (0, rest),
            Err(_) => (self.descriptors[&folder], path),
        };
        let names = rest.components().map(|name| name.as_os_str().to_str().unwrap().to_owned());
        (inode, names.filter(|name| name != ".").collect())
    }
}

impl NameChange {
    /// The folder whose sync makes it durable.
    fn folder(&self) -> usize {
        self.put.as_ref().map(|put| put.0).or(self.remove.as_ref().map(|name| name.0)).unwrap()
    }

    fn apply(&self, names: &mut Names) {
        if let Some((folder, name)) = &self.remove {
            names.entry(*folder).or_default().remove(name);
        }
        if let Some((folder, name, inode)) = &self.put {
            names.entry(*folder).or_default().insert(name.clone(), *inode);
        }
    }
}

impl Data {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write_at(content, *offset, bytes),
            Self::Length(length) => content.resize(*length, 0),
        }
    }
}

impl File {
    /// Makes durable what was written before. True if there was anything.
    fn sync(&mut self, began: u64) -> bool {
        let synced = self.unsynced.iter().take_while(|change| change.at < began).count();
        self.unsynced.drain(..synced).for_each(|change| change.what.apply(&mut self.durable));
        synced > 0
    }

    fn after_cut(&self, fate: Fate, rng: &mut Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        for change in &self.unsynced {
            match &change.what {
                Data::Write { offset, bytes } if fate.is_torn => {
                    let mut from = 0;
                    while from < bytes.len() {
                        // Sectors begin where the disk has them, not where the write begins.
                        let until = ((offset + from) / SECTOR + 1) * SECTOR - offset;
                        let until = until.min(bytes.len());
                        if rng.u32(..100) < fate.kept {
                            write_at(&mut content, offset + from, &bytes[from..until]);
                        }
                        from = until;
                    }
                }
                what => {
                    if rng.u32(..100) < fate.kept {
                        what.apply(&mut content);
                    }
                }
            }
        }
        if fate.is_short && content.len() > self.durable.len() {
            content.truncate(rng.usize(self.durable.len()..=content.len()));
        }
        content
    }
}

fn write_at(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}
