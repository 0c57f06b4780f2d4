#!/usr/bin/env python3
"""Checks the answers of the lab trap against what the guest of the sensitive instructions observes, natively, in a run
of the grader's own."""
import os
import re
import sys
import json

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "tools"))

from lib import lab_answers  # noqa: E402

GUEST = "labs/trap/guest_sensitive"
GROUPS = {
    "registers": ["sgdt", "sidt", "sldt", "str", "smsw"],
    "flags": ["pushf", "popf"],
    "descriptors": ["lar", "lsl", "verr", "verw"],
    "selectors": ["mov_from_seg", "push_seg", "pop_seg"],
    "transfers": ["call_far", "jmp_far", "ret_far", "int_n"],
}
LOOK = f"make boot MODE=native GUEST={GUEST}"


def observed():
    """{instruction: the guest's line on it}."""
    log = lab_answers.run("native", GUEST)
    lines = [json.loads(body) for body in re.findall(r"^@sensitive (\{.*\})\s*$", log, re.M)]
    return {line["name"]: line for line in lines if line["listed"]}


def check_list(answers, seen):
    """Question 1, a group of instructions a test."""
    for test, names in GROUPS.items():
        wrong = []
        for name in names:
            right = "traps" if seen[name]["traps"] else "silent"
            got = answers.get(name, "").lower()
            if got not in ("traps", "silent"):
                wrong.append((name, got, "the answer is `traps` or `silent`"))
            elif got != right:
                wrong.append((name, got, "the guest observed something else"))
        lab_answers.say(test, wrong, LOOK)


def check_counts(answers, seen):
    """Questions 2 and 3."""
    silent = [line for line in seen.values() if not line["traps"] and line["ring0"] != line["ring3"]]
    got = answers.get("silent_and_wrong", "")
    wrong = []
    if lab_answers.number(got) != len(silent):
        wrong.append(("silent_and_wrong", got, "count the lines of the guest's table that are marked (!)"))
    got = answers.get("ignored", "").lower()
    if got != "popf":
        wrong.append(("ignored", got, "all others hand out a wrong value; this one was to change a flag"))
    lab_answers.say("counts", wrong, LOOK)


def check_full(answers):
    """Questions 4 and 5: what no exit happens for, since the guest's state is loaded as a whole."""
    got, wrong = answers.get("exits_in_ring0", ""), []
    if lab_answers.number(got) != 0:
        wrong.append(("exits_in_ring0", got, "look at the line `region 1` of the ledger: which counters moved?"))
    got = answers.get("sgdt_reads", "").lower()
    if got != "guest-state":
        wrong.append(("sgdt_reads", got, "each VM entry loads GDTR from there, and each exit puts the guest's back"))
    lab_answers.say("full", wrong, f"make boot MODE=ept GUEST={GUEST}, its ledger")


def main():
    """A line a test."""
    answers, seen = lab_answers.read(sys.argv[1]), observed()
    check_list(answers, seen)
    check_counts(answers, seen)
    check_full(answers)


if __name__ == "__main__":
    main()
