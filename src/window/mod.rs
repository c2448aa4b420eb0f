//! Windows that are still open: from readings to closed windows. Pure: takes readings and times, returns effects.
//!
//! Every sensor has a *watermark*, the event time before which its intervals are closed. It follows the sensor's own
//! newest reading at a distance, the *lateness*; and a run that scores a window first closes it for all sensors. A
//! reading before the watermark is late. Until its interval is closed, a reading is kept whole, by its time: so a
//! repeated reading counts once, and the aggregates are the same in whatever order readings arrive. Of an interval with
//! very many readings only the newest are kept whole. The oldest are folded into the aggregates, and a reading that is
//! not newer than these is refused, because it may be one of them.

mod block;
mod open;
mod open_copy;
mod open_interval;

pub use block::{BlockBuilder, WindowBlock};
pub use open::{
    Admission, ClosedWindow, ClosingProgress, ClosingSlice, OpenWindows, ReplayBounds, SensorHead, WindowSettings,
};
pub use open_copy::OpenCopy;

#[cfg(test)]
mod tests;
