#!/usr/bin/env python3
"""docs/exits.md from src/cpu/vmx/exit_answers.inc: every VM-exit reason and what is done about it.

    exits_page.py            writes it
    exits_page.py --check    says whether it is up to date"""
import re
import sys

from lib import made_page

SOURCE, OUTPUT = "src/cpu/vmx/exit_answers.inc", "docs/exits.md"
ROW = re.compile(r'^EXIT_ANSWER\((\d+),\s*"([^"]+)",\s*([A-Z]+),\s*"([^"]+)"\)$', re.M)
ANSWERS = {"HANDLED": "handled", "UNDEFINED": "#UD", "ENTRY": "the domain ends", "NEVER": "cannot occur"}
HEAD = """<!-- Made by `make exits` from src/cpu/vmx/exit_answers.inc; change that. -->
# VM exits, all of them

The basic exit reasons of the manual (SDM volume 3, appendix "VMX Basic Exit Reasons") and this hypervisor's answer to each.
*Handled*: `exits.c` has a handler, and the exit a counter of its own in the ledger. *#UD*: an instruction that CPUID
says is not there (`on_unsupported`). *Cannot occur*: a control is off; should the exit come all the same, or one that this table
does not know, the domain ends with its name (`on_unexpected`). Both are counted as `exit_other`.

| | reason | answer | how, or why not |
|---|---|---|---|
"""


def page():
    """The document's text."""
    rows = ROW.findall(re.sub(r",\n\s+", ", ", made_page.read(SOURCE)))
    if [int(row[0]) for row in rows] != list(range(len(rows))):
        sys.exit(f"{SOURCE}: the reasons are not numbered without gaps.")
    return HEAD + "".join(f"| {number} | {name} | {ANSWERS[what]} | {how} |\n" for number, name, what, how in rows)


if __name__ == "__main__":
    made_page.main(SOURCE, OUTPUT, "exits", page)
