//! The file beside a model's file in which the model keeps its numbers: `NAME.onnx.data`, as torch writes it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::formats::onnx;
use super::regular_file::{self, OpenError};
use super::{Limits, ModelError};

/// The ending of such a file's name, behind the name of the model's file.
const ENDING: &str = ".data";

/// Whether a file of this name holds the numbers of a model beside it.
pub(super) fn is_named_so(name: &[u8]) -> bool {
    name.ends_with(b".onnx.data")
}

/// The bytes of a model with the numbers that it keeps in a file beside it.
pub(super) fn with_its_numbers(path: &Path, bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    let Some(name) = onnx::location(&bytes, limits)? else { return Ok(bytes) };
    let left = limits.file_bytes.saturating_sub(bytes.len());
    let beside = its_own(path);
    let named = path.with_file_name(name);
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let from = match (is_there(&named), beside != named && is_there(&beside)) {
        (true, true) => return Err(ModelError::TwoDataFiles { named, beside }),
        // Both files may have been given the name of a sensor.
        (false, true) => beside,
        (_, false) => named,
    };
    let data = read(&from, left).map_err(|source| ModelError::DataFile { path: from, source })?;
    if data.len() > left {
        return Err(ModelError::TooLarge { max: limits.file_bytes });
    }
    Ok(onnx::united(&bytes, &data, limits)?)
}

/// The file that, by its name, would hold a model's numbers.
pub(super) fn its_own(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
}

/// The content of a file, of which at most one byte more than `max` is read. The file must be a regular file and not a
/// link.
fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let file = regular_file::open_itself(path).map_err(|error| match error {
        OpenError::NotRegular => io::Error::other("is not a regular file"),
        OpenError::System(error) => error,
    })?;
    let mut bytes = Vec::new();
    file.take(u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
