//! What comes before the rows of a table: lines to skip, comments, the line in which Excel names the separator, the
//! header.

use std::io::{self, BufRead, Cursor, Read};

use super::separator::Separator;

/// The lines before the header, and the first line of the header.
#[derive(Debug)]
pub(super) struct Preamble {
    /// How many lines stand before the header.
    pub(super) lines: u64,
    /// How many of these lines were taken for comments, because they begin with `#`.
    pub(super) comments: u64,
    /// The separator of the fields.
    pub(super) separator: Separator,
    /// The first line of the header. It is read again as a row, because a quoted name may go on in the next line.
    pub(super) header: Vec<u8>,
}

impl Preamble {
    /// Reads up to the header. A separator that is not given is recognised from the header (`Separator::of_header`).
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

    /// A reader of the header and everything behind it.
    pub(super) fn before<R: Read>(&mut self, rest: R) -> io::Chain<Cursor<Vec<u8>>, R> {
        Cursor::new(std::mem::take(&mut self.header)).chain(rest)
    }
}

/// The longest part of a header that is used to recognise the separator.
const LONGEST: u64 = 1 << 20;

/// Reads a line, or the beginning of a very long one.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(source.take(LONGEST).read_until(b'\n', line)? > 0)
}

/// The separator in the line with which Excel notes how to read the file: `sep=;`.
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
