"""Each error that a hypercall can answer is seen by a check of the guest xenabi.

A copy of the hypervisor is built in which each place of src/pv/ that makes an error has a number of its own, and so has
each of the conditions that an `if` there joins by `||`: where the source says `-EINVAL` it answers
-(EINVAL + 4096 * number), where it says GNTST_bad_page that - 16 * number. In xenabi, which expects Xen's answers, just
those checks fail then that see an error, and what they got says which place, or condition, made it. One that none of
them has seen fails this test, unless it is in EXCUSED with the reason."""
import collections
import os
import re
import shutil
import subprocess

from lib import columns, guests, qemu
from lib.boot import Boot
from result import Result

TREE = "build/abi-errors"
COPIED = ["Makefile", "src", "guests", "tests/tests.mk", "labs/labs.mk", "build/pv/debug"]
# No hypercall's: those of building a domain, of instructions, of XenStore's messages.
OTHERS = re.compile(r"build|control_registers|pit_pv|privileged|virt_pv|xenstore")
INTERNAL = ("ERESTART", "EAGAIN")  # between parts of the hypervisor: never told to a guest
ERROR_STEP, STATUS_STEP = 4096, 16
# (file, function, error, condition): (how many such places are not seen, why, and what else sees them).
EXCUSED = {
    ("console_ring.c", "console_input", "EFAULT", ""): (1, "somebody must type: test_pv_world, the_console"),
    ("grant_access.c", "grant_pin", "GNTST_general_error", "(grant_in_use(a) && a->dom != id)"): (1, "two others: test_pv_grants, one_user"),
    ("grant_copy.c", "copy", "GNTST_general_error", ""): (1, "a frame with 2^32 references"),
    ("grant_copy.c", "find", "GNTST_bad_domain", "!(*owner)->pv"): (1, "no guest runs while a domain is built"),
    ("grant_copy.c", "find", "GNTST_bad_domain", "(*owner)->doomed"): (1, "another must be ending: test_pv_grants, a_long_end"),
    ("grant_map.c", "grant_map", "GNTST_bad_domain", "!granter->pv"): (1, "as for a copy"),
    ("grant_map.c", "grant_map", "GNTST_bad_domain", "granter->doomed"): (1, "as for a copy"),
    ("grant_table.c", "setup", "GNTST_general_error", "!g"): (1, "the hypervisor's memory is used up"),
    ("grant_access.c", "mark", "GNTST_general_error", ""): (1, "another processor would have to change the entry five times in a row"),
    ("grant_table.c", "one", "ENOSYS", ""): (1, "do_grant_table_op has refused such a command"),
    ("memory_exchange.c", "take", "ENOMEM", ""): (1, "the machine's memory is used up: test_pv_world, exchange_without_memory"),
    ("page_type.c", "stay_partial", "EBUSY", ""): (1, "a frame with 2^32 references"),
    ("page_type.c", "page_get_and_type", "EBUSY", ""): (1, "the same"),
    ("page_type.c", "page_get_new_type", "EBUSY", ""): (2, "a call that is broken off, and another one before it goes on: test_pagetype"),
    ("page_type.h", "page_error", "EPERM", ""): (1, "whoever asks says -EINVAL for it"),
    ("page_type.h", "page_get_type", "EBUSY", "f->type != type"): (1, "whoever asks says -EINVAL, or l1_get's -EBUSY, for it"),
    ("page_type.h", "page_get_type", "EBUSY", "f->type_count == ~0u"): (1, "a frame with 2^32 references"),
    ("segment.c", "segment_page_adjust", "EINVAL", ""): (1, "set_gdt says its own -EINVAL for it"),
    ("table.c", "l1_get", "EBUSY", ""): (1, "a frame with 2^32 references"),
    ("table.c", "linear_get", "EINVAL", "f->type_count == ~0u"): (1, "the same"),
    ("table.c", "linear_get", "EINVAL", "!page_get(f)"): (1, "the same"),
    ("table.c", "table_get", "EBUSY", "!f->type_count"): (1, "the same"),
    ("table.c", "table_get", "EBUSY", "f->type == table->type - 1"): (1, "the same, or what page_get_new_type is excused for"),
}


ERROR = re.compile(r"(?<![=!]= )(?:-(E[A-Z0-9]+)|(GNTST_(?!okay)\w+))\b")


class Coded(columns.Column):
    """Paravirtualization with the copy."""

    def kernel(self, build):
        return os.path.join(TREE, super().kernel(build))


def without_comments(text):
    """The same text, every comment blank."""
    return re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S)


def function_at(text, position):
    """The function, or the macro, that a position lies in."""
    heads = re.findall(r"^(?:#define +(\w+)|[a-z][\w *()]*?\b(\w+)\()", text[:position], re.M)
    return "".join(heads[-1])


