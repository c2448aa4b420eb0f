use ndarray::array;

use super::*;

fn params() -> Params {
    Params { location: vec![1.0, 2.0], precision: vec![2.0, 0.5, 0.5, 1.0], offset: -9.0, scale: Scale::Squared }
}

#[test]
fn the_decision_value_is_how_much_nearer_than_the_boundary_a_row_is() {
    let envelope = EllipticEnvelope::new(params()).unwrap();
    // (2, -1) from the centre: 2·4 − 2·0.5·2 + 1 = 7.
    assert_eq!(envelope.decide(array![[1.0, 2.0], [3.0, 1.0]].view()), [9.0, 2.0]);
    assert_eq!((envelope.unit(), envelope.centre()), (9.0, vec![1.0, 2.0]));
    assert_eq!(envelope.params(), params());
}

#[test]
fn the_oldest_version_takes_nearly_the_cube_root() {
    let envelope = EllipticEnvelope::new(Params { scale: Scale::CubeRoot, ..params() }).unwrap();
    let expected = 9.0_f64.powf(0.33) - 7.0_f64.powf(0.33);
    assert_eq!(envelope.decide(array![[3.0, 1.0]].view()), [expected]);
}

#[test]
fn what_is_not_an_ellipse_is_refused() {
    assert!(EllipticEnvelope::new(params()).is_ok());
    for (why, params) in [
        ("no features", Params { location: vec![], precision: vec![], ..params() }),
        ("a centre of NaN", Params { location: vec![f64::NAN, 0.0], ..params() }),
        ("too small a matrix", Params { precision: vec![1.0], ..params() }),
        ("an infinite matrix", Params { precision: vec![f64::INFINITY; 4], ..params() }),
        ("not symmetric", Params { precision: vec![2.0, 0.5, 0.4, 1.0], ..params() }),
        ("a negative distance", Params { precision: vec![-2.0, 0.0, 0.0, 1.0], ..params() }),
        ("a negative distance between features", Params { precision: vec![1.0, 2.0, 2.0, 1.0], ..params() }),
        ("an offset of NaN", Params { offset: f64::NAN, ..params() }),
        ("a boundary that no row can be within", Params { offset: 1.0, ..params() }),
    ] {
        assert!(EllipticEnvelope::new(params).is_err(), "{why}");
    }
}
