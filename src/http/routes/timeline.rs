//! `GET /api/v1/timeline`: what runs said over time, in rows and columns.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::query::{Asked, asked, asked_range, group, limit, pattern};
use crate::answers::Timeline;
use crate::http::problem::{Problem, ProblemBody};
use crate::overview::{RowKind, RowOrder, TimelineSelection};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(timeline))
}

#[derive(Deserialize, IntoParams, Debug)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WantedTimeline {
    /// What a row stands for.
    #[serde(default)]
    #[param(inline)]
    by: By,
    /// The sensors of which group; those of the default group when left out.
    #[param(min_length = 1)]
    group: Option<String>,
    /// Only the sensors of a pattern such as `press-1/*`.
    #[param(pattern = r"^[^\x00-\x1f\x7f-\x9f+#]*[/*][^\x00-\x1f\x7f-\x9f+#]*$")]
    pattern: Option<String>,
    /// Where the columns begin, as RFC 3339 has it; a day before `until` when left out.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Where they end; now when left out.
    #[param(format = DateTime)]
    until: Option<String>,
    /// Which row comes first.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// How many rows are passed over.
    #[serde(default)]
    #[param(maximum = 2_147_483_647)]
    offset: u32,
    /// How many rows at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What a row of the timeline stands for.
#[derive(Clone, Copy, Default, Deserialize, ToSchema, Debug)]
#[serde(rename_all = "snake_case")]
enum By {
    /// All sensors.
    Plant,
    /// The sensors of a device.
    #[default]
    Device,
    /// A sensor.
    Sensor,
}

/// Which row comes first.
#[derive(Clone, Copy, Default, Deserialize, ToSchema, Debug)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// The first by its name.
    #[default]
    Name,
    /// The one whose state is worst now.
    Worst,
}

/// What finished runs said over time: a column for each window of the range that is over, with and without a run. Windows
/// from before the oldest run are left out. An answer has at most 1,000 columns, the newest, and 50,000 cells: where the
/// columns are many, it has fewer rows than asked for. Columns also begin later where what runs said does not fit into
/// memory (`http.timeline_memory`).
#[utoipa::path(
    get,
    path = "/api/v1/timeline",
    tag = "timeline",
    params(WantedTimeline),
    responses(
        (status = 200, body = Timeline),
        (status = 400, body = ProblemBody, content_type = "application/problem+json")
    )
)]
async fn timeline(State(shared): State<Shared>, wanted: Asked<WantedTimeline>) -> Result<Json<Timeline>, Problem> {
    let wanted = asked(wanted)?;
    let selection = TimelineSelection {
        group: group(&shared.api.overview, wanted.group.as_deref())?.unwrap_or_default(),
        rows: match wanted.by {
            By::Plant => RowKind::Plant,
            By::Device => RowKind::Device,
            By::Sensor => RowKind::Sensor,
        },
        pattern: pattern(wanted.pattern.as_deref())?,
        range: asked_range(wanted.since.as_deref(), wanted.until.as_deref())?,
        order: match wanted.order {
            Order::Name => RowOrder::Name,
            Order::Worst => RowOrder::Worst,
        },
        offset: wanted.offset as usize,
        limit: limit(wanted.limit)?,
    };
    shared.read(move |overview| overview.timeline(&selection)).await.map(Json)
}
