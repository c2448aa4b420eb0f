//! The pickle machine: a stack, a memo, and values. It runs instructions, and no code.
//!
//! The instructions are those of Python's `Lib/pickletools.py`. What Python would do by calling whatever a file names
//! is done here by `reduce` and `build`, which know the few names of [`Name`] and what they mean.

use std::borrow::Cow;
use std::mem;

use super::budget::Budget;
use super::error::{PickleError, PickleProblem as Problem};
use super::inline::Outer;
use super::input::Input;
use super::names::Name;
use super::opcode as op;
use super::value::{Graph, Node, NodeId, Object, Value};
use crate::model::Limits;
use crate::model::formats::{Compression, Format};

/// Reads a pickle.
///
/// # Errors
/// When it is damaged, names what it may not, or takes more than `limits` allow.
pub(in crate::model::formats) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Graph<'a>, PickleError> {
    let mut machine = Machine::new(bytes, Budget::new(limits));
    let mut offset = 0;
    let root = (0..limits.instructions)
        .find_map(|_| {
            offset = machine.input.offset();
            machine.step().transpose()
        })
        .unwrap_or(Err(Problem::Limit(limits.instructions_exceeded())))
        .map_err(|problem| PickleError { offset, problem })?;
    let protocol = machine.protocol;
    let format = match machine.inline_arrays {
        true => Format::Joblib { protocol, compression: None },
        false => Format::Pickle { protocol },
    };
    Ok(machine.into_graph(root, format))
}

/// Reads a pickle that was compressed.
///
/// # Errors
/// As [`read`].
pub(in crate::model::formats) fn read_compressed<'a>(
    bytes: &'a [u8],
    compression: Compression,
    limits: &Limits,
) -> Result<Graph<'a>, PickleError> {
    let mut graph = read(bytes, limits)?;
    let (Format::Pickle { protocol } | Format::Joblib { protocol, .. }) = graph.format else { return Ok(graph) };
    graph.format = Format::Joblib { protocol, compression: Some(compression) };
    Ok(graph)
}

/// The machine. It also makes the values of files that are no pickles, with no instructions to run.
pub(in crate::model::formats) struct Machine<'a> {
    pub(super) input: Input<'a>,
    pub(in crate::model::formats) budget: Budget,
    protocol: u8,
    nodes: Vec<Value<'a>>,
    stack: Vec<NodeId>,
    /// The stack's heights at the marks.
    marks: Vec<usize>,
    memo: Vec<Option<NodeId>>,
    /// Where joblib's pickle goes on when one is done that stands within it.
    outer: Option<Outer>,
    /// Whether arrays stood between the instructions, as joblib puts them.
    pub(super) inline_arrays: bool,
}

impl<'a> Machine<'a> {
    pub(in crate::model::formats) fn new(instructions: &'a [u8], budget: Budget) -> Self {
        Self {
            input: Input::new(instructions),
            budget,
            protocol: 0,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            outer: None,
            inline_arrays: false,
        }
    }

    pub(in crate::model::formats) fn into_graph(self, root: NodeId, format: Format) -> Graph<'a> {
        Graph { nodes: self.nodes, budget: self.budget, root, format }
    }
}

