//! Scoring a window again because an operator has asked for it.
//!
//! Such a run is like any other: broadcast, with a deadline, and with one outcome a sensor. It is of the sensors of its
//! order only, it is the next revision of its window, and it is not resumed after an end of the daemon: the next start notes
//! in the ledger that it was cut off. So its entry is durable before it begins, and no other run gets its id. What is due is
//! decided without it. That of a dry run is told and written nowhere.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use tokio::sync::{mpsc, oneshot};

use super::{GroupRuns, Recorder, RunError, RunReport, RunRules};
use crate::actors::committer::{Command, Commands, CommitterStopped};
use crate::run::{Closing, Run, RunCourse, RunId, RunRequest, RunState, Trigger, models_hash};
use crate::run_in_progress::{CompleteChunk, RunInProgress, RunScope};
use crate::run_order::{GroupWindow, RunOrder, VerdictKeeping};
use crate::store::StoredChunks;
use crate::time::Timestamp;

/// Scores a window of an order. Answered when its run has ended, and is durable unless it is a dry run.
#[derive(Debug, Message)]
#[rtype(result = "Result<RunReport, RunError>")]
pub struct ScoreAgain {
    /// Which window. It is closed.
    pub window: GroupWindow,
    /// The order.
    pub order: Arc<RunOrder>,
    /// Is told what comes of it, as it comes.
    pub news: mpsc::UnboundedSender<CommandedNews>,
}

/// What comes of a window of an order.
#[derive(Debug)]
pub enum CommandedNews {
    /// It is scored for so many sensors.
    Scope(usize),
    /// The outcomes of some of them.
    Outcomes(CompleteChunk),
}

/// What is special about a run that an operator has asked for.
#[derive(Debug)]
pub(super) struct Commanded {
    keeping: VerdictKeeping,
    news: mpsc::UnboundedSender<CommandedNews>,
}

impl Commanded {
    /// Tells the outcomes of a chunk. At most a run's verdicts wait for whoever compares them.
    pub(super) fn tell(&self, chunk: &CompleteChunk) {
        // A failure is ignored: nobody compares any more when the daemon stops.
        let _ = self.news.send(CommandedNews::Outcomes(chunk.clone()));
    }

    /// The number under which a run is known; `None` for a dry run, since the next run that is stored gets that number.
    pub(super) fn known_id(commanded: Option<&Self>, run: &Run) -> Option<RunId> {
        Self::is_stored(commanded).then_some(run.id)
    }

    /// Whether a run is stored: every run is but those of a dry run.
    pub(super) fn is_stored(commanded: Option<&Self>) -> bool {
        commanded.is_none_or(|commanded| commanded.keeping == VerdictKeeping::Stored)
    }
}

impl Recorder {
    fn begin_again(
        &mut self,
        again: ScoreAgain,
        report: oneshot::Sender<Result<RunReport, RunError>>,
        context: &mut Context<Self>,
    ) -> Result<(), RunError> {
        let ScoreAgain { window: GroupWindow { group, window, .. }, order, news } = again;
        let runs = self.runs.of_group(&group).ok_or_else(|| RunError::NoGroup(group.clone()))?;
        let GroupRuns { rules: RunRules { settings_hash, interval, .. }, ref scope } = *runs;
        let fits = |sensor| self.directory.name(sensor).filter(|name| order.sensors.holds(name));
        let scope = scope.iter();
        let named: Vec<_> = scope.filter_map(|(sensor, model)| Some((*sensor, fits(*sensor)?, *model))).collect();
        if named.is_empty() {
            return Err(RunError::NobodyFits(order.sensors.clone()));
        }
        let scope: RunScope = named.iter().map(|(sensor, _, model)| (*sensor, *model)).collect();
        // A failure is ignored: nobody looks at the progress any more when the daemon stops.
        let _ = news.send(CommandedNews::Scope(scope.len()));
        let before = self.reader.run_of(&group, window)?;
        let (revision, closing) = before.map_or((0, Closing::default()), |run| match run.state {
            RunState::Finished(_) => (run.revision.saturating_add(1), run.closing),
            RunState::Started | RunState::CutOff => (run.revision, run.closing),
        });
        let run = Run {
            id: self.reader.next_run()?,
            window,
            interval,
            group,
            trigger: Trigger::Command,
            revision,
            scope: scope.keys().map(|sensor| sensor.0).collect(),
            settings: settings_hash,
            models: models_hash(named.into_iter().map(|(_, name, model)| (name, model))),
            closing,
            state: RunState::Started,
            course: RunCourse {
                begun: Some(Timestamp::now()),
                request: Some(order.request.clone()),
                ..RunCourse::default()
            },
        };
        let commanded = Commanded { keeping: order.keeping, news };
        let is_stored = Commanded::is_stored(Some(&commanded));
        if is_stored {
            self.live.running.set(Some(run.id));
        }
        self.is_beginning = true;
        let (commands, begun) = (self.commands.clone(), run.clone());
        let entered = async move {
            if is_stored {
                let stored = StoredChunks::OfEarlierRuns;
                commands.commit(|done| Command::BeginRun { run: begun, stored, done: Some(done) }).await?;
            }
            Ok(())
        };
        context.spawn(entered.into_actor(self).map(move |entered, recorder, context| {
            recorder.is_beginning = false;
            match entered {
                Ok(()) => {
                    let progress = RunInProgress::new(window, &scope, recorder.max_anomalous, Instant::now());
                    recorder.broadcast(run, None, progress, Some(commanded), report, context);
                }
                // A failure is ignored: the asker may have been stopped meanwhile.
                Err(stopped) => _ = report.send(Err(RunError::Committer(stopped))),
            }
        }));
        Ok(())
    }
}

/// Notes in the ledger that the runs of operators which an end of the daemon has cut off are over. To be called at a start.
pub fn end_cut_off_runs(ledger: &[Run], commands: &Commands) {
    for run in ledger.iter().filter(|run| run.trigger == Trigger::Command && run.state == RunState::Started) {
        tracing::warn!(
            run = %run.id,
            group = %run.group,
            window = %run.window.start(),
            request = run.course.request.as_ref().map(RunRequest::as_str),
            "a run that an operator had asked for was cut off by the end of the daemon: nothing of it was published, and it \
             is not gone on with; ask for it again"
        );
        // Nobody waits for it: the next start notes it again when this one is killed before it is durable.
        let (done, _) = oneshot::channel();
        let run = Run { state: RunState::CutOff, ..run.clone() };
        commands.send(Command::PutRun { run, done_until: None, done });
    }
}

impl Handler<ScoreAgain> for Recorder {
    type Result = ResponseFuture<Result<RunReport, RunError>>;

    fn handle(&mut self, again: ScoreAgain, context: &mut Context<Self>) -> Self::Result {
        if self.is_busy() {
            return Box::pin(std::future::ready(Err(RunError::Busy)));
        }
        let (answer, report) = oneshot::channel();
        if let Err(error) = self.begin_again(again, answer, context) {
            return Box::pin(std::future::ready(Err(error)));
        }
        Box::pin(async move { report.await.unwrap_or(Err(RunError::Committer(CommitterStopped))) })
    }
}
