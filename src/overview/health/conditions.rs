//! The conditions of sensors in the banner.

use super::{Finding, moment, named, sensors_in_words, shortened};
use crate::answers::{ConditionKind, Problem, ProblemKind, Severity};
use crate::overview::HealthFacts;
use crate::overview::health_facts::ConditionProblem;

/// A problem for each kind of condition that any sensor has.
pub(super) fn conditions(facts: &HealthFacts) -> impl Iterator<Item = Finding> {
    facts.conditions.iter().map(|problem| finding(problem, facts))
}

fn finding(ConditionProblem { kind, count, since, first }: &ConditionProblem, facts: &HealthFacts) -> Finding {
    let one = first.first().filter(|_| *count == 1);
    let (short, words) = match one {
        Some(condition) => {
            let does = format!("{} since {}", has_been(*kind), moment(condition.since, facts.now));
            // What silence is need not be said.
            let why = if *kind == ConditionKind::Silent { String::new() } else { format!(": {}", condition.words) };
            (format!("{} {does}", shortened(&condition.sensor)), format!("{} {does}{why}", condition.sensor))
        }
        None => {
            let does = if *count == 1 { has_been(*kind) } else { are(*kind) };
            let short = format!("{} {does}", sensors_in_words(*count));
            let names: Vec<&str> = first.iter().map(|condition| &*condition.sensor).collect();
            (short.clone(), format!("{short}{}", named(&names, *count)))
        }
    };
    let problem = Problem {
        kind: problem_kind(*kind),
        severity: Severity::Warning,
        words,
        since: *since,
        count: *count,
        sensor: one.map(|condition| condition.sensor.clone()),
    };
    Finding { problem, short }
}

/// What one sensor does.
fn has_been(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Silent => "has been silent",
        ConditionKind::Stuck => "has been stuck",
        ConditionKind::Sparse => "has sent far less than usual",
        ConditionKind::OutOfRange => "has been out of its model's range",
        ConditionKind::Drifting => "has drifted",
        ConditionKind::ClockWrong => "has had a wrong clock",
    }
}

/// What several sensors do.
fn are(kind: ConditionKind) -> &'static str {
    match kind {
        ConditionKind::Silent => "are silent",
        ConditionKind::Stuck => "are stuck",
        ConditionKind::Sparse => "send far less than usual",
        ConditionKind::OutOfRange => "are out of their models' range",
        ConditionKind::Drifting => "have drifted",
        ConditionKind::ClockWrong => "have wrong clocks",
    }
}

fn problem_kind(kind: ConditionKind) -> ProblemKind {
    match kind {
        ConditionKind::Silent => ProblemKind::Silent,
        ConditionKind::Stuck => ProblemKind::Stuck,
        ConditionKind::Sparse => ProblemKind::Sparse,
        ConditionKind::OutOfRange => ProblemKind::OutOfRange,
        ConditionKind::Drifting => ProblemKind::Drifting,
        ConditionKind::ClockWrong => ProblemKind::ClockWrong,
    }
}
