//! `GET /api/v1/connections`: who is connected, who failed to, and how the broker is.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::answers::Connections;

/// The most connections and failures that are listed.
const MOST: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(connections))
}

/// Who is connected, who failed to and what to do about it, and how the broker is. At most a thousand of each are listed.
#[utoipa::path(get, path = "/api/v1/connections", tag = "connections", responses((status = 200, body = Connections)))]
async fn connections(State(shared): State<Shared>) -> Json<Connections> {
    Json(shared.api.overview.live.connections.list(MOST))
}
