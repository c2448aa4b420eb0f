//! The tables that can be exported, and their columns.

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Table {
    /// Raw readings: as long as store.keep_raw keeps them, and those that no stored window holds yet
    Readings,
    /// The intervals of closed windows, each with its aggregates
    Intervals,
    /// What the models said: a row a sensor and run
    Verdicts,
    /// The runs in the ledger
    Runs,
    /// The inputs that were not accepted
    Rejects,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnKind {
    /// A text.
    Text,
    /// A point in time, UTC, exact to the nanosecond.
    Time,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Flag,
}

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

const fn column(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind }
}

use ColumnKind::{Flag, Integer, Number, Text, Time};

const READINGS: &[Column] =
    &[column("time", Time), column("device", Text), column("sensor", Text), column("value", Number)];

const INTERVALS: &[Column] = &[
    column("start", Time),
    column("end", Time),
    column("device", Text),
    column("sensor", Text),
    column("count", Integer),
    column("mean", Number),
    column("min", Number),
    column("max", Number),
    column("standard_deviation", Number),
    column("first", Number),
    column("last", Number),
];

const VERDICTS: &[Column] = &[
    column("run", Integer),
    column("revision", Integer),
    column("window_start", Time),
    column("window_end", Time),
    column("device", Text),
    column("sensor", Text),
    column("outcome", Text),
    column("rows", Integer),
    column("anomalies", Integer),
    column("score", Number),
    column("worst_interval", Time),
    column("worst_decision", Number),
    column("explanation", Text),
    column("reason", Text),
    column("model", Text),
    column("proven", Flag),
    column("settings", Text),
    column("group", Text),
    column("anomaly_score", Number),
];

const RUNS: &[Column] = &[
    column("run", Integer),
    column("group", Text),
    column("trigger", Text),
    column("revision", Integer),
    column("window_start", Time),
    column("window_end", Time),
    column("state", Text),
    column("closed", Text),
    column("scope", Integer),
    column("settings", Text),
    column("models", Text),
    column("scored", Integer),
    column("no_data", Integer),
    column("too_little_data", Integer),
    column("failed", Integer),
    column("quarantined", Integer),
    column("rows", Integer),
    column("anomalies", Integer),
    column("timed_out", Integer),
    column("unproven", Integer),
    column("interval_seconds", Number),
    column("begun", Time),
    column("ended", Time),
    column("request", Text),
];

const REJECTS: &[Column] = &[
    column("received", Time),
    column("kind", Text),
    column("count", Integer),
    column("origin", Text),
    column("reason", Text),
    column("excerpt", Text),
];

impl Table {
    /// The tables by their names.
    pub const ALL: [(&'static str, Self); 5] = [
        ("readings", Self::Readings),
        ("intervals", Self::Intervals),
        ("verdicts", Self::Verdicts),
        ("runs", Self::Runs),
        ("rejects", Self::Rejects),
    ];

    /// The table of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, table)| table)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, table)| *table == self).map_or("", |(name, _)| name)
    }

    /// Its columns, in their order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Readings => READINGS,
            Self::Intervals => INTERVALS,
            Self::Verdicts => VERDICTS,
            Self::Runs => RUNS,
            Self::Rejects => REJECTS,
        }
    }

    /// Whether its rows are of single sensors.
    pub fn is_by_sensor(self) -> bool {
        matches!(self, Self::Readings | Self::Intervals | Self::Verdicts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_the_columns_of_each_table_in_their_order() {
        let manual = include_str!("../../docs/operations.md");
        for (name, table) in Table::ALL {
            let start = format!("| `{name}` |");
            let row = manual.lines().find(|line| line.starts_with(&start)).unwrap();
            let mut rest = row.rsplit('|').nth(1).unwrap();
            for column in table.columns() {
                let quoted = format!("`{}`", column.name);
                let at = rest.find(&quoted);
                assert!(at.is_some(), "{name}: {quoted} is not where it belongs");
                rest = &rest[at.unwrap() + quoted.len()..];
            }
        }
    }
}
