//! Rows for a model from CSV: a header, then a row a line, with the expected answers if wanted.

use std::collections::HashMap;
use std::io::{self, Read};

use csv::StringRecord;
use ndarray::Array2;

use super::operations::Operations;
use super::preprocessing::MAX_WIDTH;
use super::{Exceeded, Limits, decimal};
use crate::printable::Printable;
use crate::verdict::Label;

/// A file of rows whose header was read.
#[derive(Debug)]
pub struct RowReader<R> {
    csv: csv::Reader<Metered<R>>,
    header: Vec<String>,
    /// The index of each column, by its name as written and by its name without blanks around it; of equal names the
    /// first counts.
    places: HashMap<String, usize>,
    max_numbers: usize,
    operations: Operations,
}

/// The most columns: twice the features of the widest model, to leave room for other columns beside the features.
const MAX_COLUMNS: usize = 2 * MAX_WIDTH;

/// The columns that are wanted, by their names in the header.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// The features, in the order in which the model takes them.
    pub features: &'a [String],
    /// The expected decision value.
    pub decision: Option<&'a str>,
    /// The expected label.
    pub label: Option<LabelColumn<'a>>,
}

/// A column of labels.
#[derive(Clone, Copy, Debug)]
pub struct LabelColumn<'a> {
    /// Its name.
    pub name: &'a str,
    /// The label of a normal row; any other label is an anomaly. `1` and `1.0` are the same.
    pub normal: &'a str,
}

/// Rows, and the answers that are expected of them.
#[derive(Clone, PartialEq, Debug)]
pub struct AnsweredRows {
    /// A row a line of the file. An empty field, or `nan`, is NaN: a missing value.
    pub values: Array2<f64>,
    /// The line of each row, the header being line 1.
    pub lines: Vec<u64>,
    /// The expected decision values, all finite.
    pub decisions: Option<Vec<f64>>,
    /// The expected labels.
    pub labels: Option<Vec<Label>>,
}

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file cannot be read, or is no CSV.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is no text, or text of another kind.
    #[error("line {line} is not UTF-8; save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")]
    NotUtf8 {
        /// The line.
        line: u64,
    },
    /// A column is not there.
    #[error("has no column {column:?}; its header names {found}")]
    NoColumn {
        /// The missing column.
        column: String,
        /// The columns that the header has.
        found: String,
    },
    /// The model takes another number of features.
    #[error("gives rows of {found} features ({columns}), and the model takes {expected}")]
    Width {
        /// How many there are.
        found: usize,
        /// Their names.
        columns: String,
        /// How many the model takes.
        expected: usize,
    },
    /// A row that has too few fields.
    #[error("line {line} ends before the column {column:?}")]
    Short {
        /// The line.
        line: u64,
        /// The first column without a field.
        column: String,
    },
    /// A field with a value that is not accepted.
    #[error("line {line}, column {column:?}: {found:?} is not {expected}")]
    Field {
        /// The row, counted from zero.
        row: usize,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The field's text, at most forty characters of it.
        found: String,
        /// The values that are accepted.
        expected: &'static str,
    },
    /// There is more than is accepted.
    #[error("holds more than {max} numbers, the most that is accepted; keep fewer rows")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The header is wider than any model's rows.
    #[error("names {found} columns, and at most {MAX_COLUMNS} are accepted; leave out those that are no features")]
    Wide {
        /// How many there are.
        found: usize,
    },
    /// A bound was reached.
    #[error("is refused: {0}")]
    Limit(#[from] Exceeded),
    /// There is nothing to compare.
    #[error("holds no rows")]
    Empty,
}

impl From<csv::Error> for RowsError {
    fn from(error: csv::Error) -> Self {
        match error.kind() {
            csv::ErrorKind::Utf8 { pos, .. } => Self::NotUtf8 { line: pos.as_ref().map_or(1, csv::Position::line) },
            _ => Self::Read(error.into()),
        }
    }
}

