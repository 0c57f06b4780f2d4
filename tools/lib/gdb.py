"""gdb on a QEMU that waits for it, with the symbols of hypervisor and guest and the commands of tools/gdb/."""
import contextlib
import os
import subprocess
import time

from lib import qemu
from lib.usage import Mistake

HELPERS = "tools/gdb/trivisor.py"
START_SECONDS = 20


def command(elfs, batch=False):
    """gdb's command line, but for what it is to be attached to."""
    first, *others = elfs
    words = ["gdb", "-q", "-nx"] + (["-batch"] if batch else []) + [first, "-ex", "set confirm off", "-ex", "set pagination off",
                                                                 "-ex", "set backtrace limit 16"]
    for elf in others:
        words += ["-ex", f"add-symbol-file {elf}"]
    return words + ["-ex", f"source {HELPERS}"]


@contextlib.contextmanager
def machine(boot):
    """QEMU with the boot, stopped before its first instruction; gives what gdb's `target remote` takes."""
    os.makedirs(boot.folder, exist_ok=True)
    socket = os.path.abspath(os.path.join(boot.folder, "gdb.sock"))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(socket)
    words = qemu.command(boot)
    words[words.index("stdio")] = f"file:{boot.folder}/com1.txt"
    words += ["-S", "-gdb", f"unix:{socket},server=on,wait=off"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not os.path.exists(socket):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Mistake("QEMU did not start: see what it said above.")
                time.sleep(0.02)
            yield socket
        finally:
            process.kill()
