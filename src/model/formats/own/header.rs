//! The container: what of its bytes is which tensor. Nothing is copied.

use std::borrow::Cow;
use std::fmt;

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::OwnError;
use super::tensors::{Shape, Tensor, Tensors};
use crate::model::formats::printable::printable;
use crate::model::operations::Operations;
use crate::model::{Limits, decimal};

/// The bytes of the header's length.
const LENGTH: usize = size_of::<u64>();
/// What a byte of header may come to while it is read, at most about: a list of short names.
const EXPANSION: usize = 32;

/// The header, taken apart and checked.
#[derive(Debug)]
pub(super) struct Header<'a> {
    /// Where it ends.
    pub(super) length: usize,
    /// The text under our key.
    pub(super) description: Cow<'a, str>,
    pub(super) tensors: Tensors<'a>,
}

impl<'a> Header<'a> {
    /// Reads the header, and finds each tensor's bytes: one behind the other, none twice, none left over.
    pub(super) fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, OwnError> {
        let container = |problem: String| OwnError::Container { problem };
        let (length, rest) =
            bytes.split_first_chunk::<LENGTH>().ok_or_else(|| container("it has no header".to_owned()))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let cut = || container(format!("its header is said to be {length} bytes long, and {} follow", rest.len()));
        let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
        if length > limits.memory_bytes / EXPANSION {
            return Err(limits.memory_exceeded().into());
        }
        // The description is in it, whose numbers are numbers here too.
        if !decimal::all_within(header, &Operations::new(limits))? {
            return Err(container(format!("its header holds a number of more than {} characters", decimal::LONGEST)));
        }
        let header = std::str::from_utf8(header).map_err(|error| container(error.to_string()))?;
        let Entries { description, entries } =
            serde_json::from_str(header).map_err(|error| container(printable(&error.to_string())))?;
        let tensors = lay_out(entries, data, limits)?;
        let description = description.ok_or(OwnError::NoDescription)?;
        Ok(Self { length: LENGTH + length, description, tensors: Tensors::new(tensors) })
    }
}

/// Gives each tensor its bytes.
fn lay_out<'a>(
    mut entries: Vec<(Cow<'a, str>, Entry)>,
    data: &'a [u8],
    limits: &Limits,
) -> Result<Vec<Tensor<'a>>, OwnError> {
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut rest = data;
    let mut end = 0_usize;
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, Entry { dtype, shape, data_offsets: (from, to) }) in entries {
        let wrong = |problem: &str| {
            let name = printable(&name);
            OwnError::Container { problem: format!("the tensor {name}, at {from} to {to} of its data, {problem}") }
        };
        if from != end {
            return Err(wrong(&format!("does not begin where the one before it ends, at {end}")));
        }
        let size = to.checked_sub(from).ok_or_else(|| wrong("ends before it begins"))?;
        let elements = shape.elements().ok_or_else(|| wrong("has a shape beyond all bounds"))?;
        let bits = elements.checked_mul(dtype.bitsize()).ok_or_else(|| wrong("has a shape beyond all bounds"))?;
        if size.checked_mul(8) != Some(bits) {
            return Err(wrong(&format!("is not as long as its shape, {shape} of {dtype}, says")));
        }
        // Bytes are bounded by the file's size alone: a whole model of another format may be embedded.
        if dtype != Dtype::U8 && elements > limits.elements {
            return Err(limits.elements_exceeded().into());
        }
        let (bytes, behind) = rest.split_at_checked(size).ok_or_else(|| wrong("ends beyond the file"))?;
        (rest, end) = (behind, to);
        tensors.push(Tensor { name, dtype, shape, bytes });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    match tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => {
            Err(OwnError::Container { problem: format!("the tensor {} is there twice", printable(&pair[0].name)) })
        }
        None if rest.is_empty() => Ok(tensors),
        None => Err(OwnError::Container { problem: format!("{} bytes at its end belong to no tensor", rest.len()) }),
    }
}

/// The header as it stands.
struct Entries<'a> {
    description: Option<Cow<'a, str>>,
    entries: Vec<(Cow<'a, str>, Entry)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

/// Text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut header = Entries { description: None, entries: Vec::new() };
                while let Some(Text(name)) = map.next_key()? {
                    if name == "__metadata__" {
                        header.description = map.next_value::<Description<'de>>()?.0;
                    } else {
                        header.entries.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// Our text among the metadata, which anyone may add to.
struct Description<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Description<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DescriptionVisitor;

        impl<'de> Visitor<'de> for DescriptionVisitor {
            type Value = Description<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut description = None;
                while let Some(Text(key)) = map.next_key()? {
                    if key == super::KEY {
                        let Text(text) = map.next_value()?;
                        if description.replace(text).is_some() {
                            return Err(A::Error::duplicate_field(super::KEY));
                        }
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Description(description))
            }
        }

        deserializer.deserialize_map(DescriptionVisitor)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;

        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a shape of at most {} dimensions", Shape::MAX_DIMENSIONS)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sides: A) -> Result<Self::Value, A::Error> {
                let mut shape = Shape::default();
                while let Some(side) = sides.next_element()? {
                    shape.push(side).map_err(|length| A::Error::invalid_length(length, &self))?;
                }
                Ok(shape)
            }
        }

        deserializer.deserialize_seq(ShapeVisitor)
    }
}
