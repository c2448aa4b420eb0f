//! When conditions are raised and cleared, and who is told.

use super::ConditionKind;
use super::hysteresis::Patience;
use crate::interval::Cut;
use crate::sensor_pattern::SensorPattern;
use crate::time::Span;

/// When each condition is raised and cleared.
#[derive(Clone, PartialEq, Debug)]
pub struct ConditionSettings {
    /// How time is cut into the windows that are looked at.
    pub cut: Cut,
    /// For how long it is learnt what is usual for a sensor, from the first window that it sends in.
    pub learn: Span,
    /// What has been sparse or drifting for so long is usual from then on: it is learnt anew. No pause that is longer is usual.
    pub relearn_after: Span,
    /// A window is sparse when it has readings in fewer than this share of the usual number of intervals.
    pub sparse_share: f64,
    /// A level has drifted when it is this many usual deviations away from the usual level.
    pub deviations: f64,
    /// A clock is wrong when no reading comes within this time of its own time.
    pub off_by: Span,
    /// The policies, in the order of [`ConditionKind::ALL`].
    pub policies: [ConditionPolicy; ConditionKind::ALL.len()],
}

impl ConditionSettings {
    /// The policy for a kind.
    pub fn policy(&self, kind: ConditionKind) -> &ConditionPolicy {
        &self.policies[kind.place()]
    }

    /// Whether a sensor, as `device/sensor`, is watched for a kind.
    pub fn watches(&self, kind: ConditionKind, sensor: &str) -> bool {
        let policy = self.policy(kind);
        policy.notice != Notice::Off && !policy.except.iter().any(|pattern| pattern.fits(sensor))
    }
}

/// How one kind of condition is treated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConditionPolicy {
    /// Who is told.
    pub notice: Notice,
    /// How long the evidence for it must hold before it is raised, and that against it before it is cleared.
    pub patience: Patience,
    /// The sensors that are not watched for it.
    pub except: Vec<SensorPattern>,
}

/// Who is told of a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// It is a problem: the banner and the log say so.
    Warning,
    /// It is shown beside the sensor, and in the list of conditions.
    Note,
    /// Nobody: no sensor is watched for it.
    Off,
}
