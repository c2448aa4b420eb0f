//! A column of whole numbers in few bytes: as the differences from one to the next, or by [pco], whichever is shorter.
//!
//! Pco (Loncaric, Jeppesen, Zinberg: "Pcodec: Better Compression for Numerical Sequences", 2025) codes a column as bins
//! of equal value ranges and offsets within a bin, after it has taken differences of the order that suits the column. It
//! needs some 30 bytes for its tables, so that short columns are better off without it.

use pco::ChunkConfig;
use pco::wrapped::{FileCompressor, FileDecompressor};

use crate::codec::{Corrupt, Decoder, Encoder};

const DIFFERENCES: u64 = 0;
const PCO: u64 = 1;

/// Shorter columns are not worth a try with pco.
const LEAST_FOR_PCO: usize = 24;

/// Writes a column.
pub(super) fn encode(numbers: &[i64], encoder: &mut Encoder) {
    let mut differences = Encoder::default();
    let mut before = 0_i64;
    for number in numbers {
        differences.signed(number.wrapping_sub(before));
        before = *number;
    }
    let differences = differences.into_bytes();
    let packed = if numbers.len() < LEAST_FOR_PCO { None } else { pack(numbers) };
    let (tag, bytes) = match packed {
        Some(packed) if packed.len() < differences.len() => (PCO, packed),
        _ => (DIFFERENCES, differences),
    };
    encoder.unsigned(tag);
    encoder.blob(&bytes);
}

/// Reads a column of `count` numbers.
pub(super) fn decode(count: usize, decoder: &mut Decoder<'_>) -> Result<Vec<i64>, Corrupt> {
    let tag = decoder.unsigned()?;
    let bytes = decoder.blob()?;
    match tag {
        DIFFERENCES => {
            let mut differences = Decoder::new(bytes);
            let mut number = 0_i64;
            // Every number takes a byte at the least: a count that is too large ends with the bytes.
            let mut numbers = Vec::with_capacity(count.min(bytes.len()));
            for _ in 0..count {
                number = number.wrapping_add(differences.signed()?);
                numbers.push(number);
            }
            if differences.is_at_end() { Ok(numbers) } else { Err(Corrupt) }
        }
        PCO => unpack(count, bytes),
        _ => Err(Corrupt),
    }
}

/// `None` when pco refuses, which it does for no column that it is given here.
fn pack(numbers: &[i64]) -> Option<Vec<u8>> {
    let files = FileCompressor::default();
    let mut chunk = files.chunk_compressor(numbers, &ChunkConfig::default()).ok()?;
    let bytes = files.write_header(Vec::new()).ok()?;
    let bytes = chunk.write_meta(bytes).ok()?;
    chunk.write_page(0, bytes).ok()
}

fn unpack(count: usize, bytes: &[u8]) -> Result<Vec<i64>, Corrupt> {
    let (files, rest) = FileDecompressor::new(bytes).map_err(|_| Corrupt)?;
    let (mut chunk, rest) = files.chunk_decompressor::<i64, _>(rest).map_err(|_| Corrupt)?;
    let mut page = chunk.page_decompressor(rest, count).map_err(|_| Corrupt)?;
    let mut numbers = vec![0; count];
    let progress = page.read(&mut numbers).map_err(|_| Corrupt)?;
    if progress.n_processed == count { Ok(numbers) } else { Err(Corrupt) }
}
