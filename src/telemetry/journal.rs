//! The journal of systemd: whether standard error leads to it, and how a line tells it its priority.
//!
//! The journal notes the time of each line itself. It takes a number in angle brackets at the beginning of a line as
//! its priority (`sd-daemon(3)`), which `journalctl -p warning` and the colours of a terminal use.

use std::env;
use std::io::{self, Write};
use std::os::fd::AsFd;

use crate::printable::{PrintableWriter, Style};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How urgent a line is, as `syslog(3)` counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Priority {
    /// Something failed.
    Error = 3,
    /// Something is odd.
    Warning = 4,
    /// Something happened.
    Info = 6,
    /// For a developer who looks for a fault.
    Debug = 7,
}

impl From<&Level> for Priority {
    fn from(level: &Level) -> Self {
        match *level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            Level::DEBUG | Level::TRACE => Self::Debug,
        }
    }
}

/// Whether standard error leads to the journal, which is so when it is the stream that `JOURNAL_STREAM` names. The
/// variable alone proves nothing, because child processes inherit it while their output may go elsewhere.
pub fn is_standard_error() -> bool {
    env::var("JOURNAL_STREAM").is_ok_and(|named| is_stream(&named, io::stderr()))
}

/// Whether standard output does.
pub fn is_standard_output() -> bool {
    env::var("JOURNAL_STREAM").is_ok_and(|named| is_stream(&named, io::stdout()))
}

/// Whether a file is the one that is named by its device and inode.
fn is_stream(named: &str, file: impl AsFd) -> bool {
    let named = named.split_once(':').and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
    let stat = rustix::fs::fstat(file).ok().map(|stat| (stat.st_dev, stat.st_ino));
    named.is_some_and(|named: (u64, u64)| Some(named) == stat)
}

/// The text with its priority at the beginning of each line, because the journal takes each line as an entry of its
/// own.
pub fn marked(priority: Priority, text: &str) -> String {
    let number = priority as u8;
    text.lines().map(|line| format!("<{number}>{line}\n")).collect()
}

/// Makes the lines of log events for the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct JournalLines(pub(super) Style);

/// The line of one event. It is written whole when this value is dropped, so that no other line comes in between.
#[derive(Debug)]
pub(super) struct JournalLine {
    priority: Priority,
    style: Style,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for JournalLines {
    type Writer = JournalLine;

    fn make_writer(&'a self) -> JournalLine {
        JournalLine { priority: Priority::Info, style: self.0, text: Vec::new() }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> JournalLine {
        JournalLine { priority: event.level().into(), style: self.0, text: Vec::new() }
    }
}

impl Write for JournalLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for JournalLine {
    fn drop(&mut self) {
        let mut line = Vec::new();
        let text = marked(self.priority, &String::from_utf8_lossy(&self.text));
        // A failure is ignored: there is no other place to report that the log cannot be written.
        let _ = PrintableWriter::new(&mut line, self.style).write_all(text.as_bytes());
        let _ = io::stderr().write_all(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_stream_is_known_by_its_device_and_inode() {
        let file = tempfile::tempfile().unwrap();
        let (device, inode) = (file.metadata().unwrap().dev(), file.metadata().unwrap().ino());
        assert!(is_stream(&format!("{device}:{inode}"), &file));
        for other in [format!("{device}:{}", inode + 1), format!("{}:{inode}", device + 1), "7".into(), "a:b".into()] {
            assert!(!is_stream(&other, &file), "{other}");
        }
    }

    #[test]
    fn each_line_has_its_priority() {
        assert_eq!(marked(Priority::Error, "two mistakes\nconfig.toml:3"), "<3>two mistakes\n<3>config.toml:3\n");
        assert_eq!(marked(Priority::from(&Level::TRACE), "x\n"), "<7>x\n");
    }
}
