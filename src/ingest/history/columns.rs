//! Which columns of a history hold time, device, sensor and value.

use std::fmt;
use std::str::FromStr;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The time, or the time of the day where there is a column of days too.
    Time,
    /// The day.
    Date,
    /// The device.
    Device,
    /// The sensor on the device.
    Sensor,
    /// The value.
    Value,
}

impl Role {
    const ALL: [Self; 5] = [Self::Time, Self::Date, Self::Device, Self::Sensor, Self::Value];

    /// The word that stands for the role.
    pub fn word(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Date => "date",
            Self::Device => "device",
            Self::Sensor => "sensor",
            Self::Value => "value",
        }
    }

    /// The names by which a column is recognised without an option, the best first. Case does not matter.
    pub(super) fn usual_names(self) -> &'static [&'static str] {
        match self {
            Self::Time => &["TS", "timestamp", "datetime", "time"],
            Self::Date => &["date"],
            Self::Device => &["device"],
            Self::Sensor => &["tag", "sensor"],
            Self::Value => &["value"],
        }
    }

    /// Whether a column of this name is recognised without an option.
    pub(super) fn is_usual(self, name: &str) -> bool {
        self.usual_names().iter().any(|usual| usual.eq_ignore_ascii_case(name))
    }
}

/// The names of a history's columns, where these are not the usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The time.
    pub time: Option<String>,
    /// The day, where the time of the day has a column of its own.
    pub date: Option<String>,
    /// The device.
    pub device: Option<String>,
    /// The sensor on the device.
    pub sensor: Option<String>,
    /// The value.
    pub value: Option<String>,
}

impl Columns {
    /// The name given to a column.
    pub(super) fn of(&self, role: Role) -> Option<&str> {
        match role {
            Role::Time => self.time.as_deref(),
            Role::Date => self.date.as_deref(),
            Role::Device => self.device.as_deref(),
            Role::Sensor => self.sensor.as_deref(),
            Role::Value => self.value.as_deref(),
        }
    }
}

/// Why a text does not name columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' does not name a column; write time=NAME, date=NAME, device=NAME, sensor=NAME or value=NAME, separated by \
     commas"
)]
pub struct ColumnsError(String);

impl FromStr for Columns {
    type Err = ColumnsError;

    fn from_str(text: &str) -> Result<Self, ColumnsError> {
        let mut columns = Self::default();
        for part in text.split(',') {
            let refused = || ColumnsError(part.to_owned());
            let (word, name) = part.split_once('=').ok_or_else(refused)?;
            let column = match Role::ALL.into_iter().find(|role| role.word() == word.trim()).ok_or_else(refused)? {
                Role::Time => &mut columns.time,
                Role::Date => &mut columns.date,
                Role::Device => &mut columns.device,
                Role::Sensor => &mut columns.sensor,
                Role::Value => &mut columns.value,
            };
            *column = Some(name.trim().to_owned());
        }
        Ok(columns)
    }
}

/// A column of a wide table that is a sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SensorColumn {
    text: String,
}

impl SensorColumn {
    /// The column's name as the header has it, and the sensor's name; `None` when the header has no such column.
    ///
    /// `COLUMN` is both names; `SENSOR=COLUMN` gives the sensor a name of its own.
    pub(super) fn find(&self, has: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
        let renamed = || self.text.split_once('=').map(|(sensor, column)| (column.trim(), sensor.trim()));
        if has(&self.text) { Some((&self.text, &self.text)) } else { renamed().filter(|(column, _)| has(column)) }
    }

    /// The text as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The columns of a wide table that are sensors; other columns are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorColumns(pub(super) Vec<SensorColumn>);

/// Why a text is no list of columns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no list of columns; write COLUMN or SENSOR=COLUMN, separated by commas, one with a comma in double quotes"
)]
pub struct SensorColumnsError(String);

impl FromStr for SensorColumns {
    type Err = SensorColumnsError;

    fn from_str(text: &str) -> Result<Self, SensorColumnsError> {
        let refused = || SensorColumnsError(text.to_owned());
        let mut list = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
        let list = list.records().next().ok_or_else(refused)?.map_err(|_| refused())?;
        let columns: Vec<_> = list.iter().map(|text| SensorColumn { text: text.to_owned() }).collect();
        if columns.iter().any(|column| column.text.is_empty()) { Err(refused()) } else { Ok(Self(columns)) }
    }
}

impl fmt::Display for SensorColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_their_roles() {
        let columns: Columns = "time = When ,value=v".parse().unwrap();
        assert_eq!(columns, Columns { time: Some("When".into()), value: Some("v".into()), ..Columns::default() });
        for text in ["TS", "times=a", ""] {
            let error = text.parse::<Columns>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{text}'")) && error.contains("time=NAME"), "{error}");
        }
    }

    #[test]
    fn a_sensors_column_may_have_another_name_and_hold_commas_and_equal_signs() {
        let columns: SensorColumns = r#"vibration=Vib [mm/s],"a,b",x=y"#.parse().unwrap();
        let header = ["Vib [mm/s]", "a,b", "x=y"];
        let found: Vec<_> = columns.0.iter().map(|column| column.find(|name| header.contains(&name))).collect();
        assert_eq!(found, [Some(("Vib [mm/s]", "vibration")), Some(("a,b", "a,b")), Some(("x=y", "x=y"))]);
        assert!("a,,b".parse::<SensorColumns>().is_err() && "".parse::<SensorColumns>().is_err());
    }
}
