//! What this process has written to disks, as the kernel counts it.

use std::fs;

/// Bytes that the process caused to be written since its start, in whole pages, and less what was removed before it came
/// to a disk; none where the kernel does not count it. What a flash card writes may be more, by what its own blocks add.
pub fn written_bytes() -> Option<u64> {
    let counts = fs::read_to_string("/proc/self/io").ok()?;
    let number = |name| counts.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(number("write_bytes:")?.saturating_sub(number("cancelled_write_bytes:").unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_counted_in_whole_pages() {
        // On the disk of the build, since a folder of temporary files may be in memory.
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let before = written_bytes().unwrap();
        std::io::Write::write_all(&mut &file, &[1]).unwrap();
        file.sync_all().unwrap();
        assert!(written_bytes().unwrap() >= before + 4096);
    }
}
