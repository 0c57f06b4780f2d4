#!/usr/bin/env python3
"""Checks the answers of the lab trap against what the guest of the sensitive instructions observes, natively, in a run
of the grader's own; and, but not in a student's tree, the three answers that no run gives."""
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
    """Question 1, a group of instructions a test. Which of a group are wrong is not said: there are two answers only."""
    for test, names in GROUPS.items():
        got = {name: answers.get(name, "").lower() for name in names}
        wrong = [(name, got[name], "the answer is `traps` or `silent`") for name in names if got[name] not in ("traps", "silent")]
        if not wrong and any(got[name] != ("traps" if seen[name]["traps"] else "silent") for name in names):
            wrong = [(f"of {len(names)} instructions", ", ".join(names), "the guest observed something else, at least once")]
        lab_answers.say(test, wrong, LOOK)


def check_counts(answers, seen, right):
    """Questions 2 and 3."""
    silent = [line for line in seen.values() if not line["traps"] and line["ring0"] != line["ring3"]]
    got, wrong = answers.get("silent_and_wrong", ""), []
    if lab_answers.number(got) != len(silent):
        wrong.append(("silent_and_wrong", got, "count the lines of the guest's table that are marked (!)"))
    say("counts", wrong + lab_answers.wrong_fixed(right, ["ignored"], answers), right, LOOK)


def check_full(answers, right):
    """Questions 4 and 5."""
    wrong = lab_answers.wrong_fixed(right, ["exits_in_ring0", "sgdt_reads"], answers)
    say("full", wrong, right, f"make boot MODE=ept GUEST={GUEST}, its ledger")


def say(test, wrong, right, where):
    """The verdict; in a student's tree nothing is right for certain."""
    if wrong or right:
        lab_answers.say(test, wrong, where)
    else:
        lab_answers.skip(test, lab_answers.LATER)


def main():
    """A line a test."""
    answers, seen = lab_answers.read(sys.argv[1]), observed()
    check_list(answers, seen)
    right = lab_answers.fixed("trap")
    check_counts(answers, seen, right)
    check_full(answers, right)


if __name__ == "__main__":
    main()
