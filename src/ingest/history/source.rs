//! The bytes of a table, from a file or standard input. They are unpacked and decoded to UTF-8 as their content
//! requires.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::utf16::{Endian, Utf16};

/// Text that is read from beginning to end, in memory that does not grow with its length.
pub struct Source {
    text: BufReader<Box<dyn Read + Send>>,
    taken: Arc<AtomicU64>,
}

impl Source {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no text.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") { Self::new(io::stdin()) } else { Self::new(File::open(path)?) }
    }

    /// Reads bytes that are not from a file.
    ///
    /// # Errors
    /// When the bytes cannot be read, or are not text.
    pub fn new(bytes: impl Read + Send + 'static) -> io::Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        let (head, bytes) = peek(Counted { bytes, taken: Arc::clone(&taken) })?;
        let text = if head.starts_with(GZIP) { decode(MultiGzDecoder::new(bytes))? } else { decode(bytes)? };
        Ok(Self { text: BufReader::with_capacity(BUFFER, text), taken })
    }

    /// How many bytes were taken so far, for a progress bar. Some are taken ahead; packed bytes count as they are.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The text. It is read in whole buffers if the caller's reader has a buffer as large.
    pub(super) fn into_text(self) -> (BufReader<Box<dyn Read + Send>>, Arc<AtomicU64>) {
        (self.text, self.taken)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text.read(buffer)
    }
}

/// How much is read at once.
pub(super) const BUFFER: usize = 64 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];

/// Kinds of files that are given in the place of a table: their first bytes, what they are, and what to do.
const OTHERS: &[(&[u8], &str)] = &[
    (GZIP, "it is packed by gzip twice; unpack it once"),
    (b"PK\x03\x04", "it is an Excel workbook or a zip archive; save the sheet as CSV, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "it is a workbook of an old Excel; save the sheet as CSV"),
    (b"\xfd7zXZ", "it is packed by xz; unpack it, with: xz -dc FILE | anomalyd ... -"),
    (b"\x28\xb5\x2f\xfd", "it is packed by zstd; unpack it, with: zstd -dc FILE | anomalyd ... -"),
    (b"BZh91AY&SY", "it is packed by bzip2; unpack it, with: bzip2 -dc FILE | anomalyd ... -"),
    (b"PAR1", "it is a Parquet file; export it as CSV"),
    (b"SQLite format 3", "it is an SQLite database; export the table as CSV"),
];

/// Decodes unpacked bytes to UTF-8.
fn decode(bytes: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let (head, mut bytes) = peek(bytes)?;
    let refused = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason);
    if let Some((_, reason)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(refused(reason));
    }
    let mark = match head.get(..2) {
        Some([0xff, 0xfe]) => Some(Endian::Little),
        Some([0xfe, 0xff]) => Some(Endian::Big),
        _ => None,
    };
    if let Some(endian) = mark {
        bytes.read_exact(&mut [0; 2])?;
        return Ok(Box::new(Utf16::new(bytes, endian)));
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        bytes.read_exact(&mut [0; 3])?;
    } else if head.contains(&0) {
        return Err(refused("it is no text in UTF-8, nor in UTF-16 with a byte order mark; export it as CSV"));
    }
    Ok(Box::new(bytes))
}

/// A source from its first bytes on, which were looked at.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first bytes of a source, and a reader of the whole source.
fn peek<R: Read>(mut source: R) -> io::Result<(Vec<u8>, Whole<R>)> {
    let mut head = Vec::new();
    source.by_ref().take(16).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(source)))
}

/// Counts the bytes that are read.
struct Counted<R> {
    bytes: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Source::new(Cursor::new(bytes.to_vec()))?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn text_is_unpacked_and_decoded_by_what_it_is() {
        let text = "TS,°C,𝄞\n".repeat(20_000);
        let marked = format!("\u{feff}{text}");
        for bytes in [
            text.clone().into_bytes(),
            marked.clone().into_bytes(),
            gzip(text.as_bytes()),
            gzip(marked.as_bytes()),
            [gzip(&text.as_bytes()[..5000]), gzip(&text.as_bytes()[5000..])].concat(),
            utf16(&text, u16::to_le_bytes),
            utf16(&text, u16::to_be_bytes),
            gzip(&utf16(&text, u16::to_le_bytes)),
        ] {
            assert!(read(&bytes).unwrap() == text, "{:x?}", &bytes[..8]);
        }
        assert_eq!(read(b"").unwrap(), "");
        assert_eq!(read(b"a").unwrap(), "a");
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, says) in [
            (&b"PK\x03\x04abc"[..], "Excel workbook"),
            (b"PAR1", "Parquet"),
            (&gzip(&gzip(b"a")), "twice"),
            (b"T\0S\0,\0", "UTF-16 with a byte order mark"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let packed = gzip("TS,Value\n".repeat(100).as_bytes());
        assert!(read(&packed[..packed.len() - 9]).is_err());
    }
}
