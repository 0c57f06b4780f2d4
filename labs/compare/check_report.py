#!/usr/bin/env python3
"""Checks the report of the lab compare against the grader's own runs: every figure, a line each, with the reason.

    check_report.py REPORT SUBMISSION
"""
import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, os.pardir, "tools")]

import figures  # noqa: E402
from lib import columns, guests, lab_answers, runs  # noqa: E402
from lib.boot import Boot  # noqa: E402

RUNS = {"syscall": ["native", "pv"], "fault": ["native", "shadow", "ept", "pv"], "switch": ["shadow", "pv"],
        "pagetable": ["shadow", "pv"]}
GUEST_OF = {"syscall_round": "syscall", "page_fault_round": "fault", "load_root": "switch", "map_one": "pagetable",
            "map_batched": "pagetable"}
EXPECTED = [f"expect.{name}.{mode}" for name in ("syscall_round", "page_fault_round", "load_root")
            for mode in ("shadow", "ept", "pv")]
KEPT = "build/compare"
CYCLES = {"shadow": 1200, "ept": 1200, "pv": 150}  # an entry and its return
NEAR = 0.02  # so much may a figure be off: another compiler
KINDS = {  # what a key's first word stands for: (how it is worked out, what to look at again)
    "ticks": (figures.ticks, "the column `ticks` of the table of `make run`, release build"),
    "entries": (figures.crossings, "the counters exit_ and hc_ of the figure's region, divided by its ops (figures.py)"),
    "inside": (figures.inside, "the ticks of these counters, divided by ops; counters without times do not count"),
    "model": (lambda record, name: figures.ticks(record, name)
              + CYCLES.get(record["column"], 0) * figures.crossings(record, name),
              "ticks + entries an operation x cycles an entry; the entries are those of section 3"),
}
TESTS = {  # test: its keys
    "measured_syscall": ["ticks.syscall_round.native", "ticks.syscall_round.pv"],
    "measured_fault": [f"ticks.page_fault_round.{mode}" for mode in ("native", "shadow", "ept", "pv")],
    "measured_switch": ["ticks.load_root.shadow", "ticks.load_root.pv"],
    "measured_map": [f"ticks.{name}.{mode}" for name in ("map_one", "map_batched") for mode in ("shadow", "pv")],
    "ledger_syscall": [f"{kind}.syscall_round.pv" for kind in ("entries", "inside", "dearest")],
    "ledger_fault": [f"{kind}.page_fault_round.{mode}" for mode in ("shadow", "pv")
                     for kind in ("entries", "inside", "dearest")],
    "ledger_map": ["entries.map_batched.shadow", "entries.map_batched.pv", "dearest.map_one.pv"],
    "model": [f"model.page_fault_round.{mode}" for mode in ("shadow", "pv", "ept")]
             + [f"model.map_batched.{mode}" for mode in ("shadow", "pv")],
}
PROSE = {  # test: {text: (words at least, one of these names must be in it)}
    "why_syscall": {"syscall": (60, ("exit_syscall", "hc_iret"))},
    "why_fault": {"fault": (60, ("exit_page_fault", "hc_iret"))},
    "why_map": {"map": (60, ("hc_mmu_update", "shadow_write", "shadow_out_of_sync", "pv_pte_update"))},
    "why_wrong": {"wrong": (20, ())},
}
WHERE = "labs/compare/report.md"


def value(text):
    """A number with a point, or None."""
    return float(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text) else None


def record_of(records, key):
    """(the record that a key is about, its figure)."""
    _, name, mode = key.split(".")
    return records[GUEST_OF[name], mode], name


def judge(key, got, records):
    """None, or why this line is not right."""
    if not got or got == "...":
        return "there is no figure yet"
    record, name = record_of(records, key)
    kind = key.split(".")[0]
    if kind == "dearest":
        right = figures.dearest(record, name)
        return None if got == right else "add up the ticks of each counter exit_ and hc_ of the region: this is not the largest"
    work_out, why = KINDS[kind]
    number = value(got)
    if number is None:
        return "this is no number"
    right = work_out(record, name)
    return None if abs(number - right) <= max(NEAR * right, 0.06 if kind == "entries" else 1.5) else why


def wrong_lines(keys, report, records):
    """The lines of a test that are not right, as lab_answers.say wants them."""
    found = [(key, report.get(key, ""), judge(key, report.get(key, ""), records)) for key in keys]
    return [(key, "" if got == "..." else got, why) for key, got, why in found if why]


def wrong_expectations(report, text):
    """The same for the first section, which only has to be there."""
    numbers = {key: value(report.get(key, "")) for key in EXPECTED}
    wrong = [(key, report.get(key, "") or "...", "wanted is a number of 1 or more; it need not be right")
             for key, number in numbers.items() if number is None or number < 1]
    return wrong or wrong_text(text, "expect", 40, ())


def wrong_text(text, name, words, names):
    """What is wrong with a text between its two lines."""
    match = re.search(rf"<!-- begin {name} -->(.*?)<!-- end {name} -->", text, re.S)
    said = match.group(1).strip() if match else ""
    count = len(set(re.findall(r"[A-Za-z]{2,}\w*", said)))
    if len(said.split()) < words or count < words // 3:
        return [(name, f"{len(said.split())} words", f"at least {words} words of your own are wanted here")]
    if names and not any(word in said for word in names):
        return [(name, "no counter's name", f"name what you explain: one of {', '.join(names)}")]
    return []


def kept(boot):
    """Where the record of this very kernel and guest is kept: a class is graded with one run."""
    digest = hashlib.sha256()
    for path in [boot.guest.elf] + ([boot.column.kernel("release")] if boot.column.under == "trivisor" else []):
        with open(path, "rb") as file:
            digest.update(file.read())
    return os.path.join(KEPT, f"{boot.label}-{digest.hexdigest()[:16]}.json")


def own_runs():
    """{(guest, column): record} of the grader's own runs; ends with a sentence if they do not work."""
    boots = [Boot(columns.ALL[column], guests.load(guest), tag="compare") for guest, wanted in RUNS.items() for column in wanted]
    kernels = {boot.column.kernel("release") for boot in boots if boot.column.under == "trivisor"}
    lab_answers.build(*sorted(kernels), *sorted({boot.guest.elf for boot in boots}))
    os.makedirs(KEPT, exist_ok=True)
    for boot, record in runs.all_of([boot for boot in boots if not os.path.exists(kept(boot))], os.cpu_count()):
        if not record["ok"]:
            sys.exit(f"the grader's own run {boot.label} failed: {record['failures'][0]}")
        with open(kept(boot) + ".new", "w", encoding="utf-8") as file:
            json.dump(record, file)
        os.replace(kept(boot) + ".new", kept(boot))
    records = {}
    for boot in boots:
        with open(kept(boot), encoding="utf-8") as file:
            records[boot.guest.name, boot.column.name] = json.load(file)
    return records


def main():
    """A line a test."""
    report = lab_answers.read(sys.argv[1])
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        text = file.read(lab_answers.MOST_BYTES)
    filled = any(report.get(key, "...") != "..." for keys in TESTS.values() for key in keys)
    records = own_runs() if filled else {}
    lab_answers.say("expected", wrong_expectations(report, text), WHERE)
    for test, keys in TESTS.items():
        lab_answers.say(test, wrong_lines(keys, report, records) if filled else [(key, "", "") for key in keys], WHERE)
    for test, texts in PROSE.items():
        lab_answers.say(test, [wrong for name, (words, names) in texts.items() for wrong in wrong_text(text, name, words, names)],
                        WHERE)


if __name__ == "__main__":
    main()
