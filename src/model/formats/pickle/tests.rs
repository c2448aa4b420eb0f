use super::*;
use crate::model::{Format, Limits};

fn graph(instructions: &[u8]) -> Graph<'_> {
    read(instructions, &Limits::default()).unwrap()
}

/// What one array holds, in rows and columns.
fn matrix(dtype: &[u8], order: &[u8], shape: &[u8], data: &[u8], fortran: &[u8]) -> Option<(usize, usize, Vec<f64>)> {
    let instructions = [
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01",
        shape,
        b"cnumpy\ndtype\nU\x02",
        dtype,
        b"K\x00K\x01\x87R(K\x03U\x01",
        order,
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
        fortran,
        b"C",
        &[u8::try_from(data.len()).unwrap()],
        data,
        b"tb.",
    ]
    .concat();
    graph(&instructions).root().matrix().map(|matrix| (matrix.rows, matrix.columns, matrix.numbers))
}

const PAIR: &[u8] = b"K\x02\x85";

#[test]
fn elements_of_every_type_and_byte_order_are_numbers() {
    let numbers = vec![1.5, -2.0];
    let little = [1.5_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat();
    assert_eq!(matrix(b"f8", b"<", PAIR, &little, b"\x89"), Some((1, 2, numbers.clone())));
    let big = [1.5_f64.to_be_bytes(), (-2.0_f64).to_be_bytes()].concat();
    assert_eq!(matrix(b"f8", b">", PAIR, &big, b"\x89"), Some((1, 2, numbers.clone())));
    let single = [1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat();
    assert_eq!(matrix(b"f4", b"<", PAIR, &single, b"\x89"), Some((1, 2, numbers)));
    let ints = [7_i32.to_be_bytes(), (-9_i32).to_be_bytes()].concat();
    assert_eq!(matrix(b"i4", b">", PAIR, &ints, b"\x89"), Some((1, 2, vec![7.0, -9.0])));
    let longs = [7_i64.to_le_bytes(), (-9_i64).to_le_bytes()].concat();
    assert_eq!(matrix(b"i8", b"<", PAIR, &longs, b"\x89"), Some((1, 2, vec![7.0, -9.0])));
    assert_eq!(matrix(b"b1", b"|", PAIR, &[0, 1], b"\x89"), Some((1, 2, vec![0.0, 1.0])));
}

#[test]
fn fortrans_order_is_turned_into_rows() {
    let shape = b"K\x02K\x03\x86";
    let data: Vec<u8> = [1.0_f64, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let rows = Some((2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert_eq!(matrix(b"f8", b"<", shape, &data, b"\x88"), rows);
    let data: Vec<u8> = [1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(matrix(b"f8", b"<", shape, &data, b"\x89"), rows);
}

#[test]
fn arrays_of_other_types_are_there_and_hold_no_numbers() {
    assert_eq!(matrix(b"c8", b"<", PAIR, &[0; 16], b"\x89"), None);
    let objects = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x85R\
        (K\x01K\x01\x85cnumpy\ndtype\nU\x02O8\x85R\x89]U\x01aatb.";
    assert!(graph(objects).root().matrix().is_none());
}

#[test]
fn whole_numbers_are_of_twos_complement_whatever_their_length() {
    for (instructions, expected) in [
        (&b"\x80\x02\x8a\x00."[..], 0),
        (b"\x80\x02\x8a\x01\xff.", -1),
        (b"\x80\x02\x8a\x02\xff\x00.", 255),
        (b"\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", i64::MIN),
        (b"\x80\x02J\xfe\xff\xff\xff.", -2),
        (b"\x80\x02M\xff\xff.", 65_535),
    ] {
        assert_eq!(graph(instructions).root().int(), Some(expected));
    }
    let filled = b"\x80\x02\x8a\x09\xfe\xff\xff\xff\xff\xff\xff\xff\xff.";
    assert_eq!(graph(filled).root().int(), Some(-2));
    // What takes more than 64 bits is there, and is never read.
    for huge in [
        &b"\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."[..],
        b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.",
    ] {
        assert_eq!((graph(huge).root().int(), graph(huge).root().kind()), (None, "a whole number"));
    }
}

#[test]
fn python_2_wrote_text_as_bytes() {
    assert_eq!(graph(b"\x80\x02U\x03rbf.").root().text(), Some("rbf"));
}

#[test]
fn the_last_of_equal_attributes_counts() {
    let object = b"\x80\x02csklearn.svm.classes\nOneClassSVM\n)\x81}(U\x01aK\x01U\x01bK\x02U\x01aK\x03ub.";
    let graph = graph(object);
    assert_eq!(graph.root().attribute("a").and_then(Node::int), Some(3));
    assert_eq!(graph.root().class().map(|class| class.to_string()).as_deref(), Some("sklearn.svm.classes.OneClassSVM"));
    assert_eq!(graph.format(), Format::Pickle { protocol: 2 });
}

#[test]
fn an_object_of_protocol_1_is_an_object() {
    let object = b"\x80\x02ccopy_reg\n_reconstructor\n(csklearn.svm.classes\nOneClassSVM\nc__builtin__\nobject\nNtR.";
    assert!(graph(object).root().class().is_some());
}

#[test]
fn a_mark_hides_what_is_below_it() {
    assert!(read(b"\x80\x02K\x01(\x85.", &Limits::default()).is_err());
    assert!(read(b"\x80\x02K\x01(0.", &Limits::default()).is_ok());
}

#[test]
fn a_function_of_numpys_is_a_name_wherever_its_version_keeps_it() {
    for module in ["numpy", "numpy.core._multiarray_umath", "numpy._core._multiarray_umath", "numpy.core.umath"] {
        let pickle = [b"\x80\x04c", module.as_bytes(), b"\nlog1p\n."].concat();
        assert_eq!(graph(&pickle).root().function().map(|f| f.to_string()).as_deref(), Some("numpy.log1p"), "{module}");
    }
    assert!(read(b"\x80\x04cnumpy\nlog1p\n)R.", &Limits::default()).is_err(), "it is named, never called");
    assert!(read(b"\x80\x04cnumpy\nfromfile\n.", &Limits::default()).is_err());
}

#[test]
fn slices_sets_and_ordered_dictionaries_are_what_they_hold() {
    let slice = graph(b"\x80\x04cbuiltins\nslice\nK\x02NN\x87R.");
    let [start, stop, _step] = slice.root().slice().unwrap();
    assert_eq!((start.int(), stop.is_none()), (Some(2), true));
    for set in [
        &b"\x80\x04\x8f(K\x01K\x02\x90."[..],
        b"\x80\x04(K\x01K\x02\x91.",
        b"\x80\x02c__builtin__\nset\n](K\x01K\x02e\x85R.",
    ] {
        assert_eq!(graph(set).root().items().map(|items| items.len()), Some(2));
    }
    for dict in [
        &b"\x80\x02ccollections\nOrderedDict\n)R(K\x01K\x02u."[..],
        b"\x80\x02ccollections\nOrderedDict\n]]K\x01aK\x02aa\x85R.",
    ] {
        let graph = graph(dict);
        let entries: Vec<_> = graph.root().entries().unwrap().map(|(key, value)| (key.int(), value.int())).collect();
        assert_eq!(entries, [(Some(1), Some(2))]);
    }
}

#[test]
fn the_state_of_random_numbers_is_no_obstacle() {
    let state = b"\x80\x04cnumpy.random._pickle\n__randomstate_ctor\nU\x07MT19937\x85R}U\x03posK\x01sb.";
    assert!(graph(state).root().class().is_some());
}

#[test]
fn arrays_that_were_handed_over_apart_are_said_to_be() {
    let error = read(b"\x80\x05\x97.", &Limits::default()).unwrap_err();
    assert_eq!(error.problem, PickleProblem::OutOfBand);
}
