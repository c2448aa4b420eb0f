//! Files that keep their numbers apart, in another file beside them, as torch writes them: the two are made one.

use std::borrow::Cow;

use super::budget::Budget;
use super::error::OnnxError;
use super::proto::pair;
use super::wire::{Field, Message};
use crate::model::Limits;
use crate::model::formats::printable::printable;

/// The fields of the messages on the way to where numbers are, and of what says it.
const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const RAW_DATA: u64 = 9;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;

const NAME: &str = "the plain name of one file beside the model's, that does not begin with a dot";

/// The name of the file in which an ONNX file keeps its numbers, if it does.
///
/// # Errors
/// When the name is more than that of a file, or there is another one too.
pub(in crate::model) fn location<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Option<&'a str>, OnnxError> {
    if !super::recognise(bytes) {
        return Ok(None);
    }
    let mut budget = Budget::new(limits);
    let mut found: Option<&str> = None;
    each_part(bytes, &mut budget, |part| {
        let FilePart::Tensor(_, Some(apart)) = part else { return Ok(()) };
        let name = apart.location;
        let plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
        if !plain || found.is_some_and(|before| before != name) {
            return Err(OnnxError::Elsewhere { found: printable(name), expected: NAME });
        }
        found = Some(name);
        Ok(())
    })?;
    Ok(found)
}

/// One file of an ONNX file and of the one in which it keeps its numbers.
///
/// # Errors
/// When the numbers are not there, or both are larger than a file may be.
pub(in crate::model) fn united(bytes: &[u8], data: &[u8], limits: &Limits) -> Result<Vec<u8>, OnnxError> {
    let mut budget = Budget::new(limits);
    let (mut file, mut graph, mut all) = (Vec::new(), Vec::new(), 0);
    each_part(bytes, &mut budget, |part| {
        match part {
            FilePart::OfFile(bytes) => file.push(Cow::Borrowed(bytes)),
            FilePart::OfGraph(bytes) => graph.push(Cow::Borrowed(bytes)),
            FilePart::Tensor(field, None) => graph.push(Cow::Borrowed(field)),
            FilePart::Tensor(_, Some(apart)) => {
                let numbers = apart.numbers(data)?;
                // Tensors may share numbers, which would be there for each of them.
                all += numbers.len();
                if all > limits.file_bytes {
                    let (what, setting) = ("bytes of numbers", "max_file");
                    return Err(crate::model::Exceeded { what, max: limits.file_bytes, setting }.into());
                }
                let length = apart.rest.iter().map(|field| field.len()).sum::<usize>();
                let before = header(RAW_DATA, numbers.len());
                graph.push(header(INITIALIZER, length + before.len() + numbers.len()).into());
                graph.extend(apart.rest.into_iter().map(Cow::Borrowed));
                graph.extend([before.into(), Cow::Borrowed(numbers)]);
            }
        }
        Ok(())
    })?;
    file.push(header(GRAPH, graph.iter().map(|part| part.len()).sum()).into());
    file.append(&mut graph);
    Ok(file.concat())
}

/// A part of a file, as it stands there.
enum FilePart<'a> {
    /// A field of the file that is not its graph.
    OfFile(&'a [u8]),
    /// A field of the graph that is no tensor.
    OfGraph(&'a [u8]),
    /// A tensor of the graph, and where its numbers are, if they are apart.
    Tensor(&'a [u8], Option<Apart<'a>>),
}

/// A tensor whose numbers are apart.
#[derive(Default)]
struct Apart<'a> {
    location: &'a str,
    offset: usize,
    /// How many bytes there are; all that follow, if the file does not say.
    length: Option<usize>,
    /// The fields of the tensor that do not say where its numbers are.
    rest: Vec<&'a [u8]>,
}

/// Visits the parts of a file in their order, counting them.
fn each_part<'a>(
    bytes: &'a [u8],
    budget: &mut Budget<'_>,
    mut each: impl FnMut(FilePart<'a>) -> Result<(), OnnxError>,
) -> Result<(), OnnxError> {
    let (mut file, mut graphs) = (Message::of_file(bytes), 0);
    while let Some((field, as_it_stands)) = file.next_as_it_stands()? {
        budget.part()?;
        if field.number != GRAPH {
            each(FilePart::OfFile(as_it_stands))?;
            continue;
        }
        graphs += 1;
        if graphs > 1 {
            return Err(field.twice());
        }
        let mut graph = field.message()?;
        while let Some((field, as_it_stands)) = graph.next_as_it_stands()? {
            budget.part()?;
            each(match field.number {
                INITIALIZER => FilePart::Tensor(as_it_stands, Apart::of(field, budget)?),
                _ => FilePart::OfGraph(as_it_stands),
            })?;
        }
    }
    Ok(())
}

impl<'a> Apart<'a> {
    /// Where the numbers of a tensor are, if they are apart.
    fn of(tensor: Field<'a>, budget: &mut Budget<'_>) -> Result<Option<Self>, OnnxError> {
        let mut fields = tensor.message()?;
        let mut is_apart = false;
        while let Some(field) = fields.next()? {
            is_apart |= field.number == EXTERNAL_DATA || (field.number == DATA_LOCATION && field.int()? != 0);
        }
        if !is_apart {
            return Ok(None);
        }
        let (mut fields, mut apart) = (tensor.message()?, Self::default());
        while let Some((field, as_it_stands)) = fields.next_as_it_stands()? {
            budget.part()?;
            match field.number {
                EXTERNAL_DATA => apart.note(pair(field.message()?)?)?,
                DATA_LOCATION | RAW_DATA => {}
                _ => budget.push(&mut apart.rest, as_it_stands)?,
            }
        }
        Ok(Some(apart))
    }

    fn note(&mut self, (key, value): (&'a str, &'a str)) -> Result<(), OnnxError> {
        let count = || {
            let found = || format!("{key} is {}", printable(value));
            value.parse().map_err(|_| OnnxError::Elsewhere { found: found(), expected: "a count of bytes" })
        };
        match key {
            "location" => self.location = value,
            "offset" => self.offset = count()?,
            "length" => self.length = Some(count()?),
            _ => {}
        }
        Ok(())
    }

    /// Its numbers in the other file.
    fn numbers<'d>(&self, data: &'d [u8]) -> Result<&'d [u8], OnnxError> {
        let behind = data.get(self.offset..);
        let numbers = behind.and_then(|behind| self.length.map_or(Some(behind), |length| behind.get(..length)));
        numbers.ok_or_else(|| {
            let length = self.length.map_or("the".to_owned(), |length| length.to_string());
            let found = format!(
                "{length} bytes from byte {} on in {}, which has {}",
                self.offset,
                printable(self.location),
                data.len()
            );
            OnnxError::Elsewhere { found, expected: "a part of that file; copy both files again" }
        })
    }
}

/// What stands before the bytes of a field.
fn header(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut part in [number << 3 | 2, u64::try_from(length).unwrap_or(u64::MAX)] {
        while part >= 0x80 {
            bytes.push(u8::try_from(part & 0x7f).unwrap_or_default() | 0x80);
            part >>= 7;
        }
        bytes.push(u8::try_from(part).unwrap_or_default());
    }
    bytes
}
