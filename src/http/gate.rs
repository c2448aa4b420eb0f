//! Who may come in over the port: how often, under which name, from which page, and with which token.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::MAX_BODY_BYTES;
use super::host_names::{HostNames, is_same_origin};
use super::peer::Peer;
use super::problem::Problem;
use super::request_rate::RequestRate;
use super::sessions::Sessions;
use super::tokens::{Holder, TokenBook, TokenHash, random_hex};
use crate::actors::sources::addresses::{AddressSettings, Addresses, Conduct};
use crate::answers::Role;
use crate::telemetry::metrics;

/// How long a client may take for the body of its request.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// The largest body of a request by somebody who is not known: it holds a token.
const MAX_STRANGERS_BODY_BYTES: usize = 4 << 10;

/// What everybody may do where there are no tokens.
const UNGUARDED: Role = Role::Viewer;

/// What bounds those who come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateSettings {
    /// Names of this machine, besides its own.
    pub host_names: Vec<String>,
    /// How many requests of one address are answered a second.
    pub max_requests_per_second: u32,
    /// How many logins of one address may fail a minute.
    pub max_failed_logins_per_minute: u32,
    /// How many logins of browsers are remembered.
    pub max_sessions: usize,
    /// The largest body of a request, in bytes.
    pub max_request_bytes: usize,
}

/// Decides who may come in over the port. On the local socket there is none: its file decides.
#[derive(Debug)]
pub(super) struct Gate {
    tokens: Option<TokenBook>,
    sessions: Mutex<Sessions>,
    requests: Mutex<RequestRate>,
    logins: Mutex<Addresses>,
    names: HostNames,
    max_request_bytes: usize,
    cookie: Cookie,
}

/// How the cookie of a session is written.
#[derive(Debug)]
struct Cookie {
    name: String,
    attributes: &'static str,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    /// Somebody who needs no token.
    Anybody(Role),
    /// Somebody with a token.
    Known(Holder, Credential),
    /// Somebody without a token, where one is needed.
    Stranger,
}

/// What somebody showed to come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Credential {
    /// A token.
    Token(TokenHash),
    /// The id of a session.
    Session(String),
}

impl Caller {
    /// What they may do; `None` for nothing.
    pub(super) fn role(&self) -> Option<Role> {
        match self {
            Self::Anybody(role) => Some(*role),
            Self::Known(holder, _) => Some(holder.role),
            Self::Stranger => None,
        }
    }
}

impl Gate {
    /// A gate before the port of this number.
    pub(super) fn new(settings: &GateSettings, tokens: Option<TokenBook>, port: u16, is_tls: bool) -> Self {
        Self {
            tokens,
            sessions: Mutex::new(Sessions::new(settings.max_sessions)),
            requests: Mutex::new(RequestRate::new(settings.max_requests_per_second)),
            logins: Mutex::new(Addresses::new(AddressSettings {
                max_connections: u32::MAX,
                max_failures_per_minute: settings.max_failed_logins_per_minute,
            })),
            names: HostNames::with(&settings.host_names),
            max_request_bytes: settings.max_request_bytes,
            cookie: Cookie {
                // Cookies do not know ports, and a machine may have several daemons.
                name: format!("anomalyd_{port}"),
                attributes: match is_tls {
                    true => "Path=/; HttpOnly; SameSite=Strict; Secure",
                    false => "Path=/; HttpOnly; SameSite=Strict",
                },
            },
        }
    }

    /// Finds out who asks.
    fn examine(&self, request: &Parts, address: IpAddr, now: Instant) -> Result<Caller, Problem> {
        if !lock(&self.requests).admits(address, now) {
            metrics::HTTP_REQUESTS_LIMITED.add(1);
            return Err(Problem::too_often(
                "too many requests came from this address; wait a second (http.max_requests_per_second)",
            ));
        }
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.ok_or_else(|| Problem::of_request("the request has no Host; send one"))?;
        if !self.names.admit(host) {
            let words =
                "this machine is not known under the name in Host; use its address, or add the name to http.host_names";
            return Err(Problem::of_status(StatusCode::MISDIRECTED_REQUEST, words));
        }
        let is_followed_link = request.method.is_safe() && is_navigation(&request.headers);
        if is_of_another_site(&request.headers, host) && !is_followed_link {
            return Err(Problem::forbidden(
                "the request comes from a page of another site; such pages may link here, and nothing else",
            ));
        }
        let Some(tokens) = &self.tokens else { return Ok(Caller::Anybody(UNGUARDED)) };
        if let Some(token) = bearer(&request.headers)? {
            let credential = Credential::Token(TokenHash::of(token));
            return self.log_in(tokens, token, address, now).map(|holder| Caller::Known(holder, credential));
        }
        let session = self.session_id(&request.headers).map(|id| Credential::Session(id.to_owned()));
        let known = session.and_then(|session| Some(Caller::Known(self.holder(tokens, &session, now)?, session)));
        Ok(known.unwrap_or(Caller::Stranger))
    }

    /// Who has a credential, if it is still good.
    fn holder(&self, tokens: &TokenBook, credential: &Credential, now: Instant) -> Option<Holder> {
        let token = match credential {
            Credential::Token(token) => *token,
            Credential::Session(id) => lock(&self.sessions).token(id, now)?,
        };
        tokens.holder(token, now)
    }

