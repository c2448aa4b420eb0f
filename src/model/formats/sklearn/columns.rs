//! Which features a `ColumnTransformer` means by what it says of columns.

use std::collections::HashMap;

use crate::model::formats::pickle::Node;
use crate::model::formats::printable::printable;

/// The features that there are.
pub(super) struct Columns {
    width: usize,
    /// What they were called in training, if they were.
    places: HashMap<String, usize>,
}

impl Columns {
    pub(super) fn new(width: usize, names: Option<Vec<String>>) -> Self {
        let places = names.into_iter().flatten().enumerate().map(|(place, name)| (name, place));
        Self { width, places: places.collect() }
    }

    /// The features of a list of places (from the end, if negative), names or truth values, of a slice of places or
    /// names, or of one place or name. What is wrong is said in words.
    pub(super) fn of(&self, node: Node<'_, '_>) -> Result<Vec<usize>, String> {
        // A list that warns of how it will change.
        let node = node.class().and_then(|_| node.attribute("data")).unwrap_or(node);
        if let Some(slice) = node.slice() {
            return self.slice(slice);
        }
        if let Some(ints) = node.ints() {
            return ints.into_iter().map(|place| self.place(place)).collect();
        }
        if let Some(mask) = node.bools() {
            return self.mask(&mask);
        }
        if let Some(names) = node.texts() {
            return names.iter().map(|name| self.named(name)).collect();
        }
        let Some(items) = node.items() else { return Ok(vec![self.one(node)?]) };
        let items: Vec<_> = items.collect();
        match items.iter().map(|item| item.bool()).collect::<Option<Vec<_>>>() {
            Some(mask) if !mask.is_empty() => self.mask(&mask),
            _ => items.into_iter().map(|item| self.one(item)).collect(),
        }
    }

    fn one(&self, node: Node<'_, '_>) -> Result<usize, String> {
        match (node.int(), node.text()) {
            (Some(place), _) => self.place(place),
            (None, Some(name)) => self.named(name),
            (None, None) => Err(format!("{} for a column", node.kind())),
        }
    }

    fn place(&self, place: i64) -> Result<usize, String> {
        let width = i64::try_from(self.width).unwrap_or(i64::MAX);
        let from_start = if place < 0 { place.saturating_add(width) } else { place };
        usize::try_from(from_start)
            .ok()
            .filter(|place| *place < self.width)
            .ok_or_else(|| format!("column {place} of {}", self.width))
    }

    fn named(&self, name: &str) -> Result<usize, String> {
        let place = self.places.get(name).copied().filter(|place| *place < self.width);
        place.ok_or_else(|| format!("column '{}', of which the model does not say where it is", printable(name)))
    }

    fn mask(&self, mask: &[bool]) -> Result<Vec<usize>, String> {
        if mask.len() != self.width {
            return Err(format!("{} truth values for {} columns", mask.len(), self.width));
        }
        Ok(mask.iter().enumerate().filter(|(_, taken)| **taken).map(|(place, _)| place).collect())
    }

    /// As Python has it: a place from the end if negative, and none beyond either end. Of names the last counts in.
    fn slice(&self, [start, stop, step]: [Node<'_, '_>; 3]) -> Result<Vec<usize>, String> {
        let step = match step.int() {
            Some(step) if step > 0 => usize::try_from(step).unwrap_or(usize::MAX),
            None if step.is_none() => 1,
            _ => return Err("a slice of columns with a step that is not 1 or more (list the columns)".to_owned()),
        };
        let width = i64::try_from(self.width).unwrap_or(i64::MAX);
        let end = |node: Node<'_, '_>, default: usize, beyond: usize| match (node.int(), node.text()) {
            (Some(place), _) => {
                let from_start = if place < 0 { place.saturating_add(width) } else { place };
                Ok(usize::try_from(from_start.clamp(0, width)).unwrap_or(default))
            }
            (None, Some(name)) => self.named(name).map(|place| place + beyond),
            (None, None) if node.is_none() => Ok(default),
            (None, None) => Err(format!("a slice of columns with {} for an end", node.kind())),
        };
        Ok((end(start, 0, 0)?..end(stop, self.width, 1)?).step_by(step).collect())
    }
}
