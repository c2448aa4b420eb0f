//! Rejects as they are stored: those of one commit in a block, the blocks in a ring.

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::Rejects;
use crate::store::StoreError;
use crate::store::db::Table;
use crate::time::Timestamp;

/// A reject as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredReject {
    /// When the input came in.
    pub received: Timestamp,
    /// The topic or sensor that it came under.
    pub origin: String,
    /// The kind of reason.
    pub kind: String,
    /// The reason.
    pub reason: String,
    /// The beginning of the input.
    pub excerpt: String,
}

#[derive(Debug)]
pub(super) struct RejectRing {
    table: Table,
    slots: u64,
    next: u64,
}

impl RejectRing {
    pub(super) fn open(table: Table, slots: u32) -> Result<Self, StoreError> {
        let mut next = 0;
        for block in blocks(&table, slots)? {
            next = next.max(Decoder::new(&block).unsigned()? + 1);
        }
        Ok(Self { table, slots: u64::from(slots.max(1)), next })
    }

    pub(super) fn append(&mut self, rejects: &Rejects) -> Result<(), StoreError> {
        let mut encoder = Encoder::default();
        encoder.unsigned(self.next);
        for reject in rejects.kept() {
            encoder.signed(reject.received.nanos());
            let reason = reject.reason.to_string();
            for text in [&reject.origin, reject.reason.kind(), &reason, &reject.excerpt] {
                encoder.blob(text.as_bytes());
            }
        }
        let slot = self.next % self.slots;
        self.table.put_parts(&slot.to_be_bytes(), &encoder.into_bytes())?;
        self.next += 1;
        Ok(())
    }
}

/// All rejects that are kept, the oldest first.
pub(super) fn read(table: &Table, slots: u32) -> Result<Vec<StoredReject>, StoreError> {
    let mut blocks = blocks(table, slots)?;
    blocks.sort_by_key(|block| Decoder::new(block).unsigned());
    let mut rejects = Vec::new();
    for block in &blocks {
        decode(block, &mut rejects)?;
    }
    Ok(rejects)
}

/// The blocks in the order of their slots, which are filled from the first.
fn blocks(table: &Table, slots: u32) -> Result<Vec<Vec<u8>>, StoreError> {
    (0..u64::from(slots)).map_while(|slot| table.get_parts(&slot.to_be_bytes()).transpose()).collect()
}

fn decode(block: &[u8], rejects: &mut Vec<StoredReject>) -> Result<(), Corrupt> {
    let mut decoder = Decoder::new(block);
    decoder.unsigned()?;
    while !decoder.is_at_end() {
        let received = Timestamp::from_nanos(decoder.signed()?);
        let [origin, kind, reason, excerpt] =
            [decoder.text()?, decoder.text()?, decoder.text()?, decoder.text()?].map(str::to_owned);
        rejects.push(StoredReject { received, origin, kind, reason, excerpt });
    }
    Ok(())
}
