//! JSON payloads.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess};

use crate::ingest::payload::tree::{Container, Descend, Inside, Pick, Picked, Tree};
use crate::ingest::payload::{Fault, Item, PayloadReading, raw, time};
use crate::ingest::route::{Each, JsonLayout, JsonPointer, TimeAt, ValueAt};
use crate::time::Timestamp;

/// Reads a payload in a layout; see [`super::read`].
///
/// A payload that breaks off, or that has a name twice on the way to its readings, cannot be trusted in any part: it
/// fails as a whole. What is wrong within one reading concerns that reading.
pub(super) fn read<'t, 'p>(
    layout: &'t JsonLayout,
    text: &'p str,
    sink: &mut impl FnMut(Item<'t, 'p>),
) -> Result<(), Fault<'t>> {
    match layout.each {
        Each::Object => {
            let picked = pick(layout, text)?;
            let mut any = false;
            reading(layout, None, picked, &mut |item| {
                any = true;
                sink(item);
            });
            if any { Ok(()) } else { Err(Fault::NoReading) }
        }
        Each::Array => {
            let (mut is_array, mut any) = (false, false);
            let elements = Readings {
                tree: &layout.tree,
                is_array: &mut is_array,
                sink: |index, picked| {
                    reading(layout, Some(index), picked, &mut |item| {
                        any = true;
                        sink(item);
                    });
                },
            };
            descend(&layout.at, text, elements)?;
            match (is_array, any) {
                (false, _) => Err(Fault::NoArray(&layout.at)),
                (true, false) => Err(Fault::NoReading),
                (true, true) => Ok(()),
            }
        }
        Each::Columns => columns(layout, &pick(layout, text)?, sink),
    }
}

/// Applies a seed to what lies at the pointer, and reads the document to its end.
fn descend<'t, 'p>(at: &'t JsonPointer, text: &'p str, seed: impl DeserializeSeed<'p>) -> Result<(), Fault<'t>> {
    let mut document = serde_json::Deserializer::from_str(text);
    let mut seed = Some(seed);
    Descend { steps: at.steps(), seed: &mut seed }.deserialize(&mut document).map_err(Fault::NotJson)?;
    document.end().map_err(Fault::NotJson)?;
    if seed.is_none() { Ok(()) } else { Err(Fault::Nothing(at)) }
}

fn pick<'t, 'p>(layout: &'t JsonLayout, text: &'p str) -> Result<Picked<'p>, Fault<'t>> {
    let mut picked = Picked::default();
    descend(&layout.at, text, Pick::new(&layout.tree, &mut picked))?;
    Ok(picked)
}

/// The elements of an array, each a reading.
struct Readings<'t, 's, F> {
    tree: &'t Tree,
    is_array: &'s mut bool,
    sink: F,
}

impl<'de, F: FnMut(usize, Picked<'de>)> DeserializeSeed<'de> for Readings<'_, '_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        document.deserialize_any(Inside(self))
    }
}

impl<'de, F: FnMut(usize, Picked<'de>)> Container<'de> for Readings<'_, '_, F> {
    fn elements<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        *self.is_array = true;
        for index in 0.. {
            let mut picked = Picked::default();
            if elements.next_element_seed(Pick::new(self.tree, &mut picked))?.is_none() {
                break;
            }
            (self.sink)(index, picked);
        }
        Ok(())
    }
}

/// Hands over what was picked of one reading: one item, or one for every number.
fn reading<'t, 'p>(
    layout: &'t JsonLayout,
    index: Option<usize>,
    picked: Picked<'p>,
    sink: &mut impl FnMut(Item<'t, 'p>),
) {
    if picked.is_ambiguous() {
        return sink(Item { index, found: Err(Fault::Ambiguous) });
    }
    match &layout.value {
        ValueAt::Pointer(at) => {
            let found = (|| {
                let value = value(at, picked.value)?;
                let sensor = layout.sensor.as_ref().map(|at| sensor(at, picked.sensor)).transpose()?;
                let time = layout.time.as_ref().map(|at| time(at, picked.time)).transpose()?;
                Ok(PayloadReading { sensor, time, value })
            })();
            sink(Item { index, found });
        }
        ValueAt::All(at) => match layout.time.as_ref().map(|at| time(at, picked.time)).transpose() {
            Ok(time) => {
                for (name, text) in picked.numbers {
                    let found = value(at, Some(text)).map(|value| PayloadReading { sensor: Some(name), time, value });
                    sink(Item { index, found });
                }
            }
            Err(fault) => sink(Item { index, found: Err(fault) }),
        },
    }
}

