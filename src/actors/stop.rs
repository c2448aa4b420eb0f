//! The request to stop, from the part that decides to all parts that run.

use tokio::sync::watch;

/// Asks all holders of the [`Stop`] to stop: when it is told to, and also when it is dropped.
#[derive(Debug)]
pub struct StopTrigger(watch::Sender<StopState>);

/// Tells its holder when to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<StopState>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopState {
    Running,
    Stopping,
}

impl Stop {
    /// A stop that was not asked for yet, and its trigger.
    pub fn new() -> (StopTrigger, Self) {
        let (sender, receiver) = watch::channel(StopState::Running);
        (StopTrigger(sender), Self(receiver))
    }

    /// Waits until a stop is asked for; ready at once when it was.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the trigger is gone, which asks for a stop as well.
        let _ = receiver.wait_for(|state| *state == StopState::Stopping).await;
    }
}

impl StopTrigger {
    /// Asks for the stop.
    pub fn stop(&self) {
        self.0.send_replace(StopState::Stopping);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_stop_is_seen_by_all_once_it_is_asked_for_and_when_its_trigger_is_gone() {
        let (trigger, stop) = Stop::new();
        assert!(stop.requested().now_or_never().is_none());
        trigger.stop();
        assert!(stop.clone().requested().now_or_never().is_some());
        let (trigger, stop) = Stop::new();
        drop(trigger);
        assert!(stop.requested().now_or_never().is_some());
    }
}
