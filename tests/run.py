#!/usr/bin/env python3
"""Runs the tests that are built and ends with one line, `N passed, N failed`.

Each part yields a Result for each thing tested: host tests, the tools and what they refuse, boots in
the emulators, bad input.
"""
import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "boot"), os.path.join(HERE, "tools"), os.path.join(HERE, "labs"),
                os.path.join(HERE, os.pardir, "tools")]

import abi_errors  # noqa: E402
import bad_code_test  # noqa: E402
import bad_input  # noqa: E402
import bare  # noqa: E402
import chaos  # noqa: E402
import class_test  # noqa: E402
import desk  # noqa: E402
import gdb_test  # noqa: E402
import fuzz_test  # noqa: E402
import host  # noqa: E402
import kernel_boots  # noqa: E402
import labs_test  # noqa: E402
import linux_boots  # noqa: E402
import pv_typing  # noqa: E402
import refusals  # noqa: E402
import strangers  # noqa: E402
import suite  # noqa: E402
import tools  # noqa: E402
import together  # noqa: E402
import trace_test  # noqa: E402

PARTS = {"host": host.run, "fuzz": fuzz_test.run, "tools": tools.run, "refusals": refusals.run, "boot": suite.run, "bare": bare.run,
         "abi-errors": abi_errors.run,
         "desk": desk.run, "trace": trace_test.run, "gdb": gdb_test.run, "together": together.run, "chaos": chaos.run, "linux": linux_boots.run,
         "pv-typing": pv_typing.run,
         "kernels": kernel_boots.run,
         "bad-input": bad_input.run, "strangers": strangers.run, "class": class_test.run,
         "bad-code": bad_code_test.run, "labs": labs_test.run}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    passed, failures = 0, []
    for part in args.parts:
        start = time.monotonic()
        print(f"==== {part}", flush=True)
        for result in PARTS[part](args.jobs):
            passed += result.passed
            failures += result.failures
        print(f"==== {part}: {time.monotonic() - start:.0f} s", flush=True)
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
