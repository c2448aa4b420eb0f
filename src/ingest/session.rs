//! MQTT sessions, as far as a publisher's endpoint has any.

/// Whether an MQTT session outlives its connection: the clean session flag of CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLifetime {
    /// It ends with the connection, and any earlier one is forgotten.
    Connection,
    /// It stays until it is asked to end. What was unacknowledged is sent again when the client returns.
    Persistent,
}

/// Whether an earlier session is taken up: the session present flag of CONNACK.
///
/// Clients drop what they have not got acknowledged when this says no, so it must survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPresent {
    /// It is.
    Yes,
    /// There is none.
    No,
}
