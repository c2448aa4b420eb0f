//! What an operator wants to know, computed from the store and from what the running parts show: the answers of the API.
//!
//! Each file adds one group of questions to [`Overview`]. Reads of the store may block; the API asks on threads of its
//! own.

mod rejects;
mod route_test;

use std::sync::Arc;

use crate::ingest::trial::MessageTrial;
use crate::interval::Cut;
use crate::live::Live;
use crate::rescoring::Rescorer;
use crate::schedule::Schedule;
use crate::sensor::SensorDirectory;
use crate::store::Reader;
use crate::time::{Clock, Timestamp};

pub use rejects::{NoInput, RejectQuery, RejectTrial, list_rejects, reject_answer};
pub use route_test::{Fate, RouteTester};

/// Knows where the answers come from.
#[derive(Clone)]
pub struct Overview {
    /// Reads the store.
    pub reader: Reader,
    /// Computes again what is not stored of verdicts.
    pub rescorer: Arc<Rescorer>,
    /// The names of the sensors.
    pub sensors: Arc<SensorDirectory>,
    /// What the running parts show.
    pub live: Arc<Live>,
    /// Tells what the configuration makes of a message.
    pub messages: MessageTrial,
    /// How event time is cut.
    pub cut: Cut,
    /// When runs are due.
    pub schedule: Schedule,
    /// The clock that the daemon goes by.
    pub clock: Clock,
    /// Since when it runs.
    pub started: Timestamp,
}
