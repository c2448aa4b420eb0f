//! The objects of a schema, one value of a graph each.

use std::borrow::Cow;
use std::collections::HashMap;

use super::SkopsError;
use super::archive::Archive;
use super::json::Json;
use super::npy::{self, Elements};
use crate::model::formats::Format;
use crate::model::formats::pickle::{Budget, Dtype, Element, Graph, Machine, Name, NodeId, Object, Value};
use crate::model::formats::printable::printable;

/// The parts of an array.
struct Npy {
    shape: NodeId,
    dtype: NodeId,
    order: NodeId,
    data: NodeId,
}

/// Makes the values of a schema.
pub(super) struct Objects<'s> {
    archive: &'s Archive<'s>,
    machine: Machine<'s>,
    /// Values by the `__id__` that the schema gives them: one that is used twice stands there twice, and is one.
    known: HashMap<i64, NodeId>,
}

impl<'s> Objects<'s> {
    pub(super) fn new(archive: &'s Archive<'s>, budget: Budget) -> Self {
        Self { archive, machine: Machine::new(&[], budget), known: HashMap::new() }
    }

    pub(super) fn into_graph(mut self, schema: &'s Json<'s>, format: Format) -> Result<Graph<'s>, SkopsError> {
        let root = self.object(schema, 0)?;
        Ok(self.machine.into_graph(root, format))
    }

    /// The value of an object at `depth` objects within each other.
    fn object(&mut self, object: &'s Json<'s>, depth: usize) -> Result<NodeId, SkopsError> {
        if depth >= self.machine.budget.limits().depth {
            return Err(self.machine.budget.limits().depth_exceeded().into());
        }
        let id = object.get("__id__").and_then(Json::int);
        if let Some(known) = id.and_then(|id| self.known.get(&id)) {
            return Ok(*known);
        }
        let value = self.value(object, depth)?;
        let node = self.add(value)?;
        if let Some(id) = id {
            self.machine.budget.charge_items::<[(i64, NodeId); 2]>(1)?;
            self.known.insert(id, node);
        }
        Ok(node)
    }

    fn value(&mut self, object: &'s Json<'s>, depth: usize) -> Result<Value<'s>, SkopsError> {
        let loader = text(object, "__loader__")?;
        let unsupported = |what| {
            let class = format!("{}.{}", text(object, "__module__")?, text(object, "__class__")?);
            Err(SkopsError::Unsupported { what, class: printable(&class) })
        };
        match loader {
            "JsonNode" => self.literal(text(object, "content")?),
            "ObjectNode" | "TreeNode" | "LossNode" | "ConstructorFromReduceNode" => {
                let state = object.get("content").map(|content| self.object(content, depth + 1)).transpose()?;
                self.instance(object, state)
            }
            // What they hold is the state of a generator, of no use to a model that is trained.
            "RandomStateNode" | "RandomGeneratorNode" => self.instance(object, None),
            "FunctionNode" | "TypeNode" => self.name(object).map(Value::Name),
            "DictNode" => self.dict(part(object, "content")?, depth),
            "DefaultDictNode" | "_DictWithDeprecatedKeysNode" => {
                let main = part(part(object, "content")?, "main")?;
                self.dict(part(main, "content")?, depth + 1)
            }
            // Of a set, only what it holds matters.
            "ListNode" | "SetNode" => Ok(Value::List(self.items(part(object, "content")?, depth)?)),
            "TupleNode" => Ok(Value::Tuple(self.items(part(object, "content")?, depth)?.into())),
            "SliceNode" => {
                let content = part(object, "content")?;
                let mut side = |name| {
                    let value = match part(content, name)? {
                        Json::Null => Value::None,
                        Json::Int(int) => Value::Int(*int),
                        Json::Text(column) => Value::Text(Cow::Borrowed(&**column)),
                        other => return Err(unexpected("a whole number, text or null", other)),
                    };
                    self.add(value)
                };
                Ok(Value::Slice([side("start")?, side("stop")?, side("step")?]))
            }
            "NdArrayNode" => match text(object, "type")? {
                "json" => self.object_array(object, depth),
                "numpy" => self.array(object),
                _ => Err(unexpected("an array of type numpy or json", part(object, "type")?)),
            },
            "DTypeNode" => {
                let array = self.object(part(object, "content")?, depth + 1)?;
                match self.machine.value(array) {
                    Value::Array(array) => Ok(Value::Dtype(array.dtype)),
                    _ => Err(unexpected("an array of the data type", object)),
                }
            }
            "BytesNode" | "BytearrayNode" => Ok(Value::Bytes(self.file(text(object, "file")?)?)),
            // A search keeps its results in such. No model is made of them.
            "MaskedArrayNode" => self.instance(object, None),
            "SparseMatrixNode" => match text(object, "__class__")? {
                "csr_matrix" | "csr_array" => self.sparse(object),
                _ => unsupported("a sparse matrix that is not of compressed rows (CSR)"),
            },
            "MethodNode" => unsupported("a method of an object"),
            "PartialNode" | "OperatorFuncNode" => unsupported("a function with arguments"),
            other => Err(SkopsError::Schema { expected: "a known __loader__", found: printable(other) }),
        }
    }

    /// A number, text, a truth value or null, written as JSON within the JSON. Python's has three numbers more.
    fn literal(&mut self, text: &'s str) -> Result<Value<'s>, SkopsError> {
        let number = match text {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        };
        if let Some(number) = number {
            return Ok(Value::Float(number));
        }
        Ok(match Json::parse(text.as_bytes(), &self.machine.budget)? {
            Json::Null => Value::None,
            Json::Bool(value) => Value::Bool(value),
            Json::Int(int) => Value::Int(int),
            Json::Float(number) => Value::Float(number),
            Json::Text(text) => Value::Text(text),
            other @ (Json::List(_) | Json::Object(_)) => return Err(unexpected("a plain value", &other)),
        })
    }

    /// A name, if it may stand in a model file.
    fn name(&self, object: &'s Json<'s>) -> Result<Name<'s>, SkopsError> {
        let (module, name) = (text(object, "__module__")?, text(object, "__class__")?);
        Ok(Name::look_up(module, name)?)
    }

    fn instance(&self, object: &'s Json<'s>, state: Option<NodeId>) -> Result<Value<'s>, SkopsError> {
        match self.name(object)? {
            Name::Class(class) => Ok(Value::Object(Object { class, state })),
            _ => Err(SkopsError::Schema {
                expected: "an object of a class",
                found: printable(text(object, "__class__")?),
            }),
        }
    }

    fn dict(&mut self, content: &'s Json<'s>, depth: usize) -> Result<Value<'s>, SkopsError> {
        let Json::Object(entries) = content else { return Err(unexpected("a dictionary", content)) };
        let mut pairs = Vec::new();
        self.machine.budget.grow(&mut pairs, entries.len())?;
        for (key, value) in entries {
            let key = self.add(Value::Text(Cow::Borrowed(key.text().unwrap_or_default())))?;
            pairs.push((key, self.object(value, depth + 1)?));
        }
        Ok(Value::Dict(pairs))
    }

    fn items(&mut self, content: &'s Json<'s>, depth: usize) -> Result<Vec<NodeId>, SkopsError> {
        let Json::List(content) = content else { return Err(unexpected("a list", content)) };
        let mut items = Vec::new();
        self.machine.budget.grow(&mut items, content.len())?;
        for item in content {
            items.push(self.object(item, depth + 1)?);
        }
        Ok(items)
    }

    /// An array of Python's values.
    fn object_array(&mut self, object: &'s Json<'s>, depth: usize) -> Result<Value<'s>, SkopsError> {
        let items = self.items(part(object, "content")?, depth)?;
        let shape = self.object(part(object, "shape")?, depth + 1)?;
        let data = self.add(Value::List(items))?;
        let dtype = self.add(Value::Dtype(Dtype::parse("O")))?;
        let order = self.add(Value::Bool(false))?;
        Ok(self.machine.array_of(shape, dtype, order, data)?)
    }

    /// An array of numbers, or one number of numpy's, from its file.
    fn array(&mut self, object: &'s Json<'s>) -> Result<Value<'s>, SkopsError> {
        let name = text(object, "file")?;
        let file = self.file(name)?;
        let Npy { shape, dtype, order, data } = self.npy(name, file)?;
        match text(object, "__class__")? {
            "ndarray" | "matrix" | "memmap" => Ok(self.machine.array_of(shape, dtype, order, data)?),
            _ => Ok(self.machine.scalar(dtype, data)?),
        }
    }

    /// A sparse matrix of compressed rows: the arrays that it is made of stand in an archive of their own.
    fn sparse(&mut self, object: &'s Json<'s>) -> Result<Value<'s>, SkopsError> {
        let file = self.file(text(object, "file")?)?;
        let archive = Archive::open(&file, &self.machine.budget)?;
        let mut attributes = Vec::new();
        for (attribute, name) in
            [("_shape", "shape.npy"), ("data", "data.npy"), ("indices", "indices.npy"), ("indptr", "indptr.npy")]
        {
            let content = archive.read(name, &self.machine.budget)?;
            if let Cow::Borrowed(content) = content {
                self.machine.budget.charge(content.len())?;
            }
            let Npy { shape, dtype, order, data } = self.npy(name, Cow::Owned(content.into_owned()))?;
            let array = self.machine.array_of(shape, dtype, order, data)?;
            attributes.push((self.add(Value::Text(Cow::Borrowed(attribute)))?, self.add(array)?));
        }
        let state = self.add(Value::Dict(attributes))?;
        self.instance(object, Some(state))
    }

    /// What a file says of its array.
    fn npy(&mut self, name: &str, file: Cow<'s, [u8]>) -> Result<Npy, SkopsError> {
        let (header, bytes) =
            npy::split(&file).map_err(|reason| SkopsError::Header { name: printable(name), reason })?;
        let begin = file.len() - bytes.len();
        let dtype = self.dtype(&header.elements)?;
        let dtype = self.add(Value::Dtype(dtype))?;
        let order = self.add(Value::Bool(header.column_major))?;
        let mut sides = Vec::new();
        for side in &header.shape {
            let side = i64::try_from(*side).map_err(|_| self.machine.budget.limits().elements_exceeded())?;
            sides.push(self.add(Value::Int(side))?);
        }
        let data = match file {
            Cow::Borrowed(file) => Cow::Borrowed(&file[begin..]),
            Cow::Owned(mut file) => Cow::Owned(file.split_off(begin)),
        };
        let data = self.add(Value::Bytes(data))?;
        Ok(Npy { shape: self.add(Value::Tuple(sides.into()))?, dtype, order, data })
    }

    fn dtype(&mut self, elements: &Elements<'_>) -> Result<Dtype, SkopsError> {
        let fields = match elements {
            Elements::Plain(code) => return Ok(Dtype::parse(code)),
            Elements::Records(fields) => fields,
        };
        let (mut pairs, mut size) = (Vec::new(), 0_usize);
        self.machine.budget.grow(&mut pairs, fields.len())?;
        for (name, code) in fields {
            let dtype = Dtype::parse(code);
            // Padding is of a type that is of no other use: so many bytes of anything.
            let padding = code.trim_start_matches('|').strip_prefix('V').and_then(|size| size.parse().ok());
            let field_size = dtype.size().or(padding);
            if dtype.size().is_some() {
                let offset = i64::try_from(size).map_err(|_| self.machine.budget.limits().elements_exceeded())?;
                let field = [self.add(Value::Dtype(dtype))?, self.add(Value::Int(offset))?];
                let field = self.add(Value::Tuple(field.into()))?;
                let name = self.add(Value::Text(Cow::Owned((*name).to_owned())))?;
                pairs.push((name, field));
            }
            size = field_size
                .and_then(|field_size| size.checked_add(field_size))
                .ok_or_else(|| SkopsError::Schema { expected: "records of numbers", found: printable(code) })?;
        }
        let fields = self.add(Value::Dict(pairs))?;
        Ok(Dtype { element: Element::Record { fields, size }, byte_order: Dtype::parse("u1").byte_order })
    }

    fn file(&self, name: &str) -> Result<Cow<'s, [u8]>, SkopsError> {
        self.archive.read(name, &self.machine.budget)
    }

    fn add(&mut self, value: Value<'s>) -> Result<NodeId, SkopsError> {
        Ok(self.machine.add(value)?)
    }
}

/// A part of an object.
fn part<'s>(object: &'s Json<'s>, key: &'static str) -> Result<&'s Json<'s>, SkopsError> {
    object.get(key).ok_or_else(|| unexpected(key, object))
}

/// A part of an object that is text.
fn text<'s>(object: &'s Json<'s>, key: &'static str) -> Result<&'s str, SkopsError> {
    let part = part(object, key)?;
    part.text().ok_or_else(|| unexpected("text", part))
}

fn unexpected(expected: &'static str, found: &Json<'_>) -> SkopsError {
    SkopsError::Schema { expected, found: found.kind().to_owned() }
}
