//! The conditions of one sensor.

use super::ConditionKind;
use super::hysteresis::{self, ConditionState, Evidence, Patience, StandingCondition, StateChange};
use super::policy::ConditionSettings;
use super::reason::Reason;
use super::usual::Usual;
use super::window_facts::{ModelSight, WindowFacts, WindowSummary, Witness};
use crate::interval::Window;
use crate::time::{Span, Timestamp};

/// The conditions of one sensor, and what they are judged by. There is one for each sensor that is expected to send.
#[derive(Clone, PartialEq, Debug)]
pub struct SensorConditions {
    /// The end of the last window that changed anything here: an earlier window is not taken in again.
    pub changed_by: Timestamp,
    /// What is usual for the sensor.
    pub usual: Usual,
    /// The conditions that are not absent, in the order of their kinds.
    pub states: Vec<(ConditionKind, ConditionState)>,
}

/// A condition was raised or cleared.
#[derive(Clone, PartialEq, Debug)]
pub enum ConditionChange {
    /// It stands from now on.
    Raised(StandingCondition),
    /// It does not stand any more.
    Cleared(StandingCondition, ClearCause),
}

impl ConditionChange {
    /// The condition, as it stands or stood.
    pub fn condition(&self) -> &StandingCondition {
        match self {
            Self::Raised(standing) | Self::Cleared(standing, _) => standing,
        }
    }
}

/// Why a condition does not stand any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearCause {
    /// It is over.
    Over,
    /// What is usual is learnt anew: the condition has lasted, or windows are cut in another way than before.
    LearntAnew,
    /// The sensor is silent, so that nothing tells of its clock.
    Silent,
    /// The sensor is not watched for it any more.
    NotWatched,
}

impl ClearCause {
    /// All causes.
    pub const ALL: [Self; 4] = [Self::Over, Self::LearntAnew, Self::Silent, Self::NotWatched];

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Over => "it is over",
            Self::LearntAnew => "what is usual is learnt anew",
            Self::Silent => "the sensor is silent, so that nothing tells of its clock",
            Self::NotWatched => "the sensor is not watched for it any more",
        }
    }
}

/// The kinds that say that a sensor is not as it usually is.
const AGAINST_USUAL: [ConditionKind; 3] = [ConditionKind::Stuck, ConditionKind::Sparse, ConditionKind::Drifting];
/// Those of them that are taken as usual when they have lasted. A sensor that has stuck for long has not become well.
const TAKEN_AS_USUAL: [ConditionKind; 2] = [ConditionKind::Sparse, ConditionKind::Drifting];

impl Default for SensorConditions {
    fn default() -> Self {
        Self { changed_by: Timestamp::MIN, usual: Usual::default(), states: Vec::new() }
    }
}

impl SensorConditions {
    /// The conditions that stand, in the order of their kinds.
    pub fn standing(&self) -> impl Iterator<Item = &StandingCondition> {
        self.states.iter().filter_map(|(_, state)| match state {
            ConditionState::Standing(standing) => Some(standing),
            ConditionState::Rising { .. } => None,
        })
    }

    /// Takes in a closed window. Windows must come in the order of time; one that was taken in already changes nothing.
    /// `is_watched` tells for which kinds the sensor is watched.
    pub fn observe(
        &mut self,
        facts: &WindowFacts,
        settings: &ConditionSettings,
        is_watched: impl Fn(ConditionKind) -> bool,
    ) -> Vec<ConditionChange> {
        if facts.window.end() <= self.changed_by {
            return Vec::new();
        }
        let before = self.clone();
        let mut changes = Vec::new();
        if !self.usual.is_of(facts) {
            changes.extend(self.learn_anew(Usual::default()));
        }
        for kind in ConditionKind::ALL {
            if !is_watched(kind) {
                changes.extend(self.remove(kind, ClearCause::NotWatched));
                continue;
            }
            let evidence = self.evidence(kind, facts, settings);
            changes.extend(self.step(kind, evidence, facts.window, settings));
        }
        if facts.clock_off_nanos.is_none() && self.stands(ConditionKind::Silent) {
            changes.extend(self.remove(ConditionKind::ClockWrong, ClearCause::Silent));
        }
        self.usual.note_pause(facts, settings.relearn_after);
        if let (Some(summary), Witness::Whole) = (&facts.summary, facts.witness) {
            self.usual.learn(facts, summary, settings.learn);
        }
        changes.extend(self.take_as_usual(facts, settings));
        if *self != before {
            self.changed_by = facts.window.end();
        }
        changes
    }

    /// Takes in how a scored window compares with the training of the sensor's model: `unlike` says how it differs, in
    /// words. Each counts once, however long the windows of the sensor's group are. One from before the first evidence is no
    /// news.
    pub fn observe_training(
        &mut self,
        window: Window,
        unlike: Option<&str>,
        settings: &ConditionSettings,
        is_watched: impl Fn(ConditionKind) -> bool,
    ) -> Option<ConditionChange> {
        if !is_watched(ConditionKind::OutOfRange) {
            return self.remove(ConditionKind::OutOfRange, ClearCause::NotWatched);
        }
        let state = self.states.iter().find(|(kind, _)| *kind == ConditionKind::OutOfRange);
        if state.is_some_and(|(_, state)| window.start() < state.since()) {
            return None;
        }
        let evidence =
            unlike.map_or(Evidence::Against, |words| Evidence::For(Reason::OutOfRange { words: cut(words) }));
        self.step(ConditionKind::OutOfRange, evidence, window, settings)
    }

