//! `GET /api/v1/models`: the models, at work or not; `POST /api/v1/models/reload`: look at the model files at once;
//! `POST /api/v1/models/release`: try models again that are paused or quarantined.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Asked;
use super::{Shared, operators_only, query};
use crate::answers::{List, Model, ModelState, Released};
use crate::http::problem::Problem;
use crate::overview::ModelSelection;
use crate::sensor_pattern::SensorPattern;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    let actions = operators_only(OpenApiRouter::new().routes(routes!(reload)).routes(routes!(release)));
    OpenApiRouter::new().routes(routes!(models)).merge(actions)
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// A pattern of sensors such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
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

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ToRelease {
    /// A pattern of sensors such as `press-1/*`.
    pattern: String,
}

/// Has models tried again at once that are paused or quarantined. Those that were quarantined are on probation: the next
/// failure quarantines them again, and the next scored window ends that.
#[utoipa::path(post, path = "/api/v1/models/release", tag = "models", params(ToRelease), responses((status = 200, body = Released)))]
async fn release(State(shared): State<Shared>, wanted: Asked<ToRelease>) -> Result<Json<Released>, Problem> {
    let ToRelease { pattern } = query::asked(wanted)?;
    let pattern = SensorPattern::parse(&pattern).map_err(|problem| Problem::of_request(problem.to_string()))?;
    let sensors = shared.read(move |overview| Ok(overview.troubled_sensors(&pattern))).await?;
    let released = shared.api.release.release(sensors).await;
    let released = released.ok_or_else(|| Problem::not_now("the daemon is about to end"))?;
    Ok(Json(Released { released: released as u64 }))
}
