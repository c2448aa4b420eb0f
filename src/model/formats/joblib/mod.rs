//! What `joblib.dump` writes: a pickle with the bytes of arrays between its instructions, as it is or compressed.
//!
//! The pickle machine knows such arrays; here is what is around it. The compression is told by its first bytes, as
//! joblib itself does (`compressor.py`), and undone into memory, within the limits.

use std::fmt;
use std::io::{self, Read};

use super::foreign::{self, Foreign};
use super::packed::{self, Inflate, PackedError, Wrapper};
use super::pickle;
use super::printable::printable;
use crate::model::Limits;
use crate::model::limits::{Exceeded, raise};
use crate::model::operations::Operations;

/// In an LZ4 frame's flags: a checksum of the content follows its end.
const LZ4_CHECKSUM: u8 = 1 << 2;

/// The operations that a byte of bzip2 takes, packed or not: the decoder goes through the content in no order.
const BZIP2_BYTE: usize = 50;

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
        "its {compression} data are, or come to, more than {max} bytes, and are slow to undo: dump it with compress=3 \
         (zlib); or, if the file is honest, {}, which is {BZIP2_BYTE} times what is accepted",
        raise("max_operations")
    )]
    Slow {
        /// The compression.
        compression: Compression,
        /// What is accepted of such a file, in bytes.
        max: usize,
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
    /// When the bytes are damaged, hold no pickle, or take more memory or operations than are allowed.
    pub(super) fn decompress(self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, JoblibError> {
        let operations = &Operations::new(&limits.in_place(bytes.len()));
        let memory = limits.unpacked(bytes.len());
        let small = limits.memory_bytes / 16;
        let max = memory.min(bytes.len().saturating_mul(MAX_GROWTH).max(small));
        let output = match self {
            Self::Zlib => self.inflate(bytes, Wrapper::Zlib, max, operations),
            Self::Gzip => self.inflate(bytes, Wrapper::Gzip, max, operations),
            Self::Lzma => self.whole(max, |most| packed::lzma_alone(bytes, most, operations)),
            Self::Xz => self.whole(max, |most| packed::xz_stream(bytes, most, operations)),
            Self::Lz4 => {
                let mut decoder = lz4_flex::frame::FrameDecoder::new(bytes);
                let output = self.take(&mut decoder, max)?;
                // The decoder takes a frame that lacks its end, a block of size zero, for a whole one.
                let frame = &bytes[..bytes.len() - decoder.get_ref().len()];
                let checksum = if bytes.get(4).is_some_and(|flags| flags & LZ4_CHECKSUM != 0) { 4 } else { 0 };
                match frame.split_at_checked(frame.len().saturating_sub(checksum)) {
                    _ if output.len() > max => Ok(output),
                    Some((blocks, _)) if blocks.ends_with(&[0; 4]) => Ok(output),
                    _ => Err(self.damaged(&io::ErrorKind::UnexpectedEof.into())),
                }
            }
            Self::Bzip2 => {
                let most = limits.operations / BZIP2_BYTE;
                let slow = JoblibError::Slow { compression: self, max: most };
                if bytes.len() > most {
                    return Err(slow);
                }
                let output = self.take(bzip2::bufread::BzDecoder::new(bytes), max.min(most))?;
                if output.len() > most { Err(slow) } else { Ok(output) }
            }
        }?;
        if output.len() > max {
            return Err(match max < memory {
                true => JoblibError::Bomb { compression: self, max: small },
                false => Exceeded { what: "bytes, decompressed", max, ..limits.memory_exceeded() }.into(),
            });
        }
        Ok(output)
    }

    /// To look at the first byte before the rest refuses most bombs at once.
    fn inflate(
        self,
        bytes: &[u8],
        wrapper: Wrapper,
        max: usize,
        operations: &Operations,
    ) -> Result<Vec<u8>, JoblibError> {
        let refused = |problem| self.refused(problem);
        let mut inflate = Inflate::new(bytes, wrapper).map_err(refused)?;
        inflate.up_to(1, operations).map_err(refused)?;
        if !pickle::recognise(inflate.output()) {
            // What comes before damage tells as much.
            _ = inflate.up_to(foreign::HEAD, operations);
            return Err(self.no_pickle(inflate.output()));
        }
        inflate.up_to(max + 1, operations).map_err(refused)?;
        Ok(inflate.into_output())
    }

    fn whole(self, max: usize, undo: impl Fn(usize) -> Result<Vec<u8>, PackedError>) -> Result<Vec<u8>, JoblibError> {
        match undo(foreign::HEAD) {
            Ok(head) if !pickle::recognise(&head) => Err(self.no_pickle(&head)),
            _ => undo(max + 1).map_err(|problem| self.refused(problem)),
        }
    }

    fn take(self, mut reader: impl Read, max: usize) -> Result<Vec<u8>, JoblibError> {
        let mut output = vec![0];
        reader.read_exact(&mut output).map_err(|error| self.damaged(&error))?;
        if !pickle::recognise(&output) {
            _ = reader.take(foreign::HEAD as u64 - 1).read_to_end(&mut output);
            return Err(self.no_pickle(&output));
        }
        let rest = u64::try_from(max).unwrap_or(u64::MAX);
        reader.take(rest).read_to_end(&mut output).map_err(|error| self.damaged(&error))?;
        Ok(output)
    }

    fn damaged(self, error: &io::Error) -> JoblibError {
        JoblibError::Damaged { compression: self, reason: printable(&error.to_string()) }
    }

    fn no_pickle(self, head: &[u8]) -> JoblibError {
        let head = &head[..head.len().min(foreign::HEAD)];
        JoblibError::NotAPickle { compression: self, holds: foreign::within(head) }
    }

    fn refused(self, problem: PackedError) -> JoblibError {
        match problem {
            PackedError::Damaged(reason) => JoblibError::Damaged { compression: self, reason: reason.to_owned() },
            PackedError::Limit(exceeded) => exceeded.into(),
        }
    }
}

/// Whether a file begins as joblib's old compressed format did: `ZF`, and the length in hexadecimal.
pub(super) fn recognise_old(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ZF0x")
}
