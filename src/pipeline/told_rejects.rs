//! What the log and those who listen are told of rejects and of members that are no numbers, within bounds.

use std::collections::HashMap;
use std::time::Instant;

use crate::ingest::passed_over::{PassedOver, Shape, ShapeNews, ShapesTold};
use crate::live::{EventKind, Events, Happening};
use crate::reading::{Reject, RejectId, Rejects};
use crate::store::StoredReject;
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;

/// What was told already.
#[derive(Default)]
pub(super) struct ToldRejects {
    /// Separately for each kind: many rejects of one kind must not hide another kind.
    limits: HashMap<&'static str, LogLimit>,
    /// The shapes of payloads that the log has named.
    shapes: ShapesTold,
}

impl ToldRejects {
    /// Counts rejects, tells those who listen of them, and logs them. `block` is the number under which they are stored.
    pub(super) fn tell(&mut self, rejects: &Rejects, block: Option<u64>, events: &Events, now: Instant) {
        metrics::REJECTS.add(rejects.counts());
        if let Some(block) = block {
            let ids = (0..).map(|place| RejectId { block, place });
            let stored = rejects.kept().iter().map(StoredReject::of);
            events.tell(EventKind::Reject, || Happening::Rejects(ids.zip(stored).collect()));
        }
        for reject in rejects.kept() {
            let Reject { origin, reason, .. } = reject;
            let kind = reason.kind();
            let Some(suppressed) = self.limits.entry(kind).or_default().admit(now) else { continue };
            tracing::warn!(origin, kind, suppressed, "rejected: {reason}");
        }
    }

    /// Counts the members that are no numbers, and tells of each shape once.
    pub(super) fn count_passed_over(&mut self, passed_over: &PassedOver) {
        metrics::MEMBERS_PASSED_OVER.add(passed_over.counts());
        for shape in passed_over.shapes() {
            let news = self.shapes.news(shape);
            let Shape { topic, member, kind } = shape;
            if news != ShapeNews::Nothing {
                let kind = kind.word();
                tracing::warn!(
                    topic,
                    member,
                    kind,
                    "a member is no number and is not read (counted by kind; said once for each topic and kind)"
                );
            }
            if news == ShapeNews::Last {
                tracing::warn!("no more is said of members that are no numbers until the next start; they are counted");
            }
        }
    }
}
