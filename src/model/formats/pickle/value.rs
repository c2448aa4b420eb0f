//! What a pickle comes to: a graph of plain values.

use std::borrow::Cow;

use super::budget::Budget;
use super::dtype::Dtype;
use super::names::{Class, Name};
use super::numpy::Array;
use crate::model::formats::Format;
use crate::model::limits::Exceeded;

/// A value's place in its [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model::formats) struct NodeId(pub(super) u32);

/// One value. What it holds stands elsewhere in the graph, by its place.
///
/// So a value that is used a thousand times is there once, one may hold itself, and nothing here recurses, however
/// deep the nesting: neither reading, nor dropping.
#[derive(Debug)]
pub(in crate::model::formats) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number of more than 64 bits.
    Huge,
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Tuple(Box<[NodeId]>),
    List(Vec<NodeId>),
    Dict(Vec<(NodeId, NodeId)>),
    /// Start, stop and step.
    Slice([NodeId; 3]),
    Name(Name<'a>),
    Object(Object<'a>),
    Dtype(Dtype),
    Array(Box<Array>),
}

/// An instance of a class that is known by name only.
#[derive(Debug)]
pub(in crate::model::formats) struct Object<'a> {
    pub(in crate::model::formats) class: Class<'a>,
    /// What `__setstate__` would be given.
    pub(in crate::model::formats) state: Option<NodeId>,
}

/// All values of a pickle. The input's bytes are borrowed, not copied.
#[derive(Debug)]
pub(in crate::model::formats) struct Graph<'a> {
    pub(super) nodes: Vec<Value<'a>>,
    pub(super) budget: Budget,
    pub(super) root: NodeId,
    pub(in crate::model::formats) format: Format,
}

impl<'a> Graph<'a> {
    /// The value that the pickle stands for.
    pub(in crate::model::formats) fn root(&self) -> Node<'_, 'a> {
        Node { nodes: &self.nodes, budget: &self.budget, id: self.root }
    }

    /// How the file is written.
    pub(in crate::model::formats) fn format(&self) -> Format {
        self.format
    }

    /// The bound that was reached while values were taken out, if one was. Then what was taken out is not all there is.
    pub(in crate::model::formats) fn exceeded(&self) -> Option<Exceeded> {
        self.budget.exceeded()
    }
}

/// How many bytes of text cost as much as a look at a value.
const TEXT_A_LOOK: usize = 64;

/// One value, seen from outside: each method answers `None` when the value is of another kind.
#[derive(Clone, Copy, Debug)]
pub(in crate::model::formats) struct Node<'g, 'a> {
    pub(super) nodes: &'g [Value<'a>],
    pub(super) budget: &'g Budget,
    pub(super) id: NodeId,
}

impl<'g, 'a> Node<'g, 'a> {
    pub(super) fn value(self) -> &'g Value<'a> {
        &self.nodes[self.id.0 as usize]
    }

    pub(super) fn at(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    /// Whether it is Python's `None`.
    pub(in crate::model::formats) fn is_none(self) -> bool {
        matches!(self.value(), Value::None)
    }

    /// Text. Also Python 2's byte strings, which is what that wrote for names.
    ///
    /// Whoever asks goes through all of it, to compare it at the least: long text that stands in many places is paid for
    /// in each.
    pub(in crate::model::formats) fn text(self) -> Option<&'g str> {
        match self.value() {
            Value::Text(text) => self.budget.look(text.len() / TEXT_A_LOOK).ok().map(|()| &**text),
            Value::Bytes(bytes) => {
                self.budget.look(bytes.len() / TEXT_A_LOOK).ok()?;
                std::str::from_utf8(bytes).ok()
            }
            _ => None,
        }
    }

    /// A truth value.
    pub(in crate::model::formats) fn bool(self) -> Option<bool> {
        match self.value() {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A whole number.
    pub(in crate::model::formats) fn int(self) -> Option<i64> {
        match self.value() {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A number.
    pub(in crate::model::formats) fn number(self) -> Option<f64> {
        match self.value() {
            Value::Float(value) => Some(*value),
            // Whole numbers in model files are counts and small parameters.
            Value::Int(value) => i32::try_from(*value).ok().map(f64::from),
            _ => None,
        }
    }

    /// Whether other values lie within it, as items, as values of keys, or as elements.
    pub(in crate::model::formats) fn is_container(self) -> bool {
        matches!(self.value(), Value::Tuple(_) | Value::List(_) | Value::Dict(_) | Value::Array(_))
    }

    /// The items of a tuple or list.
    pub(in crate::model::formats) fn items(self) -> Option<impl ExactSizeIterator<Item = Node<'g, 'a>>> {
        let ids = match self.value() {
            Value::Tuple(ids) => &ids[..],
            Value::List(ids) => &ids[..],
            _ => return None,
        };
        self.budget.look(1 + ids.len()).ok()?;
        Some(ids.iter().map(move |id| self.at(*id)))
    }

    /// The keys and values of a dictionary, in order. As in Python the last of equal keys counts.
    pub(in crate::model::formats) fn entries(
        self,
    ) -> Option<impl DoubleEndedIterator<Item = (Node<'g, 'a>, Node<'g, 'a>)>> {
        let Value::Dict(pairs) = self.value() else { return None };
        self.budget.look(1 + pairs.len()).ok()?;
        Some(pairs.iter().map(move |(key, value)| (self.at(*key), self.at(*value))))
    }

    /// Start, stop and step of a slice.
    pub(in crate::model::formats) fn slice(self) -> Option<[Node<'g, 'a>; 3]> {
        match self.value() {
            Value::Slice(parts) => Some(parts.map(|id| self.at(id))),
            _ => None,
        }
    }

    /// A function that is named: one of numpy's (of module `numpy`, wherever its version keeps it), or of scikit-learn's.
    pub(in crate::model::formats) fn function(self) -> Option<Class<'a>> {
        match self.value() {
            Value::Name(Name::Function(function) | Name::Class(function)) => Some(*function),
            _ => None,
        }
    }

    /// The class of an object.
    pub(in crate::model::formats) fn class(self) -> Option<Class<'a>> {
        match self.value() {
            Value::Object(object) => Some(object.class),
            _ => None,
        }
    }

    /// Its place among the values: two of one place are one and the same.
    pub(in crate::model::formats) fn place(self) -> u32 {
        self.id.0
    }

    /// What an object is filled with: a dictionary of attributes, or a tuple.
    pub(in crate::model::formats) fn state(self) -> Option<Node<'g, 'a>> {
        match self.value() {
            Value::Object(object) => object.state.map(|state| self.at(state)),
            _ => None,
        }
    }

    /// An attribute of an object; as in Python the last of equal keys counts.
    pub(in crate::model::formats) fn attribute(self, name: &str) -> Option<Node<'g, 'a>> {
        let Value::Object(Object { state: Some(state), .. }) = self.value() else { return None };
        let mut entries = self.at(*state).entries()?;
        entries.rfind(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    /// What kind of value it is, in words.
    pub(in crate::model::formats) fn kind(self) -> &'static str {
        match self.value() {
            Value::None => "None",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Huge => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Dict(_) => "a dictionary",
            Value::Slice(_) => "a slice",
            Value::Name(_) => "a name",
            Value::Object(_) => "an object",
            Value::Dtype(_) => "an array's data type",
            Value::Array(_) => "an array",
        }
    }
}
