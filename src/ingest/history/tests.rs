use std::io::Write;

use chrono::TimeZone;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::ingest::route::TimeUnit;

const HEADER: &str = "TS,Device,Tag,Value\r\n";

fn open(text: &[u8], settings: &HistorySettings) -> Result<History, HistoryError> {
    History::new("h.csv", Source::new(Cursor::new(text.to_vec())).unwrap(), settings)
}

fn read(text: &[u8]) -> Vec<Result<NamedReading, HistoryError>> {
    open(text, &HistorySettings::default()).unwrap().collect()
}

/// Readings as `LINE device/sensor TIME VALUE`, and errors in their words.
fn lines(text: &str, settings: &HistorySettings) -> Vec<String> {
    let line = |reading: Result<NamedReading, HistoryError>| match reading {
        Ok(NamedReading { line, sensor, time, value }) => {
            format!("{line} {sensor} {} {value}", time.format("%H:%M:%S"))
        }
        Err(error) => error.to_string(),
    };
    match open(text.as_bytes(), settings) {
        Ok(history) => history.map(line).collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn on_press() -> HistorySettings {
    HistorySettings { device: Some("press".into()), ..HistorySettings::default() }
}

fn sensors(list: &str) -> Option<SensorColumns> {
    Some(list.parse().unwrap())
}

#[test]
fn a_row_is_a_reading_with_its_line() {
    let text =
        format!("{HEADER}2018-08-28 23:00:05.000,1,4,84.53\r\n\r\n2018-08-28T23:00:05Z,\"line 1/press\", 5 ,-1e3");
    let rows: Vec<_> = read(text.as_bytes()).into_iter().map(Result::unwrap).collect();
    let time = Timestamp::parse("2018-08-28T23:00:05Z").unwrap();
    let sensor = |device, sensor| SensorName::new(device, sensor).unwrap();
    assert_eq!(rows[0], NamedReading { line: 2, sensor: sensor("1", "4"), time, value: 84.53 });
    assert_eq!(rows[1], NamedReading { line: 4, sensor: sensor("line 1/press", "5"), time, value: -1000.0 });
    assert_eq!(rows.len(), 2);
}

#[test]
fn columns_are_found_by_name_wherever_they_stand() {
    let columns = "time=when,device=who,sensor=what,value=v".parse().unwrap();
    let settings = HistorySettings { columns, ..HistorySettings::default() };
    let text = "\u{feff}v,x,who,when,what\n1.5,,press,2018-08-28T23:00:05Z,temp\n";
    assert_eq!(lines(text, &settings), ["2 press/temp 23:00:05 1.5"]);
    let found =
        lines("\u{feff}value;Timestamp;DEVICE;sensor\n1,5;1535497205;press;temp\n", &HistorySettings::default());
    assert_eq!(found, ["2 press/temp 23:00:05 1.5"]);
    let error = &lines(HEADER, &settings)[0];
    assert_eq!(error, "h.csv has no column \"when\"; its header names TS, Device, Tag, Value");
}

#[test]
fn a_header_that_does_not_say_what_is_needed_is_refused_with_what_would() {
    let with = |list: &str| HistorySettings { sensors: sensors(list), ..on_press() };
    let plain = HistorySettings::default();
    for (text, settings, says) in [
        ("", &plain, "h.csv is empty"),
        ("\n# nothing\n", &plain, "h.csv is empty"),
        ("Zeit,Wert\x1b[31m\n", &plain, "no column of the time, such as \"TS\"; its header names Zeit, Wert·[31m; say"),
        (
            "TS,Device,Tag,Val\n",
            &plain,
            "no column of the value, such as \"value\"; its header names TS, Device, Tag, Val",
        ),
        ("TS,Value\n", &on_press(), "no column of the sensor, such as \"tag\""),
        ("TS,Value\n", &on_press(), "--sensor NAME"),
        ("TS,TS,Device,Tag,Value\n", &plain, "two columns \"TS\""),
        ("TS,temp\n", &plain, "does not say whose \"temp\" is: give the device with --device NAME"),
        ("TS,Pump #1\n", &on_press(), "column \"Pump #1\" that cannot be a sensor: the sensor name holds '#'"),
        ("TS,temp,temp\n", &on_press(), "two columns of the sensor press/temp"),
        ("TS\n", &on_press(), "no column that could be a sensor"),
        ("TS,temp\n", &with("temp,flow"), "no column \"flow\"; its header names TS, temp"),
    ] {
        let found = lines(text, settings);
        assert!(found.len() == 1 && found[0].contains(says), "{text:?}: {found:?}");
    }
    let error = open(b"TS,Temp \xb0C\n", &plain).unwrap_err().to_string();
    assert!(error.contains("not UTF-8 text; convert it, with: iconv"), "{error}");
}

#[test]
fn a_bad_row_is_refused_with_its_line_and_reason_and_the_next_is_read() {
    let mut text = HEADER.as_bytes().to_vec();
    for row in [
        "soon,1,1,1",
        "2018-08-28 23:00:05,1,1,NaN",
        "2018-08-28 23:00:05,1",
        "2018-08-28 23:00:05,,1,1",
        "2018-08-28 23:00:05,1,1,84,53",
        "2018-08-28 23:00:05,1,1,\"84,53\"",
    ] {
        text.extend_from_slice(row.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"\xff,1,1,1\n2018-08-28 23:00:05,1,1,1,, \n");
    let rows = read(&text);
    let errors: Vec<String> = rows[..7].iter().map(|row| row.as_ref().unwrap_err().to_string()).collect();
    assert!(errors[0].starts_with("h.csv:2: \"soon\" is not a time"), "{}", errors[0]);
    assert_eq!(errors[1], "h.csv:3: \"NaN\" is not a finite number");
    assert_eq!(errors[2], "h.csv:4: the row ends before the column \"Tag\"");
    assert_eq!(errors[3], "h.csv:5: the device name is empty");
    assert_eq!(errors[4], "h.csv:6: the row has 5 fields, and the header 4; is there a separator within a value?");
    assert!(errors[5].starts_with("h.csv:7: \"84,53\" has a comma"), "{}", errors[5]);
    assert_eq!(errors[6], "h.csv:8: the row is not UTF-8 text");
    assert!(rows[..7].iter().all(|row| row.as_ref().unwrap_err().is_of_row()));
    assert_eq!(rows[7].as_ref().unwrap().line, 9);
}

#[test]
fn a_wide_table_has_a_column_a_sensor_and_its_gaps_are_counted() {
    let text = "time;temp;vib;\n\n2018-08-28 23:00:05;1,5;NaN;\n2018-08-28 23:00:06; - ;x\n\
                soon;1;2\n2018-08-28 23:00:07;3\n2018-08-28 23:00:08;4;\"5\"\n";
    let mut history = open(text.as_bytes(), &on_press()).unwrap();
    let found: Vec<_> = history.by_ref().collect();
    let bad: Vec<_> = found.iter().filter_map(|reading| reading.as_ref().err()).map(ToString::to_string).collect();
    assert_eq!(bad[0], "h.csv:4: column \"vib\": \"x\" is not a finite number");
    assert!(bad[1].starts_with("h.csv:5: \"soon\" is not a time"));
    assert_eq!(bad[2], "h.csv:6: the row ends before the column \"vib\"");
    assert_eq!((bad.len(), found.len(), history.missing()), (3, 7, 2));
    assert_eq!(lines(text, &on_press())[0], "2 press/temp 23:00:05 1.5");
    assert_eq!(
        history.form().to_string(),
        "a column a sensor, 2 of them, ';' between fields; ',' as decimal mark, because of \"1,5\" on line 2 (--decimal)"
    );
}

#[test]
fn the_device_of_a_wide_table_is_given_or_in_a_column_or_in_the_headers_names() {
    let given = lines("TS,a/b\n2018-08-28 23:00:05,1\n", &on_press());
    assert_eq!(given, ["2 press/a/b 23:00:05 1"]);
    let in_column =
        lines("TS,device,a\n2018-08-28 23:00:05,p,1\n2018-08-28 23:00:05,q,2\n", &HistorySettings::default());
    assert_eq!(in_column, ["2 p/a 23:00:05 1", "3 q/a 23:00:05 2"]);
    let in_names = lines("TS,press-1/vib,hall.pump.flow\n2018-08-28 23:00:05,1,2\n", &HistorySettings::default());
    assert_eq!(in_names, ["2 press-1/vib 23:00:05 1", "2 hall.pump/flow 23:00:05 2"]);
    let nameless = lines("TS,device,a\n2018-08-28 23:00:05,,1\n", &HistorySettings::default());
    assert_eq!(nameless, ["h.csv:2: the device name is empty"]);
}

#[test]
fn columns_of_a_wide_table_are_chosen_and_renamed_and_the_others_are_told() {
    let settings =
        HistorySettings { sensors: sensors("flow,vibration=Vib [mm/s],oven/temp=T"), ..HistorySettings::default() };
    let text = "TS,Device,Vib [mm/s],x,flow,T,y\n2018-08-28 23:00:05,press,1,2,3,4,5\n";
    let mut history = open(text.as_bytes(), &settings).unwrap();
    let found: Vec<_> = history.by_ref().map(|reading| reading.unwrap().sensor.to_string()).collect();
    assert_eq!(found, ["press/flow", "press/vibration", "press/oven/temp"]);
    let form = history.form().to_string();
    assert_eq!(form, "a column a sensor, 3 of them, ',' between fields; left out: x, y");
}

#[test]
fn a_long_table_may_leave_out_the_device_the_sensor_or_both() {
    let of = |device: Option<&str>, sensor: Option<&str>, text: &str| {
        let [device, sensor] = [device, sensor].map(|name| name.map(str::to_owned));
        lines(text, &HistorySettings { device, sensor, ..HistorySettings::default() })
    };
    let row = "2018-08-28 23:00:05";
    assert_eq!(of(Some("p"), Some("a"), &format!("timestamp,value\n{row},1\n")), ["2 p/a 23:00:05 1"]);
    assert_eq!(of(None, Some("p/a"), &format!("timestamp,value\n{row},1\n")), ["2 p/a 23:00:05 1"]);
    assert_eq!(of(Some("p"), None, &format!("timestamp,tag,value\n{row},a,1\n")), ["2 p/a 23:00:05 1"]);
    let in_name = of(None, None, &format!("timestamp,tag,value\n{row},p/a,1\n{row},a,1\n"));
    assert_eq!(in_name[0], "2 p/a 23:00:05 1");
    assert!(in_name[1].starts_with("h.csv:3: \"a\" names no device"), "{in_name:?}");
    assert!(of(None, Some("a"), "timestamp,value\n")[0].contains("does not say whose \"a\" is"));
}

#[test]
fn day_and_time_may_stand_apart() {
    let text = "Date,Time,Tag,Value\n2018-08-28,23:00:05,p/a,1\n";
    assert_eq!(lines(text, &HistorySettings::default()), ["2 p/a 23:00:05 1"]);
    let columns = "date=Day,time=Clock".parse().unwrap();
    let written = Written::Pattern("%d.%m.%Y %H:%M".parse().unwrap());
    let times = TimeSettings { written, ..TimeSettings::default() };
    let settings = HistorySettings { columns, times, ..on_press() };
    assert_eq!(lines("Day;Clock;a\n28.08.2018; 23:00 ;1\n", &settings), ["2 press/a 23:00:00 1"]);
    // A whole time needs no day, and a day alone is its beginning.
    let beside = lines("Date,TS,p/a\nx,2018-08-28 23:00:05,1\n", &HistorySettings::default());
    assert_eq!(beside, ["2 p/a 23:00:05 1"]);
    assert_eq!(lines("Date,a\n2018-08-28,1\n", &on_press()), ["2 press/a 00:00:00 1"]);
}

#[test]
fn lines_before_the_header_count_in_the_numbers_of_lines() {
    let settings = HistorySettings { skip_lines: 2, ..HistorySettings::default() };
    let text = format!("Plant 7\n\"x\n# made on Monday\n\nsep=,\n{HEADER}soon,1,1,1\n2018-08-28 23:00:05,1,1,2\n");
    let found = lines(&text, &settings);
    assert!(found[0].starts_with("h.csv:7: \"soon\""), "{found:?}");
    assert_eq!(found[1], "8 1/1 23:00:05 2");
    let mut history = open(text.as_bytes(), &settings).unwrap();
    history.by_ref().for_each(drop);
    assert!(history.form().to_string().ends_with("; 1 lines before the header left out, which begin with '#'"));
}

#[test]
fn hourly_rows_of_an_hour_that_comes_twice_are_two_hours() {
    let times = TimeSettings { zone: "Europe/Berlin".parse().unwrap(), ..TimeSettings::default() };
    let text = "TS,a\n2018-10-28 01:00,1\n2018-10-28 02:00,2\n2018-10-28 02:00,3\n2018-10-28 03:00,4\n";
    let settings = HistorySettings { times, ..on_press() };
    let hours: Vec<_> = lines(text, &settings).iter().map(|line| line[10..12].to_owned()).collect();
    assert_eq!(hours, ["23", "00", "01", "02"]);
}

#[test]
fn an_open_quote_ends_the_history_and_does_not_fill_the_memory() {
    let text = Cursor::new(format!("{HEADER}\"")).chain(io::repeat(b'x').take(8 << 20));
    let mut history = History::new("h.csv", Source::new(text).unwrap(), &HistorySettings::default()).unwrap();
    let error = history.next().unwrap().unwrap_err();
    assert!(!error.is_of_row() && error.to_string().contains("is a quote left open?"), "{error}");
    assert!(history.next().is_none());
    assert!(history.bytes_read() < 2 << 20);
}

#[test]
fn a_bomb_of_gzip_ends_at_its_first_row() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(HEADER.as_bytes()).unwrap();
    (0..64).for_each(|_| encoder.write_all(&vec![b'7'; 1 << 20]).unwrap());
    let packed = encoder.finish().unwrap();
    let mut history = open(&packed, &HistorySettings::default()).unwrap();
    assert!(history.next().unwrap().is_err_and(|error| !error.is_of_row()));
    assert!(history.next().is_none() && history.bytes_read() < packed.len() as u64);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = History::open(Path::new("no/such.csv"), &HistorySettings::default()).unwrap_err();
    assert!(error.to_string().starts_with("cannot read no/such.csv: "), "{error}");
}

#[test]
fn the_reference_history_is_read_whole() {
    let reference = std::env::var_os("ANOMALYD_REFERENCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"), std::path::PathBuf::from);
    let path = reference.join("sensor_data.csv");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let mut history = History::open(&path, &HistorySettings::default()).unwrap();
    let rows: Vec<_> = history.by_ref().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 17_768);
    let sensors: std::collections::HashSet<_> = rows.iter().map(|row| row.sensor.clone()).collect();
    assert_eq!(sensors.len(), 15);
    assert!(history.form().is_plain());
}

