#!/usr/bin/env python3
"""`make bench-core`: each measured figure beside its ceiling; exit status 1 if one is missed."""
import json
import os

from lib import columns, guests, runs
from lib.boot import Boot
from lib.usage import main

CEILINGS = "tests/bench/ceilings.json"


def boot_of(item, column):
    """The boot in which an operation's figure is measured. More words for the domain set it apart."""
    config = item.get("config", "") if columns.ALL[column].under else ""
    return Boot(columns.ALL[column], guests.load(item["guest"]), config=config, tag=config.replace("=", "-"))


def boots_of(items):
    """Every boot that is needed, once."""
    boots = {}
    for item in items:
        for column in ("native", item["column"]):
            if column in columns.available() and item["guest"] in guests.names() + guests.APART:
                boots[boot_of(item, column).label] = boot_of(item, column)
    return list(boots.values())


def figure(records, item, column):
    """A figure's ticks; None if there is no such figure."""
    found = records.get(boot_of(item, column).label)
    value = found["figures"].get(item["figure"]) if found else None
    return value.get("ticks") if value else None


def row(what, column, value, ceiling, yardstick):
    """One line of the table, and whether the ceiling holds."""
    good = value is not None and value <= ceiling
    mark = "" if good else "not measured" if value is None else f"MISSED by {value - ceiling}"
    shown = "-" if value is None else str(value)
    print(f"{column:6} {what:32} {shown:>8} {ceiling:>8}  {yardstick:24} {mark}".rstrip())
    return good


def operations(items, records):
    """The operations' lines."""
    good = True
    for item in items:
        total, native = figure(records, item, item["column"]), figure(records, item, "native")
        value = None if total is None else total - (native or 0)
        good &= row(item["what"], item["column"], value, item["ceiling"], f"({item['yardstick']})")
    return good


def sizes(items, records):
    """The lines on the image's size and a domain's memory: the largest of all boots of a mode."""
    good = True
    for item in items:
        for column in columns.available():
            lines = []
            for result in records.values():
                if result["column"] == column and result[item["line"]]:
                    found = result[item["line"]]
                    lines += found if isinstance(found, list) else [found]
            if lines:
                value = max(line.get(item["key"], 0) for line in lines)
                good &= row(item["what"] + ", bytes", column, value, item["ceiling"], "")
    return good


def bench():
    """Runs what is needed and prints the table."""
    with open(CEILINGS, encoding="utf-8") as file:
        ceilings = json.load(file)
    boots = boots_of(ceilings["operations"])
    records, green = {}, True
    for boot, result in runs.all_of(boots, os.cpu_count(), runs.Progress(len(boots))):
        records[boot.label] = result
        green &= result["ok"]
    print(f"\n{'mode':6} {'operation':32} {'measured':>8} {'ceiling':>8}")
    good = operations(ceilings["operations"], records)
    good &= sizes(ceilings["bytes"], records)
    print("Instructions in the hypervisor an operation, under Bochs; the guest's own, as measured natively, taken off.")
    return 0 if good and green else 1


if __name__ == "__main__":
    main(bench)
