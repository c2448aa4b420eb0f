//! A graph whose parts hang together: every value has one name and one maker, which stands before who takes it.

use std::collections::HashMap;

use super::budget::Budget;
use super::error::OnnxError;
use super::proto::{AttributeProto, GraphProto, NodeProto, ValueInfo};
use super::tensor::{Element, Tensor};
use crate::model::formats::printable::printable;
use crate::model::invalid::parameter;

/// A checked graph with one input: rows of features.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<NodeProto<'a>>,
    outputs: Vec<ValueInfo<'a>>,
    makers: HashMap<&'a str, Maker<'a>>,
    input: &'a str,
    element: Element,
    /// How many features a row has.
    pub(super) width: usize,
}

/// Where a value comes from.
#[derive(Debug)]
enum Maker<'a> {
    Input,
    Tensor(Tensor<'a>),
    Node { place: usize, output: usize },
}

/// A value in a graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term<'g, 'a> {
    graph: &'g Graph<'a>,
    pub(super) name: &'a str,
}

impl<'a> Graph<'a> {
    /// Checks a graph.
    ///
    /// # Errors
    /// When a name stands for two values or for none, or the graph takes anything but rows of numbers.
    pub(super) fn new(graph: GraphProto<'a>) -> Result<Self, OnnxError> {
        let GraphProto { mut nodes, initializers, inputs, outputs } = graph;
        let mut makers = HashMap::new();
        for tensor in initializers {
            define(&mut makers, tensor.name, Maker::Tensor(tensor))?;
        }
        // Old files list their constants among the inputs as well.
        let mut rows = inputs.into_iter().filter(|input| !makers.contains_key(input.name));
        let (Some(input), None) = (rows.next(), rows.next()) else {
            return Err(OnnxError::graph(
                "takes no or several inputs; expected one: rows of features, [batch, features]",
            ));
        };
        let (element, width) = rows_of(&input)?;
        parameter("the graph's input", "width").width(width)?;
        define(&mut makers, input.name, Maker::Input)?;
        for (place, node) in nodes.iter_mut().enumerate() {
            // An input without a name is one that was left out.
            if let Some(missing) = node.inputs.iter().find(|name| !name.is_empty() && !makers.contains_key(*name)) {
                return Err(OnnxError::value(missing, "is taken by a node, and nothing before it makes it"));
            }
            if let Some(tensor) = constant(node) {
                let [output] = node.outputs[..] else { return Err(node.refused("gives one value")) };
                define(&mut makers, output, Maker::Tensor(tensor))?;
                continue;
            }
            for (output, name) in node.outputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                define(&mut makers, name, Maker::Node { place, output })?;
            }
        }
        if let Some(missing) = outputs.iter().find(|output| !makers.contains_key(output.name)) {
            return Err(OnnxError::value(missing.name, "is an output of the graph, and nothing makes it"));
        }
        Ok(Self { nodes, outputs, makers, input: input.name, element, width })
    }

    /// The outputs that hold floating point: all but labels.
    pub(super) fn float_outputs(&self) -> impl Iterator<Item = Term<'_, 'a>> {
        let floats =
            self.outputs.iter().filter(|output| Element::of(output.element_type).is_some_and(Element::is_float));
        floats.map(|output| self.term(output.name))
    }

    /// Whether an output is not floating point.
    pub(super) fn gives_labels(&self) -> bool {
        self.float_outputs().count() < self.outputs.len()
    }

    /// All constants.
    pub(super) fn constants(&self) -> impl Iterator<Item = &Tensor<'a>> {
        self.makers.values().filter_map(|maker| match maker {
            Maker::Tensor(tensor) => Some(tensor),
            Maker::Input | Maker::Node { .. } => None,
        })
    }

    /// Whether rows go in as float32.
    pub(super) fn is_of_float32(&self) -> bool {
        self.element == Element::Float32
    }

    pub(super) fn term(&self, name: &'a str) -> Term<'_, 'a> {
        Term { graph: self, name }
    }
}

fn define<'a>(makers: &mut HashMap<&'a str, Maker<'a>>, name: &'a str, maker: Maker<'a>) -> Result<(), OnnxError> {
    match makers.insert(name, maker) {
        Some(_) => Err(OnnxError::value(name, "is made twice; the file is damaged")),
        None => Ok(()),
    }
}

fn rows_of(input: &ValueInfo<'_>) -> Result<(Element, usize), OnnxError> {
    let element = Element::of(input.element_type).filter(|element| element.is_float());
    match (element, input.dims.as_deref()) {
        (Some(element), Some([_, Some(width)])) if *width > 0 => Ok((element, *width)),
        (Some(_), _) => Err(OnnxError::graph(format!(
            "has an input {} of another shape than [batch, features]; export it with one matrix of rows as its input",
            printable(input.name)
        ))),
        (None, _) => Err(OnnxError::graph(format!(
            "has an input {} that is not of float or double; export it with float32 rows as its input",
            printable(input.name)
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
        self.name == self.graph.input
    }

    /// The numbers that it holds, if it is a constant.
    pub(super) fn tensor(self) -> Option<&'g Tensor<'a>> {
        match self.graph.makers.get(self.name)? {
            Maker::Tensor(tensor) => Some(tensor),
            Maker::Input | Maker::Node { .. } => None,
        }
    }

    /// The node that makes it, and which of its outputs it is.
    pub(super) fn node(self) -> Option<(&'g NodeProto<'a>, usize)> {
        match self.graph.makers.get(self.name)? {
            Maker::Node { place, output } => self.graph.nodes.get(*place).map(|node| (node, *output)),
            Maker::Input | Maker::Tensor(_) => None,
        }
    }

    /// What a node takes.
    pub(super) fn inputs(self, node: &NodeProto<'a>) -> impl Iterator<Item = Term<'g, 'a>> {
        node.inputs.iter().map(|name| self.graph.term(name)).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn input(self, node: &NodeProto<'a>, place: usize) -> Option<Term<'g, 'a>> {
        node.inputs.get(place).filter(|name| !name.is_empty()).map(|name| self.graph.term(name))
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