impl<R: Read> RowReader<R> {
    /// Reads the header of a table whose fields are separated by commas.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(source: R, limits: &Limits) -> Result<Self, RowsError> {
        Self::separated(source, b',', limits)
    }

    /// Reads the header of a table whose fields are separated by another character.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn separated(source: R, separator: u8, limits: &Limits) -> Result<Self, RowsError> {
        // The positions of a line's fields are kept while it is read: without this bound, they would take many times
        // the size of a file that holds only separators.
        let fields = limits.elements.saturating_add(MAX_COLUMNS);
        let (left, max) = (limits.file_bytes, limits.file_bytes);
        let metered = Metered { source, left, max, separator, fields_left: fields, fields };
        let mut csv = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(separator)
            .comment(Some(b'#'))
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(metered);
        let header = csv.headers().map_err(RowsError::from)?;
        if header.len() > MAX_COLUMNS {
            return Err(RowsError::Wide { found: header.len() });
        }
        // A spreadsheet may begin its file with a byte order mark.
        let whole: Vec<_> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
        let header: Vec<_> = whole.iter().map(|name| name.trim().to_owned()).collect();
        // A name may begin with a blank. Names without their blanks go first, so that a column's whole name overrides
        // them.
        let trimmed = header.iter().map(String::as_str).enumerate().rev();
        let places = trimmed.chain(whole.into_iter().enumerate().rev());
        let places = places.map(|(place, name)| (name.to_owned(), place)).collect();
        Ok(Self { csv, header, places, max_numbers: limits.elements, operations: Operations::new(limits) })
    }

    /// The names of all columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Whether there is a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.find(column).is_some()
    }

    /// The column of this name, letter for letter, or else without the blanks around it: a model keeps the blanks of
    /// its columns' names, and a table may have blanks behind its commas.
    fn find(&self, column: &str) -> Option<usize> {
        self.places.get(column).or_else(|| self.places.get(column.trim())).copied()
    }

    /// The names of the columns that hold a model's features: the model's own names, else `x0`, `x1` and so on.
    ///
    /// # Errors
    /// When neither gives names, or their number is not that of the model's features.
    pub fn features(&self, width: usize, own: Option<&[String]>) -> Result<Vec<String>, RowsError> {
        if let Some(own) = own
            && own.len() == width
            && own.iter().all(|name| self.has(name))
        {
            return Ok(own.to_vec());
        }
        let numbered: Vec<_> = (0..).map(|number| format!("x{number}")).take_while(|name| self.has(name)).collect();
        match (numbered.is_empty(), own) {
            (true, Some(own)) if own.len() == width => {
                let missing = own.iter().find(|name| !self.has(name)).cloned().unwrap_or_default();
                Err(self.no_column(&missing))
            }
            (true, _) => Err(self.no_column("x0")),
            (false, _) => of_width(numbered, width),
        }
    }

    /// Reads all rows.
    ///
    /// # Errors
    /// When a column is missing, a field is not a number, there are too many rows or none. The error names line and
    /// column.
    pub fn read(mut self, columns: &Columns<'_>) -> Result<AnsweredRows, RowsError> {
        let features = columns.features.iter().map(|name| self.place(name)).collect::<Result<Vec<_>, _>>()?;
        let decision = columns.decision.map(|name| self.place(name)).transpose()?;
        let label =
            columns.label.map(|label| Ok::<_, RowsError>((self.place(label.name)?, label.normal))).transpose()?;
        let (mut values, mut lines, mut decisions, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut record = StringRecord::new();
        while self.csv.read_record(&mut record).map_err(RowsError::from)? {
            self.operations.spend(LINE)?;
            if record.len() == 1 && record.iter().all(|field| field.trim().is_empty()) {
                continue;
            }
            let line = Line { record: &record, row: lines.len(), header: &self.header, operations: &self.operations };
            for place in &features {
                values.push(line.feature(*place)?);
            }
            decision.map(|place| line.decision(place).map(|decision| decisions.push(decision))).transpose()?;
            label.map(|(place, normal)| line.label(place, normal).map(|label| labels.push(label))).transpose()?;
            lines.push(line.number());
            if values.len() > self.max_numbers || lines.len() > self.max_numbers {
                return Err(RowsError::TooMany { max: self.max_numbers });
            }
        }
        if lines.is_empty() {
            return Err(RowsError::Empty);
        }
        let values = Array2::from_shape_vec((lines.len(), features.len()), values)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let (decisions, labels) = (decision.map(|_| decisions), label.map(|_| labels));
        Ok(AnsweredRows { values, lines, decisions, labels })
    }

    fn place(&self, column: &str) -> Result<usize, RowsError> {
        self.find(column).ok_or_else(|| self.no_column(column))
    }

    fn no_column(&self, column: &str) -> RowsError {
        let found = self.header.iter().take(32).map(String::as_str).collect::<Vec<_>>().join(", ");
        RowsError::NoColumn { column: column.to_owned(), found: Printable(found).to_string() }
    }
}

