//! The entries of the recorder's log, in the order in which the calls were made.

/// One system call. Descriptors are those of the recorded process.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    Open {
        descriptor: i64,
        flags: i64,
        folder: i64,
        path: &'a str,
    },
    Close {
        descriptor: i64,
    },
    Duplicate {
        old: i64,
        new: i64,
    },
    Write {
        descriptor: i64,
        offset: usize,
        bytes: &'a [u8],
    },
    Truncate {
        descriptor: i64,
        length: usize,
    },
    /// Space was allocated up to this length; the file grows to it unless `keeps_size`.
    Allocate {
        descriptor: i64,
        keeps_size: bool,
        until: usize,
    },
    Rename {
        folder: i64,
        from: &'a str,
        to_folder: i64,
        to: &'a str,
    },
    Link {
        folder: i64,
        from: &'a str,
        to_folder: i64,
        to: &'a str,
    },
    Unlink {
        folder: i64,
        path: &'a str,
    },
    MakeFolder {
        folder: i64,
        path: &'a str,
    },
    /// A sync begins.
    SyncBegins {
        descriptor: i64,
        kind: SyncKind,
        number: i64,
    },
    /// The sync with this number has ended, well or with an error.
    SyncEnds {
        number: i64,
        is_good: bool,
    },
    /// Bytes were sent to a device.
    Sent {
        descriptor: i64,
        bytes: &'a [u8],
    },
    /// A call that changes files in a way that is not recorded.
    Unknown {
        what: &'a str,
    },
}

/// What a sync makes durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SyncKind {
    /// fsync: a file or folder.
    Whole,
    /// fdatasync: a file's content and what is needed to find it.
    Content,
    /// syncfs: everything.
    FileSystem,
}

/// The entries of a log. An entry that a killed process did not finish is left out.
pub(crate) fn entries(log: &[u8]) -> Vec<Entry<'_>> {
    const HEADER: usize = 32;
    let mut entries = Vec::new();
    let mut rest = log;
    while let Some((header, behind)) = rest.split_at_checked(HEADER) {
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let long = |at: usize| i64::from_le_bytes(header[at..at + 8].try_into().unwrap());
        let Some((payload, behind)) = behind.split_at_checked(word(0) as usize) else { break };
        entries.push(entry(word(4), [long(8), long(16), long(24)], payload));
        rest = behind;
    }
    entries
}

/// Keep the numbers in step with `enum op` in recorder.c.
fn entry(op: u32, [a, b, c]: [i64; 3], payload: &[u8]) -> Entry<'_> {
    let text = || std::str::from_utf8(payload).unwrap();
    let names = || text().split_once('\0').unwrap();
    let size = |number: i64| usize::try_from(number).unwrap();
    match op {
        1 => Entry::Open { descriptor: a, flags: b, folder: c, path: text() },
        2 => Entry::Close { descriptor: a },
        3 => Entry::Duplicate { old: a, new: b },
        4 => Entry::Write { descriptor: a, offset: size(b), bytes: payload },
        5 => Entry::Truncate { descriptor: a, length: size(b) },
        6 => {
            let length = i64::from_le_bytes(payload.try_into().unwrap());
            assert!(b & !1 == 0, "fallocate with mode {b} is not understood here");
            Entry::Allocate { descriptor: a, keeps_size: b & 1 != 0, until: size(c + length) }
        }
        7 => Entry::Rename { folder: a, from: names().0, to_folder: b, to: names().1 },
        8 => Entry::Unlink { folder: a, path: text() },
        9 => Entry::MakeFolder { folder: a, path: text() },
        10 => Entry::Link { folder: a, from: names().0, to_folder: b, to: names().1 },
        11 => {
            let kind = [SyncKind::Whole, SyncKind::Content, SyncKind::FileSystem][usize::try_from(b).unwrap()];
            Entry::SyncBegins { descriptor: a, kind, number: c }
        }
        12 => Entry::SyncEnds { number: c, is_good: b == 0 },
        13 => Entry::Sent { descriptor: a, bytes: payload },
        _ => Entry::Unknown { what: text() },
    }
}
