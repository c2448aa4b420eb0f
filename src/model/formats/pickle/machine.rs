//! The pickle machine: a stack, a memo, and values. It runs instructions, and no code.
//!
//! The instructions are those of Python's `Lib/pickletools.py`. What Python would do by calling whatever a file names
//! is done here by `reduce` and `build`, which know the few names of [`Name`] and what they mean.

use std::borrow::Cow;
use std::mem::size_of;

use super::error::{PickleError, PickleProblem as Problem};
use super::input::Input;
use super::names::{Name, printable};
use super::opcode as op;
use super::value::{Graph, Node, NodeId, Object, Value};
use crate::model::Limits;

/// What an allocation takes beside its content, about.
const ALLOCATION: usize = 32;

/// Reads a pickle.
///
/// # Errors
/// When it is damaged, names what it may not, or takes more than `limits` allow.
pub(in crate::model::formats) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Graph<'a>, PickleError> {
    let mut machine = Machine {
        input: Input::new(bytes),
        limits: *limits,
        protocol: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        memory_left: limits.memory_bytes,
    };
    let mut offset = 0;
    let root = (0..limits.instructions)
        .find_map(|_| {
            offset = machine.input.offset();
            machine.step().transpose()
        })
        .unwrap_or(Err(Problem::Limit { what: "instructions", max: limits.instructions, setting: "max_instructions" }))
        .map_err(|problem| PickleError { offset, problem })?;
    Ok(Graph { nodes: machine.nodes, root, protocol: machine.protocol })
}

pub(super) struct Machine<'a> {
    input: Input<'a>,
    pub(super) limits: Limits,
    protocol: u8,
    nodes: Vec<Value<'a>>,
    stack: Vec<NodeId>,
    /// The stack's heights at the marks.
    marks: Vec<usize>,
    memo: Vec<Option<NodeId>>,
    memory_left: usize,
}

impl<'a> Machine<'a> {
    /// Runs one instruction. Answers the pickle's value when it was the last.
    fn step(&mut self) -> Result<Option<NodeId>, Problem> {
        match self.input.byte()? {
            op::STOP => return self.pop().map(Some),
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
                let int = self.input.long()?;
                self.push(Value::Int(int))?;
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

            op::MARK => self.marks.push(self.stack.len()),
            op::POP => match self.marks.last() {
                // As in Python, a mark on the top is what is popped.
                Some(&mark) if mark == self.stack.len() => _ = self.marks.pop(),
                _ => _ = self.pop()?,
            },
            op::POP_MARK => _ = self.since_mark()?,
            op::DUP => {
                let top = self.peek()?;
                self.stack.push(top);
            }

            op::EMPTY_TUPLE => self.push(Value::Tuple(Box::default()))?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items.into()))?;
            }
            op::EMPTY_LIST => {
                self.charge(ALLOCATION)?;
                self.push(Value::List(Vec::new()))?;
            }
            op::APPEND => {
                let item = self.pop()?;
                self.charge(size_of::<NodeId>())?;
                self.append(&[item])?;
            }
            op::APPENDS => {
                let items = self.since_mark()?;
                self.append(&items)?;
            }
            op::EMPTY_DICT => {
                self.charge(ALLOCATION)?;
                self.push(Value::Dict(Vec::new()))?;
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.charge(2 * size_of::<NodeId>())?;
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
            op::NEWOBJ => {
                // The arguments are those of `__new__`, which scikit-learn's estimators do not have.
                let (_arguments, class) = (self.pop()?, self.pop()?);
                let Value::Name(Name::Class(class)) = *self.value(class) else {
                    return Err(self.unexpected("a class to make an object of", class));
                };
                self.push(Value::Object(Object { class, state: None }))?;
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
            other => return Err(Problem::Opcode(other)),
        }
        Ok(None)
    }

    fn text(&mut self, size: usize) -> Result<(), Problem> {
        let length = self.input.length(size)?;
        let text = std::str::from_utf8(self.input.take(length)?).map_err(|_| Problem::Text)?;
        self.push(Value::Text(text))
    }

    fn bytes(&mut self, size: usize) -> Result<(), Problem> {
        let length = self.input.length(size)?;
        let bytes = self.input.take(length)?;
        self.push(Value::Bytes(Cow::Borrowed(bytes)))
    }

    // The values.

    pub(super) fn value(&self, id: NodeId) -> &Value<'a> {
        &self.nodes[id.0 as usize]
    }

    pub(super) fn value_mut(&mut self, id: NodeId) -> &mut Value<'a> {
        &mut self.nodes[id.0 as usize]
    }

    pub(super) fn node(&self, id: NodeId) -> Node<'_, 'a> {
        Node { nodes: &self.nodes, id }
    }

    /// The error that says that `id` is not what was expected.
    pub(super) fn unexpected(&self, expected: &'static str, id: NodeId) -> Problem {
        Problem::Expected { expected, found: self.node(id).kind().to_owned() }
    }

    /// Takes `bytes` from the memory that is left.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Problem> {
        let max = self.limits.memory_bytes;
        self.memory_left = self.memory_left.checked_sub(bytes).ok_or(Problem::Limit {
            what: "bytes of memory",
            max,
            setting: "max_memory",
        })?;
        Ok(())
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), Problem> {
        self.charge(size_of::<Value<'_>>())?;
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| Problem::Underflow)?);
        self.nodes.push(value);
        self.stack.push(id);
        Ok(())
    }

    // The stack. What it holds needs no count of its own: an instruction puts one value on it at most.

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
        self.charge(ALLOCATION + (self.stack.len() - mark) * size_of::<NodeId>())?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<(), Problem> {
        self.charge(ALLOCATION + length * size_of::<NodeId>())?;
        let start = self.stack.len().checked_sub(length).filter(|start| *start >= self.floor());
        let items = self.stack.split_off(start.ok_or(Problem::Underflow)?);
        self.push(Value::Tuple(items.into()))
    }

    fn append(&mut self, items: &[NodeId]) -> Result<(), Problem> {
        let list = self.peek()?;
        match self.value_mut(list) {
            Value::List(list) => list.extend_from_slice(items),
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
        match self.value_mut(dict) {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            _ => return Err(self.unexpected("a dictionary to fill", dict)),
        }
        Ok(())
    }

    // The memo.

    fn put(&mut self, index: usize) -> Result<(), Problem> {
        let top = self.peek()?;
        let max = self.limits.instructions;
        if index >= max {
            return Err(Problem::Limit { what: "remembered values", max, setting: "max_instructions" });
        }
        if index >= self.memo.len() {
            self.memo.resize(index + 1, None);
        }
        self.memo[index] = Some(top);
        Ok(())
    }

    fn get(&mut self, index: usize) -> Result<(), Problem> {
        let id = self.memo.get(index).copied().flatten().ok_or(Problem::Memo(index))?;
        self.stack.push(id);
        Ok(())
    }

    // Names.

    fn as_text(&self, id: NodeId) -> Result<&'a str, Problem> {
        match self.value(id) {
            Value::Text(text) => Ok(text),
            _ => Err(self.unexpected("a name", id)),
        }
    }

    fn name(&mut self, module: &'a str, name: &'a str) -> Result<(), Problem> {
        match Name::find(module, name) {
            Some(name) => self.push(Value::Name(name)),
            None if module.starts_with("joblib.") => Err(Problem::Joblib),
            None => Err(Problem::Name(format!("{}.{}", printable(module), printable(name)))),
        }
    }
}
