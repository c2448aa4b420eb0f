//! The answers, a file for each group. A group has a `routes()`, which [`router`] merges; each answer is described for the
//! OpenAPI document where it is written. Viewers may ask for all of them, but for those that a group puts into
//! [`operators_only`].

pub(super) mod about;
mod conditions;
mod configuration;
mod connections;
mod document;
mod dump;
mod events;
mod export;
mod groups;
mod health;
pub(super) mod import;
mod json_object;
mod login;
mod models;
mod page;
mod query;
mod rejects;
mod routes_test;
mod run_orders;
mod runs;
mod schedule;
mod sensors;
mod status;
pub(super) mod store;
mod supervision;
mod timeline;
mod unusual;
mod verdicts;
mod version;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Extension};
use axum::http::{StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa_axum::router::OpenApiRouter;

use super::MAX_BODY_BYTES;
use super::api::{Api, LongAnswers};
use super::gate::{self, Gate};
use super::problem::Problem;
use super::roles::for_viewers;
use super::{representation, security_headers};
use crate::answers::Role;
use crate::overview::Overview;
use crate::store::StoreError;
use crate::telemetry::metrics;

pub(super) use super::roles::operators_only;
use about::About;
use document::Description;
pub(super) use document::problem;

/// How long a question may wait until those before it are answered.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// What every answer can use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) api: Arc<Api>,
    pub(super) answers: Arc<LongAnswers>,
    /// The right to read the store.
    pub(super) reads: Arc<Semaphore>,
    /// The right to listen to what happens. A listener keeps its connection, and must leave some to those who ask.
    pub(super) listeners: Arc<Semaphore>,
}

/// The right to one read of the store. It is counted until the read ends, also when its asker has gone before.
struct ReadPermit {
    _permit: OwnedSemaphorePermit,
}

impl ReadPermit {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        metrics::HTTP_READS.add(1);
        Self { _permit: permit }
    }
}

impl Drop for ReadPermit {
    fn drop(&mut self) {
        metrics::HTTP_READS.subtract(1);
    }
}

impl Shared {
    /// Asks the overview on a thread that may block. Only so many questions are asked at once; the others wait.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Overview) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let waited = tokio::time::timeout(READ_WITHIN, Arc::clone(&self.reads).acquire_owned()).await;
        let Ok(Ok(permit)) = waited else {
            metrics::HTTP_READS_REFUSED.add(1);
            return Err(Problem::not_now("the questions before this one take too long; ask again later"));
        };
        let permit = ReadPermit::of(permit);
        let api = Arc::clone(&self.api);
        // A question that was begun goes on when its asker has gone, and keeps its right until it ends.
        let answer = tokio::task::spawn_blocking(move || {
            let answer = question(&api.overview);
            drop(permit);
            answer
        })
        .await;
        answer.map_err(|_| Problem::defect())?.map_err(|problem| Problem::not_now(problem.to_string()))
    }
}

/// All answers, behind a gate; `None` for the local socket, whose file decides who connects.
pub(super) fn router(shared: Shared, gate: Option<Arc<Gate>>) -> Router {
    let groups = OpenApiRouter::new()
        .merge(about::routes())
        .merge(conditions::routes())
        .merge(configuration::routes())
        .merge(connections::routes())
        .merge(document::routes())
        .merge(dump::routes())
        .merge(events::routes())
        .merge(export::routes())
        .merge(groups::routes())
        .merge(import::routes())
        .merge(login::routes_of_viewers())
        .merge(models::routes())
        .merge(rejects::routes())
        .merge(routes_test::routes())
        .merge(run_orders::routes())
        .merge(runs::routes())
        .merge(schedule::routes())
        .merge(sensors::routes())
        .merge(status::routes())
        .merge(store::routes())
        .merge(supervision::routes())
        .merge(timeline::routes())
        .merge(unusual::routes())
        .merge(verdicts::routes())
        .merge(version::routes());
    // Whoever may connect to the local socket is an operator.
    let strangers = gate.as_ref().map_or(Some(Role::Operator), |gate| gate.role_of_strangers());
    let (router, description) = OpenApiRouter::with_openapi(document::head())
        .merge(for_viewers(groups, strangers))
        .merge(login::routes())
        .merge(health::routes())
        .split_for_parts();
    let router = router
        .layer(Extension(Description::of(description)))
        .merge(page::routes())
        .fallback(async |uri: Uri| Problem::nothing_here(uri.path()))
        .with_state(shared);
    guarded(router, gate)
}

/// The answers while the daemon starts.
pub(super) fn at_start(gate: Arc<Gate>) -> Router {
    guarded(health::routes_at_start(), Some(gate))
}

/// The answers of the local socket while the daemon waits before it starts: which daemon it is, and why it waits.
pub(super) fn while_waiting(about: About, words: String) -> Router {
    let why = async move || Problem::not_now(words);
    guarded(Router::new().route("/api/v1/about", get(async || Json(about))).fallback(why), None)
}

/// What every answer goes through, from the outside in.
fn guarded(router: Router, gate: Option<Arc<Gate>>) -> Router {
    router
        .method_not_allowed_fallback(async || {
            let words = "this path is not asked in this way; the document /api/v1/openapi.json says how";
            Problem::of_status(StatusCode::METHOD_NOT_ALLOWED, words)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(Extension(gate.clone()))
        .layer(from_fn_with_state(gate, gate::admit))
        .layer(from_fn(representation::negotiate))
        .layer(from_fn(security_headers::add))
}
