#!/usr/bin/env python3
"""`make iso`: a bootable image for real hardware, with a menu: each guest, and all in a row. The
hypervisor's console is on COM1 and VGA. For a CD, or copied onto a USB stick as it is."""
import argparse
import os

from lib import columns, guests, image
from lib.boot import Boot
from lib.usage import Mistake, choose, main


def entry_lines(boot):
    """GRUB's commands for one guest, the console also on the screen."""
    lines, _, files = image.commands(boot)
    return [line.replace("domains=serial", "domains=serial console=com1,vga") for line in lines], files


def run():
    """Writes build/trivisor-MODE.iso."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="ept")
    parser.add_argument("--guests", default="")
    parser.add_argument("--build", default="release")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    args = parser.parse_args()
    column = columns.ALL[choose("MODE", args.mode, list(columns.ALL))]
    choose("BUILD", args.build, ["release", "debug"])
    if column.under == "xen":
        raise Mistake(f"MODE={column.name} has no image: choose from {', '.join(columns.OURS)}.")
    chosen = guests.chosen(args.guests)
    if args.check:
        return 0
    entries, files, everything = [], {}, []
    for guest in chosen:
        lines, more = entry_lines(Boot(column, guest, args.build))
        files.update(more)
        entries.append((f"{guest.name} ({column.name})", lines))
        everything = everything or lines[:1]
        everything = everything + lines[1:]
    if column.under and len(chosen) > 1:
        entries.append((f"all, one after another ({column.name})", everything))
    path = f"build/trivisor-{column.name}.iso"
    image.rescue(path, entries, files)
    print(f"{path}: {os.path.getsize(path) >> 10} KiB, {len(entries)} menu entries. Console on COM1 (115200 8n1)"
          f"{' and VGA' if column.under else ''}. Untested on real hardware.")
    return 0


if __name__ == "__main__":
    main(run)
