//! `/api/v1/run-orders…`: windows that are over are scored again, with the models of today.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json_object::JsonObject;
use super::{Shared, operators_only, query};
use crate::actors::committer::Command;
use crate::answers::{List, NewRunOrder, RunOrder};
use crate::group::GroupName;
use crate::http::gate::Caller;
use crate::http::peer::Peer;
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::{NamedSensors, OrderDemand};
use crate::run_order::{OrderId, VerdictKeeping};
use crate::time::Timestamp;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    let commands = OpenApiRouter::new().routes(routes!(order)).routes(routes!(cancel));
    OpenApiRouter::new().routes(routes!(orders)).routes(routes!(one)).merge(operators_only(commands))
}

/// What was asked to be scored again since the start, the newest first: all that goes on, and the last ones that are over.
#[utoipa::path(
    get,
    operation_id = "run_orders",
    path = "/api/v1/run-orders",
    tag = "runs",
    responses((status = 200, body = List<RunOrder>))
)]
async fn orders(State(shared): State<Shared>) -> Result<Json<List<RunOrder>>, Problem> {
    let items = shared.read(|overview| {
        let orders = overview.live.orders.all();
        Ok(orders.iter().map(|(id, entry)| overview.order_answer(*id, entry, NamedSensors::None)).collect::<Vec<_>>())
    });
    let items = items.await?;
    let total = Some(items.len() as u64);
    Ok(Json(List { items, next: None, total }))
}

/// How far an order is, and how its verdicts differ from those that stood before.
#[utoipa::path(
    get,
    operation_id = "run_order",
    path = "/api/v1/run-orders/{id}",
    tag = "runs",
    params(("id" = String, Path, description = "the id of an order, a number", pattern = "^[0-9]{1,18}$")),
    responses(
        (status = 200, body = RunOrder),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn one(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<RunOrder>, Problem> {
    let id = order_id(&id)?;
    let entry = shared.api.overview.live.orders.one(id).ok_or_else(|| no_order(id))?;
    Ok(Json(shared.read(move |overview| Ok(overview.order_answer(id, &entry, NamedSensors::MostChanged))).await?))
}

/// Has windows that were scored be scored again, with the models of today: one run a window, the oldest first, whenever no
/// run is due. The verdicts become the next revision of their windows, and are published as those of any run; those of a
/// dry run are compared with the ones that stand, and dropped.
#[utoipa::path(
    post,
    operation_id = "order_run",
    path = "/api/v1/run-orders",
    tag = "runs",
    request_body = NewRunOrder,
    responses(
        (status = 202, body = RunOrder),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn order(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    JsonObject(wanted): JsonObject<NewRunOrder>,
) -> Result<(StatusCode, Json<RunOrder>), Problem> {
    let NewRunOrder { group, sensors, since, until, is_dry_run } = wanted;
    let keeping = if is_dry_run { VerdictKeeping::DryRun } else { VerdictKeeping::Stored };
    let sensors = query::pattern(sensors.as_deref())?;
    let named = |name: &str| {
        GroupName::new(name).ok_or_else(|| Problem::of_request(format!("{name} is not the name of a group")))
    };
    let group = group.as_deref().map(named).transpose()?;
    let demand = OrderDemand { group, sensors, since, until, keeping, asker: asker(peer, &caller) };
    let planned = shared.read(move |overview| overview.plan_order(demand)).await?;
    let order = planned.map_err(|refusal| Problem::conflict(refusal.to_string()))?;
    let overview = &shared.api.overview;
    let orders = &overview.live.orders;
    let id = orders.add(order, Timestamp::now());
    let id = id.map_err(|full| Problem::of_status(StatusCode::TOO_MANY_REQUESTS, full.to_string()))?;
    // Before the id is told: it is not given again after a start.
    let noted = shared.api.commands.commit(|done| Command::NoteOrder { id, done }).await;
    noted.map_err(|stopped| Problem::not_now(stopped.to_string()))?;
    let entry = orders.one(id).ok_or_else(|| no_order(id))?;
    Ok((StatusCode::ACCEPTED, Json(overview.order_answer(id, &entry, NamedSensors::None))))
}

/// Cancels an order. One that goes on ends with the window that is being scored, whose run gives every sensor its outcome.
#[utoipa::path(
    post,
    operation_id = "cancel_run_order",
    path = "/api/v1/run-orders/{id}/cancel",
    tag = "runs",
    params(("id" = String, Path, description = "the id of an order, a number", pattern = "^[0-9]{1,18}$")),
    responses(
        (status = 200, body = RunOrder),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn cancel(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<RunOrder>, Problem> {
    let id = order_id(&id)?;
    let entry = shared.api.overview.live.orders.cancel(id).ok_or_else(|| no_order(id))?;
    Ok(Json(shared.read(move |overview| Ok(overview.order_answer(id, &entry, NamedSensors::MostChanged))).await?))
}

/// Who asks, in words.
fn asker(peer: Peer, caller: &Caller) -> String {
    let place = match peer {
        Peer::Process(Some(process)) => format!("process {process} over the local socket"),
        Peer::Process(None) => "a process over the local socket".to_owned(),
        Peer::Address(address) => format!("a client at {address}"),
    };
    match caller {
        Caller::Known(holder, _) => format!("{}, {place}", holder.name),
        Caller::Anybody(_) | Caller::Stranger => place,
    }
}

fn order_id(text: &str) -> Result<OrderId, Problem> {
    text.parse()
        .map(OrderId)
        .map_err(|_| Problem::of_request(format!("{text} is not the id of an order, which is a number")))
}

fn no_order(OrderId(id): OrderId) -> Problem {
    Problem::not_there(format!(
        "there is no order {id}; /api/v1/run-orders lists those since the daemon's start that are kept"
    ))
}
