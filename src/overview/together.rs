//! Which sensors' anomalies began together.
//!
//! - An anomaly of a sensor *begins* in an anomalous interval before which the sensor had no anomaly for [`QUIET`]
//!   intervals. So a sensor that flickers begins once, and not every few minutes.
//! - Sensors began *together* when their anomalies began within [`SPREAD`] intervals of the first of them.
//! - Of all sets that began together, the one with the most sensors is taken first; of equals that of more devices, and
//!   then the earliest. What began in it belongs to no other set. Then the largest set of the rest is taken, and so on.
//! - A set of the same sensors as an earlier one is told once, when it began for the first time.
//!
//! Intervals are counted from the epoch.

use std::collections::BTreeMap;

/// So many intervals without an anomaly lie before the beginning of one.
pub(super) const QUIET: i64 = 10;
/// Sensors began together when they began within so many intervals.
pub(super) const SPREAD: i64 = 3;
/// The most sets that are looked for.
const MOST_SETS: usize = 100;

/// The beginning of an anomaly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Onset {
    /// The interval.
    pub(super) interval: i64,
    /// The sensor, by its place among those that are looked at.
    pub(super) sensor: usize,
}

/// Sensors whose anomalies began together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OnsetSet {
    /// The interval in which the first began.
    pub(super) interval: i64,
    /// The sensors, in the order in which they began.
    pub(super) sensors: Vec<usize>,
}

/// The beginnings of anomalies; `anomalies` are the anomalous intervals in order.
pub(super) fn beginnings(anomalies: &[i64]) -> impl Iterator<Item = i64> {
    let is_quiet_before = |at: usize| at == 0 || anomalies[at] - anomalies[at - 1] > QUIET;
    (0..anomalies.len()).filter(move |at| is_quiet_before(*at)).map(|at| anomalies[at])
}

/// The sets of sensors that began together, the largest first. `device_of` gives the device of each sensor, as a number.
pub(super) fn sets(mut onsets: Vec<Onset>, device_of: &[usize]) -> Vec<OnsetSet> {
    onsets.sort_unstable();
    onsets.dedup();
    let mut sets: Vec<OnsetSet> = Vec::new();
    for _ in 0..MOST_SETS {
        let Some((first, end)) = largest(&onsets, device_of) else { break };
        let mut sensors = Vec::new();
        for Onset { sensor, .. } in &onsets[first..end] {
            if !sensors.contains(sensor) {
                sensors.push(*sensor);
            }
        }
        let interval = onsets[first].interval;
        onsets.drain(first..end);
        let same = |set: &&mut OnsetSet| {
            set.sensors.len() == sensors.len() && set.sensors.iter().all(|sensor| sensors.contains(sensor))
        };
        match sets.iter_mut().find(same) {
            Some(set) if set.interval <= interval => {}
            Some(set) => *set = OnsetSet { interval, sensors },
            None => sets.push(OnsetSet { interval, sensors }),
        }
    }
    sets
}

/// Where the largest set begins and ends among the onsets, which are in order; `None` when no two sensors began together.
fn largest(onsets: &[Onset], device_of: &[usize]) -> Option<(usize, usize)> {
    let mut within = Members::default();
    let mut best: Option<((usize, usize), (usize, usize))> = None;
    let mut end = 0;
    for (first, onset) in onsets.iter().enumerate() {
        while let Some(next) = onsets.get(end).filter(|next| next.interval - onset.interval <= SPREAD) {
            within.add(*next, device_of);
            end += 1;
        }
        let size = within.size();
        if size.0 > 1 && best.is_none_or(|(largest, _)| size > largest) {
            best = Some((size, (first, end)));
        }
        within.remove(*onset, device_of);
    }
    best.map(|(_, place)| place)
}

/// How often each sensor and each device is there.
#[derive(Default)]
struct Members {
    sensors: BTreeMap<usize, usize>,
    devices: BTreeMap<usize, usize>,
}

impl Members {
    fn add(&mut self, onset: Onset, device_of: &[usize]) {
        *self.sensors.entry(onset.sensor).or_default() += 1;
        *self.devices.entry(device_of[onset.sensor]).or_default() += 1;
    }

    fn remove(&mut self, onset: Onset, device_of: &[usize]) {
        for (members, member) in [(&mut self.sensors, onset.sensor), (&mut self.devices, device_of[onset.sensor])] {
            if let Some(count) = members.get_mut(&member) {
                *count -= 1;
                if *count == 0 {
                    members.remove(&member);
                }
            }
        }
    }

