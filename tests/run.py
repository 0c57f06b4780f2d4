#!/usr/bin/env python3
"""Runs the tests that are built and ends with one line, `N passed, N failed`.

Each part (host tests, boot tests, ...) yields a Result for each thing tested.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import host  # noqa: E402

PARTS = {"host": host.run}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    passed, failures = 0, []
    for part in args.parts:
        for result in PARTS[part](args.jobs):
            passed += result.passed
            failures += result.failures
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
