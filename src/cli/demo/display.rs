//! Shows the run as it goes: a table that is redrawn in place, or plain lines when nobody sits before a terminal.

use std::io::{self, IsTerminal, Write};

use super::board::Board;
use super::narration::Narration;
use super::screen::{self, Colours};

/// What a terminal is taken for that does not say how large it is.
const USUAL_SIZE: (usize, usize) = (80, 24);

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// How the run is shown.
pub enum Display<'a> {
    /// In place, on a terminal.
    Table(Table<'a>),
    /// Line by line.
    Lines(&'a mut dyn Write, Narration),
}

impl<'a> Display<'a> {
    /// The display that suits the standard output, which is what `out` writes to.
    pub fn new(out: &'a mut dyn Write, board: &Board) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if io::stdout().is_terminal() && set("TERM").is_some_and(|terminal| terminal != "dumb") {
            let colours = if set("NO_COLOR").is_some() { Colours::Off } else { Colours::On };
            Self::Table(Table { out, colours, drawn: 0 })
        } else {
            Self::Lines(out, Narration::new(board))
        }
    }

    /// Shows what has changed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show(&mut self, board: &Board) -> io::Result<()> {
        match self {
            Self::Table(table) => table.draw(board),
            Self::Lines(out, narration) => {
                for line in narration.news(board) {
                    writeln!(out, "{line}")?;
                }
                out.flush()
            }
        }
    }
}

/// A table that is drawn over itself. The cursor comes back when it is dropped.
pub struct Table<'a> {
    out: &'a mut dyn Write,
    colours: Colours,
    /// How many lines the last drawing has.
    drawn: usize,
}

impl Table<'_> {
    fn draw(&mut self, board: &Board) -> io::Result<()> {
        let (columns, rows) = terminal_size();
        let mut lines = screen::render(board, columns, self.colours);
        // The line below the table is the cursor's: a higher table would scroll away and be drawn anew below.
        lines.truncate(rows.saturating_sub(1));
        // All in one write, and nothing cleared before it is overwritten: no flicker.
        let mut frame = HIDE_CURSOR.to_owned();
        if self.drawn > 0 {
            frame.push_str(&format!("\x1b[{}A\r", self.drawn));
        }
        for line in &lines {
            frame.push_str(line);
            frame.push_str("\x1b[K\n");
        }
        frame.push_str("\x1b[J");
        self.drawn = lines.len();
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no cursor.
        let _ = self.out.write_all(SHOW_CURSOR.as_bytes()).and_then(|()| self.out.flush());
    }
}

fn terminal_size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => USUAL_SIZE,
    }
}
