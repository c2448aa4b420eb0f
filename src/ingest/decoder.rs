//! The decoder: from a message to readings or rejects.

use std::sync::Arc;

use crate::ingest::batch::Batch;
use crate::ingest::filter::{FilterSettings, PlausibleTimes};
use crate::ingest::route::RouteSettings;
use crate::sensor::SensorDirectory;
use crate::time::Timestamp;

/// A message as a source received it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// Whether the broker kept it from earlier.
    pub retained: bool,
}

/// Decodes the messages of one connection.
pub struct Decoder {}

impl Decoder {
    /// A decoder; every connection has its own.
    pub fn new(
        _routes: Arc<[RouteSettings]>,
        _filters: Arc<[FilterSettings]>,
        _times: PlausibleTimes,
        _directory: Arc<SensorDirectory>,
    ) -> Self {
        Self {}
    }

    /// Adds the message's readings and rejects to the batch. `received` is the wall clock's time of arrival.
    pub fn decode(&mut self, _message: Message<'_>, _received: Timestamp, _batch: &mut Batch) {}
}
