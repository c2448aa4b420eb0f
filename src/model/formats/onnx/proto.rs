//! The messages of ONNX that a detector is made of.
//!
//! Reading them takes memory for what there is, never for what a file says there is. Numbers stay where they are in the
//! file until somebody asks for them. Source: `onnx.proto` of the ONNX project.

use super::budget::Budget;
use super::error::OnnxError;
use super::tensor::Tensor;
use super::wire::{Field, Message};

/// The most attributes of a node, which are searched for each: more than any operator has.
const MAX_ATTRIBUTES: usize = 64;

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct ModelProto<'a> {
    pub(super) producer: &'a str,
    pub(super) producer_version: &'a str,
    /// The operator sets that it uses, with their versions.
    pub(super) opsets: Vec<(&'a str, i64)>,
    pub(super) metadata: Vec<(&'a str, &'a str)>,
    pub(super) graph: GraphProto<'a>,
}

/// Nodes, and what goes in and out of them.
#[derive(Debug, Default)]
pub(super) struct GraphProto<'a> {
    pub(super) nodes: Vec<NodeProto<'a>>,
    pub(super) initializers: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

/// What a value is called. Names may be long: each is looked up once, and has a number from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    /// The value in the graph that is called so.
    pub(super) id: usize,
}

/// An operator, applied.
#[derive(Debug, Default)]
pub(super) struct NodeProto<'a> {
    pub(super) inputs: Vec<Name<'a>>,
    pub(super) outputs: Vec<Name<'a>>,
    pub(super) name: &'a str,
    pub(super) operator: &'a str,
    pub(super) domain: &'a str,
    pub(super) attributes: Vec<AttributeProto<'a>>,
}

/// A setting of an operator.
#[derive(Debug)]
pub(super) struct AttributeProto<'a> {
    pub(super) name: &'a str,
    pub(super) tensor: Option<Tensor<'a>>,
    pub(super) graph: Option<GraphProto<'a>>,
    /// The last number, whole number and text: those that count.
    float: Option<Field<'a>>,
    int: Option<Field<'a>>,
    text: Option<Field<'a>>,
    message: Message<'a>,
}

/// What goes into a graph or comes out of it.
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    pub(super) element_type: i64,
    /// `None` for a dimension without a size.
    pub(super) dims: Option<Vec<Option<usize>>>,
}

impl<'a> Name<'a> {
    /// A name that was not looked up yet.
    fn new(text: &'a str) -> Self {
        Self { text, id: usize::MAX }
    }
}

impl<'a> ModelProto<'a> {
    pub(super) fn read(bytes: &'a [u8], budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let mut message = Message::of_file(bytes);
        let mut model = Self::default();
        let mut graph = None;
        while let Some(field) = message.next()? {
            budget.part()?;
            match field.number {
                2 => model.producer = field.text()?,
                3 => model.producer_version = field.text()?,
                7 => once(&mut graph, field, GraphProto::read(field.message()?, 1, budget)?)?,
                8 => {
                    let opset = opset(field.message()?)?;
                    budget.push(&mut model.opsets, opset)?;
                }
                14 => {
                    let pair = pair(field.message()?)?;
                    budget.push(&mut model.metadata, pair)?;
                }
                25 => {
                    let instead = "export it again with its functions inlined";
                    return Err(OnnxError::Feature { what: "functions of its own", instead });
                }
                _ => {}
            }
        }
        model.graph = graph.ok_or_else(|| message.damaged("there is no graph; this is no ONNX model"))?;
        Ok(model)
    }
}

