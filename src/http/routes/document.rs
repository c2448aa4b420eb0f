//! `GET /api/v1/openapi.json`: the description of the API, made from the code.

use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder};
use utoipa::openapi::{RefOr, Response as Described, Schema, Server};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use crate::http::problem::{self, Problem, ProblemBody};
use crate::http::roles::{SCHEMES, operations};

/// The description, as JSON.
#[derive(Clone)]
pub(super) struct Description(Bytes);

/// What the description begins with.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("anomalyd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("What a running anomalyd knows, and what it can be asked to do."));
    let [token, session] = SCHEMES;
    let components = ComponentsBuilder::new()
        .schema_from::<ProblemBody>()
        .security_scheme(token, SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()))
        // The cookie's name ends with the number of the port.
        .security_scheme(session, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("anomalyd_8080"))))
        .build();
    OpenApiBuilder::new().info(info.build()).servers(Some([Server::new("/")])).components(Some(components)).build()
}

/// A problem as an answer.
pub(in crate::http) fn problem(words: &str) -> Described {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
    ResponseBuilder::new().description(words).content(problem::MEDIA_TYPE, content).build()
}

impl Description {
    /// The description of all answers: each may also be a problem, and each that is read may be one that the asker has.
    pub(super) fn of(mut document: OpenApi) -> Self {
        for (is_read, operation) in operations(&mut document.paths) {
            let responses = &mut operation.responses.responses;
            responses.insert("4XX".to_owned(), problem("The request cannot be answered as it is.").into());
            responses.insert("5XX".to_owned(), problem("The daemon cannot answer now.").into());
            let busy = problem("The asker comes too often, or too much waits; Retry-After says when to ask again.");
            responses.entry("429".to_owned()).or_insert_with(|| busy.into());
            if is_read {
                let unchanged = Described::new("The asker has the answer already, as If-None-Match says.");
                responses.insert("304".to_owned(), unchanged.into());
            }
        }
        for schema in document.components.iter_mut().flat_map(|components| components.schemas.values_mut()) {
            close_variants(schema);
        }
        Self(document.to_json().unwrap_or_default().into())
    }
}

/// Says of alternatives that each are an object of one member that they have no other: serde refuses more.
fn close_variants(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(alternatives)) = schema else { return };
    for alternative in &mut alternatives.items {
        if let RefOr::T(Schema::Object(object)) = alternative
            && object.properties.len() == 1
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(document))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "daemon", responses((status = 200, body = serde_json::Value)))]
async fn document(Extension(Description(json)): Extension<Description>) -> Result<Response, Problem> {
    match json.is_empty() {
        true => Err(Problem::defect()),
        false => Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response()),
    }
}
