//! The pointers of a layout as one tree, so that one pass over a document picks what all of them point to.
//!
//! What is picked stays a piece of the document's text: nothing is copied, numbers lose no digit, and a value that
//! cannot be read concerns only its own reading. Everything that no pointer leads to is skipped without recursion.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ingest::payload::Care;
use crate::ingest::payload::pointer::{JsonPointer, Step};

/// The pointers below a reading. Node 0 is the reading.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ingest) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// What a pointer that ends here is for. A leaf has no branches.
    leaf: Option<Leaf>,
    /// Whether the numbers among the members here are readings.
    all: bool,
    branches: Vec<(Step, usize)>,
}

/// What a pointer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ingest) enum Leaf {
    Value,
    Sensor,
    Time,
}

impl Leaf {
    pub(in crate::ingest) fn noun(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Sensor => "sensor",
            Self::Time => "time",
        }
    }
}

impl Tree {
    /// A tree of pointers of which none leads to a part of another. Below `all`, every number counts.
    pub(in crate::ingest) fn new(leaves: &[(Leaf, &JsonPointer)], all: Option<&JsonPointer>) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for (leaf, pointer) in leaves {
            tree.grow(pointer).leaf = Some(*leaf);
        }
        if let Some(pointer) = all {
            tree.grow(pointer).all = true;
        }
        tree
    }

    fn grow(&mut self, pointer: &JsonPointer) -> &mut Node {
        let mut at = 0;
        for step in pointer.steps() {
            at = match self.nodes[at].branches.iter().find(|(branch, _)| branch == step) {
                Some((_, next)) => *next,
                None => {
                    self.nodes.push(Node::default());
                    let next = self.nodes.len() - 1;
                    self.nodes[at].branches.push((step.clone(), next));
                    next
                }
            };
        }
        &mut self.nodes[at]
    }
}

/// The JSON text to which the pointers of one reading lead.
#[derive(Debug, Default)]
pub(super) struct Picked<'de> {
    pub(super) value: Option<&'de str>,
    pub(super) sensor: Option<&'de str>,
    pub(super) time: Option<&'de str>,
    /// The members with their keys, where all numbers are taken.
    pub(super) members: Vec<(Cow<'de, str>, &'de str)>,
    /// The nodes that were met, one bit each.
    met: u64,
    /// The nodes that were met more than once.
    met_again: u64,
}

// A bit of `Picked::met` for every node of the largest tree.
const _: () = assert!(3 * JsonPointer::MAX_STEPS < 64);

impl<'de> Picked<'de> {
    /// Whether the node is met for the first time.
    fn meet(&mut self, node: usize) -> bool {
        let bit = 1 << node;
        self.met_again |= self.met & bit;
        self.met |= bit;
        self.met_again & bit == 0
    }

    /// Whether an object has two members with a name that matters, so that it cannot be told which is meant.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.met_again != 0
    }

    fn set(&mut self, leaf: Leaf, text: &'de str) {
        match leaf {
            Leaf::Value => self.value = Some(text),
            Leaf::Sensor => self.sensor = Some(text),
            Leaf::Time => self.time = Some(text),
        }
    }
}

/// Picks the text to which a tree's pointers lead.
pub(super) struct Pick<'t, 'p, 'de> {
    tree: &'t Tree,
    node: usize,
    care: Care,
    picked: &'p mut Picked<'de>,
}

impl<'t, 'p, 'de> Pick<'t, 'p, 'de> {
    pub(super) fn new(tree: &'t Tree, care: Care, picked: &'p mut Picked<'de>) -> Self {
        Self { tree, node: 0, care, picked }
    }

    fn below(&mut self, node: usize) -> Pick<'t, '_, 'de> {
        Pick { tree: self.tree, node, care: self.care, picked: self.picked }
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        match (self.tree.nodes[self.node].leaf, self.care) {
            (Some(leaf), _) => self.picked.set(leaf, <&RawValue>::deserialize(document)?.get()),
            (None, Care::Quick) => document.deserialize_any(Inside(self))?,
            (None, Care::Careful) => {
                // A number that is too large for any float would fail the whole document here, where no value is
                // wanted.
                let text = <&RawValue>::deserialize(document)?.get();
                if text.starts_with(['{', '[']) {
                    let mut inner = serde_json::Deserializer::from_str(text);
                    inner.deserialize_any(Inside(self)).map_err(D::Error::custom)?;
                }
            }
        }
        Ok(())
    }
}

