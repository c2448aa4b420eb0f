//! An answer that says why there is no other: `{"problem": "..."}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::api::Busy;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    words: String,
}

/// The body of such an answer.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct ProblemBody {
    pub(super) problem: String,
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
        (self.status, Json(ProblemBody { problem: self.words })).into_response()
    }
}
