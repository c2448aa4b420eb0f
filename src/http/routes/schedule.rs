//! `GET /api/v1/schedule`: when runs are due, and which windows no run has scored.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::answers::Schedule;
use crate::http::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(schedule))
}

/// When runs are due, and which windows no run has scored.
#[utoipa::path(get, path = "/api/v1/schedule", tag = "state", responses((status = 200, body = Schedule)))]
async fn schedule(State(shared): State<Shared>) -> Result<Json<Schedule>, Problem> {
    Ok(Json(shared.read(|overview| overview.schedule()).await?))
}
