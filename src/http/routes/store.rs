//! `GET /api/v1/store/…`: what the commands that look after the store ask a running daemon.
//!
//! `/api/v1/store/stat` answers with [`StoreStatistics`](store::StoreStatistics) as JSON. `/api/v1/store/check` answers with a
//! line of JSON for each finding, and a last one that tells how much was looked at ([`CheckLine`]). `/api/v1/store/backup` answers
//! with an archive of the store.

use std::io::{self, BufWriter, Write};
use std::time::Instant;

use axum::extract::{Extension, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Shared, operators_only};
use crate::http::peer::Peer;
use crate::http::problem::Problem;
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

pub(super) fn routes() -> OpenApiRouter<Shared> {
    // A backup holds everything, and keeps the journal from freeing anything meanwhile.
    let backup = operators_only(OpenApiRouter::new().routes(routes!(backup)));
    OpenApiRouter::new().routes(routes!(stat)).routes(routes!(check)).merge(backup)
}

/// What takes how much in the store, and how the card wears.
#[utoipa::path(get, path = "/api/v1/store/stat", tag = "store", responses((status = 200, body = serde_json::Value)))]
async fn stat(
    State(Shared { api, answers, .. }): State<Shared>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, Problem> {
    let permit = answers.begin(peer)?;
    Ok(streamed(permit, "application/json", move |out| {
        let statistics = store::statistics(&api.overview.reader, written(api.started))?;
        write_line(&mut BufWriter::new(out), &statistics)
    }))
}

/// An archive of the store.
#[utoipa::path(
    get,
    path = "/api/v1/store/backup",
    tag = "store",
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>))
)]
async fn backup(
    State(Shared { api, answers, .. }): State<Shared>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, Problem> {
    let permit = answers.begin(peer)?;
    Ok(streamed(permit, "application/octet-stream", move |out| {
        tracing::info!("a backup begins; the journal is kept whole until it ends");
        let content = store::write_archive(&api.overview.reader, || api.commands.journal_extents().ok(), out)?;
        tracing::info!(entries = content.entries, "the backup has ended");
        Ok::<_, WriteArchiveError>(())
    }))
}

/// Looks at every checksum of the store: a line of JSON a finding, and one at the end.
#[utoipa::path(
    get,
    path = "/api/v1/store/check",
    tag = "store",
    responses((status = 200, content_type = "application/jsonl", body = String))
)]
async fn check(
    State(Shared { api, answers, .. }): State<Shared>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, Problem> {
    let permit = answers.begin(peer)?;
    Ok(streamed(permit, "application/jsonl", move |out| {
        let mut out = BufWriter::new(out);
        let checked = store::verify::<AnswerError>(&api.overview.reader, &mut |finding| {
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
