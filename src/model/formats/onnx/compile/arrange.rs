//! Operators that move numbers within a row, or only say anew what their shape is.

use super::super::error::OnnxError;
use super::shapes;
use super::value::{Axis, Kind, OF_BATCH, Value};
use super::{Operator, constant};
use crate::model::network::{Operand, Operation};

/// A dimension that a shape asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// As many as there are rows.
    Rows,
    /// As many as are left over.
    Rest,
    /// So many.
    Fixed(usize),
}

/// One dimension of a value, in which something is cut out.
struct Cut {
    axis: usize,
    /// The first place.
    start: usize,
    /// How far it is to the next.
    step: isize,
    /// How many there are.
    count: usize,
}

impl Operator<'_, '_, '_, '_, '_> {
    pub(super) fn flatten(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let rank = value.rank();
        let axis = self.node.int("axis")?.unwrap_or(1);
        let counted = if axis < 0 { axis.saturating_add(i64::try_from(rank).unwrap_or(i64::MAX)) } else { axis };
        let Some(before) = usize::try_from(counted).ok().filter(|before| *before <= rank) else {
            return Err(self.refused(format!("its axis is {axis}, and its value has {rank} dimensions")));
        };
        let dims = match (value.of_rows, before) {
            (true, 1) => vec![value.size()],
            (true, _) => return Err(self.refused(format!("its axis is {axis}; expected 1, the features of a row"))),
            (false, before) => {
                let (before, behind) = value.dims.split_at(before);
                vec![before.iter().product(), behind.iter().product()]
            }
        };
        Ok(Value { dims, ..value })
    }

    /// The dimensions that a constant shape asks for. `dims` are those that a 0 stands for.
    fn extents(&mut self, place: usize, zeros: Option<&Value>) -> Result<Vec<Extent>, OnnxError> {
        let numbers = self.constants(place)?;
        let mut extents = Vec::new();
        for (place, number) in numbers.iter().enumerate() {
            extents.push(match *number {
                number if number.is_nan() => Extent::Rows,
                -1.0 => Extent::Rest,
                0.0 => match zeros {
                    Some(value) => match (value.of_rows, place.checked_sub(usize::from(value.of_rows))) {
                        (true, None) => Extent::Rows,
                        (_, place) => {
                            let dim = place.and_then(|place| value.dims.get(place));
                            Extent::Fixed(*dim.ok_or_else(|| self.refused("a 0 in its shape stands for nothing"))?)
                        }
                    },
                    None => Extent::Fixed(0),
                },
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is in range")]
                number if number > 0.0 && number < f64::from(u32::MAX) => Extent::Fixed(number as usize),
                number => return Err(self.refused(format!("a dimension of its shape is {number}"))),
            });
            self.budget.part()?;
        }
        Ok(extents)
    }

    pub(super) fn reshape(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let copies = self.node.int("allowzero")?.unwrap_or(0) == 0;
        let extents = self.extents(1, copies.then_some(&value))?;
        let size = value.size();
        let extents = match (value.of_rows, &extents[..]) {
            (false, all) => all,
            (true, [first, rest @ ..]) => {
                // A network that was exported for one batch says how many rows it is for.
                let whole = match first {
                    Extent::Rows => true,
                    Extent::Rest => !rest.contains(&Extent::Rest),
                    Extent::Fixed(count) => Some(*count) == self.compiler.graph.batch,
                };
                if !whole {
                    return Err(self.not_kept(size));
                }
                rest
            }
            (true, []) => return Err(self.not_kept(size)),
        };
        let mut known = 1_usize;
        for extent in extents {
            match extent {
                Extent::Fixed(dim) => known = known.saturating_mul(*dim),
                Extent::Rest => {}
                Extent::Rows => return Err(self.not_kept(size)),
            }
        }
        let open = extents.iter().filter(|extent| **extent == Extent::Rest).count();
        let fits = match open {
            0 => known == size,
            1 => known > 0 && size.is_multiple_of(known),
            _ => false,
        };
        if !fits {
            return Err(self.not_kept(size));
        }
        let dims = extents.iter().map(|extent| match extent {
            Extent::Fixed(dim) => *dim,
            Extent::Rows | Extent::Rest => size / known,
        });
        Ok(Value { dims: dims.collect(), ..value })
    }

    fn not_kept(&self, size: usize) -> OnnxError {
        self.refused(format!(
            "it does not keep rows of {size} numbers; expected the shape [-1, {size}]: export with a batch of any size"
        ))
    }

    pub(super) fn transpose(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let order = self.node.ints("perm", self.budget)?;
        let rank = value.rank();
        let order: Vec<_> = match order.is_empty() {
            true => (0..rank).rev().collect(),
            false => order.iter().map(|axis| usize::try_from(*axis).unwrap_or(usize::MAX)).collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return Err(self.refused("its order is not one of the dimensions"));
        }
        let order = match (value.of_rows, &order[..]) {
            (true, [0, rest @ ..]) => rest.iter().map(|axis| axis - 1).collect(),
            (true, _) => return Err(self.refused("it mixes rows; expected them to stay the first dimension")),
            (false, _) => order,
        };
        self.arranged(value, &order)
    }

    pub(super) fn squeeze(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let dims = match self.attribute_or_input("axes", 1)? {
            Some(axes) => {
                let mut gone = Vec::new();
                for axis in axes {
                    let axis = self.dimension(axis, value.rank(), value.of_rows)?;
                    if value.dims[axis] != 1 {
                        return Err(self.refused("it takes away a dimension that is not 1"));
                    }
                    gone.push(axis);
                }
                (0..value.dims.len()).filter(|axis| !gone.contains(axis)).map(|axis| value.dims[axis]).collect()
            }
            None if value.of_rows => {
                return Err(self.refused("it does not say which dimensions go; one row must not change what it does"));
            }
            None => value.dims.iter().copied().filter(|dim| *dim != 1).collect(),
        };
        Ok(Value { dims, ..value })
    }

    pub(super) fn unsqueeze(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let axes = self.attribute_or_input("axes", 1)?.unwrap_or_default();
        let rank = value.rank() + axes.len();
        let mut new = Vec::new();
        for axis in axes {
            new.push(self.dimension(axis, rank, value.of_rows)?);
        }
        let mut rest = value.dims.iter().copied();
        let count = value.dims.len() + new.len();
        let dims = (0..count).map(|axis| if new.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }).collect();
        Ok(Value { dims, ..value })
    }

    pub(super) fn concat(&mut self) -> Result<Value, OnnxError> {
        let first = self.taken(0)?;
        // scikit-learn's has no axis.
        let axis = self.dimension(self.node.int("axis")?.unwrap_or(1), first.rank(), first.of_rows)?;
        let (mut along, mut size) = (Vec::new(), 0_usize);
        let mut operands = Vec::new();
        for place in 0..self.node.inputs.len() {
            let part = self.taken(place)?;
            let alike = part.dims.len() == first.dims.len()
                && part.dims.iter().zip(&first.dims).enumerate().all(|(place, (a, b))| place == axis || a == b);
            if !alike || part.of_rows != first.of_rows {
                return Err(self.refused("it puts values beside each other that do not go together"));
            }
            along.push(part.dims[axis]);
            size = size.saturating_add(part.size());
            self.budget.elements(&[size])?;
            self.budget.memory(size_of::<Operand>())?;
            operands.push(part.place);
        }
        let mut dims = first.dims.clone();
        dims[axis] = along.iter().sum();
        let place = self.push(Operation::Join(operands), size)?;
        let outer: usize = dims[..axis].iter().product();
        if outer == 1 {
            return Ok(Value { dims, place, ..first });
        }
        // One part lies behind the other: their lines are to alternate.
        self.budget.memory(2 * size_of::<u32>() * size)?;
        self.budget.look(size)?;
        let inner: usize = dims[axis + 1..].iter().product();
        let mut places: Vec<u32> = Vec::with_capacity(size);
        for line in 0..outer {
            let mut start = 0;
            for part in &along {
                let length = part * inner;
                let from = start + line * length;
                places.extend((from..from + length).filter_map(|place| u32::try_from(place).ok()));
                start += outer * length;
            }
        }
        let place = self.push(Operation::Pick(place, places.into()), size)?;
        Ok(Value { dims, place, ..first })
    }

    /// What is cut out of a value.
    fn cut(&mut self, value: Value, cuts: &[Cut]) -> Result<Value, OnnxError> {
        let own = shapes::strides(&value.dims);
        let (mut dims, mut start) = (value.dims.clone(), 0);
        let mut steps: Vec<_> = own.iter().map(|stride| stride.cast_signed()).collect();
        for cut in cuts {
            dims[cut.axis] = cut.count;
            start += cut.start * own[cut.axis];
            steps[cut.axis] *= cut.step;
        }
        let size = self.budget.elements(&dims)?;
        self.budget.memory(2 * size_of::<u32>() * size)?;
        self.budget.look(size)?;
        let places = shapes::places(&dims, start, &steps);
        let place = match size {
            0 if !value.of_rows => Operand::Constant([].into()),
            _ => self.push(Operation::Pick(value.place.clone(), places.into()), size)?,
        };
        Ok(Value { dims, place, ..value })
    }

    pub(super) fn split(&mut self) -> Result<(), OnnxError> {
        let value = self.taken(0)?;
        let axis = self.dimension(self.node.int("axis")?.unwrap_or(0), value.rank(), value.of_rows)?;
        let (all, count) = (value.dims[axis], self.node.outputs.len());
        let sizes = match self.attribute_or_input("split", 1)? {
            Some(sizes) => sizes.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect(),
            None => {
                let each = all.div_ceil(count.max(1));
                (0..count).map(|part| each.min(all.saturating_sub(part * each))).collect::<Vec<_>>()
            }
        };
        if sizes.len() != count || sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size)) != all {
            return Err(self.refused(format!("its parts do not make up the {all} numbers that it splits")));
        }
        let mut start = 0;
        for (place, count) in sizes.into_iter().enumerate() {
            let part = self.cut(value.clone(), &[Cut { axis, start, step: 1, count }])?;
            start += count;
            self.keep(self.node.outputs[place].id, part)?;
        }
        Ok(())
    }

    pub(super) fn slice(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let required =
            |numbers: Option<Vec<i64>>| numbers.ok_or_else(|| self.node.refused("it does not say from where to where"));
        let starts = self.attribute_or_input("starts", 1)?;
        let ends = self.attribute_or_input("ends", 2)?;
        let (starts, ends) = (required(starts)?, required(ends)?);
        let axes = self.attribute_or_input("axes", 3)?.unwrap_or_else(|| (0..).take(starts.len()).collect());
        let steps = self.attribute_or_input("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(self.refused("its starts, ends, axes and steps are not as many"));
        }
        let mut cuts: Vec<Cut> = Vec::new();
        for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
            let rank = value.rank();
            // All rows, in their order.
            let rows = Axis::of(axis, rank, value.of_rows) == Some(Axis::Rows);
            if rows && (start, step) == (0, 1) && end >= i64::from(i32::MAX) {
                continue;
            }
            let axis = self.dimension(axis, rank, value.of_rows)?;
            if cuts.iter().any(|cut| cut.axis == axis) {
                return Err(self.refused("it cuts one dimension twice"));
            }
            let (start, count) =
                cut_out(value.dims[axis], start, end, step).ok_or_else(|| self.refused("its step is 0"))?;
            let step = isize::try_from(step).unwrap_or(isize::MAX);
            cuts.push(Cut { axis, start, step: if count > 1 { step } else { 1 }, count });
        }
        self.cut(value, &cuts)
    }

    pub(super) fn gather(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let axis = self.dimension(self.node.int("axis")?.unwrap_or(0), value.rank(), value.of_rows)?;
        let indices = self.taken(1)?;
        let wanted = self.ints(1)?;
        let length = value.dims[axis];
        let signed = i64::try_from(length).unwrap_or(i64::MAX);
        let mut columns = Vec::new();
        for index in wanted {
            let place = if index < 0 { index.saturating_add(signed) } else { index };
            let place = usize::try_from(place).ok().filter(|place| *place < length);
            let place = place.ok_or_else(|| self.refused(format!("it takes place {index} of {length}")))?;
            self.budget.push(&mut columns, place)?;
        }
        let (before, behind) = (&value.dims[..axis], &value.dims[axis + 1..]);
        let dims: Vec<_> = before.iter().chain(&indices.dims).chain(behind).copied().collect();
        let size = self.budget.elements(&dims)?;
        self.budget.memory(2 * size_of::<u32>() * size)?;
        self.budget.look(size)?;
        let inner: usize = behind.iter().product();
        let mut places: Vec<u32> = Vec::with_capacity(size);
        for line in 0..before.iter().product() {
            for column in &columns {
                let from = (line * length + column) * inner;
                places.extend((from..from + inner).filter_map(|place| u32::try_from(place).ok()));
            }
        }
        let place = self.push(Operation::Pick(value.place.clone(), places.into()), size)?;
        Ok(Value { dims, place, ..value })
    }

    pub(super) fn expand(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let extents = self.extents(1, None)?;
        let one_for_all = matches!(extents[..], [Extent::Rows, ..]);
        let with_rows = value.of_rows || one_for_all;
        let rest = match (&extents[..], value.of_rows) {
            ([Extent::Rows, rest @ ..], _) => rest,
            ([Extent::Fixed(1), rest @ ..], true) if rest.len() == value.dims.len() => rest,
            (all, _) => all,
        };
        let mut to = Vec::new();
        for extent in rest {
            match extent {
                Extent::Fixed(dim) => to.push(*dim),
                Extent::Rest => to.push(1),
                Extent::Rows => return Err(self.refused(OF_BATCH)),
            }
        }
        let from = match (one_for_all && !value.of_rows, &value.dims[..]) {
            (true, [1, dims @ ..]) if dims.len() == to.len() => dims,
            (_, dims) => dims,
        };
        let goes = !with_rows || if value.of_rows { to.len() <= from.len() } else { from.len() <= to.len() };
        let dims = shapes::broadcast(from, &to).filter(|_| goes && value.of_rows <= with_rows);
        let dims = dims.ok_or_else(|| self.refused("it takes values of shapes that do not go together"))?;
        let size = self.budget.elements(&dims)?;
        let place = match shapes::repeats(from, &dims) && size == from.iter().product::<usize>() {
            true => value.place.clone(),
            false => {
                self.budget.memory(2 * size_of::<u32>() * size)?;
                self.budget.look(size)?;
                let places = shapes::spread(from, &dims);
                self.push(Operation::Pick(value.place.clone(), places.into()), size)?
            }
        };
        Ok(Value { kind: value.kind, of_rows: with_rows, dims, place })
    }

    pub(super) fn tile(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let repeats = self.ints(1)?;
        let repeats: Vec<_> = repeats.iter().map(|count| usize::try_from(*count).unwrap_or(0)).collect();
        let repeats = match (value.of_rows, &repeats[..]) {
            (true, [1, rest @ ..]) => rest.to_vec(),
            (true, _) => return Err(self.refused("it repeats rows")),
            (false, _) => repeats,
        };
        if repeats.len() != value.dims.len() || repeats.contains(&0) {
            return Err(self.refused("it does not say how often each dimension is repeated"));
        }
        // Each dimension becomes two, the first of which is the repetitions.
        let from: Vec<_> = value.dims.iter().flat_map(|dim| [1, *dim]).collect();
        let to: Vec<_> = repeats.iter().zip(&value.dims).flat_map(|(count, dim)| [*count, *dim]).collect();
        let size = self.budget.elements(&to)?;
        self.budget.memory(2 * size_of::<u32>() * size)?;
        self.budget.look(size)?;
        let place = self.push(Operation::Pick(value.place.clone(), shapes::spread(&from, &to).into()), size)?;
        let dims = repeats.iter().zip(&value.dims).map(|(count, dim)| count * dim).collect();
        Ok(Value { dims, place, ..value })
    }

    pub(super) fn shape(&mut self) -> Result<Value, OnnxError> {
        let value = self.taken(0)?;
        let mut numbers: Vec<_> = if value.of_rows { vec![f64::NAN] } else { Vec::new() };
        numbers.extend(value.dims.iter().map(|dim| *dim as f64));
        let end = self.node.int("end")?.unwrap_or(i64::MAX);
        let (start, count) = cut_out(numbers.len(), self.node.int("start")?.unwrap_or(0), end, 1).unwrap_or_default();
        let numbers: Vec<_> = numbers.into_iter().skip(start).take(count).collect();
        Ok(Value::constant(Kind::Int, vec![numbers.len()], numbers))
    }

    /// A constant that is not a tensor.
    pub(super) fn constant(&mut self) -> Result<Value, OnnxError> {
        let node = self.node;
        if let Some(float) = node.float("value_float")? {
            return Ok(Value::constant(Kind::Float, Vec::new(), vec![float]));
        }
        if node.attribute("value_floats").is_some() {
            let numbers = node.floats("value_floats", self.budget)?;
            return Ok(Value::constant(Kind::Float, vec![numbers.len()], numbers));
        }
        if let Some(int) = node.int("value_int")? {
            return Ok(Value::constant(Kind::Int, Vec::new(), vec![int as f64]));
        }
        if node.attribute("value_ints").is_some() {
            let numbers: Vec<_> = node.ints("value_ints", self.budget)?.into_iter().map(|int| int as f64).collect();
            return Ok(Value::constant(Kind::Int, vec![numbers.len()], numbers));
        }
        Err(self.refused("it holds no numbers"))
    }

    pub(super) fn constant_of_shape(&mut self) -> Result<Value, OnnxError> {
        let extents = self.extents(0, None)?;
        let (of_rows, rest) = match &extents[..] {
            [Extent::Rows, rest @ ..] => (true, rest),
            all => (false, all),
        };
        let mut dims = Vec::new();
        for extent in rest {
            match extent {
                Extent::Fixed(dim) => dims.push(*dim),
                Extent::Rest | Extent::Rows => return Err(self.refused(OF_BATCH)),
            }
        }
        let size = self.budget.elements(&dims)?;
        self.budget.memory(2 * size_of::<f64>() * size)?;
        self.budget.look(size)?;
        let filling = self.node.attribute("value").and_then(|attribute| attribute.tensor.as_ref());
        let (kind, number) = match filling {
            Some(tensor) => {
                let value = constant(tensor, self.budget)?;
                let number = value.place.constant().and_then(|numbers| numbers.first().copied());
                (value.kind, number.ok_or_else(|| self.refused("it fills a shape with nothing"))?)
            }
            None => (Kind::Float, 0.0),
        };
        Ok(Value { of_rows, ..Value::constant(kind, dims, vec![number; size]) })
    }
}

