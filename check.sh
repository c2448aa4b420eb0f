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

# The one that deny.toml was written for.
cargo_deny_version="0.20.2"

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

section "What the checks need"
if ! command -v cargo >/dev/null; then
    warn "there is no cargo; install Rust from https://rustup.rs, then start again"
    exit 1
fi
say "$(cargo --version)"
install cc gcc libc6-dev
install git git
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

section "Formatting"
run cargo fmt --check

section "Lints"
run cargo clippy --locked --all-targets -- -D warnings

section "Documentation"
RUSTDOCFLAGS="-D warnings" run cargo doc --locked --no-deps

section "Tests"
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
run cargo test --locked --no-fail-fast

section "Tests of the optimised build"
# The build that users run. A defect of the compiler once showed in nothing else.
run cargo test --locked --no-fail-fast --release --lib --test golden

section "Dependencies: licences, origins, advisories"
if ! cargo deny --version >/dev/null 2>&1; then
    # Unoptimised, it is built in a fraction of the time, and checks in seconds all the same.
    run cargo install cargo-deny --version "$cargo_deny_version" --locked --debug --quiet || true
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
