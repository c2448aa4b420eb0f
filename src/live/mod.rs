//! What the running parts show of themselves, for the API to read: the newest reading of each sensor, who is connected,
//! which models are at work, what the scheduler gave up, and what happens as it happens.
//!
//! Those who write here are on the hot path: no write waits for a reader, and all that is kept is bounded.

use std::sync::Arc;

mod activity;
mod clock_notes;
mod connections;
mod events;
mod models;
mod parts;
mod questions;
mod run_orders;
mod running_run;
mod schedule_board;
mod standing_conditions;
mod training_notes;

pub use activity::{Activity, NewestReading, Origin};
pub use clock_notes::{ClockNotes, TakenClockNotes, nearer};
pub use connections::{ConnectionBook, ShownConnection};
pub use events::{EventKind, Events, Happening, Listening, TooManyListeners};
pub use models::{ModelBook, ModelEntry};
pub use parts::{PartBook, PartEntry};
pub use questions::{OpenWindow, Questions};
pub use run_orders::{OrderEntry, OrderState, OrderedWindow, RunOrders, TooManyOrders, WindowProgress};
pub use running_run::RunningRun;
pub use schedule_board::ScheduleBoard;
pub use standing_conditions::{ShownConditions, StandingConditions};
pub use training_notes::{TrainingNote, TrainingNotes};

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
    /// The conditions of sensors that stand.
    pub conditions: StandingConditions,
    /// How scored windows compare with the training of their models.
    pub training: Arc<TrainingNotes>,
    /// What is known of sensors' clocks from readings that were refused.
    pub clocks: ClockNotes,
    /// What happens, as it happens.
    pub events: Arc<Events>,
    /// What operators have asked to be scored again.
    pub orders: RunOrders,
    /// The run that goes on.
    pub running: RunningRun,
}

impl Live {
    /// Nothing is shown yet; at most so many listen to events, and at most so many orders wait.
    pub fn new(max_listeners: usize, max_orders: usize) -> Self {
        let events = Arc::new(Events::new(max_listeners));
        Self { events, orders: RunOrders::new(max_orders), ..Self::default() }
    }
}
