//! LZMA, as Igor Pavlov's specification has it (`lzma-specification.txt` of the LZMA SDK), and the file of it without a
//! container. Every symbol is counted: a literal takes some twenty nanoseconds, and a few bits may stand for it.
//!
//! What came out is the window that matches refer to.

use super::PackedError;
use super::bytes::Bytes;
use crate::model::operations::Operations;

/// What a literal takes, and a match beside the copying.
const SYMBOL: usize = 20;

/// How many bytes of a match are copied in the time of an operation.
const COPIED: usize = 8;

/// What it takes to begin with all probabilities anew, for each literal context.
const CONTEXT: usize = 100;

const STATES: usize = 12;
const POSITIONS: usize = 1 << 4;
/// The shortest match.
const SHORTEST: usize = 2;
/// The slots of distances from which on their lowest bits have probabilities of their own.
const FIRST_MODEL: u32 = 4;
/// Those from which on most of their bits have none.
const END_MODEL: u32 = 14;
const FULL_DISTANCES: usize = 1 << (END_MODEL / 2);

const DAMAGED: PackedError = PackedError::Damaged("they are no LZMA data");

/// A probability of 0, in parts of 2^11.
type Probability = u16;
const HALF: Probability = 1 << 10;
const SHARE_BITS: u32 = 11;
const PACE: u32 = 5;

/// Undoes a file of LZMA alone: properties, the size of the window, the length or all ones, then the symbols. Stops at
/// `most` bytes.
pub(in crate::model::formats) fn alone(
    packed: &[u8],
    most: usize,
    operations: &Operations,
) -> Result<Vec<u8>, PackedError> {
    let mut packed = Bytes(packed);
    let properties = packed.byte()?;
    let _window = packed.u32()?;
    let length = u64::from_le_bytes(packed.array()?);
    let declared = (length != u64::MAX).then(|| usize::try_from(length).unwrap_or(usize::MAX));
    let mut decoder = Decoder::new(properties, operations)?;
    let mut range = Range::new(packed)?;
    let mut output = Vec::new();
    let end = decoder.up_to(declared.unwrap_or(usize::MAX).min(most), 0, &mut range, &mut output, operations)?;
    match (end, declared) {
        (End::Length, _) | (End::Marker, None) => Ok(output),
        (End::Marker, Some(_)) => Err(DAMAGED),
    }
}

/// The bytes, as numbers of a range that the decoder narrows bit by bit.
pub(super) struct Range<'a> {
    packed: Bytes<'a>,
    range: u32,
    code: u32,
}

impl<'a> Range<'a> {
    pub(super) fn new(mut packed: Bytes<'a>) -> Result<Self, PackedError> {
        match (packed.byte()?, packed.array()?) {
            (0, code) => Ok(Self { packed, range: u32::MAX, code: u32::from_be_bytes(code) }),
            _ => Err(DAMAGED),
        }
    }

    #[inline(always)]
    fn normalize(&mut self) -> Result<(), PackedError> {
        if self.range < 1 << 24 {
            self.range <<= 8;
            self.code = self.code << 8 | u32::from(self.packed.byte()?);
        }
        Ok(())
    }

    /// One bit, which moves its probability.
    #[inline(always)]
    fn bit(&mut self, probability: &mut Probability) -> Result<u32, PackedError> {
        self.normalize()?;
        let bound = (self.range >> SHARE_BITS) * u32::from(*probability);
        if self.code < bound {
            self.range = bound;
            *probability += ((1 << SHARE_BITS) - *probability) >> PACE;
            Ok(0)
        } else {
            self.range -= bound;
            self.code -= bound;
            *probability -= *probability >> PACE;
            Ok(1)
        }
    }

    /// A number of as many bits as the tree has levels, the highest first.
    #[inline(always)]
    fn tree<const SIZE: usize>(&mut self, tree: &mut [Probability; SIZE]) -> Result<u32, PackedError> {
        let mut place = 1;
        while place < SIZE {
            place = place << 1 | self.bit(&mut tree[place])? as usize;
        }
        Ok(small(place - SIZE))
    }

    /// A number of `bits` bits, the lowest first.
    #[inline(always)]
    fn reverse_tree(&mut self, tree: &mut [Probability], bits: u32) -> Result<u32, PackedError> {
        let (mut place, mut number) = (1, 0);
        for level in 0..bits {
            let bit = self.bit(tree.get_mut(place).ok_or(DAMAGED)?)?;
            place = place << 1 | bit as usize;
            number |= bit << level;
        }
        Ok(number)
    }

