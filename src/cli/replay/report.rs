//! What a replay says at its end.

use std::fmt;
use std::time::Duration;

use crate::cli::publish::Summary;
use crate::cli::publish::url::ServerUrl;
use crate::ingest::history::RowError;

/// The rows of a history that were read, and what became of them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RowCounts {
    /// Rows read.
    pub read: u64,
    /// Rows outside the asked-for time.
    pub passed_over: u64,
    /// Rows that are no readings.
    pub refused: u64,
    /// The first few of those, with their lines.
    pub examples: Vec<(u64, RowError)>,
}

impl RowCounts {
    /// How many refused rows are shown.
    const MAX_EXAMPLES: usize = 5;

    /// Counts a row that is no reading.
    pub fn refuse(&mut self, line: u64, reason: RowError) {
        self.refused += 1;
        if self.examples.len() < Self::MAX_EXAMPLES {
            self.examples.push((line, reason));
        }
    }
}

/// How a replay's reading came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The whole file was read.
    EndOfFile,
    /// Someone pressed Ctrl-C.
    Interrupted,
    /// The file could not be read on, or the server was away for too long.
    Failed(String),
}

/// What came of a replay.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Where it went.
    pub server: ServerUrl,
    /// What was read.
    pub rows: RowCounts,
    /// Why no more was read.
    pub ending: Ending,
    /// What was sent and acknowledged.
    pub published: Summary,
    /// How long it took, from the first row to the last acknowledgement.
    pub took: Duration,
}

impl Report {
    /// Whether the whole file was read, something in it was a reading, and all was acknowledged.
    pub fn is_complete(&self) -> bool {
        let sent_nothing_of_much = self.published.progress.sent == 0 && self.rows.refused > 0;
        self.ending == Ending::EndOfFile && self.published.unacknowledged() == 0 && !sent_nothing_of_much
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowCounts { read, passed_over, refused, examples } = &self.rows;
        let progress = &self.published.progress;
        match &self.ending {
            Ending::EndOfFile => writeln!(f, "read          {read} rows")?,
            Ending::Interrupted => writeln!(f, "read          {read} rows, then was interrupted")?,
            Ending::Failed(reason) => writeln!(f, "read          {read} rows, then stopped: {reason}")?,
        }
        if *passed_over > 0 {
            writeln!(f, "passed over   {passed_over} rows outside --from and --until")?;
        }
        writeln!(f, "refused       {refused} rows")?;
        for (line, reason) in examples {
            writeln!(f, "              line {line}: {reason}")?;
        }
        let more = refused.saturating_sub(examples.len() as u64);
        if more > 0 {
            writeln!(f, "              and {more} more")?;
        }
        writeln!(f, "sent          {} messages to {}", progress.sent, self.server)?;
        match self.published.unacknowledged() {
            0 => writeln!(f, "acknowledged  {}: all of them", progress.acknowledged)?,
            missing => {
                let reason = self.published.failure.as_deref().unwrap_or("the connection ended");
                writeln!(f, "acknowledged  {}: {missing} are missing, because {reason}", progress.acknowledged)?;
            }
        }
        writeln!(f, "reconnects    {}, with {} messages sent again", progress.reconnects, progress.resent)?;
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = progress.acknowledged as f64 / seconds.max(1e-9);
        writeln!(f, "took          {seconds:.1} s, {rate:.0} messages/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::publish::Progress;

    fn report(sent: u64, acknowledged: u64) -> Report {
        Report {
            server: ServerUrl::local(1883),
            rows: RowCounts { read: sent, ..RowCounts::default() },
            ending: Ending::EndOfFile,
            published: Summary {
                progress: Progress { sent, acknowledged, resent: 0, reconnects: 0 },
                failure: (sent > acknowledged).then(|| "the server does not answer".to_owned()),
            },
            took: Duration::from_secs(2),
        }
    }

    #[test]
    fn a_replay_is_complete_when_the_whole_file_is_acknowledged() {
        assert!(report(10, 10).is_complete());
        assert!(report(0, 0).is_complete());
        assert!(!report(10, 9).is_complete());
        assert!(!Report { ending: Ending::Interrupted, ..report(10, 10) }.is_complete());
    }

    #[test]
    fn a_file_without_a_single_reading_is_no_success() {
        let mut report = report(0, 0);
        report.rows.refuse(2, RowError::Value("x".into()));
        assert!(!report.is_complete());
    }

    #[test]
    fn the_report_says_how_many_are_missing_and_why() {
        let text = report(10, 8).to_string();
        assert!(text.contains("8: 2 are missing, because the server does not answer"), "{text}");
        assert!(text.contains("2.0 s, 4 messages/s"), "{text}");
    }

    #[test]
    fn the_first_refused_rows_are_shown_and_the_rest_counted() {
        let mut report = report(0, 0);
        (2..9).for_each(|line| report.rows.refuse(line, RowError::Value("x".into())));
        let text = report.to_string();
        assert!(text.contains("refused       7 rows") && text.contains("line 2: 'x' is not a finite number"), "{text}");
        assert!(text.contains("line 6") && !text.contains("line 7") && text.contains("and 2 more"), "{text}");
    }
}
