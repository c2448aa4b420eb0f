//! Which routes need which role. The check and the description in the OpenAPI document are made together, so that they
//! cannot differ.

use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::Paths;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::OpenApiRouter;

use super::gate::Caller;
use super::problem::Problem;
use super::routes::{Shared, problem};
use crate::answers::Role;

/// The names of the ways to say who one is, in the OpenAPI document.
pub(super) const SCHEMES: [&str; 2] = ["token", "session"];

/// What an operation says of the role that it needs, in the OpenAPI document.
const ROLE: &str = "x-role";

/// Routes that only operators may use. They are put inside those of the viewers.
pub(super) fn operators_only(router: OpenApiRouter<Shared>) -> OpenApiRouter<Shared> {
    let mut router = router.route_layer(from_fn_with_state(Role::Operator, require));
    for (_, operation) in operations(&mut router.get_openapi_mut().paths) {
        let words = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{words}\n\nOperators only.").trim_start().to_owned());
        operation.extensions = Some(Extensions::builder().add(ROLE, Role::Operator.to_string()).build());
        let refused = problem("The asker is a viewer; this is for operators.");
        operation.responses.responses.insert("403".to_owned(), refused.into());
    }
    router
}

/// Routes that viewers may use, and operators too. `strangers` is the role of those without a token, if they have one.
pub(super) fn for_viewers(router: OpenApiRouter<Shared>, strangers: Option<Role>) -> OpenApiRouter<Shared> {
    let mut router = router.route_layer(from_fn_with_state(Role::Viewer, require));
    for (_, operation) in operations(&mut router.get_openapi_mut().paths) {
        let is_operators = operation.extensions.as_ref().is_some_and(|marks| marks.contains_key(ROLE));
        let needed = if is_operators { Role::Operator } else { Role::Viewer };
        let none: [&str; 0] = [];
        let needs_nothing = strangers.filter(|role| *role >= needed).map(|_| SecurityRequirement::default());
        let needs_one = SCHEMES.map(|scheme| SecurityRequirement::new(scheme, none));
        operation.security = Some(needs_nothing.into_iter().chain(needs_one).collect());
        let unknown = problem("The asker has no token, where one is needed.");
        operation.responses.responses.insert("401".to_owned(), unknown.into());
    }
    router
}

/// All operations of a document, each with whether it only reads.
pub(super) fn operations(paths: &mut Paths) -> impl Iterator<Item = (bool, &mut Operation)> {
    paths.paths.values_mut().flat_map(|path| {
        let reads = path.get.as_mut().map(|operation| (true, operation));
        let others = [&mut path.post, &mut path.put, &mut path.delete, &mut path.patch];
        reads.into_iter().chain(others.into_iter().flatten().map(|operation| (false, operation)))
    })
}

/// Lets those pass who have the role.
async fn require(
    State(needed): State<Role>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    match caller.role() {
        Some(role) if role >= needed => next.run(request).await,
        Some(role) => {
            let words = format!(
                "this is for an {needed}, and you are a {role}; log in with the token of an {needed}, or use the command on the machine itself"
            );
            Problem::forbidden(words).into_response()
        }
        None => Problem::unknown_asker("log in first: send a token as Authorization: Bearer, or open the page")
            .into_response(),
    }
}
