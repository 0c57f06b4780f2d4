"""The debugger's desk: what is told when a VM entry is refused or a guest falls over."""
import concurrent.futures
import io
import os
import re
from dataclasses import dataclass

from lib import bochs, columns, desk, guests, image
from lib.boot import Boot
from result import Result


@dataclass
class Case:
    """One boot that goes wrong, and what must be said of it."""
    name: str
    mode: str
    options: str  # the hypervisor's
    sentences: list  # regular expressions that the console must have, in this order
    bochs: str = ""  # and one that Bochs' own log must have
    build: str = "debug"
    guest: str = "hello"
    args: str = ""
    config: str = ""  # further words for the domain's configuration


def refused(name, mode, field, value, sentence, line):
    """A field of the VMCS is overwritten before the first entry."""
    return Case(name, mode, f"vmcs={field}:{value}",
                [r"VM-entry check: " + sentence, r"The processor refused to enter the guest",
                 r'"reason":"killed".*"detail":"the processor refused to enter it: ' + sentence[:20]], line)


def fallen(name, mode, way, sentences, build="debug"):
    """The guest falls over: all that is known, on one screen."""
    walks = [r"rip [0-9a-f]+:", r"rsp [0-9a-f]+:"]
    recent = [r"its last exits and what was delivered to it", r"EXIT_|HC_"] if build == "debug" else [r"not recorded"]
    return Case(name, mode, "", sentences + walks + recent + [r'"reason":"crash"'], guest="stumble", args=way, build=build)


def ended(way, reason, code, sentence):
    """A domain that ends itself by a call, under pv."""
    return Case(way, "pv", "", [rf"stumble ended: {reason}: {sentence}", rf'"reason":"{reason}","code":{code},.*"expected":false'],
                guest="stumble", args=way)


def outlived(mode, way):
    """A guest that would never end, and whose life may last 20 ms."""
    return Case(f"{way} for ever", mode, "", [r"stumble ended: killed: its life_ms=20 are over", r'"reason":"killed"'],
                guest="stumble", args=way, config="life_ms=20")


PAGE_FAULTS = [r"stumble has fallen: triple fault", r"the faults that led to it:",
               r"#PF, error code 2, address 7efffffffff8, at rip",
               r"while #PF was delivered: #PF, error code 2, address 7efffffffff8",
               r"while #DF was delivered: #PF, error code 2, address 7efffffffff8"]
NO_TABLE = [r"stumble has fallen: triple fault", r"#UD, error code 0, at rip", r"while #UD was delivered: #GP, error code 33",
            r"while #GP was delivered: #GP, error code 6b", r"while #DF was delivered: #GP, error code 43"]
CASES = [
    fallen("stack", "ept", "stack", PAGE_FAULTS),
    fallen("stack", "shadow", "stack", PAGE_FAULTS),
    fallen("stack, release", "ept", "stack", PAGE_FAULTS, build="release"),
    fallen("no table", "shadow", "idt", NO_TABLE),
    fallen("stack", "pv", "stack", [r"cr2 00007efffffffff8"]),
    ended("unknown", "poweroff", 77, "it shut down for reason 77, which nobody knows"),
    ended("suspend", "poweroff", 2, "it suspended itself, and nobody here can resume it"),
    ended("watchdog", "crash", 4, "its watchdog was not set again in time"),
    outlived("shadow", "loop"),
    outlived("pv", "sleep"),
    Case("hypervisor's page fault", "ept", "vmcs=0x6c16:0x0",
         [r"@panic .*exception 14 in the hypervisor", r"cr2 0:", r"tables:  L4", r"not present", r"rsp [0-9a-f]+:",
          r"machine address", r"vmx_run\+0x", r"sched_run\+0x"]),
    Case("hypervisor's triple fault", "shadow", "vmcs=0x6c02:0x0", [r"host CR3 .* is overwritten"], r"3rd \(14\) exception"),
    refused("RFLAGS", "ept", "0x6820", "0x0", r"guest RFLAGS \(field 0x6820\) is 0x0; wanted: bit 1 is 1",
            r"VMENTER FAIL: .*RFLAGS"),
    refused("EPT pointer", "ept", "0x201a", "0x1006", r"EPT pointer \(field 0x201a\) is 0x1006; wanted: 3 in bits 5:3",
            r"VMFAIL: .*EPTPTR"),
    refused("host TR", "shadow", "0xc0c", "0x0", r"host TR selector \(field 0x0c0c\) is 0x0; wanted: not 0",
            r"VMFAIL: .*TR"),
    refused("guest TR", "shadow", "0x4822", "0x10000", r"guest TR access rights \(field 0x4822\) is 0x10000; wanted: type 11",
            r"VMENTER FAIL: .*TR"),
]


def bochs_log(boot):
    """All that Bochs said."""
    with open(os.path.join(boot.folder, "bochs.log"), encoding="utf-8", errors="replace") as file:
        return file.read()


def judge(case):
    """The Result of one case."""
    tag = "desk-" + re.sub("[^a-zA-Z]+", "-", case.name)
    boot = Boot(columns.ALL[case.mode], guests.load(case.guest), case.build, hypervisor=case.options, args=case.args, tag=tag,
                config=case.config)
    os.makedirs(boot.folder, exist_ok=True)
    outcome = bochs.run(boot, image.for_boot(boot))
    wrong, at = [], 0
    for sentence in case.sentences:
        found = re.compile(sentence).search(outcome.log, at)
        if not found:
            wrong.append(f"no /{sentence}/")
        else:
            at = found.end()
    if case.bochs and not re.search(case.bochs, bochs_log(boot)):
        wrong.append(f"no /{case.bochs}/ in bochs.log")
    if outcome.why:
        wrong.append(f"ended by {outcome.why}")
    name = f"desk, {case.mode}: {case.name}"
    print(f"{'FAILED' if wrong else 'ok'}: {name}", flush=True)
    return Result(0, [f"{name}: {'; '.join(wrong)} (see {boot.folder}/com1.txt)"]) if wrong else Result(len(case.sentences))


def session(mode):
    """`make debug` with its commands from a list: what it shows."""
    boot = Boot(columns.ALL[mode], guests.load("hello"), "debug", tag="desk-session")
    os.makedirs(boot.folder, exist_ok=True)
    bochs.configure(boot, image.for_boot(boot))
    out = io.StringIO()
    commands = ["exit 2", "vmcs guest", "break guest_main", "c", "d 2", "walk guest_main", "walk nowhere", "source where", "u"]
    desk.session(boot, [boot.column.kernel("debug"), boot.guest.elf], commands, out)
    wanted = [r"break NAME", r"exit \d+: \w", r"6820 +guest RFLAGS", r"Breakpoint", r"address [0-9a-f]+:", r"guest:  L4",
              mode + ":  L4", r"machine address|nothing there yet", r"nowhere is neither a number nor a name", r"rip 0000", r"EXIT_IO rip"]
    at, wrong = 0, []
    for sentence in wanted:
        found = re.compile(sentence).search(out.getvalue(), at)
        wrong += [] if found else [f"no /{sentence}/"]
        at = found.end() if found else at
    print(f"{'FAILED' if wrong else 'ok'}: desk, {mode}: a session", flush=True)
    return Result(0, [f"desk, {mode}: a session: {'; '.join(wrong)}"]) if wrong else Result(len(wanted))


def run(jobs):
    """All cases whose mode can be built."""
    for mode in ("shadow", "ept"):
        if mode in columns.available():
            yield session(mode)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(judge, [case for case in CASES if case.mode in columns.available()])
