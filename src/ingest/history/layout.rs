//! Where times, names and values are, by the header: a long table has a reading a row, a wide table a column a sensor.

use std::collections::HashSet;
use std::sync::Arc;

use csv::StringRecord;

use super::HistorySettings;
use super::columns::Role;
use super::error::{FoundColumns, HeaderError};
use super::names::part;
use super::times::Again;
use crate::sensor::SensorName;

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    /// How many columns the header names; columns without a name at its end do not count.
    pub(super) width: usize,
    pub(super) time: TimePlace,
    pub(super) device: Device,
    pub(super) shape: Shape,
}

/// Where the time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePlace {
    /// The time is in one column.
    One(usize),
    /// The day is in one column, the time of day in another.
    Two { date: usize, time: usize },
}

/// Where the device is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Device {
    /// It is the same in every row.
    Constant(String),
    /// In a column.
    Column(usize),
    /// In the sensor's name, as in `press-1/vibration`.
    InName,
}

/// What one row holds.
#[derive(Debug)]
pub(super) enum Shape {
    /// A reading.
    Long { sensor: Sensor, value: usize },
    /// Several readings of one time.
    Wide { cells: Vec<Cell>, left_out: Vec<String> },
}

/// Where the sensor of a long table is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sensor {
    /// It is the same in every row.
    Constant(String),
    /// In a column.
    Column(usize),
}

/// A column of a wide table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) place: usize,
    /// Its name in the header.
    pub(super) column: Arc<str>,
    /// The sensor of the column.
    pub(super) sensor: CellSensor,
}

/// The sensor of a column of a wide table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CellSensor {
    /// Known from the header.
    Known(SensorName),
    /// The device is named in the row.
    OfRow(String),
}

impl Layout {
    /// Reads a header.
    pub(super) fn read(header: &StringRecord, settings: &HistorySettings) -> Result<Self, HeaderError> {
        let header = Header(header.iter().map(str::trim).collect());
        let width = header.0.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let time = header.time(settings)?;
        let device = match &settings.device {
            Some(device) => Device::Constant(device.clone()),
            None => header.find(Role::Device, settings)?.map_or(Device::InName, Device::Column),
        };
        let shape = header.shape(&time, &device, settings)?;
        Ok(Self { width, time, device, shape })
    }

    /// What it means when a row has the local time of the row before.
    pub(super) fn again(&self) -> Again {
        match (&self.shape, &self.device) {
            (Shape::Wide { .. }, Device::Constant(_) | Device::InName)
            | (Shape::Long { sensor: Sensor::Constant(_), .. }, Device::Constant(_) | Device::InName) => {
                Again::SecondHour
            }
            _ => Again::SameTime,
        }
    }
}

/// The names of the columns.
struct Header<'a>(Vec<&'a str>);

