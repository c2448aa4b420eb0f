//! The live table: what the board looks like, as lines of styled text.

use super::board::{Board, Cell, Row};
use super::plant::SPEED;
use super::wording::grouped;

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Plain,
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
}

impl Style {
    /// The terminal's code for the style (ECMA-48, "select graphic rendition").
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Red => "1;31",
            Self::Yellow => "33",
        }
    }
}

/// Whether the terminal shows colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colours {
    /// Styles are shown.
    On,
    /// The text alone says everything.
    Off,
}

/// A line in pieces, each with a style. Every character used is one column wide.
#[derive(Default)]
struct Line(Vec<(Style, String)>);

impl Line {
    fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    fn plain(text: impl Into<String>) -> Self {
        Self::default().with(Style::Plain, text)
    }

    /// The line, cut at `width` columns.
    fn render(&self, width: usize, colours: Colours) -> String {
        let mut rendered = String::new();
        let mut room = width;
        for (style, text) in &self.0 {
            let text: String = text.chars().take(room).collect();
            room -= text.chars().count();
            if colours == Colours::Off || *style == Style::Plain || text.is_empty() {
                rendered.push_str(&text);
            } else {
                rendered.push_str(&format!("\x1b[{}m{text}\x1b[0m", style.code()));
            }
        }
        rendered
    }
}

const SENSOR_WIDTH: usize = 20;
const CELL_WIDTH: usize = 6;

/// Renders the board for a terminal of this size, a string a line. When there is little room, the legend and the empty
/// lines are left out; `None` when there is no room for every sensor's windows.
///
/// The last row stays empty for the cursor.
pub fn render(board: &Board, (columns, rows): (usize, usize), colours: Colours) -> Option<Vec<String>> {
    let mut lines = header(board);
    lines.push(Line::default());
    lines.push(hours(board));
    lines.extend(board.rows.iter().map(|row| sensor(board, row)));
    lines.push(Line::default());
    lines.push(legend());
    if lines.len() >= rows {
        lines.pop();
        lines.retain(|line| !line.0.is_empty());
    }
    let least = SENSOR_WIDTH + CELL_WIDTH * board.hours.len();
    let fits = columns >= least && lines.len() < rows;
    fits.then(|| lines.iter().map(|line| line.render(columns, colours)).collect())
}

fn header(board: &Board) -> Vec<Line> {
    let progress = &board.progress;
    let clock = board.now.format("%H:%M");
    let verdicts = format!("{} of {}", board.verdict_count(), board.verdicts_expected());
    vec![
        Line::default()
            .with(Style::Bold, "anomalyd demo")
            .with(Style::Plain, "   plant clock ")
            .with(Style::Bold, clock)
            .with(Style::Dim, format!("   {} times real time", grouped(SPEED.into()))),
        Line::plain(format!(
            "readings sent {}, on the daemon's disk {}   verdicts {verdicts}",
            grouped(progress.sent),
            grouped(progress.acknowledged)
        )),
    ]
}

fn hours(board: &Board) -> Line {
    let names = board.hours.iter().map(|hour| format!("{:>CELL_WIDTH$}", hour.start.format("%H:%M")));
    Line::default().with(Style::Dim, format!("{:<SENSOR_WIDTH$}{}", "hour from", names.collect::<String>()))
}

fn sensor(board: &Board, row: &Row) -> Line {
    let mut line = Line::plain(format!("{:<SENSOR_WIDTH$}", row.sensor.to_string()));
    for cell in &row.cells {
        let (style, text) = match cell {
            Cell::Pending => (Style::Dim, "·".to_owned()),
            Cell::Healthy => (Style::Green, "ok".to_owned()),
            Cell::Fault(count) => (Style::Red, format!("▲{count}")),
            Cell::FalseAlarm(count) => (Style::Yellow, format!("△{count}")),
            Cell::Missing => (Style::Red, "none".to_owned()),
        };
        line = line.with(style, format!("{text:>CELL_WIDTH$}"));
    }
    match board.present_fault(&row.sensor) {
        Some(fault) => line.with(Style::Bold, format!("  ← {} injected", fault.kind)),
        None => line,
    }
}

