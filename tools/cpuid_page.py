#!/usr/bin/env python3
"""docs/cpuid.md from src/cpu/cpuid_features.inc: every feature bit of CPUID and what a fully virtualized guest sees of it.

    cpuid_page.py            writes it
    cpuid_page.py --check    says whether it is up to date"""
import re
import sys

from lib import made_page

SOURCE, OUTPUT = "src/cpu/cpuid_features.inc", "docs/cpuid.md"
ROW = re.compile(r'^CPUID_BIT\((\w+), (\d+), "([^"]+)", ([A-Z]+), "([^"]+)"\)$', re.M)
ANSWERS = {"PASS": "pass", "MODEL": "emulated", "HIDE": "hidden"}
GROUPS = {"1C": "Leaf 1, ECX", "1D": "Leaf 1, EDX", "7B": "Leaf 7, EBX", "7C": "Leaf 7, ECX", "7D": "Leaf 7, EDX",
          "XC": "Leaf 0x80000001, ECX", "XD": "Leaf 0x80000001, EDX"}
HEAD = """<!-- Made by `make cpuid` from src/cpu/cpuid_features.inc; change that. -->
# CPUID under full virtualization

What a guest is told, in both modes: the machine's own answer, less what does not work here (`src/cpu/cpuid_policy.c`). A feature is
hidden unless it is named in `src/cpu/cpuid_allowed.h`, so that a newer processor brings nothing that nobody has thought about; a host test compares the
tables below with what the code answers for a processor that has everything.

- **pass**: shown if the processor has it.
- **emulated**: the answer is the hypervisor's own.
- **hidden**: 0. So is every bit that has no line.

## Leaves
| leaf | what a guest sees | why |
|---|---|---|
| 0 | the vendor; the last leaf is at most 0xd | later ones are hidden |
| 1 | family, model, stepping as the machine's; EBX: one processor, the local APIC's number of this vcpu; features: below | |
| 2 | as the machine's | descriptions of caches do no harm |
| 3, 5, 6 | 0 | no serial number, no MONITOR, no power management |
| 4 | caches as the machine's, shared by nobody | one processor |
| 7 | features: below; no further subleaves | |
| 8 to 0xc | 0 | no performance monitoring (0xa), no topology (0xb): one processor |
| 0xd | x87, SSE, AVX; XSAVEOPT, XSAVEC, XGETBV with ECX 1; the sizes for XCR0 as it is now | the rest's state is not switched; no XSAVES |
| 0x40000000 | TrivisorTriv | how a guest knows where it is (`src/include/public/trivisor.h`) |
| 0x40000010 | the TSC's and the local APIC timer's rate in kHz | as hypervisors have agreed upon; leaves 0x15 and 0x16 are hidden |
| 0x80000000 to 0x80000008 | names, caches and address sizes as the machine's; features: below; 7 is 0 | no power management, so no invariant TSC is promised |
| others | 0 | |
"""


def page():
    """The document's text."""
    rows = ROW.findall(made_page.read(SOURCE))
    text, at = HEAD, ("", -1)
    for group, bit, name, what, why in rows:
        if group != at[0]:
            text += f"\n## {GROUPS[group]}\n| bit | feature | here | why |\n|---|---|---|---|\n"
        elif int(bit) <= at[1]:
            sys.exit(f"{SOURCE}: bit {bit} of {group} is not behind the one before it.")
        at = (group, int(bit))
        text += f"| {bit} | {name} | {ANSWERS[what]} | {why} |\n"
    return text


if __name__ == "__main__":
    made_page.main(SOURCE, OUTPUT, "cpuid", page)
