//! `GET /healthz` and `GET /readyz`: whether the process answers, and whether it does its work. They need no login.

use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::http::problem::Problem;

/// That all is well.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Pass {
    /// `pass`.
    status: String,
}

fn pass() -> Json<Pass> {
    Json(Pass { status: "pass".to_owned() })
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// The same while the daemon starts.
pub(super) fn routes_at_start() -> Router {
    let starting = async || Problem::not_now("the daemon starts: it reads its store and its models");
    Router::new().route("/healthz", get(alive)).route("/readyz", get(starting)).fallback(starting)
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "daemon", responses((status = 200, body = Pass)))]
async fn alive() -> Json<Pass> {
    pass()
}

/// Whether readings are taken in and the models are read; 503 while the daemon starts.
#[utoipa::path(get, path = "/readyz", tag = "daemon", responses((status = 200, body = Pass)))]
async fn ready() -> Json<Pass> {
    pass()
}
