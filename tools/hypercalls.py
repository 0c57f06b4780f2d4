#!/usr/bin/env python3
"""docs/hypercalls.md: every hypercall of the Xen ABI and every operation of those that have some, and its
answer here: from Xen's headers, the HYPERCALL lines and cases of src/pv/*.c, and src/pv/refused.h.

    hypercalls.py            writes docs/hypercalls.md
    hypercalls.py --check    says which number has no answer, and whether the page is up to date"""
import os
import re
import subprocess
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
OUTPUT = "docs/hypercalls.md"
HEADERS = "/usr/include/xen"
REFUSED = "src/pv/refused.h"
# Hypercalls with operations: Xen's header, what the operations' names look like, and those that are none.
FAMILIES = {
    "memory_op": ("memory.h", r"XENMEM_[a-z]\w*", r"_op_|_resource_|translate_gpfn"),
    "mmuext_op": ("xen.h", r"MMUEXT_\w+", "^$"),
    "console_io": ("xen.h", r"CONSOLEIO_\w+", "^$"),
    "vm_assist": ("xen.h", r"VMASST_TYPE_\w+", "^$"),
    "sched_op": ("sched.h", r"SCHEDOP_\w+", "^$"),
    "vcpu_op": ("vcpu.h", r"VCPUOP_\w+", "^$"),
    "event_channel_op": ("event_channel.h", r"EVTCHNOP_\w+", "_cont$"),
    "physdev_op": ("physdev.h", r"PHYSDEVOP_\w+", r"DBGP_|_IRQ_STATUS|_[A-Z]+_IO|APIC_[RW]E?A?D?|_VECTOR$|NEEDS|SHARED|UNMASK"),
    "grant_table_op": ("grant_table.h", r"GNTTABOP_\w+", "error_msgs"),
    "xen_version": ("version.h", r"XENVER_[a-z]\w*", "^$"),
    "nmi_op": ("nmi.h", r"XENNMI_\w+callback", "^$"),
    "callback_op": ("callback.h", r"CALLBACK(?:OP|TYPE)_\w+", "_deprecated"),
}
OWN = {"__HYPERVISOR_arch_7": "TRIVISOR_HYPERCALL"}  # public/trivisor.h
INTRODUCTION = """<!-- Made by `make hypercalls` from src/pv/ and Xen's headers; change those. -->
# Every hypercall and its answer

The Xen x86-64 PV ABI as in the public headers of Debian's `libxen-dev`: {calls} numbers, {operations} operations. What is
refused is refused on purpose, with the reason. A number beyond the table answers `-ENOSYS`, and so does an operation
that no header names. Errors of what is implemented are those of Xen 4.17; the guest `xenabi` makes each call and gets the
same answers under both (`make run GUESTS=xenabi MODES=pv XEN=1`; what only Xen's domain 0 is answered otherwise, `domain_u.c`, is
asked here alone). That it sees each error is tested: `tests/boot/abi_errors.py` builds a hypervisor in which every place that
makes an error has a number of its own (where one of several conditions makes it, each of them), and looks which numbers come out of the
guest's checks; those that none can bring about stand there with the reason. `tools/hypercalls.py` makes this page.
"""


