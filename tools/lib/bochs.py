"""Runs a boot under Bochs, headless, each in a folder of its own.

The budget is kept by Bochs itself: a time breakpoint of its debugger ends the run at a number of
ticks, so that a run that hangs ends at the same tick on every machine. Wall time is the last net.
"""
import os
import re
import subprocess
import time
from dataclasses import dataclass

from lib import disk

HOST_MEGS = 2048  # what Bochs takes of the host's memory, at most
# Everything that is compared runs on this machine; only model, memory and image vary.
CONFIG = """\
config_interface: textconfig
display_library: {display}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
{memory}
cpu: {count}model={model}, ips=50000000, reset_on_triple_fault=0
clock: sync=none, time0=946684800
{drives}
boot: cdrom
com1: enabled=1, {serial}
port_e9_hack: enabled=1
magic_break: enabled=1
log: bochs.log
panic: action=fatal
"""
DISK = """\
ata0-master: type=disk, path={path}, mode=flat, cylinders={cylinders}, heads={heads}, spt={track}
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
{cdrom}"""
TO_FILE = "mode=file, dev=com1.txt"
STARTS = 5  # of Bochs until its display finds a port
HEADLESS = 'rfb, options="timeout=0"'
WALL_SECONDS = 300
# Xen stops the processor when its dom0 has ended, and no machine ends by that.
XEN_END = re.compile(rb"Hardware Dom0 (halted|crashed|shutdown)|Panic on CPU|Reboot disabled")


@dataclass
class Outcome:
    """How an emulator's run ended."""
    log: str  # the serial console
    status: int  # the emulator's exit status
    why: str  # "" or what ended it from outside: "budget", "wall time"
    seconds: float
    complaints: list  # lines of the emulator's own log that explain a failure
    entered: int = 0  # TSC at which guest.entry was reached natively


def memory(megs):
    """The machine's memory; more than 2 GiB Bochs keeps in a file, as far as it is used."""
    return f"megs: {megs}" if megs <= HOST_MEGS else f"memory: guest={megs}, host={HOST_MEGS}"


def configure(boot, image, display=HEADLESS, serial=TO_FILE):
    """Writes the configuration into the boot's folder."""
    drives = f"ata0-master: type=cdrom, path={os.path.basename(image)}, status=inserted"
    if boot.guest.disk and not boot.column.under:  # the hypervisor has no use for the machine's disk
        path = os.path.basename(disk.make(boot.folder, boot.guest.disk))
        drives = DISK.format(path=path, cylinders=disk.cylinders(boot.guest.disk), heads=disk.HEADS, track=disk.TRACK,
                             cdrom=drives.replace("ata0", "ata1"))
    text = CONFIG.format(display=display, memory=memory(boot.megs), model=boot.model,
                         count=f"count={boot.processors}, " if boot.processors > 1 else "", drives=drives,
                         serial=serial)
    with open(os.path.join(boot.folder, "bochsrc"), "w", encoding="ascii") as file:
        file.write(text)


def debug_output(boot):
    """Where a run leaves what was written to the debug port, among the debugger's own lines."""
    return os.path.join(boot.folder, "bochs.out")


def complaints(folder):
    """What Bochs says of failed VM entries and triple faults."""
    try:
        with open(os.path.join(folder, "bochs.log"), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file
                     if re.search(r"VMFAIL|VMENTER FAIL|3rd \(|PANIC", line) and "Shutdown port" not in line]
    except FileNotFoundError:
        return []
    return lines[-8:]


def follow(process, path, xen, on_text, seconds, line=None):
    """Reads the console as it grows until the process ends. Returns why it was ended, or ""."""
    deadline = time.monotonic() + seconds if seconds else float("inf")
    seen, tail = 0, b""
    while True:
        ended = process.poll() is not None
        with open(path, "rb") as file:
            file.seek(seen)
            more = file.read()
        seen += len(more)
        if more and on_text:
            on_text(more.decode(errors="replace"))
        if ended:
            return ""
        tail = (tail + more)[-400:]
        why = "end" if xen and XEN_END.search(tail) else "wall time" if time.monotonic() > deadline else ""
        if line and line.left.is_set():
            why = "left"
        if why:
            process.kill()
            process.wait()
            return "" if why == "end" else why
        time.sleep(0.05)


def had_no_port(folder):
    """Whether it ended before its machine began: two that start at the same moment may choose the same port for the
    display that nobody looks at, and one of them then finds that it cannot listen there."""
    return any("could not bind any port" in line for line in complaints(folder))


def once(boot, console, on_text, wall_seconds, line):
    """One start of Bochs, to its end: (its exit status, why it was ended or "")."""
    with open(console, "wb"):
        pass
    with open(os.path.join(boot.folder, "bochs.out"), "wb") as out:
        with subprocess.Popen(["bochs", "-q", "-f", "bochsrc", "-rc", "rc"], cwd=boot.folder, stdin=subprocess.DEVNULL,
                              stdout=out, stderr=subprocess.STDOUT) as process:
            try:
                why = follow(process, console, boot.column.under == "xen", on_text, 0 if line else wall_seconds, line)
            except BaseException:
                process.kill()
                raise
    return process.returncode, why


def run(boot, image, on_text=None, wall_seconds=WALL_SECONDS, script="", line=None):
    """Boots the image; on_text gets the console piece by piece. `script` precedes the debugger's own. With a
    terminal.Line the serial port is that line, and nothing bounds the run but its user."""
    configure(boot, image, serial=f"mode=term, dev={line.device}" if line else TO_FILE)
    console = os.path.join(boot.folder, "com1.txt")
    limit = "" if line else f"sb {boot.guest.budget}\n"
    watched = boot.column.under == "" and boot.guest.entry
    if watched:  # the loader's own code is there before, and comes by first
        script += f"pb {boot.guest.entry:#x}\nc\nc\nd 1\n"
    with open(os.path.join(boot.folder, "rc"), "w", encoding="ascii") as file:
        file.write(f"{limit}{script}c\nquit\n")
    start = time.monotonic()
    for _ in range(STARTS):
        status, why = once(boot, console, on_text, wall_seconds, line)
        if not had_no_port(boot.folder):
            break
    with open(console, encoding="utf-8", errors="replace", newline="") as file:
        log = file.read().replace("\r", "")
    with open(os.path.join(boot.folder, "bochs.out"), encoding="utf-8", errors="replace") as file:
        debugger = file.read()
    if not why and "Caught time breakpoint" in debugger:
        why = "budget"
    stops = re.findall(r"Breakpoint 1, .*\nNext at t=(\d+)", debugger)
    entered = int(stops[1]) if watched and len(stops) > 1 else 0
    return Outcome(log, status, why, time.monotonic() - start, complaints(boot.folder),
                   entered)
