//! Tagged, length-prefixed fields under a checksum: the form of entries that later versions extend.
//!
//! An entry is the number of its format, fields, and a CRC-32 (IEEE) of all that, little-endian. A field is its tag, the
//! length of its value, and the value. A version passes over the tags that it does not know, and takes what it expects and
//! does not find as it was before there was such a field. What an earlier version must not pass over needs another format.

use crate::codec::{Corrupt, Decoder, Encoder};

/// An entry, field by field.
pub(super) struct FieldWriter(Encoder);

impl FieldWriter {
    pub(super) fn new(format: u64) -> Self {
        let mut encoder = Encoder::default();
        encoder.unsigned(format);
        Self(encoder)
    }

    pub(super) fn field(&mut self, tag: u64, value: &[u8]) {
        put_field(&mut self.0, tag, value);
    }

    pub(super) fn number(&mut self, tag: u64, number: u64) {
        let mut value = Encoder::default();
        value.unsigned(number);
        self.field(tag, &value.into_bytes());
    }

    pub(super) fn sealed(self) -> Vec<u8> {
        let mut bytes = self.0.into_bytes();
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// Writes a field behind others, for fields within fields.
pub(super) fn put_field(encoder: &mut Encoder, tag: u64, value: &[u8]) {
    encoder.unsigned(tag);
    encoder.blob(value);
}

/// Opens an entry: checks its checksum and its format, and returns its fields.
pub(super) fn unsealed(bytes: &[u8], format: u64) -> Result<Fields<'_>, Corrupt> {
    let (bytes, checksum) = bytes.split_last_chunk().ok_or(Corrupt)?;
    let mut decoder = Decoder::new(bytes);
    if crc32fast::hash(bytes) != u32::from_le_bytes(*checksum) || decoder.unsigned()? != format {
        return Err(Corrupt);
    }
    Ok(Fields(decoder))
}

/// The fields of an entry, or of a field, in their order. An error is the last.
pub(super) struct Fields<'a>(Decoder<'a>);

impl<'a> Fields<'a> {
    pub(super) fn within(value: &'a [u8]) -> Self {
        Self(Decoder::new(value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, &'a [u8]), Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_at_end() {
            return None;
        }
        let field = self.0.unsigned().and_then(|tag| Ok((tag, self.0.blob()?)));
        if field.is_err() {
            self.0 = Decoder::new(&[]);
        }
        Some(field)
    }
}

/// The number that is the whole value of a field.
pub(super) fn number<T: TryFrom<u64>>(value: &[u8]) -> Result<T, Corrupt> {
    let mut decoder = Decoder::new(value);
    let number = decoder.narrow()?;
    if decoder.is_at_end() { Ok(number) } else { Err(Corrupt) }
}