    /// A number of bits that are as likely 0 as 1.
    fn direct(&mut self, bits: u32) -> Result<u32, PackedError> {
        let mut number = 0;
        for _ in 0..bits {
            self.normalize()?;
            self.range >>= 1;
            let bit = u32::from(self.code >= self.range);
            self.code -= self.range * bit;
            number = number << 1 | bit;
        }
        Ok(number)
    }
}

/// A place in a tree of at most 256 leaves.
fn small(place: usize) -> u32 {
    u32::try_from(place).unwrap_or_default()
}

/// How long a match is.
#[derive(Clone)]
struct Lengths {
    choice: [Probability; 2],
    low: [[Probability; 8]; POSITIONS],
    middle: [[Probability; 8]; POSITIONS],
    high: [Probability; 256],
}

impl Lengths {
    const NEW: Self =
        Self { choice: [HALF; 2], low: [[HALF; 8]; POSITIONS], middle: [[HALF; 8]; POSITIONS], high: [HALF; 256] };

    fn decode(&mut self, range: &mut Range<'_>, position: usize) -> Result<usize, PackedError> {
        let [first, second] = &mut self.choice;
        let length = if range.bit(first)? == 0 {
            range.tree(&mut self.low[position])?
        } else if range.bit(second)? == 0 {
            8 + range.tree(&mut self.middle[position])?
        } else {
            16 + range.tree(&mut self.high)?
        };
        Ok(SHORTEST + length as usize)
    }
}

/// What is yet to be known of a bit of each kind of symbol.
#[derive(Clone)]
struct Probabilities {
    is_match: [[Probability; POSITIONS]; STATES],
    is_repeated: [Probability; STATES],
    is_repeated_0: [Probability; STATES],
    is_repeated_1: [Probability; STATES],
    is_repeated_2: [Probability; STATES],
    is_long: [[Probability; POSITIONS]; STATES],
    slots: [[Probability; 64]; 4],
    distances: [Probability; 1 + FULL_DISTANCES - END_MODEL as usize],
    align: [Probability; 16],
    lengths: Lengths,
    repeated_lengths: Lengths,
}

impl Probabilities {
    const NEW: Self = Self {
        is_match: [[HALF; POSITIONS]; STATES],
        is_repeated: [HALF; STATES],
        is_repeated_0: [HALF; STATES],
        is_repeated_1: [HALF; STATES],
        is_repeated_2: [HALF; STATES],
        is_long: [[HALF; POSITIONS]; STATES],
        slots: [[HALF; 64]; 4],
        distances: [HALF; 1 + FULL_DISTANCES - END_MODEL as usize],
        align: [HALF; 16],
        lengths: Lengths::NEW,
        repeated_lengths: Lengths::NEW,
    };
}

/// What ended the symbols.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The length was reached.
    Length,
    /// A marker that says that it is the end.
    Marker,
}

/// The decoder of symbols.
pub(super) struct Decoder {
    literal_context: u32,
    literal_positions: usize,
    positions: usize,
    probabilities: Box<Probabilities>,
    literals: Vec<[Probability; 0x300]>,
    state: usize,
    /// The last four distances, less one each.
    distances: [u32; 4],
}

impl Decoder {
    /// One for the properties `lc + 9 · (lp + 5 · pb)`.
    pub(super) fn new(properties: u8, operations: &Operations) -> Result<Self, PackedError> {
        let (lc, lp, pb) = (properties % 9, properties / 9 % 5, properties / 45);
        if pb > 4 {
            return Err(DAMAGED);
        }
        let contexts = 1 << (lc + lp);
        operations.spend(contexts * CONTEXT)?;
        Ok(Self {
            literal_context: u32::from(lc),
            literal_positions: (1 << lp) - 1,
            positions: (1 << pb) - 1,
            probabilities: Box::new(Probabilities::NEW),
            literals: vec![[HALF; 0x300]; contexts],
            state: 0,
            distances: [0; 4],
        })
    }

    /// Forgets what was learnt.
    pub(super) fn reset(&mut self, operations: &Operations) -> Result<(), PackedError> {
        operations.spend(self.literals.len() * CONTEXT)?;
        *self.probabilities = Probabilities::NEW;
        self.literals.fill([HALF; 0x300]);
        self.state = 0;
        self.distances = [0; 4];
        Ok(())
    }

