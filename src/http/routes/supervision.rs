//! `GET /api/v1/supervision`: the tree of what is supervised.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::answers::Supervision;
use crate::http::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(supervision))
}

/// The daemon's parts and its models, as they are supervised: how each stands, how often it failed, and why.
#[utoipa::path(get, path = "/api/v1/supervision", tag = "state", responses((status = 200, body = Supervision)))]
async fn supervision(State(shared): State<Shared>) -> Result<Json<Supervision>, Problem> {
    Ok(Json(shared.read(|overview| Ok(overview.supervision())).await?))
}