/// Checks that there are as many columns as the model takes.
///
/// # Errors
/// When there are not; the error has both numbers.
pub fn of_width(columns: Vec<String>, width: usize) -> Result<Vec<String>, RowsError> {
    if columns.len() == width {
        return Ok(columns);
    }
    let shown = match &columns[..] {
        [first, .., last] if columns.len() > 8 => format!("{first} to {last}"),
        few => few.join(", "),
    };
    Err(RowsError::Width { found: columns.len(), columns: Printable(shown).to_string(), expected: width })
}

/// The operations that a line takes, whatever it holds.
const LINE: usize = 30;

/// The accepted values of a decision.
const FINITE: &str = "a finite number";

/// One line, with the number of its row and the names of its columns.
struct Line<'a> {
    record: &'a StringRecord,
    row: usize,
    header: &'a [String],
    operations: &'a Operations,
}

impl Line<'_> {
    fn number(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn column(&self, place: usize) -> String {
        self.header.get(place).cloned().unwrap_or_default()
    }

    fn field(&self, place: usize) -> Result<&str, RowsError> {
        let short = || RowsError::Short { line: self.number(), column: self.column(place) };
        self.record.get(place).map(str::trim).ok_or_else(short)
    }

    fn wrong(&self, place: usize, expected: &'static str) -> RowsError {
        let found = self.record.get(place).unwrap_or_default().chars().take(40).collect();
        RowsError::Field { row: self.row, line: self.number(), column: self.column(place), found, expected }
    }

    fn parsed(&self, place: usize, text: &str, expected: &'static str) -> Result<f64, RowsError> {
        let expected = if text.len() > decimal::LONGEST { "a number of 100 characters at most" } else { expected };
        decimal::parse(text, self.operations)?.ok_or_else(|| self.wrong(place, expected))
    }

    fn feature(&self, place: usize) -> Result<f64, RowsError> {
        match self.field(place)? {
            "" => Ok(f64::NAN),
            text => self.parsed(place, text, "a number"),
        }
    }

    fn decision(&self, place: usize) -> Result<f64, RowsError> {
        let number = self.parsed(place, self.field(place)?, FINITE)?;
        if number.is_finite() { Ok(number) } else { Err(self.wrong(place, FINITE)) }
    }

    fn label(&self, place: usize, normal: &str) -> Result<Label, RowsError> {
        match self.field(place)? {
            "" => Err(self.wrong(place, "a label")),
            text => Ok(if is_same(text, normal) { Label::Normal } else { Label::Anomaly }),
        }
    }
}

/// Whether two labels are the same, as texts or as whole numbers: pandas writes `1.0` in a column with gaps.
fn is_same(a: &str, b: &str) -> bool {
    let whole = |text: &str| text.strip_suffix(".0").unwrap_or(text).parse::<i64>().ok();
    a == b || whole(a).is_some_and(|a| whole(b) == Some(a))
}

