#!/usr/bin/env python3
"""`make trace-diff`: the same operation of a guest's in two modes, exit by exit, side by side."""
import argparse
import os

from lib import trace_diff, trace_run
from lib.usage import Mistake, choose, main


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--a", default="shadow")
    parser.add_argument("--b", default="ept")
    parser.add_argument("--guest", default="fault")
    parser.add_argument("--figure", default="", help="one of the guest's figures; all of them if empty")
    parser.add_argument("--build", default="release")
    parser.add_argument("--args", default="", help="the guest's own arguments")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    return parser.parse_args()


def figures(traced):
    """The figures that have a region, by name, in the order in which they were measured."""
    speaker = traced.console.speakers.get(traced.boot.guest.name)
    return {name: figure for name, figure in (speaker.figures if speaker else {}).items() if "region" in figure}


def common(a, b, wanted):
    """The names of the figures to lay side by side."""
    names = [name for name in figures(a) if name in figures(b)]
    if not names:
        raise Mistake(f"GUEST={a.boot.guest.name} measures no operation in both modes (see {a.boot.folder}/com1.txt).")
    return [choose("FIGURE", wanted, names)] if wanted else names


def run():
    """Returns 0 if both runs were green."""
    args = parse()
    if args.a == args.b:
        raise Mistake(f"A={args.a} B={args.b}: two modes that differ.")
    boots = [trace_run.boot_of(mode, args.guest, build=args.build, scope="regions", args=args.args)
             for mode in (args.a, args.b)]
    if args.check:
        return 0
    a, b = (trace_run.run(boot) for boot in boots)
    for side in (a, b):
        if side.trace.head["lost"]:
            raise Mistake(f"{side.boot.column.name}: the ring was too small, {side.trace.head['lost']} records are lost.")
    lines = []
    for name in common(a, b, args.figure):
        left, right = (trace_diff.operation(side, figures(side)[name]) for side in (a, b))
        lines += trace_diff.document(f"{args.guest}: {name}", left, right, a.symbols)
    os.makedirs(trace_run.FOLDER, exist_ok=True)
    path = os.path.join(trace_run.FOLDER, f"{args.a}-{args.b}-{args.guest}.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    for side in (a, b):
        for what in side.failures:
            print(f"FAILED: {side.boot.column.name}: {what}")
    return 1 if a.failures or b.failures else 0


if __name__ == "__main__":
    main(run)
