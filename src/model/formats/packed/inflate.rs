//! Deflate (RFC 1951), also as zlib (RFC 1950) and gzip (RFC 1952) wrap it, block by block.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::bytes::Bytes;
use super::{CUT_OFF, PackedError};
use crate::model::operations::Operations;

/// What a block takes, whatever it holds: its tables are laid out anew.
const BLOCK: usize = 4_000;

/// The least room for what comes out.
const LEAST_ROOM: usize = 1 << 16;

/// What stands around the blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) enum Wrapper {
    /// Nothing.
    None,
    /// zlib's header and checksum.
    Zlib,
    /// gzip's.
    Gzip,
}

/// Bytes that are being inflated.
pub(in crate::model::formats) struct Inflate<'a> {
    decoder: Box<DecompressorOxide>,
    packed: Bytes<'a>,
    wrapper: Wrapper,
    /// What came out, and room for more.
    output: Vec<u8>,
    length: usize,
    ended: bool,
}

impl<'a> Inflate<'a> {
    /// Begins.
    pub(in crate::model::formats) fn new(packed: &'a [u8], wrapper: Wrapper) -> Result<Self, PackedError> {
        let mut packed = Bytes(packed);
        if wrapper == Wrapper::Gzip {
            pass_gzip_header(&mut packed)?;
        }
        Ok(Self { decoder: Box::default(), packed, wrapper, output: Vec::new(), length: 0, ended: false })
    }

    /// What came out so far.
    pub(in crate::model::formats) fn output(&self) -> &[u8] {
        &self.output[..self.length]
    }

    /// All that came out.
    pub(in crate::model::formats) fn into_output(mut self) -> Vec<u8> {
        self.output.truncate(self.length);
        self.output
    }

    /// Goes on until `most` bytes are there, or to the end. What stands behind the end is not looked at.
    pub(in crate::model::formats) fn up_to(&mut self, most: usize, operations: &Operations) -> Result<(), PackedError> {
        let wrapped = match self.wrapper {
            Wrapper::Zlib => TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32,
            Wrapper::None | Wrapper::Gzip => 0,
        };
        let flags = wrapped | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        operations.spend(BLOCK)?;
        while !self.ended && self.length < most {
            if self.length == self.output.len() {
                self.output.resize(most.min((2 * self.length).max(LEAST_ROOM)), 0);
            }
            let (status, taken, given) =
                decompress(&mut self.decoder, self.packed.0, &mut self.output, self.length, flags);
            self.packed.take(taken)?;
            self.length += given;
            match status {
                TINFLStatus::BlockBoundary => operations.spend(BLOCK)?,
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::Done => {
                    self.ended = true;
                    self.check_gzip_trailer()?;
                }
                TINFLStatus::Adler32Mismatch => return Err(PackedError::Damaged("their checksum is another")),
                TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => return Err(CUT_OFF),
                _ => return Err(PackedError::Damaged("they are no deflated data")),
            }
        }
        Ok(())
    }

    /// Behind the blocks: a checksum and the length.
    fn check_gzip_trailer(&mut self) -> Result<(), PackedError> {
        if self.wrapper != Wrapper::Gzip {
            return Ok(());
        }
        let (checksum, length) = (self.packed.u32()?, self.packed.u32()?);
        let mut found = flate2::Crc::new();
        found.update(self.output());
        match (found.sum(), found.amount()) == (checksum, length) {
            true => Ok(()),
            false => Err(PackedError::Damaged("their checksum is another")),
        }
    }
}

/// Passes gzip's header, and what may stand in it: a field of any content, a name, a comment, a checksum.
fn pass_gzip_header(packed: &mut Bytes<'_>) -> Result<(), PackedError> {
    const DEFLATE: u8 = 8;
    let [_, _, method, flags, ..] = packed.array::<10>()?;
    if method != DEFLATE {
        return Err(PackedError::Damaged("their method is not deflate"));
    }
    if flags & 1 << 2 != 0 {
        let length = u16::from_le_bytes(packed.array()?);
        packed.take(usize::from(length))?;
    }
    for text in [1 << 3, 1 << 4] {
        if flags & text != 0 {
            let end = packed.0.iter().position(|byte| *byte == 0).ok_or(CUT_OFF)?;
            packed.take(end + 1)?;
        }
    }
    if flags & 1 << 1 != 0 {
        packed.take(2)?;
    }
    Ok(())
}
