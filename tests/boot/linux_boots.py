"""Debian's own kernel, unmodified, under full virtualization and as a Xen PV domain: it must come to its shell and find
all well (guests/linux/check)."""
import dataclasses
import os

from lib import columns, kernels, linux, qemu, record, runs
from lib.boot import Boot
import suite

ROUNDS_A_SECOND, BOOT_SECONDS = 76, 60  # of compute, at half of the processor; what the boot and the checks take
BUDGET = 20_000_000_000
WALL_SECONDS = 1200  # the plain line takes 2 G ticks and more


def boots(names):
    """Debug builds, on the quick command line."""
    linux.fetch()
    for name in names:
        if columns.ALL[name].under and name in columns.available():
            yield Boot(columns.ALL[name], linux.guest(columns.ALL[name], words="trivisor.check"), "debug")


def under_qemu(boot):
    """The same under QEMU, which is quick where VT-x is not needed."""
    os.makedirs(boot.folder, exist_ok=True)
    return record.make(boot, qemu.run(boot), "qemu")


def long_boots():
    """What takes minutes under Bochs: the PV domain sets up its list of frames."""
    return list(boots(["pv"]))


def clocks(seconds):
    """For `make test-long`: a minute of guest time, another domain having half of the processor: Linux's clock must be
    within 1% of the machine's (linux_figures.py). Under full virtualization the kernel has measured the TSC's
    rate by itself (the plain command line); or it counts the 8254's ticks, and nothing but the policy on late ones
    (src/io/pit_tick.c) keeps its time right."""
    linux.fetch()
    ticks = "clocksource=jiffies nohz=off highres=off"
    for name, quick, words in (("shadow", False, ""), ("ept", False, ""), ("shadow", True, ticks), ("ept", True, ticks),
                               ("pv", True, "")):
        guest = linux.guest(columns.ALL[name], quick, f"trivisor.check trivisor.clock={seconds} {words}".strip())
        guest = dataclasses.replace(guest, beside=f"compute seed=5 rounds={ROUNDS_A_SECOND * (seconds + BOOT_SECONDS)}",
                                    budget=BUDGET)
        yield Boot(columns.ALL[name], guest, "release", tag="jiffies" if words else "clock")


def judge_clocks(jobs, seconds):
    """Each boot's Result; the error is printed."""
    todo = list(clocks(seconds))
    for boot, result in runs.all_of(todo, jobs, runs.Progress(len(todo)), WALL_SECONDS):
        print(f"{boot.label}: {result['figures'].get('clock_error', {}).get('ticks', '?')} ppm in {seconds} s", flush=True)
        yield suite.judge(boot, result)


def bzimages(jobs):
    """For `make test-long`: the package's own bzImage by its path, on the plain command line, debug builds."""
    linux.fetch()
    todo = []
    for name in columns.available():
        column = columns.ALL[name]
        if column.vtx:
            guest = kernels.guest(column, linux.BZIMAGE, linux.INITRD, "console=ttyS0 trivisor.check")
            todo.append(Boot(column, guest, "debug"))
    for boot, result in runs.all_of(todo, jobs, runs.Progress(len(todo)), WALL_SECONDS):
        yield suite.judge(boot, result)


def run(jobs):
    """Boots them all; a failure names the log."""
    quick = [boot for boot in boots(linux.COLUMNS) if not boot.column.vtx]
    todo = [boot for boot in boots(linux.COLUMNS) if boot.column.vtx]
    for boot in quick:
        yield suite.judge(boot, under_qemu(boot))
    for boot, result in runs.all_of(todo, jobs, runs.Progress(len(todo))):
        yield suite.judge(boot, result)
