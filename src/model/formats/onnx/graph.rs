//! A graph whose parts hang together: every value has one name and one maker, which stands before who takes it.

use std::collections::HashMap;
use std::ops::Range;

use super::budget::Budget;
use super::error::OnnxError;
use super::proto::{AttributeProto, GraphProto, Name, NodeProto, ValueInfo};
use super::tensor::{Element, Tensor};
use crate::model::formats::printable::printable;
use crate::model::invalid::parameter;

/// A checked graph over rows of features.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<NodeProto<'a>>,
    outputs: Vec<(Name<'a>, i64)>,
    /// Where each value comes from, by its number. The first is the rows.
    makers: Vec<Maker<'a>>,
    /// How many rows it takes at once, if the file says so.
    pub(super) batch: Option<usize>,
    /// How many features a row has.
    pub(super) width: usize,
    /// What its columns are called, if each is an input of its own.
    pub(super) columns: Option<Vec<&'a str>>,
}

/// The number of the rows.
const ROWS: usize = 0;

/// Where a value comes from.
#[derive(Debug)]
enum Maker<'a> {
    /// The rows.
    Rows,
    /// Some columns of the rows.
    Columns(Range<usize>),
    Tensor(Tensor<'a>),
    Node {
        place: usize,
        output: usize,
    },
}

/// A value in a graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term<'g, 'a> {
    graph: &'g Graph<'a>,
    pub(super) name: &'a str,
    /// Its number.
    pub(super) id: usize,
}

/// The values that have a name so far.
struct Names<'a> {
    ids: HashMap<&'a str, usize>,
    makers: Vec<Maker<'a>>,
}

impl<'a> Names<'a> {
    fn define(&mut self, name: &'a str, maker: Maker<'a>, budget: &mut Budget<'_>) -> Result<usize, OnnxError> {
        budget.memory(2 * (size_of::<Maker<'_>>() + size_of::<(&str, usize)>()))?;
        let id = self.makers.len();
        self.makers.push(maker);
        match self.ids.insert(name, id) {
            Some(_) => Err(OnnxError::value(name, "is made twice; the file is damaged")),
            None => Ok(id),
        }
    }
}

impl<'a> Graph<'a> {
    /// Checks a graph.
    ///
    /// # Errors
    /// When a name stands for two values or for none, or the graph takes anything but rows of numbers.
    pub(super) fn new(graph: GraphProto<'a>, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        let GraphProto { mut nodes, initializers, inputs, outputs } = graph;
        let mut names = Names { ids: HashMap::new(), makers: vec![Maker::Rows] };
        for tensor in initializers {
            names.define(tensor.name, Maker::Tensor(tensor), budget)?;
        }
        // Old files list their constants among the inputs as well.
        let mut rows: Vec<_> = inputs.into_iter().filter(|input| !names.ids.contains_key(input.name)).collect();
        let (mut width, mut batch) = (0_usize, None);
        for input in &rows {
            let (first, count) = (width, width_of(input)?);
            width = width.saturating_add(count);
            parameter("the graph's input", "width").width(width)?;
            batch = input.dims.as_ref().and_then(|dims| dims.first().copied().flatten());
            let maker = if rows.len() == 1 { Maker::Rows } else { Maker::Columns(first..width) };
            names.define(input.name, maker, budget)?;
        }
        if rows.is_empty() {
            return Err(OnnxError::graph("takes no input; expected rows of features, [batch, features]"));
        }
        let named = rows.len() > 1 && rows.len() == width;
        let columns = named.then(|| rows.drain(..).map(|input| input.name).collect());
        for (place, node) in nodes.iter_mut().enumerate() {
            // An input without a name is one that was left out.
            for name in node.inputs.iter_mut().filter(|name| !name.text.is_empty()) {
                name.id = *names
                    .ids
                    .get(name.text)
                    .ok_or_else(|| OnnxError::value(name.text, "is taken by a node, and nothing before it makes it"))?;
            }
            if let Some(tensor) = constant(node) {
                let [output] = &mut node.outputs[..] else { return Err(node.refused("gives one value")) };
                output.id = names.define(output.text, Maker::Tensor(tensor), budget)?;
                continue;
            }
            for (output, name) in node.outputs.iter_mut().enumerate().filter(|(_, name)| !name.text.is_empty()) {
                name.id = names.define(name.text, Maker::Node { place, output }, budget)?;
            }
        }
        let outputs = outputs.into_iter().map(|output| match names.ids.get(output.name) {
            Some(id) => Ok((Name { text: output.name, id: *id }, output.element_type)),
            None => Err(OnnxError::value(output.name, "is an output of the graph, and nothing makes it")),
        });
        Ok(Self { outputs: outputs.collect::<Result<_, _>>()?, nodes, makers: names.makers, batch, width, columns })
    }

    /// The outputs that hold floating point: all but labels.
    pub(super) fn float_outputs(&self) -> impl Iterator<Item = Term<'_, 'a>> {
        let floats = self.outputs.iter().filter(|(_, element)| Element::of(*element).is_some_and(Element::is_float));
        floats.map(|(name, _)| self.term(*name))
    }

    /// Whether an output is not floating point.
    pub(super) fn gives_labels(&self) -> bool {
        self.float_outputs().count() < self.outputs.len()
    }

    /// All constants.
    pub(super) fn constants(&self) -> impl Iterator<Item = &Tensor<'a>> {
        self.makers.iter().filter_map(|maker| match maker {
            Maker::Tensor(tensor) => Some(tensor),
            Maker::Rows | Maker::Columns(_) | Maker::Node { .. } => None,
        })
    }

    /// How many values there are.
    pub(super) fn values(&self) -> usize {
        self.makers.len()
    }

    /// The rows, whether they come in as one input or in parts.
    pub(super) fn rows(&self) -> Term<'_, 'a> {
        Term { graph: self, name: "", id: ROWS }
    }

    pub(super) fn term(&self, name: Name<'a>) -> Term<'_, 'a> {
        match self.makers.get(name.id) {
            Some(Maker::Rows) => Term { name: name.text, ..self.rows() },
            _ => Term { graph: self, name: name.text, id: name.id },
        }
    }
}

/// How many features of a row an input holds.
fn width_of(input: &ValueInfo<'_>) -> Result<usize, OnnxError> {
    let name = printable(input.name);
    if Element::of(input.element_type).is_none_or(|element| element == Element::Bool) {
        return Err(OnnxError::graph(format!(
            "has an input {name} that is not of float, double, int64 or int32; export it with rows of float32 as its input"
        )));
    }
    match input.dims.as_deref() {
        Some([_, Some(width)]) if *width > 0 => Ok(*width),
        _ => Err(OnnxError::graph(format!(
            "has an input {name} of another shape than [batch, features]; export it with a matrix of rows as its input, \
             or with an input [batch, 1] for each column"
        ))),
    }
}

/// What a node without inputs holds.
fn constant<'a>(node: &mut NodeProto<'a>) -> Option<Tensor<'a>> {
    if node.operator != "Constant" || !node.domain.is_empty() {
        return None;
    }
    let value: &mut AttributeProto<'a> = node.attributes.iter_mut().find(|attribute| attribute.name == "value")?;
    value.tensor.clone()
}

