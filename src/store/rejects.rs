//! Rejects as they are stored: the rejects of one commit in a block, and the blocks in a ring.
//!
//! A block is an entry of tagged fields (`fields.rs`). Versions before this one wrote the block's number in the place of
//! the format, then the counts, then the rejects, without their messages; such blocks are read as well.
//!
//! That a reject was replayed is noted beside the ring, in the table of progress: an entry a slot, with the number of the
//! block and a bit for each of its rejects. A note whose number is not that of the block in the slot is of an earlier block.

mod block;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::{Corrupt, Decoder, Encoder};
use crate::reading::{Reject, RejectId, RejectScope, RejectedMessage, RejectedReading, Rejects};
use crate::store::StoreError;
use crate::store::db::Table;
use crate::store::keys::REPLAYED_PREFIX;
use crate::store::reader::readable;
use crate::store::unreadable::UnreadableEntries;
use crate::time::Timestamp;

pub(super) use block::{decode, number_of_block};

/// The rejects of one commit as they were stored.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredRejects {
    /// The number of their block.
    pub number: u64,
    /// The rejects that were kept whole.
    pub kept: Vec<StoredReject>,
    /// How many rejects there were of each kind, those that were kept included.
    pub counts: Vec<(String, u64)>,
}

/// A reject as it was stored.
#[derive(Clone, PartialEq, Debug)]
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
    /// The message, where it is kept whole.
    pub message: Option<Arc<RejectedMessage>>,
    /// How much of the message was not accepted.
    pub scope: RejectScope,
    /// The reading, where one had been decoded.
    pub reading: Option<RejectedReading>,
    /// Whether it was replayed, and taken in.
    pub is_replayed: bool,
}

impl StoredReject {
    /// A reject as it will be stored.
    pub fn of(reject: &Reject) -> Self {
        Self {
            received: reject.received,
            origin: reject.origin.clone(),
            kind: reject.reason.kind().to_owned(),
            reason: reject.reason.to_string(),
            excerpt: reject.excerpt.clone(),
            message: reject.message.clone(),
            scope: reject.scope,
            reading: reject.reading.clone(),
            is_replayed: false,
        }
    }
}

/// The key of a block, by its number.
pub(super) fn block_key(number: u64, slots: u32) -> [u8; 8] {
    (number % u64::from(slots.max(1))).to_be_bytes()
}

/// The key of the note of what was replayed of a block.
pub(super) fn replayed_key(number: u64, slots: u32) -> Vec<u8> {
    [REPLAYED_PREFIX, &block_key(number, slots)].concat()
}

/// What was replayed of a block: a bit for each of its rejects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ReplayedPlaces(u64);

// There is a bit for each reject of a block.
const _: () = assert!(Rejects::MAX_KEPT <= 64);

impl ReplayedPlaces {
    fn add(&mut self, place: u32) {
        self.0 |= 1_u64.checked_shl(place).unwrap_or(0);
    }

    fn has(self, place: usize) -> bool {
        u32::try_from(place).ok().and_then(|place| self.0.checked_shr(place)).is_some_and(|bits| bits & 1 == 1)
    }

    fn encode(self, number: u64) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.unsigned(number);
        encoder.unsigned(self.0);
        encoder.into_bytes()
    }

    /// What a note says, with the number of its block.
    pub(super) fn decode(value: &[u8]) -> Result<(u64, Self), Corrupt> {
        let mut decoder = Decoder::new(value);
        let note = (decoder.unsigned()?, Self(decoder.unsigned()?));
        if decoder.is_at_end() { Ok(note) } else { Err(Corrupt) }
    }
}

#[derive(Debug)]
pub(super) struct RejectRing {
    next: u64,
    slots: u32,
    /// What was replayed of the blocks that are kept, by their numbers.
    replayed: BTreeMap<u64, ReplayedPlaces>,
}

impl RejectRing {
    pub(super) fn open(table: &Table, progress: &Table, slots: u32) -> Result<Self, StoreError> {
        let mut next = 0;
        for block in blocks(table, slots) {
            // A block that a crash cut short is overwritten when its turn comes. No number comes near the last one.
            let number = number_of_block(&block?).ok().filter(|number| *number < u64::MAX / 2);
            next = next.max(number.map_or(0, |number| number + 1));
        }
        let mut ring = Self { next, slots, replayed: replayed(progress)? };
        ring.forget_overwritten();
        Ok(ring)
    }

