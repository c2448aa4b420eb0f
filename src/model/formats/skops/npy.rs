//! The header of a `.npy` file, which says what array its bytes are.
//!
//! See numpy's `lib/format.py`, versions 1.0 to 3.0: after the magic and the version stands a length, and a dictionary
//! as Python writes it.

/// The longest header that numpy itself reads.
const MAX_HEADER: usize = 10_000;
const MAGIC: &[u8] = b"\x93NUMPY";

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) elements: Elements<'a>,
    pub(super) column_major: bool,
    pub(super) shape: Vec<usize>,
}

/// What the elements are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Elements<'a> {
    /// Of one type, by its code.
    Plain(&'a str),
    /// Records: names and codes, in order, side by side. Padding has no name.
    Records(Vec<(&'a str, &'a str)>),
}

/// Splits a file into its header and the array's bytes.
pub(super) fn split(file: &[u8]) -> Result<(Header<'_>, &[u8]), &'static str> {
    let rest = file.strip_prefix(MAGIC).ok_or("it does not begin with \\x93NUMPY")?;
    let (length, rest) = match *rest {
        [1, _, low, high, ref rest @ ..] => (usize::from(u16::from_le_bytes([low, high])), rest),
        [2 | 3, _, a, b, c, d, ref rest @ ..] => {
            (usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX), rest)
        }
        _ => return Err("its version is not 1, 2 or 3"),
    };
    if length > MAX_HEADER {
        return Err("it is of more than 10000 bytes");
    }
    let (header, data) = rest.split_at_checked(length).ok_or("it is cut off")?;
    let header = std::str::from_utf8(header).map_err(|_| "it is not text")?;
    let header = Parser { rest: header }.header().ok_or("it is no dictionary of descr, fortran_order and shape")?;
    Ok((header, data))
}

/// What is yet to be read of a Python literal.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn header(mut self) -> Option<Header<'a>> {
        let (mut elements, mut column_major, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.next_is('}') {
            let key = self.text()?;
            self.expect(':')?;
            match key {
                "descr" => elements = Some(self.elements()?),
                "fortran_order" => column_major = Some(self.bool()?),
                "shape" => shape = Some(self.shape()?),
                _ => return None,
            }
            if !self.next_is(',') {
                self.expect('}')?;
                break;
            }
        }
        let rest_is_empty = self.rest.trim().is_empty();
        rest_is_empty.then_some(Header { elements: elements?, column_major: column_major?, shape: shape? })
    }

    fn elements(&mut self) -> Option<Elements<'a>> {
        if !self.next_is('[') {
            return Some(Elements::Plain(self.text()?));
        }
        let mut fields = Vec::new();
        while !self.next_is(']') {
            self.expect('(')?;
            let name = self.text()?;
            self.expect(',')?;
            fields.push((name, self.text()?));
            self.expect(')')?;
            if !self.next_is(',') {
                self.expect(']')?;
                break;
            }
        }
        Some(Elements::Records(fields))
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut sides = Vec::new();
        self.expect('(')?;
        while !self.next_is(')') {
            let text = self.rest.trim_start();
            let length = text.find(|c: char| !c.is_ascii_digit())?;
            sides.push(text[..length].parse().ok()?);
            self.rest = &text[length..];
            if !self.next_is(',') {
                self.expect(')')?;
                break;
            }
        }
        Some(sides)
    }

    fn bool(&mut self) -> Option<bool> {
        let text = self.rest.trim_start();
        let (value, rest) = match (text.strip_prefix("True"), text.strip_prefix("False")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        self.rest = rest;
        Some(value)
    }

    /// Text in single or double quotes. No name and no code needs an escape.
    fn text(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (text, rest) = text[1..].split_once(quote)?;
        self.rest = rest;
        (!text.contains('\\')).then_some(text)
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.next_is(wanted).then_some(())
    }

    /// Takes the next character that is not white space, if it is `wanted`.
    fn next_is(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str) -> Vec<u8> {
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        let length = if version == 1 { &length[..2] } else { &length[..] };
        [MAGIC, &[version, 0], length, header.as_bytes(), b"data"].concat()
    }

    #[test]
    fn a_header_of_each_version_is_read() {
        let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 2), }   \n";
        for version in 1..=3 {
            let file = file(version, header);
            let (header, data) = split(&file).unwrap();
            assert_eq!(header, Header { elements: Elements::Plain("<f8"), column_major: true, shape: vec![3, 2] });
            assert_eq!(data, b"data");
        }
        assert!(split(&file(4, header)).is_err() && split(&file(0, header)).is_err());
    }

    #[test]
    fn records_have_their_fields_in_order() {
        let header = r#"{'descr': [('left_child', '<i8'), ("", '|V7')], 'fortran_order': False, 'shape': ()}"#;
        let file = file(1, header);
        let fields = Elements::Records(vec![("left_child", "<i8"), ("", "|V7")]);
        assert_eq!(split(&file).unwrap().0, Header { elements: fields, column_major: false, shape: vec![] });
    }

    #[test]
    fn anything_else_is_refused_and_never_run() {
        for header in [
            "",
            "{",
            "{}",
            "{'descr': '<f8'}",
            "{'descr': __import__('os'), 'fortran_order': False, 'shape': ()}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
            "{'descr': '<f8', 'fortran_order': 1, 'shape': ()}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': ()} + 1",
            "{'descr': '\\x3cf8', 'fortran_order': False, 'shape': ()}",
            "{'descr': [('a', '<f8', (2,))], 'fortran_order': False, 'shape': ()}",
        ] {
            assert!(split(&file(1, header)).is_err(), "{header}");
        }
        let whole = file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}");
        for length in 0..whole.len() - 4 {
            assert!(split(&whole[..length]).is_err(), "{length}");
        }
        assert!(split(&file(2, &" ".repeat(20_000))).is_err());
    }
}
