"""Anybody's kernel as a guest, by its path: `make boot KERNEL=path`. What is in the file is looked at
here only to choose natively among GRUB's commands, and to refuse early what no mode could start; the
hypervisor looks for itself (src/cpu/image/)."""
import os
import re
import struct

from lib import grub_xen, guests, packed
from lib.usage import Mistake

BUDGET = 6_000_000_000
SEARCH = 8192  # where a Multiboot header must lie
MULTIBOOT_MAGIC, MULTIBOOT2_MAGIC = 0x1badb002, 0xe85250d6
NOTE_ENTRY, NOTE_PHYS32 = 1, 18  # xen/elfnote.h
WORDS_MAX = 511  # bytes of a guest's own arguments
UNITS = {"K": 10, "M": 20, "G": 30}
MOST_MIB = 3072
PVH, MULTIBOOT, MULTIBOOT2, BZIMAGE, PV = ("a PVH ELF", "a Multiboot kernel", "a Multiboot2 kernel", "a Linux bzImage",
                                           "a Xen PV ELF")
LOADERS = {MULTIBOOT: "multiboot", MULTIBOOT2: "multiboot2", BZIMAGE: "linux"}  # GRUB's commands


def is_multiboot(data):
    """Does it have a Multiboot header, of version 1?"""
    for at in range(0, min(len(data), SEARCH) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", data, at)
        if magic == MULTIBOOT_MAGIC and (magic + flags + checksum) & 0xffffffff == 0:
            return True
    return False


def is_multiboot2(data):
    """Does it have one of version 2? Only GRUB starts that, natively."""
    for at in range(0, min(len(data), 4 * SEARCH) - 15, 8):
        if sum(struct.unpack_from("<IIII", data, at)) & 0xffffffff == 0 and \
                struct.unpack_from("<I", data, at)[0] == MULTIBOOT2_MAGIC:
            return True
    return False


def elf_notes(data):
    """The types of Xen's notes in an ELF."""
    found = set()
    try:
        wide = data[4] == 2
        start, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
        each, number = struct.unpack_from("<HH", data, 54 if wide else 42)
        for i in range(number):
            at = start + i * each
            if struct.unpack_from("<I", data, at)[0] != 4:
                continue
            offset, size = (struct.unpack_from("<Q", data, at + field)[0] for field in (8, 32)) if wide else \
                (struct.unpack_from("<I", data, at + field)[0] for field in (4, 16))
            end = min(offset + size, len(data))
            while offset + 12 <= end:
                name, desc, kind = struct.unpack_from("<III", data, offset)
                if data[offset + 12:offset + 16] == b"Xen\0":
                    found.add(kind)
                offset += 12 + (name + 3) // 4 * 4 + (desc + 3) // 4 * 4
    except struct.error:
        pass  # truncated: the hypervisor says so, in more words
    return found


def formats(data):
    """What a kernel's file can be started as."""
    found = []
    if data[:4] == b"\x7fELF":
        notes = elf_notes(data)
        found += [PVH] if NOTE_PHYS32 in notes else []
        found += [PV] if NOTE_ENTRY in notes else []
    elif packed.is_bzimage(data):
        found.append(BZIMAGE)
    return found + ([MULTIBOOT] if is_multiboot(data) else []) + ([MULTIBOOT2] if is_multiboot2(data) else [])


def check_words(what, text):
    """A command line that GRUB passes on as it is."""
    if re.search(r"[^ -~]|['\"\\]", text):
        raise Mistake(f"{what}: quotes, backslashes and what is not ASCII do not pass GRUB unchanged.")
    if len(text) > WORDS_MAX:
        raise Mistake(f"{what} has {len(text)} bytes: at most {WORDS_MAX}.")


def check_file(what, path):
    """It is there, and something is in it."""
    if not os.path.isfile(path):
        raise Mistake(f"{what}={path} is not there.")
    if not os.path.getsize(path):
        raise Mistake(f"{what}={path} is empty.")
    if not re.fullmatch(r"[A-Za-z0-9_.+-]+", os.path.basename(path)):
        raise Mistake(f"{what}={path}: copy it to a name of letters, digits and ._+- alone.")


def mebibytes(mem):
    """MEM= in MiB, rounded up."""
    match = re.fullmatch(r"([1-9][0-9]*)([KMG])", mem)
    if not match:
        raise Mistake(f"MEM={mem} is no size: 128M, or another number with K, M or G.")
    found = ((int(match.group(1)) << UNITS[match.group(2)]) + (1 << 20) - 1) >> 20
    if found > MOST_MIB:
        raise Mistake(f"MEM={mem} is too much: at most {MOST_MIB}M, since the machine's devices come behind that.")
    return found


def choose_format(path, data, column, emulator):
    """How a column starts it; a Mistake says why it cannot."""
    found = formats(data)
    if not found:
        raise Mistake(f"KERNEL={path} is neither a PVH ELF, nor a Multiboot kernel, nor a Linux bzImage.")
    names = " and ".join(found)
    if column.name == "pv":
        if PV not in found:
            raise Mistake(f"KERNEL={path} is {names}: MODE=pv starts an ELF with Xen's PV notes, or a bzImage or packed file "
                          "with one inside; use shadow or ept.")
        return PV
    usable = {"bochs": [MULTIBOOT, MULTIBOOT2, BZIMAGE]}.get(emulator, [PVH, MULTIBOOT, BZIMAGE])
    if column.under:
        usable = [PVH, MULTIBOOT, BZIMAGE]
    for one in usable:
        if one in found:
            return one
    if column.under:
        raise Mistake(f"KERNEL={path} is {names}: MODE={column.name} starts PVH ELFs, Multiboot kernels (version 1) and "
                      f"bzImages{'; use pv' if PV in found else ''}.")
    other = "qemu" if emulator == "bochs" else "bochs"
    raise Mistake(f"KERNEL={path} is {names}, which {'GRUB' if emulator == 'bochs' else 'QEMU'} cannot start: "
                  f"{f'use EMU={other}' if set(found) & {PVH, MULTIBOOT2} else 'natively nothing can'}.")


def read(path, column):
    """(A kernel's bytes, how they were packed); under pv what is in a bzImage is taken out, too, since only an ELF can be
    started there."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        return packed.unpack(data, inside=column.name == "pv")
    except packed.Broken as why:
        raise Mistake(f"KERNEL={path}: {why}.") from why


def guest(column, path, disks="", line="", mem="128M", emulator="bochs"):
    """The kernel at `path`, its RAM disks (or modules), its command line."""
    check_file("KERNEL", path)
    data, ways = read(path, column)
    kind = choose_format(f"{path} ({ways})" if ways else path, data, column, emulator)
    for disk in disks.split():
        check_file("INITRD", disk)
    if kind == PV and disks and grub_xen.is_grub(data):
        data, ways, disks = grub_xen.add(data, disks.split()), "its RAM disk", ""
    if ways:
        path = packed.leave(path, data)
    if kind in (BZIMAGE, PV) and len(disks.split()) > 1:
        raise Mistake(f"INITRD={disks}: {kind} takes one RAM disk.")
    names = [os.path.basename(file) for file in (path, *disks.split())]
    if len(set(names)) != len(names):
        raise Mistake(f"KERNEL and INITRD: two of {' '.join(names)} have one name.")
    if column.under and "trivisor.elf" in names:
        raise Mistake("KERNEL and INITRD: trivisor.elf is the hypervisor's own name; copy it to another.")
    check_words("CMDLINE", line)
    mebibytes(mem)
    name = re.sub(r"[^A-Za-z0-9_-]", "-", names[0])[:20]
    return guests.Guest(name, mem, BUDGET, "", " ".join(line.split()), "", False, True,
                        kernel=path, initrd=disks, loader=LOADERS.get(kind, "none"))