/// The first place that a slice takes, and how many; `None` where its step is 0. The ends are ONNX's and numpy's: from
/// the end where they are below 0, and as far as there is something.
fn cut_out(length: usize, start: i64, end: i64, step: i64) -> Option<(usize, usize)> {
    let all = i64::try_from(length).ok()?;
    let from_end = |place: i64| if place < 0 { place.saturating_add(all) } else { place };
    let (start, count) = match step {
        0 => return None,
        1.. => {
            let (start, end) = (from_end(start).clamp(0, all), from_end(end).clamp(0, all));
            (start, if end > start { (end - start - 1) / step + 1 } else { 0 })
        }
        _ => {
            let (start, end) = (from_end(start).clamp(-1, all - 1), from_end(end).clamp(-1, all - 1));
            (start, if start > end { (start - end - 1) / step.checked_neg().unwrap_or(i64::MAX) + 1 } else { 0 })
        }
    };
    Some((usize::try_from(start).unwrap_or(0), usize::try_from(count).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::cut_out;

    #[test]
    fn a_slice_takes_what_numpys_does() {
        // numpy.arange(8)[start:end:step]: its first number, and how many there are.
        for ((start, end, step), expected) in [
            ((0, i64::MAX, 1), (0, 8)),
            ((2, 7, 2), (2, 3)),
            ((-3, 100, 1), (5, 3)),
            ((5, 2, 1), (5, 0)),
            ((-1, i64::MIN, -1), (7, 8)),
            ((6, 1, -2), (6, 3)),
            ((3, 3, -1), (3, 0)),
            ((i64::MIN, i64::MAX, i64::MAX), (0, 1)),
            ((i64::MAX, i64::MIN, i64::MIN), (7, 1)),
        ] {
            assert_eq!(cut_out(8, start, end, step), Some(expected), "{start}:{end}:{step}");
        }
        assert_eq!(cut_out(8, 0, 8, 0), None);
    }
}
