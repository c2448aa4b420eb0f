//! Shows the demo as it goes: a table that is redrawn in place; plain lines when the output is not a terminal, or one
//! that is too small.

use std::io::{self, IsTerminal, Write};

use super::board::Board;
use super::narration::Narration;
use super::screen::{self, Colours};

/// The size assumed for a terminal that does not tell its size.
const USUAL_SIZE: (usize, usize) = (80, 24);

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR: &str = "\x1b[H\x1b[2J";

/// How the run is shown.
pub struct Display<'a> {
    out: &'a mut dyn Write,
    way: Way,
}

enum Way {
    /// In place, on a terminal.
    Table(Table),
    /// Line by line.
    Lines(Narration),
}

impl<'a> Display<'a> {
    /// The display that suits standard output, to which `out` writes.
    pub fn new(out: &'a mut dyn Write, board: &Board) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let way = if io::stdout().is_terminal() && set("TERM").is_some_and(|terminal| terminal != "dumb") {
            let colours = if set("NO_COLOR").is_some() { Colours::Off } else { Colours::On };
            Way::Table(Table { colours, drawn: None })
        } else {
            Way::Lines(Narration::new(board))
        };
        Self { out, way }
    }

    /// Shows the changes. When the terminal has become too small for the table, lines go on from there.
    ///
    /// # Errors
    /// When the display cannot be written.
    pub fn show(&mut self, board: &Board) -> io::Result<()> {
        if let Way::Table(table) = &mut self.way {
            match table.frame(board, terminal_size()) {
                Some(frame) => self.out.write_all(frame.as_bytes())?,
                None => {
                    self.show_cursor()?;
                    self.way = Way::Lines(Narration::new(board));
                }
            }
        }
        if let Way::Lines(narration) = &mut self.way {
            for line in narration.news(board) {
                writeln!(self.out, "{line}")?;
            }
        }
        self.out.flush()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if let Way::Table(Table { drawn: Some(_), .. }) = self.way {
            self.out.write_all(SHOW_CURSOR.as_bytes())?;
        }
        Ok(())
    }
}

impl Drop for Display<'_> {
    fn drop(&mut self) {
        // A failure is ignored: a terminal that is gone needs no cursor.
        let _ = self.show_cursor().and_then(|()| self.out.flush());
    }
}

/// A table that is redrawn in place.
struct Table {
    colours: Colours,
    drawn: Option<Drawn>,
}

/// The last drawing.
#[derive(Clone, Copy)]
struct Drawn {
    lines: usize,
    size: (usize, usize),
}

impl Table {
    /// The text that draws the board in place on a terminal of this size; `None` when the terminal is too small.
    fn frame(&mut self, board: &Board, size: (usize, usize)) -> Option<String> {
        let lines = screen::render(board, size, self.colours)?;
        // The frame is one write, and each line is overwritten rather than cleared, so that the table does not flicker.
        let mut frame = HIDE_CURSOR.to_owned();
        match self.drawn {
            Some(drawn) if drawn.size == size => frame.push_str(&format!("\x1b[{}A\r", drawn.lines)),
            // The terminal has wrapped or moved the lines, so it is cleared: the old positions are not known.
            Some(_) => frame.push_str(CLEAR),
            None => {}
        }
        for line in &lines {
            frame.push_str(line);
            frame.push_str("\x1b[K\n");
        }
        frame.push_str("\x1b[J");
        self.drawn = Some(Drawn { lines: lines.len(), size });
        Some(frame)
    }
}

fn terminal_size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => USUAL_SIZE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::simulation::Simulation;

    #[test]
    fn a_table_is_drawn_over_itself_anew_after_a_resize_and_not_where_it_has_no_room() {
        let board = Board::new(&Simulation::new(42));
        let mut table = Table { colours: Colours::Off, drawn: None };
        let first = table.frame(&board, (60, 20)).unwrap();
        assert!(!first.contains("\x1b[2J") && !first.contains('A'), "{first}");
        let again = table.frame(&board, (60, 20)).unwrap();
        let lines = again.matches('\n').count();
        assert!(lines < 20 && again.contains(&format!("\x1b[{lines}A\r")), "{again}");
        assert!(table.frame(&board, (200, 60)).unwrap().contains(CLEAR));
        assert!(table.frame(&board, (40, 10)).is_none());
    }
}
