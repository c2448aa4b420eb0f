//! `GET /api/v1/unusual`: what was most unusual in a range of time.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::query::{Asked, asked, asked_range, group, limit};
use crate::answers::Unusual;
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::UnusualSelection;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(unusual))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedRange {
    /// The sensors of which group; those of the default group when left out.
    #[param(min_length = 1)]
    group: Option<String>,
    /// Where the range begins, as RFC 3339 has it; a day before `until` when left out.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Where it ends; now when left out.
    #[param(format = DateTime)]
    until: Option<String>,
    /// How many sensors, sets of sensors, and devices at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What was most unusual in a range of time, and which anomalies began together. The range is widened to whole windows that
/// are over, at most the newest 750. An answer reads a bounded part of the store: over many windows it looks at fewer
/// sensors than asked for.
#[utoipa::path(
    get,
    path = "/api/v1/unusual",
    tag = "timeline",
    params(WantedRange),
    responses(
        (status = 200, body = Unusual),
        (status = 400, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn unusual(State(shared): State<Shared>, wanted: Asked<WantedRange>) -> Result<Json<Unusual>, Problem> {
    let wanted = asked(wanted)?;
    let range = asked_range(wanted.since.as_deref(), wanted.until.as_deref())?;
    let group = group(&shared.api.overview, wanted.group.as_deref())?.unwrap_or_default();
    let selection = UnusualSelection { group, range, limit: limit(wanted.limit)? };
    shared.read(move |overview| overview.unusual(&selection)).await.map(Json)
}
