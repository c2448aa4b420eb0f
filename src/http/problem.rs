//! An answer that says why there is no other, as RFC 9457 has it.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Busy;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    words: String,
}

/// The body of such an answer (RFC 9457, section 3.1).
#[derive(Serialize, Deserialize, ToSchema, Debug)]
pub(super) struct ProblemBody {
    /// The status' own words.
    pub(super) title: String,
    /// The status.
    pub(super) status: u16,
    /// What is wrong, and what to do.
    pub(super) detail: String,
}

impl Problem {
    /// The request cannot be answered as it is.
    pub(super) fn of_request(words: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, words: words.into() }
    }

    /// The daemon cannot answer now.
    pub(super) fn not_now(words: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, words: words.into() }
    }

    /// What was asked for is not there.
    pub(super) fn not_there(words: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, words: words.into() }
    }

    /// What is asked for does not go together with how things are.
    pub(super) fn conflict(words: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, words: words.into() }
    }

    /// The answer could not be made, of a defect.
    pub(super) fn defect() -> Self {
        let words = "the answer could not be made, of a defect; the daemon's log has it";
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, words: words.to_owned() }
    }

    /// There is nothing under this path.
    pub(super) fn nothing_here(path: &str) -> Self {
        let words = format!("nothing is answered under {path}; is the command of another version than the daemon?");
        Self { status: StatusCode::NOT_FOUND, words }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, words: busy.to_string() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default().to_owned();
        let body = ProblemBody { title, status: self.status.as_u16(), detail: self.words };
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(body)).into_response()
    }
}
