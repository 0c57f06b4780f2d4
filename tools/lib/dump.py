"""A machine of Bochs', stopped in a function of the hypervisor's, as a core file for gdb: the only way to gdb for the
modes that need VT-x. The hypervisor's direct map shows all of the machine's memory to Bochs' `writemem`."""
import os
import re
import struct
import subprocess
import time

from lib import bochs, image
from lib.usage import Mistake

DIRECT_MAP = 0xffff830000000000  # src/include/layout.h
IMAGE_BASE = 0xffff828000000000
PAGE = 4096
WALL_SECONDS = 200
MOST_TIMES = 100000
# The registers of a core file's thread, in their order there ("struct user_regs_struct"); those not named here are 0.
REGISTERS = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
             "", "rip", "cs", "eflags", "rsp", "ss", "", "", "", "", "", ""]
STATUS_BYTES, STATUS_REGISTERS, NT_PRSTATUS = 336, 112, 1
ET_CORE, EM_X86_64, PT_LOAD, PT_NOTE = 4, 62, 1, 4


def symbols(elf):
    """name -> address."""
    listing = subprocess.run(["nm", elf], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {words[2]: int(words[0], 16) for words in map(str.split, listing.splitlines()) if len(words) == 3}


def function(elf, name):
    """The address of a function of the hypervisor's."""
    known = symbols(elf)
    if name not in known or not known["text_start"] <= known[name] < known["text_end"]:
        raise Mistake(f"AT={name} is no function of the hypervisor's (a static one may have been inlined).")
    return known[name]


def registers(text):
    """What Bochs' `r` printed last, by name."""
    found = {name: int(high + low, 16) for name, high, low in re.findall(r"\b(r\w+) ?: ([0-9a-f]{8})_([0-9a-f]{8})", text)}
    flags = re.findall(r"^eflags 0x([0-9a-f]+)", text, re.M)
    segments = {name: int(value, 16) for name, value in re.findall(r"^(cs|ss):0x([0-9a-f]+)", text, re.M)}
    return {**found, **segments, "eflags": int(flags[-1], 16) if flags else 0}


def run(boot):
    """Runs Bochs' debugger with the boot's script, but not beyond the end of the machine. Returns what it printed."""
    path, deadline = os.path.join(boot.folder, "bochs.out"), time.monotonic() + WALL_SECONDS
    with open(path, "wb") as out:
        with subprocess.Popen(["bochs", "-q", "-f", "bochsrc", "-rc", "rc"], cwd=boot.folder, stdin=subprocess.DEVNULL,
                              stdout=out, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                time.sleep(0.1)
                with open(path, encoding="utf-8", errors="replace") as file:
                    ended = "Magic breakpoint" in file.read()
                if ended or time.monotonic() > deadline:
                    process.kill()
                    process.wait()
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def take(boot, address, times):
    """Stops the boot at the times-th call of the function at `address`. Returns (memory's file, registers)."""
    os.makedirs(boot.folder, exist_ok=True)
    bochs.configure(boot, image.for_boot(boot))
    path = os.path.join(boot.folder, "memory.bin")
    if os.path.exists(path):
        os.unlink(path)
    with open(os.path.join(boot.folder, "rc"), "w", encoding="ascii") as file:
        file.write(f"lb {address:#x}\nsb {boot.guest.budget}\n" + "c\n" * times +
                   f'r\nsreg\nwritemem "memory.bin" {DIRECT_MAP:#x} {boot.megs << 20:#x}\nquit\n')
    for _ in range(bochs.STARTS):
        found = registers(run(boot))
        if not bochs.had_no_port(boot.folder):
            break
    if found.get("rip") != address or not os.path.exists(path):
        raise Mistake(f"The machine did not come there {times} times: it ended before (console: {boot.folder}/com1.txt).")
    return path, found


def status_note(found):
    """The note with a thread's registers."""
    regs = struct.pack(f"<{len(REGISTERS)}Q", *(found.get(name, 0) for name in REGISTERS))
    status = bytearray(STATUS_BYTES)
    status[STATUS_REGISTERS:STATUS_REGISTERS + len(regs)] = regs
    struct.pack_into("<i", status, 32, 1)  # its number
    return struct.pack("<III", 5, len(status), NT_PRSTATUS) + b"CORE\0\0\0\0" + bytes(status)


def segment(kind, offset, address, size):
    """A program header; readable."""
    return struct.pack("<IIQQQQQQ", kind, 4, offset, address, 0, size, size, PAGE if kind == PT_LOAD else 4)


def write(memory, found, elf, path):
    """The core file: memory once, seen at the direct map and, where the image lies, at its own addresses."""
    known, size = symbols(elf), os.path.getsize(memory)
    start = known["image_start"] - IMAGE_BASE
    length = known["image_end"] - known["image_start"]
    note = status_note(found)
    headers = [segment(PT_NOTE, 64 + 3 * 56, 0, len(note)), segment(PT_LOAD, PAGE, DIRECT_MAP, size),
               segment(PT_LOAD, PAGE + start, known["image_start"], length)]
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", ET_CORE, EM_X86_64, 1, 0, 64, 0, 0, 64, 56,
                                                          len(headers), 0, 0, 0)
    empty = bytes(1 << 16)
    with open(memory, "rb") as source, open(path, "wb") as core:
        core.write((head + b"".join(headers) + note).ljust(PAGE, b"\0"))
        while chunk := source.read(len(empty)):
            if chunk == empty:
                core.seek(len(chunk), os.SEEK_CUR)
            else:
                core.write(chunk)
        core.truncate(PAGE + size)
    os.unlink(memory)


def core(boot, at, times):
    """Runs to the times-th call of a function; returns the core file's path."""
    elf = boot.column.kernel(boot.build)
    memory, found = take(boot, function(elf, at), times)
    path = os.path.join(boot.folder, "core")
    write(memory, found, elf, path)
    return path