impl Header<'_> {
    fn found(&self) -> FoundColumns {
        FoundColumns::new(self.0.iter().copied())
    }

    /// The place of a column by its name.
    fn place(&self, column: &str) -> Result<usize, HeaderError> {
        let mut places = self.0.iter().enumerate().filter(|(_, name)| **name == column).map(|(place, _)| place);
        let place = places.next();
        let place = place.ok_or_else(|| HeaderError::NoColumn { column: column.to_owned(), found: self.found() })?;
        if places.next().is_some() { Err(HeaderError::Twice(column.to_owned())) } else { Ok(place) }
    }

    /// The column of a role: the column that an option names, else the first that has a usual name.
    fn find(&self, role: Role, settings: &HistorySettings) -> Result<Option<usize>, HeaderError> {
        if let Some(column) = settings.columns.of(role) {
            return self.place(column).map(Some);
        }
        let mut usual = role.usual_names().iter();
        let named = usual.find_map(|usual| self.0.iter().find(|name| name.eq_ignore_ascii_case(usual)));
        named.map(|name| self.place(name)).transpose()
    }

    fn time(&self, settings: &HistorySettings) -> Result<TimePlace, HeaderError> {
        let time = self.find(Role::Time, settings)?;
        let named = |column: &Option<String>| column.is_some();
        // A column of days is looked for when an option names it, and beside a time column whose name is just "time".
        let bare = time.is_none_or(|place| self.0[place].eq_ignore_ascii_case("time"));
        let date = if named(&settings.columns.date) || bare && !named(&settings.columns.time) {
            self.find(Role::Date, settings)?
        } else {
            None
        };
        match (time, date) {
            (Some(time), Some(date)) => Ok(TimePlace::Two { date, time }),
            (Some(one), None) | (None, Some(one)) => Ok(TimePlace::One(one)),
            (None, None) => Err(HeaderError::no_role(Role::Time, self.found(), "")),
        }
    }

    fn shape(&self, time: &TimePlace, device: &Device, settings: &HistorySettings) -> Result<Shape, HeaderError> {
        if settings.sensors.is_some() {
            return self.wide(time, device, settings);
        }
        let value = self.find(Role::Value, settings)?;
        let sensor = match &settings.sensor {
            Some(sensor) => Some(Sensor::Constant(sensor.clone())),
            None => self.find(Role::Sensor, settings)?.map(Sensor::Column),
        };
        match (sensor, value) {
            (Some(sensor), Some(value)) => {
                if let (Device::InName, Sensor::Constant(name)) = (device, &sensor)
                    && part(name).is_none()
                {
                    return Err(HeaderError::NoDevice(name.clone()));
                }
                Ok(Shape::Long { sensor, value })
            }
            (Some(_), None) => {
                let or = ", or, if it is a wide table, which columns are sensors with --sensors NAME,...";
                Err(HeaderError::no_role(Role::Value, self.found(), or))
            }
            (None, Some(_)) => {
                let or = ", or, if all rows are of one sensor, its name with --sensor NAME";
                Err(HeaderError::no_role(Role::Sensor, self.found(), or))
            }
            (None, None) => self.wide(time, device, settings),
        }
    }

    fn wide(&self, time: &TimePlace, device: &Device, settings: &HistorySettings) -> Result<Shape, HeaderError> {
        let mut taken: HashSet<usize> = match time {
            TimePlace::One(time) => [*time].into(),
            TimePlace::Two { date, time } => [*date, *time].into(),
        };
        taken.extend(match device {
            Device::Column(place) => Some(*place),
            Device::Constant(_) | Device::InName => None,
        });
        let cells = match &settings.sensors {
            Some(columns) => {
                let chosen = columns.0.iter().map(|column| {
                    let (name, sensor) = column.find(|name| self.0.contains(&name)).ok_or_else(|| {
                        HeaderError::NoColumn { column: column.text().to_owned(), found: self.found() }
                    })?;
                    cell(self.place(name)?, name, sensor, device)
                });
                chosen.collect::<Result<Vec<_>, _>>()?
            }
            None => {
                // A column of days beside a whole time is no sensor, and neither is a column of devices when the device
                // was given.
                let may_be =
                    |name: &str| !name.is_empty() && !Role::Date.is_usual(name) && !Role::Device.is_usual(name);
                let all = self.0.iter().enumerate().filter(|(place, name)| may_be(name) && !taken.contains(place));
                all.map(|(place, name)| cell(place, name, name, device)).collect::<Result<Vec<_>, _>>()?
            }
        };
        taken.extend(cells.iter().map(|cell| cell.place));
        let mut sensors = HashSet::new();
        for cell in &cells {
            let name = match &cell.sensor {
                CellSensor::Known(name) => name.to_string(),
                CellSensor::OfRow(name) => name.clone(),
            };
            if let Some(name) = sensors.replace(name) {
                return Err(HeaderError::SameSensor(name));
            }
        }
        if cells.is_empty() {
            return Err(HeaderError::NoSensors(self.found()));
        }
        let left_out = self.0.iter().enumerate().filter(|(place, name)| !name.is_empty() && !taken.contains(place));
        Ok(Shape::Wide { cells, left_out: left_out.map(|(_, name)| (*name).to_owned()).collect() })
    }
}

/// A column of a wide table, and its sensor.
fn cell(place: usize, column: &str, sensor: &str, device: &Device) -> Result<Cell, HeaderError> {
    let refused = |problem| HeaderError::Name { column: column.to_owned(), problem };
    let sensor = match device {
        Device::Constant(device) => CellSensor::Known(SensorName::new(device, sensor).map_err(refused)?),
        Device::Column(_) => {
            SensorName::new("device", sensor).map_err(refused)?;
            CellSensor::OfRow(sensor.to_owned())
        }
        Device::InName => {
            let (device, sensor) = part(sensor).ok_or_else(|| HeaderError::NoDevice(sensor.to_owned()))?;
            CellSensor::Known(SensorName::new(device, sensor).map_err(refused)?)
        }
    };
    Ok(Cell { place, column: column.into(), sensor })
}
