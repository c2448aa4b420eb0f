//! `POST /api/v1/routes/test`: what would become of a message.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::json_object::JsonObject;
use crate::answers::{JudgedBy, RouteTest, TestedMessage};
use crate::http::problem::{Problem, ProblemBody};
use crate::ingest::decoder::Message;
use crate::ingest::trial::TriedReading;
use crate::overview::{Fate, RouteTester};
use crate::time::Timestamp;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(test))
}

/// What would become of a message that came now: its route, its readings, and the judgement of each. Nothing is taken in.
#[utoipa::path(
    post,
    operation_id = "test_message",
    path = "/api/v1/routes/test",
    tag = "rejects",
    request_body = TestedMessage,
    responses((status = 200, body = RouteTest), (status = 400, body = ProblemBody, content_type = "application/problem+json"))
)]
async fn test(
    State(shared): State<Shared>,
    JsonObject(message): JsonObject<TestedMessage>,
) -> Result<Json<RouteTest>, Problem> {
    let TestedMessage { topic, payload, is_retained } = message;
    let payload = payload.bytes().ok_or_else(|| Problem::of_request("the payload's base64 is not base64"))?;
    let (topic, tried) = shared
        .read(move |overview| {
            let message = Message { topic: &topic, payload: &payload, retained: is_retained };
            let tried = overview.messages.try_message(message, Timestamp::now());
            Ok((topic, tried))
        })
        .await?;
    let fates = forecast(&shared, &tried.readings).await?;
    let tester = RouteTester { trial: &shared.api.overview.messages, judged_by: JudgedBy::Daemon };
    Ok(Json(tester.of_message(&topic, &tried, fates)))
}

/// How long the committer may take for its judgement.
const FORECAST_WITHIN: Duration = Duration::from_secs(10);

/// What would become of each reading, as the daemon judges it.
pub(super) async fn forecast(shared: &Shared, readings: &[TriedReading]) -> Result<Vec<Fate>, Problem> {
    let forecasts = tokio::time::timeout(FORECAST_WITHIN, shared.api.commands.forecast(readings)).await;
    let late = |_| Problem::not_now("the readings were not judged within ten seconds: the disk is slow, or full");
    let forecasts = forecasts.map_err(late)?.map_err(|problem| Problem::not_now(problem.to_string()))?;
    Ok(forecasts.iter().map(Fate::forecast).collect())
}
