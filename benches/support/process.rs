//! What the kernel says of a process: memory, processor time, bytes written.

use std::fs;
use std::time::Duration;

/// A process to be looked at.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

/// What a process has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Bytes that went towards a disk.
    pub(crate) written: u64,
    /// Bytes that came from a disk, and not from the page cache.
    pub(crate) read: u64,
}

impl Usage {
    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, written: self.written - before.written, read: self.read - before.read }
    }
}

/// The kernel counts processor time in hundredths of a second, on every machine that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

impl Process {
    pub(crate) fn usage(self) -> Usage {
        let stat = self.read("stat").expect("the process lives");
        // The name, in brackets, may hold anything; utime and stime are the 12th and 13th field behind it.
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name in stat").1.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("a number of ticks");
        let cpu = Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS_PER_SECOND);
        let io = self.read("io").expect("the process is ours");
        let number = |label| number_behind(&io, label).expect("a number of bytes");
        Usage { cpu, written: number("write_bytes:"), read: number("read_bytes:") }
    }

    /// Resident memory now, in bytes; `None` when the process has ended.
    pub(crate) fn resident(self) -> Option<u64> {
        Some(number_behind(&self.read("status")?, "VmRSS:")? << 10)
    }

    /// The most resident memory so far, in bytes; `None` when the process has ended.
    pub(crate) fn peak_resident(self) -> Option<u64> {
        Some(number_behind(&self.read("status")?, "VmHWM:")? << 10)
    }

    fn read(self, file: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).ok()
    }
}

fn number_behind(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}
