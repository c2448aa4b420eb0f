//! `GET /v1/dump/WHAT`: what `anomalyd dump` writes.

use std::io::{BufWriter, Write};

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use axum::routing::get;

use super::Shared;
use crate::export::dump::{self, DumpError, What};
use crate::http::problem::Problem;
use crate::http::server::PeerProcess;
use crate::http::streamed::streamed;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/v1/dump/{what}", get(answer))
}

async fn answer(
    State(Shared { api, answers }): State<Shared>,
    Extension(PeerProcess(process)): Extension<PeerProcess>,
    Path(what): Path<String>,
) -> Result<Response, Problem> {
    let names = What::ALL.map(|(name, _)| name).join(", ");
    let what = What::parse(&what).ok_or_else(|| Problem::of_request(format!("no {what} here, but {names}")))?;
    let permit = answers.begin(process)?;
    Ok(streamed(permit, "application/jsonl", move |out| {
        let mut out = BufWriter::new(out);
        dump::write(what, &api.reader, &api.rescorer, api.cut, &mut out)?;
        out.flush().map_err(DumpError::from)
    }))
}
