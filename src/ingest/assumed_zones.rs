//! Which readings of a batch have a time that names no zone, and which zone was assumed for each.

use crate::zone::Zone;

/// Runs of readings with the zone that was assumed for their times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssumedZones(Vec<Run>);

/// Neighbouring readings with one zone.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    first: usize,
    end: usize,
    zone: Zone,
}

impl AssumedZones {
    /// Notes the zone of the reading at `place`, which must be behind all places noted so far.
    pub(crate) fn push(&mut self, place: usize, zone: Zone) {
        match self.0.last_mut() {
            Some(run) if run.end == place && run.zone == zone => run.end += 1,
            _ => self.0.push(Run { first: place, end: place + 1, zone }),
        }
    }

    /// Forgets the readings from a place on.
    pub(super) fn truncate(&mut self, end: usize) {
        self.0.retain_mut(|run| {
            run.end = run.end.min(end);
            run.first < run.end
        });
    }

    /// The zone that was assumed for the reading at `place`; `None` when its time names a zone.
    pub fn of(&self, place: usize) -> Option<Zone> {
        let run = self.0.partition_point(|run| run.end <= place);
        self.0.get(run).filter(|run| run.first <= place).map(|run| run.zone)
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.0.len() * size_of::<Run>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_reading_has_the_zone_that_was_noted_for_it(
            noted in prop::collection::vec(prop::option::of(0..2_usize), 0..40),
            end in 0..50_usize,
        ) {
            let zones = ["UTC", "Europe/Berlin"].map(|zone| zone.parse::<Zone>().unwrap());
            let expected: Vec<_> = noted.iter().map(|zone| zone.map(|zone| zones[zone])).collect();
            let mut assumed = AssumedZones::default();
            for (place, zone) in expected.iter().enumerate() {
                zone.iter().for_each(|zone| assumed.push(place, *zone));
            }
            let of = |assumed: &AssumedZones| (0..50).map(|place| assumed.of(place)).collect::<Vec<_>>();
            let filled = |upto: usize| (0..50).map(|place| expected[..upto].get(place).copied().flatten()).collect::<Vec<_>>();
            prop_assert_eq!(of(&assumed), filled(expected.len()));
            assumed.truncate(end);
            prop_assert_eq!(of(&assumed), filled(end.min(expected.len())));
        }
    }
}
