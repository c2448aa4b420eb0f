//! Operators that work number by number.

use super::super::error::OnnxError;
use super::super::tensor::Element;
use super::Operator;
use super::shapes;
use super::value::{Kind, OF_BATCH, Value};
use crate::model::network::{Combination, Function, Operand, Operation};

impl Operator<'_, '_, '_, '_, '_> {
    /// An operator that is a function of each number; `None` for another.
    pub(super) fn function(&mut self) -> Result<Option<Value>, OnnxError> {
        // Where a file does not say, ONNX's number of float32 counts.
        let number =
            |name: &str, default: f32| Ok::<_, OnnxError>(self.node.float(name)?.unwrap_or(f64::from(default)));
        let alpha = |default: f32| number("alpha", default);
        let function = match self.node.operator {
            "Abs" => Function::Abs,
            "Ceil" => Function::Ceil,
            "Celu" => Function::Celu { alpha: alpha(1.0)? },
            "Cos" => Function::Cos,
            "Elu" => Function::Elu { alpha: alpha(1.0)? },
            "Erf" => Function::Erf,
            "Exp" => Function::Exp,
            "Floor" => Function::Floor,
            "Gelu" => match self.node.text("approximate")? {
                None | Some("none") => Function::Gelu,
                Some("tanh") => Function::GeluTanh,
                Some(_) => return Err(self.refused("its approximation is neither none nor tanh")),
            },
            "HardSigmoid" => Function::HardSigmoid { alpha: alpha(0.2)?, beta: number("beta", 0.5)? },
            "HardSwish" => Function::HardSwish,
            "LeakyRelu" => Function::LeakyRelu { slope: alpha(0.01)? },
            "Log" => Function::Log,
            "Sigmoid" => Function::Logistic,
            "Mish" => Function::Mish,
            "Neg" => Function::Negative,
            "Not" => Function::Not,
            "Reciprocal" => Function::Reciprocal,
            "Relu" => Function::Relu,
            "Round" => Function::Round,
            "Selu" => Function::Selu { alpha: alpha(1.673_263_2)?, gamma: number("gamma", 1.050_701)? },
            "Sign" => Function::Sign,
            "Sin" => Function::Sin,
            "Softplus" => Function::Softplus,
            "Softsign" => Function::Softsign,
            "Sqrt" => Function::Sqrt,
            "Swish" => Function::Swish { alpha: alpha(1.0)? },
            "Tanh" => Function::Tanh,
            "ThresholdedRelu" => Function::ThresholdedRelu { alpha: alpha(1.0)? },
            _ => return Ok(None),
        };
        let value = self.taken(0)?;
        self.mapped(function, value).map(Some)
    }

    /// An operator that makes one number of two or more; `None` for another.
    pub(super) fn combination(&mut self) -> Result<Option<Value>, OnnxError> {
        use Combination::{Add, Equal, Greatest, Least, Less, LessOrEqual};
        let (combination, swapped) = match self.node.operator {
            "Add" => (Add, false),
            "Sub" => (Combination::Subtract, false),
            "Mul" => (Combination::Multiply, false),
            "Div" => (Combination::Divide, false),
            "Pow" => (Combination::Power, false),
            "PRelu" => (Combination::Slope, false),
            "Equal" => (Equal, false),
            "Less" => (Less, false),
            "LessOrEqual" => (LessOrEqual, false),
            "Greater" => (Less, true),
            "GreaterOrEqual" => (LessOrEqual, true),
            "And" => (Combination::And, false),
            "Or" => (Combination::Or, false),
            "Xor" => (Combination::Xor, false),
            "Sum" | "Mean" => return self.several(Add).map(Some),
            "Min" => return self.several(Least).map(Some),
            "Max" => return self.several(Greatest).map(Some),
            _ => return Ok(None),
        };
        let (mut first, mut second) = (self.taken(0)?, self.taken(1)?);
        if swapped {
            (first, second) = (second, first);
        }
        let kind = match combination {
            Equal | Less | LessOrEqual => Kind::Bool,
            _ => first.kind,
        };
        let combination = match combination {
            Combination::Divide if kind == Kind::Int => Combination::DivideWhole,
            other => other,
        };
        if combination == Combination::Power
            && let Some([exponent]) = second.place.constant().map(|numbers| &**numbers)
        {
            // These are exact, and say more of where their values lie.
            let function = match *exponent {
                2.0 => Some(Function::Square),
                0.5 => Some(Function::Sqrt),
                _ => None,
            };
            if let Some(function) = function.filter(|_| second.rank() <= first.rank()) {
                return self.mapped(function, first).map(Some);
            }
        }
        self.combined(combination, first, second, kind).map(Some)
    }

    /// All values of a node, one after another.
    fn several(&mut self, combination: Combination) -> Result<Value, OnnxError> {
        let mut all = self.taken(0)?;
        let count = self.node.inputs.len();
        for place in 1..count {
            let (next, kind) = (self.taken(place)?, all.kind);
            all = self.combined(combination, all, next, kind)?;
        }
        if self.node.operator != "Mean" {
            return Ok(all);
        }
        let count = Value::constant(Kind::Float, Vec::new(), vec![count as f64]);
        self.combined(Combination::Divide, all, count, Kind::Float)
    }

    pub(super) fn mapped(&mut self, function: Function, value: Value) -> Result<Value, OnnxError> {
        if value.holds_batch() {
            return Err(self.refused(OF_BATCH));
        }
        self.made(Operation::Map(function, value.place.clone()), value)
    }

    pub(super) fn combined(
        &mut self,
        combination: Combination,
        first: Value,
        second: Value,
        kind: Kind,
    ) -> Result<Value, OnnxError> {
        // Whether the number of rows is -1, as torch asks before it expands something, can be told: it is not.
        let known = combination == Combination::Equal && [&first, &second].iter().any(|value| is_below_zero(value));
        if !known && (first.holds_batch() || second.holds_batch()) {
            return Err(self.refused(OF_BATCH));
        }
        let (like, places) = self.together(&[first, second], kind)?;
        let [first, second] = <[Operand; 2]>::try_from(places).map_err(|_| self.refused("it takes two values"))?;
        self.made(Operation::Combine(combination, first, second), like)
    }

    pub(super) fn select(&mut self) -> Result<Value, OnnxError> {
        let all = [self.taken(0)?, self.taken(1)?, self.taken(2)?];
        let kind = all[1].kind;
        let (like, places) = self.together(&all, kind)?;
        let [which, first, second] =
            <[Operand; 3]>::try_from(places).map_err(|_| self.refused("it takes three values"))?;
        self.made(Operation::Select(which, first, second), like)
    }

    /// The shape of values that are taken number by number, and where the numbers of each are, in this shape.
    fn together(&mut self, all: &[Value], kind: Kind) -> Result<(Value, Vec<Operand>), OnnxError> {
        let of_rows = all.iter().any(|value| value.of_rows);
        let rank = all.iter().filter(|value| value.of_rows).map(|value| value.dims.len()).max();
        let mut shapes = Vec::new();
        for value in all {
            shapes.push(match (rank, value.of_rows, &value.dims[..]) {
                (None, ..) => &value.dims[..],
                (Some(rank), true, dims) if dims.len() == rank => dims,
                (Some(rank), false, dims) if dims.len() <= rank => dims,
                // What is the same for all rows may say so by a dimension of its own.
                (Some(rank), false, [1, dims @ ..]) if dims.len() == rank => dims,
                _ => return Err(self.refused("it takes values of shapes that do not go together row by row")),
            });
        }
        let mut dims = Vec::new();
        for shape in &shapes {
            dims = shapes::broadcast(&dims, shape)
                .ok_or_else(|| self.refused("it takes values of shapes that do not go together"))?;
        }
        let size = self.budget.elements(&dims)?;
        let mut places = Vec::new();
        for (value, shape) in all.iter().zip(&shapes) {
            places.push(match shapes::repeats(shape, &dims) {
                true => value.place.clone(),
                false => {
                    self.budget.memory(2 * size_of::<u32>() * size)?;
                    self.budget.look(size)?;
                    let order = shapes::spread(shape, &dims);
                    self.push(Operation::Pick(value.place.clone(), order.into()), size)?
                }
            });
        }
        let place = Operand::Value(0);
        Ok((Value { kind, of_rows, dims, place }, places))
    }

    /// An attribute in older versions, and a constant in newer ones.
    fn bound(&mut self, name: &str, place: usize, default: f64) -> Result<f64, OnnxError> {
        if let Some(bound) = self.node.float(name)? {
            return Ok(bound);
        }
        if !self.takes(place) {
            return Ok(default);
        }
        match self.constants(place)?[..] {
            [bound] => Ok(bound),
            _ => Err(self.refused("its bounds are not constant numbers")),
        }
    }

    pub(super) fn clip(&mut self) -> Result<Value, OnnxError> {
        let (low, high) = (self.bound("min", 1, f64::NEG_INFINITY)?, self.bound("max", 2, f64::INFINITY)?);
        let value = self.taken(0)?;
        self.mapped(Function::Clip { low, high }, value)
    }

    pub(super) fn dropout(&mut self) -> Result<Value, OnnxError> {
        if self.takes(2) && self.constants(2)?.iter().any(|training| *training != 0.0) {
            return Err(self.refused("it is in training mode; export the network in evaluation mode"));
        }
        self.taken(0)
    }

    pub(super) fn cast(&mut self) -> Result<Value, OnnxError> {
        let to = self.node.int("to")?.and_then(Element::of);
        let kind = Kind::of(
            to.ok_or_else(|| self.refused("it casts to another type than float, double, int32, int64 or bool"))?,
        );
        let value = self.taken(0)?;
        self.cast_to(value, kind)
    }

    pub(super) fn cast_to(&mut self, value: Value, kind: Kind) -> Result<Value, OnnxError> {
        match (value.kind, kind) {
            (Kind::Float, Kind::Int) => self.mapped(Function::Truncate, value),
            (Kind::Float | Kind::Int, Kind::Bool) => self.mapped(Function::NonZero, value),
            (Kind::Int, Kind::Float) if value.holds_batch() => Err(self.refused(OF_BATCH)),
            _ => Ok(value),
        }
        .map(|value| Value { kind, ..value })
    }
}

/// Whether all its numbers are constants below 0.
fn is_below_zero(value: &Value) -> bool {
    value.place.constant().is_some_and(|numbers| numbers.iter().all(|number| *number < 0.0))
}
