#!/usr/bin/env bash
# Builds anomalyd for aarch64, a Raspberry Pi with a 64-bit system, and runs the tests of the library and of its models
# there, under qemu: with NEON for vector instructions, and the functions of that machine's C library.
#
#     ./check-aarch64.sh                     # the tests
#     ./check-aarch64.sh --test features     # with arguments for cargo test: those instead
#
# For Debian 12 on x86-64, as root or as an ordinary user, from any folder. Debian packages that are missing are
# installed first, also of Debian's arm64, which asks for sudo's password if it must; nothing is removed for them.
# Rust's library for aarch64 comes from rustup, or else with a Rust of Debian's, rustc-web. The build lies below
# target/aarch64/.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

target="aarch64-unknown-linux-gnu"
cargo="cargo"
PATH="$PATH:/usr/sbin:/sbin"

say() { printf '  -> %s\n' "$*"; }
run() {
    printf '  $ %s\n' "$*"
    "$@"
}
as_root() {
    if [ "$(id -u)" -eq 0 ]; then run "$@"; else run sudo "$@"; fi
}

# install PACKAGE...: those that are not there.
install() {
    local package missing=()
    for package in "$@"; do
        [[ "$(dpkg-query --show --showformat '${db:Status-Abbrev}' "$package" 2>/dev/null)" == ii* ]] ||
            missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-remove --no-install-recommends "${missing[@]}"
}

# Whether the Rust that is there has the library for aarch64.
builds_for_aarch64() {
    compgen -G "$(rustc --print target-libdir --target "$target" 2>/dev/null)/libstd-*.rlib" >/dev/null
}

if ! dpkg --print-foreign-architectures | grep -qx arm64; then
    as_root dpkg --add-architecture arm64
fi
# The C library to run with is that of Debian's arm64: with that of libc6-arm64-cross 2.36-8, threads hang in qemu 7.2.
install gcc libc6-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static libc6:arm64 libgcc-s1:arm64
if ! builds_for_aarch64 && ! { command -v rustup >/dev/null && run rustup target add "$target"; }; then
    say "rustup does not bring Rust's library for aarch64 here: Debian does"
    install rustc-web cargo-web libstd-rust-web-dev:arm64
    cargo="/usr/bin/cargo"
    export RUSTC="/usr/bin/rustc"
fi
say "$("${RUSTC:-rustc}" --version)"

export CARGO_TARGET_DIR="$PWD/target/aarch64"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER="aarch64-linux-gnu-gcc"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static"

# The crates we build on take most of the time to build. Only our own code is worth more of it.
check() {
    run "$cargo" --config 'profile.dev.package."*".opt-level=1' test --locked --no-fail-fast --target "$target" "$@"
}
if [ "$#" -gt 0 ]; then
    check "$@"
    exit
fi
tests=(--lib)
for test in detectors formats fuzz libsvm models onnx svm transformers; do tests+=(--test "$test"); done
# These start programs for aarch64, which the system then has to give to qemu. Debian's package tells it so, but not in
# most containers.
starting=(--test hostile_models --test model_commands --test own_format)
if [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
    check "${tests[@]}" "${starting[@]}"
    printf '\nAll passed in %s s.\n' "$SECONDS"
else
    check "${tests[@]}"
    printf '\nAll passed in %s s, but for what was not checked:\n' "$SECONDS"
    printf '  !! NOT CHECKED: %s: this system does not start programs for aarch64\n' "${starting[*]}"
fi
