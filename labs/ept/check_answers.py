#!/usr/bin/env python3
"""Checks the answers of the lab ept. The right ones are not here: only what they hash to."""
import hashlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools"))

from lib import lab_answers  # noqa: E402

# question: (digests of what is right, what to think of again)
QUESTIONS = {
    "leaf_2m": (("c6e3f2dccc56430d",),
        "rights, memory type, the bit that ignores the guest's PAT, and the bit that makes it a leaf: the four groups of enum ept_entry"),
    "tables_4k": (("d97747817b57d2ce",),
        "one root, one table each at levels 3 and 2; and a table of level 1 maps 2 MiB"),
    "tables_2m": (("734012fc8e890add",),
        "a leaf at level 2 needs no table of level 1"),
    "flush": (("d02e8222bbe00890",),
        "where could a processor go on with more rights than the entry has?"),
    "read_only_guest": (("fb692a3f3d479322", "2cff5c857d317a0e", "10baebca0fc57cc0", "273d7ce981b34b04", "38faf643130d6b4b",),
        "what does the processor itself write to when a guest's program reads?"),
}


def digest(name, text):
    """An answer's digest: numbers in any form, names in any case."""
    number = lab_answers.number(text)
    plain = str(number) if number is not None else re.sub(r"[^a-z0-9_]", "", text.lower())
    return hashlib.sha256(f"ept {name} {plain}".encode()).hexdigest()[:16]


def main():
    """A line a question."""
    answers = lab_answers.read(sys.argv[1])
    for name, (right, why) in QUESTIONS.items():
        got = answers.get(name, "")
        lab_answers.say(name, [] if got and digest(name, got) in right else [(name, got, why)],
                        "labs/ept/README.md, Questions")


if __name__ == "__main__":
    main()
