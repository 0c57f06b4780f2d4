#!/usr/bin/env python3
"""docs/exits.md from src/cpu/vmx/exit_answers.inc: every VM-exit reason and what is done about it.

    exits_page.py            writes it
    exits_page.py --check    says whether it is up to date"""
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
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
    with open(os.path.join(TOP, SOURCE), encoding="ascii") as file:
        rows = ROW.findall(re.sub(r",\n\s+", ", ", file.read()))
    if [int(row[0]) for row in rows] != list(range(len(rows))):
        sys.exit(f"{SOURCE}: the reasons are not numbered without gaps.")
    return HEAD + "".join(f"| {number} | {name} | {ANSWERS[what]} | {how} |\n" for number, name, what, how in rows)


def current():
    """What the page has now."""
    try:
        with open(os.path.join(TOP, OUTPUT), encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def main():
    if "--check" in sys.argv:
        if current() != page():
            sys.exit(f"{OUTPUT} is not what {SOURCE} says: `make exits` makes it.")
        return
    with open(os.path.join(TOP, OUTPUT), "w", encoding="ascii") as file:
        file.write(page())


if __name__ == "__main__":
    main()
