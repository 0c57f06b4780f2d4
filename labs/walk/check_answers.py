#!/usr/bin/env python3
"""Checks the answers of the lab walk. The right ones are not here: only what they hash to."""
import hashlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools"))

from lib import lab_answers  # noqa: E402

# question: (digests of what is right, what to think of again)
QUESTIONS = {
    "reads_4k": (("a927585cd6f45325",),
        "one entry a level"),
    "reads_nested": (("aa5569dec81c87c2",),
        "the address of each table, and of the page itself, has to be translated by the second stage first"),
    "code_kernel_write": (("4e44fd44b326a99b",),
        "which of P, W/R and U/S are 1?"),
    "open_smap": (("d88708065a0b1460", "b52157fe4c52fbb3",),
        "it sets the flag that walk_permits asks for"),
    "cleared": (("4ff436136ef0c3fb",),
        "the entry is not what the walk has read"),
}


def digest(name, text):
    """An answer's digest: numbers in any form, names in any case."""
    number = lab_answers.number(text)
    plain = str(number) if number is not None else re.sub(r"[^a-z0-9_]", "", text.lower())
    return hashlib.sha256(f"walk {name} {plain}".encode()).hexdigest()[:16]


def main():
    """A line a question."""
    answers = lab_answers.read(sys.argv[1])
    for name, (right, why) in QUESTIONS.items():
        got = answers.get(name, "")
        lab_answers.say(name, [] if got and digest(name, got) in right else [(name, got, why)],
                        "labs/walk/README.md, Questions")


if __name__ == "__main__":
    main()
