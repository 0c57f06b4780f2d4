"""What nobody here wrote, as PV domains under QEMU, with somebody who types: Debian's PV GRUB at its prompt and
Debian's Linux in its shell, the latter also loaded by the former. Each must do as it is told and end the machine."""
import gzip
import os
import pty
import select
import threading
import time
import tty

from lib import columns, console, kernels, linux, qemu
from lib.boot import Boot
from result import Result

SECONDS = 120
FOLDER = "build/boots/pv-typing"
GRUB_PACKAGE, GRUB = "grub-xen-host", "usr/lib/grub-xen/grub-x86_64-xen.bin"


class Typist:
    """A serial line as terminal.Line is one, with a script: [(what is waited for, what is then typed)]."""

    def __init__(self, path, script):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.device, self.path, self.script = os.ttyname(self.slave), path, list(script)
        self.left, self.stop = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.carry, daemon=True)

    def carry(self):
        """Until stop; `left` is set when nobody has waited long enough."""
        seen, deadline = b"", time.monotonic() + SECONDS
        with open(self.path, "ab", buffering=0) as out:
            while not self.stop.is_set():
                if time.monotonic() > deadline:
                    self.left.set()
                if not select.select([self.master], [], [], 0.05)[0]:
                    continue
                more = os.read(self.master, 65536)
                out.write(more)
                seen += more
                if self.script and self.script[0][0].encode() in seen:
                    seen = b""
                    os.write(self.master, self.script.pop(0)[1].encode())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)


def packed_kernel():
    """Debian's kernel as GRUB can unpack it, which lz4 it cannot: a path."""
    path = os.path.join(FOLDER, "vmlinux")
    if not linux.newer(path, linux.KERNEL):
        os.makedirs(FOLDER, exist_ok=True)
        with open(linux.KERNEL, "rb") as file, open(path, "wb") as out:
            out.write(gzip.compress(file.read(), 1))
    return path


def cases():
    """(a boot, its script)"""
    column = columns.ALL["pv"]

    def grub(tag, disks, mem="128M"):
        path = os.path.join(linux.download(GRUB_PACKAGE), GRUB)
        guest = kernels.guest(column, path, disks, "", mem, "qemu")
        return Boot(column, guest, "debug", hypervisor=f"input={guest.name}", tag=tag)
    yield grub("typing", ""), [("grub> ", "echo grub-$?\r"), ("grub-0", "halt\r")]
    yield (grub("loads-hello", "build/guests/hello.elf"),
           [("grub> ", "linux (memdisk)/hello.elf loaded-by-grub\r"), ("grub> ", "boot\r")])  # it ends the machine
    yield (grub("loads-linux", f"{packed_kernel()} {linux.INITRD}", "256M"),
           [("grub> ", f"linux (memdisk)/vmlinux console=hvc0 {linux.QUICK_PV}\r"), ("grub> ", "initrd (memdisk)/initrd\r"),
            ("grub> ", "boot\r"), ("linux# ", "echo typed-$((40+2))\r"), ("typed-42", "poweroff\r")])
    yield (Boot(column, linux.guest(column, khz=0), "debug", hypervisor="input=linux", tag="typing"),
           [("linux# ", "echo typed-$((40+2))\r"), ("typed-42", "poweroff\r")])


def wrong_with(boot, script):
    """Runs it; what is wrong, as sentences."""
    os.makedirs(boot.folder, exist_ok=True)
    with Typist(os.path.join(boot.folder, "com1.txt"), script) as line:
        outcome = qemu.run(boot, "tcg", line=line)
        waited = [text for text, _ in line.script]
    if waited:
        yield f"waited in vain for {waited[0]!r}"
    machine = console.parse(outcome.log).machine
    if not machine or not machine["ok"]:
        yield "the machine did not end well"


def run(_jobs):
    """Each as a result."""
    if "pv" not in columns.available():
        return
    linux.fetch()
    for boot, script in cases():
        failures = [f"boot {boot.label}: {what} (see {boot.folder}/com1.txt)" for what in wrong_with(boot, script)]
        yield Result(0 if failures else 1, failures)