fn legend() -> Line {
    Line::default()
        .with(Style::Red, "▲n")
        .with(Style::Dim, " minutes of the hour flagged, a fault among them   ")
        .with(Style::Yellow, "△n")
        .with(Style::Dim, " only false alarms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::simulation::{FaultKind, Simulation};

    fn board() -> Board {
        let mut board = Board::new(&Simulation::new(42));
        board.rows[0].cells[..3].copy_from_slice(&[Cell::Healthy, Cell::Fault(12), Cell::FalseAlarm(1)]);
        board
    }

    /// On a terminal of so many columns and enough rows.
    fn lines(board: &Board, columns: usize, colours: Colours) -> Vec<String> {
        render(board, (columns, 100), colours).unwrap()
    }

    #[test]
    fn each_sensor_has_a_line_with_a_cell_for_each_hour() {
        let lines = lines(&board(), 80, Colours::Off);
        assert!(lines.iter().any(|line| line == "press-1/temperature     ok   ▲12    △1     ·     ·     ·"));
        assert!(lines.iter().any(|line| line == "hour from            06:00 07:00 08:00 09:00 10:00 11:00"));
        assert_eq!(lines.iter().filter(|line| line.contains("·")).count(), 15);
    }

    #[test]
    fn a_fault_is_noted_at_its_sensor_while_it_lasts() {
        let mut board = board();
        let fault = board.faults[0].clone();
        let note = format!("← {} injected", fault.kind);
        let noted = |board: &Board| {
            let lines = lines(board, 120, Colours::Off);
            let noted: Vec<_> = lines.into_iter().filter(|line| line.contains(&note)).collect();
            noted
        };
        assert!(noted(&board).is_empty());
        board.now = fault.from;
        assert!(noted(&board)[0].starts_with(&fault.sensor.to_string()));
        board.now = fault.until;
        assert!(noted(&board).is_empty());
    }

    #[test]
    fn what_is_drawn_fits_the_terminal_and_shows_every_sensor_or_nothing_is_drawn() {
        let mut board = board();
        board.now = board.faults[0].from;
        let whole = lines(&board, 200, Colours::Off).len();
        for columns in [0, 1, 40, 55, 56, 60, 79, 80, 200] {
            for rows in [0, 1, 10, 18, 19, 20, 21, 22, 24, 60] {
                let Some(lines) = render(&board, (columns, rows), Colours::Off) else {
                    assert!(columns < 56 || rows < 19, "{columns} x {rows}");
                    continue;
                };
                assert!(columns >= 56 && lines.len() < rows, "{columns} x {rows}");
                assert!(lines.iter().all(|line| line.chars().count() <= columns), "{columns} x {rows}");
                let shown =
                    board.rows.iter().filter(|row| lines.iter().any(|line| line.starts_with(&row.sensor.to_string())));
                assert_eq!(shown.count(), board.rows.len(), "{columns} x {rows}");
                assert!(rows <= whole || lines.len() == whole, "the legend has room: {columns} x {rows}");
            }
        }
    }

    #[test]
    fn colours_change_nothing_but_the_look() {
        let coloured = lines(&board(), 60, Colours::On).join("\n");
        assert!(coloured.contains("\x1b[1;31m   ▲12\x1b[0m"), "{coloured}");
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            stripped.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        assert_eq!(stripped + rest, lines(&board(), 60, Colours::Off).join("\n"));
    }

    #[test]
    fn the_table_fits_a_terminal_of_80_columns_and_24_lines() {
        let mut board = board();
        let stuck = board.faults.iter().find(|fault| fault.kind == FaultKind::Stuck);
        board.now = stuck.unwrap().from;
        let lines = render(&board, (1000, 24), Colours::Off).unwrap();
        assert!(lines.iter().any(|line| line.contains("only false alarms")));
        let wide: Vec<_> = lines.iter().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}
