#!/usr/bin/env python3
"""`make run`: every guest in every column under Bochs, and the table that compares them."""
import argparse
import os

from lib import bochs, columns, guests, linux, linux_figures, record, runs, table, xen
from lib.boot import Boot
from lib.usage import choose, main

WALL_SECONDS = 1800  # Linux as a PV domain takes two minutes, on a machine that does nothing else


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


def linux_boots(where, build):
    """Linux in each column; under shadow paging twice, the second time with more forks: the difference is theirs."""
    for column in where:
        forks = "" if column.name == "pv" else f" trivisor.forks={linux_figures.FORKS}"
        yield Boot(column, linux.guest(column, words="trivisor.check" + forks), build)
        if column.name == "shadow":
            more = f"trivisor.check trivisor.forks={2 * linux_figures.FORKS}"
            yield Boot(column, linux.guest(column, words=more), build, tag="forks")


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
        boots = list(linux_boots(where, args.build)) + boots
    progress = runs.Progress(len(boots))
    found = {}
    for boot, result in runs.all_of(boots, args.jobs, progress, WALL_SECONDS if args.linux else bochs.WALL_SECONDS):
        record.save(result, boot.tag)
        found[("-".join([boot.guest.name] + boot.tag.split()), boot.column.name)] = result
    return report(found, [guest.name for guest in chosen] + (["linux"] if args.linux else []), names)


def report(found, order, names):
    """Prints the table of {(guest, column): record}; returns 0 if all is green."""
    records = {(guest, name): found[(guest, name)] for guest in order for name in names if (guest, name) in found}
    text = table.render(records, names)
    ceilings = linux_figures.beside_ceilings(found)
    if ceilings:
        record.write(ceilings, os.path.join(record.FOLDER, "linux-ceilings.json"))
        text += "\n\n" + linux_figures.render(ceilings)
    with open(os.path.join(record.FOLDER, "table.txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    print(f"\n{text}\n")
    bad = [f"{column}-{guest}" for (guest, column), result in found.items() if not result["ok"]]
    bad += [f"{line['column']}: {line['what']}" for line in ceilings if not line["ok"]]
    green = sum(result["ok"] for result in found.values())
    print(f"{green} of {len(found)} runs green" + (f"; not {', '.join(bad)}" if bad else "") +
          f". Results: {record.FOLDER}/*.json and table.txt; logs: build/boots/*/com1.txt")
    return 1 if bad else 0


if __name__ == "__main__":
    main(run)
