#!/usr/bin/env python3
"""`make run`: every guest in every column under Bochs, and the table that compares them."""
import argparse
import os

from lib import columns, guests, linux, record, runs, table, xen
from lib.boot import Boot
from lib.usage import choose, main


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", default="", help="names; all of them if empty")
    parser.add_argument("--modes", default="", help="columns; all of this project's own if empty")
    parser.add_argument("--xen", action="store_true", help="also under Debian's Xen")
    parser.add_argument("--linux", action="store_true", help="also Debian's Linux")
    parser.add_argument("--build", default="release")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    return parser.parse_args()


def chosen_columns(args):
    """The columns to run, in the table's order."""
    choose("BUILD", args.build, ["release", "debug"])
    names = [choose("MODE", name, list(columns.ALL)) for name in args.modes.split()] or columns.available()
    names += columns.XEN if args.xen else []
    return [name for name in columns.ALL if name in names]


def boots_for(names, chosen, build):
    """Every guest in every column where it belongs."""
    for guest in chosen:
        for name in names:
            if columns.ALL[name].under != "xen" or guest.xen:
                yield Boot(columns.ALL[name], guest, build)


def run():
    """Returns 0 if every guest is green in every column."""
    args = parse()
    names, chosen = chosen_columns(args), guests.chosen(args.guests)
    if args.check:
        return 0
    if set(names) & set(columns.XEN):
        xen.fetch()
    boots = list(boots_for(names, chosen, args.build))
    if args.linux:
        linux.fetch()
        where = [columns.ALL[name] for name in names if name in linux.COLUMNS]
        boots = [Boot(column, linux.guest(column, words="trivisor.check"), args.build) for column in where] + boots
    progress = runs.Progress(len(boots))
    found = {}
    for boot, result in runs.all_of(boots, args.jobs, progress):
        record.save(result)
        found[(boot.guest.name, boot.column.name)] = result
    order = [guest.name for guest in chosen] + (["linux"] if args.linux else [])
    records = {(guest, name): found[(guest, name)] for guest in order for name in names if (guest, name) in found}
    text = table.render(records, names)
    with open(os.path.join(record.FOLDER, "table.txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    print(f"\n{text}\n")
    bad = [f"{column}-{guest}" for (guest, column), result in records.items() if not result["ok"]]
    print(f"{len(records) - len(bad)} of {len(records)} runs green" + (f"; not {', '.join(bad)}" if bad else "") +
          f". Results: {record.FOLDER}/*.json and table.txt; logs: build/boots/*/com1.txt")
    return 1 if bad else 0


if __name__ == "__main__":
    main(run)
