"""Debian's GRUB for paravirtualized domains (grub-x86_64-xen.bin) carries a RAM disk of its own in its file, which it
calls (memdisk); what a domain's builder hands over as RAM disk it does not look at. So files that are meant for it go into
that: the file's code, modules, configuration stay as they are. Source: GRUB's include/grub/kernel.h (grub_module_info64,
grub_module_header)."""
import io
import os
import struct
import tarfile

MAGIC = b"mimg"
INFO, ENTRY = struct.Struct("<4sIQQ"), struct.Struct("<II")  # (magic, padding, first entry, size); (type, size)
MEMDISK = 1  # the type of entry
ELF_PHOFF, ELF_PHNUM, PHDR_SIZE, PT_LOAD = 32, 56, 56, 1
DATE = 946684800  # in the archive: two builds must be equal


def modules(elf):
    """Where an ELF's program header is that loads GRUB's modules; None: it is no such GRUB."""
    start, = struct.unpack_from("<Q", elf, ELF_PHOFF)
    number, = struct.unpack_from("<H", elf, ELF_PHNUM)
    for at in range(start, min(start + number * PHDR_SIZE, len(elf) - PHDR_SIZE + 1), PHDR_SIZE):
        kind, _, offset = struct.unpack_from("<IIQ", elf, at)
        if kind == PT_LOAD and elf[offset:offset + 4] == MAGIC:
            return at
    return None


def is_grub(elf):
    """Is it one, with a RAM disk in it?"""
    return elf[:5] == b"\x7fELF\x02" and modules(elf) is not None and any(kind == MEMDISK for kind, _ in entries(elf))


def entries(elf):
    """[(type, content)] of what it carries."""
    offset, = struct.unpack_from("<Q", elf, modules(elf) + 8)
    _, _, first, size = INFO.unpack_from(elf, offset)
    at, found = offset + first, []
    while at + ENTRY.size <= min(offset + size, len(elf)):
        kind, length = ENTRY.unpack_from(elf, at)
        if length < ENTRY.size:
            break
        found.append((kind, elf[at + ENTRY.size:at + length]))
        at += length
    return found


def with_files(disk, paths):
    """The archive that is its RAM disk with these files added, each by its own name."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as new:
        with tarfile.open(fileobj=io.BytesIO(disk)) as old:
            for member in old.getmembers():
                new.addfile(member, old.extractfile(member))
        for path in paths:
            member = tarfile.TarInfo(os.path.basename(path))
            member.size, member.mtime = os.path.getsize(path), DATE
            with open(path, "rb") as file:
                new.addfile(member, file)
    return out.getvalue()


def add(elf, paths):
    """The same GRUB, these files in its RAM disk. What it carries moves to the end of the file."""
    body = b""
    for kind, content in entries(elf):
        if kind == MEMDISK:
            content = with_files(content, paths)
        content += bytes(-len(content) % 8)
        body += ENTRY.pack(kind, ENTRY.size + len(content)) + content
    whole = INFO.pack(MAGIC, 0, INFO.size, INFO.size + len(body)) + body
    result = bytearray(elf + bytes(-len(elf) % 4096))
    at = modules(elf)
    struct.pack_into("<Q", result, at + 8, len(result))
    struct.pack_into("<QQ", result, at + 32, len(whole), len(whole))
    return bytes(result) + whole
