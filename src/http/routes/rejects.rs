//! `GET /api/v1/rejects…`: the inputs that were not accepted; `POST …/test` and `…/replay`: what becomes of one now.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{self, Asked, asked};
use super::routes_test::forecast;
use super::{Shared, operators_only};
use crate::actors::sources::importer::Imported;
use crate::answers::{JudgedBy, Judgement, Reject, RejectTest, Rejects};
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::{Fate, RejectQuery, RejectTrial, RouteTester, reject_answer};
use crate::reading::RejectId;
use crate::store::StoredReject;
use crate::time::Timestamp;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(test))
        .merge(operators_only(OpenApiRouter::new().routes(routes!(replay))))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those of this kind, such as `no_route`.
    kind: Option<String>,
    /// Only those before this id: the `next` of the answer before.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,4}$")]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Again {
    /// Whether a reject is replayed that was taken in by an earlier replay.
    #[serde(default)]
    again: bool,
}

/// The rejects that are kept, the newest first.
#[utoipa::path(
    get,
    operation_id = "rejects",
    path = "/api/v1/rejects",
    tag = "rejects",
    params(Wanted),
    responses(
        (status = 200, body = Rejects),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn list(State(shared): State<Shared>, wanted: Asked<Wanted>) -> Result<Json<Rejects>, Problem> {
    let Wanted { kind, after, limit } = asked(wanted)?;
    let after = after.as_deref().map(parse_id).transpose()?;
    let limit = query::limit(limit)?;
    let query = RejectQuery { kind, after, limit };
    shared.read(move |overview| overview.rejects(&query)).await.map(Json)
}

/// One reject, with what was sent where it is kept.
#[utoipa::path(
    get,
    operation_id = "reject",
    path = "/api/v1/rejects/{id}",
    tag = "rejects",
    params(("id" = String, Path, description = "its id, such as 1042-3", pattern = "^[0-9]{1,9}-[0-9]{1,4}$")),
    responses(
        (status = 200, body = Reject),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn one(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Reject>, Problem> {
    let (id, stored) = find(&shared, &id).await?;
    Ok(Json(reject_answer(&id.to_string(), &stored, &shared.api.overview.messages)))
}

/// What would become of a reject now. Nothing is taken in.
#[utoipa::path(
    post,
    operation_id = "test_reject",
    path = "/api/v1/rejects/{id}/test",
    tag = "rejects",
    params(("id" = String, Path, description = "its id, such as 1042-3", pattern = "^[0-9]{1,9}-[0-9]{1,4}$")),
    responses(
        (status = 200, body = RejectTest),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn test(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<RejectTest>, Problem> {
    let (id, stored) = find(&shared, &id).await?;
    let trial = tried(&shared, id, stored).await?;
    let fates = forecast(&shared, &trial.chosen()).await?;
    Ok(Json(answer(&shared, id, &trial, fates)))
}

/// Takes a reject in, the way of a live message: what would be rejected again stays a reject, and all else counts.
///
/// A reject of which something was taken in is noted as replayed; it is replayed again only when `again` says so. Also then
/// nothing counts twice, because its readings keep their times.
#[utoipa::path(
    post,
    operation_id = "replay_reject",
    path = "/api/v1/rejects/{id}/replay",
    tag = "rejects",
    params(("id" = String, Path, description = "its id, such as 1042-3", pattern = "^[0-9]{1,9}-[0-9]{1,4}$"), Again),
    responses(
        (status = 200, body = RejectTest),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn replay(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    again: Asked<Again>,
) -> Result<Json<RejectTest>, Problem> {
    let Again { again } = asked(again)?;
    let (id, stored) = find(&shared, &id).await?;
    if stored.is_replayed && !again {
        let words = format!("the reject {id} was replayed already; ask with again=true to replay it once more");
        return Err(Problem::conflict(words));
    }
    let trial = tried(&shared, id, stored).await?;
    let chosen = trial.chosen();
    let mut fates = forecast(&shared, &chosen).await?;
    // What would be rejected again is the same reject, and need not be stored once more.
    let taken: Vec<_> = (0..fates.len()).filter(|place| fates[*place].judgement != Judgement::Rejected).collect();
    let readings = taken.iter().map(|place| &chosen[*place]);
    let readings = readings.map(|reading| (reading.name.clone(), reading.time, reading.value)).collect();
    let outcomes = shared.api.importer.replay(id, readings).await;
    let outcomes = outcomes.map_err(|problem| Problem::not_now(problem.to_string()))?;
    for (place, outcome) in taken.into_iter().zip(outcomes) {
        if let Some(fate) = happened(&outcome, &fates[place]) {
            fates[place] = fate;
        }
    }
    Ok(Json(answer(&shared, id, &trial, fates)))
}

/// What became of a reading, where it is not what was forecast: others may have come in between.
fn happened(outcome: &Imported, forecast: &Fate) -> Option<Fate> {
    let fate = match outcome {
        Imported { accepted: 1.., .. } => Fate::plain(Judgement::Accepted),
        Imported { held: 1.., .. } => Fate::forecast(&crate::reading::Forecast::Held),
        Imported { rejected, .. } => match rejected.keys().next() {
            Some(kind) => Fate::because(Judgement::Rejected, format!("it was rejected meanwhile: {kind}")),
            None => Fate::because(Judgement::PassedOver, "it is there already, or a deadband suppresses it"),
        },
    };
    (fate.judgement != forecast.judgement).then_some(fate)
}

fn parse_id(text: &str) -> Result<RejectId, Problem> {
    RejectId::parse(text)
        .ok_or_else(|| Problem::of_request(format!("{text} is not the id of a reject, such as 1042-3")))
}

async fn find(shared: &Shared, id: &str) -> Result<(RejectId, StoredReject), Problem> {
    let id = parse_id(id)?;
    let stored = shared.read(move |overview| overview.reject(id)).await?;
    let stored = stored.ok_or_else(|| {
        Problem::not_there(format!("no reject {id} is kept; the newest are kept, as many blocks as store.rejects says"))
    })?;
    Ok((id, stored))
}

async fn tried(shared: &Shared, id: RejectId, stored: StoredReject) -> Result<RejectTrial, Problem> {
    let trial =
        shared.read(move |overview| Ok(RejectTrial::new(id, &stored, &overview.messages, Timestamp::now()))).await?;
    trial.map_err(|problem| Problem::conflict(problem.to_string()))
}

fn answer(shared: &Shared, id: RejectId, trial: &RejectTrial, fates: Vec<Fate>) -> RejectTest {
    let tester = RouteTester { trial: &shared.api.overview.messages, judged_by: JudgedBy::Daemon };
    RejectTest { id: id.to_string(), result: trial.answer(tester, fates) }
}
