//! `GET /api/v1/configuration`: the configuration in force, and how its file compares with it.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::answers::Configuration;
use crate::http::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(configuration))
}

/// The configuration in force, without its secrets, and how its file compares with it.
#[utoipa::path(get, path = "/api/v1/configuration", tag = "state", responses((status = 200, body = Configuration)))]
async fn configuration(State(shared): State<Shared>) -> Result<Json<Configuration>, Problem> {
    Ok(Json(shared.read(|overview| Ok((overview.surroundings.configuration)())).await?))
}
