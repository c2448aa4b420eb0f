//! `GET /api/v1/conditions`: what is wrong with the sensors themselves.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Asked;
use super::{Shared, query};
use crate::answers::{Condition, ConditionKind, List};
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::ConditionSelection;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(conditions))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// A pattern of sensors such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pattern: Option<String>,
    /// Only conditions of this kind.
    condition: Option<ConditionKind>,
    /// The `next` of the page before.
    after: Option<String>,
    /// How many at most, 1 to 1000; 100 if it is left out. The last sensor's conditions are told whole.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The conditions of sensors that stand, in the order of the sensors' names.
#[utoipa::path(
    get,
    path = "/api/v1/conditions",
    tag = "sensors",
    params(Wanted),
    responses(
        (status = 200, body = List<Condition>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn conditions(State(shared): State<Shared>, wanted: Asked<Wanted>) -> Result<Json<List<Condition>>, Problem> {
    let wanted = query::asked(wanted)?;
    let selection = ConditionSelection { pattern: query::pattern(wanted.pattern.as_deref())?, kind: wanted.condition };
    let limit = query::limit(wanted.limit)?;
    shared
        .read(move |overview| Ok(overview.list_conditions(&selection, wanted.after.as_deref(), limit)))
        .await
        .map(Json)
}
