//! The tree of what is supervised, drawn: `anomalyd status --tree`.

use std::io::{self, Write};

use crate::answers::{DaemonPart, ModelCounts, Standing, Supervision, TroubledModel};
use crate::cli::sensors::minute;
use crate::cli::table::{Colours, Tint};
use crate::printable::Printable;

/// Draws the tree. All that comes from outside is made printable.
pub(super) fn write(tree: &Supervision, colours: Colours, out: &mut dyn Write) -> io::Result<()> {
    let Supervision { parts, models, troubled, hung_threads, waiting_restarts } = tree;
    writeln!(out, "anomalyd")?;
    for part in parts {
        writeln!(out, "├─ {:<28} {}", part.name, part_words(part, colours))?;
    }
    writeln!(out, "└─ {:<28} {}", "models", counts_in_words(models, *hung_threads, *waiting_restarts))?;
    for (place, model) in troubled.iter().enumerate() {
        let branch = if place + 1 == troubled.len() { "└─" } else { "├─" };
        writeln!(out, "   {branch} {}", model_words(model, colours))?;
    }
    let told = troubled.len() as u64;
    let all = models.paused + models.probation + models.quarantined;
    if all > told {
        writeln!(out, "      and {} more: see `anomalyd models`", all - told)?;
    }
    Ok(())
}

fn part_words(part: &DaemonPart, colours: Colours) -> String {
    let (word, tint) = if part.is_running { ("at work", Tint::Good) } else { ("begins anew", Tint::Bad) };
    let reason = part.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", Printable(reason)));
    let restarts = match part.restarts {
        0 => String::new(),
        restarts => format!(", begun anew {restarts} times, the last time because {}", reason.trim_start_matches(": ")),
    };
    format!("{} since {} UTC{restarts}", colours.paint(tint, word), minute(part.since))
}

fn counts_in_words(counts: &ModelCounts, hung_threads: u64, waiting_restarts: u64) -> String {
    let ModelCounts { at_work, paused, probation, quarantined, unusable } = *counts;
    let rest = [
        (paused, "paused"),
        (probation, "on probation"),
        (quarantined, "quarantined"),
        (unusable, "without a usable file"),
        (waiting_restarts, "waiting to be started again"),
        (hung_threads, "threads hung"),
    ];
    let rest = rest.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
    format!("{at_work} at work{}", rest.collect::<String>())
}

fn model_words(TroubledModel { sensor, trouble }: &TroubledModel, colours: Colours) -> String {
    let (word, tint) = match trouble.standing {
        Standing::Paused => ("paused", Tint::Warning),
        Standing::Probation => ("on probation", Tint::Warning),
        Standing::Quarantined => ("quarantined", Tint::Bad),
    };
    let failures =
        if trouble.failures == 1 { "1 failure".to_owned() } else { format!("{} failures", trouble.failures) };
    let (sensor, since, reason) = (Printable(sensor).to_string(), minute(trouble.since), Printable(&trouble.reason));
    format!("{sensor:<25} {} since {since} UTC, after {failures}: {reason}", colours.paint(tint, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Trouble;
    use crate::time::Timestamp;

    #[test]
    fn the_tree_has_each_part_and_the_models_in_trouble_with_their_reasons() {
        let since = Timestamp::default();
        let trouble =
            Trouble { standing: Standing::Quarantined, since, failures: 5, reason: "out of \u{1b}[2Jtea".to_owned() };
        let tree = Supervision {
            parts: vec![DaemonPart {
                name: "reporter".to_owned(),
                is_running: true,
                since,
                restarts: 2,
                reason: Some("it ended".to_owned()),
            }],
            models: ModelCounts { at_work: 14, quarantined: 2, ..ModelCounts::default() },
            troubled: vec![TroubledModel { sensor: "press-1/flow".to_owned(), trouble }],
            hung_threads: 1,
            waiting_restarts: 0,
        };
        let mut out = Vec::new();
        write(&tree, Colours::None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "anomalyd",
                "├─ reporter at work since 1970-01-01 00:00 UTC, begun anew 2 times, the last time because it ended",
                "└─ models 14 at work, 2 quarantined, 1 threads hung",
                "└─ press-1/flow quarantined since 1970-01-01 00:00 UTC, after 5 failures: out of ·[2Jtea",
                "and 1 more: see `anomalyd models`",
            ]
        );
    }
}
