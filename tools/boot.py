#!/usr/bin/env python3
"""`make boot`: one guest in one mode, its console live on the terminal; the exit status tells."""
import argparse
import os
import sys

from lib import bochs, columns, guests, image, qemu, record, xen
from lib.boot import Boot
from lib.usage import Mistake, choose, main

EMULATORS = ["bochs", "qemu", "kvm"]


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="ept")
    parser.add_argument("--guest", default="hello")
    parser.add_argument("--emu", default="bochs")
    parser.add_argument("--args", default="", help="the guest's own arguments")
    parser.add_argument("--config", default="", help="more words for the domain's command line")
    parser.add_argument("--build", default="release")
    parser.add_argument("--model", default=Boot.model, help="the CPU that Bochs plays")
    parser.add_argument("--options", default="", help="more words for the hypervisor's command line")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    return parser.parse_args()


def show(text):
    """Live console."""
    sys.stdout.write(text.replace("\r", ""))
    sys.stdout.flush()


def run():
    """Returns 0 if the guest ended well."""
    args = parse()
    column = columns.ALL[choose("MODE", args.mode, list(columns.ALL))]
    guest = guests.load(args.guest)
    choose("EMU", args.emu, EMULATORS)
    choose("BUILD", args.build, ["release", "debug"])
    if args.emu != "bochs":
        qemu.check(column, {"qemu": "tcg"}.get(args.emu, args.emu))
    if args.check:
        return 0
    if column.under == "xen":
        xen.fetch()
    boot = Boot(column, guest, args.build, model=args.model, config=args.config, args=args.args, hypervisor=args.options, tag=args.emu)
    os.makedirs(boot.folder, exist_ok=True)
    if args.emu == "bochs":
        outcome = bochs.run(boot, image.for_boot(boot), show)
    else:
        if args.emu == "kvm":
            print("EMU=kvm is untested.", file=sys.stderr)
        outcome = qemu.run(boot, "kvm" if args.emu == "kvm" else "tcg", show)
    if args.emu == "kvm" and not outcome.log.strip():
        raise Mistake("EMU=kvm: QEMU could not run the guest under this machine's KVM: use EMU=bochs or EMU=qemu.")
    result = record.make(boot, outcome, args.emu)
    for failure in result["failures"]:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    main(run)