    /// The next block, with its number.
    pub(super) fn block(&mut self, rejects: &Rejects) -> (u64, Vec<u8>) {
        let number = self.next;
        self.next += 1;
        self.forget_overwritten();
        (number, block::encode(number, rejects))
    }

    /// Notes that a reject was replayed. The key and value of the note; `None` when the reject is not kept any more.
    pub(super) fn note_replayed(&mut self, id: RejectId) -> Option<(Vec<u8>, Vec<u8>)> {
        let is_kept = id.block < self.next && id.block + u64::from(self.slots.max(1)) >= self.next;
        is_kept.then(|| {
            let places = self.replayed.entry(id.block).or_default();
            places.add(id.place);
            (replayed_key(id.block, self.slots), places.encode(id.block))
        })
    }

    fn forget_overwritten(&mut self) {
        self.replayed = self.replayed.split_off(&self.next.saturating_sub(u64::from(self.slots.max(1))));
    }
}

/// What was replayed, by the numbers of the blocks. A note that cannot be read says nothing: replaying again counts
/// nothing twice.
fn replayed(progress: &Table) -> Result<BTreeMap<u64, ReplayedPlaces>, StoreError> {
    let mut replayed = BTreeMap::new();
    for entry in progress.iter() {
        if let Some((key, value)) = readable(entry)?
            && key.starts_with(REPLAYED_PREFIX)
            && let Ok((number, places)) = ReplayedPlaces::decode(&value)
        {
            replayed.insert(number, places);
        }
    }
    Ok(replayed)
}

/// The rejects of all commits that are kept, the oldest first.
pub(super) fn read(
    table: &Table,
    progress: &Table,
    slots: u32,
    unreadable: &UnreadableEntries,
) -> Result<Vec<StoredRejects>, StoreError> {
    let mut stored = Vec::new();
    for_each_block(table, progress, slots, unreadable, &mut |rejects| stored.push(rejects))?;
    stored.sort_by_key(|rejects| rejects.number);
    Ok(stored)
}

/// Hands over the rejects of each commit that are kept, in the order of their slots.
pub(super) fn for_each_block(
    table: &Table,
    progress: &Table,
    slots: u32,
    unreadable: &UnreadableEntries,
    each: &mut dyn FnMut(StoredRejects),
) -> Result<(), StoreError> {
    let replayed = replayed(progress)?;
    for (slot, block) in (0_u64..).zip(blocks(table, slots)) {
        match decode(&block?) {
            Ok(mut rejects) => {
                let places = replayed.get(&rejects.number).copied();
                mark_replayed(&mut rejects, places);
                each(rejects);
            }
            Err(Corrupt) => unreadable.add("rejects", &slot.to_be_bytes(), "the rejects of a commit"),
        }
    }
    Ok(())
}

/// One reject; `None` when it is not kept, or not any more.
pub(super) fn read_one(
    table: &Table,
    progress: &Table,
    slots: u32,
    id: RejectId,
) -> Result<Option<StoredReject>, StoreError> {
    let block = readable(table.get_parts(&block_key(id.block, slots)))?.flatten();
    let block = block.and_then(|block| decode(&block).ok()).filter(|block| block.number == id.block);
    let Some(mut rejects) = block else { return Ok(None) };
    let note = readable(progress.get(&replayed_key(id.block, slots)))?.flatten();
    let note = note.and_then(|note| ReplayedPlaces::decode(&note).ok()).filter(|(number, _)| *number == id.block);
    mark_replayed(&mut rejects, note.map(|(_, places)| places));
    let place = usize::try_from(id.place).unwrap_or(usize::MAX);
    Ok(rejects.kept.into_iter().nth(place))
}

fn mark_replayed(rejects: &mut StoredRejects, places: Option<ReplayedPlaces>) {
    let places = places.unwrap_or_default();
    rejects.kept.iter_mut().enumerate().for_each(|(place, reject)| reject.is_replayed = places.has(place));
}

/// The blocks in the order of their slots. Slots are filled from the first.
fn blocks(table: &Table, slots: u32) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> {
    let block = move |slot: u64| match table.get_parts(&slot.to_be_bytes()) {
        Err(StoreError::Damaged) => Some(Ok(Vec::new())),
        block => block.transpose(),
    };
    (0..u64::from(slots)).map_while(block)
}
