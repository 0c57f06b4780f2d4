#!/usr/bin/env python3
"""What the records of `make run` (build/results/COLUMN-GUEST.json) say of one figure.

    python3 labs/compare/figures.py fault page_fault_round      a table for each column that was run
"""
import json
import os
import sys

FOLDER = "build/results"
COLUMNS = ("native", "shadow", "ept", "pv")
ENTRIES = ("exit_", "hc_")  # counters of ways into the hypervisor; the others count what it did there


def load(guest, folder=FOLDER):
    """{column: record} of a guest."""
    records = {}
    for column in COLUMNS:
        path = os.path.join(folder, f"{column}-{guest}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                records[column] = json.load(file)
    return records


def counters(record, name):
    """{counter: (times, ticks) an operation} of a figure's region of the ledger. A counter without times holds what
    leaving the region cost: that is no part of the operation."""
    figure = record["figures"].get(name, {})
    region = record["regions"].get(str(figure.get("region")), {"counters": {}})
    return {key: (cell["n"] / figure["ops"], cell["ticks"] / figure["ops"])
            for key, cell in region["counters"].items() if cell["n"]}


def entries(record, name):
    """The same of the ways into the hypervisor alone."""
    return {key: cell for key, cell in counters(record, name).items() if key.startswith(ENTRIES)}


def ticks(record, name):
    """What the operation takes."""
    return record["figures"][name]["ticks"]


def crossings(record, name):
    """Ways into the hypervisor an operation."""
    return sum(cell[0] for cell in entries(record, name).values())


def inside(record, name):
    """Ticks in the hypervisor an operation."""
    return sum(cell[1] for cell in entries(record, name).values())


def dearest(record, name):
    """The way into the hypervisor that takes the most ticks."""
    cells = entries(record, name)
    return max(cells, key=lambda key: cells[key][1]) if cells else "none"


def main():
    """The table."""
    if len(sys.argv) != 3:
        sys.exit("usage: figures.py GUEST FIGURE, after `make run GUESTS=GUEST`")
    guest, name = sys.argv[1:]
    records = load(guest)
    if not records:
        sys.exit(f"There is no record of {guest} in {FOLDER}: run `make run GUESTS={guest}` first.")
    for column, record in records.items():
        if "ticks" not in record["figures"].get(name, {}):
            sys.exit(f"{guest} has no figure {name}; it has {', '.join(record['figures'])}.")
        print(f"{column}: {ticks(record, name)} ticks")
        for key, (times, spent) in counters(record, name).items():
            print(f"    {key:20} {times:6.2f} times" + (f", {spent:8.1f} ticks" if spent else ""))
        if column != "native":
            print(f"    in the hypervisor    {crossings(record, name):6.2f} times, {inside(record, name):8.1f} ticks")


if __name__ == "__main__":
    main()
