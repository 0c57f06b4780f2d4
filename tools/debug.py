#!/usr/bin/env python3
"""`make debug`: one guest in one mode inside a debugger, with the symbols of hypervisor and guest:
Bochs' own at its prompt, or gdb on QEMU for the modes that QEMU can run (docs/tracing.md)."""
import argparse
import os
import subprocess

from lib import columns, desk, dump, gdb, guests, image, qemu, xen
from lib.boot import Boot
from lib.usage import Mistake, choose, main


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="shadow")
    parser.add_argument("--guest", default="hello")
    parser.add_argument("--emu", default="bochs")
    parser.add_argument("--args", default="", help="the guest's own arguments")
    parser.add_argument("--build", default="debug")
    parser.add_argument("--options", default="", help="more words for the hypervisor's command line")
    parser.add_argument("--at", default="", help="EMU=dump: the hypervisor's function to stop in")
    parser.add_argument("--times", default="1", help="EMU=dump: at which call of it")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    return parser.parse_args()


def elfs(boot):
    """What has symbols: the hypervisor, if it is ours, and the guest."""
    kernel = boot.column.kernel(boot.build) if boot.column.under == "trivisor" else None
    return [elf for elf in (kernel, boot.guest.elf) if elf]


def in_gdb(boot):
    """gdb on a QEMU that waits for it."""
    with gdb.machine(boot) as socket:
        start = "core_main" if boot.column.under == "trivisor" else "guest_main"
        print(f"gdb: `hbreak {start}`, `c`, `bt`; `trivisor` lists the commands for hypervisor and guest.\n"
              f"The console: {boot.folder}/com1.txt", flush=True)
        return subprocess.run(gdb.command(elfs(boot)) + ["-ex", f"target remote {socket}"], check=False).returncode


def on_dump(boot, at, times):
    """gdb on what Bochs' machine was when it came to a place."""
    print(f"Running to {at}, {times} times; then gdb. `trivisor` lists the commands for hypervisor and guest.\n"
          f"The console: {boot.folder}/com1.txt", flush=True)
    core = dump.core(boot, at, times)
    return subprocess.run(gdb.command(elfs(boot)) + ["-ex", f"core-file {core}"], check=False).returncode


def run():
    """The debugger's exit status."""
    args = parse()
    column = columns.ALL[choose("MODE", args.mode, list(columns.ALL))]
    guest = guests.load(args.guest)
    choose("EMU", args.emu, ["bochs", "qemu", "dump"])
    choose("BUILD", args.build, ["release", "debug"])
    if args.emu == "qemu":
        qemu.check(column, "tcg")
    if args.emu == "dump" and column.under != "trivisor":
        raise Mistake(f"MODE={column.name}: EMU=dump stops in the hypervisor, and there is none of ours: use EMU=bochs.")
    if args.emu == "dump" and not (args.times.isdecimal() and 0 < int(args.times) <= dump.MOST_TIMES):
        raise Mistake(f"TIMES={args.times} is no number from 1 to {dump.MOST_TIMES}.")
    if args.emu == "dump" and not args.at:
        raise Mistake("EMU=dump wants to know where to stop: AT=function of the hypervisor's, for instance AT=paging_fault.")
    if args.check:
        return 0
    if column.under == "xen":
        xen.fetch()
    boot = Boot(column, guest, args.build, args=args.args, hypervisor=args.options, tag="debugger")
    os.makedirs(boot.folder, exist_ok=True)
    if args.emu == "bochs":
        return desk.in_bochs(boot, elfs(boot), image.for_boot(boot))
    return on_dump(boot, args.at, int(args.times)) if args.emu == "dump" else in_gdb(boot)


if __name__ == "__main__":
    main(run)