    /// Whether somebody who came in may stay: their session has not ended, and their token was not taken back.
    pub(super) fn still_admits(&self, caller: &Caller) -> bool {
        match (caller, &self.tokens) {
            (Caller::Known(_, credential), Some(tokens)) => self.holder(tokens, credential, Instant::now()).is_some(),
            (Caller::Known(..) | Caller::Stranger, _) => false,
            (Caller::Anybody(_), _) => true,
        }
    }

    /// What those may do who show nothing; `None` for nothing.
    pub(super) fn role_of_strangers(&self) -> Option<Role> {
        self.tokens.is_none().then_some(UNGUARDED)
    }

    /// The holder of a token. A right one is never refused: a script with an old token must not shut out the others behind
    /// its address, and nobody guesses 256 bits. Wrong ones are counted, and soon cost no more than a refusal.
    fn log_in(&self, tokens: &TokenBook, token: &str, address: IpAddr, now: Instant) -> Result<Holder, Problem> {
        if let Some(holder) = tokens.holder(TokenHash::of(token), now) {
            return Ok(holder);
        }
        metrics::HTTP_LOGINS_FAILED.add(1);
        let mut logins = lock(&self.logins);
        if logins.admit(address, now).is_err() {
            let words =
                "too many tokens from this address were nobody's; wait a minute (http.max_failed_logins_per_minute)";
            return Err(Problem::too_often(words));
        }
        logins.ended(address, Conduct::Failed, now);
        let words = "this token is nobody's; the file of http.token_file has those that are in force";
        Err(Problem::unknown_asker(words))
    }

    /// Begins a session of a browser: the holder of its token, and the cookie.
    pub(super) fn begin_session(&self, token: &str, address: IpAddr) -> Result<(Holder, String), Problem> {
        let now = Instant::now();
        let tokens = self.tokens.as_ref();
        let tokens = tokens.ok_or_else(|| Problem::conflict("no tokens are configured here (http.token_file)"))?;
        let holder = self.log_in(tokens, token, address, now)?;
        let id =
            random_hex().map_err(|problem| Problem::not_now(format!("the system has no random numbers: {problem}")))?;
        let Cookie { name, attributes } = &self.cookie;
        let cookie = format!("{name}={id}; {attributes}");
        let mut sessions = lock(&self.sessions);
        sessions.begin(id, TokenHash::of(token), now);
        metrics::HTTP_SESSIONS.set(sessions.count() as u64);
        tracing::info!(name = &*holder.name, role = %holder.role, %address, "somebody logged in over the port");
        Ok((holder, cookie))
    }

    /// Ends the session of a request, and returns the cookie that takes the place of its own.
    pub(super) fn end_session(&self, headers: &HeaderMap) -> String {
        let mut sessions = lock(&self.sessions);
        if let Some(id) = self.session_id(headers) {
            sessions.end(id);
        }
        metrics::HTTP_SESSIONS.set(sessions.count() as u64);
        let Cookie { name, attributes } = &self.cookie;
        format!("{name}=; Max-Age=0; {attributes}")
    }

    fn session_id<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie.name).map(|(_, id)| id)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The token of a request (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::unknown_asker("the Authorization is not one by token; send Bearer and the token")),
    }
}

/// Whether a request was made by a page that is not ours. Programs that are no browser send neither header.
fn is_of_another_site(headers: &HeaderMap, host: &str) -> bool {
    let by_fetch = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let by_origin = headers
        .get(header::ORIGIN)
        .is_some_and(|origin| !origin.to_str().is_ok_and(|origin| is_same_origin(origin, host)));
    by_fetch || by_origin
}

/// Whether a browser asks for what it shows next, and not for a part of a page.
fn is_navigation(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
        && headers.get("sec-fetch-dest").is_some_and(|destination| destination == "document")
}

/// Lets a request in, or not; behind it every request has its [`Caller`], and its body is there whole.
pub(super) async fn admit(State(gate): State<Option<Arc<Gate>>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let examined = match (&gate, parts.extensions.get::<Peer>()) {
        // The file of the local socket says who may connect.
        (None, _) | (_, Some(Peer::Process(_))) => Ok(Caller::Anybody(Role::Operator)),
        (Some(gate), Some(Peer::Address(address))) => {
            metrics::HTTP_REQUESTS.add(1);
            gate.examine(&parts, *address, Instant::now())
        }
        (Some(_), None) => Ok(Caller::Stranger),
    };
    let caller = match examined {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let max = match &gate {
        None => MAX_BODY_BYTES,
        Some(_) if caller.role().is_none() => MAX_STRANGERS_BODY_BYTES,
        Some(gate) => gate.max_request_bytes,
    };
    parts.extensions.insert(caller);
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return next.run(Request::from_parts(parts, Body::empty())).await;
    }
    match whole(body, max).await {
        Ok(body) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

/// The body of a request, whole.
async fn whole(body: Body, max: usize) -> Result<Body, Problem> {
    let gathered = tokio::time::timeout(BODY_WITHIN, Limited::new(body, max).collect()).await;
    let late = |_| Problem::of_status(StatusCode::REQUEST_TIMEOUT, "the body did not come within 30 seconds");
    let gathered = gathered.map_err(late)?.map_err(|problem| match problem.is::<LengthLimitError>() {
        true => {
            metrics::HTTP_REQUESTS_TOO_LARGE.add(1);
            let words =
                format!("the body has more than {max} bytes; send less at once (over the port: http.max_request)");
            Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE, words)
        }
        false => Problem::of_request(format!("the body cannot be read: {problem}")),
    })?;
    Ok(Body::from(gathered.to_bytes()))
}
