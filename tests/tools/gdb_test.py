"""The commands of tools/gdb/ in real gdb sessions on QEMU: what they show, and the sentences for what they cannot."""
import os
import re
import subprocess

from lib import columns, dump, gdb, guests
from lib.boot import Boot
from lib.usage import Mistake
from result import Result

SECONDS = 60
# (gdb's command, regular expression that its output must have; PAGE and OFFSET stand for where probe_read is in its guest)
BEFORE_THE_BOOT = [
    ("vcpu", r"cannot be read from here.*not loaded yet"),
    ("p2m 1", r"cannot be read from here.*not loaded yet"),
    ("ledger nobody", r"cannot be read from here.*not loaded yet"),
    ("mfn 1", r"There is no frame table yet|cannot be read"),
]
BEFORE_A_DOMAIN = [
    ("vcpu", r"There is no vcpu on the processor yet"),
    ("ledger fault", r"There is no domain fault"),
    ("ring", r"There is no vcpu on the processor yet|trace: 0 records made"),
    ("mfn 0", r"owner nobody \(free\)[^$]*NOT_RAM"),
]
IN_THE_GUEST = [
    ("vcpu", r"fault, life 1, vcpu 0; the processor stopped in the guest\n +rip 0x\w+ <probe_read>"),
    ("vcpu", r"its kernel runs; kernel's table 0x\w+000.*\n +event callback: 0x\w+ <pv_upcall_stub>"),
    ("walk probe_read", r"<probe_read>, by the table at 0x\w+\n +L4 [^$]*L1 [^$]*\n +leads to machine address 0x\w+OFFSET +"
                        r"\(mfn 0x\w+: fault's, gfn PAGE\)"),
    ("walk $rdi", r"0x8000000000, by the table[^$]*not present\n +nothing is mapped there"),
    ("walk 0x800000000000", r"0x800000000000 is not canonical"),
    ("p2m PAGE", r"fault: gfn PAGE is mfn 0x\w+, machine address 0x\w+000, type writable"),
    ("p2m PAGE fault", r"fault: gfn PAGE is mfn"),
    ("p2m 0xfffff", r"fault has no frame 0xfffff"),
    ("p2m 1 nobody", r"There is no domain nobody: there are fault"),
    ("ledger", r"ledger of fault, life 1: count, ticks\n[^$]*hc_set_trap_table +\d+ +\d+"),
    ("ring 3", r"trace: \d+ records made, \d+ there, the newest 3:\n( .*\n){3}console ring of fault: produced (\d+), consumed"),
    ("ring 1", r"hc_set_trap_table \d+ ticks rip=0x\w+ result=0x0 table=0x\w+\nconsole"),
    ("walk", r"ADDR is missing"), ("p2m", r"GFN is missing"), ("mfn", r"MFN is missing"),
    ("walk no_such_thing", r'No symbol "no_such_thing"'),
    ("mfn 0x999999999", r"is past the last frame of this machine"),
    ("frame mfn 0x210", r"mfn 0x210, machine address 0x210000\n +owner the hypervisor"),
    ("trivisor", r"walk ADDR"), ("help p2m", r"which machine frame"), ("help ledger", r"what a domain has cost"),
    ("help ring", r"trace=all"), ("help vcpu", r"registers"), ("help mfn", r"record of a machine frame"),
]
IN_THE_HYPERVISOR = [
    ("vcpu", r"the processor stopped in the hypervisor\n +rip 0x\w+ <probe_read"),
    ("walk probe_read", r"leads to machine address"),
]
NATIVELY = [
    ("vcpu", r"The guest runs natively, in ring 0, at 0x\w+ <probe_read>"),
    ("walk probe_read", r"L2 .* PS\n +leads to machine address PAGEOFFSET"),
    ("walk $rdi", r"nothing is mapped there"),
    ("p2m 1", r"there is no hypervisor here"), ("mfn 1", r"there is no hypervisor here"),
    ("ledger", r"there is no hypervisor here"), ("ring", r"there is no hypervisor here"),
]
# On a dump of Bochs' machine: (guest, function, at which call of it, commands).
DUMPS = {
    "shadow": ("fault", "paging_fault", 300, [
        ("bt 3", r"#0 +paging_fault[^$]*run_on[^$]*"),
        ("vcpu", r"fault, life 1, vcpu 0; the processor stopped in the hypervisor\n +rip 0x\w+ <probe_read"),
        ("vcpu", r"the guest's CR3 is 0x\w+000, its shadow's root 0x\w+000"),
        ("walk probe_read", r"L2 .*PS\n +leads to guest-physical PAGEOFFSET, machine address 0x(\w+)\nThe processor's own"
                            r"[^$]*leads to machine address 0x\1 +\(mfn 0x\w+: fault's, gfn PAGE\)"),
        ("walk 0x8000000000", r"nothing is mapped there\nThe processor's own[^$]*nothing is mapped there"),
        ("p2m PAGE", r"fault: gfn PAGE is mfn 0x\w+"), ("ledger", r"exit_page_fault +299 "),
        ("ring 1", r"exit_page_fault \d+ ticks rip=0x\w+ gva=0x\w+ error=0x\w+\nThis domain has no console ring"),
    ]),
    "ept": ("devices", "walk", 1, [
        ("vcpu", r"devices, life \d+, vcpu 0; the processor stopped in the hypervisor\n +rip 0x\w+ <"),
        ("vcpu", r"read since the exit: .*cr3 0x\w+000.*\n +in the VMCS: cr2"),
        ("walk guest_main", r"<guest_main>, by the table at 0x\w+000\n[^$]*leads to guest-physical 0x\w+, machine address 0x"),
        ("walk 0x7ffffffff000", r"nothing is mapped there"),
        ("p2m 0x100", r"devices: gfn 0x100 is mfn"), ("ledger", r"ledger of devices[^$]*scheduled +\d+"),
    ]),
}
SESSIONS = {
    "pv": [BEFORE_THE_BOOT, "core_main", BEFORE_A_DOMAIN, "probe_read", IN_THE_GUEST, "pv_bounce_page_fault",
           IN_THE_HYPERVISOR],
    "native": ["probe_read", NATIVELY],
}


