//! The wire format of protocol buffers: a message is a run of numbered fields, and a field may be a message.
//!
//! Source: the Protocol Buffers documentation, "Encoding".

use super::error::OnnxError;

/// A message: a part of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    /// Where it begins in the file.
    offset: usize,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Message<'a>),
    Fixed32([u8; 4]),
}

/// A numbered field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    value: Value<'a>,
    offset: usize,
}

impl<'a> Message<'a> {
    pub(super) fn of_file(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Takes the next field off the front.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, OnnxError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| self.damaged("a length is out of range"))?;
                let offset = self.offset;
                Value::Bytes(Message { bytes: self.take(length)?, offset })
            }
            5 => Value::Fixed32(self.array()?),
            _ => return Err(damaged(offset, "a field is of a kind that ONNX does not use; the file is damaged")),
        };
        Ok(Some(Field { number: key >> 3, value, offset }))
    }

    /// Takes the next field off the front, and says how it stands in the file.
    pub(super) fn next_as_it_stands(&mut self) -> Result<Option<(Field<'a>, &'a [u8])>, OnnxError> {
        let before = self.bytes;
        let Some(field) = self.next()? else { return Ok(None) };
        Ok(Some((field, &before[..before.len() - self.bytes.len()])))
    }

    /// Takes a number off the front that is written with seven bits a byte.
    pub(super) fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.damaged("a number has more than 64 bits"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], OnnxError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or_else(|| self.truncated())?;
        (self.bytes, self.offset) = (rest, self.offset + N);
        Ok(*taken)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], OnnxError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(|| self.truncated())?;
        (self.bytes, self.offset) = (rest, self.offset + length);
        Ok(taken)
    }

    fn truncated(self) -> OnnxError {
        self.damaged("the file ends in the middle; copy it again")
    }

    pub(super) fn damaged(self, problem: &'static str) -> OnnxError {
        damaged(self.offset, problem)
    }
}

impl<'a> Field<'a> {
    pub(super) fn message(self) -> Result<Message<'a>, OnnxError> {
        match self.value {
            Value::Bytes(message) => Ok(message),
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, OnnxError> {
        str::from_utf8(self.message()?.bytes).map_err(|_| damaged(self.offset, "text is not UTF-8"))
    }

    pub(super) fn int(self) -> Result<i64, OnnxError> {
        match self.value {
            Value::Varint(number) => Ok(number.cast_signed()),
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn float(self) -> Result<f32, OnnxError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(self.unexpected()),
        }
    }

    /// The numbers of a repeated field: one of them, or a run of all.
    pub(super) fn ints(self, mut each: impl FnMut(i64) -> Result<(), OnnxError>) -> Result<(), OnnxError> {
        let Value::Bytes(mut run) = self.value else { return each(self.int()?) };
        while !run.bytes.is_empty() {
            each(run.varint()?.cast_signed())?;
        }
        Ok(())
    }

    /// As [`ints`](Self::ints).
    pub(super) fn floats(self, mut each: impl FnMut(f32) -> Result<(), OnnxError>) -> Result<(), OnnxError> {
        let Value::Bytes(mut run) = self.value else { return each(self.float()?) };
        while !run.bytes.is_empty() {
            each(f32::from_le_bytes(run.array()?))?;
        }
        Ok(())
    }

    /// As [`ints`](Self::ints).
    pub(super) fn doubles(self, mut each: impl FnMut(f64) -> Result<(), OnnxError>) -> Result<(), OnnxError> {
        match self.value {
            Value::Fixed64(bytes) => each(f64::from_le_bytes(bytes)),
            Value::Bytes(mut run) => {
                while !run.bytes.is_empty() {
                    each(f64::from_le_bytes(run.array()?))?;
                }
                Ok(())
            }
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn unexpected(self) -> OnnxError {
        damaged(self.offset, "a field holds another kind of value than ONNX has there; the file is damaged")
    }

    pub(super) fn twice(self) -> OnnxError {
        damaged(self.offset, "a part is there twice that a model has once; the file is damaged")
    }
}

fn damaged(offset: usize, problem: &'static str) -> OnnxError {
    OnnxError::Damaged { offset, problem }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn varint(bytes: &[u8]) -> Result<u64, OnnxError> {
        Message::of_file(bytes).varint()
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let most = [[0xff; 9].as_slice(), &[0x01]].concat();
        assert_eq!(varint(&most), Ok(u64::MAX));
        assert!(varint(&[[0xff; 9].as_slice(), &[0x02]].concat()).is_err());
        assert!(varint(&[[0x80; 10].as_slice(), &[0x00]].concat()).is_err());
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        for file in [&[0x0a, 0x05, 1, 2][..], &[[0x0a].as_slice(), &[0xff; 9], &[0x01]].concat(), &[0x0d, 1, 2]] {
            assert!(Message::of_file(file).next().is_err(), "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_fields_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut message = Message::of_file(&bytes);
            while let Ok(Some(_)) = message.next() {}
        }
    }
}
