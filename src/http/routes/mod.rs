//! The answers, a file for each group. A group has a `routes()`, which [`router`] merges; each answer is described for the
//! OpenAPI document where it is written.

pub(super) mod about;
mod configuration;
mod document;
mod dump;
mod export;
pub(super) mod import;
mod models;
mod query;
mod runs;
mod schedule;
mod sensors;
mod status;
pub(super) mod store;
mod timeline;
mod unusual;
mod verdicts;
mod version;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use utoipa_axum::router::OpenApiRouter;

use super::MAX_BODY_BYTES;
use super::api::{Api, LongAnswers};
use super::problem::Problem;
use crate::overview::Overview;
use crate::store::StoreError;

/// What every answer can use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) api: Arc<Api>,
    pub(super) answers: Arc<LongAnswers>,
}

impl Shared {
    /// Asks the overview on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Overview) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let api = Arc::clone(&self.api);
        let answer = tokio::task::spawn_blocking(move || question(&api.overview)).await;
        answer.map_err(|_| Problem::defect())?.map_err(|problem| Problem::not_now(problem.to_string()))
    }
}

/// All answers.
pub(super) fn router(api: Arc<Api>, answers: Arc<LongAnswers>) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(document::head())
        .merge(about::routes())
        .merge(configuration::routes())
        .merge(dump::routes())
        .merge(export::routes())
        .merge(import::routes())
        .merge(models::routes())
        .merge(runs::routes())
        .merge(schedule::routes())
        .merge(sensors::routes())
        .merge(status::routes())
        .merge(store::routes())
        .merge(timeline::routes())
        .merge(unusual::routes())
        .merge(verdicts::routes())
        .merge(version::routes())
        .split_for_parts();
    router
        .merge(document::routes(document))
        .fallback(async |uri: Uri| Problem::nothing_here(uri.path()))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Shared { api, answers })
}
