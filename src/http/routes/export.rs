//! `GET /api/v1/export/TABLE?format=…&sensor=…&since=…&until=…`: a table, for other programs.
//!
//! `format` is csv, jsonl or parquet, `sensor` a pattern such as `press-1/*`; `since` and `until` are times as RFC 3339
//! has them. All but the format may be left out.

use axum::extract::{Extension, Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::export::{self, Format, Selection, Table};
use crate::http::peer::Peer;
use crate::http::problem::Problem;
use crate::http::streamed::streamed;
use crate::sensor_pattern::SensorPattern;
use crate::time::Timestamp;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(answer))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `csv`, `jsonl` or `parquet`.
    #[param(pattern = "^(csv|jsonl|parquet)$")]
    format: String,
    /// A pattern of sensors such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    sensor: Option<String>,
    /// The first time, as RFC 3339 has it.
    #[param(format = DateTime)]
    since: Option<String>,
    /// The time before which it ends.
    #[param(format = DateTime)]
    until: Option<String>,
}

/// A table, for other programs.
#[utoipa::path(
    get,
    operation_id = "export",
    path = "/api/v1/export/{table}",
    tag = "history",
    params(
        ("table" = String, Path, description = "Which table", pattern = "^(readings|intervals|verdicts|runs|rejects)$"),
        Wanted,
    ),
    responses((status = 200, description = "The table.", content(
        (String = "text/csv"),
        (String = "application/jsonl"),
        (Vec<u8> = "application/vnd.apache.parquet"),
    )))
)]
async fn answer(
    State(Shared { api, answers, .. }): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(table): Path<String>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|refused| Problem::of_request(refused.body_text()))?;
    let (selection, format) = selected(&table, &wanted)?;
    let permit = answers.begin(peer)?;
    Ok(streamed(permit, format.media_type(), move |out| {
        export::write(&api.overview.reader, &api.overview.groups, &selection, format, out)
    }))
}

fn selected(table: &str, wanted: &Wanted) -> Result<(Selection, Format), Problem> {
    let tables = Table::ALL.map(|(name, _)| name).join(", ");
    let table = Table::parse(table).ok_or_else(|| Problem::of_request(format!("no {table} here, but {tables}")))?;
    let formats = Format::ALL.map(|(name, _)| name).join(", ");
    let format = Format::parse(&wanted.format)
        .ok_or_else(|| Problem::of_request(format!("format={} is none of {formats}", wanted.format)))?;
    let sensors = wanted
        .sensor
        .as_deref()
        .map(SensorPattern::parse)
        .transpose()
        .map_err(|problem| Problem::of_request(problem.to_string()))?;
    let time = |name: &str, text: &Option<String>, otherwise| match text {
        None => Ok(otherwise),
        Some(text) => Timestamp::parse(text)
            .ok_or_else(|| Problem::of_request(format!("{name}={text} is not a time such as 2018-08-28T23:00:05Z"))),
    };
    let since = time("since", &wanted.since, Timestamp::MIN)?;
    let until = time("until", &wanted.until, Timestamp::MAX)?;
    Ok((Selection { table, sensors, since, until }, format))
}
