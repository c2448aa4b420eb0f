//! `[window]`: how time is cut.

use super::reader::Section;
use crate::interval::{Cut, CutError};
use crate::time::Span;

/// How time is cut, and when a piece of it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSettings {
    /// Intervals and windows.
    pub cut: Cut,
    /// How long after its end an interval still accepts readings.
    pub lateness: Span,
}

/// Always `Some`: values that contradict each other are replaced by the default.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<WindowSettings> {
    let longest = Span::from_secs(366 * 86_400);
    let (minute, hour) = (Span::from_secs(60), Span::from_secs(3600));
    let interval = section.span("interval", minute, Span::from_millis(1)..=longest);
    let length = section.span("length", hour, Span::from_millis(1)..=longest);
    let lateness = section.span("lateness", Span::from_secs(30), Span::ZERO..=longest);
    if lateness >= length {
        let why = format!("{lateness} is not shorter than a window of {length}; lateness must be less than length");
        section.rule(&["lateness", "length"], why);
    }
    let cut = Cut::new(interval, length);
    match &cut {
        Err(CutError::Zero("interval")) => section.rule(&["interval"], "an interval must have a length"),
        Err(why) => section.rule(&["length", "interval"], why),
        Ok(_) => {}
    }
    Some(WindowSettings { cut: cut.or_else(|_| Cut::new(minute, hour)).ok()?, lateness })
}