impl<'de> Container<'de> for Pick<'_, '_, 'de> {
    fn members<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let node = &self.tree.nodes[self.node];
        while let Some(key) = members.next_key_seed(KeyOf(node))? {
            match key {
                Key::Branch(next) => {
                    if self.picked.meet(next) {
                        members.next_value_seed(self.below(next))?;
                    } else {
                        members.next_value::<IgnoredAny>()?;
                    }
                }
                Key::Unknown => {
                    members.next_value::<IgnoredAny>()?;
                }
                Key::Candidate(name) => {
                    self.picked.members.push((name, members.next_value::<&RawValue>()?.get()));
                }
            }
        }
        Ok(())
    }

    fn elements<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let node = &self.tree.nodes[self.node];
        for index in 0.. {
            let branch = node.branches.iter().find(|(step, _)| step.element == Some(index));
            let next = match branch {
                Some((_, next)) => elements.next_element_seed(self.below(*next))?,
                None => elements.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Which of a node's branches a member's key leads to.
struct KeyOf<'t>(&'t Node);

enum Key<'de> {
    Branch(usize),
    /// A sensor's name, if its value is a number: see [`Picked::members`].
    Candidate(Cow<'de, str>),
    Unknown,
}

impl KeyOf<'_> {
    fn branch<'de>(&self, key: &str) -> Option<Key<'de>> {
        let branch = self.0.branches.iter().find(|(step, _)| *step.member == *key);
        branch.map(|(_, next)| Key::Branch(*next)).or((!self.0.all).then_some(Key::Unknown))
    }
}

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Key<'de>, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyOf<'_> {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(self.branch(key).unwrap_or(Key::Candidate(Cow::Borrowed(key))))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(self.branch(key).unwrap_or_else(|| Key::Candidate(Cow::Owned(key.to_owned()))))
    }
}

/// Follows a pointer, and applies a seed to the value there. The seed stays unused when there is no value.
pub(super) struct Descend<'t, S> {
    pub(super) steps: &'t [Step],
    pub(super) seed: &'t mut Option<S>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Descend<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<(), D::Error> {
        if !self.steps.is_empty() {
            return document.deserialize_any(Inside(self));
        }
        if let Some(seed) = self.seed.take() {
            seed.deserialize(document)?;
        }
        Ok(())
    }
}

impl<'de, S: DeserializeSeed<'de>> Container<'de> for Descend<'_, S> {
    fn members<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((step, steps)) = self.steps.split_first() else { return Ok(()) };
        let mut found = false;
        while let Some(is_step) = members.next_key_seed(Is(&step.member))? {
            if !is_step {
                members.next_value::<IgnoredAny>()?;
            } else if found {
                return Err(A::Error::custom(format_args!("two members are named {:?}", step.member)));
            } else {
                found = true;
                members.next_value_seed(Descend { steps, seed: self.seed })?;
            }
        }
        Ok(())
    }

    fn elements<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Some((step, steps)) = self.steps.split_first() else { return Ok(()) };
        for index in 0.. {
            let next = if step.element == Some(index) {
                elements.next_element_seed(Descend { steps, seed: self.seed })?
            } else {
                elements.next_element::<IgnoredAny>()?.map(|_| ())
            };
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a key equals this text.
struct Is<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0 == key)
    }
}

/// What is made of an object or an array; a scalar has no parts.
pub(super) trait Container<'de>: Sized {
    /// Takes an object.
    fn members<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    /// Takes an array.
    fn elements<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error>;
}

/// The visitor of a container.
pub(super) struct Inside<C>(pub(super) C);

impl<'de, C: Container<'de>> Visitor<'de> for Inside<C> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.0.members(members)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        self.0.elements(elements)
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
