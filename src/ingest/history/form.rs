//! The form of a history as it was recognised, in words, so that the user can see when it was recognised wrongly.

use std::fmt;

use super::layout::{Layout, Shape};
use super::numbers::CommaAssumed;
use super::preamble::Preamble;
use super::separator::Separator;
use crate::printable::Printable;

/// The form that a history was recognised to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The sensors of a wide table.
    wide: Option<Wide>,
    separator: Separator,
    decimal: Option<CommaAssumed>,
    comments: u64,
    twofold: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wide {
    sensors: usize,
    left_out: Vec<String>,
}

impl Form {
    pub(super) fn new(layout: &Layout, preamble: &Preamble, decimal: Option<&CommaAssumed>, twofold: u64) -> Self {
        let wide = match &layout.shape {
            Shape::Long { .. } => None,
            Shape::Wide { cells, left_out } => Some(Wide { sensors: cells.len(), left_out: left_out.clone() }),
        };
        Self { wide, separator: preamble.separator, decimal: decimal.cloned(), comments: preamble.comments, twofold }
    }

    /// Whether the history is a long table with commas between its fields, and nothing was assumed.
    pub fn is_plain(&self) -> bool {
        let Self { wide, separator, decimal, comments, twofold } = self;
        wide.is_none() && *separator == Separator::Comma && decimal.is_none() && *comments == 0 && *twofold == 0
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many columns are named.
        const MAX: usize = 8;
        match &self.wide {
            None => write!(f, "a reading a row, {} between fields", self.separator)?,
            Some(Wide { sensors, left_out }) => {
                write!(f, "a column a sensor, {sensors} of them, {} between fields", self.separator)?;
                if !left_out.is_empty() {
                    let names = left_out.iter().take(MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
                    write!(f, "; left out: {}", Printable(names))?;
                    if left_out.len() > MAX {
                        write!(f, " and {} more", left_out.len() - MAX)?;
                    }
                }
            }
        }
        if let Some(assumed) = &self.decimal {
            write!(f, "; {assumed}")?;
        }
        if self.comments > 0 {
            write!(f, "; {} lines before the header left out, which begin with '#'", self.comments)?;
        }
        if self.twofold > 0 {
            write!(
                f,
                "; {} times of an hour that comes twice (--zone), taken as the first until they go back by half an hour",
                self.twofold
            )?;
        }
        Ok(())
    }
}
