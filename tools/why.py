#!/usr/bin/env python3
"""`make why`: why the last run that failed did so, in words, from what it left in its folder."""
import argparse
import glob
import json
import os

from lib import why
from lib.usage import Mistake, main


def newest_failure():
    """The folder of the run that failed last."""
    records = sorted(glob.glob("build/boots/*/record.json"), key=os.path.getmtime, reverse=True)
    for path in records:
        with open(path, encoding="utf-8") as file:
            if not json.load(file)["ok"]:
                return os.path.dirname(path)
    if records:
        raise Mistake(f"None of the {len(records)} runs whose records are in build/boots failed.")
    raise Mistake("There is no record of a run in build/boots: `make run`, `make boot` and `make test` leave them.")


def run():
    """Prints the explanation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boot", default="", help="a folder of build/boots")
    folder = parser.parse_args().boot
    if folder:
        folder = folder if os.path.isdir(folder) else os.path.join("build/boots", folder)
        if not os.path.exists(os.path.join(folder, "record.json")):
            raise Mistake(f"{folder} has no record of a run.")
    print(why.explain(folder or newest_failure()))
    return 0


if __name__ == "__main__":
    main(run)
