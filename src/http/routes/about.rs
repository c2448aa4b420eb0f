//! `GET /api/v1/about`: which daemon this is.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;

/// Which daemon answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// The folder of its store.
    pub store: String,
}

impl About {
    /// This process, which has a store or is about to open it.
    pub(crate) fn this(store: &Path) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            store: store.to_string_lossy().into_owned(),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(about))
}

/// Which daemon answers: a command looks for the one that has its store.
#[utoipa::path(get, path = "/api/v1/about", tag = "daemon", responses((status = 200, body = About)))]
async fn about(State(shared): State<Shared>) -> Json<About> {
    Json(About::this(&shared.api.store))
}