impl<'a> Machine<'a> {
    /// Runs one instruction. Answers the pickle's value when it was the last.
    fn step(&mut self) -> Result<Option<NodeId>, Problem> {
        match self.input.byte()? {
            op::STOP => {
                let result = self.pop()?;
                let Some(outer) = self.outer.take() else { return Ok(Some(result)) };
                self.end_nested(outer, result)?;
            }
            op::PROTO => match self.input.byte()? {
                protocol @ 2..=5 => self.protocol = protocol,
                other => return Err(Problem::Protocol(other)),
            },
            op::FRAME => {
                // A frame is a hint for reading ahead; all is here already. One that is not whole is a file cut off.
                let length = self.input.length(8)?;
                if length > self.input.left() {
                    return Err(Problem::Truncated);
                }
            }

            op::NONE => self.push(Value::None)?,
            op::NEWTRUE => self.push(Value::Bool(true))?,
            op::NEWFALSE => self.push(Value::Bool(false))?,
            op::BININT => {
                let int = i64::from(i32::from_le_bytes(self.input.array()?));
                self.push(Value::Int(int))?;
            }
            op::BININT1 => {
                let int = i64::from(self.input.byte()?);
                self.push(Value::Int(int))?;
            }
            op::BININT2 => {
                let int = i64::from(u16::from_le_bytes(self.input.array()?));
                self.push(Value::Int(int))?;
            }
            op::LONG1 => {
                let length = self.input.length(1)?;
                self.long(length)?;
            }
            op::LONG4 => {
                let length = self.input.length(4)?;
                self.long(length)?;
            }
            op::BINFLOAT => {
                let float = f64::from_be_bytes(self.input.array()?);
                self.push(Value::Float(float))?;
            }

            op::SHORT_BINUNICODE => self.text(1)?,
            op::BINUNICODE => self.text(4)?,
            op::BINUNICODE8 => self.text(8)?,
            op::SHORT_BINBYTES | op::SHORT_BINSTRING => self.bytes(1)?,
            op::BINBYTES | op::BINSTRING => self.bytes(4)?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.bytes(8)?,

            op::MARK => {
                self.budget.push(&mut self.marks, self.stack.len())?;
            }
            op::POP => match self.marks.last() {
                // As in Python, a mark on the top is what is popped.
                Some(&mark) if mark == self.stack.len() => _ = self.marks.pop(),
                _ => _ = self.pop()?,
            },
            op::POP_MARK => _ = self.since_mark()?,
            op::DUP => {
                let top = self.peek()?;
                self.push_id(top)?;
            }

            op::EMPTY_TUPLE => self.push(Value::Tuple(Box::default()))?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE | op::FROZENSET => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items.into()))?;
            }
            // Of a set, only what it holds matters.
            op::EMPTY_LIST | op::EMPTY_SET => {
                self.push(Value::List(Vec::new()))?;
            }
            op::APPEND => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.since_mark()?;
                self.append(&items)?;
            }
            op::EMPTY_DICT => {
                self.push(Value::Dict(Vec::new()))?;
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])?;
            }
            op::SETITEMS => {
                let items = self.since_mark()?;
                self.set_items(&items)?;
            }

            op::BINPUT => {
                let index = usize::from(self.input.byte()?);
                self.put(index)?;
            }
            op::LONG_BINPUT => {
                let index = self.input.length(4)?;
                self.put(index)?;
            }
            op::MEMOIZE => self.put(self.memo.len())?,
            op::BINGET => {
                let index = usize::from(self.input.byte()?);
                self.get(index)?;
            }
            op::LONG_BINGET => {
                let index = self.input.length(4)?;
                self.get(index)?;
            }

            op::GLOBAL => {
                let (module, name) = (self.input.line()?, self.input.line()?);
                self.name(module, name)?;
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.as_text(module)?, self.as_text(name)?);
                self.name(module, name)?;
            }
            // The arguments are those of `__new__`, which scikit-learn's estimators do not have.
            op::NEWOBJ => {
                let (_arguments, class) = (self.pop()?, self.pop()?);
                self.object(class)?;
            }
            op::NEWOBJ_EX => {
                let (_keywords, _arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.object(class)?;
            }
            op::REDUCE => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = self.reduce(function, arguments)?;
                self.push(value)?;
            }
            op::BUILD => {
                let state = self.pop()?;
                let object = self.peek()?;
                self.build(object, state)?;
            }
            op::NEXT_BUFFER | op::READONLY_BUFFER => return Err(Problem::OutOfBand),
            other => return Err(Problem::Opcode(other)),
        }
        Ok(None)
    }

    fn text(&mut self, size: usize) -> Result<(), Problem> {
        let length = self.input.length(size)?;
        let text = std::str::from_utf8(self.input.take(length)?).map_err(|_| Problem::Text)?;
        self.push(Value::Text(Cow::Borrowed(text)))
    }

    fn bytes(&mut self, size: usize) -> Result<(), Problem> {
        let length = self.input.length(size)?;
        let bytes = self.input.take(length)?;
        self.push(Value::Bytes(Cow::Borrowed(bytes)))
    }

    fn long(&mut self, length: usize) -> Result<(), Problem> {
        let value = self.input.long(length)?.map_or(Value::Huge, Value::Int);
        self.push(value)
    }

    /// A fresh object of a class.
    fn object(&mut self, class: NodeId) -> Result<(), Problem> {
        let Value::Name(Name::Class(class)) = *self.value(class) else {
            return Err(self.unexpected("a class to make an object of", class));
        };
        self.push(Value::Object(Object { class, state: None }))
    }

    // The values.

    pub(in crate::model::formats) fn value(&self, id: NodeId) -> &Value<'a> {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn value_mut(&mut self, id: NodeId) -> &mut Value<'a> {
        &mut self.nodes[id.0 as usize]
    }

    pub(super) fn node(&self, id: NodeId) -> Node<'_, 'a> {
        Node { nodes: &self.nodes, budget: &self.budget, id }
    }

    /// The error that says that `id` is not what was expected.
    pub(super) fn unexpected(&self, expected: &'static str, id: NodeId) -> Problem {
        Problem::Expected { expected, found: self.node(id).kind().to_owned() }
    }

    /// Takes `bytes` from the memory that is left.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), Problem> {
        Ok(self.budget.charge(bytes)?)
    }

    /// Adds a value to the graph.
    pub(in crate::model::formats) fn add(&mut self, value: Value<'a>) -> Result<NodeId, Problem> {
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| self.budget.limits().instructions_exceeded())?);
        self.budget.push(&mut self.nodes, value)?;
        Ok(id)
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), Problem> {
        let id = self.add(value)?;
        self.push_id(id)
    }

    // The stack.

    fn push_id(&mut self, id: NodeId) -> Result<(), Problem> {
        self.budget.push(&mut self.stack, id)?;
        Ok(())
    }

    /// Everything above the last mark is in reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<NodeId, Problem> {
        if self.stack.len() <= self.floor() {
            return Err(Problem::Underflow);
        }
        self.stack.pop().ok_or(Problem::Underflow)
    }

    fn peek(&self) -> Result<NodeId, Problem> {
        self.stack[self.floor()..].last().copied().ok_or(Problem::Underflow)
    }

    fn since_mark(&mut self) -> Result<Vec<NodeId>, Problem> {
        let mark = self.marks.pop().ok_or(Problem::Underflow)?;
        self.budget.charge_items::<NodeId>(self.stack.len() - mark)?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<(), Problem> {
        self.budget.charge_items::<NodeId>(length)?;
        let start = self.stack.len().checked_sub(length).filter(|start| *start >= self.floor());
        let items = self.stack.split_off(start.ok_or(Problem::Underflow)?);
        self.push(Value::Tuple(items.into()))
    }

    fn append(&mut self, items: &[NodeId]) -> Result<(), Problem> {
        let list = self.peek()?;
        let Self { nodes, budget, .. } = self;
        match &mut nodes[list.0 as usize] {
            Value::List(list) => {
                budget.grow(list, items.len())?;
                list.extend_from_slice(items);
            }
            // Of an object of a kind of list, only the attributes matter.
            Value::Object(_) => {}
            _ => return Err(self.unexpected("a list to append to", list)),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[NodeId]) -> Result<(), Problem> {
        let dict = self.peek()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Problem::Expected { expected: "keys with values", found: "a key without one".to_owned() });
        }
        let Self { nodes, budget, .. } = self;
        match &mut nodes[dict.0 as usize] {
            Value::Dict(dict) => {
                budget.grow(dict, pairs.len())?;
                dict.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            // Likewise of one of a kind of dictionary.
            Value::Object(_) => {}
            _ => return Err(self.unexpected("a dictionary to fill", dict)),
        }
        Ok(())
    }

    // The memo.

    fn put(&mut self, index: usize) -> Result<(), Problem> {
        let top = self.peek()?;
        if index >= self.budget.limits().instructions {
            return Err(Problem::Limit(self.budget.limits().instructions_exceeded()));
        }
        if index >= self.memo.len() {
            let more = index + 1 - self.memo.len();
            self.budget.grow(&mut self.memo, more)?;
            self.memo.resize(index + 1, None);
        }
        self.memo[index] = Some(top);
        Ok(())
    }

    fn get(&mut self, index: usize) -> Result<(), Problem> {
        let id = self.memo.get(index).copied().flatten().ok_or(Problem::Memo(index))?;
        self.push_id(id)
    }

    // A pickle within the pickle.

    /// Begins a pickle that stands within this one, and shares nothing with it but the graph.
    pub(super) fn begin_nested(&mut self, place: NodeId) -> Result<(), Problem> {
        if self.outer.is_some() {
            return Err(Problem::Expected {
                expected: "a plain pickle",
                found: "one within one within one".to_owned(),
            });
        }
        self.outer = Some(Outer {
            place,
            protocol: self.protocol,
            stack: mem::take(&mut self.stack),
            marks: mem::take(&mut self.marks),
            memo: mem::take(&mut self.memo),
        });
        Ok(())
    }

    /// Puts what a pickle within this one came to in its place.
    fn end_nested(&mut self, outer: Outer, result: NodeId) -> Result<(), Problem> {
        if !matches!(self.value(result), Value::Array(_)) {
            return Err(self.unexpected("an array", result));
        }
        *self.value_mut(outer.place) = mem::replace(self.value_mut(result), Value::None);
        self.protocol = outer.protocol;
        self.stack = outer.stack;
        self.marks = outer.marks;
        self.memo = outer.memo;
        Ok(())
    }

    // Names.

    /// Only text that stands in the file is a name, so it is there as long as the file is.
    fn as_text(&self, id: NodeId) -> Result<&'a str, Problem> {
        match *self.value(id) {
            Value::Text(Cow::Borrowed(text)) => Ok(text),
            _ => Err(self.unexpected("a name", id)),
        }
    }

    fn name(&mut self, module: &'a str, name: &'a str) -> Result<(), Problem> {
        let name = Name::look_up(module, name)?;
        self.push(Value::Name(name))
    }
}
