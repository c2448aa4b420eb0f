//! How the program is linked.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, io};

/// Packed relative relocations (RELR) make the program a twentieth smaller. glibc reads them since 2.36, which Debian 12
/// has; a linker that does not know the option warns, and packs nothing.
const PACK_RELOCATIONS: &str = "-Wl,-z,pack-relative-relocs";
/// Functions whose machine code is the same become one: a fiftieth less. LLVM's linker knows the option, and GNU's ends at it.
const FOLD_ALIKE: &str = "-Wl,--icf=all";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key, value| env::var(key).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins={PACK_RELOCATIONS}");
        if links_with(FOLD_ALIKE).unwrap_or(false) {
            println!("cargo::rustc-link-arg-bins={FOLD_ALIKE}");
        }
    }
}

/// Whether the smallest program can be linked with this option.
fn links_with(option: &str) -> io::Result<bool> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let source = folder.join("smallest.rs");
    fs::write(&source, "fn main() {}\n")?;
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.arg(source).arg("-o").arg(folder.join("smallest")).arg("-C").arg(format!("link-arg={option}"));
    rustc.arg("--target").arg(env::var_os("TARGET").unwrap_or_default());
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    rustc.args(env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().split('\x1f').filter(|flag| !flag.is_empty()));
    Ok(rustc.output()?.status.success())
}
