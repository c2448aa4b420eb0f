//! The reference architecture's own data and golden answers, read in place where they are.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the reference data are; a test that needs them says when they are not there.
pub(crate) fn reference() -> Option<PathBuf> {
    let root = std::env::var_os("ANOMALYD_REFERENCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"), PathBuf::from);
    if root.is_dir() {
        return Some(root);
    }
    // Past the harness, which shows nothing of what a test prints that passes.
    let _ = writeln!(io::stderr(), "skipped: there is no {}; set ANOMALYD_REFERENCE", root.display());
    None
}
