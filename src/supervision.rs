//! How the failures of a model are answered: pure, and told the time.
//!
//! A model that fails is tried again after a pause, which doubles with each failure in a row. After a number of failures
//! in a row it is quarantined: it is not tried any more, until it is released by a command, by another file, or because a
//! time has passed. A model that hangs costs a thread, so one that hangs twice in a row is quarantined at once; after its
//! first hang it gets no pause, which would make it no faster. A model that was released from quarantine is on probation:
//! its next failure quarantines it again. A scored window ends the trouble; one without enough data does not.

use std::time::Duration;

use crate::time::Timestamp;

/// How failures are answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SupervisionPolicy {
    /// The pause after the first failure; it doubles with each that follows.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// After this many failures in a row a model is quarantined.
    pub quarantine_after: u32,
    /// After this long in quarantine a model is released; never when `None`.
    pub release_after: Option<Duration>,
}

/// The kind of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// The scoring ended with an error, or panicked.
    Failed,
    /// The scoring did not end in its time.
    Hung,
}

/// How a model with failures stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is tried again with its next window, or when its pause is over.
    Paused,
    /// It was released from quarantine: its next failure quarantines it again.
    Probation,
    /// It is not tried any more.
    Quarantined,
}

/// What a failure leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// The model is tried again after this pause.
    Pause(Duration),
    /// The model is tried again with its next window.
    NextWindow,
    /// The model is quarantined.
    Quarantine,
}

/// The failures of a model since it last scored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// How many there were in a row.
    pub failures: u32,
    /// How many of the last ones in a row were hangs.
    hangs: u32,
    /// How the model stands.
    pub standing: Standing,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Why the last scoring failed.
    pub reason: String,
}

/// How many hangs in a row quarantine a model.
const MOST_HANGS: u32 = 2;

impl Trouble {
    /// The longest reason that is kept, in bytes.
    const MAX_REASON: usize = 512;

    /// A model without failures, before its first one is added.
    pub fn new(now: Timestamp) -> Self {
        Self { failures: 0, hangs: 0, standing: Standing::Paused, since: now, reason: String::new() }
    }

    /// Adds a failure. `jitter` from 0 to 1 shortens the pause by up to a quarter, so that models that failed together are
    /// not tried together.
    pub fn fail(
        &mut self,
        kind: FailureKind,
        reason: &str,
        policy: &SupervisionPolicy,
        jitter: f64,
        now: Timestamp,
    ) -> Consequence {
        self.failures = self.failures.saturating_add(1);
        self.hangs = match kind {
            FailureKind::Failed => 0,
            FailureKind::Hung => self.hangs.saturating_add(1),
        };
        let end = (0..=Self::MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        reason[..end.unwrap_or_default()].clone_into(&mut self.reason);
        let is_over =
            self.standing != Standing::Paused || self.hangs >= MOST_HANGS || self.failures >= policy.quarantine_after;
        if is_over {
            self.stand(Standing::Quarantined, now);
            return Consequence::Quarantine;
        }
        self.since = now;
        if kind == FailureKind::Hung {
            return Consequence::NextWindow;
        }
        let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1));
        let pause = policy.backoff_min.saturating_mul(doubled).min(policy.backoff_max);
        Consequence::Pause(pause.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0)))
    }

    /// Lets the model be tried again at once. From quarantine it comes on probation; a pause only ends.
    pub fn release(&mut self, now: Timestamp) {
        self.hangs = 0;
        if self.standing == Standing::Quarantined {
            self.stand(Standing::Probation, now);
        }
    }

    fn stand(&mut self, standing: Standing, now: Timestamp) {
        if self.standing != standing {
            (self.standing, self.since) = (standing, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: SupervisionPolicy = SupervisionPolicy {
        backoff_min: Duration::from_secs(1),
        backoff_max: Duration::from_secs(60),
        quarantine_after: 10,
        release_after: None,
    };

    const NOW: Timestamp = Timestamp::MIN;

    fn fail(trouble: &mut Trouble, kind: FailureKind) -> Consequence {
        trouble.fail(kind, "out of tea", &POLICY, 0.0, NOW)
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end_in_quarantine() {
        let mut trouble = Trouble::new(NOW);
        let pauses: Vec<_> = (1..=10).map(|_| fail(&mut trouble, FailureKind::Failed)).collect();
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60].map(|secs| Consequence::Pause(Duration::from_secs(secs)));
        assert_eq!(pauses[..9], seconds);
        assert_eq!((pauses[9], trouble.standing), (Consequence::Quarantine, Standing::Quarantined));
    }

    #[test]
    fn a_model_that_hangs_again_is_quarantined_unless_it_failed_otherwise_between() {
        use FailureKind::{Failed, Hung};
        let mut trouble = Trouble::new(NOW);
        let answers = [Hung, Failed, Hung, Hung].map(|kind| fail(&mut trouble, kind) == Consequence::Quarantine);
        assert_eq!(answers, [false, false, false, true]);
    }

    #[test]
    fn on_probation_the_next_failure_quarantines() {
        let mut trouble = Trouble::new(NOW);
        for _ in 0..POLICY.quarantine_after {
            fail(&mut trouble, FailureKind::Failed);
        }
        trouble.release(NOW);
        assert_eq!(trouble.standing, Standing::Probation);
        assert_eq!(fail(&mut trouble, FailureKind::Failed), Consequence::Quarantine);
        assert_eq!(trouble.failures, POLICY.quarantine_after + 1);
    }

    #[test]
    fn the_end_of_a_pause_by_command_changes_nothing_of_how_a_model_stands() {
        let mut trouble = Trouble::new(NOW);
        fail(&mut trouble, FailureKind::Failed);
        trouble.release(NOW);
        assert_eq!(trouble.standing, Standing::Paused);
        assert_eq!(fail(&mut trouble, FailureKind::Failed), Consequence::Pause(Duration::from_secs(2)));
    }

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_the_longest_and_a_reason_is_bounded(
            kinds in proptest::collection::vec(any::<bool>(), 1..40),
            jitter in any::<f64>(),
            reason in "\\PC{0,700}",
        ) {
            let mut trouble = Trouble::new(NOW);
            for failed in kinds {
                let kind = if failed { FailureKind::Failed } else { FailureKind::Hung };
                let was = trouble.standing;
                let answer = trouble.fail(kind, &reason, &POLICY, jitter, NOW);
                prop_assert!(trouble.reason.len() <= Trouble::MAX_REASON && reason.starts_with(&trouble.reason));
                match answer {
                    Consequence::Pause(pause) => prop_assert!(pause <= POLICY.backoff_max && was == Standing::Paused),
                    Consequence::NextWindow => prop_assert!(!failed && was == Standing::Paused),
                    Consequence::Quarantine => prop_assert_eq!(trouble.standing, Standing::Quarantined),
                }
            }
        }
    }
}
