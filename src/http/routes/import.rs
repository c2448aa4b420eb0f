//! `POST /api/v1/import`: takes in readings, as if devices had sent them. The body has a reading a line,
//! `{"time":"2018-08-28T23:00:05Z","device":"press-1","sensor":"flow","value":10.16}`, as an export has.
//!
//! The answer comes when the readings are on the disk, and says what became of them. Filters, lateness and limits are
//! those of live readings, and so are the rejects. No route is asked, as the sensor is named outright.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Shared, operators_only};
use crate::actors::sources::importer::Imported;
use crate::http::problem::Problem;
use crate::sensor::SensorName;
use crate::time::Timestamp;

/// A reading of a body.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ImportedReading {
    /// When it was measured, as RFC 3339 has it.
    pub time: String,
    /// The device.
    pub device: String,
    /// The sensor.
    pub sensor: String,
    /// The value, in the sensor's own unit.
    pub value: f64,
}

/// What became of the readings of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ImportOutcome {
    /// Readings that count, and are on the disk.
    pub accepted: u64,
    /// Readings that were there already, or that a deadband passed over.
    pub passed_over: u64,
    /// Readings that wait until it is known whether the clock is right.
    pub held: u64,
    /// Readings that were not accepted, by the kind of reason.
    pub rejected: BTreeMap<String, u64>,
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    operators_only(OpenApiRouter::new().routes(routes!(import)))
}

/// Takes in readings, a line of JSON each.
#[utoipa::path(
    post,
    path = "/api/v1/import",
    tag = "history",
    request_body(content_type = "application/jsonl", content = Option<String>),
    responses((status = 200, body = ImportOutcome))
)]
async fn import(State(Shared { api, .. }): State<Shared>, body: Bytes) -> Result<Json<ImportOutcome>, Problem> {
    let readings = parse(&body)?;
    let imported = api.importer.take_in(readings).await.map_err(|problem| Problem::not_now(problem.to_string()))?;
    Ok(Json(imported.into()))
}

impl From<Imported> for ImportOutcome {
    fn from(Imported { accepted, passed_over, held, rejected }: Imported) -> Self {
        let rejected = rejected.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect();
        Self { accepted, passed_over, held, rejected }
    }
}

/// The readings of a body; an error names the line.
fn parse(body: &Bytes) -> Result<Vec<(SensorName, Timestamp, f64)>, Problem> {
    let lines = (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(number, line)| {
            let in_line = |problem: &dyn std::fmt::Display| Problem::of_request(format!("line {number}: {problem}"));
            let ImportedReading { time, device, sensor, value } =
                serde_json::from_slice(line).map_err(|problem| in_line(&problem))?;
            let name = SensorName::new(&device, &sensor).map_err(|problem| in_line(&problem))?;
            let time = Timestamp::parse(&time)
                .ok_or_else(|| in_line(&format!("{time} is not a time such as 2018-08-28T23:00:05Z")))?;
            Ok((name, time, value))
        })
        .collect()
}
