//! Tables for people: columns as wide as their content, and signs of state in colour on a terminal.

use std::io::{self, IsTerminal, Write};

use crate::printable::{Printable, PrintableWriter, Style};

/// A table. Its columns are as wide as their widest cell; the last one is not padded.
#[derive(Debug)]
pub struct TextTable {
    columns: Vec<Column>,
    rows: Vec<Vec<TableCell>>,
}

/// A column with its heading.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    side: Side,
}

/// Where the cells of a column stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

/// A cell: one line of text.
#[derive(Clone, Debug)]
pub struct TableCell {
    text: String,
    tint: Tint,
}

/// What a cell's colour says. The words say it too: nothing is told by colour alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tint {
    /// Nothing.
    #[default]
    None,
    /// All is well.
    Good,
    /// It deserves a look.
    Warning,
    /// Something is wrong.
    Bad,
    /// It is less important than the rest.
    Faint,
}

/// Whether cells are coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colours {
    /// They are not.
    None,
    /// They are, by escapes that every terminal knows.
    Ansi,
}

impl Colours {
    /// Colours for standard output: on a terminal, unless NO_COLOR is set (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_refused || !io::stdout().is_terminal() { Self::None } else { Self::Ansi }
    }

    /// Text in a colour. What comes from outside must be in `text` without escapes.
    pub fn paint(self, tint: Tint, text: &str) -> String {
        let code = match (self, tint) {
            (Self::None, _) | (_, Tint::None) => return text.to_owned(),
            (Self::Ansi, Tint::Good) => "32",
            (Self::Ansi, Tint::Warning) => "33",
            (Self::Ansi, Tint::Bad) => "1;31",
            (Self::Ansi, Tint::Faint) => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Standard output of a command.
///
/// Text without colours, and JSON, pass a [`PrintableWriter`]. Text with colours brings escapes of its own, so whoever
/// writes it makes all that comes from outside printable.
#[derive(Debug)]
pub enum Output {
    /// Characters that steer a terminal are replaced.
    Printable(PrintableWriter<io::Stdout>),
    /// All passes.
    Coloured(io::Stdout),
}

impl Output {
    /// For lines for people.
    pub fn text(colours: Colours) -> Self {
        match colours {
            Colours::None => Self::Printable(PrintableWriter::new(io::stdout(), Style::Text)),
            Colours::Ansi => Self::Coloured(io::stdout()),
        }
    }

    /// For lines of JSON.
    pub fn json() -> Self {
        Self::Printable(PrintableWriter::new(io::stdout(), Style::Json))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Printable(writer) => writer.write(bytes),
            Self::Coloured(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Printable(writer) => writer.flush(),
            Self::Coloured(stdout) => stdout.flush(),
        }
    }
}

impl Column {
    /// A column of words.
    pub fn left(heading: &'static str) -> Self {
        Self { heading, side: Side::Left }
    }

    /// A column of numbers.
    pub fn right(heading: &'static str) -> Self {
        Self { heading, side: Side::Right }
    }
}

impl TableCell {
    /// A cell in a colour.
    pub fn tinted(text: impl Into<String>, tint: Tint) -> Self {
        // A name from outside must not move the columns, nor bring escapes of its own.
        Self { text: Printable(text.into()).to_string(), tint }
    }
}

impl<T: Into<String>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self::tinted(text, Tint::None)
    }
}

impl TextTable {
    /// A table of these columns.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row, which has a cell for each column.
    pub fn row(&mut self, cells: impl Into<Vec<TableCell>>) {
        self.rows.push(cells.into());
    }

    /// Writes the headings and the rows. Every character of a cell was made printable before, so that only the table's
    /// own escapes reach the terminal: `out` must pass them on.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, colours: Colours, out: &mut dyn Write) -> io::Result<()> {
        let widths = self.widths();
        let headings: Vec<_> =
            self.columns.iter().map(|column| TableCell::tinted(column.heading, Tint::Faint)).collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for (place, (column, (cell, width))) in self.columns.iter().zip(row.iter().zip(&widths)).enumerate() {
                let missing = " ".repeat(width - cell.text.chars().count());
                let painted = colours.paint(cell.tint, &cell.text);
                let is_last = place + 1 == self.columns.len();
                line.push_str(if place > 0 { "  " } else { "" });
                match column.side {
                    Side::Right => line.extend([&*missing, &painted]),
                    Side::Left if is_last => line.push_str(&painted),
                    Side::Left => line.extend([&*painted, &missing]),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let width = |text: &str| text.chars().count();
        let mut widths: Vec<_> = self.columns.iter().map(|column| width(column.heading)).collect();
        for row in &self.rows {
            widths.iter_mut().zip(row).for_each(|(widest, cell)| *widest = (*widest).max(width(&cell.text)));
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(colours: Colours) -> String {
        let mut table = TextTable::new([Column::left("sensor"), Column::right("score"), Column::left("why")]);
        table.row(["press-1/flow".into(), TableCell::tinted("0.98", Tint::Bad), "mean 300".into()]);
        table.row(["ü\x1b[2J\n".into(), "1".into(), "".into()]);
        let mut out = Vec::new();
        table.write(colours, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_content_and_names_cannot_steer() {
        let lines = "sensor        score  why\npress-1/flow   0.98  mean 300\nü·[2J·            1\n";
        assert_eq!(written(Colours::None), lines);
    }

    #[test]
    fn colours_stand_around_words_and_move_no_column() {
        let coloured = written(Colours::Ansi);
        assert!(coloured.contains("press-1/flow   \x1b[1;31m0.98\x1b[0m  mean 300\n"), "{coloured}");
        let plain = ["\x1b[1;31m", "\x1b[2m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, written(Colours::None));
    }
}
