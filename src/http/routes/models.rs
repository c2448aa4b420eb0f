//! `GET /api/v1/models`: the models, at work or not; `POST /api/v1/models/reload`: look at the model files at once.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::runs::list_limit;
use crate::answers::{List, Model, ModelState};
use crate::http::problem::Problem;
use crate::overview::ModelSelection;
use crate::sensor_pattern::SensorPattern;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(models)).routes(routes!(reload))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// A pattern of sensors such as `press-1/*`.
    pattern: Option<String>,
    /// Only models in this state.
    state: Option<ModelState>,
    /// The `next` of the list before.
    after: Option<String>,
    /// How many at most, 1 to 1000; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The models of all sensors that have a model file, in the order of the sensors' names.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(Wanted), responses((status = 200, body = List<Model>)))]
async fn models(
    State(shared): State<Shared>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<List<Model>>, Problem> {
    let Query(wanted) = wanted.map_err(|refused| Problem::of_request(refused.body_text()))?;
    let sensors = wanted.pattern.as_deref().map(SensorPattern::parse).transpose();
    let sensors = sensors.map_err(|problem| Problem::of_request(problem.to_string()))?;
    let selection =
        ModelSelection { sensors, state: wanted.state, after: wanted.after, limit: list_limit(wanted.limit)? };
    Ok(Json(shared.read(move |overview| Ok(overview.models(&selection))).await?))
}

/// Has the daemon look at its model files at once, as SIGHUP does. Models that changed are put to work when they are
/// read; `GET /api/v1/models` tells the result.
#[utoipa::path(post, path = "/api/v1/models/reload", tag = "models", responses((status = 202)))]
async fn reload(State(shared): State<Shared>) -> StatusCode {
    shared.api.look_at_models.notify_one();
    StatusCode::ACCEPTED
}
