//! `POST /api/v1/login`, `POST /api/v1/logout` and `GET /api/v1/me`: who one is. The page logs in with a token, and is known by
//! a cookie from then on; scripts send the token with each request.

use std::sync::Arc;

use axum::Json;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::json_object::JsonObject;
use crate::answers::Me;
use crate::http::gate::{Caller, Gate};
use crate::http::peer::Peer;
use crate::http::problem::Problem;

/// A login.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The token, as `anomalyd token` printed it.
    token: String,
}

/// The gate that a request came through; `None` on the local socket.
pub(super) type GateOfRequest = Option<Arc<Gate>>;

/// What those may ask who are not known yet.
pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout))
}

/// What those may ask who are known.
pub(super) fn routes_of_viewers() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(me))
}

/// Logs in with a token, and sets a cookie that stands for it.
#[utoipa::path(
    post,
    path = "/api/v1/login",
    tag = "access",
    request_body = Login,
    responses((status = 200, body = Me, headers(("set-cookie" = String, description = "The session."))))
)]
async fn login(
    Extension(gate): Extension<GateOfRequest>,
    Extension(peer): Extension<Peer>,
    JsonObject(Login { token }): JsonObject<Login>,
) -> Result<Response, Problem> {
    let (Some(gate), Peer::Address(address)) = (gate, peer) else {
        return Err(Problem::of_request("on the local socket nobody logs in: its file says who may connect"));
    };
    let (holder, cookie) = gate.begin_session(&token, address)?;
    let me = Me { role: holder.role, name: Some(holder.name.to_string()) };
    Ok(([(header::SET_COOKIE, cookie)], Json(me)).into_response())
}

/// Ends the session, if there is one.
#[utoipa::path(post, path = "/api/v1/logout", tag = "access", responses((status = 204)))]
async fn logout(Extension(gate): Extension<GateOfRequest>, headers: HeaderMap) -> Response {
    match gate {
        Some(gate) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, gate.end_session(&headers))]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "access", responses((status = 200, body = Me)))]
async fn me(Extension(caller): Extension<Caller>) -> Result<Json<Me>, Problem> {
    let role = caller.role().ok_or_else(Problem::defect)?;
    let name = match caller {
        Caller::Known(holder, _) => Some(holder.name.to_string()),
        Caller::Anybody(_) | Caller::Stranger => None,
    };
    Ok(Json(Me { role, name }))
}
