//! How many windows, runs and runs with verdicts the store has room for: the configured times, counted in windows.

use std::sync::Arc;

use super::group::GroupSettings;
use super::{ClockSource, Config};
use crate::features::{Bounds, Plan};
use crate::time::Span;

/// The sizes of the store's rings. The oldest entry of a full ring is overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rings {
    /// How many windows are kept of each sensor.
    pub windows: u32,
    /// How many runs are kept.
    pub runs: u32,
    /// How many runs are kept with their verdicts.
    pub verdict_runs: u32,
}

impl Rings {
    /// The most windows of a sensor.
    pub const MAX_WINDOWS: u32 = 10_000;
    /// The most runs.
    pub const MAX_RUNS: u32 = 100_000;

    const DEFAULT_INTERVALS: Span = Span::from_secs(36 * 3_600);
    pub(super) const DEFAULT_RUNS: Span = Span::from_secs(7 * 86_400);
    /// How many windows are kept by default beyond those that must be: models may look back into them.
    const TO_LOOK_BACK: u32 = 6;

    /// The rings of a configuration. One that the rules refuse gets the nearest that are possible.
    pub(super) fn of(config: &Config) -> Self {
        let (store, window) = (&config.store, config.base_cut().window());
        let windows = store.keep_intervals.map_or_else(
            || {
                let least = windows_needed(config).saturating_add(Self::TO_LOOK_BACK);
                count(Self::DEFAULT_INTERVALS, window).max(least)
            },
            |keep| count(keep, window),
        );
        let runs = runs_in(config, store.keep_runs.unwrap_or(Self::DEFAULT_RUNS)).clamp(1, Self::MAX_RUNS);
        let verdict_runs = store.keep_verdicts.map_or(runs, |keep| runs_in(config, keep).clamp(1, runs));
        Self { windows: windows.clamp(1, Self::MAX_WINDOWS), runs, verdict_runs }
    }
}

/// How many windows it takes to reach back as long as `keep`.
pub(super) fn count(keep: Span, window: Span) -> u32 {
    let (whole, even) = keep.divide(window);
    u32::try_from(whole + i64::from(!even)).unwrap_or(u32::MAX)
}

/// How many runs of all groups there are in so long a time.
pub(super) fn runs_in(config: &Config, time: Span) -> u32 {
    let of_group = |group: GroupSettings| count(time, group.grid.hop());
    config.all_groups().into_iter().map(of_group).fold(0, u32::saturating_add)
}

/// How far a reading may be ahead of the clock; `None` when no reading can be ahead.
pub(super) fn max_ahead(config: &Config) -> Option<Span> {
    config.limits.max_ahead.filter(|_| config.clock == ClockSource::Wall)
}

/// How many of the store's windows a group needs.
pub(super) struct WindowsNeeded {
    /// Those that are early: a sensor whose clock is ahead stores its windows before others do, and they must not overwrite
    /// windows that are still due.
    pub(super) early: u32,
    /// Those of the windows that are caught up on. The first of these ends a hop later than what was scored before, and is
    /// longer than a hop.
    pub(super) caught_up: u32,
    /// Those that are closed between a firing and the time at which its runs begin.
    pub(super) delayed: u32,
}

impl WindowsNeeded {
    pub(super) fn of(config: &Config, group: &GroupSettings) -> Self {
        let base = config.base_cut().window();
        let hops = count(group.grid.hop(), base).saturating_mul(group.schedule.catch_up.max(1));
        let overlap = count(group.grid.length(), base).saturating_sub(count(group.grid.hop(), base));
        Self {
            early: max_ahead(config).map_or(0, |ahead| count(ahead, base)),
            caught_up: hops.saturating_add(overlap),
            delayed: count(group.schedule.longest_delay(), base),
        }
    }

    /// All of them, with the one that is open.
    pub(super) fn total(&self) -> u32 {
        self.early.saturating_add(1).saturating_add(self.caught_up).saturating_add(self.delayed)
    }
}

/// How many windows the store must have room for, whatever the group.
pub(super) fn windows_needed(config: &Config) -> u32 {
    let groups = config.all_groups();
    groups.iter().map(|group| WindowsNeeded::of(config, group).total()).max().unwrap_or_default()
}

/// How many windows of a group before a scored one the store is sure to have.
pub(super) fn windows_back(config: &Config, group: &GroupSettings) -> u32 {
    let spare = config.rings().windows.saturating_sub(WindowsNeeded::of(config, group).total());
    spare / count(group.grid.length(), config.base_cut().window()).max(1)
}

/// For how long before what is closed the store is sure to have the windows of a group, with those that models look back to.
pub(super) fn kept_for_scoring_again(config: &Config, group: &GroupSettings) -> Span {
    let base = config.base_cut().window();
    let early = WindowsNeeded::of(config, group).early;
    let sure = config.rings().windows.saturating_sub(early.saturating_add(1));
    let bounds = Bounds { cut: group.grid.cut(), windows_back: windows_back(config, group) };
    let plans = config.features.iter().filter_map(|one| Plan::new(Arc::clone(&one.features), "", bounds).ok());
    let looked_back = plans.map(|plan| plan.windows_back()).max().unwrap_or_default();
    let kept = base.times(sure.into()).to_std();
    kept.saturating_sub(group.grid.length().times(looked_back.into()).to_std()).into()
}
