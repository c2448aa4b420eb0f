//! What a pickle's calls come to. This is where Python would run what a file names, and where nothing is run.

use std::borrow::Cow;
use std::mem::size_of;

use super::dtype::Dtype;
use super::error::PickleProblem as Problem;
use super::machine::Machine;
use super::names::Name;
use super::numpy::Array;
use super::value::{NodeId, Object, Value};
use crate::model::formats::Refused;

impl<'a> Machine<'a> {
    /// What `function(*arguments)` stands for.
    pub(super) fn reduce(&mut self, function: NodeId, arguments: NodeId) -> Result<Value<'a>, Problem> {
        let Value::Name(name) = *self.value(function) else {
            return Err(self.unexpected("a name to call", function));
        };
        let Value::Tuple(items) = self.value(arguments) else {
            return Err(self.unexpected("a tuple of arguments", arguments));
        };
        let wrong = |expected| Problem::Expected { expected, found: format!("{} arguments", items.len()) };
        match name {
            // Its arguments are the class, an empty shape and a stand-in type: BUILD brings the real ones.
            Name::Reconstruct => match items.first().map(|id| self.value(*id)) {
                Some(Value::Name(Name::Ndarray)) => {
                    self.charge(size_of::<Array>())?;
                    Ok(Value::Array(Box::new(Array::begun())))
                }
                _ => Err(wrong("numpy.ndarray to begin an array")),
            },
            Name::FromBuffer => match **items {
                [data, dtype, shape, order] => self.array_of(shape, dtype, order, data),
                _ => Err(wrong("data, dtype, shape and order of an array")),
            },
            Name::Scalar => match **items {
                [dtype, data] => self.scalar(dtype, data),
                _ => Err(wrong("dtype and data of a scalar")),
            },
            Name::Dtype => match **items {
                [code, ..] => {
                    let code = self.node(code).text().ok_or_else(|| self.unexpected("a data type's code", code))?;
                    Ok(Value::Dtype(Dtype::parse(code)))
                }
                _ => Err(wrong("a data type's code")),
            },
            Name::Ufunc => match **items {
                [module, name] => self.ufunc(module, name),
                _ => Err(wrong("the module and the name of a function of numpy")),
            },
            Name::Encode => match **items {
                [text, encoding] => self.encode(text, encoding),
                _ => Err(wrong("text and its encoding")),
            },
            Name::Bytes if items.is_empty() => Ok(Value::Bytes(Cow::Borrowed(&[]))),
            Name::Bytes => match (&**items, items.first().map(|id| self.value(*id))) {
                ([_], Some(Value::Bytes(bytes))) => {
                    self.charge(bytes.len())?;
                    Ok(Value::Bytes(bytes.clone()))
                }
                _ => Err(wrong("bytes, or nothing, to make bytes of")),
            },
            // Its items come behind it; Python 2 gives pairs as an argument.
            Name::Dict => self.dict(items.last().copied()),
            Name::Set => match **items {
                [list] => self.set(list),
                _ => Err(wrong("what a set holds")),
            },
            Name::Slice => match **items {
                [start, stop, step] => Ok(Value::Slice([start, stop, step])),
                _ => Err(wrong("start, stop and step of a slice")),
            },
            Name::Method => match items.first().map(|id| self.value(*id)) {
                Some(&Value::Object(Object { class, .. })) if class.module.starts_with("scipy.stats.") => {
                    Ok(Value::Object(Object { class, state: None }))
                }
                _ => Err(Problem::Name(Refused::new("builtins", "getattr"))),
            },
            Name::Reconstructor => match items.first().map(|id| self.value(*id)) {
                Some(&Value::Name(Name::Class(class))) => Ok(Value::Object(Object { class, state: None })),
                _ => Err(wrong("a class to make an object of")),
            },
            // Compiled classes are made by a call of the class, or of a function that takes the class first. Their other
            // arguments are not needed to name them.
            Name::Class(class) => match items.first().map(|id| self.value(*id)) {
                Some(&Value::Name(Name::Class(class))) => Ok(Value::Object(Object { class, state: None })),
                _ => Ok(Value::Object(Object { class, state: None })),
            },
            Name::Ndarray | Name::Object | Name::Function(_) => Err(self.unexpected("a function to call", function)),
        }
    }

    /// A function of numpy, by its name. Its module is the first that was loaded and has it, be it numpy's or scipy's.
    fn ufunc(&self, module: NodeId, name: NodeId) -> Result<Value<'a>, Problem> {
        let text = |id| match *self.value(id) {
            Value::Text(Cow::Borrowed(text)) => Ok(text),
            // Python 2's text.
            Value::Bytes(Cow::Borrowed(text)) => std::str::from_utf8(text).map_err(|_| Problem::Text),
            _ => Err(self.unexpected("the names of a module and of a function in it", id)),
        };
        let (module, function) = (text(module)?, text(name)?);
        match Name::look_up(if module == "scipy" { "numpy" } else { module }, function)? {
            found @ Name::Function(_) => Ok(Value::Name(found)),
            _ => Err(self.unexpected("a function of numpy", name)),
        }
    }

    /// A dictionary of pairs, if there are any.
    fn dict(&self, pairs: Option<NodeId>) -> Result<Value<'a>, Problem> {
        let Some(Value::List(pairs)) = pairs.map(|id| self.value(id)) else { return Ok(Value::Dict(Vec::new())) };
        self.budget.charge_items::<[NodeId; 2]>(pairs.len())?;
        let pair = |id: &NodeId| {
            match self.value(*id) {
                Value::Tuple(pair) => <[NodeId; 2]>::try_from(&**pair).ok(),
                Value::List(pair) => <[NodeId; 2]>::try_from(&**pair).ok(),
                _ => None,
            }
            .map(|[key, value]| (key, value))
            .ok_or_else(|| self.unexpected("a key with its value", *id))
        };
        Ok(Value::Dict(pairs.iter().map(pair).collect::<Result<_, _>>()?))
    }

    /// What a set holds, as a list.
    fn set(&self, list: NodeId) -> Result<Value<'a>, Problem> {
        let Value::List(items) = self.value(list) else { return Err(self.unexpected("a list to make a set of", list)) };
        self.budget.charge_items::<NodeId>(items.len())?;
        Ok(Value::List(items.clone()))
    }

    /// What `object.__setstate__(state)` stands for.
    pub(super) fn build(&mut self, object: NodeId, state: NodeId) -> Result<(), Problem> {
        match self.value(object) {
            Value::Object(Object { class, state: None }) => {
                let class = *class;
                *self.value_mut(object) = Value::Object(Object { class, state: Some(state) });
                if class.is_joblib_array() {
                    self.inline_array(object)?;
                }
            }
            Value::Array(array) if array.data.is_none() => *self.value_mut(object) = self.array_from_state(state)?,
            Value::Dtype(dtype) => *self.value_mut(object) = Value::Dtype(self.dtype_from_state(*dtype, state)?),
            _ => return Err(self.unexpected("a fresh object, array or data type to fill", object)),
        }
        Ok(())
    }

    /// Protocol 2 has no bytes: it writes text, a character a byte, and the call that turns it into bytes.
    fn encode(&mut self, text: NodeId, encoding: NodeId) -> Result<Value<'a>, Problem> {
        let (Value::Text(text), Some("latin1" | "latin-1")) = (self.value(text), self.node(encoding).text()) else {
            return Err(self.unexpected("text to encode as latin1", text));
        };
        self.charge(text.len())?;
        if text.is_ascii() {
            return Ok(Value::Bytes(Cow::Owned(text.as_bytes().to_vec())));
        }
        self.budget.operations().spend(text.len() / 2)?;
        let bytes = text.chars().map(|c| u8::try_from(c).map_err(|_| Problem::Text)).collect::<Result<_, _>>()?;
        Ok(Value::Bytes(Cow::Owned(bytes)))
    }
}
