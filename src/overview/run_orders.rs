//! What operators may have scored again, and how far their orders are.

use std::collections::BTreeSet;

use super::Overview;
use super::runs::tally_answer;
use crate::answers::{self, ChangedSensor, Comparison, Span};
use crate::group::{ByGroup, Group, GroupName};
use crate::interval::{Window, WindowGrid};
use crate::live::{OrderEntry, OrderState};
use crate::run::RunRequest;
use crate::run_order::{GroupWindow, OrderId, OrderedSensors, RunOrder, VerdictKeeping};
use crate::sensor_pattern::SensorPattern;
use crate::store::{Progress, StoreError};
use crate::time::{self, Timestamp};

/// What an operator asks for.
#[derive(Clone, Debug)]
pub struct OrderDemand {
    /// Only the windows and sensors of this group.
    pub group: Option<GroupName>,
    /// Only sensors that fit.
    pub sensors: Option<SensorPattern>,
    /// Only windows from this time on.
    pub since: Option<Timestamp>,
    /// Only windows up to this time.
    pub until: Option<Timestamp>,
    /// What becomes of the verdicts.
    pub keeping: VerdictKeeping,
    /// Who asks, in words.
    pub asker: String,
}

/// How far back an order may reach.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderReach {
    /// For how long before what is closed the store is sure to have the windows of a group, with those before them that
    /// models look back to.
    pub kept: ByGroup<time::Span>,
    /// How many runs are kept with their verdicts.
    pub verdict_runs: u32,
}

/// Why an order is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OrderRefusal {
    /// There is no window yet.
    #[error("no window was scored yet, so that there is none to be scored again")]
    NothingScored,
    /// No window lies in the range.
    #[error(
        "no whole window of the group {group} that can be scored again lies from {since} to {until}; from {first} to {last} they can: earlier ones \
         are no longer sure to be there (store.keep_intervals), later ones are not scored yet"
    )]
    OutOfReach {
        /// The group.
        group: GroupName,
        /// The start of the range.
        since: Timestamp,
        /// Its end.
        until: Timestamp,
        /// The start of the first window that can be scored again.
        first: Timestamp,
        /// The end of the last.
        last: Timestamp,
    },
    /// Its runs would take the place of too many others.
    #[error(
        "its {windows} runs, and the {waiting} that are left of other orders, would put the verdicts of as many others out of \
         the store, which keeps {kept} runs (store.keep_verdicts); at most {most} windows are scored again at once; choose \
         fewer, wait for the other orders, or make it a dry run"
    )]
    TooManyWindows {
        /// How many windows it has.
        windows: usize,
        /// How many are left of the orders before it.
        waiting: usize,
        /// How many runs are kept with their verdicts.
        kept: u32,
        /// How many windows an order may have.
        most: u32,
    },
    /// There is no such group.
    #[error("there is no group {0}; `anomalyd check` lists those of the configuration")]
    NoGroup(GroupName),
    /// No sensor is meant.
    #[error("no sensor with a model fits {0}; `anomalyd models` lists those that have one")]
    NobodyFits(OrderedSensors),
}

/// How many changed sensors one answer names.
const MOST_CHANGED: usize = 100;

impl Overview {
    /// The order that a demand comes to.
    ///
    /// # Errors
    /// The outer error: the store cannot be read. The inner one: why the demand is refused.
    pub fn plan_order(&self, demand: OrderDemand) -> Result<Result<RunOrder, OrderRefusal>, StoreError> {
        let closed = self.reader.progress(&Progress::Closed)?;
        let mut scored = Vec::new();
        for group in self.groups.iter() {
            scored.push((group, self.reader.progress(&Progress::Scored(group.name.clone()))?));
        }
        Ok(self.planned(demand, closed, scored))
    }

    fn planned(
        &self,
        demand: OrderDemand,
        closed: Option<Timestamp>,
        scored: Vec<(&Group, Option<Timestamp>)>,
    ) -> Result<RunOrder, OrderRefusal> {
        let OrderDemand { group: wanted, sensors, since, until, keeping, asker } = demand;
        if let Some(name) = wanted.clone().filter(|name| self.groups.find(name).is_none()) {
            return Err(OrderRefusal::NoGroup(name));
        }
        let sensors = sensors.map_or(OrderedSensors::All, OrderedSensors::Fitting);
        let with_model = self.live.models.sensors().into_iter().filter_map(|sensor| self.sensors.name(sensor));
        let meant: BTreeSet<GroupName> = with_model
            .filter(|name| sensors.holds(name))
            .map(|name| self.groups.of(&name).name.clone())
            .filter(|group| wanted.as_ref().is_none_or(|wanted| wanted == group))
            .collect();
        if meant.is_empty() {
            return Err(OrderRefusal::NobodyFits(sensors));
        }
        let OrderReach { kept, verdict_runs } = &self.surroundings.order_reach;
        let reaches =
            scored.into_iter().filter(|(group, _)| meant.contains(&group.name)).filter_map(|(group, scored)| {
                let kept = closed? - *kept.of_group(&group.name)?;
                Some(GroupReach { group: &group.name, grid: group.grid, scored: scored?, kept })
            });
        let mut windows = windows_of_groups(reaches, since, until)?;
        windows.sort_by_key(|one| (one.window.end(), one.group.clone()));
        let (Some(first), Some(last)) = (windows.iter().map(|one| one.window.start()).min(), windows.last()) else {
            return Err(OrderRefusal::NothingScored);
        };
        let most = (verdict_runs / 2).max(1);
        let waiting = self.live.orders.stored_windows_left();
        if keeping == VerdictKeeping::Stored && windows.len() + waiting > most as usize {
            let (windows, kept) = (windows.len(), *verdict_runs);
            return Err(OrderRefusal::TooManyWindows { windows, waiting, kept, most });
        }
        let of_group = wanted.map_or_else(String::new, |group| format!(" of the group {group}"));
        let dry = if keeping == VerdictKeeping::DryRun { ", a dry run" } else { "" };
        let words = format!("{sensors}{of_group} from {first} to {}{dry}, by {asker}", last.window.end());
        Ok(RunOrder { sensors, windows, keeping, request: RunRequest::new(&words) })
    }

