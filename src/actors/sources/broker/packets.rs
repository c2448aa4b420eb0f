//! Cuts packets out of the bytes that a broker sends. Pure: the caller reads the socket and hands over the bytes.
//!
//! A message that is larger than accepted is passed over without being held in memory; its topic, its id and its
//! beginning are kept. So it can be refused and acknowledged like any other message that is not accepted. If the
//! connection were closed instead, the broker would send the message again, before all others, on every later
//! connection.

use bytes::{Buf, Bytes, BytesMut};
use rumqttc::{Packet, mqttbytes};

use crate::ingest::packet::{Delivery, PacketId, remaining_length};
use crate::reading::Reject;

/// A packet from a broker.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// A message on a topic that we subscribed to.
    Message(Message),
    /// Any other packet.
    Control(Packet),
}

/// A message on a topic that we subscribed to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// Its topic, which a broker should send in UTF-8.
    pub(super) topic: Bytes,
    /// How it is to be acknowledged.
    pub(super) delivery: Delivery,
    /// Whether the broker kept the message from earlier.
    pub(super) retained: bool,
    /// The content.
    pub(super) payload: Payload,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Payload {
    /// All bytes of it.
    Whole(Bytes),
    /// Its beginning: the packet is larger than accepted.
    TooLarge { beginning: Bytes, packet_bytes: usize },
}

impl Payload {
    /// How many bytes of it were kept.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Whole(payload) | Self::TooLarge { beginning: payload, .. } => payload.len(),
        }
    }
}

/// Bytes that are not a packet which a broker may send. What follows them cannot be read either.
#[derive(Debug, thiserror::Error)]
pub(super) enum PacketError {
    #[error("a packet's length is written in more than four bytes")]
    Length,
    #[error("a PUBLISH {0}")]
    Publish(&'static str),
    #[error(
        "a packet of type {kind} with {bytes} bytes, which is no message; at most {max} are accepted",
        max = PacketReader::MAX_CONTROL_BYTES
    )]
    ControlTooLarge { kind: u8, bytes: usize },
    #[error("{0}")]
    Control(mqttbytes::Error),
}

/// Cuts packets out of bytes.
#[derive(Debug)]
pub(super) struct PacketReader {
    bytes: BytesMut,
    max_packet_bytes: usize,
    passing_over: Option<PassingOver>,
}

/// A message that is being passed over.
#[derive(Debug)]
struct PassingOver {
    message: Message,
    left_bytes: usize,
}

impl PacketReader {
    /// The largest packet accepted that is no message, whatever the bound on messages: a SUBACK has a byte for each of our
    /// subscriptions.
    const MAX_CONTROL_BYTES: usize = 64 << 10;

    /// A reader that passes over messages whose packet is larger than `max_packet_bytes`.
    pub(super) fn new(max_packet_bytes: usize) -> Self {
        Self { bytes: BytesMut::new(), max_packet_bytes, passing_over: None }
    }

    /// The buffer to which further bytes are appended. Between two calls of [`next`](Self::next) that return `None` it
    /// grows at most to one packet of the largest size accepted, or to the longest topic.
    pub(super) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// The next packet; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no packet that a broker may send.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, PacketError> {
        if let Some(passing) = &mut self.passing_over {
            let here = passing.left_bytes.min(self.bytes.len());
            self.bytes.advance(here);
            passing.left_bytes -= here;
            return Ok(self.passing_over.take_if(|passing| passing.left_bytes == 0).map(PassingOver::into_incoming));
        }
        let Some(header) = Header::read(&self.bytes)? else { return Ok(None) };
        let packet_bytes = header.bytes + header.remaining_bytes;
        if !header.is_publish() && packet_bytes > Self::MAX_CONTROL_BYTES {
            return Err(PacketError::ControlTooLarge { kind: header.first >> 4, bytes: packet_bytes });
        }
        if header.is_publish() && packet_bytes > self.max_packet_bytes {
            return self.pass_over(&header);
        }
        if self.bytes.len() < packet_bytes {
            self.bytes.reserve(packet_bytes - self.bytes.len());
            return Ok(None);
        }
        let mut packet = self.bytes.split_to(packet_bytes);
        if !header.is_publish() {
            return Packet::read(&mut packet, packet_bytes)
                .map(|packet| Some(Incoming::Control(packet)))
                .map_err(PacketError::Control);
        }
        packet.advance(header.bytes);
        let mut packet = packet.freeze();
        let head = PublishHead::read(&header, &packet)?.ok_or(PacketError::Publish("that ends too early"))?;
        let payload = Payload::Whole(packet.split_off(head.bytes));
        Ok(Some(Incoming::Message(head.into_message(&packet, &header, payload))))
    }

    /// Takes the kept parts of a message that is too large, as soon as they are there.
    fn pass_over(&mut self, header: &Header) -> Result<Option<Incoming>, PacketError> {
        let packet_bytes = header.bytes + header.remaining_bytes;
        let body = &self.bytes[header.bytes..];
        let Some(head) = PublishHead::read(header, body)? else { return Ok(None) };
        let beginning_end = header.remaining_bytes.min(head.bytes + Reject::MAX_EXCERPT_BYTES);
        let Some(beginning) = body.get(head.bytes..beginning_end) else { return Ok(None) };
        let payload = Payload::TooLarge { beginning: Bytes::copy_from_slice(beginning), packet_bytes };
        // Copied: a slice would keep the whole buffer alive.
        let kept = Bytes::copy_from_slice(&body[..head.bytes]);
        let message = head.into_message(&kept, header, payload);
        self.passing_over = Some(PassingOver { message, left_bytes: packet_bytes });
        self.next()
    }
}

