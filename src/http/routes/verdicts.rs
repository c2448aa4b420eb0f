//! `GET /api/v1/verdicts`: what the models said, the newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::query::{Asked, asked, group, limit, pattern, time_range};
use crate::answers::{List, Outcome, Verdict};
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::{VerdictCursor, VerdictSelection, WantedAnomalies, WantedSensors};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(verdicts))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedVerdicts {
    /// Only verdicts of runs of this group.
    #[param(min_length = 1)]
    group: Option<String>,
    /// A pattern of sensors such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pattern: Option<String>,
    /// Windows that end behind this time, as RFC 3339 has it; a day before `until` when left out.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Windows that begin before this time; now when left out.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Only verdicts with this outcome.
    outcome: Option<Outcome>,
    /// `true`: only verdicts with anomalies.
    #[serde(default)]
    anomalous: bool,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What the models said, the newest run first. A page may be short although more follow: `next` says so.
#[utoipa::path(
    get,
    path = "/api/v1/verdicts",
    tag = "verdicts",
    params(WantedVerdicts),
    responses(
        (status = 200, body = List<Verdict>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn verdicts(State(shared): State<Shared>, wanted: Asked<WantedVerdicts>) -> Result<Json<List<Verdict>>, Problem> {
    let wanted = asked(wanted)?;
    let overview = &shared.api.overview;
    let sensors = pattern(wanted.pattern.as_deref())?.map_or(WantedSensors::All, WantedSensors::Fitting);
    let selection = VerdictSelection {
        sensors,
        group: group(overview, wanted.group.as_deref())?,
        range: time_range(overview, wanted.since.as_deref(), wanted.until.as_deref())?,
        outcome: wanted.outcome,
        anomalies: if wanted.anomalous { WantedAnomalies::Some } else { WantedAnomalies::Any },
    };
    let (after, limit) = (cursor(wanted.after.as_deref())?, limit(wanted.limit)?);
    shared.read(move |overview| overview.stored_verdicts().list(&selection, after, limit)).await.map(Json)
}

/// Reads the `next` of a page of verdicts.
pub(super) fn cursor(after: Option<&str>) -> Result<Option<VerdictCursor>, Problem> {
    let read = |text| {
        VerdictCursor::parse(text)
            .ok_or_else(|| Problem::of_request(format!("after={text} is not the next of a page of verdicts")))
    };
    after.map(read).transpose()
}
