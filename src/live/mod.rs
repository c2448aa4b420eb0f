//! What the running parts show of themselves, for the API to read: the newest reading of each sensor, who is connected,
//! which models are at work, what the scheduler gave up, and what happens as it happens.
//!
//! Those who write here are on the hot path: no write waits for a reader, and all that is kept is bounded.

use std::sync::Arc;

mod activity;
mod connections;
mod events;
mod models;
mod parts;
mod questions;
mod schedule_board;

pub use activity::{Activity, NewestReading, Origin};
pub use connections::{ConnectionBook, ShownConnection};
pub use events::{EventKind, Events, Happening, Listening, TooManyListeners};
pub use models::{ModelBook, ModelEntry};
pub use parts::{PartBook, PartEntry};
pub use questions::{OpenWindow, Questions};
pub use schedule_board::ScheduleBoard;

/// What the running parts show of themselves.
#[derive(Debug, Default)]
pub struct Live {
    /// The newest reading of each sensor.
    pub activity: Activity,
    /// Who is connected, and who failed to.
    pub connections: Arc<ConnectionBook>,
    /// The models, at work or not.
    pub models: ModelBook,
    /// What the scheduler gave up lately.
    pub schedule: ScheduleBoard,
    /// The parts of the daemon, at work or not.
    pub parts: Arc<PartBook>,
    /// What happens, as it happens.
    pub events: Arc<Events>,
}

impl Live {
    /// Nothing is shown yet, and at most so many listen to events.
    pub fn new(max_listeners: usize) -> Self {
        Self { events: Arc::new(Events::new(max_listeners)), ..Self::default() }
    }
}