    /// Decodes until the output has this length, or to the marker of the end. Matches reach back to `begin` in it.
    pub(super) fn up_to(
        &mut self,
        length: usize,
        begin: usize,
        range: &mut Range<'_>,
        output: &mut Vec<u8>,
        operations: &Operations,
    ) -> Result<End, PackedError> {
        while output.len() < length {
            operations.spend(SYMBOL)?;
            let place = output.len() - begin;
            let position = place & self.positions;
            if range.bit(&mut self.probabilities.is_match[self.state][position])? == 0 {
                let byte = self.literal(range, &output[begin..])?;
                output.push(byte);
                continue;
            }
            let Some(count) = self.matched(range, position)? else {
                range.normalize()?;
                return Ok(End::Marker);
            };
            let distance = self.distances[0] as usize + 1;
            if distance > place {
                return Err(DAMAGED);
            }
            operations.spend(count / COPIED)?;
            copy(output, distance, count.min(length - output.len()));
        }
        range.normalize()?;
        Ok(End::Length)
    }

    fn literal(&mut self, range: &mut Range<'_>, window: &[u8]) -> Result<u8, PackedError> {
        let before = window.last().copied().unwrap_or(0);
        let high = usize::from(before) >> (8 - self.literal_context);
        let context = (window.len() & self.literal_positions) << self.literal_context | high;
        let probabilities = &mut self.literals[context];
        let mut symbol = 1;
        if self.state >= 7 {
            let distance = self.distances[0] as usize + 1;
            let place = window.len().checked_sub(distance).ok_or(DAMAGED)?;
            let mut matched = usize::from(window[place]) << 1;
            let mut alike = 0x100;
            while symbol < 0x100 {
                let expected = matched & alike;
                let bit = range.bit(&mut probabilities[alike + expected + symbol])? as usize;
                symbol = symbol << 1 | bit;
                alike &= if bit == 0 { !expected } else { expected };
                matched <<= 1;
            }
        } else {
            while symbol < 0x100 {
                symbol = symbol << 1 | range.bit(&mut probabilities[symbol])? as usize;
            }
        }
        self.state = match self.state {
            0..4 => 0,
            4..10 => self.state - 3,
            _ => self.state - 6,
        };
        u8::try_from(symbol & 0xff).map_err(|_| DAMAGED)
    }

    /// The length of a match, whose distance becomes the first of the last ones. `None` at the end.
    fn matched(&mut self, range: &mut Range<'_>, position: usize) -> Result<Option<usize>, PackedError> {
        let Probabilities {
            is_repeated,
            is_repeated_0,
            is_repeated_1,
            is_repeated_2,
            is_long,
            slots,
            distances,
            align,
            lengths,
            repeated_lengths,
            ..
        } = &mut *self.probabilities;
        let (state, fresh) = (self.state, self.state < 7);
        if range.bit(&mut is_repeated[state])? == 0 {
            let length = lengths.decode(range, position)?;
            let slot = range.tree(&mut slots[(length - SHORTEST).min(3)])?;
            let distance = match slot {
                ..FIRST_MODEL => slot,
                _ => {
                    let bits = slot / 2 - 1;
                    let high = (2 | (slot & 1)) << bits;
                    match slot {
                        ..END_MODEL => {
                            let tree = distances.get_mut((high - slot) as usize..).ok_or(DAMAGED)?;
                            high + range.reverse_tree(tree, bits)?
                        }
                        _ => high + (range.direct(bits - 4)? << 4) + range.reverse_tree(align, 4)?,
                    }
                }
            };
            let [a, b, c, _] = self.distances;
            self.distances = [distance, a, b, c];
            self.state = if fresh { 7 } else { 10 };
            return Ok((distance != u32::MAX).then_some(length));
        }
        let [a, b, c, d] = self.distances;
        if range.bit(&mut is_repeated_0[state])? == 0 {
            if range.bit(&mut is_long[state][position])? == 0 {
                self.state = if fresh { 9 } else { 11 };
                return Ok(Some(1));
            }
        } else if range.bit(&mut is_repeated_1[state])? == 0 {
            self.distances = [b, a, c, d];
        } else if range.bit(&mut is_repeated_2[state])? == 0 {
            self.distances = [c, a, b, d];
        } else {
            self.distances = [d, a, b, c];
        }
        self.state = if fresh { 8 } else { 11 };
        repeated_lengths.decode(range, position).map(Some)
    }
}

/// Repeats what came out `distance` bytes ago, which may be in the midst of coming out.
fn copy(output: &mut Vec<u8>, distance: usize, count: usize) {
    let from = output.len() - distance;
    if count <= distance {
        output.extend_from_within(from..from + count);
        return;
    }
    for place in from..from + count {
        output.push(output[place]);
    }
}
