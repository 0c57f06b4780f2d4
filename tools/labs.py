#!/usr/bin/env python3
"""The labs: handing out, grading, handing in, and checking the graders. The verbs are those of `make help`."""
import argparse
import os
import time

from lib import lab_catalog, lab_grade, lab_handin, lab_handout, lab_matrix
from lib.usage import Mistake, main


def handout(args):
    """One student's tree."""
    lab_handout.make(args.lab, args.dir, args.earlier)
    print(f"The lab {args.lab} is in {args.dir}: begin with labs/{args.lab}/README.md.")
    return 0


def handout_all(args):
    """A tree for each lab, DIR/NAME."""
    if not args.dir:
        raise Mistake("Say where the handouts go: DIR=path of a folder that is empty or not there yet.")
    for name in lab_catalog.names():
        args.lab = name
        lab_handout.make(name, os.path.join(args.dir, name), args.earlier)
        print(f"{args.dir}/{name}")
    return 0


def grade(args):
    """What a submission scores."""
    try:
        seed = int(args.seed, 16) if args.seed else None
    except ValueError as error:
        raise Mistake(f"SEED={args.seed} is not a hexadecimal number.") from error
    return lab_grade.grade(args.lab, args.submission, args.json, args.junit, seed)


def check(args):
    """The graders graded."""
    names = args.labs.split() or lab_catalog.names()
    for name in names:
        lab_catalog.check_name(name)
    start, bad, count = time.monotonic(), [], 0
    for name, variant, wrong, report in lab_matrix.check(names, os.cpu_count(), args.verb == "check-all"):
        count += 1
        print(f"{'FAILED' if wrong else 'ok    '} {name}: {variant.what}{': ' + wrong if wrong else ''}", flush=True)
        if wrong:
            bad.append(name)
            print("".join(f"    {line}\n" for line in report.splitlines() if not line.startswith("  ok ")), end="")
    print(f"{count - len(bad)} passed, {len(bad)} failed ({time.monotonic() - start:.0f} s)")
    return 1 if bad else 0


def handin(args):
    """An archive of the lab's files."""
    return lab_handin.handin(args.lab, args.student)


def debug(args):
    """The lab in a debugger."""
    return lab_handin.debug(args.lab, args.mode, args.test, args.emu)


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(function, name, *options):
        sub = verbs.add_parser(name, help=function.__doc__)
        sub.set_defaults(function=function)
        for option in options:
            sub.add_argument(f"--{option}", default="")
    verb(handout, "handout", "lab", "dir", "earlier")
    verb(handout_all, "handout-all", "dir", "earlier")
    verb(grade, "grade", "lab", "submission", "json", "junit", "seed")
    verb(check, "check", "labs")
    verb(check, "check-all", "labs")
    verb(handin, "handin", "lab", "student")
    verb(debug, "debug", "lab", "mode", "test", "emu")
    args = parser.parse_args()
    args.earlier = getattr(args, "earlier", "") or "solved"
    return args


def run():
    """The verb's exit status."""
    args = parse()
    lab_handout.forget_make()
    try:
        return args.function(args)
    except RuntimeError as error:  # a command that must not fail has
        raise Mistake(str(error).rstrip()) from error


if __name__ == "__main__":
    main(run)
