//! The account of a history that was read.

use crate::ingest::history::{History, HistoryError};

/// How much was read, and with what result. Every row and every cell is in one of the counts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tally {
    /// Readings from --from on and before --until.
    pub readings: u64,
    /// Readings outside of --from and --until.
    pub passed_over: u64,
    /// Cells of wide tables that hold no value.
    pub missing: u64,
    /// Rows, and cells of wide tables, that could not be read.
    pub refused: u64,
    /// The first few of these, with file, line and reason.
    examples: Vec<String>,
    /// The forms of the first few files that are not plain.
    forms: Vec<String>,
    more_forms: u64,
}

impl Tally {
    /// How many refused rows, and how many files, are shown.
    const MAX_SHOWN: usize = 5;

    /// Counts a row that could not be read.
    pub fn refuse(&mut self, error: &HistoryError) {
        self.refused += 1;
        if self.examples.len() < Self::MAX_SHOWN {
            self.examples.push(error.to_string());
        }
    }

    /// Adds the counts of a file that was read to its end.
    pub(super) fn end_of_file(&mut self, history: &History) {
        self.missing += history.missing();
        let form = history.form();
        if form.is_plain() {
            return;
        }
        if self.forms.len() < Self::MAX_SHOWN {
            self.forms.push(format!("{}: {form}", history.file()));
        } else {
            self.more_forms += 1;
        }
    }

    /// Everything beside the readings that deserves a line of its own.
    pub fn notes(&self) -> Vec<String> {
        let Self { passed_over, missing, refused, examples, forms, more_forms, .. } = self;
        let mut notes: Vec<String> = forms.iter().map(|form| format!("taken for: {form}")).collect();
        if *more_forms > 0 {
            notes.push(format!("and {more_forms} more files that are not plain tables"));
        }
        if *passed_over > 0 {
            notes.push(format!("{passed_over} passed over, which are outside --from and --until"));
        }
        if *missing > 0 {
            notes.push(format!("{missing} missing: cells that say that there is no value"));
        }
        notes.extend(examples.iter().map(|example| format!("refused: {example}")));
        let more = refused.saturating_sub(examples.len() as u64);
        if more > 0 {
            notes.push(format!("and {more} more refused"));
        }
        notes
    }
}
