#!/usr/bin/env python3
"""`make boot`: one guest in one mode, its console live on the terminal; the exit status tells. With --kernel
it is anybody's kernel (docs/kernels.md)."""
import argparse
import os
import sys

from lib import bochs, columns, console, guests, image, kernels, qemu, record, terminal, xen
from lib.boot import Boot
from lib.usage import Mistake, choose, main

EMULATORS = ["bochs", "qemu", "kvm"]
SPARE_MIB = 96  # of the machine, beside a kernel's memory and the copies of its files


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="ept")
    parser.add_argument("--guest", default="hello")
    parser.add_argument("--kernel", default="", help="a kernel's file, instead of a guest")
    parser.add_argument("--initrd", default="", help="its RAM disk, or a Multiboot kernel's modules")
    parser.add_argument("--cmdline", default="", help="its command line")
    parser.add_argument("--mem", default="128M", help="its memory")
    parser.add_argument("--emu", default="bochs")
    parser.add_argument("--args", default="", help="the guest's own arguments")
    parser.add_argument("--config", default="", help="more words for the domain's command line")
    parser.add_argument("--build", default="release")
    parser.add_argument("--model", default=Boot.model, help="the CPU that Bochs plays")
    parser.add_argument("--options", default="", help="more words for the hypervisor's command line")
    parser.add_argument("--check", action="store_true", help="only check the arguments")
    return parser.parse_args()


def show(text):
    """Live console; the terminal may be in raw mode."""
    sys.stdout.write(text.replace("\r", "").replace("\n", "\r\n" if sys.stdout.isatty() else "\n"))
    sys.stdout.flush()


def emulate(args, boot, line=None):
    """Runs the emulator to its end."""
    if args.emu == "bochs":
        return bochs.run(boot, image.for_boot(boot), show, line=line)
    return qemu.run(boot, "kvm" if args.emu == "kvm" else "tcg", show, line=line)


def boot_guest(args, column, guest):
    """A guest of the set."""
    boot = Boot(column, guest, args.build, model=args.model, config=args.config, args=args.args, hypervisor=args.options, tag=args.emu)
    os.makedirs(boot.folder, exist_ok=True)
    outcome = emulate(args, boot)
    if args.emu == "kvm" and not outcome.log.strip():
        raise Mistake("EMU=kvm: QEMU could not run the guest under this machine's KVM: use EMU=bochs or EMU=qemu.")
    return boot, outcome


def machine_mib(guest):
    """How much memory the machine needs."""
    files = sum(os.path.getsize(path) for path in (guest.kernel, *guest.initrd.split())) >> 20
    return max(Boot.megs, (kernels.mebibytes(guest.mem) + files + SPARE_MIB + 63) // 64 * 64)


def boot_kernel(args, column, guest):
    """Anybody's kernel: with this terminal as its serial line, if there is one."""
    typed = sys.stdin.isatty()
    words = " ".join(word for word in (f"input={guest.name}" if typed else "", args.options) if word)
    boot = Boot(column, guest, args.build, machine_mib(guest), args.model, args.config, hypervisor=words, tag=args.emu)
    os.makedirs(boot.folder, exist_ok=True)
    if not typed:
        return boot, emulate(args, boot)
    print("Ctrl-] leaves.", flush=True)
    with terminal.raw_keyboard(), terminal.Line(os.path.join(boot.folder, "com1.txt")) as line:
        return boot, emulate(args, boot, line)


def verdict(boot, outcome, args):
    """What is wrong with how it ended, as sentences. A kernel that knows nothing of docs/formats.md is judged by
    how its machine ended."""
    if outcome.why == "left":
        return []
    parsed = console.parse(outcome.log)
    if not boot.guest.kernel or any(speaker.guest for speaker in parsed.speakers.values()):
        return record.make(boot, outcome, args.emu)["failures"]
    if outcome.why:
        return [f"not finished after {boot.guest.budget} ticks" if outcome.why == "budget" else "not finished in time"]
    ends = [f"{life['reason']} {life['detail']}" for speaker in parsed.speakers.values() for life in speaker.lives if not life["expected"]]
    good = parsed.machine["ok"] if parsed.machine else not boot.column.under and outcome.status in (0, 1)
    return parsed.faults + ends + ([] if good or ends else ["the machine did not end well"] + outcome.complaints)


def run():
    """Returns 0 if the guest ended well."""
    args = parse()
    column = columns.ALL[choose("MODE", args.mode, columns.OURS if args.kernel else list(columns.ALL))]
    choose("EMU", args.emu, EMULATORS)
    choose("BUILD", args.build, ["release", "debug"])
    if args.emu != "bochs":
        qemu.check(column, {"qemu": "tcg"}.get(args.emu, args.emu))
    if args.kernel:
        guest = kernels.guest(column, args.kernel, args.initrd, args.cmdline, args.mem, args.emu)
    elif args.initrd or args.cmdline:
        raise Mistake("INITRD= and CMDLINE= go with KERNEL=; a guest of the set takes ARGS=.")
    else:
        guest = guests.load(args.guest)
    if args.check:
        return 0
    if column.under == "xen":
        xen.fetch()
    if args.emu == "kvm":
        print("EMU=kvm is untested.", file=sys.stderr)
    boot, outcome = (boot_kernel if args.kernel else boot_guest)(args, column, guest)
    failures = verdict(boot, outcome, args)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    main(run)