/// A source that ends in an error when it is too long.
#[derive(Debug)]
struct Metered<R> {
    source: R,
    left: usize,
    max: usize,
    separator: u8,
    fields_left: usize,
    fields: usize,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.left = self.left.checked_sub(read).ok_or_else(|| {
            let max = self.max;
            io::Error::other(format!("it has more than {max} bytes, the most that is accepted; keep fewer rows"))
        })?;
        let separators = buffer[..read].iter().filter(|byte| **byte == self.separator).count();
        self.fields_left = self.fields_left.checked_sub(separators).ok_or_else(|| {
            let max = self.fields;
            io::Error::other(format!("it has more than {max} fields, the most that is accepted; keep fewer rows"))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> RowReader<&[u8]> {
        RowReader::new(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn read(text: &str, features: &[&str]) -> Result<AnsweredRows, RowsError> {
        let label = Some(LabelColumn { name: "label", normal: "1" });
        reader(text).read(&Columns { features: &names(features), decision: Some("decision"), label })
    }

    #[test]
    fn a_file_that_is_no_text_is_named_as_such() {
        for bytes in [&b"\xff\xfea\0,\0b\0\n\0"[..], b"a,b\n1,\xfc\n"] {
            let columns = Columns { features: &["b".to_owned()], decision: None, label: None };
            let rows = RowReader::new(bytes, &Limits::default()).and_then(|rows| rows.read(&columns));
            assert!(matches!(rows, Err(RowsError::NotUtf8 { .. })), "{rows:?}");
        }
    }

    #[test]
    fn rows_come_with_their_lines_and_their_answers_whatever_the_order_of_the_columns() {
        let text = "\u{feff}label,b, a ,decision\r\n1,2,1,0.5\r\n\r\n-1,,nan,-0.25\r\n1.0,4,3,0\r\n";
        let rows = read(text, &["a", "b"]).unwrap();
        assert_eq!(rows.lines, [2, 4, 5]);
        assert_eq!((rows.values[[0, 0]], rows.values[[0, 1]], rows.values[[2, 0]]), (1.0, 2.0, 3.0));
        assert!(rows.values.row(1).iter().all(|x| x.is_nan()));
        assert_eq!(rows.decisions, Some(vec![0.5, -0.25, 0.0]));
        assert_eq!(rows.labels, Some(vec![Label::Normal, Label::Anomaly, Label::Normal]));
    }

    #[test]
    fn blanks_around_a_name_hide_no_column_and_tell_two_apart() {
        let first = |header: &str, feature: &str| {
            let text = format!("{header},decision,label\n1,2,0,1\n");
            read(&text, &[feature]).map(|rows| rows.values[[0, 0]]).map_err(|error| error.to_string())
        };
        for feature in [" a", "a ", "a"] {
            for header in ["a,b", " a,b", "a , b"] {
                assert_eq!(first(header, feature), Ok(1.0), "{feature:?} of {header:?}");
            }
        }
        assert_eq!([first("a, a", " a"), first("a, a", "a")], [Ok(2.0), Ok(1.0)]);
        assert_eq!([first(" a,a", " a"), first(" a,a", "a")], [Ok(1.0), Ok(2.0)]);
        assert!(first("a,b", "c").unwrap_err().contains("no column \"c\""));
    }

    #[test]
    fn an_error_names_the_line_and_the_column() {
        let says = |text: &str| read(text, &["x0"]).unwrap_err().to_string();
        assert_eq!(says("x0,label,decision\n1,1,1\ntwo,1,1\n"), "line 3, column \"x0\": \"two\" is not a number");
        assert_eq!(says("x0,label,decision\n1,1,inf\n"), "line 2, column \"decision\": \"inf\" is not a finite number");
        assert_eq!(says("x0,label,decision\n1,,1\n"), "line 2, column \"label\": \"\" is not a label");
        assert_eq!(says("x0,label,decision\n1,1\n"), "line 2 ends before the column \"decision\"");
        assert_eq!(says("x0,label\n1,1\n"), "has no column \"decision\"; its header names x0, label");
        assert_eq!(says("x0,label,decision\n"), "holds no rows");
    }

    #[test]
    fn what_is_not_utf_8_is_refused_with_what_to_do() {
        let utf16: Vec<_> = "\u{feff}x0,label,decision\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = RowReader::new(&utf16[..], &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with("line 1 is not UTF-8; save the file as UTF-8"), "{error}");
        let columns = names(&["x0"]);
        let columns = Columns { features: &columns, decision: None, label: None };
        let reader = RowReader::new(&b"x0,note\n1,a\n2,\xe4\n"[..], &Limits::default()).unwrap();
        assert!(reader.read(&columns).unwrap_err().to_string().starts_with("line 3 is not UTF-8"));
    }

    #[test]
    fn the_features_are_the_columns_that_the_model_names_or_numbered_ones() {
        let of = |header: &str, width, own: Option<&[&str]>| {
            let own = own.map(names);
            reader(header).features(width, own.as_deref()).map_err(|error| error.to_string())
        };
        assert_eq!(of("x1,x0,decision", 2, None), Ok(names(&["x0", "x1"])));
        assert_eq!(of("temp,flow", 2, Some(&["flow", "temp"])), Ok(names(&["flow", "temp"])));
        assert_eq!(of("x0,x1", 2, Some(&["flow", "temp"])), Ok(names(&["x0", "x1"])));
        let width = of("x0,x1,x2", 2, None).unwrap_err();
        assert_eq!(width, "gives rows of 3 features (x0, x1, x2), and the model takes 2");
        assert!(of("temp", 2, Some(&["flow", "temp"])).unwrap_err().contains("no column \"flow\""));
        assert!(of("temp", 1, None).unwrap_err().contains("no column \"x0\""));
    }

    #[test]
    fn what_is_too_large_is_refused_with_the_name_of_the_setting() {
        let limits = Limits { elements: 3, ..Limits::default() };
        let columns = names(&["x0", "x1"]);
        let columns = Columns { features: &columns, decision: None, label: None };
        let error = RowReader::new(&b"x0,x1\n1,2\n3,4\n"[..], &limits).unwrap().read(&columns).unwrap_err();
        assert!(matches!(error, RowsError::TooMany { max: 3 }), "{error}");
        let limits = Limits { file_bytes: 8, ..Limits::default() };
        let error = RowReader::new(&b"x0,x1\n1,2\n3,4\n"[..], &limits).unwrap_err();
        assert!(error.to_string().contains("more than 8 bytes"), "{error}");
    }
}
