"""Runs a boot under QEMU: fast, without VT-x, entered through PVH without GRUB (but for QEMU=grub).

Natively the guest is the -kernel; paravirtualized the hypervisor is, and its domains come in one
newc cpio archive (docs/formats.md).
"""
import os
import subprocess
import time

from lib.bochs import Outcome, follow
from lib.image import for_boot, strip
from lib.usage import Mistake

# Without SMAP: executed in ring 3, iretq under SMAP faults here where no processor does.
CPU = "max,-smap,la57=off"
SECONDS = 120


def check(column, accelerator):
    """Refuses what this emulator cannot run."""
    if accelerator == "kvm":
        check_kvm(column)
    elif column.vtx:
        raise Mistake(f"MODE={column.name} needs VT-x, which QEMU does not emulate: use EMU=bochs.")
    if column.under == "xen":
        raise Mistake(f"MODE={column.name} is run under Bochs only: use EMU=bochs.")


def check_kvm(column):
    """KVM is offered but untested here; refused where it cannot work."""
    if not os.path.exists("/dev/kvm"):
        raise Mistake("EMU=kvm needs /dev/kvm, which this machine does not have: use EMU=bochs or EMU=qemu.")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Mistake("EMU=kvm needs the right to open /dev/kvm (group kvm): use EMU=bochs or EMU=qemu.")
    if column.vtx:
        try:
            with open("/sys/module/kvm_intel/parameters/nested", encoding="ascii") as file:
                nested = file.read().strip() in ("Y", "1")
        except FileNotFoundError:
            nested = False
        if not nested:
            raise Mistake(f"MODE={column.name} under KVM needs nested VT-x (kvm_intel.nested=1), which is off: "
                          "use EMU=bochs.")


def cpio_entry(name, data, number):
    """One file of a newc archive."""
    fields = [number, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def archive(boot, path):
    """For each module its file, and FILE.cfg with its command line."""
    out = b""
    for index, (source, line) in enumerate(boot.modules()):
        name = os.path.basename(source)
        if name.endswith(".elf") and source != boot.guest.kernel:
            strip(source, os.path.join(boot.folder, name))
            source = os.path.join(boot.folder, name)
        with open(source, "rb") as file:
            out += cpio_entry(name, file.read(), 2 * index + 1)
        out += cpio_entry(f"{name}.cfg", line.encode() + b"\n", 2 * index + 2)
    with open(path, "wb") as file:
        file.write(out + cpio_entry("TRAILER!!!", b"", 0))


def debug_output(boot):
    """Where a run leaves what was written to the debug port."""
    return os.path.join(boot.folder, "debug.txt")


def command(boot, accelerator="tcg", serial="stdio"):
    """QEMU's command line for a boot; makes the files that it needs in the boot's folder."""
    kernel = boot.column.kernel(boot.build) or boot.guest.elf
    if kernel.endswith(".elf") and kernel != boot.guest.kernel:
        strip(kernel, os.path.join(boot.folder, "kernel.elf"))
        kernel = os.path.join(boot.folder, "kernel.elf")
    words = ["qemu-system-x86_64", "-m", str(boot.megs), "-smp", str(boot.processors), "-display", "none", "-nodefaults", "-no-reboot",
             "-serial", serial, "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    words += ["-debugcon", f"file:{debug_output(boot)}"]
    words += ["-accel", "kvm", "-cpu", "host"] if accelerator == "kvm" else ["-accel", "tcg", "-cpu", CPU]
    if boot.guest.cd and not boot.column.under:
        return words + ["-cdrom", for_boot(boot)]
    words += ["-kernel", kernel]
    if boot.column.under == "trivisor":
        modules = os.path.join(boot.folder, "domains.cpio")
        archive(boot, modules)
        return words + ["-initrd", modules, "-append", boot.hypervisor_line()]
    if boot.guest.kernel:
        disks = [f"{disk} {os.path.basename(disk)}" if boot.guest.loader == "multiboot" else disk
                 for disk in boot.guest.initrd.split()]
        return words + ["-append", boot.kernel_line()] + (["-initrd", ",".join(disks)] if disks else [])
    return words + ["-append", boot.domain_line()]


def run(boot, accelerator="tcg", on_text=None, seconds=SECONDS, line=None):
    """Boots; on_text gets the console piece by piece. With a terminal.Line the serial port is that line, and
    nothing bounds the run but its user."""
    check(boot.column, accelerator)
    os.makedirs(boot.folder, exist_ok=True)
    console = os.path.join(boot.folder, "com1.txt")
    with open(console, "wb"):
        pass
    start = time.monotonic()
    serial = line.device if line else f"file:{console}"
    with subprocess.Popen(command(boot, accelerator, serial), stdin=subprocess.DEVNULL) as process:
        try:
            why = follow(process, console, False, on_text, 0 if line else seconds, line)
        except BaseException:
            process.kill()
            raise
    with open(console, encoding="utf-8", errors="replace", newline="") as file:
        log = file.read().replace("\r", "")
    return Outcome(log, process.returncode, why, time.monotonic() - start, [])
