//! `GET /v1/store/…`: what the commands that look after the store ask a running daemon.
//!
//! `/v1/store/stat` answers with [`StoreStatistics`](store::StoreStatistics) as JSON. `/v1/store/check` answers with a
//! line of JSON for each finding, and a last one that tells how much was looked at ([`CheckLine`]).

use std::io::{self, BufWriter, Write};

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::http::problem::Problem;
use crate::http::server::PeerProcess;
use crate::http::streamed::streamed;
use crate::store::{self, Checked, Finding, StoreError};

/// A line of the answer to a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CheckLine {
    /// Something is wrong.
    Finding(Finding),
    /// All was looked at: the last line.
    Checked(Checked),
}

/// Why an answer breaks off.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Output(#[from] io::Error),
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/v1/store/stat", get(stat)).route("/v1/store/check", get(check))
}

async fn stat(
    State(Shared { api, answers }): State<Shared>,
    Extension(PeerProcess(process)): Extension<PeerProcess>,
) -> Result<Response, Problem> {
    let permit = answers.begin(process)?;
    Ok(streamed(permit, "application/json", move |out| {
        let statistics = store::statistics(&api.reader, None)?;
        write_line(&mut BufWriter::new(out), &statistics)
    }))
}

async fn check(
    State(Shared { api, answers }): State<Shared>,
    Extension(PeerProcess(process)): Extension<PeerProcess>,
) -> Result<Response, Problem> {
    let permit = answers.begin(process)?;
    Ok(streamed(permit, "application/jsonl", move |out| {
        let mut out = BufWriter::new(out);
        let checked = store::verify::<AnswerError>(&api.reader, &mut |finding| {
            write_line(&mut out, &CheckLine::Finding(finding))
        })?;
        write_line(&mut out, &CheckLine::Checked(checked))
    }))
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> Result<(), AnswerError> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
