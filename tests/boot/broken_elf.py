"""Ways to break a guest's ELF, each from a good one. Source: System V ABI, "Object Files"."""
import struct

PHOFF = 32  # where the file header says where the program headers are
PHENTSIZE, PHNUM = 54, 56
TYPE_LOAD, TYPE_NOTE = 1, 4


def program_headers(elf):
    """(offset of the header, type) of each."""
    start = struct.unpack_from("<Q", elf, PHOFF)[0]
    size, number = struct.unpack_from("<HH", elf, PHENTSIZE)
    return [(start + i * size, struct.unpack_from("<I", elf, start + i * size)[0]) for i in range(number)]


def loads(elf):
    """Offsets of the headers of what is loaded."""
    return [at for at, kind in program_headers(elf) if kind == TYPE_LOAD]


def truncated(elf):
    """The file ends in the middle of its first segment."""
    offset, size = struct.unpack_from("<Q16xQ", elf, loads(elf)[0] + 8)
    return elf[:offset + size // 2]


def wild(elf):
    """The first segment wants to lie at the end of the address space."""
    out = bytearray(elf)
    struct.pack_into("<Q", out, loads(elf)[0] + 24, 0xfffffffffffff000)
    return bytes(out)


def overlapping(elf):
    """The second segment wants to lie where the first is."""
    out = bytearray(elf)
    first, second = loads(elf)[:2]
    out[second + 16:second + 32] = elf[first + 16:first + 32]
    return bytes(out)


def without_notes(elf):
    """Nobody's notes are Xen's."""
    return elf.replace(b"Xen\0", b"Nex\0")


def text(_elf):
    """Not an ELF at all."""
    return b"Once upon a time there was a module that was no ELF file.\n" * 4
