"""Every guest in every mode, debug builds: each must end by itself with its own checks green, within
its budget of ticks. Some boots are made twice, and their logs must be equal byte for byte."""
import re

from lib import columns, guests, qemu, record, runs
from lib.boot import Boot
from result import Result

NO_EPT = "core2_penryn_t9600"  # neither EPT nor a preemption timer: shadow paging's natural machine
NO_LOG = "corei7_haswell_4770"  # EPT with accessed and dirty flags, and no page-modification logging
TWICE = ["hello", "syscall", "tick", "hostile"]
DEBUG_FACTOR = 4  # a debug build checks itself: so much more may it take


def debug_boot(column, guest, **more):
    """A boot of the debug build, with a budget to match."""
    factor = DEBUG_FACTOR if columns.ALL[column].under else 1
    longer = guests.Guest(**{**guest.__dict__, "budget": guest.budget * factor})
    return Boot(columns.ALL[column], longer, "debug", **more)


def bochs_boots():
    """Every guest in every column, and under shadow paging also on the older machine."""
    for guest in guests.chosen(""):
        for column in columns.available():
            yield debug_boot(column, guest)
        if "shadow" in columns.available():
            yield debug_boot("shadow", guest, model=NO_EPT, tag="penryn")


def qemu_boots():
    """Every guest where QEMU can run it, but for those that it cannot do justice (QEMU=no)."""
    for guest in guests.chosen(""):
        if not guest.qemu:
            continue
        for column in columns.available():
            if not columns.ALL[column].vtx:
                yield debug_boot(column, guest, tag="qemu")


def repeated():
    """(a boot, the same once more)."""
    for name in TWICE:
        if name in guests.names():
            for column in columns.available():
                guest = guests.load(name)
                yield debug_boot(column, guest), debug_boot(column, guest, tag="again")


def judge(boot, result):
    """One boot's record as a test's result."""
    if result["ok"]:
        return Result(1)
    return Result(0, [f"boot {boot.label}: {record.summary(result)} (see {result['log']})"])


def console_of(boot):
    """What a boot left on its console."""
    with open(f"{boot.folder}/com1.txt", "rb") as file:
        return file.read()


def refusal_logged(boot):
    """What cannot be emulated is told with its bytes: hostile's vector addition is."""
    return re.search(rb"#UD at \w+ for what is not emulated: 66 0f fe [ 0-9a-f]+", console_of(boot))


def tables_summary(boot):
    """What hostile's accesses through page tables in themselves found, as one number that it prints."""
    said = re.search(rb"page tables in themselves: what was found comes to ([0-9a-f]+)", console_of(boot))
    return said and said[1].decode()


def run(jobs):
    """Boots them all; a failure names the log."""
    pairs = list(repeated())
    boots = list(bochs_boots()) + [again for _, again in pairs]
    boots.sort(key=lambda boot: -boot.guest.budget)  # the long ones first, so that no processor idles at the end
    summaries = {}
    for boot, result in runs.all_of(boots, jobs, runs.Progress(len(boots))):
        yield judge(boot, result)
        if boot.guest.name == "hostile" and boot.column.vtx:
            yield Result(1) if refusal_logged(boot) else Result(0, [f"{boot.label}: no line tells of what is not emulated"])
            summaries.setdefault(boot.model, {})[boot.label] = tables_summary(boot)
    for found in summaries.values():
        same = len(set(found.values())) == 1 and None not in found.values()
        yield Result(1) if same else Result(0, [f"page tables in themselves: what an access found depends on the mode: {found}"])
    for first, again in pairs:
        same = console_of(first) == console_of(again)
        yield Result(1) if same else Result(0, [f"{first.label}: two boots left different logs"])
    for boot in qemu_boots():
        outcome = qemu.run(boot)
        result = record.make(boot, outcome, "qemu")
        print(f"{boot.label}: {'green' if result['ok'] else 'FAILED'} ({outcome.seconds:.1f} s)", flush=True)
        yield judge(boot, result)
