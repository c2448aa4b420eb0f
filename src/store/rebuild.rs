//! A new store beside the old one, and the swap of the two.
//!
//! Whoever makes a store anew, because it is repaired, restored, upgraded or cut otherwise, writes it into the folder
//! `rebuild` in the store's folder. When all of it is on the disk, `rebuild` is renamed to `rebuilt`: before this the old
//! store is whole, and what is in `rebuild` is thrown away; after this the new store is whole, and the rest of the swap
//! is done, at the next start if a crash came between. The old store goes to a folder `replaced-` and the time, and is
//! kept until an operator removes it (`set_aside.rs`).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::store::set_aside::{self, AsideCause};
use crate::store::{StoreError, side_file};

const IN_THE_MAKING: &str = "rebuild";
const READY: &str = "rebuilt";
/// The file in the new store that says what is swapped, and where the old store goes.
const PLAN: &str = "plan";

/// What a store consists of, by the names in its folder. The lock stays, and so do stores that were set aside.
pub(super) const PIECES: [&str; 7] = ["data", "names", "journal", "history", "models", "format", "damaged"];

/// A store in the making. Its maker holds the lock of the store's folder.
#[derive(Debug)]
pub(super) struct Rebuild {
    directory: PathBuf,
}

impl Rebuild {
    /// Begins a new store for the store's folder `directory`, in an empty folder.
    ///
    /// # Errors
    /// When the folder cannot be used, or as many replaced stores lie in it as may.
    pub(super) fn begin(directory: &Path) -> Result<Self, StoreError> {
        complete(directory)?;
        set_aside::check_replaced(directory)?;
        fs::create_dir(directory.join(IN_THE_MAKING)).map_err(refused(directory))?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// The folder of the new store.
    pub(super) fn folder(&self) -> PathBuf {
        self.directory.join(IN_THE_MAKING)
    }

    /// Puts the new store in the place of the old one. Of the old store, the pieces named in `replaced` make way, whether
    /// the new store has them or not; all others stay. Returns where the old pieces are now; `None` when there were none.
    ///
    /// Whatever is open in the new store must be closed before.
    pub(super) fn finish(self, replaced: &[&str]) -> Result<Option<PathBuf>, StoreError> {
        let Self { directory } = self;
        let refused = refused(&directory);
        let folder = directory.join(IN_THE_MAKING);
        let has = |folder: &Path, piece: &str| fs::symlink_metadata(folder.join(piece)).is_ok();
        let aside = AsideCause::Replaced.name_of_now();
        let mut plan = format!("aside {aside}\n");
        for piece in PIECES.into_iter().filter(|piece| replaced.contains(piece)) {
            let deed = if has(&folder, piece) { "replace" } else { "remove" };
            plan.push_str(&format!("{deed} {piece}\n"));
        }
        let had_any = replaced.iter().any(|piece| has(&directory, piece));
        // Its last line tells that none is missing.
        plan.push_str("end\n");
        side_file::write(&folder.join(PLAN), plan.as_bytes()).map_err(refused)?;
        hand_over(&directory).map_err(refused)?;
        sync_tree(&folder).map_err(refused)?;
        fs::rename(&folder, directory.join(READY)).map_err(refused)?;
        sync_folder(&directory).map_err(refused)?;
        complete(&directory)?;
        Ok(had_any.then(|| directory.join(aside)))
    }
}

/// Whether a swap was cut off, so that the pieces of two stores are mixed until [`complete`] is called.
pub(super) fn is_pending(directory: &Path) -> bool {
    directory.join(READY).exists()
}

/// Completes a swap that was cut off, and removes a new store that was never finished. To be called by whoever holds the
/// store's lock, before anything in the store's folder is opened.
pub(super) fn complete(directory: &Path) -> Result<(), StoreError> {
    let refused = refused(directory);
    match fs::remove_dir_all(directory.join(IN_THE_MAKING)) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(refused(problem)),
        _ => {}
    }
    let ready = directory.join(READY);
    if is_pending(directory) {
        // Without its plan, all of it was carried out, and only the folder is left.
        match side_file::read(&ready.join(PLAN)) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
            plan => carry_out(&plan.map_err(refused)?, directory).map_err(refused)?,
        }
        fs::remove_dir(&ready).map_err(refused)?;
        sync_folder(directory).map_err(refused)?;
    }
    Ok(())
}

