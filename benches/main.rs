//! The benchmarks: each prints its figure beside a named baseline from the same run.
//!
//! `cargo bench` runs all of them, `cargo bench -- NAME...` those that are named. Without cargo's `--bench`, as under
//! `cargo test --benches`, each runs in its tiny mode: the same code over little data, to show that it still works.
//! A tiny figure means nothing.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops at the first surprise"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a view of an array is a reference, and its users have it as a value"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and lengths of stretches are small numbers above zero"
)]

mod closing;
mod cockpit;
mod decode;
mod detectors;
mod flash;
mod history;
mod ingest;
mod latency;
mod loading;
mod neighbours;
mod overview;
mod scale;
mod score_command;
mod scoring;
mod support;
mod year;

use std::process::ExitCode;

/// How much a benchmark does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// What its figures stand for.
    Full,
    /// As little as shows that it works.
    Tiny,
}

impl Size {
    /// Whichever of two amounts goes with it.
    pub(crate) fn of<T>(self, full: T, tiny: T) -> T {
        match self {
            Self::Full => full,
            Self::Tiny => tiny,
        }
    }
}

type Benchmark = (&'static str, fn(Size));

const BENCHMARKS: [Benchmark; 15] = [
    ("closing", closing::run),
    ("cockpit", cockpit::run),
    ("decode", decode::run),
    ("detectors", detectors::run),
    ("flash", flash::run),
    ("history", history::run),
    ("ingest", ingest::run),
    ("latency", latency::run),
    ("loading", loading::run),
    ("neighbours", neighbours::run),
    ("overview", overview::run),
    ("scale", scale::run),
    ("score_command", score_command::run),
    ("scoring", scoring::run),
    ("year", year::run),
];

fn main() -> ExitCode {
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let size = if flags.iter().any(|flag| flag == "--bench") { Size::Full } else { Size::Tiny };
    if let Some(unknown) = names.iter().find(|wanted| !BENCHMARKS.iter().any(|(name, _)| name == wanted)) {
        let known: Vec<_> = BENCHMARKS.iter().map(|(name, _)| *name).collect();
        println!("there is no benchmark {unknown}; there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    for (name, run) in BENCHMARKS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            println!("\n==== {name}{}", size.of("", ", tiny: the figures mean nothing"));
            run(size);
        }
    }
    ExitCode::SUCCESS
}
