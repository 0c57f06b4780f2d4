#!/usr/bin/env python3
"""Puts the table of the last `make run` into README.md, between its two markers."""
import os

from lib import record
from lib.usage import Mistake, main

BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


def run():
    """Rewrites README.md."""
    path = os.path.join(record.FOLDER, "table.txt")
    if not os.path.exists(path):
        raise Mistake(f"There is no {path}: run `make run` first.")
    with open(path, encoding="utf-8") as file:
        table = file.read()
    with open("README.md", encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
        after = rest.partition(END)[2]
    with open("README.md", "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}```\n{table}```\n{END}{after}")
    return 0


if __name__ == "__main__":
    main(run)
