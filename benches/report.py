"""Writes what the benchmarks of models measured into docs/performance.md, as tables and a plot.

    report.py RESULTS PYTHON

RESULTS holds a line of JSON a measurement, as the benchmarks append them. PYTHON is the interpreter that they compared
with. Whatever stands between the two markers in the document is replaced, but not unless every benchmark has results.
`bench.sh` runs all of it.
"""

import datetime
import json
import math
import pathlib
import platform
import subprocess
import sys
import textwrap

DOCS = pathlib.Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- models: written by bench.sh -->", "<!-- models: end -->"
#: How many times as fast as the other library each model must be.
BUDGETS = {
    ("svm, 50 vectors x 1", "scikit-learn"): 150,
    ("svm, 500 vectors x 8", "scikit-learn"): 40,
    ("bare svm, 50 vectors x 1", "LIBSVM"): 10,
    ("bare svm, 500 vectors x 8", "LIBSVM"): 10,
}
LIMIT_BUDGET = 0.6


def verdict(found, budget, shown):
    return f"{shown}: {'**held**' if found >= budget else '**missed**'}"


def table(columns, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in [columns, ["---"] * len(columns), *rows]]
    return "\n".join(lines) + "\n"


def paragraph(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def us(seconds):
    return "" if seconds is None else f"{seconds * 1e6:.2f}" if seconds < 1e-5 else f"{seconds * 1e6:.1f}"


def times(ratio):
    return f"{ratio:.0f} ×" if ratio >= 20 else f"{ratio:.1f} ×"


def machine(python):
    processor, flags = platform.processor() or "unknown", set()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                processor = value.strip()
            if key.strip() == "flags":
                flags = set(value.split())
    # As the daemon chooses: AVX-512, or AVX2 with FMA, or what every machine has.
    wide = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "fma"} <= flags
    if platform.machine() in ("aarch64", "arm64"):
        instructions = "NEON"
    else:
        instructions = "AVX-512" if wide else "AVX2 and FMA" if {"avx2", "fma"} <= flags else "the oldest of x86-64"
    versions = (
        "import importlib.metadata as m, platform; print(platform.python_version(), *(f'{p} {m.version(p)}' for p in "
        "('scikit-learn', 'onnxruntime', 'numpy', 'libsvm-official') if any(d.name == p for d in m.distributions())), "
        "sep=', ')"
    )
    python = subprocess.run([python, "-c", versions], capture_output=True, text=True).stdout.strip()
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.split()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    load = pathlib.Path("/proc/loadavg")
    load = f"; load average {load.read_text().split()[0]} when it ended" if load.exists() else ""
    return (
        f"Measured on {datetime.date.today()} at commit {commit or 'unknown'}, on {platform.machine()}, \"{processor}\", "
        f"with {instructions}; "
        f"rustc {rust[1] if len(rust) > 1 else 'unknown'}, Python {python}{load}."
    )


def machines(results):
    rows = []
    for result in results["scoring"]:
        ratio = result["theirs"] / result["ours"]
        budget = BUDGETS.get((result["name"], result["library"]))
        share = result["limit"] and result["limit"] / result["ours"]
        rows.append([
            result["name"].replace(" x ", " × "),
            f"{result['library']} {us(result['theirs'])}",
            us(result["ours"]),
            f"**{times(ratio)}** ({times(result['ratio_of_medians'])})",
            verdict(ratio, budget, times(budget)) if budget else "",
            verdict(share, LIMIT_BUDGET, f"{share:.0%} of the limit") if share else "",
            us(result["whole"]),
        ])
    head = ["one-class SVM", "theirs, µs", "ours, µs", "ratio (of medians)", "budget", f"budget {LIMIT_BUDGET:.0%}",
            "stored block to outcome, µs"]
    return table(head, rows)


def detectors(results):
    rows = []
    for result in results["detectors"]:
        ours, others = result["ours"], [result["theirs"], result["onnxruntime"]]
        rows.append([
            result["name"],
            us(ours),
            *(cell for other in others for cell in ([us(other), times(other / ours)] if other else ["", ""])),
            verdict(min(filter(None, others)), ours, "ahead"),
            f"{result['bytes'] / 1024:.1f} KiB",
            f"{result['difference']:.0e}",
        ])
    head = ["detector", "ours, µs", "scikit-learn, µs", "ratio", "onnxruntime, µs", "ratio", "budget", "memory",
            "difference"]
    return table(head, rows)


def loading(results):
    rows = [[result["name"], result["format"], f"{result['bytes']:,}", f"{result['rate']:,.0f}", f"{result['memory']:,}"]
            for result in results["loading"]]
    return table(["model", "format", "bytes", "models/s", "bytes in memory"], rows)


