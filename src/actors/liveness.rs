//! Decides whether the daemon's parts make progress: pure, from counts of answers and the time.
//!
//! A part is asked by a probe message, which it answers in turn, behind the work that it has. It is asked again only
//! after it has answered, so that at most one probe waits at each part. An idle part answers at once, a busy part as
//! soon as it comes to the probe, and a part that is stuck or dead does not answer.

use std::time::{Duration, Instant};

/// A part of the daemon that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProbedPart {
    /// The thread that writes to the store.
    Committer,
    /// The actor that begins runs.
    Scheduler,
    /// The actor that gathers the outcomes of a run.
    Recorder,
    /// The actor that starts and restarts the sensors' actors.
    Supervisor,
}

impl ProbedPart {
    /// All of them, in the order of the counts of their answers.
    pub const ALL: [Self; 4] = [Self::Committer, Self::Scheduler, Self::Recorder, Self::Supervisor];

    /// The part's name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Committer => "committer",
            Self::Scheduler => "scheduler",
            Self::Recorder => "recorder",
            Self::Supervisor => "sensors' supervisor",
        }
    }
}

/// How many answers each part has given, in the order of [`ProbedPart::ALL`].
pub type Answers = [u64; ProbedPart::ALL.len()];

/// Follows whether each part makes progress.
#[derive(Debug)]
pub struct Liveness {
    patience: Duration,
    parts: [PartState; ProbedPart::ALL.len()],
}

#[derive(Clone, Copy, Debug)]
struct PartState {
    /// How often the part was asked.
    asked: u64,
    /// When the part was last known to have answered every probe.
    answered_at: Instant,
}

/// The result of a look at the parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// The parts to ask now.
    pub probe: Vec<ProbedPart>,
    /// The part that has been silent for longest, and for how long; `None` when no part was silent for longer than the
    /// patience.
    pub silent: Option<(ProbedPart, Duration)>,
}

impl Liveness {
    /// Starts with parts that are alive now. Each may take as long as `patience` for an answer.
    pub fn new(now: Instant, patience: Duration) -> Self {
        Self { patience, parts: [PartState { asked: 0, answered_at: now }; ProbedPart::ALL.len()] }
    }

    /// Takes in the counts of answers so far. The parts named in [`Look::probe`] count as asked.
    pub fn look(&mut self, now: Instant, answers: Answers) -> Look {
        let mut look = Look { probe: Vec::new(), silent: None };
        for ((part, state), answered) in ProbedPart::ALL.into_iter().zip(&mut self.parts).zip(answers) {
            if answered >= state.asked {
                *state = PartState { asked: answered + 1, answered_at: now };
                look.probe.push(part);
            }
            let silence = now.saturating_duration_since(state.answered_at);
            if silence > self.patience && look.silent.is_none_or(|(_, longest)| silence > longest) {
                look.silent = Some((part, silence));
            }
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(90);
    const TICK: Duration = Duration::from_secs(15);

    #[test]
    fn idle_parts_that_answer_are_asked_again_and_are_never_silent() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start, PATIENCE);
        for tick in 0..100 {
            let look = liveness.look(start + TICK * tick, [u64::from(tick); 4]);
            assert_eq!(look, Look { probe: ProbedPart::ALL.to_vec(), silent: None });
        }
    }

    #[test]
    fn a_part_that_does_not_answer_is_silent_once_patience_is_over_and_until_it_answers() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start, PATIENCE);
        assert_eq!(liveness.look(start, [0; 4]).probe.len(), 4);
        for tick in 1..=6 {
            let answers = [0, tick, tick, tick];
            let look = liveness.look(start + TICK * u32::try_from(tick).unwrap(), answers);
            assert!(!look.probe.contains(&ProbedPart::Committer), "one probe waits there already");
            assert_eq!(look.silent, None, "a slow disk");
        }
        let look = liveness.look(start + TICK * 7, [0, 7, 7, 7]);
        assert_eq!(look.silent, Some((ProbedPart::Committer, TICK * 7)));
        let look = liveness.look(start + TICK * 8, [1, 8, 8, 8]);
        assert_eq!(look, Look { probe: ProbedPart::ALL.to_vec(), silent: None });
    }

    #[test]
    fn any_part_can_be_the_silent_one() {
        for (index, part) in ProbedPart::ALL.into_iter().enumerate() {
            let start = Instant::now();
            let mut liveness = Liveness::new(start, PATIENCE);
            liveness.look(start, [0; 4]);
            let mut answers = [1; 4];
            answers[index] = 0;
            let now = start + PATIENCE * 2;
            assert_eq!(liveness.look(now, answers).silent, Some((part, PATIENCE * 2)));
        }
    }

    proptest! {
        /// For any answers: at most one probe waits at a part, and silence is reported if and only if it has lasted.
        #[test]
        fn silence_is_told_when_it_has_lasted(
            steps in prop::collection::vec((0_u64..60, prop::array::uniform4(any::<bool>())), 1..50),
        ) {
            let start = Instant::now();
            let mut liveness = Liveness::new(start, PATIENCE);
            let (mut now, mut asked, mut answered, mut since) = (start, [0_u64; 4], [0_u64; 4], [start; 4]);
            for (pause, answers) in steps {
                now += Duration::from_secs(pause);
                for part in 0..4 {
                    if answers[part] {
                        answered[part] = asked[part];
                    }
                    if answered[part] == asked[part] {
                        since[part] = now;
                    }
                }
                let look = liveness.look(now, answered);
                let longest = since.iter().map(|since| now.duration_since(*since)).max().unwrap();
                prop_assert_eq!(look.silent.map(|(_, silence)| silence), (longest > PATIENCE).then_some(longest));
                for (index, part) in ProbedPart::ALL.iter().enumerate() {
                    let waits = asked[index] > answered[index];
                    prop_assert_eq!(look.probe.contains(part), !waits);
                    asked[index] += u64::from(!waits);
                }
            }
        }
    }
}
