//! JSON payloads.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess};
use serde_json::value::RawValue;

use crate::ingest::payload::number::NumberFault;
use crate::ingest::payload::time::{PayloadTime, TimeFault};
use crate::ingest::payload::tree::{Container, Descend, Inside, Pick, Picked, Tree};
use crate::ingest::payload::{Care, Fault, Item, PayloadReading, number, raw, time};
use crate::ingest::route::{Each, JsonLayout, JsonPointer, TimeAt, TimeForm, ValueAt};
use crate::time::Timestamp;

/// Reads payloads in a layout; see [`super::read`].
#[derive(Clone, Copy)]
pub(super) struct JsonReader<'t> {
    pub(super) layout: &'t JsonLayout,
    pub(super) care: Care,
    /// When the payload came in.
    pub(super) received: Timestamp,
}

impl<'t> JsonReader<'t> {
    /// Reads a payload.
    ///
    /// A payload that breaks off, or that has a name twice on the way to its readings, fails as a whole: no part of it
    /// can be trusted. A fault within one reading concerns only that reading.
    pub(super) fn read<'p>(self, text: &'p str, sink: &mut impl FnMut(Item<'t, 'p>)) -> Result<(), Fault<'t>> {
        match self.layout.each {
            Each::Object => {
                self.reading(None, self.pick(text)?, sink);
                Ok(())
            }
            Each::Array => self.array(text, sink),
            Each::Columns => self.columns(&self.pick(text)?, sink),
        }
    }

    fn pick<'p>(self, text: &'p str) -> Result<Picked<'p>, Fault<'t>> {
        let mut picked = Picked::default();
        descend(&self.layout.at, text, Pick::new(&self.layout.tree, self.care, &mut picked))?;
        Ok(picked)
    }

    /// Hands over the elements of an array.
    fn array<'p>(self, text: &'p str, sink: &mut impl FnMut(Item<'t, 'p>)) -> Result<(), Fault<'t>> {
        let (mut is_array, mut any) = (false, false);
        let elements = Readings {
            tree: &self.layout.tree,
            care: self.care,
            is_array: &mut is_array,
            sink: |index, picked: Result<_, serde_json::Error>| {
                any = true;
                match picked {
                    Ok(picked) => self.reading(Some(index), picked, sink),
                    Err(error) => sink(Item::Fault { index: Some(index), fault: Fault::NotJson(error) }),
                }
            },
        };
        descend(&self.layout.at, text, elements)?;
        match (is_array, any) {
            (false, _) => Err(Fault::NoArray(&self.layout.at)),
            (true, false) => Err(Fault::NoReading),
            (true, true) => Ok(()),
        }
    }

    /// Hands over what was picked of one reading: one item, or one a member when the route takes all numbers.
    fn reading<'p>(self, index: Option<usize>, picked: Picked<'p>, sink: &mut impl FnMut(Item<'t, 'p>)) {
        if picked.is_ambiguous() {
            return sink(Item::Fault { index, fault: Fault::Ambiguous });
        }
        let read = match &self.layout.value {
            ValueAt::Pointer(at) => self.single(at, &picked).map(|reading| sink(Item::Reading(reading))),
            ValueAt::All(at) => self.all(at, picked, sink),
        };
        if let Err(fault) = read {
            sink(Item::Fault { index, fault });
        }
    }

    fn single<'p>(self, at: &'t JsonPointer, picked: &Picked<'p>) -> Result<PayloadReading<'p>, Fault<'t>> {
        let value = self.value(at, picked.value)?;
        let sensor = self.layout.sensor.as_ref().map(|at| sensor(at, picked.sensor)).transpose()?;
        let time = self.layout.time.as_ref().map(|at| self.time(at, picked.time)).transpose()?;
        Ok(PayloadReading { sensor, time, value })
    }

    /// Hands over every member. When there is no time, or no number, it is one fault for all of them.
    fn all<'p>(
        self,
        at: &'t JsonPointer,
        picked: Picked<'p>,
        sink: &mut impl FnMut(Item<'t, 'p>),
    ) -> Result<(), Fault<'t>> {
        let time = self.layout.time.as_ref().map(|at| self.time(at, picked.time)).transpose();
        let mut any = false;
        for (name, text) in picked.members {
            match (self.value(at, Some(text)), raw::member_kind(text), &time) {
                (Err(_), Some(kind), _) => sink(Item::Member { name, kind }),
                (Ok(value), _, Ok(time)) => {
                    any = true;
                    sink(Item::Reading(PayloadReading { sensor: Some(name), time: *time, value }));
                }
                // Without a time, its fault tells of the numbers too.
                _ => any = true,
            }
        }
        time?;
        if any { Ok(()) } else { Err(Fault::NoNumbers(at)) }
    }

    /// Hands over the rows of columns.
    fn columns<'p>(self, picked: &Picked<'p>, sink: &mut impl FnMut(Item<'t, 'p>)) -> Result<(), Fault<'t>> {
        // `JsonLayout::new` accepts columns only with a pointer to values and with times.
        let (ValueAt::Pointer(values_at), Some(times_at)) = (&self.layout.value, &self.layout.time) else {
            return Err(Fault::NoReading);
        };
        if picked.is_ambiguous() {
            return Err(Fault::Ambiguous);
        }
        let mut values = column("column of values", values_at, picked.value)?;
        let mut times = column("column of times", &times_at.pointer, picked.time)?;
        let mut names = match (&self.layout.sensor, picked.sensor) {
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
                let time = Some(self.time(times_at, Some(at))?);
                Ok(PayloadReading { sensor, time, value: self.value(values_at, Some(text))? })
            });
            sink(found.map_or_else(|fault| Item::Fault { index: Some(index), fault }, Item::Reading));
        }
        if let Names::Column(_, names) = &mut names
            && names.next().is_some()
        {
            return Err(Fault::Lengths);
        }
        Ok(())
    }

    fn value(self, at: &'t JsonPointer, text: Option<&str>) -> Result<f64, Fault<'t>> {
        let what = "value";
        let text = text.ok_or(Fault::Missing { what, at })?;
        let refused = || Fault::Kind { what, at, kind: raw::kind(text), expected: "a number" };
        if raw::is_number(text) {
            return text.parse().map_err(|_| refused());
        }
        let string = raw::string(text).ok_or_else(refused)?;
        number::of_text(&string, self.layout.numbers).map_err(|fault| match fault {
            NumberFault::None => refused(),
            fault => Fault::Number { at, fault },
        })
    }

    fn time(self, at: &'t TimeAt, text: Option<&str>) -> Result<PayloadTime, Fault<'t>> {
        let (what, pointer) = ("time", &at.pointer);
        let text = text.ok_or(Fault::Missing { what, at: pointer })?;
        if let (TimeForm::Usual(unit), true) = (&at.form, raw::is_number(text)) {
            let time = time::of_number(text, *unit).map(|time| PayloadTime { time, assumed: None });
            return time.ok_or(Fault::Time { at: pointer, fault: TimeFault::OutOfReach });
        }
        match time::of_json(at, text, self.received) {
            Some(time) => time.map_err(|fault| Fault::Time { at: pointer, fault }),
            None => Err(Fault::Kind { what, at: pointer, kind: raw::kind(text), expected: "a time" }),
        }
    }
}

/// Applies a seed to the value at the pointer, and reads the document to its end.
fn descend<'t, 'p>(at: &'t JsonPointer, text: &'p str, seed: impl DeserializeSeed<'p>) -> Result<(), Fault<'t>> {
    let mut document = serde_json::Deserializer::from_str(text);
    let mut seed = Some(seed);
    Descend { steps: at.steps(), seed: &mut seed }.deserialize(&mut document).map_err(Fault::NotJson)?;
    document.end().map_err(Fault::NotJson)?;
    if seed.is_none() { Ok(()) } else { Err(Fault::Nothing(at)) }
}

/// The elements of an array, each a reading.
struct Readings<'t, 's, F> {
    tree: &'t Tree,
    care: Care,
    is_array: &'s mut bool,
    sink: F,
}

impl<'de, F: FnMut(usize, Result<Picked<'de>, serde_json::Error>)> DeserializeSeed<'de> for Readings<'_, '_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        document.deserialize_any(Inside(self))
    }
}

