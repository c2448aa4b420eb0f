//! LZMA2 in the xz container (the .xz file format, version 1.2): one stream of blocks, each of LZMA2 alone, as Python's
//! `lzma` writes it.

use super::PackedError;
use super::bytes::Bytes;
use super::lzma::{Decoder, End, Range};
use crate::model::operations::Operations;

/// What a block or a chunk takes, whatever it holds.
const PART: usize = 500;

const MAGIC: &[u8] = b"\xfd7zXZ\0";
const FOOTER_MAGIC: &[u8] = b"YZ";
const LZMA2: u64 = 0x21;

const DAMAGED: PackedError = PackedError::Damaged("they are no xz data");
const CHECKSUM: PackedError = PackedError::Damaged("their checksum is another");
const FILTER: PackedError = PackedError::Damaged("they went through another filter than LZMA2");

/// Undoes the first stream. Stops behind `most` bytes.
pub(in crate::model::formats) fn stream(
    packed: &[u8],
    most: usize,
    operations: &Operations,
) -> Result<Vec<u8>, PackedError> {
    let mut rest = Bytes(packed);
    let flags = match (rest.take(MAGIC.len())?, rest.array::<2>()?, rest.u32()?) {
        (MAGIC, flags @ [0, 0..16], checksum) if crc32(&flags) == checksum => flags,
        _ => return Err(DAMAGED),
    };
    let check = Check::of(flags[1])?;
    let mut output = Vec::new();
    let mut decoder = None;
    while rest.0.first().is_some_and(|size| *size != 0) {
        operations.spend(PART)?;
        let begin = output.len();
        let before = block_header(&mut rest)?;
        chunks(&mut rest, &mut decoder, most, &mut output, operations)?;
        if output.len() >= most {
            return Ok(output);
        }
        let padding = (before - rest.0.len()).wrapping_neg() % 4;
        rest.take(padding)?;
        check.verify(rest.take(check.size())?, &output[begin..])?;
    }
    index_and_footer(&mut rest, flags)?;
    Ok(output)
}

/// What a block's content is checked by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Check {
    Crc32,
    Crc64,
    /// One that is not computed here, of so many bytes.
    Other(usize),
}

impl Check {
    fn of(kind: u8) -> Result<Self, PackedError> {
        Ok(match kind {
            0 => Self::Other(0),
            1 => Self::Crc32,
            4 => Self::Crc64,
            2 | 3 => Self::Other(4),
            5 | 6 => Self::Other(8),
            7..=9 => Self::Other(16),
            10..=12 => Self::Other(32),
            13..=15 => Self::Other(64),
            _ => return Err(DAMAGED),
        })
    }

    fn size(self) -> usize {
        match self {
            Self::Crc32 => 4,
            Self::Crc64 => 8,
            Self::Other(size) => size,
        }
    }

    fn verify(self, expected: &[u8], content: &[u8]) -> Result<(), PackedError> {
        let right = match self {
            Self::Crc32 => crc32(content).to_le_bytes() == *expected,
            Self::Crc64 => crc64(content).to_le_bytes() == *expected,
            Self::Other(_) => true,
        };
        if right { Ok(()) } else { Err(CHECKSUM) }
    }
}

/// Passes a block's header, which must say that it is LZMA2. Answers how many bytes there are from the block's beginning.
fn block_header(rest: &mut Bytes<'_>) -> Result<usize, PackedError> {
    let before = rest.0.len();
    let size = rest.0.first().map_or(0, |size| (usize::from(*size) + 1) * 4);
    let header = rest.take(size)?;
    let (fields, checksum) = header.split_at_checked(size - 4).ok_or(DAMAGED)?;
    if crc32(fields).to_le_bytes() != *checksum {
        return Err(CHECKSUM);
    }
    let mut fields = Bytes(fields);
    let [_, flags] = fields.array()?;
    if flags & 0b11 != 0 {
        return Err(FILTER);
    }
    for size in [1 << 6, 1 << 7] {
        if flags & size != 0 {
            varint(&mut fields)?;
        }
    }
    match (varint(&mut fields)?, varint(&mut fields)?) {
        (LZMA2, 1) => Ok(before),
        _ => Err(FILTER),
    }
}

/// The chunks of LZMA2: a byte that says what follows, sizes, then bytes as they are or LZMA.
fn chunks(
    rest: &mut Bytes<'_>,
    decoder: &mut Option<Decoder>,
    most: usize,
    output: &mut Vec<u8>,
    operations: &Operations,
) -> Result<(), PackedError> {
    // Where the window begins; the first chunk must say so.
    let mut begin = None;
    loop {
        operations.spend(PART)?;
        let control = rest.byte()?;
        if control == 0 {
            return Ok(());
        }
        if matches!(control, 1 | 0xe0..) {
            begin = Some(output.len());
        }
        let begin = begin.ok_or(DAMAGED)?;
        let high = usize::from(control & 0x1f) << 16;
        match control {
            1 | 2 => {
                let size = usize::from(u16::from_be_bytes(rest.array()?)) + 1;
                output.extend_from_slice(rest.take(size)?);
            }
            0x80.. => {
                let size = high + usize::from(u16::from_be_bytes(rest.array()?)) + 1;
                let packed = usize::from(u16::from_be_bytes(rest.array()?)) + 1;
                match control {
                    0xc0.. => *decoder = Some(Decoder::new(rest.byte()?, operations)?),
                    0xa0.. => decoder.as_mut().ok_or(DAMAGED)?.reset(operations)?,
                    _ => {}
                }
                let decoder = decoder.as_mut().ok_or(DAMAGED)?;
                let mut range = Range::new(Bytes(rest.take(packed)?))?;
                let end = output.len().saturating_add(size).min(most);
                if decoder.up_to(end, begin, &mut range, output, operations)? == End::Marker {
                    return Err(DAMAGED);
                }
            }
            _ => return Err(DAMAGED),
        }
        if output.len() >= most {
            return Ok(());
        }
    }
}

/// The sizes of the blocks again, and the end.
fn index_and_footer(rest: &mut Bytes<'_>, flags: [u8; 2]) -> Result<(), PackedError> {
    let index = rest.0;
    rest.byte()?;
    for _ in 0..varint(rest)? {
        varint(rest)?;
        varint(rest)?;
    }
    let padding = (index.len() - rest.0.len()).wrapping_neg() % 4;
    rest.take(padding)?;
    if crc32(&index[..index.len() - rest.0.len()]) != rest.u32()? {
        return Err(CHECKSUM);
    }
    let (checksum, fields) = (rest.u32()?, rest.take(6)?);
    let whole = crc32(fields) == checksum && fields.ends_with(&flags) && rest.take(2)? == FOOTER_MAGIC;
    if whole { Ok(()) } else { Err(DAMAGED) }
}

/// A whole number of seven bits a byte, the lowest first.
fn varint(rest: &mut Bytes<'_>) -> Result<u64, PackedError> {
    let mut number = 0;
    for place in 0..9 {
        let byte = rest.byte()?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(DAMAGED)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    checksum.sum()
}

/// ECMA-182, reflected.
fn crc64(bytes: &[u8]) -> u64 {
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut place = 0;
        while place < 256 {
            let mut remainder = place as u64;
            let mut bit = 0;
            while bit < 8 {
                remainder = if remainder & 1 == 1 { remainder >> 1 ^ 0xc96c_5795_d787_0f42 } else { remainder >> 1 };
                bit += 1;
            }
            table[place] = remainder;
            place += 1;
        }
        table
    };
    let step = |sum: u64, byte: &u8| TABLE[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ sum >> 8;
    !bytes.iter().fold(!0, step)
}
