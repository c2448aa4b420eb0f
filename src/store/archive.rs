//! An archive of a store: a stream of frames, in which every byte is checked and an end tells that nothing is missing.
//!
//! A frame is its length (4 bytes), its kind (1), a CRC-32 (4) of its number in the archive, its kind and its payload,
//! and its payload. The frames' numbers are not written: a frame that is missing, or is there twice, makes all behind it
//! wrong. Numbers have their lowest byte first.
//!
//! | kind | payload |
//! | --- | --- |
//! | begin | format of archives, version of anomalyd, time, record of what the store was made with |
//! | entries | table, then key and value of each entry |
//! | file | path in the store's folder, place in the file, bytes; a file has its frames one after the other |
//! | end | how many frames, entries and bytes of files there are before it |

use std::io::{self, Read, Write};
use std::path::{Component, Path};

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::time::Timestamp;

const FORMAT: u64 = 1;
const HEADER_BYTES: usize = 9;
/// The size at which a frame of entries is written, in bytes.
const FRAME_BYTES: usize = 256 << 10;
/// The largest frame, in bytes: the last entry of a frame may go beyond the size at which it is written.
const MAX_FRAME_BYTES: usize = FRAME_BYTES + (128 << 10);
/// The longest path of a file in a store, in bytes.
const MAX_PATH_BYTES: usize = 1 << 10;

const BEGIN: u8 = 1;
const ENTRIES: u8 = 2;
const FILE: u8 = 3;
const END: u8 = 4;

/// Why an archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A frame is not as it was written.
    #[error("it is damaged {bytes} bytes after its beginning; take another backup")]
    Damaged {
        /// Where the frame begins.
        bytes: u64,
    },
    /// It has no end.
    #[error("it ends after {bytes} bytes, before it is complete; take another backup")]
    CutShort {
        /// How many bytes of it are sound.
        bytes: u64,
    },
    /// A later version wrote it.
    #[error(
        "it has format {found} of backups, and this anomalyd reads format {FORMAT}; use the version that made it ({version})"
    )]
    OtherFormat {
        /// The format.
        found: u64,
        /// The version that wrote it.
        version: String,
    },
}

/// What an archive says at its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveOrigin {
    /// The version of anomalyd that wrote it.
    pub version: String,
    /// When it was begun.
    pub made: Timestamp,
    /// The record of what the store was made with.
    pub(super) settings: Vec<u8>,
}

/// How much an archive holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArchiveContent {
    frames: u64,
    /// Entries of the database.
    pub entries: u64,
    /// Bytes of files beside the database.
    pub file_bytes: u64,
}

/// Writes an archive.
pub(super) struct ArchiveWriter<W> {
    out: W,
    content: ArchiveContent,
    /// The table of the entries that wait for their frame, and the frame.
    waiting: Option<(String, Encoder)>,
}

impl<W: Write> ArchiveWriter<W> {
    pub(super) fn begin(out: W, origin: &ArchiveOrigin) -> io::Result<Self> {
        let mut writer = Self { out, content: ArchiveContent::default(), waiting: None };
        let mut payload = Encoder::default();
        payload.unsigned(FORMAT);
        payload.blob(origin.version.as_bytes());
        payload.signed(origin.made.nanos());
        payload.blob(&origin.settings);
        writer.frame(BEGIN, &payload.into_bytes())?;
        Ok(writer)
    }

    pub(super) fn entry(&mut self, table: &str, key: &[u8], value: &[u8]) -> io::Result<()> {
        if self.waiting.as_ref().is_some_and(|(other, frame)| other != table || frame.len() >= FRAME_BYTES) {
            self.flush_entries()?;
        }
        let (_, frame) = self.waiting.get_or_insert_with(|| {
            let mut frame = Encoder::default();
            frame.blob(table.as_bytes());
            (table.to_owned(), frame)
        });
        frame.blob(key);
        frame.blob(value);
        self.content.entries += 1;
        Ok(())
    }

