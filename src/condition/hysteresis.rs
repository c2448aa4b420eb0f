//! The hysteresis of a condition: when evidence raises it, and when evidence clears it.
//!
//! Time counts, and not the number of windows: so the length of windows may change under a condition. Only time with
//! evidence counts. A window that says nothing, such as one in which the daemon did not run, changes nothing.

use super::reason::Reason;
use crate::time::{Span, Timestamp};

/// What a window says about a condition.
#[derive(Clone, PartialEq, Debug)]
pub enum Evidence {
    /// The condition holds in it.
    For(Reason),
    /// It does not.
    Against,
    /// The window cannot tell.
    Nothing,
}

/// For how long evidence must hold, without any to the contrary, before it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Evidence for the condition, until it is raised.
    pub raise_after: Span,
    /// Evidence against it, until it is cleared.
    pub clear_after: Span,
}

/// A condition that is not simply absent.
#[derive(Clone, PartialEq, Debug)]
pub enum ConditionState {
    /// There is evidence, and not for long enough yet.
    Rising {
        /// The start of the first window with evidence.
        since: Timestamp,
        /// How much time had evidence.
        over: Span,
    },
    /// It was raised and is not cleared.
    Standing(StandingCondition),
}

impl ConditionState {
    /// The start of the first window with evidence.
    pub(super) fn since(&self) -> Timestamp {
        match self {
            Self::Rising { since, .. } => *since,
            Self::Standing(standing) => standing.since,
        }
    }
}

/// A condition that was raised and is not cleared.
#[derive(Clone, PartialEq, Debug)]
pub struct StandingCondition {
    /// The start of the first window with evidence.
    pub since: Timestamp,
    /// What raised it.
    pub reason: Reason,
    /// How much time had evidence to the contrary since the last evidence for it.
    pub contrary: Span,
}

/// What evidence changed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum StateChange {
    /// The condition is raised.
    Raised(StandingCondition),
    /// The condition is cleared.
    Cleared(StandingCondition),
}

/// Takes in what a window says that began at `start`; its evidence counts for `length`. `None` stands for a condition that
/// is absent.
pub(super) fn step(
    state: &mut Option<ConditionState>,
    evidence: Evidence,
    start: Timestamp,
    length: Span,
    patience: Patience,
) -> Option<StateChange> {
    match (evidence, &mut *state) {
        (Evidence::Nothing, _) | (Evidence::Against, None) => None,
        (Evidence::For(_), Some(ConditionState::Standing(standing))) => {
            standing.contrary = Span::ZERO;
            None
        }
        (Evidence::For(reason), _) => {
            let (since, before) = match state {
                Some(ConditionState::Rising { since, over }) => (*since, *over),
                _ => (start, Span::ZERO),
            };
            let over = sum(before, length);
            if over < patience.raise_after {
                *state = Some(ConditionState::Rising { since, over });
                return None;
            }
            let standing = StandingCondition { since, reason, contrary: Span::ZERO };
            *state = Some(ConditionState::Standing(standing.clone()));
            Some(StateChange::Raised(standing))
        }
        (Evidence::Against, Some(ConditionState::Rising { .. })) => {
            *state = None;
            None
        }
        (Evidence::Against, Some(ConditionState::Standing(standing))) => {
            standing.contrary = sum(standing.contrary, length);
            if standing.contrary < patience.clear_after {
                return None;
            }
            match state.take() {
                Some(ConditionState::Standing(standing)) => Some(StateChange::Cleared(standing)),
                _ => None,
            }
        }
    }
}

fn sum(a: Span, b: Span) -> Span {
    (Timestamp::default() + a + b).since(Timestamp::default())
}
