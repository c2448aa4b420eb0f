//! What questions have in common: pages of lists, ranges of time, patterns and names of sensors. Each is checked with a
//! problem that says what is accepted.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use crate::group::GroupName;
use crate::http::problem::Problem;
use crate::overview::{AskedRange, Overview, TimeRange};
use crate::sensor::{SensorId, SensorName};
use crate::sensor_pattern::SensorPattern;
use crate::suggest;
use crate::time::{Span, Timestamp};

/// The parameters behind the `?`, or why they cannot be read.
pub(super) type Asked<T> = Result<Query<T>, QueryRejection>;

/// How many entries a page has when the question does not say.
const DEFAULT_LIMIT: u32 = 100;
/// The most entries of a page.
const MAX_LIMIT: u32 = 1000;
/// How far back a range goes that has no beginning.
const DEFAULT_RANGE: Span = Span::from_secs(86_400);
/// How many sensors are looked through for one whose name is like a misspelt one.
const MAX_SUGGESTED_FROM: usize = 2_000;

/// The parameters.
pub(super) fn asked<T>(asked: Asked<T>) -> Result<T, Problem> {
    asked.map(|Query(parameters)| parameters).map_err(|refused| Problem::of_request(refused.body_text()))
}

/// How many entries a page has.
pub(super) fn limit(limit: Option<u32>) -> Result<usize, Problem> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit as usize),
        limit => Err(Problem::of_request(format!("limit={limit} is not from 1 to {MAX_LIMIT}"))),
    }
}

/// Reads a pattern of sensors.
pub(super) fn pattern(pattern: Option<&str>) -> Result<Option<SensorPattern>, Problem> {
    pattern.map(SensorPattern::parse).transpose().map_err(|problem| Problem::of_request(problem.to_string()))
}

/// Reads the name of a group that there is.
pub(super) fn group(overview: &Overview, group: Option<&str>) -> Result<Option<GroupName>, Problem> {
    let Some(text) = group else { return Ok(None) };
    let known = GroupName::new(text).filter(|name| overview.groups.find(name).is_some());
    let names = || overview.groups.iter().map(|group| group.name.to_string()).collect::<Vec<_>>().join(", ");
    known.map(Some).ok_or_else(|| Problem::not_there(format!("there is no group {text}; there are {}", names())))
}

/// Reads a range of time. A range without an end ends with the interval of now, by the daemon's clock; one without a
/// beginning goes back a day.
pub(super) fn time_range(overview: &Overview, since: Option<&str>, until: Option<&str>) -> Result<TimeRange, Problem> {
    let until = match until {
        Some(text) => time("until", text)?,
        None => overview.base.interval_of(overview.clock.now()) + overview.base.interval(),
    };
    let since = since.map_or(Ok(until - DEFAULT_RANGE), |text| time("since", text))?;
    if since >= until {
        return Err(no_time_between(since, until));
    }
    Ok(TimeRange { since, until })
}

/// Reads a range of time that leaves to the answer what was not said.
pub(super) fn asked_range(since: Option<&str>, until: Option<&str>) -> Result<AskedRange, Problem> {
    let since = since.map(|text| time("since", text)).transpose()?;
    let until = until.map(|text| time("until", text)).transpose()?;
    match (since, until) {
        (Some(since), Some(until)) if since >= until => Err(no_time_between(since, until)),
        _ => Ok(AskedRange { since, until }),
    }
}

fn no_time_between(since: Timestamp, until: Timestamp) -> Problem {
    Problem::of_request(format!("since is {since} and until is {until}, so that no time lies between them"))
}

fn time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse_bound(text)
        .ok_or_else(|| Problem::of_request(format!("{name}={text} is not a time such as 2018-08-28T23:00:05Z")))
}

/// The sensor of a device and a sensor in the path.
pub(super) fn known_sensor(overview: &Overview, device: &str, sensor: &str) -> Result<(SensorName, SensorId), Problem> {
    let name = SensorName::new(device, sensor).map_err(|problem| Problem::not_there(problem.to_string()))?;
    let number = overview.sensors.find(&name).ok_or_else(|| Problem::not_there(unknown(overview, &name)))?;
    Ok((name, number))
}

fn unknown(overview: &Overview, name: &SensorName) -> String {
    let numbers = 0..u32::try_from(overview.sensors.numbers().min(MAX_SUGGESTED_FROM)).unwrap_or(0);
    let known: Vec<_> =
        numbers.filter_map(|number| Some(overview.sensors.name(SensorId(number))?.to_string())).collect();
    match suggest::nearest(&name.to_string(), known.iter().map(String::as_str)) {
        Some(near) => format!("no sensor {name} is known; did you mean {near}?"),
        None => format!("no sensor {name} is known; GET /api/v1/sensors lists those that are"),
    }
}
