//! The body of a request: a JSON object.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;
use crate::printable::Printable;

/// A body that is a JSON object with the members of `T`. An array is refused, which serde would take for the members in their
/// order: `[]` would stand for an object of which everything is left out.
pub(super) struct JsonObject<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonObject<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
        if !kind.eq_ignore_ascii_case("application/json") {
            let kind = Printable(kind);
            let words =
                format!("the body is of the type \"{kind}\"; a JSON object of the type application/json is accepted");
            return Err(Problem::of_request(words));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|refused| Problem::of_request(refused.body_text()))?;
        read(&body).map(Self).map_err(Problem::of_request)
    }
}

/// Reads an object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err("the body is not a JSON object, such as {\"name\": 1}".to_owned());
    }
    serde_json::from_slice(body).map_err(|problem| format!("the body is not as the API describes it: {problem}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    struct Wanted {
        #[serde(default)]
        group: Option<String>,
    }

    #[test]
    fn an_object_is_read_and_an_array_is_no_object() {
        assert_eq!(read(b" {}"), Ok(Wanted { group: None }));
        assert_eq!(read(b"{\"group\": \"pumps\"}"), Ok(Wanted { group: Some("pumps".to_owned()) }));
        for other in ["[]", "[null]", " [\"pumps\"]", "null", "", "7", "{", "{\"group\": 7}", "{} {}"] {
            assert!(read::<Wanted>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
