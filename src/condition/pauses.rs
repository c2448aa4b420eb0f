//! The pauses that a sensor usually makes.

use crate::time::Span;

/// The pauses of a sensor while it was learnt what is usual: each is a row of windows without readings, between windows with
/// readings. Only windows that the daemon saw whole count. A pause of more windows than can be counted counts as so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pauses {
    /// How many windows the longest one had.
    pub longest: u16,
    /// How many the second longest had.
    pub second: u16,
    /// How many windows without readings there were since the last one with readings.
    pub lasting: u16,
    /// How many pauses there were; no more than matter are counted.
    pub count: u8,
}

/// So many pauses are needed before the sensor is one that usually pauses.
const LEAST_PAUSES: u8 = 3;

impl Pauses {
    /// Takes in a window without readings. Beyond `most` windows nothing is counted, so that a sensor that never comes back
    /// is not written again and again.
    pub(super) fn go_on(&mut self, most: u16) {
        self.lasting = self.lasting.saturating_add(1).min(most.max(self.lasting));
    }

    /// Takes in a window with readings.
    pub(super) fn end(&mut self) {
        let pause = std::mem::take(&mut self.lasting);
        if pause == 0 {
            return;
        }
        self.count = self.count.saturating_add(1).min(LEAST_PAUSES);
        if pause > self.longest {
            (self.longest, self.second) = (pause, self.longest);
        } else {
            self.second = self.second.max(pause);
        }
    }

    /// The longest pause that is usual, where a window has this length. An outage is a pause as well, and the longest one may
    /// be one: so it is the second longest, of three at least.
    pub(super) fn usual(&self, window: Span) -> Span {
        if self.count < LEAST_PAUSES { Span::ZERO } else { window.times(self.second.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Span = Span::from_secs(3600);

    fn after(pauses: &[u16]) -> Pauses {
        let mut all = Pauses::default();
        for pause in pauses {
            (0..*pause).for_each(|_| all.go_on(100));
            all.end();
        }
        all
    }

    #[test]
    fn the_second_longest_of_three_pauses_is_usual_wherever_an_outage_lies() {
        assert_eq!(after(&[]).usual(HOUR), Span::ZERO);
        assert_eq!(after(&[30]).usual(HOUR), Span::ZERO);
        assert_eq!(after(&[30, 0, 0, 2]).usual(HOUR), Span::ZERO);
        for pauses in [[30, 2, 3], [2, 30, 3], [2, 3, 30], [3, 30, 3]] {
            assert_eq!(after(&pauses).usual(HOUR), HOUR.times(3), "{pauses:?}");
        }
    }

    #[test]
    fn a_pause_without_an_end_stops_counting() {
        let mut pauses = Pauses::default();
        (0..100).for_each(|_| pauses.go_on(7));
        let before = pauses;
        pauses.go_on(7);
        assert_eq!((pauses, pauses.lasting), (before, 7));
    }
}
