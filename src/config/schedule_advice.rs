//! Schedules that leave windows out, or do not do what they seem to.

use super::group::GroupSettings;
use super::rules::Warning;
use super::{ClockSource, Config};
use crate::schedule::Schedule;
use crate::time::Span;

/// So many firings are looked at, because they need not be evenly spread.
const FIRINGS: usize = 1440;

/// Warns of such schedules.
pub(super) fn warnings(config: &Config) -> Vec<Warning> {
    let groups = config.all_groups();
    let mut warnings: Vec<_> = groups.iter().flat_map(|group| of_group(config, group)).collect();
    warnings.extend(short_of_hold(config, &groups));
    warnings
}

fn schedule(config: &Config, group: &GroupSettings) -> Schedule {
    group.schedule.of_group(&group.name, group.grid, config.window.lateness)
}

fn words_of_group(group: &GroupSettings) -> String {
    if group.name.is_default() { String::new() } else { format!("group {}: ", group.name) }
}

fn of_group(config: &Config, group: &GroupSettings) -> Vec<Warning> {
    let (hop, schedule, of_group) = (group.grid.hop(), schedule(config, group), words_of_group(group));
    let mut warnings = Vec::new();
    let first = schedule.firings.next_after(config.limits.earliest);
    let firings: Vec<_> =
        std::iter::successors(first, |firing| schedule.firings.next_after(*firing)).take(FIRINGS).collect();
    let covered: Vec<u64> = firings.windows(2).map(|pair| schedule.windows_between(pair[0], pair[1])).collect();
    let empty = covered.iter().filter(|windows| **windows == 0).count();
    if empty > covered.len() / 2 {
        let advice = format!(
            "{of_group}a window ends every {hop} only, so that {empty} of {} firings find nothing; let it fire less often",
            covered.len()
        );
        warnings.push(Warning { key: "schedule.cron", advice });
    }
    let (largest, most) = (covered.iter().max().copied().unwrap_or_default(), schedule.most());
    if largest > u64::from(most) {
        let advice = format!(
            "{of_group}up to {largest} windows end between two firings, and the last {most} are scored each time \
             (schedule.catch_up): the others are never scored; let it fire more often, or make window.hop or catch_up larger"
        );
        warnings.push(Warning { key: "schedule.cron", advice });
    }
    let caught_up = hop.times(most.into());
    if let Some(horizon) = group.schedule.horizon.filter(|horizon| *horizon > caught_up) {
        let advice = format!(
            "{of_group}{horizon} reach back further than the {caught_up} of windows that are caught up on \
             (schedule.catch_up), so this bounds nothing; make catch_up larger, or remove it"
        );
        warnings.push(Warning { key: "schedule.horizon", advice });
    }
    warnings
}

/// Windows are held open for all groups, and a group may catch up on fewer of its own.
fn short_of_hold(config: &Config, groups: &[GroupSettings]) -> Vec<Warning> {
    if config.mqtt.connect.is_none() || config.clock == ClockSource::Event {
        return Vec::new();
    }
    let reach = |group: &GroupSettings| schedule(config, group).reach();
    let longest = groups.iter().map(reach).max().unwrap_or(Span::ZERO);
    let held = config.schedule.hold.min(longest);
    let short = groups.iter().filter(|group| reach(group) < held);
    let warning = |group: &GroupSettings| {
        let advice = format!(
            "{}an outage of the broker holds windows open for up to {held}, and windows that ended in the last {} of it are \
             caught up on (schedule.catch_up, schedule.horizon): older ones of this group are given up then; make its \
             catch_up or horizon larger, or hold shorter",
            words_of_group(group),
            reach(group)
        );
        Warning { key: "schedule.hold", advice }
    };
    short.map(warning).collect()
}
