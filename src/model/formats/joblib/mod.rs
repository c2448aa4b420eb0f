//! What `joblib.dump` writes: a pickle with the bytes of arrays between its instructions, as it is or compressed.
//!
//! The pickle machine knows such arrays; here is what is around it. The compression is told by its first bytes, as
//! joblib itself does (`compressor.py`), and undone into memory, within the limits.

use std::fmt;
use std::io::{self, Read};

use super::foreign::{self, Foreign};
use super::pickle;
use super::printable::printable;
use crate::model::Limits;
use crate::model::limits::{Exceeded, raise};

/// In an LZ4 frame's flags: a checksum of the content follows its end.
const LZ4_CHECKSUM: u8 = 1 << 2;

/// How much larger than the file its content may be. Arrays of numbers shrink little, whatever the compression; to
/// stop here ends a bomb before it has cost much time.
const MAX_GROWTH: usize = 256;

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// zlib (RFC 1950), joblib's default.
    Zlib,
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// LZMA without a container.
    Lzma,
    /// LZMA2 in the xz container.
    Xz,
    /// LZ4's frames.
    Lz4,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bz2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        })
    }
}

/// Why a compressed file was refused.
#[derive(Debug, thiserror::Error)]
pub enum JoblibError {
    /// What joblib before 0.10 wrote.
    #[error("it is of the compressed format of joblib before 0.10; load it and dump it again with a newer one")]
    Old,
    /// The compressed bytes are no such bytes.
    #[error("its {compression} data are damaged or cut off ({reason}); copy it again")]
    Damaged {
        /// The compression.
        compression: Compression,
        /// What the decoder says.
        reason: String,
    },
    /// Something else is compressed.
    #[error(
        "its {compression} data hold no pickle of protocol 2 to 5{}",
        holds.as_ref().map(|foreign| format!(", they are {foreign}")).unwrap_or_default()
    )]
    NotAPickle {
        /// The compression.
        compression: Compression,
        /// What it is, if that is known.
        holds: Option<Foreign>,
    },
    /// The content is far larger than the file, as no model's is.
    #[error(
        "its {compression} data grow more than {MAX_GROWTH}-fold, which is accepted up to {max} bytes, a sixteenth of \
         models.max_memory; if the file is honest, {}",
        raise("max_memory")
    )]
    Bomb {
        /// The compression.
        compression: Compression,
        /// What is accepted of such a file, in bytes.
        max: usize,
    },
    /// The file is large, and of a compression that takes long to undo.
    #[error(
        "it has more than {max} bytes of {compression} data, which are slow to undo: dump it with compress=3 (zlib); or, \
         if the file is honest, {}, which is {share} times what is accepted",
        raise("max_memory")
    )]
    Slow {
        /// The compression.
        compression: Compression,
        /// What is accepted of such a file, in bytes.
        max: usize,
        /// How many times that is in the memory that a file may take.
        share: usize,
    },
    /// A bound was reached.
    #[error(transparent)]
    Limit(#[from] Exceeded),
}

impl Compression {
    /// The compression that a file begins as.
    pub(super) fn recognise(bytes: &[u8]) -> Option<Self> {
        Some(match *bytes {
            // The two bytes of zlib are a multiple of 31, and the first says deflate with a window of at most 32 KiB.
            [0x78, second, ..] if (0x7800 | u16::from(second)) % 31 == 0 => Self::Zlib,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0x5d, 0, ..] => Self::Lzma,
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Xz,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            _ => return None,
        })
    }

    /// Undoes the compression. What stands behind its end is not looked at, as in Python.
    ///
    /// # Errors
    /// When the bytes are damaged, hold no pickle, or take more memory than is allowed.
    pub(super) fn decompress(self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, JoblibError> {
        let damaged =
            |error: io::Error| JoblibError::Damaged { compression: self, reason: printable(&error.to_string()) };
        if let Some(share) = self.slowness() {
            let max = limits.memory_bytes / share;
            if bytes.len() > max {
                return Err(JoblibError::Slow { compression: self, max, share });
            }
        }
        match self {
            Self::Zlib => self.take(bytes.len(), flate2::bufread::ZlibDecoder::new(bytes), limits),
            Self::Gzip => self.take(bytes.len(), flate2::bufread::GzDecoder::new(bytes), limits),
            Self::Bzip2 => self.take(bytes.len(), bzip2::bufread::BzDecoder::new(bytes), limits),
            Self::Lz4 => {
                let mut decoder = lz4_flex::frame::FrameDecoder::new(bytes);
                let output = self.take(bytes.len(), &mut decoder, limits)?;
                // The decoder takes a frame that lacks its end, a block of size zero, for a whole one.
                let frame = &bytes[..bytes.len() - decoder.get_ref().len()];
                let checksum = if bytes.get(4).is_some_and(|flags| flags & LZ4_CHECKSUM != 0) { 4 } else { 0 };
                match frame.split_at_checked(frame.len().saturating_sub(checksum)) {
                    Some((blocks, _)) if blocks.ends_with(&[0; 4]) => Ok(output),
                    _ => Err(damaged(io::ErrorKind::UnexpectedEof.into())),
                }
            }
            Self::Xz => self.take(bytes.len(), lzma_rust2::XzReader::new(bytes, false), limits),
            Self::Lzma => {
                let reader = lzma_rust2::LzmaReader::new_mem_limit(bytes, u32::MAX, None).map_err(damaged)?;
                self.take(bytes.len(), reader, limits)
            }
        }
    }

    /// What share of the memory a file of a slow compression may be: a byte of bzip2 takes some 70 ns, one of LZMA 35,
    /// and a file must be refused within a twentieth of a second.
    fn slowness(self) -> Option<usize> {
        match self {
            Self::Bzip2 => Some(64),
            Self::Lzma | Self::Xz => Some(32),
            Self::Zlib | Self::Gzip | Self::Lz4 => None,
        }
    }

    fn take(self, packed: usize, mut reader: impl Read, limits: &Limits) -> Result<Vec<u8>, JoblibError> {
        let damaged =
            |error: io::Error| JoblibError::Damaged { compression: self, reason: printable(&error.to_string()) };
        let mut first = [0];
        reader.read_exact(&mut first).map_err(damaged)?;
        // To look at the first byte before the rest refuses most bombs at once.
        if !pickle::recognise(&first) {
            let mut head = first.to_vec();
            // What comes before damage tells as much.
            _ = reader.take(foreign::HEAD as u64 - 1).read_to_end(&mut head);
            return Err(JoblibError::NotAPickle { compression: self, holds: foreign::within(&head) });
        }
        let memory = limits.unpacked(packed);
        let small = limits.memory_bytes / 16;
        let max = memory.min(packed.saturating_mul(MAX_GROWTH).max(small));
        let mut output = first.to_vec();
        reader.take(u64::try_from(max).unwrap_or(u64::MAX)).read_to_end(&mut output).map_err(damaged)?;
        if output.len() > max {
            return Err(match max < memory {
                true => JoblibError::Bomb { compression: self, max: small },
                false => Exceeded { what: "bytes, decompressed", max, ..limits.memory_exceeded() }.into(),
            });
        }
        Ok(output)
    }
}

/// Whether a file begins as joblib's old compressed format did: `ZF`, and the length in hexadecimal.
pub(super) fn recognise_old(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ZF0x")
}
