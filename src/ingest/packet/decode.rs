//! From bytes to packets.

use super::{CleanSession, Connect, Decoded, Delivery, Packet, PacketError, PacketId, Publish, Will};

/// The longest fixed header: the type and four bytes of length.
const MAX_HEADER_BYTES: usize = 5;

/// Reads the packet at the beginning of `bytes`. It borrows from them.
///
/// A packet longer than `max_bytes` is refused as soon as its header is there.
///
/// # Errors
/// When the bytes do not begin with a packet that is accepted.
pub fn decode(bytes: &[u8], max_bytes: usize) -> Result<Decoded<'_>, PacketError> {
    let [first, rest @ ..] = bytes else { return Ok(Decoded::Incomplete { needed: 2 }) };
    let kind = Kind::of(*first)?;
    let Some((remaining, length_bytes)) = remaining_length(rest)? else {
        return Ok(Decoded::Incomplete { needed: bytes.len() + 1 });
    };
    let header = 1 + length_bytes;
    let length = header + remaining;
    if length > max_bytes {
        return Err(PacketError::TooLarge { bytes: length, max: max_bytes });
    }
    let Some(body) = bytes.get(header..length) else { return Ok(Decoded::Incomplete { needed: length }) };
    let body = Body { rest: body, packet: kind.name() };
    let packet = match kind {
        Kind::Publish { flags } => Packet::Publish(publish(flags, body)?),
        Kind::PubRel => Packet::PubRel(body.only_id()?),
        Kind::Connect => Packet::Connect(connect(body)?),
        Kind::Subscribe => subscribe(body)?,
        Kind::Unsubscribe => unsubscribe(body)?,
        Kind::PingReq => body.empty().map(|()| Packet::PingReq)?,
        Kind::Disconnect => body.empty().map(|()| Packet::Disconnect)?,
    };
    Ok(Decoded::Packet { packet, length })
}

/// Whether bytes begin like a CONNECT.
pub fn is_connect(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 4 == 1)
}

/// The client's id in a CONNECT that is not accepted, for people to know whom it was about: of any version of MQTT, and as
/// far as it can be made out.
pub fn client_of_connect(bytes: &[u8]) -> Option<&str> {
    if !is_connect(bytes) {
        return None;
    }
    let rest = bytes.get(1..)?;
    let (_, length_bytes) = remaining_length(rest).ok()??;
    let mut body = Body { rest: rest.get(length_bytes..)?, packet: Kind::Connect.name() };
    body.bytes().ok()?;
    let level = body.byte().ok()?;
    let [_flags, _, _] = body.take().ok()?;
    if level == 5 {
        let (properties, length_bytes) = remaining_length(body.rest).ok()??;
        body.rest = body.rest.get(length_bytes + properties..)?;
    }
    body.string("the client id is not UTF-8").ok()
}

/// The packet types that a publisher sends.
#[derive(Clone, Copy)]
enum Kind {
    Connect,
    Publish { flags: u8 },
    PubRel,
    Subscribe,
    Unsubscribe,
    PingReq,
    Disconnect,
}

impl Kind {
    /// Reads the first byte: the type, and flags that are fixed for all types but PUBLISH (section 2.2.2).
    fn of(first: u8) -> Result<Self, PacketError> {
        let flags = first & 0x0f;
        let (kind, required) = match first >> 4 {
            3 => return Ok(Self::Publish { flags }),
            1 => (Self::Connect, 0),
            6 => (Self::PubRel, 2),
            8 => (Self::Subscribe, 2),
            10 => (Self::Unsubscribe, 2),
            12 => (Self::PingReq, 0),
            14 => (Self::Disconnect, 0),
            other => return Err(PacketError::Unexpected(other)),
        };
        if flags != required {
            return Err(PacketError::Malformed { packet: kind.name(), what: "reserved flags are set" });
        }
        Ok(kind)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Publish { .. } => "PUBLISH",
            Self::PubRel => "PUBREL",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::PingReq => "PINGREQ",
            Self::Disconnect => "DISCONNECT",
        }
    }
}

/// The remaining length, which stands behind a packet's first byte, and how many bytes it takes (section 2.2.3); `None`
/// when it is not all there.
///
/// # Errors
/// When it takes more than four bytes.
pub fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, PacketError> {
    let mut length = 0;
    for (index, byte) in bytes.iter().take(MAX_HEADER_BYTES - 1).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 1)));
        }
    }
    if bytes.len() < MAX_HEADER_BYTES - 1 { Ok(None) } else { Err(PacketError::Length) }
}

