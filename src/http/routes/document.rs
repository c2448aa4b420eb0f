//! `GET /api/v1/openapi.json`: the description of the API, made from the code.

use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

use super::Shared;
use crate::http::roles::SCHEMES;

/// What the description begins with.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("anomalyd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("What a running anomalyd knows, and what it can be asked to do."));
    let [token, session] = SCHEMES;
    let components = ComponentsBuilder::new()
        .security_scheme(token, SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()))
        .security_scheme(session, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("anomalyd_PORT"))))
        .build();
    OpenApiBuilder::new().info(info.build()).components(Some(components)).build()
}

pub(super) fn routes(document: OpenApi) -> Router<Shared> {
    let document = Arc::new(document);
    Router::new().route("/api/v1/openapi.json", get(async move || Json(&*document).into_response()))
}
