//! Works off the orders of operators, one window at a time: has the recorder score it, and compares what comes out with the
//! verdicts that stand.
//!
//! The scheduler takes a window whenever no run is due, so that no order delays a run by more than one window.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::mpsc;

use crate::actors::committer::CommitterStopped;
use crate::actors::scoring::recorder::{CommandedNews, Recorder, RunError, ScoreAgain};
use crate::interval::Window;
use crate::live::{Live, OrderedWindow, RunOrders};
use crate::run::RunId;
use crate::run_in_progress::CompleteChunk;
use crate::run_order::{OrderId, StandingVerdicts, VerdictKeeping};
use crate::store::{Reader, StoreError};
use crate::verdict::Verdict;

/// The orders of operators, and what they are worked off with.
#[derive(Clone)]
pub struct CommandedRuns {
    /// Holds the orders.
    pub live: Arc<Live>,
    /// Reads the verdicts that stand.
    pub reader: Reader,
}

/// Why a window of an order was not scored, or not compared.
#[derive(Debug, thiserror::Error)]
enum CommandedError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("the verdicts that stand cannot be read: {0}")]
    Standing(#[from] StoreError),
    #[error("comparing the verdicts ended, of a defect")]
    Defect,
}

impl CommandedRuns {
    /// The orders.
    pub(super) fn orders(&self) -> &RunOrders {
        &self.live.orders
    }

    /// Scores a window of an order, and notes what came of it. An order whose window cannot be scored is given up.
    pub(super) async fn score(self, ordered: OrderedWindow, recorder: Addr<Recorder>) {
        let (id, request) = (ordered.id, ordered.order.request.clone());
        let (group, window) = (ordered.window.group.clone(), ordered.window.window);
        match self.try_score(ordered, recorder).await {
            Ok(run) => {
                if run.is_none() {
                    tracing::info!(%group, window = %window.start(), request = request.as_str(), "dry run finished");
                }
                self.orders().end_window(id, run);
            }
            Err(error) => {
                tracing::error!(
                    %group,
                    window = %window.start(),
                    request = request.as_str(),
                    "what an operator has asked for is given up: {error}"
                );
                self.orders().fail(id, error.to_string());
            }
        }
    }

    /// Returns the run that has stored the verdicts; `None` for a dry run.
    async fn try_score(
        &self,
        OrderedWindow { id, order, window, first_compared, standing }: OrderedWindow,
        recorder: Addr<Recorder>,
    ) -> Result<Option<RunId>, CommandedError> {
        let (reader, of_order) = (self.reader.clone(), Arc::clone(&order));
        // Found before the order's first run begins, so that none of its own runs counts as standing.
        let standing = tokio::task::spawn_blocking(move || {
            if let Some(standing) = standing.get() {
                return Ok(standing.clone());
            }
            let found = StandingVerdicts::find(&reader, &of_order.windows)?;
            Ok::<_, StoreError>(standing.get_or_init(|| found).clone())
        });
        let standing = standing.await.map_err(|_| CommandedError::Defect)??;
        let (news, told) = mpsc::unbounded_channel();
        let (comparing, span) = (self.clone(), window.window);
        let compared =
            tokio::task::spawn_blocking(move || comparing.compare(id, (span, first_compared), &standing, told));
        let scored = recorder.send(ScoreAgain { window, order: Arc::clone(&order), news }).await;
        let report = scored.map_err(|_| RunError::Committer(CommitterStopped))??;
        compared.await.map_err(|_| CommandedError::Defect)??;
        if order.keeping == VerdictKeeping::DryRun {
            return Ok(None);
        }
        Ok(Some(report.id))
    }

    /// Compares outcomes of a window with those that stand, from its first interval that is compared on, until the run has
    /// ended.
    fn compare(
        &self,
        id: OrderId,
        (window, first_compared): (Window, u32),
        standing: &StandingVerdicts,
        mut told: mpsc::UnboundedReceiver<CommandedNews>,
    ) -> Result<(), StoreError> {
        while let Some(news) = told.blocking_recv() {
            match news {
                CommandedNews::Scope(sensors) => self.orders().note_scope(id, sensors),
                CommandedNews::Outcomes(CompleteChunk { id: chunk, verdicts }) => {
                    let standing = standing.of_chunk(&self.reader, window, chunk)?;
                    let beside =
                        verdicts.iter().map(|Verdict { sensor, outcome }| (*sensor, standing.get(sensor), outcome));
                    self.orders().note_outcomes(id, first_compared, beside);
                }
            }
        }
        Ok(())
    }
}