/// A way to write a table.
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
#[derive(Clone, Debug)]
struct Dialect {
    wide: bool,
    /// 0: in a column, 1: constant, 2: in the names.
    device: u8,
    separator: Separator,
    comma: bool,
    quoted: bool,
    blanks: bool,
    crlf: bool,
    /// How times are written: 0 RFC 3339, 1 to 4 numbers of s, ms, us, ns, 5 local, 6 by a pattern, 7 day and time
    /// apart.
    time: u8,
    named: bool,
    before: u8,
    /// 0: UTF-8, 1: with a mark, 2: UTF-16, little endian, 3: big endian.
    encoding: u8,
    gzip: bool,
    told: bool,
}

prop_compose! {
    fn dialect()(
        (wide, device, separator, comma) in (any::<bool>(), 0_u8..3, 0_usize..4, any::<bool>()),
        (quoted, blanks, crlf, time) in (any::<bool>(), any::<bool>(), any::<bool>(), 0_u8..8),
        (named, before, encoding, gzip, told) in (any::<bool>(), 0_u8..4, 0_u8..4, any::<bool>(), any::<bool>()),
    ) -> Dialect {
        let separator = [Separator::Comma, Separator::Semicolon, Separator::Tab, Separator::Pipe][separator];
        Dialect { wide, device, separator, comma, quoted, blanks, crlf, time, named, before, encoding, gzip, told }
    }
}