impl<'de, F: FnMut(usize, Result<Picked<'de>, serde_json::Error>)> Container<'de> for Readings<'_, '_, F> {
    fn elements<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        *self.is_array = true;
        for index in 0.. {
            let mut picked = Picked::default();
            let pick = Pick::new(self.tree, self.care, &mut picked);
            match self.care {
                Care::Quick => match elements.next_element_seed(pick)? {
                    Some(()) => (self.sink)(index, Ok(picked)),
                    None => break,
                },
                Care::Careful => match elements.next_element::<&RawValue>()? {
                    Some(element) => {
                        let found = pick.deserialize(&mut serde_json::Deserializer::from_str(element.get()));
                        (self.sink)(index, found.map(|()| picked));
                    }
                    None => break,
                },
            }
        }
        Ok(())
    }
}

/// The sensors that measured the rows of columns.
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

/// A sensor's name: text, or a whole number, because some devices number their sensors.
fn sensor<'t, 'p>(at: &'t JsonPointer, text: Option<&'p str>) -> Result<Cow<'p, str>, Fault<'t>> {
    let what = "sensor";
    let text = text.ok_or(Fault::Missing { what, at })?;
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Cow::Borrowed(text));
    }
    raw::string(text).ok_or_else(|| Fault::Kind { what, at, kind: raw::kind(text), expected: "a name" })
}
