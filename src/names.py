#!/usr/bin/env python3
"""Prints, as C, the function names of a linked hypervisor (the first argument) by ascending address, for
backtraces (src/core/names.c). How the names are packed is said in src/include/names.h."""
import re
import subprocess
import sys
from collections import Counter

FIRST_PAIR = 128  # codes below are characters
PAIRS = 128


def functions(image):
    """What `nm` finds between text_start and text_end: pairs of address and name, ascending; and text_start."""
    listing = subprocess.run(["nm", "-n", image], capture_output=True, text=True, check=True).stdout
    symbols = [line.split() for line in listing.splitlines() if len(line.split()) == 3]
    bounds = {name: int(address, 16) for address, _, name in symbols if name in ("text_start", "text_end")}
    found = []
    for address, kind, name in symbols:
        inside = bounds["text_start"] <= int(address, 16) < bounds["text_end"]
        if inside and kind in "tT" and not re.match("stub_|text_", name):
            found.append((int(address, 16), re.sub(r"\.(cold|constprop|isra|part).*", "", name)))
    return found, bounds["text_start"]


def without(codes, pair, code):
    """A name's codes with each occurrence of a pair replaced."""
    out, i = [], 0
    while i < len(codes):
        if tuple(codes[i:i + 2]) == pair:
            out.append(code)
            i += 2
        else:
            out.append(codes[i])
            i += 1
    return out


def pack(names):
    """Byte-pair encoding: the most frequent pair of neighbours becomes a code of its own, PAIRS times."""
    packed, pairs = [list(name.encode("ascii")) for name in names], []
    for code in range(FIRST_PAIR, FIRST_PAIR + PAIRS):
        count = Counter(pair for codes in packed for pair in zip(codes, codes[1:]))
        pair = max(count, key=lambda p: (count[p], p)) if count else (0, 0)
        pairs.append(pair)
        packed = [without(codes, pair, code) for codes in packed]
    return packed, pairs


def array(section, kind, name, values):
    """An array's definition."""
    rows = [",".join(str(value) for value in values[i:i + 24]) for i in range(0, len(values), 24)]
    print(f'__attribute__((section("{section}"), used)) static const {kind} {name}[] = {{')
    print(",\n".join(rows) + "};")


def main():
    """The table."""
    found, before = functions(sys.argv[1])
    packed, pairs = pack([name for _, name in found])
    steps = [address - last for (address, _), last in zip(found, [before] + [address for address, _ in found])]
    print('#include "names.h"')
    array(".names", "u16", "steps", steps)
    array(".names_pairs", "u8", "pairs", [code for pair in pairs for code in pair])
    array(".names_text", "u8", "text", [code for codes in packed for code in codes + [0]])


main()