    /// An order, with the sensors that differ most when they are `named`.
    pub fn order_answer(&self, id: OrderId, entry: &OrderEntry, named: NamedSensors) -> answers::RunOrder {
        let OrderEntry { order, asked, state, windows_done, current, runs, tally, changes, .. } = entry;
        let starts = order.windows.iter().map(|one| one.window.start());
        let ends = order.windows.iter().map(|one| one.window.end());
        let (state, problem) = match state {
            OrderState::Waiting => (answers::OrderState::Waiting, None),
            OrderState::GoesOn => (answers::OrderState::GoesOn, None),
            OrderState::Cancelling => (answers::OrderState::Cancelling, None),
            OrderState::Finished => (answers::OrderState::Finished, None),
            OrderState::Cancelled => (answers::OrderState::Cancelled, None),
            OrderState::Failed(reason) => (answers::OrderState::Failed, Some(reason.clone())),
        };
        let most_changed = match named {
            NamedSensors::MostChanged => changes.most_changed(MOST_CHANGED),
            NamedSensors::None => Vec::new(),
        };
        let changed = most_changed.into_iter().filter_map(|one| {
            let sensor = self.sensors.name(one.sensor)?.to_string();
            Some(ChangedSensor {
                sensor,
                new: one.changes.new,
                gone: one.changes.gone,
                unchanged: one.changes.unchanged,
            })
        });
        answers::RunOrder {
            id: id.0,
            request: order.request.as_str().to_owned(),
            asked: *asked,
            is_dry_run: order.keeping == VerdictKeeping::DryRun,
            state,
            problem,
            span: Span { start: starts.min().unwrap_or_default(), end: ends.max().unwrap_or_default() },
            windows: order.windows.len() as u64,
            windows_done: *windows_done as u64,
            current: current.map(|current| answers::OrderedWindow {
                window: Span { start: current.window.start(), end: current.window.end() },
                answered: current.answered as u64,
                sensors: current.sensors as u64,
            }),
            first_run: runs.map(|(first, _)| first.0),
            last_run: runs.map(|(_, last)| last.0),
            tally: tally_answer(*tally),
            comparison: Comparison {
                new: changes.total.new,
                gone: changes.total.gone,
                unchanged: changes.total.unchanged,
                other_outcomes: changes.other_outcomes,
                without_verdict: changes.without_standing,
                changed_sensors: changes.changed_sensors() as u64,
                most_changed: changed.collect(),
            },
        }
    }
}

/// Which sensors an answer about an order names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NamedSensors {
    /// Those that differ most.
    MostChanged,
    /// None.
    None,
}

/// Which windows of a group can be scored again.
#[derive(Clone, Copy)]
struct GroupReach<'a> {
    group: &'a GroupName,
    grid: WindowGrid,
    /// They end by this time.
    scored: Timestamp,
    /// Those that begin before this time are no longer sure to be there.
    kept: Timestamp,
}

/// The windows of some groups that lie whole in a range. A group whose windows are longer than the range is passed over, but
/// for the only one.
fn windows_of_groups<'a>(
    reaches: impl Iterator<Item = GroupReach<'a>>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<GroupWindow>, OrderRefusal> {
    let (mut windows, mut refusal) = (Vec::new(), None);
    for reach in reaches {
        match reach.windows_between(since, until) {
            Ok(found) => windows.extend(found.into_iter().map(|window| GroupWindow {
                group: reach.group.clone(),
                window,
                interval: reach.grid.interval(),
            })),
            // Without its windows, what comes out would not be what was asked for.
            Err(why) if reach.has_window_between(since, until) => return Err(why),
            Err(why) => refusal = Some(why),
        }
    }
    refusal.filter(|_| windows.is_empty()).map_or(Ok(windows), Err)
}