    /// Writes the first `length` bytes of a file; a file that is shorter than that is written as far as it goes.
    pub(super) fn file(&mut self, path: &str, file: &mut dyn Read, length: u64) -> io::Result<()> {
        self.flush_entries()?;
        let mut file = file.take(length);
        let mut offset = 0_u64;
        loop {
            let mut bytes = Vec::new();
            (&mut file).take(FRAME_BYTES as u64).read_to_end(&mut bytes)?;
            if bytes.is_empty() && offset > 0 {
                return Ok(());
            }
            let mut frame = Encoder::default();
            frame.blob(path.as_bytes());
            frame.unsigned(offset);
            frame.raw(&bytes);
            self.frame(FILE, &frame.into_bytes())?;
            offset += bytes.len() as u64;
            self.content.file_bytes += bytes.len() as u64;
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<ArchiveContent> {
        self.flush_entries()?;
        let ArchiveContent { frames, entries, file_bytes } = self.content;
        let mut payload = Encoder::default();
        [frames, entries, file_bytes].into_iter().for_each(|count| payload.unsigned(count));
        self.frame(END, &payload.into_bytes())?;
        self.out.flush()?;
        Ok(ArchiveContent { frames, entries, file_bytes })
    }

    fn flush_entries(&mut self) -> io::Result<()> {
        match self.waiting.take() {
            Some((_, frame)) => self.frame(ENTRIES, &frame.into_bytes()),
            None => Ok(()),
        }
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(|_| io::Error::other("a frame of an archive is too long"))?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&checksum(self.content.frames, kind, payload).to_le_bytes())?;
        self.out.write_all(payload)?;
        self.content.frames += 1;
        Ok(())
    }
}

/// What an archive holds, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ArchiveItem<'a> {
    /// An entry of the database.
    Entry { table: &'a str, key: &'a [u8], value: &'a [u8] },
    /// Bytes of a file. The path is relative, and leads nowhere but down.
    FileBytes { path: &'a str, offset: u64, bytes: &'a [u8] },
}

/// Reads an archive to its end, and hands what it holds to `each`, which may return an error of its own. When this fails,
/// the caller must throw away what it has made of the archive so far.
pub(super) fn read<E: From<ArchiveError>>(
    input: impl Read,
    begin: impl FnOnce(&ArchiveOrigin) -> Result<(), E>,
    mut each: impl FnMut(ArchiveItem<'_>) -> Result<(), E>,
) -> Result<(ArchiveOrigin, ArchiveContent), E> {
    let mut frames = FrameReader { input, frames: 0, bytes: 0, at: 0 };
    let (kind, payload) = frames.next()?;
    let origin = match kind {
        BEGIN => read_origin(&payload).map_err(|problem| problem.unwrap_or(frames.damaged()))?,
        _ => return Err(frames.damaged().into()),
    };
    begin(&origin)?;
    let mut content = ArchiveContent { frames: 1, ..ArchiveContent::default() };
    loop {
        let (kind, payload) = frames.next()?;
        let damaged = |Corrupt| frames.damaged();
        let mut decoder = Decoder::new(&payload);
        match kind {
            ENTRIES => {
                let table = decoder.text().map_err(damaged)?;
                while !decoder.is_at_end() {
                    let key = decoder.blob().map_err(damaged)?;
                    each(ArchiveItem::Entry { table, key, value: decoder.blob().map_err(damaged)? })?;
                    content.entries += 1;
                }
            }
            FILE => {
                let path = decoder.text().map_err(damaged)?;
                let offset = decoder.unsigned().map_err(damaged)?;
                if !leads_down(path) {
                    return Err(frames.damaged().into());
                }
                let bytes = decoder.rest();
                each(ArchiveItem::FileBytes { path, offset, bytes })?;
                content.file_bytes += bytes.len() as u64;
            }
            END => {
                let mut count = || decoder.unsigned().map_err(damaged);
                let said = ArchiveContent { frames: count()?, entries: count()?, file_bytes: count()? };
                return if said == content { Ok((origin, content)) } else { Err(frames.damaged().into()) };
            }
            _ => return Err(frames.damaged().into()),
        }
        content.frames += 1;
    }
}

/// `None` for what is damaged.
fn read_origin(payload: &[u8]) -> Result<ArchiveOrigin, Option<ArchiveError>> {
    let damaged = |Corrupt| None;
    let mut decoder = Decoder::new(payload);
    let format = decoder.unsigned().map_err(damaged)?;
    let version = decoder.text().map_err(damaged)?.to_owned();
    if format != FORMAT {
        return Err(Some(ArchiveError::OtherFormat { found: format, version }));
    }
    let made = Timestamp::from_nanos(decoder.signed().map_err(damaged)?);
    Ok(ArchiveOrigin { version, made, settings: decoder.blob().map_err(damaged)?.to_vec() })
}

/// Whether a path leads from a folder to something in it.
fn leads_down(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= MAX_PATH_BYTES
        && Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

struct FrameReader<R> {
    input: R,
    /// How many frames were read.
    frames: u64,
    /// How many bytes were read.
    bytes: u64,
    /// Where the last frame begins.
    at: u64,
}

impl<R: Read> FrameReader<R> {
    fn next(&mut self) -> Result<(u8, Vec<u8>), ArchiveError> {
        self.at = self.bytes;
        let mut header = [0; HEADER_BYTES];
        self.fill(&mut header)?;
        let [a, b, c, d, kind, e, f, g, h] = header;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_FRAME_BYTES {
            return Err(self.damaged());
        }
        let mut payload = vec![0; length];
        self.fill(&mut payload)?;
        if checksum(self.frames, kind, &payload) != u32::from_le_bytes([e, f, g, h]) {
            return Err(self.damaged());
        }
        self.frames += 1;
        Ok((kind, payload))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.input.read_exact(buffer).map_err(|problem| match problem.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::CutShort { bytes: self.at },
            _ => ArchiveError::Io(problem),
        })?;
        self.bytes += buffer.len() as u64;
        Ok(())
    }

    fn damaged(&self) -> ArchiveError {
        ArchiveError::Damaged { bytes: self.at }
    }
}

fn checksum(number: u64, kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin() -> ArchiveOrigin {
        ArchiveOrigin { version: "1.2.3".to_owned(), made: Timestamp::from_nanos(5), settings: vec![1, 2] }
    }

    fn archive(entries: &[(u8, Vec<u8>, Vec<u8>)], files: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = ArchiveWriter::begin(&mut bytes, &origin()).unwrap();
        for (table, key, value) in entries {
            writer.entry(&format!("table-{table}"), key, value).unwrap();
        }
        for (number, file) in files.iter().enumerate() {
            writer.file(&format!("journal/{number}"), &mut &file[..], u64::MAX).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    type Content = (Vec<(u8, Vec<u8>, Vec<u8>)>, Vec<Vec<u8>>);

    fn content(bytes: &[u8]) -> Result<Content, ArchiveError> {
        let (mut entries, mut files) = (Vec::new(), Vec::<Vec<u8>>::new());
        let (read_origin, _) = read(
            bytes,
            |_| Ok::<_, ArchiveError>(()),
            |item| {
                match item {
                    ArchiveItem::Entry { table, key, value } => {
                        let table = table.strip_prefix("table-").unwrap().parse().unwrap();
                        entries.push((table, key.to_vec(), value.to_vec()));
                    }
                    ArchiveItem::FileBytes { path, offset, bytes } => {
                        let number: usize = path.strip_prefix("journal/").unwrap().parse().unwrap();
                        files.resize(files.len().max(number + 1), Vec::new());
                        assert_eq!(files[number].len() as u64, offset);
                        files[number].extend_from_slice(bytes);
                    }
                }
                Ok(())
            },
        )?;
        assert_eq!(read_origin, origin());
        Ok((entries, files))
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..40)
    }

    proptest! {
        #[test]
        fn an_archive_gives_back_what_went_into_it_or_an_error(
            entries in prop::collection::vec((0..3_u8, bytes(), bytes()), 0..20),
            files in prop::collection::vec(bytes(), 0..4),
            at in any::<prop::sample::Index>(), flipped in 1..=255_u8,
        ) {
            let mut bytes = archive(&entries, &files);
            prop_assert_eq!(content(&bytes).unwrap(), (entries, files));
            let at = at.index(bytes.len());
            let is_cut_short = matches!(content(&bytes[..at]), Err(ArchiveError::CutShort { .. }));
            prop_assert!(is_cut_short);
            bytes[at] ^= flipped;
            prop_assert!(content(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(content(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_large_takes_several_frames() {
        let file = vec![7; 3 * FRAME_BYTES + 5];
        let entries: Vec<_> = (0..100).map(|key| (0, vec![key], vec![key; 24 << 10])).collect();
        let bytes = archive(&entries, std::slice::from_ref(&file));
        assert_eq!(content(&bytes).unwrap(), (entries, vec![file]));
    }

    #[test]
    fn a_frame_in_anothers_place_is_damage() {
        let bytes = archive(&[], &[vec![1; 100], vec![2; 100]]);
        let length_at = |at: usize| HEADER_BYTES + u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
        let first = length_at(0);
        let second = first + length_at(first);
        let end = second + length_at(second);
        let frames = [&bytes[..first], &bytes[first..second], &bytes[second..end], &bytes[end..]];
        assert!(content(&frames.concat()).is_ok());
        let [begin, one, other, end] = frames;
        for damaged in [[begin, other, one, end].concat(), [begin, one, end].concat(), [begin, one, one, end].concat()]
        {
            assert!(content(&damaged).is_err());
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in ["", "/etc/passwd", "../other", "journal/../../x", "./x"] {
            let mut bytes = Vec::new();
            let mut writer = ArchiveWriter::begin(&mut bytes, &origin()).unwrap();
            writer.file(path, &mut &b"x"[..], 1).unwrap();
            writer.finish().unwrap();
            assert!(matches!(content(&bytes), Err(ArchiveError::Damaged { .. })), "{path}");
        }
    }
}
