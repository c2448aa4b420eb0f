//! From answers to bytes.

use super::PacketId;

/// PINGRESP (section 3.13).
pub const PINGRESP: [u8; 2] = [0xd0, 0];

/// The return code of CONNACK (section 3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectCode {
    /// Accepted; an earlier session is taken up.
    Resumed,
    /// Accepted; there is no earlier session.
    New,
    /// Refused: this version of MQTT is not supported.
    UnacceptableVersion,
    /// Refused: this client id is not accepted.
    IdentifierRejected,
    /// Refused: the daemon stops.
    ServerUnavailable,
}

/// CONNACK (section 3.2).
pub const fn connack(code: ConnectCode) -> [u8; 4] {
    let (session_present, code) = match code {
        ConnectCode::Resumed => (1, 0),
        ConnectCode::New => (0, 0),
        ConnectCode::UnacceptableVersion => (0, 1),
        ConnectCode::IdentifierRejected => (0, 2),
        ConnectCode::ServerUnavailable => (0, 3),
    };
    [0x20, 2, session_present, code]
}

/// The CONNACK that refuses a client of another version, in the form that this version has.
pub const fn connack_of_other_version(level: u8) -> &'static [u8] {
    match level {
        // MQTT 5, section 3.2: no session, reason 0x84 (unsupported protocol version), no properties.
        5 => &[0x20, 3, 0, 0x84, 0],
        _ => const { &connack(ConnectCode::UnacceptableVersion) },
    }
}

/// PUBACK (section 3.4).
pub const fn puback(id: PacketId) -> [u8; 4] {
    with_id(0x40, id)
}

/// PUBREC (section 3.5).
pub const fn pubrec(id: PacketId) -> [u8; 4] {
    with_id(0x50, id)
}

/// PUBCOMP (section 3.7).
pub const fn pubcomp(id: PacketId) -> [u8; 4] {
    with_id(0x70, id)
}

/// UNSUBACK (section 3.11).
pub const fn unsuback(id: PacketId) -> [u8; 4] {
    with_id(0xb0, id)
}

const fn with_id(first: u8, id: PacketId) -> [u8; 4] {
    let [high, low] = id.get().to_be_bytes();
    [first, 2, high, low]
}

/// Appends a SUBACK (section 3.9) that refuses each of `filters` topic filters.
pub fn suback_refusing(id: PacketId, filters: usize, out: &mut Vec<u8>) {
    out.push(0x90);
    let mut remaining = 2 + filters;
    loop {
        let low = remaining.to_le_bytes()[0] & 0x7f;
        remaining >>= 7;
        if remaining == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend(id.get().to_be_bytes());
    out.resize(out.len() + filters, 0x80);
}
