//! The run told line by line, for logs and pipes.

use super::board::{Board, Cell};
use super::plant::SPEED;
use super::simulation::Fault;
use super::wording::{counted, grouped};
use crate::time::Timestamp;

/// Tells the news since the last call.
pub struct Narration {
    began: bool,
    told_hours: usize,
    /// The beginnings and ends of faults that are still to come, in the order of time.
    changes: Vec<Change>,
}

/// The beginning or end of a fault, by its index on the board.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Begins(usize),
    Ends(usize),
}

impl Change {
    fn of(self, board: &Board) -> (&Fault, Timestamp, &'static str) {
        match self {
            Self::Begins(index) => (&board.faults[index], board.faults[index].from, "is injected into"),
            Self::Ends(index) => (&board.faults[index], board.faults[index].until, "ends on"),
        }
    }
}

impl Narration {
    /// A narration with nothing told yet.
    pub fn new(board: &Board) -> Self {
        let mut changes: Vec<_> =
            (0..board.faults.len()).flat_map(|index| [Change::Begins(index), Change::Ends(index)]).collect();
        changes.sort_by_key(|change| change.of(board).1);
        Self { began: false, told_hours: 0, changes }
    }

    /// The lines for what is new.
    pub fn news(&mut self, board: &Board) -> Vec<String> {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.began, true) {
            let (sensors, hours) = (board.rows.len(), board.hours.len());
            let speed = grouped(SPEED.into());
            let clock = board.now.format("%H:%M:%S");
            lines.push(format!("{clock}  {sensors} sensors begin to publish; {hours} hours, {speed} times real time"));
        }
        self.changes.retain(|change| {
            let (fault, time, what) = change.of(board);
            if time > board.now {
                return true;
            }
            lines.push(format!("{}  {} {what} {}", time.format("%H:%M:%S"), fault.kind, fault.sensor));
            false
        });
        while let Some(hour) = board.hours.get(self.told_hours)
            && let Some(figures) = hour.figures
            && board.rows.iter().all(|row| row.cells[self.told_hours] != Cell::Pending)
        {
            let cells = board.rows.iter().map(|row| (&row.sensor, row.cells[self.told_hours]));
            let millis = figures.scoring.as_secs_f64() * 1e3;
            let clock = board.now.format("%H:%M:%S");
            let from = hour.start.format("%H:%M");
            let sensors = counted(figures.scored, "sensor");
            lines.push(format!("{clock}  hour from {from} scored: {sensors} in {millis:.1} ms"));
            for (sensor, cell) in cells {
                match cell {
                    Cell::Pending | Cell::Healthy => {}
                    Cell::Missing => lines.push(format!("          {sensor}: no verdict")),
                    Cell::Fault(count) => lines.push(format!("          {sensor}: {} flagged", minutes(count))),
                    Cell::FalseAlarm(count) => {
                        lines.push(format!("          {sensor}: {} flagged, without a fault", minutes(count)));
                    }
                }
            }
            self.told_hours += 1;
        }
        lines
    }
}

fn minutes(count: usize) -> String {
    counted(count as u64, "minute")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::demo::daemon_process::RunFigures;
    use crate::cli::demo::simulation::Simulation;

    #[test]
    fn a_fault_is_told_once_when_it_begins_and_once_when_it_ends() {
        let mut board = Board::new(&Simulation::new(42));
        let fault = board.faults[0].clone();
        let mut narration = Narration::new(&board);
        assert_eq!(narration.news(&board).len(), 1);
        board.now = fault.from;
        let expected = format!("{}  {} is injected into {}", fault.from.format("%H:%M:%S"), fault.kind, fault.sensor);
        assert_eq!(narration.news(&board), [expected]);
        assert!(narration.news(&board).is_empty());
        board.now = fault.until;
        assert!(narration.news(&board).contains(&format!(
            "{}  {} ends on {}",
            fault.until.format("%H:%M:%S"),
            fault.kind,
            fault.sensor
        )));
    }

    #[test]
    fn an_hour_is_told_when_it_is_scored_and_published() {
        let mut board = Board::new(&Simulation::new(42));
        let mut narration = Narration::new(&board);
        narration.news(&board);
        let (scoring, total) = (Duration::from_micros(1500), Duration::from_millis(4));
        board.scored(RunFigures { window: board.now, scored: 15, rows: 900, scoring, total });
        assert!(narration.news(&board).is_empty());
        board.rows.iter_mut().for_each(|row| row.cells[0] = Cell::Healthy);
        board.rows[4].cells[0] = Cell::Fault(3);
        board.rows[5].cells[0] = Cell::FalseAlarm(1);
        let expected = [
            "06:00:00  hour from 06:00 scored: 15 sensors in 1.5 ms",
            "          press-1/flow: 3 minutes flagged",
            "          pump-2/temperature: 1 minute flagged, without a fault",
        ];
        assert_eq!(narration.news(&board), expected);
        assert!(narration.news(&board).is_empty());
    }
}
