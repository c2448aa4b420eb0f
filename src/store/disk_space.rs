//! How much of a disk is free, and how much of it something takes.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::statvfs;

/// How many bytes are free for this process on the disk of a file or folder.
///
/// # Errors
/// When the system does not tell.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// How many bytes the disk of a file or folder holds in all.
///
/// # Errors
/// When the system does not tell.
pub fn total_bytes(path: &Path) -> io::Result<u64> {
    let disk = statvfs(path)?;
    Ok(disk.f_blocks.saturating_mul(disk.f_frsize))
}

/// How many bytes of the disk a file takes, or a folder with all that is in it. Links are not followed. What cannot be
/// looked at, because it was removed meanwhile, takes nothing.
pub fn bytes_on_disk(path: &Path) -> u64 {
    const BLOCK_BYTES: u64 = 512;
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let own = metadata.blocks() * BLOCK_BYTES;
    if !metadata.is_dir() {
        return own;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| bytes_on_disk(&entry.path())).sum::<u64>()
}

/// Whether a write failed because the disk, or the user's share of it, is full.
pub(super) fn is_full(problem: &io::Error) -> bool {
    matches!(problem.kind(), io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull)
}
