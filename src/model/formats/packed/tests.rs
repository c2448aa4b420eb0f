//! What the encoders of others write comes back; cut off or changed it is refused.

use std::io::Write;

use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
use proptest::prelude::*;

use super::*;
use crate::model::Limits;
use crate::model::operations::Operations;

const MOST: usize = 1 << 20;

fn operations() -> Operations {
    Operations::new(&Limits { operations: 1 << 30, ..Limits::default() })
}

fn lzma(content: &[u8], preset: u32, length: Option<u64>) -> Vec<u8> {
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &LzmaOptions::with_preset(preset), length).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn xz(content: &[u8], preset: u32) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(preset)).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

/// With all that may stand in a header.
fn gzip(content: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().filename("model").comment("of a press").extra(vec![0; 300]);
    let mut writer = builder.write(Vec::new(), flate2::Compression::default());
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn inflated(packed: &[u8], wrapper: Wrapper, most: usize) -> Result<Vec<u8>, PackedError> {
    let mut inflate = Inflate::new(packed, wrapper)?;
    inflate.up_to(1, &operations())?;
    inflate.up_to(most, &operations())?;
    Ok(inflate.into_output())
}

type Undo = Box<dyn Fn(&[u8], usize) -> Result<Vec<u8>, PackedError>>;

/// Every way to undo, beside bytes that it undoes to `content`.
fn all(content: &[u8]) -> Vec<(Vec<u8>, Undo)> {
    let length = u64::try_from(content.len()).unwrap();
    vec![
        (lzma(content, 0, None), Box::new(|packed, most| lzma_alone(packed, most, &operations()))),
        (lzma(content, 6, Some(length)), Box::new(|packed, most| lzma_alone(packed, most, &operations()))),
        (xz(content, 1), Box::new(|packed, most| xz_stream(packed, most, &operations()))),
        (xz(content, 6), Box::new(|packed, most| xz_stream(packed, most, &operations()))),
        (zlib(content), Box::new(|packed, most| inflated(packed, Wrapper::Zlib, most))),
        (gzip(content), Box::new(|packed, most| inflated(packed, Wrapper::Gzip, most))),
    ]
}

/// Bytes of which some come again, near and far.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let part = (prop::collection::vec(any::<u8>(), 1..60), 0_usize..40, any::<prop::sample::Index>());
    prop::collection::vec(part, 1..60).prop_map(|parts| {
        let mut content = Vec::new();
        for (fresh, times, from) in parts {
            content.extend(&fresh);
            let again = content[from.index(content.len())..].to_vec();
            for _ in 0..times {
                content.extend(&again[..again.len().min(50)]);
            }
        }
        content
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_others_write_comes_back_and_stops_where_it_is_told(content in content(), most in any::<prop::sample::Index>()) {
        for (packed, undo) in all(&content) {
            prop_assert_eq!(&undo(&packed, MOST), &Ok(content.clone()));
            let behind = [&packed[..], b"what stands behind"].concat();
            prop_assert_eq!(&undo(&behind, MOST), &Ok(content.clone()));
            let most = most.index(content.len()) + 1;
            if let Ok(output) = undo(&packed, most) {
                prop_assert!(output.len() >= most.min(content.len()) && content.starts_with(&output));
            }
        }
    }

    #[test]
    fn what_is_changed_or_any_bytes_end_in_bytes_or_a_reason(
        content in content(), place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        for (mut packed, undo) in all(&content) {
            let place = place.index(packed.len());
            packed[place] ^= 1 << bit;
            if let Ok(output) = undo(&packed, MOST) {
                prop_assert!(output.len() <= MOST);
            }
        }
    }
}

#[test]
fn bytes_that_end_too_early_are_refused_wherever_they_end() {
    let content: Vec<u8> = (0..2_000_u32).flat_map(|number| (number * number / 7).to_le_bytes()).collect();
    for (packed, undo) in all(&content) {
        for length in 0..packed.len() {
            assert!(
                matches!(undo(&packed[..length], MOST), Err(PackedError::Damaged(_))),
                "{length} of {}",
                packed.len()
            );
        }
    }
}

#[test]
fn a_changed_byte_is_found_where_there_is_a_checksum() {
    let content: Vec<u8> = (0..200_u8).collect();
    for (packed, undo) in &all(&content)[2..] {
        let mut changed = packed.clone();
        // A stored or literal byte, before all that may follow.
        changed[packed.len() - 40] ^= 1;
        assert!(undo(&changed, MOST).is_err());
    }
}

#[test]
fn what_is_done_is_counted() {
    let spent = |work: &dyn Fn(&Operations)| {
        let operations = operations();
        work(&operations);
        operations.spent()
    };
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let noise: Vec<u8> =
        std::iter::successors(Some(1_u32), next).take(4_000).map(|state| state.to_le_bytes()[3]).collect();
    let literals = spent(&|operations| _ = lzma_alone(&lzma(&noise, 0, None), MOST, operations));
    assert!(literals > 20 * 3_000, "{literals}");
    let matches = spent(&|operations| _ = lzma_alone(&lzma(&[7; 40_000], 0, None), MOST, operations));
    assert!(matches < 40_000, "{matches}");
    let deflated = zlib(&noise);
    let blocks = spent(&|operations| _ = Inflate::new(&deflated, Wrapper::Zlib).unwrap().up_to(MOST, operations));
    assert!((4_000..=8_000).contains(&blocks), "{blocks}");
}