    /// How many sensors there are, and how many devices.
    fn size(&self) -> (usize, usize) {
        (self.sensors.len(), self.devices.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sets of onsets as `(interval, sensor)`; sensors 0 to 4 are on one device, the others on another.
    fn sets_of(onsets: &[(i64, usize)]) -> Vec<(i64, Vec<usize>)> {
        let onsets = onsets.iter().map(|(interval, sensor)| Onset { interval: *interval, sensor: *sensor }).collect();
        let devices = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
        sets(onsets, &devices).into_iter().map(|set| (set.interval, set.sensors)).collect()
    }

    #[test]
    fn an_anomaly_begins_after_a_quiet_time() {
        let began = |anomalies: &[i64]| beginnings(anomalies).collect::<Vec<_>>();
        assert!(began(&[]).is_empty());
        assert_eq!(began(&[5, 6, 7]), [5]);
        assert_eq!(began(&[5, 15, 25]), [5], "it flickers");
        assert_eq!(began(&[5, 16, 17, 28]), [5, 16, 28]);
    }

    #[test]
    fn sensors_that_began_within_three_intervals_are_a_set() {
        assert_eq!(sets_of(&[(100, 0), (103, 1)]), [(100, vec![0, 1])]);
        assert_eq!(sets_of(&[(100, 0), (104, 1)]), []);
        assert_eq!(sets_of(&[(100, 0), (101, 0)]), [], "one sensor is no set");
        assert_eq!(sets_of(&[(102, 0), (101, 7), (100, 3)]), [(100, vec![3, 7, 0])], "in the order of their beginning");
    }

    #[test]
    fn the_largest_set_is_taken_first_and_takes_what_began_in_it() {
        // The onset at 98 is near the first of the four alone.
        let onsets = [(98, 4), (101, 0), (102, 1), (103, 2), (104, 3)];
        assert_eq!(sets_of(&onsets), [(101, vec![0, 1, 2, 3])]);
        let onsets = [(10, 0), (10, 1), (50, 2), (50, 3), (51, 4)];
        assert_eq!(sets_of(&onsets), [(50, vec![2, 3, 4]), (10, vec![0, 1])]);
    }

    #[test]
    fn of_equal_sets_that_of_more_devices_comes_first_and_then_the_earlier() {
        let onsets = [(10, 0), (10, 1), (50, 2), (50, 7), (90, 3), (90, 4)];
        assert_eq!(sets_of(&onsets), [(50, vec![2, 7]), (10, vec![0, 1]), (90, vec![3, 4])]);
    }

    #[test]
    fn the_same_sensors_are_told_once() {
        let onsets = [(50, 0), (50, 1), (90, 1), (91, 0), (10, 0), (10, 1)];
        assert_eq!(sets_of(&onsets), [(10, vec![0, 1])]);
    }

    fn onsets() -> impl Strategy<Value = Vec<(i64, usize)>> {
        proptest::collection::vec((0..60_i64, 0..10_usize), 0..40)
    }

    proptest! {
        #[test]
        fn a_set_has_two_sensors_that_each_began_in_its_time(onsets in onsets()) {
            let sets = sets_of(&onsets);
            for (interval, sensors) in &sets {
                prop_assert!(sensors.len() > 1);
                prop_assert!(sensors.iter().enumerate().all(|(at, sensor)| !sensors[..at].contains(sensor)));
                for sensor in sensors {
                    let began = |(at, of): &(i64, usize)| of == sensor && (*interval..=interval + SPREAD).contains(at);
                    prop_assert!(onsets.iter().any(began), "{sensor} did not begin at {interval}");
                }
                prop_assert!(onsets.contains(&(*interval, sensors[0])), "the first began at the set's time");
            }
            prop_assert!(sets.windows(2).all(|pair| pair[0].1.len() >= pair[1].1.len()), "the largest first: {sets:?}");
        }

        #[test]
        fn the_order_and_the_hour_do_not_matter(onsets in onsets(), later in -100_000..100_000_i64) {
            let reversed: Vec<_> = onsets.iter().rev().map(|(at, sensor)| (at + later, *sensor)).collect();
            let moved: Vec<_> = sets_of(&onsets).into_iter().map(|(at, sensors)| (at + later, sensors)).collect();
            prop_assert_eq!(sets_of(&reversed), moved);
        }

        #[test]
        fn whoever_began_alone_is_in_no_set_and_others_who_began_together_are(onsets in onsets()) {
            let sets = sets_of(&onsets);
            for (at, sensor) in &onsets {
                let near = |(other, of): &&(i64, usize)| of != sensor && (other - at).abs() <= SPREAD;
                let is_alone = !onsets.iter().any(|other| near(&other));
                let told = |(interval, sensors): &(i64, Vec<usize>)| (interval..=&(interval + SPREAD)).contains(&at) && sensors.contains(sensor);
                prop_assert!(!is_alone || !sets.iter().any(told), "{sensor} at {at} is alone");
            }
            let two_began_together = onsets.iter().any(|(at, sensor)| {
                onsets.iter().any(|(other, of)| of != sensor && (other - at).abs() <= SPREAD)
            });
            prop_assert_eq!(!sets.is_empty(), two_began_together);
        }
    }
}