impl GroupReach<'_> {
    /// The windows that lie whole in a range. Without a range it is the last one.
    fn windows_between(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Vec<Window>, OrderRefusal> {
        let Self { grid, .. } = *self;
        let last = grid.last_ending(self.scored);
        if since.is_none() && until.is_none() {
            return Ok(vec![last]);
        }
        // The first window that begins there or later; the last one can always be scored again.
        let first = last.min(self.first_from(self.kept));
        let (since, until) = (since.unwrap_or(first.start()), until.unwrap_or(last.end()));
        let kept = std::iter::successors(Some(first), |window| (*window < last).then(|| grid.after(*window)));
        let windows: Vec<_> = kept.filter(|window| since <= window.start() && window.end() <= until).collect();
        // A range that reaches back further is refused rather than cut: what comes out would not be what was asked for.
        if windows.is_empty() || since < first.start() {
            let (group, first, last) = (self.group.clone(), first.start(), last.end());
            return Err(OrderRefusal::OutOfReach { group, since, until, first, last });
        }
        Ok(windows)
    }

    /// Whether a window lies whole in a range, whether or not it can be scored again. Without a beginning or an end, the
    /// range has only windows that can be.
    fn has_window_between(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
        let until = until.unwrap_or(self.grid.last_ending(self.scored).end());
        since.is_some_and(|since| self.first_from(since).end() <= until)
    }

    /// The first window that begins at this time or later.
    fn first_from(&self, time: Timestamp) -> Window {
        self.grid.first_ending_after(time + self.grid.length() - time::Span::from_nanos(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::Cut;

    fn hours(since: Option<&str>, until: Option<&str>) -> Result<Vec<String>, String> {
        let cut = Cut::new(time::Span::from_secs(60), time::Span::from_secs(3600)).unwrap();
        let [scored, kept] = ["2026-03-01 12:00", "2026-03-01 08:00"].map(|text| Timestamp::parse(text).unwrap());
        let [since, until] = [since, until].map(|text| text.map(|text| Timestamp::parse(text).unwrap()));
        let reach = GroupReach { group: &GroupName::default(), grid: cut.into(), scored, kept };
        let windows = reach.windows_between(since, until).map_err(|refusal| refusal.to_string())?;
        Ok(windows.iter().map(|window| window.start().format("%H:%M")).collect())
    }

    #[test]
    fn whole_windows_within_reach_are_chosen() {
        assert_eq!(hours(None, None).unwrap(), ["11:00"]);
        assert_eq!(hours(Some("2026-03-01 08:30"), None).unwrap(), ["09:00", "10:00", "11:00"]);
        assert_eq!(hours(None, Some("2026-03-01 10:59")).unwrap(), ["08:00", "09:00"]);
        assert_eq!(hours(Some("2026-03-01 09:00"), Some("2026-03-01 10:00")).unwrap(), ["09:00"]);
    }

    #[test]
    fn a_range_that_reaches_too_far_back_is_refused_with_what_can_be_scored() {
        for (since, until) in [
            ("2026-03-01 07:00", "2026-03-01 12:00"),
            ("2026-03-01 12:00", "2026-03-01 14:00"),
            ("2026-03-01 09:10", "2026-03-01 10:10"),
        ] {
            let refusal = hours(Some(since), Some(until)).unwrap_err();
            assert!(refusal.contains("from 2026-03-01T08:00:00Z to 2026-03-01T12:00:00Z they can"), "{refusal}");
        }
    }

    #[test]
    fn no_group_that_has_a_window_in_the_range_is_left_out_in_silence() {
        let [hours, days] = ["hours", "days"].map(|name| GroupName::new(name).unwrap());
        let at = |text: &str| Some(Timestamp::parse(text).unwrap());
        let [hour, day] = [3_600, 86_400].map(time::Span::from_secs);
        let scored = at("2026-03-10 00:00").unwrap();
        let reach = |group, length, kept: time::Span| {
            let grid = WindowGrid::from(Cut::new(time::Span::from_secs(60), length).unwrap());
            GroupReach { group, grid, scored, kept: scored - kept }
        };
        let reaches = [reach(&hours, hour, day), reach(&days, day, day.times(5))];
        let windows = |since, until| windows_of_groups(reaches.into_iter(), since, until);
        // Of the hours, those of two days ago are gone.
        let refusal = windows(at("2026-03-08 00:00"), None).unwrap_err().to_string();
        assert!(refusal.contains("of the group hours"), "{refusal}");
        // No day lies within six hours.
        let found = windows(at("2026-03-09 12:00"), at("2026-03-09 18:00")).unwrap();
        assert!(found.len() == 6 && found.iter().all(|one| one.group == hours), "{found:?}");
        let both = windows(at("2026-03-09 00:00"), None).unwrap();
        assert_eq!(both.iter().filter(|one| one.group == days).count(), 1);
        assert!(windows(at("2026-03-09 12:10"), at("2026-03-09 12:50")).is_err(), "no window of any group");
    }
}
