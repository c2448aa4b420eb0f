//! What stands before the rows of a table: lines to skip, comments, a spreadsheet's word on its separator, the header.

use std::io::{self, BufRead, Cursor, Read};

use super::separator::Separator;

/// The lines up to the header, and the first line of that.
#[derive(Debug)]
pub(super) struct Preamble {
    /// How many lines stand before the header.
    pub(super) lines: u64,
    /// How many of them were taken for comments, because they begin with `#`.
    pub(super) comments: u64,
    /// What separates the fields.
    pub(super) separator: Separator,
    /// The first line of the header, which is read once more, as a row: a quoted name may go on in the next line.
    pub(super) header: Vec<u8>,
}

impl Preamble {
    /// Reads up to the header. The separator, when it is not given, is the one that shows most of it.
    pub(super) fn read(
        source: &mut impl BufRead,
        skip_lines: u64,
        separator: Option<Separator>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> io::Result<Self> {
        let mut preamble = Self { lines: 0, comments: 0, separator: separator.unwrap_or_default(), header: Vec::new() };
        while preamble.lines < skip_lines && source.skip_until(b'\n')? > 0 {
            preamble.lines += 1;
        }
        let mut announced = separator;
        while read_line(source, &mut preamble.header)? {
            let whole = String::from_utf8_lossy(&preamble.header);
            let line = whole.trim();
            if line.starts_with('#') {
                preamble.comments += 1;
                if !preamble.header.ends_with(b"\n") {
                    source.skip_until(b'\n')?;
                }
            } else if let Some(word) = excels_word(&whole) {
                announced = separator.or(Some(word));
            } else if !line.is_empty() {
                preamble.separator = announced.unwrap_or_else(|| Separator::of_header(line, is_wanted));
                return Ok(preamble);
            }
            preamble.lines += 1;
        }
        Ok(preamble)
    }

    /// The header and all that follows.
    pub(super) fn before<R: Read>(&mut self, rest: R) -> io::Chain<Cursor<Vec<u8>>, R> {
        Cursor::new(std::mem::take(&mut self.header)).chain(rest)
    }
}

/// The longest beginning of a header that is looked at.
const LONGEST: u64 = 1 << 20;

/// Reads a line, or the beginning of a very long one.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(source.take(LONGEST).read_until(b'\n', line)? > 0)
}

/// The separator in the line with which Excel tells itself how to read the file: `sep=;`.
fn excels_word(line: &str) -> Option<Separator> {
    let word = line.trim_matches(['"', '\r', '\n']);
    word.get(..4).filter(|key| key.eq_ignore_ascii_case("sep="))?;
    word.get(4..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, skip: u64) -> Preamble {
        Preamble::read(&mut text.as_bytes(), skip, None, |name| name == "TS").unwrap()
    }

    #[test]
    fn the_header_is_found_behind_what_stands_before_it() {
        let found = read("sep=;\nTS;a,b,c\n", 0);
        assert_eq!((found.lines, found.separator, &found.header[..]), (1, Separator::Semicolon, &b"TS;a,b,c\n"[..]));
        let found = read("\r\n# of 2018, by me\n\"SEP=\t\"\nTS|a\n1|2", 0);
        assert_eq!((found.lines, found.comments, found.separator), (3, 1, Separator::Tab));
        let found = read("Plant 7; hall 2\n\"a quote\n\nTS;a\n", 2);
        assert_eq!((found.lines, &found.header[..]), (3, &b"TS;a\n"[..]));
        assert!(
            read("", 0).header.is_empty()
                && read("# only\n", 0).header.is_empty()
                && read("a\nb\n", 9).header.is_empty()
        );
    }

    #[test]
    fn what_was_given_stands_above_what_excel_says() {
        let text = "sep=;\nTS,a;b\n";
        let found = Preamble::read(&mut text.as_bytes(), 0, Some(Separator::Comma), |_| true).unwrap();
        assert_eq!(found.separator, Separator::Comma);
    }
}
