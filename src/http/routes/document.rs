//! `GET /api/v1/openapi.json`: the description of the API, made from the code.

use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

use super::Shared;

/// What the description begins with.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("anomalyd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("What a running anomalyd knows, and what it can be asked to do."));
    OpenApiBuilder::new().info(info.build()).build()
}

pub(super) fn routes(document: OpenApi) -> Router<Shared> {
    let document = Arc::new(document);
    Router::new().route("/api/v1/openapi.json", get(async move || Json(&*document).into_response()))
}
