//! The sensor actor: answers for one sensor, and has its windows evaluated.
//!
//! It is supervised in two layers, because actix restarts an actor that stops but not one that panics.
//!
//! *Soft*: what evaluates is behind a caught unwind, and apart from the actor (`evaluation.rs`). After an error or a panic
//! of the model the supervisor tells the actor to pause: it stops, and actix starts it again. The pause is waited out in
//! [`restarting`](Supervised::restarting), while messages wait in the mailbox. *Hard*: should anything in the actor panic,
//! its task dies with its mailbox. Then the guard that the actor owns is dropped: it answers for the window at work, and
//! tells the parent, which makes a new actor.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::actors::scoring::assignment::{Assignment, Generation};
use crate::actors::scoring::evaluation::WindowRequest;
use crate::actors::scoring::evaluation::pool::EvaluationQueue;
use crate::scoring::ProofPolicy;
use crate::sensor::SensorId;
use crate::telemetry::metrics;
use crate::verdict::Outcome;

/// Asks for a window to be scored. Answered to [`WindowRequest::outcomes`].
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ScoreWindow(pub Arc<WindowRequest>);

/// Has the actor begin anew, and do nothing before it is told to resume.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Pause {
    /// Told, or dropped, when the pause is over.
    pub resumed: oneshot::Receiver<()>,
}

/// A sensor's actor is gone. Its guard tells the parent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SensorDied {
    /// The sensor.
    pub sensor: SensorId,
    /// The assignment that the actor was made for.
    pub generation: Generation,
}

/// One sensor's actor.
#[derive(Debug)]
pub struct SensorActor {
    proof: ProofPolicy,
    evaluations: EvaluationQueue,
    /// A pause that begins when the actor begins anew.
    pause: Option<oneshot::Receiver<()>>,
    guard: Guard,
}

impl SensorActor {
    /// An actor that has windows scored with the assigned model.
    pub fn new(
        assignment: Arc<Assignment>,
        proof: ProofPolicy,
        evaluations: EvaluationQueue,
        parent: Recipient<SensorDied>,
    ) -> Self {
        Self { proof, evaluations, pause: None, guard: Guard { assignment, parent, at_work: None } }
    }
}

impl Actor for SensorActor {
    type Context = Context<Self>;
}

impl Supervised for SensorActor {
    fn restarting(&mut self, context: &mut Context<Self>) {
        if let Some(pause) = self.pause.take() {
            metrics::ACTORS_RESTARTED.add(1);
            // A supervisor that is gone ends the pause, and then the actor.
            context.wait(async move { drop(pause.await) }.into_actor(self));
        }
    }
}

impl Handler<ScoreWindow> for SensorActor {
    type Result = ();

    fn handle(&mut self, ScoreWindow(request): ScoreWindow, _: &mut Context<Self>) {
        if Instant::now() >= request.deadline {
            return;
        }
        self.guard.at_work = Some(Arc::clone(&request));
        let assignment = &self.guard.assignment;
        fail::fail_point!(&format!("sensor::handle {}", assignment.name));
        if assignment.is_quarantined() {
            request.answer(assignment.sensor, Outcome::Quarantined);
        } else if self.proof.admits(assignment.model.proof) {
            self.evaluations.push(assignment, &request);
        } else {
            request.answer(assignment.sensor, Outcome::Unproven);
        }
        self.guard.at_work = None;
    }
}

impl Handler<Pause> for SensorActor {
    type Result = ();

    fn handle(&mut self, Pause { resumed }: Pause, context: &mut Context<Self>) {
        self.pause = Some(resumed);
        context.stop();
    }
}

/// Answers for an actor that dies.
#[derive(Debug)]
struct Guard {
    assignment: Arc<Assignment>,
    parent: Recipient<SensorDied>,
    at_work: Option<Arc<WindowRequest>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Assignment { sensor, generation, .. } = *self.assignment;
        if let Some(request) = self.at_work.take() {
            request.answer(sensor, Outcome::Failed { reason: ACTOR_PANICKED.to_owned() });
        }
        // Actors also end when the daemon stops or a model is replaced: the parent ignores the message then.
        self.parent.do_send(SensorDied { sensor, generation });
    }
}

/// The reason for an outcome that an actor could not give.
pub(super) const ACTOR_PANICKED: &str = "the sensor's actor panicked";
