//! `GET /api/v1/runs…`: the ledger of runs, and what each run says of each sensor.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Asked;
use super::{Shared, query};
use crate::answers::{List, Outcome, Run, RunLog, RunOutcome};
use crate::http::problem::Problem;
use crate::overview::{OutcomeSelection, RunSelection};
use crate::run::RunId;
use crate::sensor::SensorId;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(runs)).routes(routes!(run)).routes(routes!(outcomes)).routes(routes!(log))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedRuns {
    /// Only runs of this group.
    #[param(min_length = 1)]
    group: Option<String>,
    /// The `next` of the list before.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
    /// How many at most, 1 to 1000; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedOutcomes {
    /// Only outcomes of this kind.
    outcome: Option<Outcome>,
    /// The `next` of the list before.
    #[param(pattern = "^[0-9]{1,9}$")]
    after: Option<String>,
    /// How many at most, 1 to 1000; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedLines {
    /// Only lines about sensors that fit a pattern such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pattern: Option<String>,
}

/// What was logged of a run while it went on, as far as that is kept (`store.run_log`).
#[utoipa::path(
    get,
    operation_id = "run_log",
    path = "/api/v1/runs/{id}/log",
    tag = "runs",
    params(("id" = String, Path, description = "the id of a run, a number", pattern = "^[0-9]{1,18}$"), WantedLines),
    responses((status = 200, body = RunLog))
)]
async fn log(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    wanted: Asked<WantedLines>,
) -> Result<Json<RunLog>, Problem> {
    let pattern = query::pattern(query::asked(wanted)?.pattern.as_deref())?;
    let id = run_id(&id)?;
    let log = shared.read(move |overview| overview.run_log(id, pattern.as_ref())).await?;
    let missing = || {
        let words =
            "is kept: it goes on, an earlier version wrote it, it is older than store.keep_verdicts, or was cut off";
        Problem::not_there(format!("no log of the run {id} {words}"))
    };
    Ok(Json(log.ok_or_else(missing)?))
}

/// The runs of the ledger, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(WantedRuns), responses((status = 200, body = List<Run>)))]
async fn runs(State(shared): State<Shared>, wanted: Asked<WantedRuns>) -> Result<Json<List<Run>>, Problem> {
    let wanted = query::asked(wanted)?;
    let before = wanted.after.as_deref().map(run_id).transpose()?;
    let group = query::group(&shared.api.overview, wanted.group.as_deref())?;
    let selection = RunSelection { group, before, limit: query::limit(wanted.limit)? };
    Ok(Json(shared.read(move |overview| overview.runs(&selection)).await?))
}

/// One run: its window, how far it is, and how its outcomes are spread.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "the id of a run, a number", pattern = "^[0-9]{1,18}$")),
    responses((status = 200, body = Run))
)]
async fn run(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Run>, Problem> {
    let id = run_id(&id)?;
    let run = shared.read(move |overview| overview.run(id)).await?;
    Ok(Json(run.ok_or_else(|| no_run(id))?))
}

/// What a run says of each sensor in its scope.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/outcomes",
    tag = "runs",
    params(("id" = String, Path, description = "the id of a run, a number", pattern = "^[0-9]{1,18}$"), WantedOutcomes),
    responses((status = 200, body = List<RunOutcome>))
)]
async fn outcomes(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    wanted: Asked<WantedOutcomes>,
) -> Result<Json<List<RunOutcome>>, Problem> {
    let wanted = query::asked(wanted)?;
    let id = run_id(&id)?;
    let after = wanted.after.as_deref().map(|text| cursor(text).map(SensorId)).transpose()?;
    let selection = OutcomeSelection { outcome: wanted.outcome, after, limit: query::limit(wanted.limit)? };
    let outcomes = shared.read(move |overview| overview.run_outcomes(id, selection)).await?;
    Ok(Json(outcomes.ok_or_else(|| no_run(id))?))
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse()
        .map(RunId)
        .map_err(|_| Problem::of_request(format!("{text} is not the id of a run, which is a number")))
}

fn cursor(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| Problem::of_request(format!("after={text} is not the next of an earlier list")))
}

fn no_run(id: RunId) -> Problem {
    Problem::not_there(format!("the ledger has no run {id}; /api/v1/runs lists those that it has"))
}
