#!/usr/bin/env python3
"""`make test-long`: what takes longer than `make test` has time for. Ends as that does."""
import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, "tools"), os.path.join(HERE, "boot")]

from lib import columns, guests, runs  # noqa: E402
from lib.boot import Boot  # noqa: E402
import bare  # noqa: E402
import chaos  # noqa: E402
import linux_boots  # noqa: E402

TORTURE_COLUMNS = ["native", "shadow", "ept"]
TORTURE_32_CASES = 0x40000  # of the builds for 32-bit and PAE paging
MINUTE = 60  # seconds
GIGA_MEGS = 2112  # so much that the second GiB is free and cleared as a whole
GIGA_REST, GIGA_TICKS = 64, 3_000_000_000
TORTURE_TICKS = 40_000  # at most, for a case
SLOW_TICKS = 10_000_000  # a second, of an emulator on a machine that has much else to do: for the last net


def emulate(args):
    """The emulator against Unicorn, from a seed of its own."""
    environment = dict(os.environ, EMULATE_CASES=str(args.cases), EMULATE_SEED=str(args.seed))
    print(f"{args.cases} cases, EMULATE_SEED={args.seed}", flush=True)
    return subprocess.run(["setarch", "-R", "build/tests/model/test_emulate"], env=environment, check=False).returncode


def fuzz(args):
    """The executor under libFuzzer, in as many processes as there are processors."""
    return subprocess.run(["make", "-s", "fuzz-emulate", f"SECONDS={args.seconds}"], check=False).returncode


def torture(args):
    """The page walker's torture guest and its 32-bit and PAE builds, with more cases than `make test` has."""
    every = [Boot(columns.ALL[name], guests.Guest(**{**guests.load("torture").__dict__, "args": f"cases={args.torture}",
                                                     "budget": args.torture * TORTURE_TICKS}), "debug", tag="long")
             for name in TORTURE_COLUMNS]
    every += [bare.torture_boot(name, column, TORTURE_32_CASES, tag="long") for name in bare.TORTURES for column in TORTURE_COLUMNS]
    seconds = max(boot.guest.budget for boot in every) // SLOW_TICKS
    results = runs.all_of(every, os.cpu_count(), runs.Progress(len(every)), wall_seconds=seconds)
    return sum(not result["ok"] for _, result in results)


def giga(_args):
    """A guest whose first GiB is one leaf of the second stage, cut and merged again: only the rest takes 2 MiB leaves."""
    guest = guests.Guest(**{**guests.load("stage2").__dict__, "mem": f"{1024 + GIGA_REST}M", "budget": GIGA_TICKS})
    boot = Boot(columns.ALL["ept"], guest, "debug", GIGA_MEGS, config="populate=eager", tag="giga")
    (_, result), = runs.all_of([boot], 1, runs.Progress(1))
    with open(result["log"], encoding="ascii", errors="replace") as file:
        leaves = re.search(r'"populated_2m":\{"n":(\d+)', file.read())
    whole = leaves and int(leaves.group(1)) == GIGA_REST // 2
    print(f"{'ok' if whole else 'FAILED'}: leaves of 2 MiB: {leaves.group(1) if leaves else 'none'}, expected {GIGA_REST // 2}")
    return 0 if result["ok"] and whole else 1


def linux(_args):
    """Debian's kernel as a PV domain under Bochs, which `make test` boots under QEMU."""
    every = linux_boots.long_boots()
    return sum(not result["ok"] for _, result in runs.all_of(every, os.cpu_count(), runs.Progress(len(every))))


def fuzz_image(args):
    """Kernels' files under libFuzzer."""
    return subprocess.run(["make", "-s", "fuzz-image", f"SECONDS={args.seconds}"], check=False).returncode


def failures_of(results):
    """Prints what went wrong; returns how much."""
    failures = [failure for result in results for failure in result.failures]
    for failure in failures:
        print(f"FAILED: {failure}")
    return len(failures)


def bzimage(_args):
    """Debian's bzImage, which unpacks itself in the guest, on the plain command line."""
    return failures_of(linux_boots.bzimages(os.cpu_count()))


def chaotic(args):
    """Domains that run random code, from a seed of its own."""
    print(f"seed {args.seed}", flush=True)
    return failures_of(chaos.run(os.cpu_count(), args.seed, args.lives))


def clock(_args):
    """Linux's clock over a minute of guest time."""
    return failures_of(linux_boots.judge_clocks(os.cpu_count(), MINUTE))


PARTS = {"emulate": emulate, "fuzz": fuzz, "fuzz-image": fuzz_image, "torture": torture, "giga": giga, "linux": linux, "bzimage": bzimage,
         "chaos": chaotic, "clock": clock}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--cases", type=int, default=20_000_000, help="of the emulator against Unicorn")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="where they begin")
    parser.add_argument("--seconds", type=int, default=300, help="of fuzzing")
    parser.add_argument("--torture", type=int, default=2_000_000, help="cases of the page walker's")
    parser.add_argument("--lives", type=int, default=100, help="of the domains that run random code")
    args = parser.parse_args()
    failed = []
    for part in args.parts:
        print(f"==== {part}", flush=True)
        if PARTS[part](args):
            failed.append(part)
    for part in failed:
        print(f"FAILED: {part}")
    print(f"{len(args.parts) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