impl<'a> GraphProto<'a> {
    fn read(mut message: Message<'a>, depth: usize, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        budget.depth(depth)?;
        let mut graph = Self::default();
        while let Some(field) = message.next()? {
            budget.part()?;
            match field.number {
                1 => {
                    let node = NodeProto::read(field.message()?, depth, budget)?;
                    budget.push(&mut graph.nodes, node)?;
                }
                5 => {
                    let tensor = Tensor::read(field.message()?, budget)?;
                    budget.push(&mut graph.initializers, tensor)?;
                }
                11 | 12 => {
                    let value = ValueInfo::read(field.message()?, budget)?;
                    let values = if field.number == 11 { &mut graph.inputs } else { &mut graph.outputs };
                    budget.push(values, value)?;
                }
                15 => return Err(OnnxError::Feature { what: "sparse tensors", instead: "export it with dense ones" }),
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'a> NodeProto<'a> {
    fn read(mut message: Message<'a>, depth: usize, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let mut node = Self::default();
        while let Some(field) = message.next()? {
            budget.part()?;
            match field.number {
                1 => budget.push(&mut node.inputs, Name::new(field.text()?))?,
                2 => budget.push(&mut node.outputs, Name::new(field.text()?))?,
                3 => node.name = field.text()?,
                4 => node.operator = field.text()?,
                5 if node.attributes.len() == MAX_ATTRIBUTES => {
                    return Err(message.damaged("a node has more attributes than any operator; the file is damaged"));
                }
                5 => {
                    let attribute = AttributeProto::read(field.message()?, depth, budget)?;
                    budget.push(&mut node.attributes, attribute)?;
                }
                7 => node.domain = field.text()?,
                _ => {}
            }
        }
        // Two names for the operators that need none.
        if node.domain == "ai.onnx" {
            node.domain = "";
        }
        Ok(node)
    }

    /// What to call it.
    pub(super) fn title(&self) -> &'a str {
        match (self.name, self.outputs.first()) {
            ("", Some(output)) => output.text,
            (name, _) => name,
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&AttributeProto<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, OnnxError> {
        self.attribute(name).map(AttributeProto::int).transpose()
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f64>, OnnxError> {
        self.attribute(name).map(AttributeProto::float).transpose()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, OnnxError> {
        self.attribute(name).map(AttributeProto::text).transpose()
    }

    /// Nothing, when there is no such attribute.
    pub(super) fn ints(&self, name: &str, budget: &mut Budget<'_>) -> Result<Vec<i64>, OnnxError> {
        self.attribute(name).map_or(Ok(Vec::new()), |attribute| attribute.ints(budget))
    }

    /// Nothing, when there is no such attribute.
    pub(super) fn floats(&self, name: &str, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        self.attribute(name).map_or(Ok(Vec::new()), |attribute| attribute.floats(budget))
    }
}

impl<'a> AttributeProto<'a> {
    fn read(message: Message<'a>, depth: usize, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let mut attribute = Self { name: "", tensor: None, graph: None, float: None, int: None, text: None, message };
        let mut rest = message;
        while let Some(field) = rest.next()? {
            // Numbers are counted when somebody takes them.
            if !matches!(field.number, 7 | 8) {
                budget.part()?;
            }
            match field.number {
                1 => attribute.name = field.text()?,
                2 => attribute.float = Some(field),
                3 => attribute.int = Some(field),
                4 => attribute.text = Some(field),
                5 => once(&mut attribute.tensor, field, Tensor::read(field.message()?, budget)?)?,
                6 => once(&mut attribute.graph, field, GraphProto::read(field.message()?, depth + 1, budget)?)?,
                10 | 11 | 14 | 15 | 22 | 23 => {
                    let instead = "no operator that is understood has such";
                    return Err(OnnxError::Feature {
                        what: "an attribute of several tensors, graphs or types",
                        instead,
                    });
                }
                21 => {
                    let instead = "export it again with its functions inlined";
                    return Err(OnnxError::Feature { what: "an attribute that refers to a function's", instead });
                }
                _ => {}
            }
        }
        Ok(attribute)
    }

    fn held(&self, value: Option<Field<'a>>) -> Result<Field<'a>, OnnxError> {
        value.ok_or_else(|| self.message.damaged("an attribute holds another kind of value than its operator takes"))
    }

    pub(super) fn float(&self) -> Result<f64, OnnxError> {
        self.held(self.float)?.float().map(f64::from)
    }

    pub(super) fn int(&self) -> Result<i64, OnnxError> {
        self.held(self.int)?.int()
    }

    pub(super) fn text(&self) -> Result<&'a str, OnnxError> {
        self.held(self.text)?.text()
    }

    fn each(&self, number: u64, mut each: impl FnMut(Field<'a>) -> Result<(), OnnxError>) -> Result<(), OnnxError> {
        let mut rest = self.message;
        while let Some(field) = rest.next()? {
            if field.number == number {
                each(field)?;
            }
        }
        Ok(())
    }

    pub(super) fn floats(&self, budget: &mut Budget<'_>) -> Result<Vec<f64>, OnnxError> {
        budget.look(self.message.bytes().len())?;
        let mut floats = Vec::new();
        self.each(7, |field| field.floats(|float| budget.push(&mut floats, f64::from(float))))?;
        Ok(floats)
    }

    pub(super) fn ints(&self, budget: &mut Budget<'_>) -> Result<Vec<i64>, OnnxError> {
        budget.look(self.message.bytes().len())?;
        let mut ints = Vec::new();
        self.each(8, |field| field.ints(|int| budget.push(&mut ints, int)))?;
        Ok(ints)
    }

    pub(super) fn strings(&self, budget: &mut Budget<'_>) -> Result<Vec<&'a [u8]>, OnnxError> {
        budget.look(self.message.bytes().len())?;
        let mut strings = Vec::new();
        self.each(9, |field| budget.push(&mut strings, field.message()?.bytes()))?;
        Ok(strings)
    }
}

impl<'a> ValueInfo<'a> {
    fn read(mut message: Message<'a>, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let mut info = Self::default();
        while let Some(field) = message.next()? {
            budget.part()?;
            match field.number {
                1 => info.name = field.text()?,
                2 => {
                    let mut kind = field.message()?;
                    while let Some(field) = kind.next()? {
                        // Any other kind than a tensor leaves the element type at "undefined".
                        if field.number == 1 {
                            info.read_tensor_type(field.message()?, budget)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(info)
    }

    fn read_tensor_type(&mut self, mut message: Message<'a>, budget: &mut Budget<'_>) -> Result<(), OnnxError> {
        while let Some(field) = message.next()? {
            match field.number {
                1 => self.element_type = field.int()?,
                2 => {
                    let (mut shape, mut dims) = (field.message()?, Vec::new());
                    while let Some(field) = shape.next()? {
                        budget.part()?;
                        if field.number == 1 {
                            budget.push(&mut dims, dim(field.message()?)?)?;
                        }
                    }
                    self.dims = Some(dims);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn dim(mut message: Message<'_>) -> Result<Option<usize>, OnnxError> {
    let mut dim = None;
    while let Some(field) = message.next()? {
        if field.number == 1 {
            let size = field.int()?;
            dim = Some(usize::try_from(size).map_err(|_| message.damaged("a dimension is below 0"))?);
        }
    }
    Ok(dim)
}

fn opset<'a>(mut message: Message<'a>) -> Result<(&'a str, i64), OnnxError> {
    let (mut domain, mut version) = ("", 0);
    while let Some(field) = message.next()? {
        match field.number {
            1 => domain = field.text()?,
            2 => version = field.int()?,
            _ => {}
        }
    }
    Ok((domain, version))
}

pub(super) fn pair<'a>(mut message: Message<'a>) -> Result<(&'a str, &'a str), OnnxError> {
    let (mut key, mut value) = ("", "");
    while let Some(field) = message.next()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Other readers merge a part that is there twice: what one sees must be what the other sees.
fn once<'a, T>(place: &mut Option<T>, field: Field<'a>, part: T) -> Result<(), OnnxError> {
    match place.replace(part) {
        Some(_) => Err(field.twice()),
        None => Ok(()),
    }
}
