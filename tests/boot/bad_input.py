"""Bad input: broken modules, impossible wishes, machines that cannot. Each must end in a sentence that
says what to do, the machine stopped by the hypervisor itself, and a good domain beside it unharmed."""
import concurrent.futures
import os
import re
import subprocess
from dataclasses import dataclass

import broken_elf
import broken_kernel
from lib import bochs, columns, guests, image
from lib.boot import Boot
from result import Result

BUDGET = 2000000000
NO_NOTE = {"pv": r"note", "ept": r"no note XEN_ELFNOTE_PHYS32_ENTRY", "shadow": r"no note XEN_ELFNOTE_PHYS32_ENTRY"}

NO_START = {"pv": r"start_at= is for full virtualization", "ept": r"start_at= is no address of its image's",
            "shadow": r"start_at= is no address of its image's"}


@dataclass
class Case:
    """One boot that must be refused."""
    name: str
    mode: str
    sentences: list  # regular expressions that the log must have, in this order
    lines: list  # GRUB's commands after the hypervisor's
    files: dict  # name in /boot: file
    options: str = "domains=serial"
    model: str = Boot.model
    megs: int = 512
    good: bool = False  # a good `hello` is among the modules and must come to its end
    script: str = ""  # commands of Bochs' debugger to begin with


def write_modules(folder):
    """The broken ELFs, made from hello: {name: path}."""
    os.makedirs(folder, exist_ok=True)
    image.strip("build/guests/hello.elf", f"{folder}/hello.elf")
    with open(f"{folder}/hello.elf", "rb") as file:
        good = file.read()
    made = {"hello": f"{folder}/hello.elf"}
    for change in (broken_elf.truncated, broken_elf.wild, broken_elf.overlapping, broken_elf.without_notes,
                   broken_elf.text):
        made[change.__name__] = f"{folder}/{change.__name__}.bin"
        with open(made[change.__name__], "wb") as file:
            file.write(change(good))
    for name, data in broken_kernel.modules().items():
        made[name] = f"{folder}/{name}.bin"
        with open(made[name], "wb") as file:
            file.write(data)
    return made


def kernel_wishes(mode):
    """(module, its words, the sentence) of what is no ELF; under pv all of them are just that."""
    if columns.ALL[mode].vtx:
        return broken_kernel.EXPECTED
    return [(name, words, r"not an ELF file") for name, words, _ in broken_kernel.EXPECTED]


def modules_case(mode, made):
    """Every broken module and impossible configuration in one boot, and a good domain at its end."""
    wishes = [
        ("truncated", "mem=32M", r"the ELF is truncated"),
        ("wild", "mem=32M", r"wild address"),
        ("overlapping", "mem=32M", r"overlap"),
        ("without_notes", "mem=32M", NO_NOTE[mode]),
        ("text", "mem=32M", r"not an ELF file"),
        ("hello", "mem=1M", r"mem="),
        ("hello", "mem=2000M populate=eager", r"mem=2048000K is more than the \d+ KiB that are free"),
        ("hello", "mem=32X", r"bad value in `mem=32X`"),
        ("hello", "colour=red", r"unknown word `colour`"),
        ("hello", "vcpus=3", r"bad value in `vcpus=3`"),
        ("hello", "dirty_log=yes", r"bad value in `dirty_log=yes`"),
        ("hello", "life_ms=3600001", r"bad value in `life_ms=3600001`"),
        ("hello", "start_at=0x8001", r"bad value in `start_at=0x8001`"),
        ("hello", "start_at=0x8000", NO_START[mode]),
    ]
    if mode == "shadow":
        wishes.append(("hello", "mem=32M dirty_log=pml", r"there is no page-modification logging here"))
    wishes += kernel_wishes(mode)
    lines = [f"module2 /boot/{name} name=bad{i} {words} --" for i, (name, words, _) in enumerate(wishes)]
    if columns.ALL[mode].vtx:
        wishes.append(("multiboot1.bin", "mem=1136K", r"mem= leaves no room for its RAM disk"))
        lines += ["module2 /boot/multiboot1.bin name=small mem=1136K --", "module2 /boot/hello initrd-for=small"]
        wishes.append(("bzimage", "mem=32M", r"a Linux bzImage takes at most 1 modules"))
        lines += ["module2 /boot/bzimage name=many mem=32M --", "module2 /boot/text initrd-for=many", "module2 /boot/text initrd-for=many"]
    lines.append("module2 /boot/hello name=good mem=32M --")
    sentences = [r'@domain \{"domain":"[^"]*","life":0,"reason":"refused".*' + wish for _, _, wish in wishes]
    return Case("bad modules", mode, sentences, lines, dict(made), good=True)


