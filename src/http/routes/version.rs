//! `GET /api/v1/version`: which release this is, what it listens on and what it may touch.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::answers::Version;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(version))
}

/// Which release this is, what it listens on, what it connects to, and which files it reads and writes.
#[utoipa::path(get, path = "/api/v1/version", tag = "state", responses((status = 200, body = Version)))]
async fn version(State(shared): State<Shared>) -> Json<Version> {
    Json(shared.api.overview.surroundings.version.clone())
}
