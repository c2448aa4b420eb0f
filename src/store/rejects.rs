//! Rejects as they are stored: the rejects of one commit in a block, and the blocks in a ring.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::{Reject, Rejects};
use crate::store::StoreError;
use crate::store::db::Table;
use crate::store::unreadable::UnreadableEntries;
use crate::time::Timestamp;

/// The rejects of one commit as they were stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRejects {
    /// The rejects that were kept whole.
    pub kept: Vec<StoredReject>,
    /// How many rejects there were of each kind, those that were kept included.
    pub counts: Vec<(String, u64)>,
}

/// A reject as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredReject {
    /// When the input came in.
    pub received: Timestamp,
    /// The topic or sensor of the reject.
    pub origin: String,
    /// The kind of reason.
    pub kind: String,
    /// The reason.
    pub reason: String,
    /// The beginning of the input.
    pub excerpt: String,
}

impl StoredReject {
    /// A reject as it will be stored.
    pub fn of(Reject { received, origin, reason, excerpt }: &Reject) -> Self {
        Self {
            received: *received,
            origin: origin.clone(),
            kind: reason.kind().to_owned(),
            reason: reason.to_string(),
            excerpt: excerpt.clone(),
        }
    }
}

/// The key of a block, by its number.
pub(super) fn block_key(number: u64, slots: u32) -> [u8; 8] {
    (number % u64::from(slots.max(1))).to_be_bytes()
}

#[derive(Debug)]
pub(super) struct RejectRing {
    next: u64,
}

impl RejectRing {
    pub(super) fn open(table: &Table, slots: u32) -> Result<Self, StoreError> {
        let mut next = 0;
        for block in blocks(table, slots)? {
            // A block that a crash cut short is overwritten when its turn comes. No number comes near the last one.
            let number = Decoder::new(&block).unsigned().ok().filter(|number| *number < u64::MAX / 2);
            next = next.max(number.map_or(0, |number| number + 1));
        }
        Ok(Self { next })
    }

    /// The next block, with its number.
    pub(super) fn block(&mut self, rejects: &Rejects) -> (u64, Vec<u8>) {
        let mut encoder = Encoder::default();
        encoder.unsigned(self.next);
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
        let number = self.next;
        self.next += 1;
        (number, encoder.into_bytes())
    }
}

/// The rejects of all commits that are kept, the oldest first.
pub(super) fn read(
    table: &Table,
    slots: u32,
    unreadable: &UnreadableEntries,
) -> Result<Vec<StoredRejects>, StoreError> {
    let mut stored = Vec::new();
    for (slot, block) in (0_u64..).zip(blocks(table, slots)?) {
        match decode(&block) {
            Ok(rejects) => stored.push(rejects),
            Err(Corrupt) => unreadable.add("rejects", &slot.to_be_bytes(), "the rejects of a commit"),
        }
    }
    stored.sort_by_key(|(number, _)| *number);
    Ok(stored.into_iter().map(|(_, rejects)| rejects).collect())
}

/// The blocks in the order of their slots. Slots are filled from the first.
fn blocks(table: &Table, slots: u32) -> Result<Vec<Vec<u8>>, StoreError> {
    let block = |slot: u64| match table.get_parts(&slot.to_be_bytes()) {
        Err(StoreError::Damaged) => Some(Ok(Vec::new())),
        block => block.transpose(),
    };
    (0..u64::from(slots)).map_while(block).collect()
}

/// The rejects of a commit, with the number of their block.
pub(super) fn decode(block: &[u8]) -> Result<(u64, StoredRejects), Corrupt> {
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
        kept.push(StoredReject { received, origin, kind, reason, excerpt });
    }
    Ok((number, StoredRejects { kept, counts }))
}
