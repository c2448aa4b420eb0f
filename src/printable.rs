//! Text from outside, fit for a terminal and a log.
//!
//! Names, headers, paths and payloads come from outside. An escape sequence in them could rewrite what stands on a
//! terminal, a line feed could forge a line of the log, and a mark of writing direction could show one name as another.
//! All text that leaves the process passes a [`PrintableWriter`]. Text that must stay within one line, such as a path
//! in a list, is shown by [`Printable`].

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};
use std::path::{self, Path};

/// The character in the place of one that is not shown.
const STAND_IN: char = '·';

/// Whether a character steers a terminal, or hides itself or other characters: control characters (C0, DEL, C1),
/// separators of lines and paragraphs, marks of writing direction, and characters of no width.
pub fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Shows a value as one line without characters that steer.
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(OneLine(f), "{}", self.0)
    }
}

/// A path, within a line.
pub fn shown(path: &Path) -> Printable<path::Display<'_>> {
    Printable(path.display())
}

/// Passes text on as one line.
pub(crate) struct OneLine<W>(pub(crate) W);

impl<W: fmt::Write> fmt::Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        pass(text, steers, |piece| self.0.write_str(piece), |_| Ok(STAND_IN.to_string()))
    }
}

/// Writes `text`, with what `instead` returns in the place of each `unwanted` character.
fn pass<E: From<fmt::Error>>(
    text: &str,
    unwanted: impl Fn(char) -> bool,
    mut write: impl FnMut(&str) -> Result<(), E>,
    instead: impl Fn(char) -> Result<String, fmt::Error>,
) -> Result<(), E> {
    let mut rest = text;
    while let Some((at, character)) = rest.char_indices().find(|(_, character)| unwanted(*character)) {
        write(&rest[..at])?;
        write(&instead(character)?)?;
        rest = &rest[at + character.len_utf8()..];
    }
    write(rest)
}

/// The kind of text that is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Lines for people. A character that steers is replaced.
    Text,
    /// JSON. A steering character is written as `\u` and its number, so that the reader gets the character back.
    Json,
}

/// Passes text on without the characters that steer. Line feeds and tabs pass: they are the program's own.
#[derive(Debug)]
pub struct PrintableWriter<W> {
    inner: W,
    style: Style,
    /// The beginning of a character whose other bytes are yet to come.
    begun: Vec<u8>,
}

impl<W: Write> PrintableWriter<W> {
    /// Writes to `inner`.
    pub fn new(inner: W, style: Style) -> Self {
        Self { inner, style, begun: Vec::new() }
    }

    fn pass(&mut self, text: &str) -> io::Result<()> {
        let Self { inner, style, .. } = self;
        let unwanted = |c: char| steers(c) && !matches!(c, '\n' | '\t');
        let instead = |c: char| match style {
            Style::Text => Ok(STAND_IN.to_string()),
            Style::Json => {
                let mut escaped = String::new();
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(escaped, "\\u{unit:04x}"))?;
                Ok(escaped)
            }
        };
        pass(text, unwanted, |piece| inner.write_all(piece.as_bytes()).map_err(Failed), instead)
            .map_err(|failed| failed.0)
    }
}

/// An error of either kind of writing.
struct Failed(io::Error);

impl From<fmt::Error> for Failed {
    fn from(error: fmt::Error) -> Self {
        Self(io::Error::other(error))
    }
}

impl<W: Write> Write for PrintableWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined = (!self.begun.is_empty()).then(|| [std::mem::take(&mut self.begun), bytes.to_vec()].concat());
        let mut rest = joined.as_deref().unwrap_or(bytes);
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => self.pass(text)?,
                Err(error) => {
                    let (text, behind) = rest.split_at(error.valid_up_to());
                    self.pass(&String::from_utf8_lossy(text))?;
                    match error.error_len() {
                        None => behind.clone_into(&mut self.begun),
                        Some(length) => {
                            self.pass("\u{fffd}")?;
                            rest = &behind[length..];
                            continue;
                        }
                    }
                }
            }
            return Ok(bytes.len());
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\x1b[31m\u{9b}2J\u{202e}b\u{200b}\u{2028}°\r\u{7f}\u{e0041}";

    #[test]
    fn a_line_stays_one_and_steers_nothing() {
        assert_eq!(Printable(HOSTILE).to_string(), "a·[31m·2J·b··°···");
        assert_eq!(Printable("one\ntwo\tthree").to_string(), "one·two·three");
        assert_eq!(shown(Path::new("a/\x1b[2J.pkl")).to_string(), "a/·[2J.pkl");
    }

    fn written(style: Style, pieces: &[&[u8]]) -> String {
        let mut writer = PrintableWriter::new(Vec::new(), style);
        pieces.iter().for_each(|piece| writer.write_all(piece).unwrap());
        String::from_utf8(writer.inner).unwrap()
    }

    #[test]
    fn what_is_written_keeps_its_lines_and_steers_nothing() {
        assert_eq!(written(Style::Text, &[b"one\n\ttwo ", HOSTILE.as_bytes()]), "one\n\ttwo a·[31m·2J·b··°···");
        assert_eq!(written(Style::Text, &["20 °C → ü\n".as_bytes()]), "20 °C → ü\n");
    }

    #[test]
    fn json_gives_back_what_was_written() {
        let json = serde_json::to_string(HOSTILE).unwrap();
        let safe = written(Style::Json, &[json.as_bytes()]);
        assert!(!safe.contains(steers), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), HOSTILE);
    }

    #[test]
    fn characters_may_come_in_pieces_and_bytes_that_are_none_are_told() {
        let bytes = "°\u{9b}→\u{e0041}x".as_bytes();
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(written(Style::Text, &single), "°·→·x");
        assert_eq!(written(Style::Text, &[b"a\xffb\x9bc"]), "a\u{fffd}b\u{fffd}c");
    }
}
