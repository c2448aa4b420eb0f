//! How an answer of JSON is sent: not at all when the client has it already, and compressed when it asks for that.
//!
//! An answer that is whole has a tag, the hash of its content (RFC 9110, section 8.8.3). Long answers and events are passed on
//! as they are. Errors are made problems of JSON, whoever made them.

use std::io::Write;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::problem::{MEDIA_TYPE, Problem};
use super::tokens::hex;

/// An answer that is smaller is not compressed: it fits into one packet anyway.
const MIN_COMPRESSED_BYTES: usize = 1200;
/// The most bytes of words that are taken out of somebody else's error.
const MAX_ERROR_BYTES: u64 = 4096;

/// Tags and compresses an answer.
pub(super) async fn negotiate(request: Request, next: Next) -> Response {
    // The answer to HEAD has no content here that could be tagged.
    let is_read = *request.method() == Method::GET;
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let takes_gzip = accepts_gzip(request.headers());
    let response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return as_problem(response).await;
    }
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    // What has no length is not there whole yet.
    if !is_read || !is_json || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Problem::defect().into_response();
    };
    // Weak, as the compressed answer has the same tag.
    let tag = format!("W/\"{}\"", &hex(&Sha256::digest(&bytes))[..32]);
    let is_known = is_match(known.as_ref(), &tag);
    parts.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    if takes_gzip && bytes.len() >= MIN_COMPRESSED_BYTES {
        let plain = bytes.clone();
        // On a thread that may be busy for a while.
        let compressed = tokio::task::spawn_blocking(move || compressed(&plain, Compression::fast())).await;
        if let Ok(compressed) = compressed {
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return Response::from_parts(parts, Body::from(compressed));
        }
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// An error as a problem: axum's own are plain text.
async fn as_problem(response: Response) -> Response {
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == MEDIA_TYPE) {
        return response;
    }
    let status = response.status();
    let is_short = response.body().size_hint().upper().is_some_and(|bytes| bytes <= MAX_ERROR_BYTES);
    let words = match is_short {
        true => response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
        false => Bytes::new(),
    };
    let words = String::from_utf8_lossy(&words);
    let words = if words.is_empty() { status.canonical_reason().unwrap_or("the request failed") } else { &*words };
    Problem::of_status(status, words).into_response()
}

/// Whether one of the tags of `If-None-Match` is the answer's, compared weakly (RFC 9110, section 13.1.2).
pub(super) fn is_match(known: Option<&HeaderValue>, tag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = known.and_then(|known| known.to_str().ok()).unwrap_or_default();
    known.trim() == "*" || known.split(',').any(|one| strong(one) == strong(tag))
}

/// Whether a client takes gzip (RFC 9110, section 12.5.3).
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// The bytes as gzip.
pub(super) fn compressed(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    // Memory refuses no bytes.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_weakly_and_a_star_matches_all() {
        let value = |text| HeaderValue::from_static(text);
        for known in ["\"a\"", "W/\"a\"", "\"b\", W/\"a\"", "*"] {
            assert!(is_match(Some(&value(known)), "W/\"a\""), "{known}");
        }
        for known in ["\"b\"", "a", ""] {
            assert!(!is_match(Some(&value(known)), "W/\"a\""), "{known}");
        }
        assert!(!is_match(None, "W/\"a\""));
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let accepts =
            |text| accepts_gzip(&[(header::ACCEPT_ENCODING, HeaderValue::from_static(text))].into_iter().collect());
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5"));
        assert!(!accepts("") && !accepts("br") && !accepts("gzip;q=0") && !accepts("gzip; q=0.0"));
    }
}
