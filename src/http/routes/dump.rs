//! `GET /api/v1/dump/WHAT`: what `anomalyd dump` writes.

use std::io::{BufWriter, Write};

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::export::dump::{self, DumpError, What};
use crate::http::peer::Peer;
use crate::http::problem::Problem;
use crate::http::streamed::streamed;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(answer))
}

/// What the store holds of one kind, a line of JSON each.
#[utoipa::path(
    get,
    operation_id = "dump",
    path = "/api/v1/dump/{what}",
    tag = "history",
    params(("what" = String, Path, description = "What is wanted", pattern = "^(runs|verdicts|models|rejects|sensors)$")),
    responses((status = 200, content_type = "application/jsonl", body = String))
)]
async fn answer(
    State(Shared { api, answers, .. }): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(what): Path<String>,
) -> Result<Response, Problem> {
    let names = What::ALL.map(|(name, _)| name).join(", ");
    let what = What::parse(&what).ok_or_else(|| Problem::of_request(format!("no {what} here, but {names}")))?;
    let permit = answers.begin(peer)?;
    Ok(streamed(permit, "application/jsonl", move |out| {
        let mut out = BufWriter::new(out);
        let overview = &api.overview;
        dump::write(what, &overview.reader, &overview.rescorer, &mut out)?;
        out.flush().map_err(DumpError::from)
    }))
}