impl<'a> NodeProto<'a> {
    /// The error that names this node.
    pub(super) fn refused(&self, problem: impl Into<String>) -> OnnxError {
        OnnxError::Node {
            node: printable(self.title()),
            operator: printable(self.operator),
            domain: if self.domain.is_empty() { "ai.onnx".to_owned() } else { printable(self.domain) },
            problem: problem.into(),
        }
    }
}

impl<'g, 'a> Term<'g, 'a> {
    /// Whether it is the rows that go into the graph.
    pub(super) fn is_input(self) -> bool {
        self.id == ROWS
    }

    /// The rows that go into the graph.
    pub(super) fn rows(self) -> Self {
        self.graph.rows()
    }

    /// Which columns of the rows it is, if it is an input that holds some.
    pub(super) fn columns(self) -> Option<Range<usize>> {
        match self.graph.makers.get(self.id)? {
            Maker::Columns(columns) => Some(columns.clone()),
            Maker::Rows | Maker::Tensor(_) | Maker::Node { .. } => None,
        }
    }

    /// The numbers that it holds, if it is a constant.
    pub(super) fn tensor(self) -> Option<&'g Tensor<'a>> {
        match self.graph.makers.get(self.id)? {
            Maker::Tensor(tensor) => Some(tensor),
            Maker::Rows | Maker::Columns(_) | Maker::Node { .. } => None,
        }
    }

    /// The node that makes it, and which of its outputs it is.
    pub(super) fn node(self) -> Option<(&'g NodeProto<'a>, usize)> {
        match self.graph.makers.get(self.id)? {
            Maker::Node { place, output } => self.graph.nodes.get(*place).map(|node| (node, *output)),
            Maker::Rows | Maker::Columns(_) | Maker::Tensor(_) => None,
        }
    }

    /// What a node takes.
    pub(super) fn inputs(self, node: &NodeProto<'a>) -> impl Iterator<Item = Term<'g, 'a>> {
        node.inputs.iter().map(|name| self.graph.term(*name)).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn input(self, node: &NodeProto<'a>, place: usize) -> Option<Term<'g, 'a>> {
        node.inputs.get(place).filter(|name| !name.text.is_empty()).map(|name| self.graph.term(*name))
    }

    /// What a node takes, which it must.
    pub(super) fn input_of(self, node: &NodeProto<'a>, place: usize) -> Result<Term<'g, 'a>, OnnxError> {
        self.input(node, place).ok_or_else(|| node.refused("it takes too few values"))
    }

    /// Its own maker's first input, if that is this operator and it is the maker's first output.
    pub(super) fn operand(self, operator: &str) -> Option<Term<'g, 'a>> {
        let (node, output) = self.node()?;
        (output == 0 && node.operator == operator).then(|| self.input(node, 0)).flatten()
    }

    /// What it is behind operators that change nothing: casts between kinds of floating point, and copies.
    pub(super) fn bare(mut self, budget: &mut Budget<'_>) -> Result<Self, OnnxError> {
        while let Some((node, 0)) = self.node() {
            budget.part()?;
            let same = match node.operator {
                "Identity" | "Dropout" => true,
                "Cast" => node.int("to")?.and_then(Element::of).is_some_and(Element::is_float),
                _ => false,
            };
            match self.input(node, 0) {
                Some(input) if same && node.domain.is_empty() => self = input,
                _ => break,
            }
        }
        Ok(self)
    }
}