    fn evidence(&self, kind: ConditionKind, facts: &WindowFacts, settings: &ConditionSettings) -> Evidence {
        let of = |reason: Option<Reason>| reason.map_or(Evidence::Against, Evidence::For);
        match (kind, &facts.summary) {
            (ConditionKind::Silent, Some(_)) => Evidence::Against,
            (ConditionKind::Silent, None) if facts.witness == Witness::Whole => Evidence::For(Reason::Silent),
            // Whether a scored window is like the training is told when it is scored.
            (ConditionKind::OutOfRange, _) if facts.model == ModelSight::Absent => Evidence::Against,
            (ConditionKind::ClockWrong, _) => facts.clock_off_nanos.map_or(Evidence::Nothing, |off_nanos| {
                let is_wrong = off_nanos.unsigned_abs() > settings.off_by.nanos().unsigned_abs();
                of(is_wrong.then_some(Reason::ClockWrong { off_nanos }))
            }),
            (ConditionKind::Stuck, Some(summary)) if self.usual.tells_whether_it_varies() => match summary.varies() {
                Some(true) => Evidence::Against,
                Some(false) => of(self.usual.varies().then_some(Reason::Stuck { value: summary.min })),
                None => Evidence::Nothing,
            },
            (ConditionKind::Sparse, Some(summary)) if self.usual.is_known => {
                let usual = f64::from(self.usual.intervals);
                let is_sparse = f64::from(summary.intervals) < settings.sparse_share * usual;
                match (is_sparse, facts.witness) {
                    (true, Witness::InPart) => Evidence::Nothing,
                    (is_sparse, _) => of(is_sparse.then_some(Reason::Sparse { intervals: summary.intervals, usual })),
                }
            }
            (ConditionKind::Drifting, Some(summary)) if self.usual.is_known => self.drift(summary, settings),
            _ => Evidence::Nothing,
        }
    }

    fn drift(&self, WindowSummary { mean, .. }: &WindowSummary, settings: &ConditionSettings) -> Evidence {
        let usual = self.usual.level;
        match self.usual.deviation() {
            None => Evidence::Nothing,
            Some(deviation) if (mean - usual).abs() > settings.deviations * deviation => {
                Evidence::For(Reason::Drifting { mean: *mean, usual, deviation })
            }
            Some(_) => Evidence::Against,
        }
    }

    fn step(
        &mut self,
        kind: ConditionKind,
        evidence: Evidence,
        window: Window,
        settings: &ConditionSettings,
    ) -> Option<ConditionChange> {
        let mut patience = settings.policy(kind).patience;
        if kind == ConditionKind::Silent {
            // A sensor that usually pauses is silent when it pauses for twice as long.
            let pause = self.usual.usual_pause().times(2).min(settings.relearn_after);
            patience = Patience { raise_after: patience.raise_after.max(pause), ..patience };
        }
        let mut state = self.take(kind);
        let change = hysteresis::step(&mut state, evidence, window.start(), settings.cut.window(), patience);
        if let Some(state) = state {
            let place = self.states.partition_point(|(other, _)| *other < kind);
            self.states.insert(place, (kind, state));
        }
        change.map(|change| match change {
            StateChange::Raised(standing) => ConditionChange::Raised(standing),
            StateChange::Cleared(standing) => ConditionChange::Cleared(standing, ClearCause::Over),
        })
    }

    fn stands(&self, kind: ConditionKind) -> bool {
        self.standing().any(|standing| standing.reason.kind() == kind)
    }

    /// Learns anew what is usual when the unusual has lasted: not while the sensor is stuck, whose level is none.
    fn take_as_usual(&mut self, facts: &WindowFacts, settings: &ConditionSettings) -> Vec<ConditionChange> {
        let begins_to_vary = facts.summary.is_some_and(|summary| self.usual.begins_to_vary(&summary, settings.learn));
        let has_lasted = |standing: &StandingCondition| {
            let goes_on = TAKEN_AS_USUAL.contains(&standing.reason.kind()) && standing.contrary == Span::ZERO;
            goes_on && facts.window.end().since(standing.since) >= settings.relearn_after
        };
        let is_taken = !self.stands(ConditionKind::Stuck) && self.standing().any(has_lasted);
        if begins_to_vary || is_taken { self.learn_anew(self.usual.begun_anew()) } else { Vec::new() }
    }

    fn learn_anew(&mut self, usual: Usual) -> Vec<ConditionChange> {
        self.usual = usual;
        AGAINST_USUAL.into_iter().filter_map(|kind| self.remove(kind, ClearCause::LearntAnew)).collect()
    }

    fn remove(&mut self, kind: ConditionKind, cause: ClearCause) -> Option<ConditionChange> {
        match self.take(kind)? {
            ConditionState::Standing(standing) => Some(ConditionChange::Cleared(standing, cause)),
            ConditionState::Rising { .. } => None,
        }
    }

    fn take(&mut self, kind: ConditionKind) -> Option<ConditionState> {
        let place = self.states.iter().position(|(other, _)| *other == kind)?;
        Some(self.states.remove(place).1)
    }
}

/// The most bytes of a model's words that are kept.
const MOST_WORDS: usize = 300;

/// The beginning of words, as far as it is kept.
fn cut(words: &str) -> Box<str> {
    let end =
        words.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= MOST_WORDS).last();
    words[..end.unwrap_or(0)].into()
}
