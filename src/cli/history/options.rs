//! The options that say how a history is read: the same words for every command.

use crate::ingest::history::{
    AnyTime, Columns, Decimal, HistorySettings, Pattern, SensorColumns, Separator, TimeError, TimeSettings, Written,
    Zone,
};
use crate::ingest::route::TimeUnit;
use crate::sensor::{SensorName, SensorNameError};

/// How a history is read.
///
/// What the files tell by themselves need not be said.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "How the history is read")]
pub struct HistoryOptions {
    /// The columns of the time, the date, the device, the sensor and the value, by their names in the header, as in
    /// time=When,value=Reading. A column not named here is known by its usual name: TS, timestamp, datetime or time; date,
    /// if the day stands apart; device; tag or sensor; value
    #[arg(long, value_name = "ROLE=NAME,...")]
    pub columns: Option<Columns>,
    /// The device of all rows, if no column names it. Else names such as press-1/vibration hold it
    #[arg(long, value_name = "NAME", value_parser = parse_part)]
    pub device: Option<String>,
    /// The sensor of all rows, if the file is of one sensor and no column names it
    #[arg(long, value_name = "NAME", value_parser = parse_part, conflicts_with = "sensors")]
    pub sensor: Option<String>,
    /// Of a table with a column a sensor: the columns to read, others are left out. NAME=COLUMN gives the sensor another
    /// name. All columns, if left out
    #[arg(long, value_name = "COLUMN,...")]
    pub sensors: Option<SensorColumns>,
    /// What stands between fields: ',', ';', '|' or tab. Found from the header, if left out
    #[arg(long, value_name = "CHARACTER")]
    pub separator: Option<Separator>,
    /// The decimal mark: '.' or ','. Found from the first number with a fraction, if left out; always '.' where commas
    /// stand between fields
    #[arg(long, value_name = "CHARACTER")]
    pub decimal: Option<Decimal>,
    /// How many lines stand before the header, beside empty ones and those that begin with '#'
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub skip_lines: u64,
    /// The zone of times that name none: a place such as Europe/Berlin, or a distance from UTC such as +02:00. An hour
    /// that clocks skip is refused; an hour that comes twice is the first, until times go back by half an hour or more
    #[arg(long, value_name = "ZONE", default_value = "UTC", allow_hyphen_values = true)]
    pub zone: Zone,
    /// What times count that are numbers, since 1970: s, ms, us or ns. Told by their size, if left out
    #[arg(long, value_name = "UNIT", value_parser = parse_unit, conflicts_with = "time_format")]
    pub time_unit: Option<TimeUnit>,
    /// How times are written, as strftime has it, such as '%d.%m.%Y %H:%M:%S'. As 2018-08-28T23:00:05Z or 2018-08-28
    /// 23:00:05, or as numbers, if left out
    #[arg(long, value_name = "PATTERN")]
    pub time_format: Option<Pattern>,
    /// Leave out readings before this time, such as 2018-08-28T23:00:00Z, or 2018-08-28 in --zone
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub from: Option<AnyTime>,
    /// Leave out readings at and after this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<AnyTime>,
}

impl HistoryOptions {
    /// The options as settings for the reader of histories.
    pub(super) fn settings(&self) -> HistorySettings {
        let written = match (&self.time_format, self.time_unit) {
            (Some(pattern), _) => Written::Pattern(pattern.clone()),
            (None, Some(unit)) => Written::Number(unit),
            (None, None) => Written::Usual,
        };
        HistorySettings {
            columns: self.columns.clone().unwrap_or_default(),
            device: self.device.clone(),
            sensor: self.sensor.clone(),
            sensors: self.sensors.clone(),
            separator: self.separator,
            decimal: self.decimal,
            skip_lines: self.skip_lines,
            times: TimeSettings { zone: self.zone, written },
        }
    }
}

/// Reads the name of a device or of a sensor.
fn parse_part(text: &str) -> Result<String, SensorNameError> {
    SensorName::new("device", text)?;
    Ok(text.to_owned())
}

#[derive(Debug, thiserror::Error)]
#[error("not a unit; write s, ms, us or ns")]
struct UnitError;

fn parse_unit(text: &str) -> Result<TimeUnit, UnitError> {
    match text {
        "s" => Ok(TimeUnit::Seconds),
        "ms" => Ok(TimeUnit::Milliseconds),
        "us" => Ok(TimeUnit::Microseconds),
        "ns" => Ok(TimeUnit::Nanoseconds),
        _ => Err(UnitError),
    }
}

/// Reads a time in one of the usual forms.
pub(in crate::cli) fn parse_time(text: &str) -> Result<AnyTime, TimeError> {
    AnyTime::parse(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::history::Histories;
    use crate::time::Timestamp;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        history: HistoryOptions,
    }

    fn parse(arguments: &[&str]) -> Result<HistoryOptions, String> {
        let cli = Cli::try_parse_from([&["x"], arguments].concat());
        cli.map(|cli| cli.history).map_err(|error| error.to_string())
    }

    #[test]
    fn without_options_whatever_can_be_found_is_found() {
        assert_eq!(parse(&[]).unwrap().settings(), HistorySettings::default());
    }

    #[test]
    fn options_say_how_a_history_is_read() {
        let options = parse(&[
            "--columns",
            "time=When",
            "--device",
            "press-1",
            "--sensors",
            "a,b=B",
            "--separator",
            "tab",
            "--decimal",
            ",",
            "--skip-lines",
            "3",
            "--zone",
            "-05:00",
            "--time-unit",
            "ms",
        ]);
        let settings = options.unwrap().settings();
        let expected = HistorySettings {
            columns: "time=When".parse().unwrap(),
            device: Some("press-1".into()),
            sensor: None,
            sensors: Some("a,b=B".parse().unwrap()),
            separator: Some(Separator::Tab),
            decimal: Some(Decimal::Comma),
            skip_lines: 3,
            times: TimeSettings { zone: "-05:00".parse().unwrap(), written: Written::Number(TimeUnit::Milliseconds) },
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_mistake_is_told_with_what_is_accepted() {
        for (arguments, says) in [
            (&["--columns", "TS"][..], "write time=NAME"),
            (&["--device", "a+b"], "holds '+'"),
            (&["--sensor", "a", "--sensors", "b"], "cannot be used with"),
            (&["--separator", ":"], "write ',', ';', '|' or tab"),
            (&["--decimal", ";"], "write '.' or ','"),
            (&["--zone", "Berlin"], "such as Europe/Berlin"),
            (&["--time-unit", "min"], "write s, ms, us or ns"),
            (&["--time-format", "%H:%M"], "whole time"),
            (&["--time-format", "%d.%m.%Y", "--time-unit", "s"], "cannot be used with"),
            (&["--from", "noon"], "\"noon\" is not a time"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(says), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn from_and_until_are_times_of_the_zone() {
        let open = |from: &str| Histories::open(&[], &parse(&["--zone", "Europe/Berlin", "--from", from]).unwrap());
        assert_eq!(open("2018-07-01").unwrap().from, Timestamp::parse("2018-06-30T22:00:00Z"));
        assert_eq!(open("2018-07-01T00:00:00Z").unwrap().from, Timestamp::parse("2018-07-01T00:00:00Z"));
        let error = open("2018-03-25 02:30").unwrap_err().to_string();
        assert!(error.starts_with("--from: \"2018-03-25 02:30:00\" does not exist in Europe/Berlin"), "{error}");
    }
}
