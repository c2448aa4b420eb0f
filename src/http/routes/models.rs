//! `GET /api/v1/models`: the models, at work or not; `POST /api/v1/models/reload`: look at the model files at once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Asked;
use super::{Shared, operators_only, query};
use crate::answers::{List, Model, ModelState};
use crate::http::problem::Problem;
use crate::overview::ModelSelection;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    let reload = operators_only(OpenApiRouter::new().routes(routes!(reload)));
    OpenApiRouter::new().routes(routes!(models)).merge(reload)
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
async fn models(State(shared): State<Shared>, wanted: Asked<Wanted>) -> Result<Json<List<Model>>, Problem> {
    let wanted = query::asked(wanted)?;
    let sensors = query::pattern(wanted.pattern.as_deref())?;
    let selection =
        ModelSelection { sensors, state: wanted.state, after: wanted.after, limit: query::limit(wanted.limit)? };
    Ok(Json(shared.read(move |overview| Ok(overview.models(&selection))).await?))
}

/// Has the daemon look at its model files at once, as SIGHUP does. Models that changed are put to work when they are
/// read; `GET /api/v1/models` tells the result.
#[utoipa::path(post, path = "/api/v1/models/reload", tag = "models", responses((status = 202)))]
async fn reload(State(shared): State<Shared>) -> StatusCode {
    shared.api.look_at_models.notify_one();
    StatusCode::ACCEPTED
}
