//! The bytes of a block of rejects.

use std::sync::Arc;

use super::{StoredReject, StoredRejects};
use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::{Reject, RejectScope, RejectedMessage, RejectedReading, Rejects};
use crate::sensor::SensorName;
use crate::store::fields::{self, FieldWriter, Fields, put_field};
use crate::time::Timestamp;

/// The format of a block. Earlier versions have the number of the block in its place, and no number comes near this one.
const FORMAT: u64 = u64::MAX;

/// The fields of a block. A message stands before the rejects that it became.
mod tag {
    pub(super) const NUMBER: u64 = 1;
    pub(super) const COUNT: u64 = 2;
    pub(super) const MESSAGE: u64 = 3;
    pub(super) const REJECT: u64 = 4;
}

/// The fields of a message.
mod message_tag {
    pub(super) const TOPIC: u64 = 1;
    pub(super) const PAYLOAD: u64 = 2;
    pub(super) const RETAINED: u64 = 3;
}

/// The fields of a reject.
mod reject_tag {
    pub(super) const RECEIVED: u64 = 1;
    pub(super) const ORIGIN: u64 = 2;
    pub(super) const KIND: u64 = 3;
    pub(super) const REASON: u64 = 4;
    pub(super) const EXCERPT: u64 = 5;
    /// It is of the last message before it.
    pub(super) const OF_MESSAGE: u64 = 6;
    /// It is one reading of its message, not all of it.
    pub(super) const ONE_READING: u64 = 7;
    pub(super) const READING: u64 = 8;
}

pub(super) fn encode(number: u64, rejects: &Rejects) -> Vec<u8> {
    let mut block = FieldWriter::new(FORMAT);
    block.number(tag::NUMBER, number);
    for (kind, count) in rejects.counts() {
        let mut value = Encoder::default();
        value.blob(kind.as_bytes());
        value.unsigned(count);
        block.field(tag::COUNT, &value.into_bytes());
    }
    let mut written: Option<&Arc<RejectedMessage>> = None;
    for reject in rejects.kept() {
        if let Some(message) = &reject.message
            && !written.is_some_and(|written| Arc::ptr_eq(written, message))
        {
            block.field(tag::MESSAGE, &message_fields(message));
            written = Some(message);
        }
        block.field(tag::REJECT, &reject_fields(reject));
    }
    block.sealed()
}

fn message_fields(message: &RejectedMessage) -> Vec<u8> {
    let mut value = Encoder::default();
    put_field(&mut value, message_tag::TOPIC, message.topic.as_bytes());
    put_field(&mut value, message_tag::PAYLOAD, &message.payload);
    if message.is_retained {
        put_field(&mut value, message_tag::RETAINED, &[]);
    }
    value.into_bytes()
}

fn reject_fields(reject: &Reject) -> Vec<u8> {
    let mut value = Encoder::default();
    let mut received = Encoder::default();
    received.signed(reject.received.nanos());
    put_field(&mut value, reject_tag::RECEIVED, &received.into_bytes());
    let reason = reject.reason.to_string();
    let texts = [
        (reject_tag::ORIGIN, reject.origin.as_str()),
        (reject_tag::KIND, reject.reason.kind()),
        (reject_tag::REASON, &reason),
        (reject_tag::EXCERPT, &reject.excerpt),
    ];
    for (tag, text) in texts {
        put_field(&mut value, tag, text.as_bytes());
    }
    if reject.message.is_some() {
        put_field(&mut value, reject_tag::OF_MESSAGE, &[]);
    }
    if reject.scope == RejectScope::Reading {
        put_field(&mut value, reject_tag::ONE_READING, &[]);
    }
    if let Some(RejectedReading { sensor, time, value: reading }) = &reject.reading {
        let mut fields = Encoder::default();
        fields.blob(sensor.device().as_bytes());
        fields.blob(sensor.sensor().as_bytes());
        fields.signed(time.nanos());
        fields.float(*reading);
        put_field(&mut value, reject_tag::READING, &fields.into_bytes());
    }
    value.into_bytes()
}

/// The number of a block.
pub(in crate::store) fn number_of_block(block: &[u8]) -> Result<u64, Corrupt> {
    let first = Decoder::new(block).unsigned()?;
    if first != FORMAT {
        return Ok(first);
    }
    let number = fields::unsealed(block, FORMAT)?
        .find_map(|field| field.map(|(tag, value)| (tag == tag::NUMBER).then_some(value)).transpose())
        .ok_or(Corrupt)?;
    fields::number(number?)
}

