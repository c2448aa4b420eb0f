//! Reads the system's clocks for all parts that decide by them, and logs what happens to the wall clock.
//!
//! The scheduler closes windows by these clocks, and the committer judges readings by them. Both must see the same
//! believed time, because which time is believed depends on the earlier readings of the clocks.

mod kernel;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::schedule::clock_trust::{Belief, ClockNews, ClockReading, ClockSync, ClockTrust, ClockTrustSettings};
use crate::time::{Span, Timestamp};

/// The system's clocks. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct SystemClock {
    state: Arc<Mutex<ClockState>>,
    patience: Duration,
}

#[derive(Debug)]
struct ClockState {
    trust: ClockTrust,
    /// What the system said of its clock, and when it was asked.
    sync: ClockSync,
    asked: Instant,
}

/// How long the system's answer is used. Asking holds up every part that reads the clocks, if only for a moment.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// When this much time passes between the readings of the two clocks, both are read again.
const TOGETHER: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 5;

impl SystemClock {
    /// Clocks that are believed at first.
    pub fn new(settings: ClockTrustSettings) -> Self {
        let (wall, instant) = read_together();
        let trust = ClockTrust::new(settings, wall, instant);
        let state = ClockState { trust, sync: kernel::clock_sync(), asked: instant };
        Self { state: Arc::new(Mutex::new(state)), patience: settings.patience }
    }

    /// Reads the clocks.
    pub fn read(&self) -> ClockReading {
        let (reading, news) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (wall, instant) = read_together();
            let stale = instant.saturating_duration_since(state.asked) >= ASK_AGAIN;
            if stale || state.trust.is_surprised_by(wall, instant) {
                (state.sync, state.asked) = (kernel::clock_sync(), instant);
            }
            let sync = state.sync;
            state.trust.observe(wall, instant, sync)
        };
        if let Some(news) = news {
            self.log(news, &reading);
        }
        reading
    }

    fn log(&self, news: ClockNews, reading: &ClockReading) {
        let now = reading.wall;
        match news {
            ClockNews::JumpedAhead { by } => {
                let patience = Span::from(self.patience);
                error!(
                    %now,
                    "the system's clock jumped {by} ahead, and the system does not say that it is synchronised; windows \
                     are closed as if it had not, until that has lasted for {patience} (schedule.jump_patience) or a time \
                     server confirms it"
                );
            }
            ClockNews::Believed { by, why: Belief::Synchronised } => {
                info!(%now, "the system's clock was set {by} ahead and is synchronised: it is believed");
            }
            ClockNews::Believed { by, why: Belief::Lasted } => {
                warn!(%now, "the system's clock is still {by} ahead of where it was: it is believed from now on");
            }
            ClockNews::TakenBack => info!(%now, "the system's clock is back where it was before it jumped ahead"),
            ClockNews::SteppedBack { by } => warn!(
                %now,
                "the system's clock was set back by {by}; windows that are closed stay closed, so no window is scored until \
                 the clock has come to where it was; readings that get their time on arrival count meanwhile, in the first \
                 interval that is open"
            ),
        }
    }
}

/// Reads both clocks at the same moment, or as close together as a busy machine allows.
fn read_together() -> (Timestamp, Instant) {
    let mut attempts = 0;
    loop {
        let before = Instant::now();
        let wall = wall();
        attempts += 1;
        if before.elapsed() < TOGETHER || attempts >= ATTEMPTS {
            return (wall, before);
        }
    }
}

fn wall() -> Timestamp {
    fail::fail_point!("clock::ahead", |secs| {
        let ahead = secs.and_then(|secs| secs.parse().ok()).unwrap_or_default();
        Timestamp::now() + Span::from_secs(ahead)
    });
    Timestamp::now()
}