def closing(text, position):
    """Where the bracket that opens just before a position is closed."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        position += 1
    return position - 1


def alternatives(text, start, end):
    """[(start, end)] of what `||` joins in a condition, outside of all brackets in it."""
    wrapped = re.match(r"(?:un)?likely\(", text[start:end])
    if wrapped and closing(text, start + wrapped.end()) == end - 1:
        start, end = start + wrapped.end(), end - 1
    found, depth, first = [], 0, start
    for position in range(start, end):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if not depth and text.startswith("||", position):
            found.append((first, position))
            first = position + 2
    return found + [(first, end)]


Choice = collections.namedtuple("Choice", "parts late")  # alternatives of a condition; where its status can be told apart


def conditions(plain):
    """{where an error stands: the Choice made by the `if` just before it, or, if it becomes a status, just behind it}"""
    found = {}
    for match in re.finditer(r"\bif \(", plain):
        end = closing(plain, match.end())
        parts = alternatives(plain, match.end(), end)
        body = re.compile(r"\)\s*(?:\{\s*)?(return\b[^;]*;)").match(plain, end)
        before = re.search(r"\S+status = GNTST_\w+;\s*$", plain[:match.start()])
        if body and len(parts) > 1:
            for error in ERROR.finditer(plain, body.start(1), body.end(1)):
                found[error.start()] = Choice(parts, None)
            if before and re.fullmatch(r"return(?: 0)?;", body[1]):
                found[ERROR.search(plain, before.start()).start()] = Choice(parts, body.span(1))
    return found


def code(path, text, places):
    """The text with a number for each error that is made in it; they are appended to places."""
    plain = without_comments(text)
    edits, variables = [], []
    choices = conditions(plain)
    for match in ERROR.finditer(plain):
        error = match[1] or match[2]
        if error in INTERNAL:
            continue
        number = f"{len(places) + 1}"
        parts, late = choices.get(match.start(), Choice([], None))
        if parts:
            variables.append(f"abi_condition_{number}")
            number = f"({number} + {variables[-1]})"
        for i, (start, end) in enumerate(parts):
            edits += [(start, start, f"({variables[-1]} = {i}, "), (end, end, ")")]
        place = (os.path.basename(path), function_at(plain, match.start()), error)
        places += [place + (" ".join(plain[start:end].split()),) for start, end in parts or [(0, 0)]]
        numbered = f"-({error} + {ERROR_STEP} * {number})" if match[1] else f"({error} - {STATUS_STEP} * {number})"
        if late:
            status = re.search(r"\S+ = $", plain[:match.start()])[0]
            edits += [(late[0], late[0], f"{{ {status}{numbered}; "), (late[1], late[1], " }")]
        else:
            edits.append((match.start(), match.end(), numbered))
    for match in re.finditer(r"(\w+(?:\([^()]*\))?) [=!]= -E[A-Z]+", plain):  # what is compared has no number
        if match[1] != "likely":
            edits.append((match.start(1), match.end(1), f"(-(-({match[1]}) & {ERROR_STEP - 1}))"))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return "".join(f"static __attribute__((unused)) int {name};\n" for name in variables) + text


def build():
    """Makes the copy; returns the places."""
    shutil.rmtree(TREE, ignore_errors=True)
    for name in COPIED:
        target = os.path.join(TREE, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["cp", "-a", name, target], check=True)
    places = []
    folder = os.path.join(TREE, "src/pv")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.endswith((".c", ".h")) or OTHERS.search(name):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        coded = code(path, text, places)
        if coded != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(coded)
    subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "build/pv/debug/trivisor.elf"], cwd=TREE, stdout=subprocess.DEVNULL, check=True)
    return places


def seen(log):
    """{number of a place: what the checks say that have seen it}"""
    found = {}
    for what, got in re.findall(r'@check \{"what":"([^"]*)","expected":"0x\w+","got":"0x(\w+)"\}', log):
        value = 2**64 - int(got, 16)
        for step in (STATUS_STEP, ERROR_STEP):
            if value < 2**32 and value // step:
                found.setdefault((step, value // step), []).append(what)
    return found


def missing(places, found):
    """The places that no check has seen."""
    for number, place in enumerate(places, 1):
        step = STATUS_STEP if place[2].startswith("GNTST") else ERROR_STEP
        if (step, number) not in found:
            yield place


def run(_jobs):
    """One build, one boot."""
    places = build()
    boot = Boot(Coded("pv", "trivisor", False), guests.load("xenabi"), "debug", tag="errors")
    outcome = qemu.run(boot)
    unseen = collections.Counter(missing(places, seen(outcome.log)))
    for place in sorted(set(unseen) | set(EXCUSED)):
        excused = EXCUSED.get(place, (0, ""))[0]
        if unseen[place] > excused:
            yield Result(0, [f"no check of xenabi sees an error: {' '.join(place)} (see {boot.folder}/com1.txt)"])
        elif unseen[place] < excused:
            yield Result(0, [f"abi_errors.py excuses an error that is seen, or is not there: {' '.join(place)}"])
    yield Result(len(places) - unseen.total())
