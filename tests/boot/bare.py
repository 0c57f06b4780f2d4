"""Guests apart from the measured set, each where it means something. Those that need a processor of their own (16-bit
code, task switches, ...): natively, where a check that fails is the test's own fault, and in the modes of full
virtualization; the calls of the paravirtual interface under pv (and, by hand, under Xen)."""
from lib import columns, guests, kernels, qemu, record, runs
from suite import NO_EPT, NO_LOG, debug_boot, judge
from result import Result

UMIP = "corei7_icelake_u"  # the only model but corei3_cnl that has UMIP and VT-x as the others
TAGS = {NO_EPT: "penryn", NO_LOG: "haswell", UMIP: "icelake"}
GUESTS = {"real": [("native", ""), ("ept", ""), ("shadow", ""), ("shadow", NO_EPT)],
          "events": [("native", ""), ("ept", ""), ("shadow", ""), ("shadow", NO_EPT)],
          "torture": [("native", ""), ("shadow", ""), ("ept", "")],
          "devices": [("native", ""), ("shadow", ""), ("shadow", NO_EPT), ("ept", "")],
          "msrs": [("native", ""), ("shadow", ""), ("shadow", NO_EPT), ("ept", "")],
          "control": [(column, model) for column in ("native", "shadow", "ept") for model in ("", UMIP)] + [("shadow", NO_EPT)],
          "startup": [("native", ""), ("shadow", ""), ("shadow", NO_EPT), ("ept", "")],
          "mmio": [("native", ""), ("shadow", ""), ("ept", "")],
          "stage2": [("shadow", ""), ("ept", ""), ("ept", NO_LOG)],
          "disk": [("native", ""), ("shadow", ""), ("shadow", NO_EPT), ("ept", "")],
          "xenabi": [("pv", "")]}


# torture for 32-bit and PAE paging, which are kernels without the kit; hexadecimal: a part of the cases, `make test-long` has all.
TORTURES = ("torture32", "torturepae")
CASES = 0x4000


# A pool of shadow tables too small for the guest, on purpose: it must be well, and tables must have been reclaimed.
FEW_TABLES_KIB = 64
RECLAIM = "reclaim"
RECLAIMED_AT_LEAST = 100


def torture_boot(name, column, cases, **more):
    """One of TORTURES in a column."""
    column = columns.ALL[column]
    return debug_boot(column.name, kernels.guest(column, f"build/guests/{name}.elf", "", f"cases={cases:x}", "32M"), **more)


def boots():
    """Each guest in its columns, on the usual model or on one that is named."""
    for name in TORTURES:
        for column in ("native", "shadow", "ept"):
            yield torture_boot(name, column, CASES)
        yield torture_boot(name, "shadow", CASES, model=NO_EPT, tag="penryn")
    for name, where in GUESTS.items():
        for column, model in where:
            more = {"model": model, "tag": TAGS[model]} if model else {}
            yield debug_boot(column, guests.load(name), **more)
    yield debug_boot("ept", guests.load("stage2"), config="dirty_log=pml", args="pml", tag="pml")
    yield debug_boot("shadow", guests.load("forkexit"), config=f"shadow={FEW_TABLES_KIB}", tag=RECLAIM)
    yield debug_boot("shadow", guests.load("torture"), config=f"shadow={FEW_TABLES_KIB}", args="cases=4000", tag=RECLAIM)


def run(jobs):
    """Boots them all; a failure names the log."""
    every = list(boots())
    for boot, result in runs.all_of(every, jobs, runs.Progress(len(every))):
        reclaimed = ((result["ledger"] or {}).get("shadow_reclaim_table") or {}).get("n", 0)
        if not result["ok"]:
            yield Result(0, [f"boot {boot.label}: {record.summary(result)} (see {result['log']})"])
        elif boot.tag == RECLAIM and reclaimed < RECLAIMED_AT_LEAST:
            yield Result(0, [f"boot {boot.label}: {reclaimed} shadow tables reclaimed, expected at least {RECLAIMED_AT_LEAST}"])
        else:
            yield Result(1)
    boot = debug_boot("native", guests.load("startup"), tag="qemu")  # another maker's second processor
    yield judge(boot, record.make(boot, qemu.run(boot), "qemu"))
