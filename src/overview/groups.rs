//! The groups: how their windows lie, and how each of them is.

use super::Overview;
use super::runs::run_answer;
use super::series::seconds;
use crate::answers;
use crate::run::{Run, RunId, RunState, Trigger};
use crate::store::{Progress, StoreError};

/// How many runs are looked through, at most, for the last one of each group that has ended. Those of orders may lie between.
const RUNS_LOOKED_AT: u64 = 1_000;

impl Overview {
    /// The groups, in the order in which they take sensors.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list_groups(&self) -> Result<Vec<answers::Group>, StoreError> {
        let counts = self.sensor_counts_by_group()?;
        let groups = self.groups.iter().enumerate().map(|(place, group)| {
            Ok(answers::Group {
                name: group.name.to_string(),
                pattern: group.sensors.to_string(),
                interval_seconds: seconds(group.grid.interval()),
                window_seconds: seconds(group.grid.length()),
                hop_seconds: seconds(group.grid.hop()),
                sensors: counts.get(place).copied().unwrap_or_default(),
                scored_until: self.reader.progress(&Progress::Scored(group.name.clone()))?,
                last_run: None,
            })
        });
        let mut groups: Vec<answers::Group> = groups.collect::<Result<_, StoreError>>()?;
        let next = self.reader.next_run()?;
        let oldest = next.earlier(RUNS_LOOKED_AT);
        for id in (oldest.0..next.0).rev().map(RunId) {
            if groups.iter().all(|group| group.last_run.is_some()) {
                break;
            }
            let is_due_and_over =
                |run: &Run| run.trigger != Trigger::Command && matches!(run.state, RunState::Finished(_));
            let Some(run) = self.reader.run(id)?.filter(is_due_and_over) else { continue };
            let of_run = groups.iter_mut().find(|group| group.name == run.group.as_str());
            if let Some(group) = of_run.filter(|group| group.last_run.is_none()) {
                group.last_run = Some(run_answer(&run, self.live.running.get()));
            }
        }
        Ok(groups)
    }
}