def plot(bars):
    """Horizontal bars on a logarithmic scale, in colours that are readable on white and on black."""
    left, right, height, top = 225, 75, 24, 34
    width, bottom = 860, top + height * len(bars)
    most = 10 ** math.ceil(math.log10(max(max(ratio for *_, ratio in bars), 10)))
    least = 0.1 if min(ratio for *_, ratio in bars) < 1 else 1

    def x(ratio):
        share = math.log(max(ratio, least) / least) / math.log(most / least)
        return round(left + (width - left - right) * share, 1)

    colours = {"scikit-learn": "#3987c9", "onnxruntime": "#d9822b", "LIBSVM": "#4f9d57"}
    words = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 52}" font-family="sans-serif" '
        'font-size="13">',
        "<title>How many times as fast as other libraries</title>",
        "<style>text{fill:#24292f}.grid{stroke:#8c959f;stroke-opacity:.45}.one{stroke:#8c959f;stroke-width:1.5}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>",
    ]
    tick = least
    while tick <= most:
        kind = "one" if tick == 1 else "grid"
        words.append(f'<line class="{kind}" x1="{x(tick)}" y1="{top - 6}" x2="{x(tick)}" y2="{bottom + 4}"/>')
        words.append(f'<text x="{x(tick)}" y="{bottom + 20}" text-anchor="middle">{tick:g}×</text>')
        tick *= 10
    for place, (name, library, ratio) in enumerate(bars):
        y = top + height * place
        start, end = sorted([x(1), x(ratio)])
        if place == 0 or bars[place - 1][0] != name:
            words.append(f'<text x="{left - 10}" y="{y + 15}" text-anchor="end">{name.replace(" x ", " × ")}</text>')
        words.append(f'<rect x="{start}" y="{y + 3}" width="{max(end - start, 1):.1f}" height="{height - 7}" rx="2" '
                     f'fill="{colours[library]}"/>')
        words.append(f'<text x="{end + 6}" y="{y + 15}">{times(ratio).replace(" ", "")}</text>')
    at = left
    for library in dict.fromkeys(library for _, library, _ in bars):
        words.append(f'<rect x="{at}" y="6" width="12" height="12" rx="2" fill="{colours[library]}"/>')
        words.append(f'<text x="{at + 18}" y="17">faster than {library}</text>')
        at += 200
    words.append(f'<text x="{(left + width - right) / 2}" y="{bottom + 42}" text-anchor="middle">'
                 "60 rows a window, one thread each, logarithmic scale</text>")
    return "\n".join([*words, "</svg>"]) + "\n"


def bars(results):
    found = [(result["name"], result["library"], result["theirs"] / result["ours"]) for result in results["scoring"]]
    for result in results["detectors"]:
        for library, key in [("scikit-learn", "theirs"), ("onnxruntime", "onnxruntime")]:
            if result[key]:
                found.append((result["name"], library, result[key] / result["ours"]))
    return found


def main(path, python):
    results = {"scoring": [], "detectors": [], "loading": []}
    for line in pathlib.Path(path).read_text().splitlines():
        result = json.loads(line)
        results[result["bench"]].append(result)
    missing = [bench for bench, found in results.items() if not found]
    if missing:
        raise SystemExit(f"nothing was written: {path} has no results of {', '.join(missing)}; see what it printed")
    document = DOCS / "performance.md"
    before, _, rest = document.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"nothing was written: {document} has no lines {BEGIN} and {END}")
    parts = [
        BEGIN,
        "## Models, beside the libraries that train them",
        "    ./bench.sh",
        paragraph(machine(python)),
        paragraph(
            "Both sides score the same 60 rows with the same model, one thread each, in one run; every answer is "
            "compared. Figures are those of the best of many short rounds, since other work on a machine only ever "
            "adds; the ratio of the medians stands beside. onnxruntime computes in float32, we and scikit-learn in "
            "float64."
        ),
        "![How many times as fast as other libraries](performance-models.svg)",
        machines(results).strip(),
        paragraph(
            "The limit is that of the arithmetic: the vector instructions that the method takes, at the pace at which "
            "this machine was measured to multiply and add."
        ),
        detectors(results).strip(),
        paragraph(f"Loading {results['loading'][0]['count']:,} models from a directory, one thread, files in the page "
                  "cache:"),
        loading(results).strip(),
        paragraph(
            f"A look at the directory, by which changes are noticed, takes {min(r['look'] for r in results['loading']):.2f} s."
        ),
        END,
    ]
    (DOCS / "performance-models.svg").write_text(plot(bars(results)))
    document.write_text(before + "\n\n".join(parts) + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
