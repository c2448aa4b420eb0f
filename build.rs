//! How the program is linked.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key, value| std::env::var(key).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // Packed relative relocations (RELR) make the program a twentieth smaller. glibc reads them since 2.36, which
        // Debian 12 has; a linker that does not know the option warns, and packs nothing.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if links_with_lld() {
        // Functions whose machine code is the same are one: a fiftieth less.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// Whether rustc takes LLVM's linker by itself: since 1.90, for this target, unless another is configured. GNU's linker ends
/// at an option that it does not know.
fn links_with_lld() -> bool {
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_default = std::env::var_os("RUSTC_LINKER").is_none() && !flags.contains("link");
    is_default
        && std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu")
        && minor_version() >= 90
}

/// The second number of rustc's version; zero when it does not tell.
fn minor_version() -> u32 {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let told = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let told = String::from_utf8_lossy(&told).into_owned();
    told.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
}
