//! The block of a window: its closed intervals in few bytes, appended one by one.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::interval::{Cut, Interval, Window};
use crate::time::Timestamp;

/// The intervals of one sensor's window, in the order of time, in the form in which they are stored.
///
/// An interval takes some 3 bytes when it holds a single reading, and some 30 otherwise; the struct takes 64.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowBlock {
    bytes: Vec<u8>,
}

/// Builds the block of a window.
#[derive(Debug)]
pub struct BlockBuilder {
    window: Window,
    encoder: Encoder,
    /// The index of the next interval, if there is no gap.
    next: i64,
}

const FORMAT: u64 = 1;

impl BlockBuilder {
    /// A block without intervals.
    pub fn new(window: Window) -> Self {
        let mut encoder = Encoder::default();
        encoder.unsigned(FORMAT);
        encoder.signed(window.start().nanos());
        Self { window, encoder, next: 0 }
    }

    /// The window that the block belongs to.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Appends an interval, which must come after those in the block.
    pub fn push(&mut self, interval: &Interval, cut: Cut) {
        let place = interval.start.since(self.window.start()).divide(cut.interval()).0;
        self.encoder.signed(place - self.next);
        self.next = place + 1;
        self.encoder.unsigned(u64::from(interval.count));
        self.encoder.float(interval.mean);
        if interval.count > 1 {
            let Interval { min, max, standard_deviation, first, last, .. } = *interval;
            for value in [min, max, standard_deviation, first, last] {
                self.encoder.float(value);
            }
        }
    }

    /// The block as it is so far.
    pub fn so_far(&self) -> WindowBlock {
        WindowBlock { bytes: self.encoder.clone().into_bytes() }
    }

    /// The finished block.
    pub fn finish(self) -> WindowBlock {
        WindowBlock { bytes: self.encoder.into_bytes() }
    }
}

impl WindowBlock {
    /// A block as it was stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The block as it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The start of the window that the block belongs to.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn window_start(&self) -> Result<Timestamp, Corrupt> {
        self.header().map(|(start, _)| start)
    }

    /// The intervals, in the order of time.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn intervals(&self, cut: Cut) -> Result<Vec<Interval>, Corrupt> {
        let (window_start, mut decoder) = self.header()?;
        let mut intervals = Vec::new();
        let mut next = 0_i64;
        while !decoder.is_at_end() {
            let place = next.checked_add(decoder.signed()?).filter(|place| *place >= next).ok_or(Corrupt)?;
            if place >= cut.intervals_per_window() {
                return Err(Corrupt);
            }
            next = place + 1;
            let start = window_start + cut.interval().times(place);
            let count = decoder.narrow()?;
            let mean = decoder.float()?;
            let [min, max, standard_deviation, first, last] = if count > 1 {
                [decoder.float()?, decoder.float()?, decoder.float()?, decoder.float()?, decoder.float()?]
            } else {
                [mean, mean, 0.0, mean, mean]
            };
            intervals.push(Interval { start, count, mean, min, max, standard_deviation, first, last });
        }
        Ok(intervals)
    }

    fn header(&self) -> Result<(Timestamp, Decoder<'_>), Corrupt> {
        let mut decoder = Decoder::new(&self.bytes);
        if decoder.unsigned()? != FORMAT {
            return Err(Corrupt);
        }
        Ok((Timestamp::from_nanos(decoder.signed()?), decoder))
    }
}
