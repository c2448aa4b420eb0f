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
}

/// The kernel counts processor time in hundredths of a second, on every machine that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

impl Process {
    pub(crate) fn usage(self) -> Usage {
        let stat = self.read("stat");
        // The name, in brackets, may hold anything; utime and stime are the 12th and 13th field behind it.
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name in stat").1.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("a number of ticks");
        let cpu = Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS_PER_SECOND);
        Usage { cpu, written: number_behind(&self.read("io"), "write_bytes:") }
    }

    /// Resident memory now, in bytes.
    pub(crate) fn resident(self) -> u64 {
        number_behind(&self.read("status"), "VmRSS:") << 10
    }

    /// The most resident memory so far, in bytes.
    pub(crate) fn peak_resident(self) -> u64 {
        number_behind(&self.read("status"), "VmHWM:") << 10
    }

    fn read(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).expect("the process lives")
    }
}

fn number_behind(text: &str, label: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label)).expect("a line of the kernel's");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}
