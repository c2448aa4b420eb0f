//! `GET /api/v1/events`: what happens, as it happens, as server-sent events (WHATWG HTML, section 9.2).
//!
//! A listener gets so many events a second at the most, and `missed` for the rest: putting millions into words would take
//! the processor from those that take readings in. One that takes nothing is given up with its connection, and one whose
//! session has ended, or whose token was taken back, is told no more.

mod pace;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::Asked;
use super::{Shared, query};
use crate::answers::Event;
use crate::http::api::Api;
use crate::http::gate::{Caller, Gate};
use crate::http::problem::Problem;
use crate::live::{EventKind, Listening};
use crate::overview::EventFilter;
use pace::EventPace;

/// How long nothing is said before a comment shows that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often it is asked whether a listener may still listen.
const EXAMINE_EVERY: Duration = HEARTBEAT;
/// How long until it is said that events were withheld, when nothing else is said.
const SAY_WITHHELD: Duration = Duration::from_secs(1);

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Some of `reading`, `verdict`, `run`, `reject`, `model` and `condition`, with commas; all of them if it is left out.
    kinds: Option<String>,
    /// A pattern of sensors such as `press-1/*`. It holds for readings, verdicts, models, rejects and conditions.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pattern: Option<String>,
}

/// What happens from now on. Each event has its kind for its name; `missed` tells how many were passed over for a listener
/// that is too slow. Of the rejects of one commit, the first are told. The answer ends when the daemon stops, and when
/// the asker logs out or loses the token.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "events",
    params(Wanted),
    responses((status = 200, content_type = "text/event-stream", body = Event))
)]
async fn events(
    State(shared): State<Shared>,
    Extension(gate): Extension<Option<Arc<Gate>>>,
    Extension(caller): Extension<Caller>,
    wanted: Asked<Wanted>,
) -> Result<Response, Problem> {
    let wanted = query::asked(wanted)?;
    let kinds = kinds(wanted.kinds.as_deref())?;
    let filter = EventFilter::new(query::pattern(wanted.pattern.as_deref())?);
    let slot = shared.listeners.try_acquire_owned().map_err(|_| {
        let words = "half of the connections of the local socket listen to what happens, the most at once \
                     (socket.max_connections); end one of them, such as a tail or a top";
        Problem::of_status(StatusCode::TOO_MANY_REQUESTS, words)
    })?;
    let listening = shared.api.overview.live.events.listen(kinds);
    let listening = listening.map_err(|full| Problem::of_status(StatusCode::TOO_MANY_REQUESTS, full.to_string()))?;
    let stream = EventStream {
        api: shared.api,
        listening,
        filter,
        pace: EventPace::default(),
        right: ListeningRight { gate, caller, examined: Instant::now() },
        _slot: slot,
    };
    // The first comment has the header sent at once.
    let begin = stream::once(async { Ok(Bytes::from_static(b": what happens from now on\n\n")) });
    let rest = stream::unfold(stream, async |mut stream| Some((Ok::<_, Infallible>(stream.next().await?), stream)));
    let body = Body::from_stream(futures_util::StreamExt::chain(begin, rest));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}

fn kinds(words: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let Some(words) = words else { return Ok(EventKind::ALL.map(|(_, kind)| kind).to_vec()) };
    let mut kinds = Vec::new();
    for word in words.split(',') {
        let known = EventKind::ALL.into_iter().find(|(name, _)| *name == word);
        let Some((_, kind)) = known else {
            let names = EventKind::ALL.map(|(name, _)| name).join(", ");
            return Err(Problem::of_request(format!("kinds={words}: \"{word}\" is none of {names}")));
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

/// Puts what happens into words for one listener.
struct EventStream {
    api: Arc<Api>,
    listening: Listening,
    filter: EventFilter,
    pace: EventPace,
    right: ListeningRight,
    /// Its connection is one of those that may be kept for listeners.
    _slot: OwnedSemaphorePermit,
}

/// The right of somebody to listen, which may end before they do.
struct ListeningRight {
    gate: Option<Arc<Gate>>,
    caller: Caller,
    examined: Instant,
}

impl ListeningRight {
    /// Whether it still stands, as of [`EXAMINE_EVERY`] ago at most.
    fn stands(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.examined) < EXAMINE_EVERY {
            return true;
        }
        self.examined = now;
        self.gate.as_ref().is_none_or(|gate| gate.still_admits(&self.caller))
    }
}

impl EventStream {
    /// What is said next; `None` when the daemon stops, or the right to listen ends.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let patience = if self.pace.is_withholding() { SAY_WITHHELD } else { HEARTBEAT };
            let mut said = String::new();
            match tokio::time::timeout(patience, self.listening.next()).await {
                _ if !self.right.stands(Instant::now()) => return None,
                Err(_) if patience == HEARTBEAT => said.push_str(": nothing happens\n\n"),
                Err(_) => {}
                Ok(None) => return None,
                Ok(Some(Err(missed))) => self.pace.withhold(missed),
                Ok(Some(Ok(happening))) => {
                    let room = self.pace.room(Instant::now());
                    let worded = self.api.overview.events_of(&happening, &mut self.filter, room);
                    self.pace.pass(worded.events.len());
                    self.pace.withhold(worded.left_out);
                    worded.events.iter().for_each(|event| say(event, &mut said));
                }
            }
            if let Some(events) = self.pace.take_withheld(Instant::now()) {
                say(&Event::Missed { events }, &mut said);
            }
            if !said.is_empty() {
                return Some(said.into());
            }
            // A listener to which nothing is said holds up no other request.
            tokio::task::yield_now().await;
        }
    }
}

/// Writes an event. JSON holds no line break.
fn say(event: &Event, said: &mut String) {
    let name = match event {
        Event::Reading { .. } => "reading",
        Event::Verdict { .. } => "verdict",
        Event::Run { .. } => "run",
        Event::Reject { .. } => "reject",
        Event::Model { .. } => "model",
        Event::Condition { .. } => "condition",
        Event::Missed { .. } => "missed",
    };
    if let Ok(data) = serde_json::to_string(event) {
        // Memory refuses nothing.
        let _ = write!(said, "event: {name}\ndata: {data}\n\n");
    }
}
