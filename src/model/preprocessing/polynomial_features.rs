//! Products of features up to a degree, in scikit-learn's order.

use ndarray::Array2;

use super::{MAX_WIDTH, refusing_nan};
use crate::model::invalid::{Invalid, parameter};

const NAME: &str = "PolynomialFeatures";

/// The parameters as files hold them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// The number of features of an input row.
    pub width: usize,
    /// The smallest degree of the products in the output.
    pub min_degree: usize,
    /// The largest.
    pub max_degree: usize,
    /// Whether a product takes a feature once at most.
    pub interaction_only: bool,
    /// Whether a 1 stands before the products.
    pub include_bias: bool,
}

/// scikit-learn's `PolynomialFeatures`, fitted.
#[derive(Clone, PartialEq, Debug)]
pub struct PolynomialFeatures {
    params: Params,
    products: Box<[Product]>,
    /// The first product in the output; earlier ones are only factors of others.
    first: usize,
}

/// A feature times a product of one degree less.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Product {
    feature: u16,
    /// The index of that product; `None` for a product of one feature.
    rest: Option<u16>,
}

impl PolynomialFeatures {
    /// Makes the layout of the products.
    ///
    /// # Errors
    /// When there are no products in the output, or too many.
    pub(in crate::model) fn new(params: Params) -> Result<Self, Invalid> {
        let Params { width, min_degree, max_degree, interaction_only, include_bias } = params;
        let degree = parameter(NAME, "degree");
        let too_many = || degree.invalid(max_degree, format!("one that comes to {MAX_WIDTH} products at most"));
        if width > MAX_WIDTH {
            return Err(too_many());
        }
        let place = |place: usize| u16::try_from(place).map_err(|_| too_many());
        let mut products: Vec<Product> = Vec::new();
        // Where each degree begins. Below the first degree there is no product to multiply.
        let mut before = 0..0;
        let mut first = None;
        for current in 1..=max_degree {
            let begin = products.len();
            if current >= min_degree {
                first.get_or_insert(begin);
            }
            for feature in 0..width {
                let feature = place(feature)?;
                if current == 1 {
                    products.push(Product { feature, rest: None });
                    continue;
                }
                for rest in before.clone() {
                    let next = products[rest].feature;
                    if next > feature || (next == feature && !interaction_only) {
                        products.push(Product { feature, rest: Some(place(rest)?) });
                    }
                }
                if products.len() > MAX_WIDTH {
                    return Err(too_many());
                }
            }
            before = begin..products.len();
            if before.is_empty() {
                break;
            }
        }
        let first = first.unwrap_or(products.len());
        if usize::from(include_bias) + products.len() - first == 0 {
            return Err(degree.invalid(format!("{min_degree} to {max_degree}"), "one that comes to a product at least"));
        }
        Ok(Self { params, products: products.into(), first })
    }

    /// The parameters from which this was made.
    pub fn params(&self) -> Params {
        self.params
    }

    /// The number of features of an input row.
    pub fn width(&self) -> usize {
        self.params.width
    }

    /// The number of features of an output row.
    pub fn output_width(&self) -> usize {
        usize::from(self.params.include_bias) + self.products.len() - self.first
    }

    /// How many products are computed; some may only be factors of others.
    pub(in crate::model) fn products(&self) -> usize {
        self.products.len() + usize::from(self.params.include_bias)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.products)
    }

    pub(super) fn apply(&self, rows: Array2<f64>) -> Array2<f64> {
        let mut multiplied = Array2::ones((rows.nrows(), self.output_width()));
        let mut values = Vec::with_capacity(self.products.len());
        for (row, mut out) in rows.rows().into_iter().zip(multiplied.rows_mut()) {
            values.clear();
            for Product { feature, rest } in &self.products {
                let value = row[usize::from(*feature)] * rest.map_or(1.0, |rest| values[usize::from(rest)]);
                values.push(refusing_nan(value));
            }
            let places = out.iter_mut().skip(usize::from(self.params.include_bias));
            places.zip(&values[self.first..]).for_each(|(place, value)| *place = *value);
        }
        multiplied
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const SQUARES: Params =
        Params { width: 3, min_degree: 0, max_degree: 2, interaction_only: false, include_bias: true };

    fn of(params: Params) -> Vec<f64> {
        PolynomialFeatures::new(params).unwrap().apply(array![[2.0, 3.0, 5.0]]).into_iter().collect()
    }

    #[test]
    fn products_stand_in_the_order_of_their_degree_and_then_of_their_features() {
        assert_eq!(of(SQUARES), [1.0, 2.0, 3.0, 5.0, 4.0, 6.0, 10.0, 9.0, 15.0, 25.0]);
        let cubes = [8.0, 12.0, 20.0, 18.0, 30.0, 50.0, 27.0, 45.0, 75.0, 125.0];
        assert_eq!(of(Params { min_degree: 3, max_degree: 3, include_bias: false, ..SQUARES }), cubes);
    }

    #[test]
    fn interactions_take_a_feature_once() {
        let interactions = Params { interaction_only: true, max_degree: 3, ..SQUARES };
        assert_eq!(of(interactions), [1.0, 2.0, 3.0, 5.0, 6.0, 10.0, 15.0, 30.0]);
        // There are no more features to multiply with, so this ends at once.
        assert_eq!(of(Params { max_degree: usize::MAX, ..interactions }), of(interactions));
    }

    #[test]
    fn too_many_products_and_none_are_refused_at_once() {
        for wrong in [
            Params { width: 1000, ..SQUARES },
            Params { max_degree: usize::MAX, ..SQUARES },
            Params { width: 1, max_degree: usize::MAX, ..SQUARES },
            Params { width: usize::MAX, max_degree: 1, ..SQUARES },
            Params { max_degree: 0, include_bias: false, ..SQUARES },
            Params { min_degree: 4, max_degree: 9, interaction_only: true, include_bias: false, ..SQUARES },
        ] {
            assert!(PolynomialFeatures::new(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(of(Params { max_degree: 0, ..SQUARES }), [1.0]);
    }
}
