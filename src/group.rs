//! Groups: which sensors share a window, a schedule and the rules of their scoring.
//!
//! A sensor is in exactly one group: the first whose pattern fits its name. The last group takes every sensor that no
//! other takes.
//!
//! The store cuts time in one way for all groups, the *base cut*: its interval divides every group's interval, and its
//! window divides every group's window and hop. The windows of a group are put together from base windows when they are
//! scored. So what takes readings in and stores windows knows no groups.

use std::fmt;
use std::sync::Arc;

use crate::interval::{Cut, CutError, WindowGrid};
use crate::sensor::SensorName;
use crate::sensor_pattern::SensorPattern;
use crate::time::Span;

/// The name of a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Names a group; `None` when the name is empty, too long, begins or ends with a blank, or has control characters.
    pub fn new(name: &str) -> Option<Self> {
        let is_sound = (1..=Self::MAX_BYTES).contains(&name.len()) && name.trim() == name;
        (is_sound && !name.contains(char::is_control)).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of the group of all sensors that no other group takes.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for GroupName {
    /// The group of all sensors that no other group takes.
    fn default() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A group of sensors.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// The sensors that it takes, unless an earlier group takes them.
    pub sensors: SensorPattern,
    /// How its windows lie.
    pub grid: WindowGrid,
}

/// All groups, in the order in which they take sensors.
#[derive(Clone, PartialEq, Debug)]
pub struct Groups {
    /// Those before the last.
    named: Arc<[Group]>,
    default: Arc<Group>,
}

impl Groups {
    /// These groups, and behind them the one that takes all other sensors, in windows that lie so.
    pub fn new(named: Vec<Group>, default: WindowGrid) -> Self {
        let default = Group { name: GroupName::default(), sensors: SensorPattern::all(), grid: default };
        Self { named: named.into(), default: default.into() }
    }

    /// The group that a sensor is in.
    pub fn of(&self, sensor: &SensorName) -> &Group {
        self.place_of(sensor).and_then(|place| self.named.get(place)).unwrap_or(&self.default)
    }

    /// The place of a sensor's group in the order of [`iter`](Self::iter).
    pub fn place(&self, sensor: &SensorName) -> usize {
        self.place_of(sensor).unwrap_or(self.named.len())
    }

    /// The group at a place in the order of [`iter`](Self::iter); beyond the end it is the default group.
    pub fn at(&self, place: usize) -> &Group {
        self.named.get(place).unwrap_or(&self.default)
    }

    /// The place of a sensor's group among the named ones; `None` for the default group.
    fn place_of(&self, sensor: &SensorName) -> Option<usize> {
        if self.named.is_empty() {
            return None;
        }
        let name = sensor.to_string();
        self.named.iter().position(|group| group.sensors.fits(&name))
    }

    /// The group of a name.
    pub fn find(&self, name: &GroupName) -> Option<&Group> {
        self.iter().find(|group| group.name == *name)
    }

    /// All groups, in the order in which they take sensors; the default group is the last.
    pub fn iter(&self) -> impl Iterator<Item = &Group> + Clone {
        self.named.iter().chain(std::iter::once(&*self.default))
    }

    /// The first group whose intervals or windows cannot be put together of those of a store that cuts time like this; `None`
    /// when those of all can.
    pub fn first_unfit_for(&self, cut: Cut) -> Option<&Group> {
        self.iter().find(|Group { grid, .. }| {
            let are_whole = [grid.length(), grid.hop()].iter().all(|span| span.divide(cut.window()).1);
            !are_whole || !grid.interval().divide(cut.interval()).1
        })
    }

    /// How time is cut for all groups: into the longest intervals and windows of which those of every group can be put
    /// together. With one group whose windows do not overlap it is that group's own cut.
    ///
    /// # Errors
    /// When such a window would have too many intervals.
    pub fn base_cut(&self) -> Result<Cut, CutError> {
        let grids = || self.iter().map(|group| group.grid);
        let interval = grids().map(WindowGrid::interval).fold(Span::ZERO, Span::common_divisor);
        let lengths = grids().flat_map(|grid| [grid.length(), grid.hop()]);
        Cut::new(interval, lengths.fold(Span::ZERO, Span::common_divisor))
    }
}

/// A value for each group.
#[derive(Clone, PartialEq, Debug)]
pub struct ByGroup<T> {
    groups: Groups,
    named: Vec<T>,
    default: T,
}

impl<T> ByGroup<T> {
    /// The values that `value` gives.
    pub fn new(groups: Groups, mut value: impl FnMut(&Group) -> T) -> Self {
        let named = groups.named.iter().map(&mut value).collect();
        let default = value(&groups.default);
        Self { groups, named, default }
    }

    /// The values that `value` makes of these.
    pub fn map<U>(&self, mut value: impl FnMut(&T) -> U) -> ByGroup<U> {
        let named = self.named.iter().map(&mut value).collect();
        ByGroup { groups: self.groups.clone(), named, default: value(&self.default) }
    }

    /// The groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The value for the group that a sensor is in.
    pub fn of(&self, sensor: &SensorName) -> &T {
        self.groups.place_of(sensor).and_then(|place| self.named.get(place)).unwrap_or(&self.default)
    }

    /// The value for the group that a sensor is in, to be changed.
    pub fn of_mut(&mut self, sensor: &SensorName) -> &mut T {
        let place = self.groups.place_of(sensor);
        place.and_then(|place| self.named.get_mut(place)).unwrap_or(&mut self.default)
    }

    /// The value for the group of a name; `None` when there is no such group.
    pub fn of_group(&self, name: &GroupName) -> Option<&T> {
        self.iter().find(|(group, _)| group.name == *name).map(|(_, value)| value)
    }

    /// Each group with its value; the default group is the last.
    pub fn iter(&self) -> impl Iterator<Item = (&Group, &T)> {
        self.groups.iter().zip(self.named.iter().chain(std::iter::once(&self.default)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid(interval: u32, length: u32, hop: u32) -> WindowGrid {
        WindowGrid::new(Span::from_secs(interval), Span::from_secs(length), Span::from_secs(hop)).unwrap()
    }

    fn group(name: &str, pattern: &str, grid: WindowGrid) -> Group {
        Group { name: GroupName::new(name).unwrap(), sensors: SensorPattern::parse(pattern).unwrap(), grid }
    }

    #[test]
    fn a_sensor_is_in_the_first_group_whose_pattern_fits_and_else_in_the_default_group() {
        let hourly = grid(60, 3600, 3600);
        let groups = Groups::new(vec![group("pumps", "*/pump*", hourly), group("line 1", "line-1/*", hourly)], hourly);
        let of = |device: &str, sensor: &str| groups.of(&SensorName::new(device, sensor).unwrap()).name.to_string();
        assert_eq!(of("line-1", "pump-3"), "pumps");
        assert_eq!(of("line-1", "heat"), "line 1");
        assert_eq!(of("line-2", "heat"), "default");
        assert!(groups.find(&GroupName::default()).is_some_and(|group| group.name.is_default()));
    }

    #[test]
    fn one_group_is_cut_as_its_windows_are() {
        let alone = Groups::new(vec![], grid(60, 3600, 3600));
        assert_eq!(alone.base_cut(), Cut::new(Span::from_secs(60), Span::from_secs(3600)));
    }

    #[test]
    fn the_base_cut_divides_the_windows_of_all_groups() {
        let groups = vec![group("a", "a/*", grid(10, 3600, 600)), group("b", "b/*", grid(15, 900, 900))];
        let base = Groups::new(groups, grid(60, 3600, 3600)).base_cut();
        assert_eq!(base, Cut::new(Span::from_secs(5), Span::from_secs(300)));
    }

    #[test]
    fn the_group_is_named_that_cannot_be_put_together_of_a_store() {
        let hourly = grid(60, 3600, 3600);
        let unfit = |group: Group| {
            let groups = Groups::new(vec![self::group("fits", "a/*", grid(120, 7200, 3600)), group], hourly);
            groups.first_unfit_for(hourly.cut()).map(|group| group.name.to_string())
        };
        assert_eq!(unfit(group("hop", "b/*", grid(60, 3600, 600))).as_deref(), Some("hop"));
        assert_eq!(unfit(group("interval", "b/*", grid(30, 3600, 3600))).as_deref(), Some("interval"));
        assert_eq!(unfit(group("fits too", "b/*", hourly)), None);
    }

    #[test]
    fn a_name_has_no_blank_at_its_ends_and_no_control_character() {
        assert_eq!(GroupName::new("line 3").unwrap().as_str(), "line 3");
        for name in ["", " a", "a ", "a\nb", &"a".repeat(65)] {
            assert_eq!(GroupName::new(name), None, "{name:?}");
        }
    }

    proptest! {
        /// Whatever the groups, a window of each begins and ends with a base window, and an interval with a base interval.
        #[test]
        fn windows_of_every_group_are_made_of_whole_base_windows(
            shapes in proptest::collection::vec((1..40_u32, 1..30_u32, 1..30_u32), 1..5), time in 0..i64::MAX / 2,
        ) {
            let grids: Vec<_> = shapes
                .into_iter()
                .map(|(interval, length, hop)| grid(interval, interval * length.max(hop), interval * hop.min(length)))
                .collect();
            let groups = Groups::new(grids.iter().map(|grid| group("a", "a/*", *grid)).collect(), grids[0]);
            let base = groups.base_cut().unwrap();
            for grid in grids {
                let window = grid.last_ending(crate::time::Timestamp::from_nanos(time));
                prop_assert_eq!(base.window_of(window.start()).start(), window.start());
                prop_assert_eq!(base.window_of(window.end()).start(), window.end());
                prop_assert!(grid.interval().divide(base.interval()).1);
            }
        }
    }
}
