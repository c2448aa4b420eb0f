//! `GET /` and `GET /page/…`: the page. It shows nothing that does not come by the API, so its files are for everybody; those
//! without a role get the page to log in.

use axum::Router;
use axum::extract::{Extension, Path};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;

use crate::http::gate::Caller;
use crate::http::page_files::{INDEX, LOGIN, answer};
use crate::http::problem::Problem;

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(front)).route("/page/{*name}", get(file))
}

async fn front(Extension(caller): Extension<Caller>, request: HeaderMap) -> Result<Response, Problem> {
    let name = if caller.role().is_some() { INDEX } else { LOGIN };
    answer(name, &request).ok_or_else(Problem::defect)
}

async fn file(Path(name): Path<String>, request: HeaderMap) -> Result<Response, Problem> {
    answer(&name, &request).ok_or_else(|| Problem::not_there(format!("the page has no file {name}")))
}