/// Hands over the rows of columns.
fn columns<'t, 'p>(
    layout: &'t JsonLayout,
    picked: &Picked<'p>,
    sink: &mut impl FnMut(Item<'t, 'p>),
) -> Result<(), Fault<'t>> {
    // `JsonLayout::new` lets no other columns pass.
    let (ValueAt::Pointer(values_at), Some(times_at)) = (&layout.value, &layout.time) else {
        return Err(Fault::NoReading);
    };
    if picked.is_ambiguous() {
        return Err(Fault::Ambiguous);
    }
    let mut values = column("column of values", values_at, picked.value)?;
    let mut times = column("column of times", &times_at.pointer, picked.time)?;
    let mut names = match (&layout.sensor, picked.sensor) {
        (None, _) => Names::InTopic,
        (Some(at), Some(text)) if text.starts_with('[') => Names::Column(at, column("sensor", at, Some(text))?),
        (Some(at), text) => Names::Same(sensor(at, text)?),
    };
    for index in 0.. {
        let (text, at) = match (values.next(), times.next()) {
            (Some(value), Some(time)) => (value, time),
            (None, None) if index == 0 => return Err(Fault::NoReading),
            (None, None) => break,
            _ => return Err(Fault::Lengths),
        };
        let name = match &mut names {
            Names::InTopic => Ok(None),
            Names::Same(name) => Ok(Some(name.clone())),
            Names::Column(at, names) => sensor(at, Some(names.next().ok_or(Fault::Lengths)?)).map(Some),
        };
        let found = name.and_then(|sensor| {
            Ok(PayloadReading { sensor, time: Some(time(times_at, Some(at))?), value: value(values_at, Some(text))? })
        });
        sink(Item { index: Some(index), found });
    }
    if let Names::Column(_, names) = &mut names
        && names.next().is_some()
    {
        return Err(Fault::Lengths);
    }
    Ok(())
}

/// Who measured the rows of columns.
enum Names<'t, 'p> {
    InTopic,
    Same(Cow<'p, str>),
    Column(&'t JsonPointer, raw::Elements<'p>),
}

fn column<'t, 'p>(
    what: &'static str,
    at: &'t JsonPointer,
    text: Option<&'p str>,
) -> Result<raw::Elements<'p>, Fault<'t>> {
    let text = text.ok_or(Fault::Missing { what, at })?;
    raw::elements(text).ok_or_else(|| Fault::Kind { what, at, kind: raw::kind(text), expected: "an array" })
}

fn value<'t>(at: &'t JsonPointer, text: Option<&str>) -> Result<f64, Fault<'t>> {
    let what = "value";
    let text = text.ok_or(Fault::Missing { what, at })?;
    let refused = || Fault::Kind { what, at, kind: raw::kind(text), expected: "a number" };
    if raw::is_number(text) { text.parse().map_err(|_| refused()) } else { Err(refused()) }
}

/// A sensor's name: text, or a whole number as some devices count their sensors.
fn sensor<'t, 'p>(at: &'t JsonPointer, text: Option<&'p str>) -> Result<Cow<'p, str>, Fault<'t>> {
    let what = "sensor";
    let text = text.ok_or(Fault::Missing { what, at })?;
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Cow::Borrowed(text));
    }
    raw::string(text).ok_or_else(|| Fault::Kind { what, at, kind: raw::kind(text), expected: "a name" })
}

fn time<'t>(at: &'t TimeAt, text: Option<&str>) -> Result<Timestamp, Fault<'t>> {
    let (what, at, unit) = ("time", &at.pointer, at.unit);
    let text = text.ok_or(Fault::Missing { what, at })?;
    if raw::is_number(text) {
        return time::of_number(text, unit).ok_or(Fault::Time(at));
    }
    let string = raw::string(text);
    let string = string.ok_or_else(|| Fault::Kind { what, at, kind: raw::kind(text), expected: "a time" })?;
    Timestamp::parse(&string).ok_or(Fault::Time(at))
}
