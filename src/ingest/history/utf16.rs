//! UTF-16, as spreadsheets save "Unicode text", read as UTF-8.

use std::io::{self, Read};

/// Which byte of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

/// Reads UTF-16 as UTF-8, a block at a time. Bytes that are not UTF-16 become U+FFFD.
pub(super) struct Utf16<R> {
    source: R,
    endian: Endian,
    /// Bytes that wait for the bytes behind them: half a unit, or the first half of a pair.
    rest: Vec<u8>,
    text: Vec<u8>,
    /// How much of the text was handed out.
    given: usize,
}

impl<R: Read> Utf16<R> {
    const BLOCK: u64 = 16 << 10;

    pub(super) fn new(source: R, endian: Endian) -> Self {
        Self { source, endian, rest: Vec::new(), text: Vec::new(), given: 0 }
    }

    /// Decodes the next block; leaves no text at the end.
    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() {
            let read = self.source.by_ref().take(Self::BLOCK).read_to_end(&mut self.rest)?;
            let at_end = read == 0;
            if at_end && self.rest.is_empty() {
                return Ok(());
            }
            if at_end && self.rest.len() % 2 == 1 {
                // Half a unit at the end becomes U+FFFD: it is replaced by a lone first half of a pair.
                self.rest.pop();
                self.rest.extend(self.bytes_of(0xd800));
            }
            let mut units: Vec<u16> = self.rest.as_chunks().0.iter().map(|bytes| self.unit(*bytes)).collect();
            let waits = !at_end && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
            units.truncate(units.len() - usize::from(waits));
            self.rest.drain(..2 * units.len());
            let mut utf8 = [0; 4];
            for character in char::decode_utf16(units) {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.text.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
            }
        }
        Ok(())
    }

    fn unit(&self, bytes: [u8; 2]) -> u16 {
        match self.endian {
            Endian::Little => u16::from_le_bytes(bytes),
            Endian::Big => u16::from_be_bytes(bytes),
        }
    }

    fn bytes_of(&self, unit: u16) -> [u8; 2] {
        match self.endian {
            Endian::Little => unit.to_le_bytes(),
            Endian::Big => unit.to_be_bytes(),
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.fill()?;
        }
        let mut text = self.text.get(self.given..).unwrap_or_default();
        let read = text.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.1);
            self.0.read(&mut buffer[..most])
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_through_in_pieces_of_any_size(text in "\\PC{0,40}", size in 1_usize..9) {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let mut read = String::new();
            Utf16::new(Slow(&bytes, size), Endian::Big).read_to_string(&mut read).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut read = String::new();
            Utf16::new(&bytes[..], Endian::Little).read_to_string(&mut read).unwrap();
        }
    }

    #[test]
    fn what_is_no_utf_16_becomes_a_replacement() {
        let mut read = String::new();
        Utf16::new(&b"a\0\x00\xd8b\0c"[..], Endian::Little).read_to_string(&mut read).unwrap();
        assert_eq!(read, "a\u{fffd}b\u{fffd}");
    }
}
