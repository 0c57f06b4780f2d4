#!/usr/bin/env python3
"""The labs: handing out, grading, handing in, and checking the graders. The verbs are those of `make help`."""
import argparse
import os

from lib import lab_catalog, lab_grade, lab_handout
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
    args = parser.parse_args()
    args.earlier = getattr(args, "earlier", "") or "solved"
    return args


def run():
    """The verb's exit status."""
    args = parse()
    return args.function(args)


if __name__ == "__main__":
    main(run)
