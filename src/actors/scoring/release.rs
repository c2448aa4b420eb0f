//! The way to the supervisor for those who release models by command and are no actors.

use actix::Recipient;
use tokio::sync::oneshot;

use crate::actors::scoring::supervisor::ReleaseModels;
use crate::sensor::SensorId;

/// Has models released.
#[derive(Clone, Debug)]
pub struct ModelRelease(Recipient<ReleaseModels>);

impl ModelRelease {
    /// By this supervisor.
    pub fn by(supervisor: Recipient<ReleaseModels>) -> Self {
        Self(supervisor)
    }

    /// Has the models of these sensors tried again, those of them that are paused or quarantined. Returns how many were;
    /// `None` when the daemon is about to end.
    pub async fn release(&self, sensors: Vec<SensorId>) -> Option<usize> {
        let (done, released) = oneshot::channel();
        self.0.do_send(ReleaseModels { sensors, done });
        released.await.ok()
    }
}
