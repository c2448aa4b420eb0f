#!/usr/bin/env python3
"""Draws a flame graph of what `perf record --call-graph dwarf` has noted.

    perf script -i perf.data -F comm,ip,sym | benches/flame.py "the run over 100,000 sensors" > flame.svg

A box is a function, as wide as its share of the samples; what it calls stands above it. Threads stand at the bottom.
Boxes of less than a thousandth are left out.
"""

import html
import re
import sys

WIDTH, HEIGHT, LEAST = 1200, 16, 0.001
COLOURS = ["#f6c177", "#ebbcba", "#e8a87c", "#f2cc8f", "#d9ae94"]


def frames(text):
    """The stacks in the order of the samples: the thread's name first, then the callers before what they call."""
    for sample in text.split("\n\n"):
        lines = [line for line in sample.split("\n") if line.strip()]
        if len(lines) > 1:
            calls = [named(line) for line in lines[1:]]
            yield [lines[0].strip()] + [call for call in reversed(calls) if call]


def named(line):
    """A function without its hash, its address, and the types that it is made for."""
    name = re.sub(r"^\s*[0-9a-f]+\s+", "", line).replace(" (inlined)", "")
    name = re.sub(r"::h[0-9a-f]{16}$", "", name)
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    return re.sub(r"(::)+", "::", name).strip(":")


def tree(stacks):
    """Nested as [samples, {name: nested}]."""
    root = [0, {}]
    for stack in stacks:
        node = root
        node[0] += 1
        for name in stack:
            node = node[1].setdefault(name, [0, {}])
            node[0] += 1
    return root


def boxes(node, name, left, depth, total):
    """Each as (left, depth, width, name, share)."""
    share = node[0] / total
    if share < LEAST:
        return
    yield left, depth, share * WIDTH, name, share
    for name, child in sorted(node[1].items()):
        yield from boxes(child, name, left, depth + 1, total)
        left += child[0] / total * WIDTH


def main():
    root = tree(frames(sys.stdin.read()))
    drawn = list(boxes(root, sys.argv[1], 0, 0, root[0]))
    rows = 1 + max(depth for _, depth, *_ in drawn)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {rows * HEIGHT}" font-family="sans-serif" font-size="11">')
    print("<style>rect{stroke:#fff;stroke-width:.5}</style>")
    for left, depth, width, name, share in drawn:
        top = (rows - 1 - depth) * HEIGHT
        shown = name if len(name) * 6 < width else name[: max(0, int(width / 6) - 1)]
        colour = COLOURS[hash_of(name) % len(COLOURS)]
        print(f'<g><title>{html.escape(name)}, {share:.1%}</title>', end="")
        print(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" fill="{colour}"/>', end="")
        if len(shown) > 2:
            print(f'<text x="{left + 2:.1f}" y="{top + 12}">{html.escape(shown)}</text>', end="")
        print("</g>")
    print("</svg>")


def hash_of(name):
    """The same in each run, so that two graphs can be compared."""
    return sum(name.encode())


main()
