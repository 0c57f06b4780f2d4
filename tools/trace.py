#!/usr/bin/env python3
"""`make trace`: one guest in one mode with the trace on; writes it for Perfetto's viewer and as text."""
import argparse
import json
import os
import sys

from lib import qemu, trace, trace_chrome, trace_run, trace_text
from lib.usage import Mistake, choose, main


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="ept")
    parser.add_argument("--guest", default="hello")
    parser.add_argument("--emu", default="bochs")
    parser.add_argument("--kinds", default="all", help="what is recorded: all, or words with commas")
    parser.add_argument("--scope", default="life", help="life, regions or calls")
    parser.add_argument("--kib", default=str(trace_run.KIB), help="size of the ring")
    parser.add_argument("--build", default="release")
    parser.add_argument("--args", default="", help="the guest's own arguments")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    return parser.parse_args()


def write(traced, name):
    """Writes NAME.json and NAME.txt; returns their paths."""
    os.makedirs(trace_run.FOLDER, exist_ok=True)
    base = os.path.join(trace_run.FOLDER, name)
    about = {"guest": traced.boot.guest.name, "mode": traced.boot.column.name, "build": traced.boot.build,
             "commit": traced.trace.head["commit"], "command_line": traced.boot.hypervisor_line()}
    with open(base + ".json", "w", encoding="utf-8") as file:
        json.dump(trace_chrome.document(traced.trace, traced.symbols, traced.figure_names(), about), file)
        file.write("\n")
    with open(base + ".txt", "w", encoding="utf-8") as file:
        title = f"{traced.boot.guest.name} in {traced.boot.column.name}, {traced.boot.build} build"
        file.write(trace_text.document(traced.trace, traced.symbols, title))
    return base + ".json", base + ".txt"


def complaints(traced):
    """What is wrong with the run or with its trace."""
    yield from traced.failures
    if traced.trace.head["lost"]:
        yield f"the ring was too small: {traced.trace.head['lost']} older records are lost (KIB=, KINDS= and IN= help)"
    for name, speaker in traced.console.speakers.items():
        for what in trace.disagreements(traced.trace, name, speaker.ledger):
            yield f"{name}: {what}"


def run():
    """Returns 0 if the guest ended well."""
    args = parse()
    choose("EMU", args.emu, ["bochs", "qemu"])
    if not args.kib.isdecimal():
        raise Mistake(f"KIB={args.kib} is no number.")
    boot = trace_run.boot_of(args.mode, args.guest, args.kinds, args.build, args.scope, int(args.kib), args.args)
    if args.emu == "qemu":
        qemu.check(boot.column, "tcg")
    if args.check:
        return 0
    traced = trace_run.run(boot, args.emu)
    paths = write(traced, f"{boot.column.name}-{boot.guest.name}")
    print("\n".join(trace_text.totals(traced.trace.records)))
    print(f"{paths[0]}: open it at ui.perfetto.dev (it stays on your machine) or chrome://tracing")
    print(f"{paths[1]}: the same as text")
    wrong = list(complaints(traced))
    for what in wrong:
        print(f"NOTE: {what}", file=sys.stderr)
    return 1 if traced.failures else 0


if __name__ == "__main__":
    main(run)
