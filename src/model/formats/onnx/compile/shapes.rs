//! Shapes, and the places of numbers in them: pure arithmetic.

/// The shape that two shapes have together, the last dimension of each being the same: ONNX's broadcasting.
pub(super) fn broadcast(first: &[usize], second: &[usize]) -> Option<Vec<usize>> {
    let rank = first.len().max(second.len());
    let at = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |place| dims[place]);
    (0..rank)
        .map(|axis| match (at(first, axis), at(second, axis)) {
            (1, dim) | (dim, 1) => Some(dim),
            (a, b) => (a == b).then_some(a),
        })
        .collect()
}

/// Whether the numbers of one shape, begun anew at their end, are those of the other that it is broadcast to.
pub(super) fn repeats(from: &[usize], to: &[usize]) -> bool {
    let ones = from.iter().take_while(|dim| **dim == 1).count();
    to.ends_with(&from[ones..])
}

/// How far apart the numbers of each dimension are.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// Where a number comes from, for each of a shape in its order: `start`, and so much further for each step along each
/// dimension.
pub(super) fn places(dims: &[usize], start: usize, strides: &[isize]) -> Vec<u32> {
    let mut places = Vec::with_capacity(dims.iter().product());
    let mut at = vec![0_usize; dims.len()];
    let mut place = start.cast_signed();
    if dims.contains(&0) {
        return places;
    }
    loop {
        places.push(u32::try_from(place).unwrap_or(u32::MAX));
        let Some(axis) = (0..dims.len()).rev().find(|axis| at[*axis] + 1 < dims[*axis]) else { break };
        for behind in axis + 1..dims.len() {
            place -= strides[behind] * at[behind].cast_signed();
            at[behind] = 0;
        }
        at[axis] += 1;
        place += strides[axis];
    }
    places
}

/// Where the numbers of a shape come from when it is broadcast to another.
pub(super) fn spread(from: &[usize], to: &[usize]) -> Vec<u32> {
    let own = strides(from);
    let missing = to.len() - from.len();
    let steps: Vec<_> = (0..to.len())
        .map(|axis| match axis.checked_sub(missing) {
            Some(place) if from[place] != 1 => own[place].cast_signed(),
            _ => 0,
        })
        .collect();
    places(to, 0, &steps)
}

/// The dimensions in another order, and where their numbers come from.
pub(super) fn transposed(dims: &[usize], order: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let own = strides(dims);
    let moved: Vec<_> = order.iter().map(|axis| dims[*axis]).collect();
    let steps: Vec<_> = order.iter().map(|axis| own[*axis].cast_signed()).collect();
    let places = places(&moved, 0, &steps);
    (moved, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_go_together_from_their_ends() {
        assert_eq!(broadcast(&[2, 3], &[3]), Some(vec![2, 3]));
        assert_eq!(broadcast(&[2, 1], &[1, 3]), Some(vec![2, 3]));
        assert_eq!(broadcast(&[], &[4]), Some(vec![4]));
        assert_eq!(broadcast(&[2], &[3]), None);
        assert!(repeats(&[1, 3], &[2, 3]) && repeats(&[], &[2, 3]) && repeats(&[1, 1], &[2]));
        assert!(!repeats(&[2, 1], &[2, 3]));
    }

    #[test]
    fn places_are_those_of_numpy() {
        // numpy.arange(6).reshape(2, 3).T.ravel()
        assert_eq!(transposed(&[2, 3], &[1, 0]), (vec![3, 2], vec![0, 3, 1, 4, 2, 5]));
        // numpy.broadcast_to(numpy.arange(2).reshape(2, 1), (2, 3)).ravel()
        assert_eq!(spread(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        // numpy.arange(8)[6:1:-2]
        assert_eq!(places(&[3], 6, &[-2]), [6, 4, 2]);
        assert_eq!(places(&[], 0, &[]), [0]);
        assert!(places(&[2, 0], 0, &[1, 1]).is_empty());
    }
}
