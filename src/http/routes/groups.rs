//! `GET /api/v1/groups`: the groups of sensors.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::answers::Group;
use crate::http::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(groups))
}

/// The groups of sensors, in the order in which they take them: how their windows lie, how many of their sensors are in which
/// state, and how the last run of each went. The last is the group of all sensors that no other takes.
#[utoipa::path(get, path = "/api/v1/groups", tag = "state", responses((status = 200, body = [Group])))]
async fn groups(State(shared): State<Shared>) -> Result<Json<Vec<Group>>, Problem> {
    Ok(Json(shared.read(|overview| overview.list_groups()).await?))
}