def read(path):
    """A file's text."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def numbered(header, pattern, but):
    """{name: number} of the constants that a header defines, in their order."""
    found = {}
    for name, number in re.findall(rf"#\s*define\s+({pattern})\s+(\d+)", read(os.path.join(HEADERS, header))):
        if not re.search(but, name):
            found.setdefault(name, int(number))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def sources():
    """{path: text} of the paravirtual room."""
    done = subprocess.run(["git", "ls-files", "-c", "-o", "--exclude-standard", "src/pv/*.c"], stdout=subprocess.PIPE,
                          text=True, check=True)
    return {path: read(path) for path in done.stdout.split() if os.path.exists(path)}


def cases(texts):
    """{constant: (path, error or None)}: where it has a case, and what it returns if it returns at once."""
    found = {}
    for path, text in texts.items():
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for match in re.finditer(r"(?:case \w+:\s*)+", text):
            then = re.match(r"return -(E\w+);", text[match.end():])
            for name in re.findall(r"case (\w+):", match.group(0)):
                found.setdefault(name, (path, then and then.group(1)))
        for name in re.findall(r"(?:command|cmd|op) [!=]= (\w+)", text):
            found.setdefault(name, (path, None))
    return found


def refusals():
    """({call: why}, {operation: (error, why)})"""
    text = re.sub(r"\s*\\\n\s*", " ", read(REFUSED))
    text = re.sub(r'" "', "", text)
    calls = dict(re.findall(r'R\((__HYPERVISOR_\w+), "([^"]*)"\)', text))
    operations = {name: (error, why) for name, error, why in re.findall(r'R\(\w+, (\w+), (\w+), "([^"]*)"\)', text)}
    return calls, operations


def link(path):
    """A link from docs/."""
    return f"[{os.path.basename(path)}](../{path})"


class Answers:
    """What the sources say."""

    def __init__(self):
        self.texts = sources()
        self.cases = cases(self.texts)
        self.refused_calls, self.refused = refusals()
        self.handlers = {name: path for path, text in self.texts.items()
                         for name in re.findall(r"^HYPERCALL\((\w+),", text, re.M)}
        self.problems = []

    def call(self, name):
        """The answer of a hypercall."""
        if name in self.handlers and name in self.refused_calls:
            self.problems.append(f"{name} has a handler, and a line in {REFUSED}")
        if name in self.handlers:
            return f"implemented: {link(self.handlers[name])}"
        if name in self.refused_calls:
            return f"`-ENOSYS`: {self.refused_calls[name]}"
        self.problems.append(f"{name}: neither a handler nor a line in {REFUSED}")
        return "?"

    def operation(self, name):
        """The answer of an operation."""
        path, error = self.cases.get(name, (None, None))
        if path and name in self.refused:
            self.problems.append(f"{name} has a case in {path}, and a line in {REFUSED}")
        if path:
            return (f"`-{error}`" if error else "implemented") + f": {link(path)}"
        if name in self.refused:
            return f"`-{self.refused[name][0]}`: {self.refused[name][1]}"
        self.problems.append(f"{name}: neither a case in src/pv nor a line in {REFUSED}")
        return "?"


def document():
    """(text of the page, problems)"""
    answers = Answers()
    calls = numbered("xen.h", r"__HYPERVISOR_\w+", "^$")
    families = {family: numbered(*where) for family, where in FAMILIES.items()}
    out = [INTRODUCTION.format(calls=len(calls), operations=sum(len(family) for family in families.values()))]
    out += ["| number | hypercall | answer |", "|---|---|---|"]
    for name, number in calls.items():
        answer = answers.call(OWN.get(name, name))
        out.append(f"| {number} | `{name.removeprefix('__HYPERVISOR_')}` | {answer} |")
    for family, operations in families.items():
        out += [f"\n## {family}\n", "| number | operation | answer |", "|---|---|---|"]
        out += [f"| {number} | `{name}` | {answers.operation(name)} |" for name, number in operations.items()]
    return "\n".join(out) + "\n", answers.problems


def check():
    """What is wrong, as a list of sentences. A student's tree has no such page; without Xen's headers nothing is known."""
    if not os.path.exists(OUTPUT) or not os.path.isdir(HEADERS):
        return []
    text, found = document()
    if not found and read(OUTPUT) != text:
        found.append(f"{OUTPUT}: is not what the sources say: run `make hypercalls`")
    return found


def main():
    """See the head."""
    os.chdir(TOP)
    if sys.argv[1:] == ["--check"]:
        text, found = "", check()
    else:
        text, found = document()
    for line in found:
        print(line)
    if text and not found:
        with open(OUTPUT, "w", encoding="utf-8") as file:
            file.write(text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