/// Moves the pieces. Each step is done once, however often this is begun.
fn carry_out(plan: &[u8], directory: &Path) -> io::Result<()> {
    let ready = directory.join(READY);
    let plan = SwapPlan::read(plan).ok_or_else(|| {
        let problem = format!(
            "{} is damaged; the new store is in {}, the old one beside it or in a folder replaced-…: move the one \
             that is wanted into the store's folder by hand",
            ready.join(PLAN).display(),
            ready.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })?;
    let aside = directory.join(plan.aside);
    let move_aside = |piece: &str| -> io::Result<()> {
        if directory.join(piece).try_exists()? {
            match fs::create_dir(&aside) {
                Err(problem) if problem.kind() != io::ErrorKind::AlreadyExists => return Err(problem),
                _ => sync_folder(directory)?,
            }
            fs::rename(directory.join(piece), aside.join(piece))?;
            sync_folder(&aside)?;
            sync_folder(directory)?;
        }
        Ok(())
    };
    plan.removed.iter().try_for_each(|piece| move_aside(piece))?;
    for piece in plan.replaced {
        if ready.join(piece).try_exists()? {
            move_aside(piece)?;
            fs::rename(ready.join(piece), directory.join(piece))?;
            sync_folder(directory)?;
            sync_folder(&ready)?;
        }
    }
    fs::remove_file(ready.join(PLAN))?;
    sync_folder(&ready)
}

/// What a swap does.
struct SwapPlan<'a> {
    /// The folder for the old pieces.
    aside: &'a str,
    /// The pieces that the new store has.
    replaced: Vec<&'a str>,
    /// The pieces that it lacks and the old one may have.
    removed: Vec<&'a str>,
}

impl<'a> SwapPlan<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let aside = lines.next()?.strip_prefix("aside ")?;
        let time = AsideCause::Replaced.time_in(aside)?;
        if time.is_empty() || !time.chars().all(|character| character.is_ascii_alphanumeric()) {
            return None;
        }
        let mut plan = Self { aside, replaced: Vec::new(), removed: Vec::new() };
        loop {
            match lines.next()?.split_once(' ') {
                Some(("replace", piece)) if PIECES.contains(&piece) => plan.replaced.push(piece),
                Some(("remove", piece)) if PIECES.contains(&piece) => plan.removed.push(piece),
                None => return Some(plan),
                Some(_) => return None,
            }
        }
    }
}

