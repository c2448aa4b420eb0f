//! The keep-alive: how long a client may be silent (MQTT 3.1.1, section 3.1.2.10).

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::Closing;

/// How long a client may be silent.
pub(super) struct Silence(Option<(Duration, Pin<Box<Sleep>>)>);

impl Silence {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (limit, Box::pin(sleep(limit)))))
    }

    /// Waits until the client may have been silent for too long; for ever when it may be silent without a bound.
    pub(super) async fn ended(&mut self) {
        match &mut self.0 {
            Some((_, timer)) => timer.as_mut().await,
            None => pending().await,
        }
    }

    /// Errors: when the client, last heard at `heard`, was silent for too long. Otherwise the timer starts anew from
    /// `heard`.
    pub(super) fn check(&mut self, heard: Instant) -> Result<(), Closing> {
        if let Some((limit, timer)) = &mut self.0 {
            let end = heard + *limit;
            if end <= Instant::now() {
                return Err(Closing::KeepAlive((*limit).into()));
            }
            timer.as_mut().reset(end);
        }
        Ok(())
    }
}
