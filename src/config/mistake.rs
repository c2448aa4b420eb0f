//! The mistakes in a configuration, in words for the user who has to mend them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name another file with --config", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not UTF-8 text.
    #[error("the configuration {} is {found}; save it as text in UTF-8", file.display())]
    NotText {
        /// The file.
        file: PathBuf,
        /// What the file is.
        found: &'static str,
    },
    /// The file is no configuration.
    #[error("the configuration {} has more than {max} bytes; is it the right file?", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The largest size that is read, in bytes.
        max: u64,
    },
    /// The file can be read, and has mistakes.
    #[error("{}", Listing(.file, .mistakes))]
    Mistakes {
        /// The file.
        file: PathBuf,
        /// All its mistakes, in the order of the file.
        mistakes: Vec<Mistake>,
    },
}

/// One mistake, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from one.
    pub line: usize,
    /// The column in characters, counted from one.
    pub column: usize,
    /// The key, such as `store.keep_runs` or `mqtt.route[1].topic`; tables are counted from one. Empty when the file is
    /// not TOML, because its keys are then uncertain.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
    /// The text of the line, without parts that may be a secret.
    pub excerpt: String,
}

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// A value that is not accepted.
    #[error("found {found}; accepted: {accepted}")]
    Value {
        /// The value that was found, and what is wrong with it if that is not plain to see.
        found: String,
        /// The values that are accepted.
        accepted: String,
    },
    /// A key that must be there.
    #[error("missing; accepted: {accepted}")]
    Missing {
        /// The values that are accepted.
        accepted: String,
    },
    /// A key that no section has.
    #[error("unknown key; {0}")]
    Unknown(String),
    /// Values that contradict each other.
    #[error("{0}")]
    Rule(String),
}

impl ConfigError {
    /// Whether one of the mistakes is in this section or key, or below it.
    pub fn is_about(&self, key: &str) -> bool {
        let Self::Mistakes { mistakes, .. } = self else { return true };
        mistakes.iter().any(|mistake| {
            mistake.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.problem)
    }
}

struct Listing<'a>(&'a Path, &'a [Mistake]);

impl Listing<'_> {
    /// The most mistakes that are shown: a file of another kind would fill the screen.
    const MAX_SHOWN: usize = 50;
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(file, mistakes) = self;
        let file = file.display();
        match mistakes.len() {
            1 => write!(f, "1 mistake in the configuration {file}")?,
            count => write!(f, "{count} mistakes in the configuration {file}")?,
        }
        for mistake in mistakes.iter().take(Self::MAX_SHOWN) {
            let Mistake { line, column, excerpt, .. } = mistake;
            write!(f, "\n\n{file}:{line}:{column}: {mistake}")?;
            if !excerpt.is_empty() {
                write!(f, "\n{line:>6} | {excerpt}")?;
                // Beyond the excerpt there is nothing to point at.
                if *column <= excerpt.chars().count() {
                    write!(f, "\n       | {:>column$}", "^")?;
                }
            }
        }
        if let Some(more @ 1..) = mistakes.len().checked_sub(Self::MAX_SHOWN) {
            write!(f, "\n\nand {more} more")?;
        }
        if mistakes.iter().any(|mistake| matches!(mistake.problem, Problem::Syntax(_))) {
            f.write_str("\n\nwhat the keys say is checked once the file is TOML")?;
        }
        Ok(())
    }
}
