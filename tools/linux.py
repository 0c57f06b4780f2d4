#!/usr/bin/env python3
"""`make linux`: Debian's own kernel, unmodified, to a shell on this terminal; with --test it checks the
machine under it and ends."""
import argparse
import os
import sys

from lib import bochs, columns, image, kernels, linux, qemu, record, terminal
from lib.boot import Boot
from lib.usage import choose, main

CHECK = "trivisor.check"
SPARE_MIB = 128  # of the machine, beside the kernel's memory and its files


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="ept")
    parser.add_argument("--emu", default="", help="bochs or qemu; without it the quicker one that can")
    parser.add_argument("--build", default="release")
    parser.add_argument("--mem", default="128M")
    parser.add_argument("--plain", action="store_true", help="a command line of console= alone")
    parser.add_argument("--words", default="", help="further words for the kernel's command line")
    parser.add_argument("--test", action="store_true", help="run guests/linux/check instead of a shell")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    return parser.parse_args()


def show(text):
    """Live console; the terminal may be in raw mode."""
    sys.stdout.write(text.replace("\r", "").replace("\n", "\r\n"))
    sys.stdout.flush()


def boot_with(args, boot, line=None):
    """Runs the emulator to its end."""
    if args.emu == "bochs":
        return bochs.run(boot, image.for_boot(boot), show, line=line)
    return qemu.run(boot, "tcg", show, line=line)


def at_a_prompt(args, boot):
    """With a person's keyboard."""
    print("Ctrl-] leaves.", flush=True)
    with terminal.raw_keyboard(), terminal.Line(os.path.join(boot.folder, "com1.txt")) as line:
        return boot_with(args, boot, line)


def run():
    """Returns 0 if Linux ended well."""
    args = parse()
    column = columns.ALL[choose("MODE", args.mode, columns.OURS)]
    args.emu = args.emu or ("qemu" if column.name == "pv" else "bochs")
    choose("EMU", args.emu, ["bochs", "qemu"])
    choose("BUILD", args.build, ["release", "debug"])
    if args.emu == "qemu":
        qemu.check(column, "tcg")
    megs = max(Boot.megs, (kernels.mebibytes(args.mem) + SPARE_MIB + 63) // 64 * 64)
    if args.check:
        return 0
    linux.fetch()
    guest = linux.guest(column, not args.plain, f"{args.words} {CHECK if args.test else ''}".strip(), args.mem,
                        linux.KHZ if args.emu == "bochs" else 0)
    boot = Boot(column, guest, args.build, megs, hypervisor="" if args.test else "input=linux",
                tag="-".join([args.emu] + (["plain"] if args.plain else [])))
    os.makedirs(boot.folder, exist_ok=True)
    outcome = boot_with(args, boot) if args.test else at_a_prompt(args, boot)
    if not args.test:
        return 0 if outcome.why == "left" or outcome.status == (1 if args.emu == "qemu" else 0) else 1
    result = record.make(boot, outcome, args.emu)
    for failure in result["failures"]:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    main(run)
