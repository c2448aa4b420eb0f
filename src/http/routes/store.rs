//! `GET /v1/store/…`: what the commands that look after the store ask a running daemon.
//!
//! `/v1/store/stat` answers with [`StoreStatistics`](store::StoreStatistics) as JSON. `/v1/store/check` answers with a
//! line of JSON for each finding, and a last one that tells how much was looked at ([`CheckLine`]). `/v1/store/backup` answers
//! with an archive of the store.

use std::io::{self, BufWriter, Write};
use std::time::Instant;

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::http::problem::Problem;
use crate::http::server::PeerProcess;
use crate::http::streamed::streamed;
use crate::store::{self, Checked, Finding, StoreError, WriteArchiveError, WrittenStatistics};
use crate::telemetry::{disk, metrics};

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
    Router::new()
        .route("/v1/store/stat", get(stat))
        .route("/v1/store/check", get(check))
        .route("/v1/store/backup", get(backup))
}

async fn stat(
    State(Shared { api, answers }): State<Shared>,
    Extension(PeerProcess(process)): Extension<PeerProcess>,
) -> Result<Response, Problem> {
    let permit = answers.begin(process)?;
    Ok(streamed(permit, "application/json", move |out| {
        let statistics = store::statistics(&api.reader, written(api.started))?;
        write_line(&mut BufWriter::new(out), &statistics)
    }))
}

async fn backup(
    State(Shared { api, answers }): State<Shared>,
    Extension(PeerProcess(process)): Extension<PeerProcess>,
) -> Result<Response, Problem> {
    let permit = answers.begin(process)?;
    Ok(streamed(permit, "application/octet-stream", move |out| {
        tracing::info!("a backup begins; the journal is kept whole until it ends");
        let content = store::write_archive(&api.reader, || api.commands.journal_extents().ok(), out)?;
        tracing::info!(entries = content.entries, "the backup has ended");
        Ok::<_, WriteArchiveError>(())
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

/// What the process has written since it began to count; `None` where the kernel does not count it.
fn written(since: Instant) -> Option<WrittenStatistics> {
    let syncs = metrics::DATABASE_SYNCS.get() + metrics::JOURNAL_SYNCS.get();
    Some(WrittenStatistics { seconds: since.elapsed().as_secs_f64(), bytes: disk::written_bytes()?, syncs })
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> Result<(), AnswerError> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
