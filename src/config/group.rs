//! `[[group]]`: sensors that are scored by rules of their own.
//!
//! The tables of a group have the names of those at the top level. A key that a group leaves out is as it is there.

use super::reader::Section;
use super::schedule::{self, ScheduleSettings};
use super::scoring::{self, ScoringSettings};
use super::supervision::{self, SupervisionSettings};
use super::window;
use crate::group::GroupName;
use crate::interval::WindowGrid;
use crate::sensor_pattern::SensorPattern;

/// The rules of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSettings {
    /// Its name.
    pub name: GroupName,
    /// The sensors that it takes, unless an earlier group takes them.
    pub sensors: SensorPattern,
    /// How its windows lie.
    pub grid: WindowGrid,
    /// When its windows are scored.
    pub schedule: ScheduleSettings,
    /// How its windows are scored.
    pub scoring: ScoringSettings,
    /// How its models that fail are started again.
    pub supervision: SupervisionSettings,
}

/// Reads a group. `above` is the group of all sensors that no other takes: the keys of the top level.
pub(super) fn read(section: &mut Section<'_, '_>, above: &GroupSettings) -> Option<GroupSettings> {
    let accepted = format!("a name of 1 to {} bytes, such as \"pumps\"", GroupName::MAX_BYTES);
    section.require("name", &accepted);
    let name = section.take("name", &accepted, |value| GroupName::new(value.as_str()?));
    if name.as_ref().is_some_and(GroupName::is_default) {
        section.rule(&["name"], "this is the name of the group of all sensors that no other takes; choose another");
    }
    let accepted = "a pattern over device/sensor, such as \"*/pump-*\"";
    section.require("sensors", accepted);
    let sensors = section.parsed("sensors", accepted, SensorPattern::parse);
    let grid = section.section("window", |section| window::read_grid(section, above.grid));
    let schedule = section.section("schedule", |section| schedule::read_of_group(section, &above.schedule));
    let scoring = section.section("scoring", |section| scoring::read_of_group(section, above.scoring));
    let supervision = section.section("supervision", |section| supervision::read_of_group(section, above.supervision));
    Some(GroupSettings { name: name?, sensors: sensors?, grid, schedule, scoring, supervision })
}
