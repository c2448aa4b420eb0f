//! An answer that says why there is no other, as RFC 9457 has it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Busy;

/// The media type of a problem (RFC 9457, section 3).
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

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

    /// The asker is not known.
    pub(super) fn unknown_asker(words: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, words: words.into() }
    }

    /// The asker may not do this.
    pub(super) fn forbidden(words: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, words: words.into() }
    }

    /// The asker comes too often.
    pub(super) fn too_often(words: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, words: words.into() }
    }

    /// Any other status.
    pub(super) fn of_status(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
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
        let mut response = (self.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], Json(body)).into_response();
        let extra = match self.status {
            // RFC 9110, section 15.5.2.
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("2")))
            }
            _ => None,
        };
        response.headers_mut().extend(extra);
        response
    }
}
