//! The sessions of MQTT clients, as far as the store remembers them.

use crate::ingest::session::{SessionChange, SessionLifetime, SessionMoment, SessionPresent};
use crate::pipeline::Pipeline;
use crate::telemetry::metrics;

impl Pipeline {
    /// Remembers or forgets an MQTT session; tells whether an earlier one is taken up.
    pub fn open_session(&mut self, client: &str, lifetime: SessionLifetime, now: SessionMoment) -> SessionPresent {
        let mut changes = Vec::new();
        let present = self.sessions.open(client, lifetime, now, &mut changes);
        self.write_sessions(changes);
        present
    }

    /// Notes that an MQTT session is in use.
    pub fn touch_session(&mut self, client: &str, now: SessionMoment) {
        let mut changes = Vec::new();
        self.sessions.touch(client, now, &mut changes);
        self.write_sessions(changes);
    }

    /// Notes that the connection of an MQTT session has ended.
    pub fn leave_session(&mut self, client: &str, now: SessionMoment) {
        let mut changes = Vec::new();
        self.sessions.leave(client, now, &mut changes);
        self.write_sessions(changes);
    }

    pub(super) fn write_sessions(&mut self, changes: Vec<SessionChange>) {
        for change in changes {
            match change {
                SessionChange::Used(client, at) => self.writer.put_session(&client, at),
                SessionChange::Gone(client) => {
                    metrics::SESSIONS_FORGOTTEN.add(1);
                    self.writer.remove_session(&client);
                }
            }
        }
        metrics::SESSIONS.set(self.sessions.len() as u64);
    }
}