/// The rejects of a block. Whether they were replayed is not in it.
pub(in crate::store) fn decode(block: &[u8]) -> Result<StoredRejects, Corrupt> {
    let number = number_of_block(block)?;
    if Decoder::new(block).unsigned()? != FORMAT {
        return decode_before_fields(block);
    }
    let (mut counts, mut kept, mut message) = (Vec::new(), Vec::new(), None);
    for field in fields::unsealed(block, FORMAT)? {
        match field? {
            (tag::COUNT, value) => {
                let mut decoder = Decoder::new(value);
                counts.push((decoder.text()?.to_owned(), decoder.unsigned()?));
            }
            (tag::MESSAGE, value) => message = Some(Arc::new(decode_message(value)?)),
            (tag::REJECT, value) => kept.push(decode_reject(value, message.as_ref())?),
            _ => {}
        }
    }
    Ok(StoredRejects { number, kept, counts })
}

fn decode_message(value: &[u8]) -> Result<RejectedMessage, Corrupt> {
    let mut message = RejectedMessage { topic: String::new(), payload: Vec::new(), is_retained: false };
    for field in Fields::within(value) {
        match field? {
            (message_tag::TOPIC, topic) => message.topic = text(topic)?,
            (message_tag::PAYLOAD, payload) => message.payload = payload.to_owned(),
            (message_tag::RETAINED, _) => message.is_retained = true,
            _ => {}
        }
    }
    Ok(message)
}

fn decode_reject(value: &[u8], message: Option<&Arc<RejectedMessage>>) -> Result<StoredReject, Corrupt> {
    let mut received = None;
    let mut reject = StoredReject {
        received: Timestamp::default(),
        origin: String::new(),
        kind: String::new(),
        reason: String::new(),
        excerpt: String::new(),
        message: None,
        scope: RejectScope::Message,
        reading: None,
        is_replayed: false,
    };
    for field in Fields::within(value) {
        match field? {
            (reject_tag::RECEIVED, nanos) => {
                received = Some(Timestamp::from_nanos(Decoder::new(nanos).signed()?));
            }
            (reject_tag::ORIGIN, value) => reject.origin = text(value)?,
            (reject_tag::KIND, value) => reject.kind = text(value)?,
            (reject_tag::REASON, value) => reject.reason = text(value)?,
            (reject_tag::EXCERPT, value) => reject.excerpt = text(value)?,
            (reject_tag::OF_MESSAGE, _) => reject.message = Some(Arc::clone(message.ok_or(Corrupt)?)),
            (reject_tag::ONE_READING, _) => reject.scope = RejectScope::Reading,
            (reject_tag::READING, value) => reject.reading = Some(decode_reading(value)?),
            _ => {}
        }
    }
    reject.received = received.ok_or(Corrupt)?;
    Ok(reject)
}

fn decode_reading(value: &[u8]) -> Result<RejectedReading, Corrupt> {
    let mut decoder = Decoder::new(value);
    let sensor = SensorName::new(decoder.text()?, decoder.text()?).map_err(|_| Corrupt)?;
    let time = Timestamp::from_nanos(decoder.signed()?);
    Ok(RejectedReading { sensor, time, value: decoder.float()? })
}

fn text(value: &[u8]) -> Result<String, Corrupt> {
    str::from_utf8(value).map(str::to_owned).map_err(|_| Corrupt)
}

