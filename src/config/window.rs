//! `[window]`: how time is cut.

use super::reader::Section;
use crate::interval::{Cut, CutError, WindowGrid};
use crate::time::Span;

/// How time is cut, and when a piece of it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSettings {
    /// Intervals and windows.
    pub grid: WindowGrid,
    /// How long after its end an interval still accepts readings.
    pub lateness: Span,
}

/// Always `Some`: values that contradict each other are replaced by the default.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<WindowSettings> {
    let hourly = Cut::new(Span::from_secs(60), Span::from_secs(3600)).ok()?.into();
    let grid = read_grid(section, hourly);
    let lateness = section.span("lateness", Span::from_secs(30), Span::ZERO..=LONGEST);
    if lateness >= grid.length() {
        let length = grid.length();
        let why = format!("{lateness} is not shorter than a window of {length}; lateness must be less than length");
        section.rule(&["lateness", "length"], why);
    }
    Some(WindowSettings { grid, lateness })
}

const LONGEST: Span = Span::from_secs(366 * 86_400);

/// Reads intervals, windows and hops. What is not written is as `above`; but windows follow each other when they do so
/// above and no hop is written.
pub(super) fn read_grid(section: &mut Section<'_, '_>, above: WindowGrid) -> WindowGrid {
    let range = Span::from_millis(1)..=LONGEST;
    let interval = section.span("interval", above.interval(), range.clone());
    let length = section.span("length", above.length(), range.clone());
    let hop = if above.hop() == above.length() { length } else { above.hop() };
    let hop = section.span("hop", hop, range);
    let grid = WindowGrid::new(interval, length, hop);
    match &grid {
        Err(why @ (CutError::Gap { .. } | CutError::UnevenHop { .. })) => {
            let inherited = if section.has("hop") { "" } else { " (the hop is as in [window])" };
            section.rule(
                &["hop", "length", "interval"],
                format!("{why}{inherited}; make hop a whole number of intervals, at most length"),
            );
        }
        Err(why) => section.rule(&["length", "interval"], why),
        Ok(_) => {}
    }
    grid.unwrap_or(above)
}