def machine_cases(mode, made):
    """Options and machines."""
    hello = {"hello": made["hello"]}
    lines = ["module2 /boot/hello name=hello mem=32M --"]
    yield Case("no module", mode, [r"cannot start: There is no domain to run"], [], {})
    yield Case("slice", mode, [r"cannot start: slice=soon is not a number"], lines, hello, "slice=soon")
    if not columns.ALL[mode].vtx:
        return
    yield Case("no VT-x", mode, [r"cannot start: This processor has no VT-x"], lines, hello, model="athlon64_venice")
    yield Case("VT-x locked off", mode, [r"cannot start: VT-x is switched off and locked in the firmware"], lines,
               hello, script=lock_script(mode))
    if mode == "ept":
        yield Case("no EPT", mode, [r"cannot start: This processor has no EPT"], lines, hello,
                   model="core2_penryn_t9600")
        yield Case("no PML", mode, [r'"reason":"refused".*there is no page-modification logging here'],
                   ["module2 /boot/hello name=hello mem=32M dirty_log=pml --"], hello, model="corei7_haswell_4770")


def lock_script(mode):
    """Bochs has no firmware that locks VT-x off: its debugger changes what the hypervisor reads of
    IA32_FEATURE_CONTROL (MSR 0x3a) into 1, locked and off."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"build/{mode}/debug/trivisor.elf"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    number = r"(?:mov +\$0x3a,%ecx|push +\$0x3a(?:\n.*){0,2}?\n.*\bpop +%rcx)"  # the short form where code is small
    found = re.search(number + r"(?:\n.*){0,4}?\n.*\brdmsr.*\n *([0-9a-f]+):", listing)
    return f"lb 0x{found.group(1)}\nc\nset eax = 1\n" if found else "quit\n"


def boot_case(case):
    """Runs one. Returns (console, why it was ended from outside)."""
    guest = guests.Guest("hello", "32M", BUDGET, "", "", "", False, False)
    tag = "bad-" + case.name.replace(" ", "-")
    boot = Boot(columns.ALL[case.mode], guest, "debug", case.megs, case.model, tag=tag)
    os.makedirs(boot.folder, exist_ok=True)
    files = {"trivisor.elf": boot.column.kernel("debug"), **case.files}
    path = image.write(boot.folder, [f"multiboot2 /boot/trivisor.elf {case.options}", *case.lines], ["multiboot2"],
                       files)
    outcome = bochs.run(boot, path, script=case.script)
    return outcome, boot


def judge(case):
    """The Result of one case."""
    outcome, boot = boot_case(case)
    wrong, at = [], 0
    for sentence in case.sentences:
        found = re.compile(sentence).search(outcome.log, at)
        if not found:
            wrong.append(f"no /{sentence}/")
        else:
            at = found.end()
    if outcome.why:
        wrong.append(f"ended by {outcome.why}")
    if '@machine {"ok":false' not in outcome.log:
        wrong.append("no `@machine` line that says false")
    if "@panic" in outcome.log or "@violation" in outcome.log:
        wrong.append("panic or violation")
    if case.good and not re.search(r'^\[good\] @done .*"ok":true', outcome.log, re.M):
        wrong.append("the good domain did not come to its end")
    name = f"bad input, {case.mode}: {case.name}"
    print(f"{'FAILED' if wrong else 'ok'}: {name}", flush=True)
    if wrong:
        return Result(0, [f"{name}: {'; '.join(wrong)} (see {boot.folder}/com1.txt)"])
    return Result(max(1, len(case.sentences)))


def run(jobs):
    """All cases of all modes."""
    made = write_modules("build/boots/bad-modules")
    cases = []
    for mode in columns.available():
        if columns.ALL[mode].under == "trivisor":
            cases += [modules_case(mode, made), *machine_cases(mode, made)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(judge, cases)