const ZONE: &str = "America/New_York";

impl Dialect {
    fn settings(&self) -> HistorySettings {
        let separator = (self.told || self.separator == Separator::Comma && self.comma).then_some(self.separator);
        let decimal = separator.map(|_| if self.comma { Decimal::Comma } else { Decimal::Point });
        let written = match self.time {
            unit @ 1..=4 if self.told => Written::Number(
                [TimeUnit::Seconds, TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds]
                    [usize::from(unit) - 1],
            ),
            6 => Written::Pattern("%d.%m.%Y %H:%M:%S%.f".parse().unwrap()),
            _ => Written::Usual,
        };
        let columns = match (self.named, self.wide) {
            (false, _) => String::new(),
            (true, true) => "time=When".to_owned(),
            (true, false) => "time=When,value=Reading,sensor=What".to_owned(),
        };
        HistorySettings {
            columns: if self.time == 7 || columns.is_empty() { Columns::default() } else { columns.parse().unwrap() },
            device: (self.device == 1).then(|| "press-1".to_owned()),
            separator,
            decimal,
            skip_lines: if self.before == 1 { 2 } else { 0 },
            times: TimeSettings { zone: ZONE.parse().unwrap(), written },
            ..HistorySettings::default()
        }
    }

    fn time(&self, nanos: i64) -> String {
        let utc = Timestamp::from_nanos(nanos).utc();
        let local = ZONE.parse::<chrono_tz::Tz>().unwrap().from_utc_datetime(&utc.naive_utc());
        match self.time {
            0 => utc.to_rfc3339(),
            1 => format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000),
            2 => format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000),
            3 => format!("{}.{:03}", nanos / 1_000, nanos % 1_000),
            4 => nanos.to_string(),
            5 => local.format("%Y-%m-%d %H:%M:%S%.f").to_string(),
            6 => local.format("%d.%m.%Y %H:%M:%S%.f").to_string(),
            _ => local.format("%Y-%m-%d|%H:%M:%S%.f").to_string(),
        }
    }

    fn row(&self, fields: &[String]) -> String {
        let separator = char::from(self.separator.byte()).to_string();
        let blank = if self.blanks && !self.quoted { " " } else { "" };
        let quote = |field: &String| {
            let needed = self.quoted || field.contains(&separator);
            if needed { format!("\"{field}\"") } else { format!("{blank}{field}{blank}") }
        };
        let fields: Vec<_> = fields.iter().map(quote).collect();
        fields.join(&separator) + if self.crlf { "\r\n" } else { "\n" }
    }

    /// Writes a table of rows: a time and the values of two sensors.
    fn write(&self, rows: &[(i64, [f64; 2])]) -> Vec<u8> {
        let times = |time: String| time.split('|').map(str::to_owned).collect::<Vec<_>>();
        let name = |usual: &str, own: &str| if self.named && self.time != 7 { own } else { usual }.to_owned();
        let device = |text: &str| (self.device == 0).then(|| text.to_owned());
        let sensors = ["vibration", "flow"].map(|sensor| match self.device {
            2 => format!("press-1/{sensor}"),
            _ => sensor.to_owned(),
        });
        let number = |value: f64| {
            // A fraction shows the decimal mark.
            let text = format!("{value:?}");
            if self.comma { text.replace('.', ",") } else { text }
        };
        let mut header = if self.time == 7 { times("Date|Time".into()) } else { vec![name("TS", "When")] };
        header.extend(device("Device"));
        let mut text = match self.before {
            1 => "Plant 7, hall 2\n\n".to_owned(),
            2 => "# by hand\n#\n\n".to_owned(),
            3 => format!("sep={}\n", char::from(self.separator.byte())),
            _ => String::new(),
        };
        if self.wide {
            header.extend(sensors);
            text += &self.row(&header);
            for (nanos, values) in rows {
                let mut row = times(self.time(*nanos));
                row.extend(device("press-1"));
                row.extend(values.map(number));
                text += &self.row(&row);
            }
        } else {
            header.extend([name("Tag", "What"), name("Value", "Reading")]);
            text += &self.row(&header);
            for (nanos, values) in rows {
                for (sensor, value) in sensors.iter().zip(values) {
                    let mut row = times(self.time(*nanos));
                    row.extend(device("press-1"));
                    row.extend([sensor.clone(), number(*value)]);
                    text += &self.row(&row);
                }
            }
        }
        let bytes = match self.encoding {
            0 => text.into_bytes(),
            1 => format!("\u{feff}{text}").into_bytes(),
            2 => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        if !self.gzip {
            return bytes;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_table_in_any_dialect_holds_the_same_readings(
        dialect in dialect(),
        start in 1_000_000_000_000_000_000_i64..2_000_000_000_000_000_000,
        rows in prop::collection::vec((1_i64..600_000_000_000, prop::array::uniform2(-1e6_f64..1e6)), 1..6),
    ) {
        // Times ascend, and no two are alike: each row is a reading. Hours that come twice have tests of their own.
        let mut time = start;
        let rows: Vec<_> = rows.into_iter().map(|(step, values)| { time += step; (time, values) }).collect();
        let zone: Zone = ZONE.parse().unwrap();
        let is_twofold = |nanos| {
            let local = ZONE.parse::<chrono_tz::Tz>().unwrap().from_utc_datetime(&Timestamp::from_nanos(nanos).utc().naive_utc());
            matches!(zone.meaning(local.naive_local()), crate::zone::Meaning::Two(..))
        };
        prop_assume!(dialect.time < 5 || !rows.iter().any(|(nanos, _)| is_twofold(*nanos)));
        let bytes = dialect.write(&rows);
        let mut history = open(&bytes, &dialect.settings())?;
        let found: Vec<_> = history.by_ref().collect::<Result<_, _>>()?;
        let expected: Vec<_> = rows.iter().flat_map(|(nanos, values)| {
            ["vibration", "flow"].into_iter().zip(*values).map(|(sensor, value)| (*nanos, sensor, value))
        }).collect();
        prop_assert_eq!(found.len(), expected.len());
        for (found, (nanos, sensor, value)) in found.iter().zip(expected) {
            prop_assert_eq!(&found.sensor, &SensorName::new("press-1", sensor).unwrap());
            prop_assert_eq!((found.time.nanos(), found.value), (nanos, value));
        }
        prop_assert_eq!(history.missing(), 0);
    }

    #[test]
    fn no_bytes_break_it(bytes in r##"(TS[,;|\t]([a-z/.#]{1,6}[,;|\t]?){0,4}\n)?[-0-9:.,;|"# \nTzé\x00]{0,80}"##) {
        if let Ok(source) = Source::new(Cursor::new(bytes.into_bytes()))
            && let Ok(history) = History::new("h", source, &on_press())
        {
            history.for_each(drop);
        }
    }
}
