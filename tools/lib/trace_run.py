"""Runs a guest with the trace on."""
import dataclasses
import os

from lib import bochs, columns, console, guests, image, qemu, record, symbols
from lib import trace as traces
from lib.boot import Boot
from lib.usage import Mistake, choose

FOLDER = os.path.join("build", "trace")
KIB = 16384
MOST_KIB = 131072  # TRACE_MAX_KIB
SLOWER = 3  # a traced run takes so many times the ticks at the most
DRAIN_TICKS = 1500  # to write a record out
RECORDS_PER_KIB = 16


@dataclasses.dataclass
class Traced:
    """A run and its trace."""
    boot: Boot
    trace: traces.Trace
    console: console.Console
    failures: list  # why the run was not green
    symbols: symbols.Symbols  # of the guest

    def figure_names(self):
        """(domain, region) -> the figure that was measured in it."""
        return {(name, figure["region"]): figure["name"] for name, speaker in self.console.speakers.items()
                for figure in speaker.figures.values() if "region" in figure}


def boot_of(mode, guest, kinds="all", build="release", scope="life", kib=KIB, args="", config=""):
    """The boot with the trace on."""
    column = columns.ALL[choose("MODE", mode, [name for name in columns.available() if columns.ALL[name].under])]
    traces.choose_kinds(kinds)
    choose("IN", scope, ["life", "regions", "calls"])
    choose("BUILD", build, ["release", "debug"])
    if not 4 <= kib <= MOST_KIB:
        raise Mistake(f"KIB={kib}: 4 to {MOST_KIB}.")
    loaded = guests.load(guest)
    budget = loaded.budget * SLOWER * (4 if build == "debug" else 1) + kib * RECORDS_PER_KIB * DRAIN_TICKS
    words = f"trace={kinds} trace_kib={kib} trace_in={scope}"
    return Boot(column, dataclasses.replace(loaded, budget=budget), build, config=config, args=args, hypervisor=words,
                tag="trace")


def run(boot, emulator="bochs"):
    """Boots it and reads the trace. A Mistake if there is none."""
    os.makedirs(boot.folder, exist_ok=True)
    if emulator == "qemu":
        outcome, path = qemu.run(boot), qemu.debug_output(boot)
    else:
        outcome, path = bochs.run(boot, image.for_boot(boot)), bochs.debug_output(boot)
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    parsed = console.parse(outcome.log)
    failures = record.failures(boot, outcome, parsed)
    try:
        trace = traces.parse(text)
    except ValueError as error:
        raise Mistake(f"{path}: {error}.") from error
    if trace is None:
        raise Mistake(f"{boot.label} left no trace, which is written when the machine stops: "
                      f"{record.summary({'failures': failures})} (console: {boot.folder}/com1.txt)")
    return Traced(boot, trace, parsed, failures, symbols.Symbols(boot.guest.elf))