/// Gives what was made in the store's folder to the owner of that folder: an administrator makes the new store, and the
/// daemon has to write to it.
fn hand_over(directory: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(directory)?;
    let mut paths = vec![directory.join(IN_THE_MAKING)];
    paths.extend(Some(directory.join("lock")).filter(|lock| lock.exists()));
    while let Some(path) = paths.pop() {
        if fs::symlink_metadata(&path)?.is_dir() {
            for entry in fs::read_dir(&path)? {
                paths.push(entry?.path());
            }
        }
        lchown(&path, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
}

/// Syncs a folder with everything in it.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// Syncs the names in a folder.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn refused(directory: &Path) -> impl Fn(io::Error) -> StoreError + Copy + '_ {
    |problem| StoreError::Directory { directory: directory.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, piece: &str, text: &str) {
        match piece {
            "format" => fs::write(folder.join(piece), text).unwrap(),
            _ => {
                fs::create_dir_all(folder.join(piece)).unwrap();
                fs::write(folder.join(piece).join("file"), text).unwrap();
            }
        }
    }

    fn read(folder: &Path, piece: &str) -> Option<String> {
        let path = folder.join(piece);
        fs::read_to_string(if path.is_dir() { path.join("file") } else { path }).ok()
    }

    /// An old store with history and without a journal, and a new one with a journal and without history.
    fn old_and_new() -> (tempfile::TempDir, Rebuild) {
        let directory = tempfile::tempdir().unwrap();
        for piece in ["data", "history", "models", "format"] {
            write(directory.path(), piece, "old");
        }
        let rebuild = Rebuild::begin(directory.path()).unwrap();
        for piece in ["data", "journal", "format"] {
            write(&rebuild.folder(), piece, "new");
        }
        (directory, rebuild)
    }

    const REPLACED: [&str; 4] = ["data", "journal", "history", "format"];

    fn assert_new(directory: &Path) {
        let of = |folder: &Path| PIECES.map(|piece| read(folder, piece));
        let [old, new] = ["old", "new"].map(|text| Some(text.to_owned()));
        assert_eq!(of(directory), [new.clone(), None, new.clone(), None, old.clone(), new, None]);
        let mut others: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        others.retain(|path| !PIECES.iter().any(|piece| path.ends_with(piece)));
        let [aside] = &others[..] else { panic!("{others:?}") };
        assert_eq!(of(aside), [old.clone(), None, None, old.clone(), None, old, None]);
    }

    #[test]
    fn the_new_store_takes_the_place_of_the_old_one_which_is_kept() {
        let (directory, rebuild) = old_and_new();
        let aside = rebuild.finish(&REPLACED).unwrap().unwrap();
        assert_new(directory.path());
        assert!(aside.join("history").exists());
    }

    #[test]
    fn a_new_store_that_was_not_finished_is_thrown_away() {
        let (directory, rebuild) = old_and_new();
        drop(rebuild);
        complete(directory.path()).unwrap();
        assert_eq!(read(directory.path(), "data").as_deref(), Some("old"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4, "nothing is left of it");
    }

    /// Every state that a crash can leave: the disk as it is before each rename, and before the removals at the end.
    #[test]
    fn a_swap_that_was_cut_off_anywhere_is_completed() {
        let steps: [&[(&str, &str)]; 7] = [
            &[],
            &[("history", "replaced-1/history")],
            &[("data", "replaced-1/data")],
            &[("rebuilt/data", "data")],
            &[("rebuilt/journal", "journal")],
            &[("format", "replaced-1/format")],
            &[("rebuilt/format", "format")],
        ];
        for cut in 0..=steps.len() {
            let (directory, rebuild) = old_and_new();
            let folder = directory.path();
            let plan = "aside replaced-1\nreplace data\nreplace journal\nremove history\nreplace format\nend\n";
            fs::write(rebuild.folder().join(PLAN), plan).unwrap();
            fs::rename(rebuild.folder(), folder.join(READY)).unwrap();
            for (from, to) in steps[..cut.min(steps.len())].iter().copied().flatten() {
                fs::create_dir_all(folder.join("replaced-1")).unwrap();
                fs::rename(folder.join(from), folder.join(to)).unwrap();
            }
            if cut == steps.len() {
                fs::remove_file(folder.join(READY).join(PLAN)).unwrap();
            }
            assert!(is_pending(folder));
            for _ in 0..2 {
                complete(folder).unwrap();
                assert_new(folder);
            }
        }
    }

    #[test]
    fn a_plan_that_is_damaged_moves_nothing() {
        for plan in
            ["", "aside ../x\nend\n", "aside replaced-1\nreplace lock\nend\n", "aside replaced-1\nremove data\n"]
        {
            let (directory, rebuild) = old_and_new();
            fs::write(rebuild.folder().join(PLAN), plan).unwrap();
            fs::rename(rebuild.folder(), directory.path().join(READY)).unwrap();
            let error = complete(directory.path()).unwrap_err().to_string();
            assert!(error.contains("rebuilt/plan is damaged"), "{error}");
            assert_eq!(read(directory.path(), "data").as_deref(), Some("old"));
        }
    }
}
