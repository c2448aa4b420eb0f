//! numpy's data types, and the elements that are of them.

use std::borrow::Cow;

use super::value::{NodeId, Value};

/// The type of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) struct Dtype {
    pub(in crate::model::formats) element: Element,
    pub(in crate::model::formats) byte_order: ByteOrder,
}

/// What an element is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) enum Element {
    Float(Width),
    Int(Width),
    Unsigned(Width),
    Bool,
    /// Text of so many characters, four bytes each, filled up with zeros.
    Text(usize),
    /// So many bytes, filled up with zeros.
    Bytes(usize),
    /// Numbers with names, side by side. `fields` is the dictionary that has for each name a pair of data type and
    /// offset.
    Record {
        fields: NodeId,
        size: usize,
    },
    /// Any Python value: how pandas' column names are kept.
    Object,
    /// Anything else: it is there, and is never read.
    Other,
}

/// How wide a number is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    fn of(bytes: &str) -> Option<Self> {
        Some(match bytes {
            "1" => Self::One,
            "2" => Self::Two,
            "4" => Self::Four,
            "8" => Self::Eight,
            _ => return None,
        })
    }
}

/// The order of an element's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) enum ByteOrder {
    Little,
    Big,
}

impl Dtype {
    /// Reads numpy's short form, such as `f8` or `<i4`.
    pub(in crate::model::formats) fn parse(text: &str) -> Self {
        let (byte_order, code) = match text.strip_prefix('>') {
            Some(code) => (ByteOrder::Big, code),
            None => (ByteOrder::Little, text.trim_start_matches(['<', '|', '='])),
        };
        Self { element: Element::parse(code).unwrap_or(Element::Other), byte_order }
    }

    /// The size of an element that is kept as bytes.
    pub(in crate::model::formats) fn size(self) -> Option<usize> {
        match self.element {
            Element::Float(width) | Element::Int(width) | Element::Unsigned(width) => Some(width.bytes()),
            Element::Bool => Some(1),
            Element::Text(characters) => characters.checked_mul(4),
            Element::Bytes(size) | Element::Record { size, .. } => Some(size),
            Element::Object | Element::Other => None,
        }
    }

    /// Reads one element, of as many bytes as its [`size`](Self::size). Text comes as UTF-8.
    pub(super) fn scalar<'a>(self, bytes: &[u8]) -> Option<Value<'a>> {
        Some(match self.element {
            Element::Float(Width::Two) => Value::Float(half(u16::from_le_bytes(self.little_endian(bytes)?))),
            Element::Float(Width::Four) => Value::Float(f64::from(f32::from_le_bytes(self.little_endian(bytes)?))),
            Element::Float(Width::Eight) => Value::Float(f64::from_le_bytes(self.little_endian(bytes)?)),
            Element::Float(Width::One) => return None,
            Element::Int(Width::One) => Value::Int(i64::from(i8::from_le_bytes(self.little_endian(bytes)?))),
            Element::Int(Width::Two) => Value::Int(i64::from(i16::from_le_bytes(self.little_endian(bytes)?))),
            Element::Int(Width::Four) => Value::Int(i64::from(i32::from_le_bytes(self.little_endian(bytes)?))),
            Element::Int(Width::Eight) => Value::Int(i64::from_le_bytes(self.little_endian(bytes)?)),
            Element::Unsigned(Width::One) => Value::Int(i64::from(u8::from_le_bytes(self.little_endian(bytes)?))),
            Element::Unsigned(Width::Two) => Value::Int(i64::from(u16::from_le_bytes(self.little_endian(bytes)?))),
            Element::Unsigned(Width::Four) => Value::Int(i64::from(u32::from_le_bytes(self.little_endian(bytes)?))),
            Element::Unsigned(Width::Eight) => {
                Value::Int(i64::try_from(u64::from_le_bytes(self.little_endian(bytes)?)).ok()?)
            }
            Element::Bool => Value::Bool(bytes.first().copied()? != 0),
            Element::Text(_) => Value::Bytes(Cow::Owned(self.text(bytes)?.into_bytes())),
            Element::Bytes(_) => Value::Bytes(Cow::Owned(without_zeros(bytes).to_vec())),
            Element::Record { .. } | Element::Object | Element::Other => return None,
        })
    }

    /// Reads one element that is a number. A whole number must be one that a float can hold.
    pub(super) fn number(self, bytes: &[u8]) -> Option<f64> {
        match self.scalar(bytes)? {
            Value::Float(number) => Some(number),
            Value::Int(number) => (number.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS).then_some(number as f64),
            Value::Bool(value) => Some(f64::from(u8::from(value))),
            _ => None,
        }
    }

    /// Reads one element that is whole by its type.
    pub(super) fn whole(self, bytes: &[u8]) -> Option<i64> {
        match self.scalar(bytes)? {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// Reads one element that is text.
    pub(super) fn text(self, bytes: &[u8]) -> Option<String> {
        match self.element {
            Element::Text(_) => {
                let (characters, []) = bytes.as_chunks::<4>() else { return None };
                let characters = characters.iter().map(|bytes| Some(u32::from_le_bytes(self.little_endian(bytes)?)));
                // Only the zeros at the end are filling, but no name holds one.
                let text = characters.take_while(|character| *character != Some(0));
                text.map(|character| char::from_u32(character?)).collect()
            }
            Element::Bytes(_) => String::from_utf8(without_zeros(bytes).to_vec()).ok(),
            _ => None,
        }
    }

    fn little_endian<const SIZE: usize>(self, bytes: &[u8]) -> Option<[u8; SIZE]> {
        let mut bytes: [u8; SIZE] = bytes.try_into().ok()?;
        if self.byte_order == ByteOrder::Big {
            bytes.reverse();
        }
        Some(bytes)
    }
}

impl Element {
    /// Reads numpy's short form without its byte order.
    fn parse(code: &str) -> Option<Self> {
        let (kind, size) = code.split_at_checked(1)?;
        Some(match kind {
            "f" => match Width::of(size)? {
                Width::One => return None,
                width => Self::Float(width),
            },
            "i" => Self::Int(Width::of(size)?),
            "u" => Self::Unsigned(Width::of(size)?),
            "b" if size == "1" => Self::Bool,
            "U" => Self::Text(size.parse().ok()?),
            "S" => Self::Bytes(size.parse().ok()?),
            "O" => Self::Object,
            _ => return None,
        })
    }
}

/// A floating-point number of two bytes (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..length]
}