impl PassingOver {
    fn into_incoming(self) -> Incoming {
        Incoming::Message(self.message)
    }
}

/// A packet's fixed header (MQTT 3.1.1, section 2.2).
struct Header {
    first: u8,
    bytes: usize,
    remaining_bytes: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Option<Self>, PacketError> {
        let [first, rest @ ..] = bytes else { return Ok(None) };
        let length = remaining_length(rest).map_err(|_| PacketError::Length)?;
        Ok(length.map(|(remaining_bytes, bytes)| Self { first: *first, bytes: 1 + bytes, remaining_bytes }))
    }

    fn is_publish(&self) -> bool {
        self.first >> 4 == 3
    }
}

/// The fields before the payload in a PUBLISH (section 3.3.2).
struct PublishHead {
    topic_bytes: usize,
    delivery: Delivery,
    bytes: usize,
}

impl PublishHead {
    /// Reads the fields from the bytes behind the fixed header; `None` when they are not all there.
    fn read(header: &Header, body: &[u8]) -> Result<Option<Self>, PacketError> {
        const TOO_SHORT: PacketError = PacketError::Publish("that is shorter than its topic");
        let id_bytes = if header.first & 6 == 0 { 0 } else { 2 };
        let Some([high, low]) = body.first_chunk() else {
            return if header.remaining_bytes < 2 { Err(TOO_SHORT) } else { Ok(None) };
        };
        let topic_bytes = usize::from(u16::from_be_bytes([*high, *low]));
        let bytes = 2 + topic_bytes + id_bytes;
        if bytes > header.remaining_bytes {
            return Err(TOO_SHORT);
        }
        let Some(id) = body.get(2 + topic_bytes..bytes) else { return Ok(None) };
        let id = || match id {
            [high, low] => PacketId::new(u16::from_be_bytes([*high, *low])),
            _ => None,
        };
        let id = || id().ok_or(PacketError::Publish("whose packet id is zero"));
        let delivery = match header.first >> 1 & 3 {
            0 => Delivery::AtMostOnce,
            1 => Delivery::AtLeastOnce(id()?),
            2 => Delivery::ExactlyOnce(id()?),
            _ => return Err(PacketError::Publish("with QoS 3, which does not exist")),
        };
        Ok(Some(Self { topic_bytes, delivery, bytes }))
    }

    fn into_message(self, body: &Bytes, header: &Header, payload: Payload) -> Message {
        let topic = body.slice(2..2 + self.topic_bytes);
        Message { topic, delivery: self.delivery, retained: header.first & 1 == 1, payload }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 300;

    /// A PUBLISH as a broker writes it.
    fn publish(flags: u8, topic: &[u8], id: Option<u16>, payload: &[u8]) -> Vec<u8> {
        let id = id.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec());
        let topic_length = u16::try_from(topic.len()).unwrap().to_be_bytes();
        packet(0x30 | flags, &[&topic_length, topic, &id, payload].concat())
    }

    fn packet(first: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        let mut left = body.len();
        loop {
            let byte = u8::try_from(left % 128).unwrap();
            left /= 128;
            bytes.push(if left > 0 { byte | 0x80 } else { byte });
            if left == 0 {
                return [bytes, body.to_vec()].concat();
            }
        }
    }

