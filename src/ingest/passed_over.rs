//! Members of payloads that are not numbers, where a route takes all numbers of an object. They are skipped and counted
//! by kind; each shape (a topic with a kind) is logged once.

use std::collections::HashSet;

/// The kind of a member that is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberKind {
    /// Text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
    /// An object; its own members are not read.
    Object,
    /// An array.
    Array,
}

impl MemberKind {
    const ALL: [Self; 5] = [Self::Text, Self::Boolean, Self::Null, Self::Object, Self::Array];

    /// One word for it, the same in metrics and in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Null => "null",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

/// Which kinds of a topic's members were handed on to be logged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KindsTold(u8);

impl KindsTold {
    fn has(self, kind: MemberKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    fn add(&mut self, kind: MemberKind) {
        self.0 |= 1 << kind as u8;
    }
}

/// A member of a kind that was met under a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The topic.
    pub topic: String,
    /// The member's name.
    pub member: String,
    /// The kind of the member.
    pub kind: MemberKind,
}

/// The members of a batch's messages that are not numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PassedOver {
    counts: [u64; MemberKind::ALL.len()],
    shapes: Vec<Shape>,
}

impl PassedOver {
    /// The most shapes that a batch carries. A further shape is carried when it comes again.
    const MAX_SHAPES: usize = 32;

    /// Counts a member, and adds its shape unless that was handed on before.
    pub(super) fn add(&mut self, topic: &str, member: &str, kind: MemberKind, told: &mut KindsTold) {
        self.counts[kind as usize] += 1;
        if !told.has(kind) && self.shapes.len() < Self::MAX_SHAPES {
            told.add(kind);
            self.shapes.push(Shape { topic: beginning(topic), member: beginning(member), kind });
        }
    }

    /// Adds what `other` holds.
    pub(super) fn append(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        let room = Self::MAX_SHAPES - self.shapes.len();
        self.shapes.extend(other.shapes.into_iter().take(room));
    }

    /// About how many bytes of memory it takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.shapes.len() * 512
    }

    /// How many there were of each kind.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = MemberKind::ALL.into_iter().zip(self.counts);
        counts.filter(|(_, count)| *count > 0).map(|(kind, count)| (kind.word(), count))
    }

    /// Shapes that may be new.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }
}

/// As much of a name as is shown.
fn beginning(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The shapes that were logged, over all connections.
#[derive(Debug, Default)]
pub struct ShapesTold(HashSet<(String, MemberKind)>);

/// Whether a shape has to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeNews {
    /// It is new.
    New,
    /// The shape is new, and the last that is remembered: further shapes are only counted.
    Last,
    /// Nothing.
    Nothing,
}

impl ShapesTold {
    /// The most shapes that are logged until the next start.
    pub const MAX: usize = 1_000;

    /// Whether to tell of a shape.
    pub fn news(&mut self, shape: &Shape) -> ShapeNews {
        if self.0.len() >= Self::MAX || !self.0.insert((shape.topic.clone(), shape.kind)) {
            return ShapeNews::Nothing;
        }
        if self.0.len() < Self::MAX { ShapeNews::New } else { ShapeNews::Last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(topic: &str, kind: MemberKind) -> Shape {
        Shape { topic: topic.to_owned(), member: "m".to_owned(), kind }
    }

    #[test]
    fn every_member_is_counted_and_each_shape_taken_down_once() {
        let (mut batch, mut told) = (PassedOver::default(), KindsTold::default());
        for kind in [MemberKind::Text, MemberKind::Null, MemberKind::Text] {
            batch.add("a/b", "m", kind, &mut told);
        }
        assert_eq!(batch.counts().collect::<Vec<_>>(), [("text", 2), ("null", 1)]);
        assert_eq!(batch.shapes(), [shape("a/b", MemberKind::Text), shape("a/b", MemberKind::Null)]);
    }

    #[test]
    fn a_batch_carries_so_many_shapes_and_the_others_are_told_of_later() {
        let mut batch = PassedOver::default();
        for _ in 0..PassedOver::MAX_SHAPES {
            batch.add("a", "m", MemberKind::Text, &mut KindsTold::default());
        }
        let mut told = KindsTold::default();
        batch.add("late", "m", MemberKind::Text, &mut told);
        assert_eq!(batch.shapes().len(), PassedOver::MAX_SHAPES);
        assert!(!told.has(MemberKind::Text));
    }

    #[test]
    fn a_shape_is_told_of_once_and_so_many_in_all() {
        let mut told = ShapesTold::default();
        assert_eq!(told.news(&shape("a", MemberKind::Text)), ShapeNews::New);
        assert_eq!(told.news(&shape("a", MemberKind::Text)), ShapeNews::Nothing);
        assert_eq!(told.news(&shape("a", MemberKind::Null)), ShapeNews::New);
        for index in 2..ShapesTold::MAX - 1 {
            assert_eq!(told.news(&shape(&index.to_string(), MemberKind::Text)), ShapeNews::New);
        }
        assert_eq!(told.news(&shape("last", MemberKind::Text)), ShapeNews::Last);
        assert_eq!(told.news(&shape("more", MemberKind::Text)), ShapeNews::Nothing);
    }
}