def located(cases, elf):
    """The cases, with probe_read's place."""
    symbols = subprocess.run(["nm", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.search(r"^(\w+) T probe_read$", symbols, re.M)
    at = int(found[1], 16) if found else 0
    return [tuple(text.replace("PAGE", f"0x{at >> 12:x}").replace("OFFSET", f"{at & 0xfff:03x}") for text in case) for case in cases]


def script(parts):
    """gdb's commands: go to each function named, and ask there."""
    for part in parts:
        if isinstance(part, str):
            yield from (f"hbreak {part}", "continue")
        else:
            for command, _ in part:
                yield from (f"echo >>> {command}\\n", command)


def session(mode):
    """gdb's whole output."""
    boot = Boot(columns.ALL[mode], guests.load("fault"), "debug", hypervisor="trace=all" if columns.ALL[mode].under else "",
                tag="gdb-test")
    kernel = [boot.column.kernel("debug")] if boot.column.under else []
    with gdb.machine(boot) as socket:
        words = gdb.command(kernel + [boot.guest.elf], batch=True) + ["-ex", f"target remote {socket}"]
        for line in script([part if isinstance(part, str) else located(part, boot.guest.elf) for part in SESSIONS[mode]]):
            words += ["-ex", line]
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
            output = done.stdout
        except subprocess.TimeoutExpired as expired:
            output = (expired.stdout or b"").decode(errors="replace") + "\n(gdb was ended: too slow)"
    with open(os.path.join(boot.folder, "gdb.txt"), "w", encoding="utf-8") as file:
        file.write(output)
    return output


def dump_session(mode):
    """gdb's whole output on a dump."""
    guest, at, times, cases = DUMPS[mode]
    boot = Boot(columns.ALL[mode], guests.load(guest), "debug", hypervisor="trace=all", tag="gdb-dump")
    core = dump.core(boot, at, times)
    words = gdb.command([boot.column.kernel("debug"), boot.guest.elf], batch=True) + ["-ex", f"core-file {core}"]
    for line in script([located(cases, boot.guest.elf)]):
        words += ["-ex", line]
    output = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                            stdin=subprocess.DEVNULL, timeout=SECONDS, check=False).stdout
    os.unlink(core)
    return output


def judge(mode, output, asked):
    """Each command's output against what it must have."""
    answers = output.split(">>> ")[1:]
    failures = [] if len(answers) == len(asked) else [f"gdb, {mode}: {len(answers)} answers to {len(asked)} commands"]
    for (command, wanted), answer in zip(asked, answers):
        if not answer.startswith(command + "\n") or not re.search(wanted, answer):
            failures.append(f"gdb, {mode}: `{command}`: no /{wanted}/ in {answer[:200]!r}")
        if "Traceback" in answer or "Python Exception" in answer:
            failures.append(f"gdb, {mode}: `{command}`: {answer[:200]!r}")
    print(f"{'FAILED' if failures else 'ok'}: gdb, {mode}: {len(asked)} commands", flush=True)
    return Result(max(0, len(asked) - len(failures)), failures)


def run(_jobs):
    """A session a mode."""
    for mode in SESSIONS:
        if mode in columns.available():
            asked = [case for part in SESSIONS[mode] if not isinstance(part, str) for case in part]
            yield judge(mode, session(mode), located(asked, guests.load("fault").elf))
    for mode, (guest, at, _, asked) in DUMPS.items():
        if mode not in columns.available():
            continue
        try:
            yield judge(mode, dump_session(mode), located(asked, guests.load(guest).elf))
        except Mistake as mistake:
            yield Result(0, [f"gdb, {mode}, a dump at {at}: {mistake}"])
