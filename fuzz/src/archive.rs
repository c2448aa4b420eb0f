//! Zip archives, for the fuzz targets and for `tests/models/hostile_models.rs`.

use std::io::Write;

/// Between the parts of an archive that is yet to be put together.
const BETWEEN: &[u8] = b"\n--\0\n";

/// How the content of an entry is kept.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    Stored,
    Deflated,
}

/// An archive of these parts: what stands before the first separator is `schema.json`; the others begin with the name
/// of their entry, and a line feed. Every second one is deflated.
pub(crate) fn of_parts(bytes: &[u8]) -> Vec<u8> {
    let mut parts = split(bytes).into_iter();
    let schema = parts.next().unwrap_or_default();
    let others = parts.map(|part| {
        let end = part.iter().take(64).position(|byte| *byte == b'\n').unwrap_or(0);
        (&part[..end], part.get(end + 1..).unwrap_or_default())
    });
    let entries = std::iter::once((&b"schema.json"[..], schema)).chain(others.take(64));
    let methods = [Method::Stored, Method::Deflated].into_iter().cycle();
    archive(entries.zip(methods).map(|((name, content), method)| (name, content, method)))
}

fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        parts.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    parts.push(rest);
    parts
}

/// An archive of entries: their names, contents, and how these are kept.
pub(crate) fn archive<'a>(entries: impl IntoIterator<Item = (&'a [u8], &'a [u8], Method)>) -> Vec<u8> {
    let (mut bytes, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    let long = |number: usize| u32::try_from(number).expect("inputs are far smaller").to_le_bytes();
    for (name, content, method) in entries {
        let mut checksum = flate2::Crc::new();
        checksum.update(content);
        let (code, kept) = match method {
            Method::Stored => (0, content.to_vec()),
            Method::Deflated => (8, deflated(content)),
        };
        let (place, size, kept_size) = (long(bytes.len()), long(content.len()), long(kept.len()));
        let length = u16::try_from(name.len()).expect("names are cut off").to_le_bytes();
        let middle = [
            &[20, 0, 0, 0, code, 0, 0, 0, 0, 0],
            &checksum.sum().to_le_bytes()[..],
            &kept_size,
            &size,
            &length,
            &[0, 0],
        ]
        .concat();
        bytes.extend([b"PK\x03\x04", &middle[..], name, &kept].concat());
        directory.extend([b"PK\x01\x02\x14\x00", &middle[..], &[0; 10], &place, name].concat());
        count += 1;
    }
    let (count, size, begin) = (count.to_le_bytes(), long(directory.len()), long(bytes.len()));
    [&bytes[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &size, &begin, &[0, 0]].concat()
}

fn deflated(content: &[u8]) -> Vec<u8> {
    const WRITTEN: &str = "memory takes all that is written";
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(content).expect(WRITTEN);
    writer.finish().expect(WRITTEN)
}
