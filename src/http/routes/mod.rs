//! The answers, a file for each group. A group has a `routes()`, which [`router`] merges.

pub(super) mod about;
mod dump;
mod export;
pub(super) mod import;
pub(super) mod store;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;

use super::MAX_BODY_BYTES;
use super::api::{Api, LongAnswers};
use super::problem::Problem;

/// What every answer can use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) api: Arc<Api>,
    pub(super) answers: Arc<LongAnswers>,
}

/// All answers.
pub(super) fn router(api: Arc<Api>, answers: Arc<LongAnswers>) -> Router {
    Router::new()
        .merge(about::routes())
        .merge(dump::routes())
        .merge(export::routes())
        .merge(import::routes())
        .merge(store::routes())
        .fallback(async |uri: Uri| Problem::nothing_here(uri.path()))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Shared { api, answers })
}