/// A block of a version that knew no fields.
fn decode_before_fields(block: &[u8]) -> Result<StoredRejects, Corrupt> {
    let mut decoder = Decoder::new(block);
    let number = decoder.unsigned()?;
    let mut counts = Vec::new();
    for _ in 0..decoder.unsigned()? {
        counts.push((decoder.text()?.to_owned(), decoder.unsigned()?));
    }
    let mut kept = Vec::new();
    while !decoder.is_at_end() {
        let received = Timestamp::from_nanos(decoder.signed()?);
        let [origin, kind, reason, excerpt] =
            [decoder.text()?, decoder.text()?, decoder.text()?, decoder.text()?].map(str::to_owned);
        let (message, scope, reading) = (None, RejectScope::Message, None);
        kept.push(StoredReject {
            received,
            origin,
            kind,
            reason,
            excerpt,
            message,
            scope,
            reading,
            is_replayed: false,
        });
    }
    Ok(StoredRejects { number, kept, counts })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reading::RejectReason;

    /// A block as versions wrote it that knew no fields.
    fn encoded_before_fields(number: u64, rejects: &Rejects) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.unsigned(number);
        encoder.unsigned(rejects.counts().count() as u64);
        for (kind, count) in rejects.counts() {
            encoder.blob(kind.as_bytes());
            encoder.unsigned(count);
        }
        for reject in rejects.kept() {
            encoder.signed(reject.received.nanos());
            let reason = reject.reason.to_string();
            for text in [&reject.origin, reject.reason.kind(), &reason, &reject.excerpt] {
                encoder.blob(text.as_bytes());
            }
        }
        encoder.into_bytes()
    }

    fn stored(rejects: &Rejects, number: u64) -> StoredRejects {
        let kept = rejects.kept().iter().map(StoredReject::of);
        let counts = rejects.counts().map(|(kind, count)| (kind.to_owned(), count)).collect();
        StoredRejects { number, kept: kept.collect(), counts }
    }

    fn reason() -> impl Strategy<Value = RejectReason> {
        prop_oneof![
            Just(RejectReason::NoRoute),
            ".{0,20}".prop_map(RejectReason::Payload),
            any::<f64>().prop_map(|value| RejectReason::OutOfRange { value, min: 0.0, max: 1.0 }),
        ]
    }

    fn reject() -> impl Strategy<Value = Reject> {
        let message = ("[a-z/]{0,9}", prop::collection::vec(0..3_u8, 0..6), any::<bool>());
        let message = message.prop_map(|(topic, payload, is_retained)| RejectedMessage { topic, payload, is_retained });
        let reading =
            ("[a-z/]{1,9}", "[a-z]{1,9}", any::<i64>(), -1e9..1e9).prop_map(|(device, sensor, time, value)| {
                let sensor = SensorName::new(&device, &sensor).unwrap();
                RejectedReading { sensor, time: Timestamp::from_nanos(time), value }
            });
        let scope = prop_oneof![Just(RejectScope::Message), Just(RejectScope::Reading)];
        (any::<i64>(), reason(), prop::option::of(message), scope, prop::option::of(reading)).prop_map(
            |(received, reason, message, scope, reading)| {
                let message = message.map(Arc::new);
                let reject = Reject::of_payload(Timestamp::from_nanos(received), "a/b", b"oops\n", reason);
                Reject { message, scope, reading, ..reject }
            },
        )
    }

    fn rejects() -> impl Strategy<Value = Rejects> {
        prop::collection::vec(reject(), 0..40).prop_map(|list| {
            let mut rejects = Rejects::default();
            list.into_iter().for_each(|reject| rejects.push(reject.reason.kind(), || reject));
            rejects
        })
    }

    proptest! {
        #[test]
        fn a_block_comes_back_as_it_was(rejects in rejects(), number in 0..u64::MAX / 2) {
            let block = encode(number, &rejects);
            prop_assert_eq!(number_of_block(&block), Ok(number));
            prop_assert_eq!(decode(&block), Ok(stored(&rejects, number)));
        }

        #[test]
        fn a_block_of_an_earlier_version_comes_back_without_messages(
            rejects in rejects(),
            number in 0..u64::MAX / 2,
        ) {
            let block = encoded_before_fields(number, &rejects);
            let mut expected = stored(&rejects, number);
            for reject in &mut expected.kept {
                (reject.message, reject.scope, reject.reading) = (None, RejectScope::Message, None);
            }
            prop_assert_eq!(number_of_block(&block), Ok(number));
            prop_assert_eq!(decode(&block), Ok(expected));
        }

        #[test]
        fn a_damaged_block_is_an_error(rejects in rejects(), at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut block = encode(7, &rejects);
            let at = at.index(block.len());
            block[at] ^= 1_u8 << bit;
            // The first bytes tell which version wrote the block; all others stand under the checksum.
            prop_assert!(at < 10 || decode(&block).is_err());
        }

        #[test]
        fn any_bytes_are_a_block_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
            let sealed = {
                let mut block = FieldWriter::new(FORMAT);
                block.field(tag::REJECT, &bytes);
                block.field(tag::MESSAGE, &bytes);
                block.sealed()
            };
            let _ = decode(&sealed);
        }
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let mut block = FieldWriter::new(FORMAT);
        block.number(tag::NUMBER, 3);
        block.field(99, b"more");
        let mut reject = Encoder::after(reject_fields(&Reject::of_payload(
            Timestamp::default(),
            "a/b",
            b"oops",
            RejectReason::NoRoute,
        )));
        put_field(&mut reject, 99, b"more");
        block.field(tag::REJECT, &reject.into_bytes());
        let rejects = decode(&block.sealed()).unwrap();
        assert_eq!((rejects.number, rejects.kept[0].origin.as_str()), (3, "a/b"));
    }
}
