//! `GET /v1/about`: which daemon this is.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Shared;

/// Which daemon answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// The folder of its store.
    pub store: String,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/v1/about", get(about))
}

async fn about(State(shared): State<Shared>) -> Json<About> {
    Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        store: shared.api.store.to_string_lossy().into_owned(),
    })
}
