//! Patterns of operators: what a library writes for a formula, to be found again.

use super::budget::Budget;
use super::error::OnnxError;
use super::graph::Term;

/// A formula over the values of a graph.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// An operator over formulas. Those of sums and products are found in either order.
    Op(&'static str, Vec<Pattern>),
    /// A constant of one number.
    Number(f64),
    /// Anything, the same wherever this number stands.
    Hole(usize),
}

/// An operator over formulas.
pub(super) fn op<const N: usize>(operator: &'static str, operands: [Pattern; N]) -> Pattern {
    Pattern::Op(operator, operands.into())
}

impl Pattern {
    /// What stands at each of `N` holes, if the value is made by this formula.
    pub(super) fn find<'g, 'a, const N: usize>(
        &self,
        term: Term<'g, 'a>,
        budget: &mut Budget<'_>,
    ) -> Result<Option<[Term<'g, 'a>; N]>, OnnxError> {
        let mut holes = [None; N];
        if !self.fits(term, &mut holes, budget)? {
            return Ok(None);
        }
        let found: Vec<_> = holes.into_iter().flatten().collect();
        Ok(found.try_into().ok())
    }

    fn fits<'g, 'a>(
        &self,
        term: Term<'g, 'a>,
        holes: &mut [Option<Term<'g, 'a>>],
        budget: &mut Budget<'_>,
    ) -> Result<bool, OnnxError> {
        budget.part()?;
        match self {
            Self::Hole(number) => Ok(holes[*number].replace(term).is_none_or(|before| before.id == term.id)),
            Self::Number(number) => number_of(term, budget)
                .map(|found| found.is_some_and(|found| (found - number).abs() <= 1e-6 * number.abs())),
            Self::Op(operator, operands) => {
                let Some((node, 0)) = term.node() else { return Ok(false) };
                if node.operator != *operator || !node.domain.is_empty() || node.inputs.len() < operands.len() {
                    return Ok(false);
                }
                budget.parts(node.inputs.len())?;
                let inputs: Vec<_> = term.inputs(node).collect();
                // What newer versions take as a constant, older ones have as an attribute.
                if inputs.iter().skip(operands.len()).any(|further| further.tensor().is_none()) {
                    return Ok(false);
                }
                let before = holes.to_vec();
                if Self::all_fit(operands, inputs.iter(), holes, budget)? {
                    return Ok(true);
                }
                holes.copy_from_slice(&before);
                let commutes = matches!(*operator, "Add" | "Mul" | "Max") && inputs.len() == operands.len();
                Ok(commutes && Self::all_fit(operands, inputs.iter().rev(), holes, budget)?)
            }
        }
    }

    fn all_fit<'t, 'g: 't, 'a: 'g>(
        operands: &[Self],
        terms: impl Iterator<Item = &'t Term<'g, 'a>>,
        holes: &mut [Option<Term<'g, 'a>>],
        budget: &mut Budget<'_>,
    ) -> Result<bool, OnnxError> {
        for (operand, term) in operands.iter().zip(terms) {
            if !operand.fits(*term, holes, budget)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The number that a constant of one number is.
pub(super) fn number_of(term: Term<'_, '_>, budget: &mut Budget<'_>) -> Result<Option<f64>, OnnxError> {
    let Some(tensor) = term.tensor().filter(|tensor| tensor.len() == 1) else { return Ok(None) };
    if tensor.element.is_float() {
        return Ok(tensor.floats(budget)?.first().copied());
    }
    let whole = tensor.ints(budget)?.first().and_then(|int| i32::try_from(*int).ok());
    Ok(whole.map(f64::from))
}

/// A whole number, from 0 on.
pub(super) fn whole(number: f64) -> Option<u32> {
    let whole = (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract().abs() < f64::EPSILON;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is in range")]
    whole.then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_fraction_is_not_rounded_to_a_whole_one() {
        assert_eq!([0.0, 3.0, 4_294_967_295.0].map(whole), [Some(0), Some(3), Some(u32::MAX)]);
        assert_eq!([2.7, -1.0, 4_294_967_296.0, f64::NAN, f64::INFINITY].map(whole), [None; 5]);
    }
}
