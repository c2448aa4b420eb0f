//! The summary of a replay.

use std::fmt;
use std::time::Duration;

use super::times::StrangeTimes;
use crate::cli::history::Tally;
use crate::cli::publish::Summary;
use crate::cli::publish::url::ServerUrl;
use crate::printable::Printable;

/// How a replay's reading came to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All files were read.
    EndOfFile,
    /// Someone pressed Ctrl-C.
    Interrupted,
    /// A file could not be read on, or the server was away for too long.
    Failed(String),
}

/// The result of a replay.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// The server that it went to.
    pub server: ServerUrl,
    /// The account of the files.
    pub history: Tally,
    /// Why no more was read.
    pub ending: Ending,
    /// The counts of messages.
    pub published: Summary,
    /// Readings that a daemon with the system's clock rejects for their times.
    pub times: StrangeTimes,
    /// How long it took, from the first reading to the last acknowledgement.
    pub took: Duration,
}

impl Report {
    /// Whether all files were read, at least one reading was found, and all messages were acknowledged.
    pub fn is_complete(&self) -> bool {
        let sent_nothing_of_much = self.published.progress.sent == 0 && self.history.refused > 0;
        self.ending == Ending::EndOfFile && self.published.unacknowledged() == 0 && !sent_nothing_of_much
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let progress = &self.published.progress;
        write!(f, "read          {} readings, {} rows or cells refused", self.history.readings, self.history.refused)?;
        match &self.ending {
            Ending::EndOfFile => writeln!(f)?,
            Ending::Interrupted => writeln!(f, "; then was interrupted")?,
            Ending::Failed(reason) => writeln!(f, "; then stopped: {}", Printable(reason))?,
        }
        for note in self.history.notes() {
            writeln!(f, "              {}", Printable(note))?;
        }
        writeln!(f, "sent          {} messages to {}", progress.sent, self.server)?;
        match self.published.unacknowledged() {
            0 => writeln!(f, "acknowledged  {} of {0}", progress.acknowledged)?,
            missing => {
                let (acknowledged, sent) = (progress.acknowledged, progress.sent);
                let reason = self.published.failure.as_deref().unwrap_or("the connection ended");
                writeln!(f, "acknowledged  {acknowledged} of {sent}: {missing} are missing, because {reason}")?;
            }
        }
        if progress.acknowledged > 0 {
            writeln!(
                f,
                "              taken in, whether or not they count: what the daemon has rejected, its log counts"
            )?;
            writeln!(f, "              and `anomalyd dump rejects` tells")?;
        }
        if !self.times.is_empty() {
            writeln!(f, "warning       {}", self.times)?;
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
    use crate::ingest::history::{HistoryError, RowError};
    use crate::time::Timestamp;

    fn bad(line: u64) -> HistoryError {
        HistoryError::Row { file: "h.csv".into(), line, reason: RowError::NotText }
    }

    fn report(sent: u64, acknowledged: u64) -> Report {
        Report {
            server: ServerUrl::local(1883),
            history: Tally::default(),
            ending: Ending::EndOfFile,
            published: Summary {
                progress: Progress { sent, acknowledged, resent: 0, reconnects: 0 },
                failure: (sent > acknowledged).then(|| "the server does not answer".to_owned()),
            },
            times: StrangeTimes::default(),
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
    fn a_file_name_with_a_line_feed_makes_no_line_of_its_own() {
        let mut report = report(10, 10);
        report.history.refuse(&HistoryError::Row {
            file: "h\nacknowledged  99 of 99".into(),
            line: 2,
            reason: RowError::NotText,
        });
        report.ending = Ending::Failed("cannot read h\nacknowledged  99 of 99".to_owned());
        let text = report.to_string();
        assert!(text.contains("refused: h·acknowledged") && text.contains("cannot read h·acknowledged"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("acknowledged")).count(), 1, "{text}");
    }

    #[test]
    fn a_file_without_a_single_reading_is_no_success() {
        let mut report = report(0, 0);
        report.history.refuse(&bad(2));
        assert!(!report.is_complete());
    }

    #[test]
    fn the_report_says_how_many_are_missing_and_why() {
        let text = report(10, 8).to_string();
        assert!(text.contains("8 of 10: 2 are missing, because the server does not answer"), "{text}");
        assert!(text.contains("2.0 s, 4 messages/s"), "{text}");
    }

    #[test]
    fn an_acknowledgement_is_not_told_as_an_acceptance_and_old_readings_are_warned_of() {
        let mut report = report(10, 10);
        let text = report.to_string();
        assert!(text.contains("acknowledged  10 of 10\n"), "{text}");
        assert!(text.contains("whether or not they count") && text.contains("anomalyd dump rejects"), "{text}");
        assert!(!text.contains("warning"), "{text}");
        let time = |text: &str| Timestamp::parse(text).unwrap();
        report.times.note(time("2018-08-28T23:00:05Z"), time("2026-03-02T06:00:00Z"));
        let text = report.to_string();
        assert!(text.contains("warning       readings were sent more than an hour after their time (1)"), "{text}");
        assert!(text.contains("clock = \"event\""), "{text}");
    }

    #[test]
    fn the_first_refused_rows_are_shown_and_the_rest_counted() {
        let mut report = report(0, 0);
        (2..9).for_each(|line| report.history.refuse(&bad(line)));
        let text = report.to_string();
        assert!(text.contains("0 readings, 7 rows or cells refused"), "{text}");
        assert!(text.contains("refused: h.csv:2: the row is not UTF-8 text"), "{text}");
        assert!(text.contains("h.csv:6") && !text.contains("h.csv:7") && text.contains("and 2 more refused"), "{text}");
    }
}
