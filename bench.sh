#!/bin/sh
# Measures the models beside the libraries that train them, on one core, and writes docs/performance.md anew where it
# tells of that, and the plot in it. ANOMALYD_PYTHON names a Python with scikit-learn; without it one is made below
# target/. What is measured goes to stdout too.
set -eu
cd "$(dirname "$0")"

ANOMALYD_BENCH_RESULTS="$PWD/target/bench-results.json"
export ANOMALYD_BENCH_RESULTS
cargo bench --no-run

# One core for both sides, where the system lets choose.
one_core=""
if command -v taskset >/dev/null; then one_core="taskset -c 0"; fi
rm -f "$ANOMALYD_BENCH_RESULTS"
$one_core cargo bench --quiet -- scoring detectors loading

python="${ANOMALYD_PYTHON:-$PWD/target/benches/venv/bin/python}"
"$python" benches/report.py "$ANOMALYD_BENCH_RESULTS" "$python"
echo "wrote docs/performance.md and docs/performance-models.svg"