    /// What is read from bytes that arrive in pieces, and the most bytes that were held.
    fn read(pieces: &[&[u8]]) -> (Vec<Incoming>, usize) {
        let mut reader = PacketReader::new(MAX);
        let (mut read, mut most) = (Vec::new(), 0);
        for piece in pieces {
            reader.bytes().extend_from_slice(piece);
            while let Some(incoming) = reader.next().unwrap() {
                read.push(incoming);
            }
            most = most.max(reader.bytes().len());
        }
        (read, most)
    }

    fn refusal(bytes: &[u8]) -> String {
        let mut reader = PacketReader::new(MAX);
        reader.bytes().extend_from_slice(bytes);
        reader.next().unwrap_err().to_string()
    }

    #[test]
    fn a_message_over_the_bound_is_passed_over_and_leaves_its_topic_its_id_and_its_beginning() {
        let payload = vec![b'x'; 100_000];
        let bytes = [publish(5, b"plant/big", Some(7), &payload), publish(2, b"a", Some(8), b"1")].concat();
        let pieces: Vec<_> = bytes.chunks(64).collect();
        let (read, most) = read(&pieces);
        let [Incoming::Message(big), Incoming::Message(small)] = &read[..] else { panic!("{read:?}") };
        assert_eq!((&big.topic[..], big.retained), (&b"plant/big"[..], true));
        assert_eq!(big.delivery, Delivery::ExactlyOnce(PacketId::new(7).unwrap()));
        let beginning = Bytes::from(vec![b'x'; Reject::MAX_EXCERPT_BYTES]);
        assert_eq!(big.payload, Payload::TooLarge { beginning, packet_bytes: 4 + 2 + 9 + 2 + payload.len() });
        assert_eq!(small.payload, Payload::Whole(Bytes::from_static(b"1")));
        assert!(most <= MAX, "{most} bytes were held");
    }

    #[test]
    fn the_largest_packet_accepted_is_taken_whole() {
        let payload = vec![b'x'; MAX - 3 - 2 - 1];
        let bytes = publish(0, b"a", None, &payload);
        assert_eq!(bytes.len(), MAX);
        let (read, _) = read(&[&bytes]);
        let [Incoming::Message(Message { payload: Payload::Whole(taken), .. })] = &read[..] else { panic!("{read:?}") };
        assert_eq!(taken[..], payload);
    }

    #[test]
    fn bytes_that_are_no_packet_are_refused_with_a_reason() {
        for (bytes, part) in [
            (&b"\x30\xff\xff\xff\xff\x01"[..], "more than four bytes"),
            (b"\x30\x01\x00", "shorter than its topic"),
            (b"\x30\x03\x00\x09a", "shorter than its topic"),
            (b"\x32\x03\x00\x01a", "shorter than its topic"),
            (b"\x32\x05\x00\x01a\x00\x00", "packet id is zero"),
            (b"\x36\x05\x00\x01a\x00\x01", "QoS 3"),
            (b"\x90\x80\x80\x04", "type 9 with 65540 bytes"),
        ] {
            assert!(refusal(bytes).contains(part), "{}", refusal(bytes));
        }
    }

    #[test]
    fn a_packet_that_is_no_message_may_be_larger_than_one() {
        let codes = [&[0, 1][..], &[1; 1000]].concat();
        let (read, _) = read(&[&packet(0x90, &codes)]);
        let [Incoming::Control(Packet::SubAck(ack))] = &read[..] else { panic!("{read:?}") };
        assert_eq!(ack.return_codes.len(), 1000);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_bytes_arrive(
            sizes in prop::collection::vec((0..1000_usize, 0..3_u8), 1..6),
            cuts in prop::collection::vec(1..200_usize, 1..40),
        ) {
            let bytes: Vec<u8> = sizes.iter().flat_map(|(size, qos)| {
                publish(qos << 1, b"plant/a", (*qos > 0).then_some(3), &vec![b'x'; *size])
            }).chain(*b"\xd0\x00").collect();
            let mut pieces = Vec::new();
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                pieces.push(piece);
                rest = after;
            }
            let (whole, _) = read(&[&bytes]);
            let (in_pieces, most) = read(&pieces);
            prop_assert_eq!(&whole, &in_pieces);
            prop_assert_eq!(whole.len(), sizes.len() + 1);
            prop_assert!(most <= MAX);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut reader = PacketReader::new(MAX);
            reader.bytes().extend_from_slice(&bytes);
            while let Ok(Some(_)) = reader.next() {}
        }
    }
}