fn publish(flags: u8, mut body: Body<'_>) -> Result<Publish<'_>, PacketError> {
    let topic = body.string("its topic is not UTF-8")?;
    if topic.is_empty() {
        return Err(body.malformed("its topic is empty"));
    }
    if topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(body.malformed("its topic holds a wildcard"));
    }
    let delivery = match flags >> 1 & 3 {
        0 => Delivery::AtMostOnce,
        1 => Delivery::AtLeastOnce(body.id()?),
        2 => Delivery::ExactlyOnce(body.id()?),
        _ => return Err(body.malformed("QoS 3 does not exist")),
    };
    Ok(Publish { topic, payload: body.rest, delivery, retained: flags & 1 == 1 })
}

fn connect(mut body: Body<'_>) -> Result<Connect<'_>, PacketError> {
    let protocol = body.bytes()?;
    let level = body.byte()?;
    match (protocol, level) {
        // What a publisher sends is the same in MQTT 3.1.
        (b"MQTT", 4) | (b"MQIsdp", 3) => {}
        (b"MQTT" | b"MQIsdp", _) => return Err(PacketError::Version { level }),
        _ => return Err(PacketError::Protocol),
    }
    let flags = body.byte()?;
    if flags & 0x01 != 0 {
        return Err(body.malformed("a reserved flag is set"));
    }
    let keep_alive_secs = body.u16()?;
    let client = body.string("the client id is not UTF-8")?;
    let session = if flags & 0x02 == 0 { CleanSession::No } else { CleanSession::Yes };
    let will = match (flags & 0x04 != 0, flags >> 3 & 7) {
        (true, options) if options & 3 < 3 => {
            body.string("the topic of its will is not UTF-8")?;
            body.bytes()?;
            Will::Given
        }
        (true, _) => return Err(body.malformed("QoS 3 does not exist")),
        (false, 0) => Will::None,
        (false, _) => return Err(body.malformed("it describes a will that is not there")),
    };
    match (flags & 0x80 != 0, flags & 0x40 != 0) {
        (true, true) => {
            body.string("the user name is not UTF-8")?;
            body.bytes()?;
        }
        (true, false) => {
            body.string("the user name is not UTF-8")?;
        }
        (false, true) => return Err(body.malformed("a password without a user name")),
        (false, false) => {}
    }
    body.empty()?;
    Ok(Connect { client, session, keep_alive_secs, will })
}

fn subscribe(mut body: Body<'_>) -> Result<Packet<'_>, PacketError> {
    let id = body.id()?;
    let mut filters = 0;
    while !body.rest.is_empty() || filters == 0 {
        body.string("a topic filter is not UTF-8")?;
        if body.byte()? > 2 {
            return Err(body.malformed("QoS above 2"));
        }
        filters += 1;
    }
    Ok(Packet::Subscribe { id, filters })
}

fn unsubscribe(mut body: Body<'_>) -> Result<Packet<'_>, PacketError> {
    let id = body.id()?;
    body.string("a topic filter is not UTF-8")?;
    while !body.rest.is_empty() {
        body.string("a topic filter is not UTF-8")?;
    }
    Ok(Packet::Unsubscribe(id))
}

/// The bytes behind a packet's fixed header, read from the front.
struct Body<'a> {
    rest: &'a [u8],
    packet: &'static str,
}

impl<'a> Body<'a> {
    fn malformed(&self, what: &'static str) -> PacketError {
        PacketError::Malformed { packet: self.packet, what }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], PacketError> {
        let (head, tail) = self.rest.split_first_chunk().ok_or_else(|| self.malformed("it ends too early"))?;
        self.rest = tail;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, PacketError> {
        self.take().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, PacketError> {
        self.take().map(u16::from_be_bytes)
    }

    fn id(&mut self) -> Result<PacketId, PacketError> {
        let id = self.u16()?;
        PacketId::new(id).ok_or_else(|| self.malformed("its packet id is zero"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], PacketError> {
        let length = usize::from(self.u16()?);
        let (head, tail) = self.rest.split_at_checked(length).ok_or_else(|| self.malformed("it ends too early"))?;
        self.rest = tail;
        Ok(head)
    }

    /// A string (section 1.5.3): UTF-8 without NUL.
    fn string(&mut self, otherwise: &'static str) -> Result<&'a str, PacketError> {
        let text = str::from_utf8(self.bytes()?).map_err(|_| self.malformed(otherwise))?;
        if text.bytes().any(|byte| byte == 0) {
            return Err(self.malformed("a text in it holds NUL"));
        }
        Ok(text)
    }

    fn empty(&self) -> Result<(), PacketError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed("it is longer than its content")) }
    }

    fn only_id(mut self) -> Result<PacketId, PacketError> {
        let id = self.id()?;
        self.empty().map(|()| id)
    }
}
