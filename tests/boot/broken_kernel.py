"""Ways to break a kernel that is no kit's, each from a good one of guests/kernels/. Sources: Multiboot
Specification; Linux, Documentation/arch/x86/boot.rst."""
import struct

MULTIBOOT_MAGIC = struct.pack("<I", 0x1badb002)
VERSION, CODE32, ENTRY_ADDR, BSS_END = 0x206, 0x214, 28, 24


def changed(data, offset, form, value):
    """The file with one number another."""
    out = bytearray(data)
    struct.pack_into(form, out, offset, value)
    return bytes(out)


def entry_outside(flat):
    """A Multiboot kernel with an entry beyond its image."""
    return changed(flat, flat.index(MULTIBOOT_MAGIC) + ENTRY_ADDR, "<I", 0x50000000)


def without_end(flat):
    """One whose .bss has no end below 4 GiB."""
    return changed(flat, flat.index(MULTIBOOT_MAGIC) + BSS_END, "<I", 0xfffffff0)


def old_protocol(image):
    """A bzImage of boot protocol 2.04."""
    return changed(image, VERSION, "<H", 0x204)


def enters_nowhere(image):
    """One that wants to be entered elsewhere."""
    return changed(image, CODE32, "<I", 0xf0000000)


def cut(image):
    """One whose end is missing."""
    return image[:-1024]


FROM = {"multiboot1.bin": (entry_outside, without_end), "bzimage": (old_protocol, enters_nowhere, cut)}
EXPECTED = [
    ("entry_outside", "mem=32M", r"entry_addr 0x50000000, outside of its image"),
    ("without_end", "mem=32M", r"its image reaches 0xfffffff0, beyond mem=32768K"),
    ("old_protocol", "mem=32M", r"boot protocol is 2.04: 2.10 or later"),
    ("enters_nowhere", "mem=32M", r"code32_start 0xf0000000, outside of its image"),
    ("cut", "mem=32M", r"it is truncated"),
    ("bzimage", "mem=4M", r"its image reaches 0x\w+, beyond mem=4096K"),
    ("bzimage", "mem=4120K", r"it needs memory up to 0x\w+ to unpack itself, beyond mem=4120K"),
]


def modules():
    """{name: bytes} of all of them and of the good ones."""
    made = {}
    for source, changes in FROM.items():
        with open(f"build/guests/{source}", "rb") as file:
            made[source] = file.read()
        made.update({change.__name__: change(made[source]) for change in changes})
    return made
