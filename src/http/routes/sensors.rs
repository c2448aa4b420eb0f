//! `GET /api/v1/sensors…`: the sensors, and what each measured and was said of it.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::query::{Asked, asked, group, known_sensor, limit, pattern, time_range};
use super::verdicts::cursor;
use crate::answers::{List, Scores, Sensor, SensorDetail, SensorState, Series, Verdict};
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::{RangeTooLong, SensorCursor, SensorSelection, VerdictSelection, WantedAnomalies, WantedSensors};

/// How many points a series has when the question does not say.
const DEFAULT_WIDTH: u32 = 800;
/// The most points of a series.
const MAX_WIDTH: u32 = 4000;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(sensors))
        .routes(routes!(sensor))
        .routes(routes!(series))
        .routes(routes!(scores))
        .routes(routes!(verdicts))
}

impl From<RangeTooLong> for Problem {
    fn from(too_long: RangeTooLong) -> Self {
        Self::of_request(too_long.to_string())
    }
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SelectedSensors {
    /// A pattern of sensors such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pattern: Option<String>,
    /// Only those in this state.
    state: Option<SensorState>,
    /// Only those in this group.
    #[param(min_length = 1)]
    group: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]{1,64}#[^\x00-\x1f\x7f-\x9f+#]{1,64}$")]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SeriesRange {
    /// Where it begins, as RFC 3339 has it; a day before `until` when left out.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Where it ends; now when left out.
    #[param(format = DateTime)]
    until: Option<String>,
    /// How many points at most.
    #[param(minimum = 1, maximum = 4000)]
    width: Option<u32>,
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ScoresRange {
    /// Where it begins, as RFC 3339 has it; a day before `until` when left out.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Where it ends; now when left out.
    #[param(format = DateTime)]
    until: Option<String>,
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VerdictsOfSensor {
    /// Windows that end behind this time, as RFC 3339 has it; a day before `until` when left out.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Windows that begin before this time; now when left out.
    #[param(format = DateTime)]
    until: Option<String>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The sensors, in the order of their names, each with its state and its last verdict.
#[utoipa::path(
    get,
    path = "/api/v1/sensors",
    tag = "sensors",
    params(SelectedSensors),
    responses(
        (status = 200, body = List<Sensor>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn sensors(
    State(shared): State<Shared>,
    selected: Asked<SelectedSensors>,
) -> Result<Json<List<Sensor>>, Problem> {
    let selected = asked(selected)?;
    let read_cursor = |text: &str| {
        SensorCursor::parse(text)
            .ok_or_else(|| Problem::of_request(format!("after={text} is not the next of a page of sensors")))
    };
    let after = selected.after.as_deref().map(read_cursor).transpose()?;
    let selection = SensorSelection {
        pattern: pattern(selected.pattern.as_deref())?,
        state: selected.state,
        group: group(&shared.api.overview, selected.group.as_deref())?,
    };
    let limit = limit(selected.limit)?;
    shared.read(move |overview| overview.list_sensors(&selection, after.as_ref(), limit)).await.map(Json)
}

/// All about one sensor.
#[utoipa::path(
    get,
    path = "/api/v1/sensors/{device}/{sensor}",
    tag = "sensors",
    params(
        ("device" = String, Path, description = "The device; a `/` in its name is written as `%2F`"),
        ("sensor" = String, Path, description = "The sensor on it")
    ),
    responses(
        (status = 200, body = SensorDetail),
        (status = 404, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn sensor(
    State(shared): State<Shared>,
    Path((device, sensor)): Path<(String, String)>,
) -> Result<Json<SensorDetail>, Problem> {
    let (name, number) = known_sensor(&shared.api.overview, &device, &sensor)?;
    shared.read(move |overview| overview.sensor_detail(&name, number)).await.map(Json)
}

/// What a sensor measured over time, brought down to a number of points.
#[utoipa::path(
    get,
    path = "/api/v1/sensors/{device}/{sensor}/series",
    tag = "sensors",
    params(
        ("device" = String, Path, description = "The device; a `/` in its name is written as `%2F`"),
        ("sensor" = String, Path, description = "The sensor on it"),
        SeriesRange
    ),
    responses(
        (status = 200, body = Series),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn series(
    State(shared): State<Shared>,
    Path((device, sensor)): Path<(String, String)>,
    wanted: Asked<SeriesRange>,
) -> Result<Json<Series>, Problem> {
    let wanted = asked(wanted)?;
    let overview = &shared.api.overview;
    let (name, number) = known_sensor(overview, &device, &sensor)?;
    let range = time_range(overview, wanted.since.as_deref(), wanted.until.as_deref())?;
    range.check_for_series(overview.base)?;
    let width = match wanted.width.unwrap_or(DEFAULT_WIDTH) {
        width @ 1..=MAX_WIDTH => width,
        width => return Err(Problem::of_request(format!("width={width} is not from 1 to {MAX_WIDTH}"))),
    };
    shared.read(move |overview| overview.series(&name, number, range, width)).await.map(Json)
}

/// What a sensor's model said of each interval, computed again where it is not stored.
#[utoipa::path(
    get,
    path = "/api/v1/sensors/{device}/{sensor}/scores",
    tag = "sensors",
    params(
        ("device" = String, Path, description = "The device; a `/` in its name is written as `%2F`"),
        ("sensor" = String, Path, description = "The sensor on it"),
        ScoresRange
    ),
    responses(
        (status = 200, body = Scores),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn scores(
    State(shared): State<Shared>,
    Path((device, sensor)): Path<(String, String)>,
    wanted: Asked<ScoresRange>,
) -> Result<Json<Scores>, Problem> {
    let wanted = asked(wanted)?;
    let overview = &shared.api.overview;
    let (name, number) = known_sensor(overview, &device, &sensor)?;
    let range = time_range(overview, wanted.since.as_deref(), wanted.until.as_deref())?;
    range.check_for_scores(overview.groups.of(&name).grid.cut())?;
    shared.read(move |overview| overview.scores(&name, number, range)).await.map(Json)
}

/// What a sensor's model said of its windows, the newest run first.
#[utoipa::path(
    get,
    operation_id = "verdicts_of_sensor",
    path = "/api/v1/sensors/{device}/{sensor}/verdicts",
    tag = "sensors",
    params(
        ("device" = String, Path, description = "The device; a `/` in its name is written as `%2F`"),
        ("sensor" = String, Path, description = "The sensor on it"),
        VerdictsOfSensor
    ),
    responses(
        (status = 200, body = List<Verdict>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn verdicts(
    State(shared): State<Shared>,
    Path((device, sensor)): Path<(String, String)>,
    wanted: Asked<VerdictsOfSensor>,
) -> Result<Json<List<Verdict>>, Problem> {
    let wanted = asked(wanted)?;
    let overview = &shared.api.overview;
    let (_, number) = known_sensor(overview, &device, &sensor)?;
    let selection = VerdictSelection {
        sensors: WantedSensors::One(number),
        group: None,
        range: time_range(overview, wanted.since.as_deref(), wanted.until.as_deref())?,
        outcome: None,
        anomalies: WantedAnomalies::Any,
    };
    let (after, limit) = (cursor(wanted.after.as_deref())?, limit(wanted.limit)?);
    shared.read(move |overview| overview.stored_verdicts().list(&selection, after, limit)).await.map(Json)
}
