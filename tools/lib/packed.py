"""Kernels that come packed: the file as a whole (`xen.gz`), or the kernel inside a Linux bzImage. They are unpacked
here, on the host: what a kernel's own start would do is not for a paravirtualized domain, whose builder wants the ELF.

What is in a file is told by its first bytes, never by its name; nothing unpacks to more than MOST bytes. Sources: RFC 1952
(gzip), the XZ file format, the LZ4 frame format (its legacy frame is what Linux uses), Linux,
Documentation/arch/x86/boot.rst (payload_offset)."""
import bz2
import lzma
import os
import shutil
import struct
import subprocess
import zlib

from lib.usage import Mistake

MOST = 512 << 20  # bytes that a kernel may have
CHUNK = 1 << 20
LAYERS = 3  # a packed file, a bzImage in it, its payload
FOLDER = "build/kernels"  # where what was unpacked is left
SETUP_SECTORS, BOOT_FLAG, HEADER, VERSION, PAYLOAD = 0x1f1, 0x1fe, 0x202, 0x206, 0x248
PAYLOAD_SINCE = 0x208  # boot protocol
GZIP, XZ, LZ4 = b"\x1f\x8b\x08", b"\xfd7zXZ\0", (b"\x02\x21\x4c\x18", b"\x04\x22\x4d\x18")
BZIP2, LZMA, ZSTD, LZO = b"BZh", b"\x5d\x00\x00", b"\x28\xb5\x2f\xfd", b"\x89LZO"


class Broken(Exception):
    """What is packed does not unpack; the text says why."""


def by_stream(stream, data):
    """Through one of Python's own; what follows the packed data's end is not looked at."""
    out = bytearray()
    try:
        while not stream.eof:
            part = stream.decompress(data, CHUNK)
            data = getattr(stream, "unconsumed_tail", b"")
            if not part and not data and not stream.eof and getattr(stream, "needs_input", True):
                raise Broken("it is truncated")
            out += part
            if len(out) > MOST:
                raise Broken(f"it has more than {MOST >> 20} MiB")
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise Broken(str(error)) from error
    return bytes(out)


def by_lz4(data):
    """Through the program, which Python has no like of."""
    if not shutil.which("lz4"):
        raise Mistake("KERNEL: it is packed by lz4, and the program lz4 is not there: install the package lz4.")
    with subprocess.Popen(["lz4", "-dc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, complaint = child.communicate(data)
    if child.returncode:
        raise Broken((complaint.decode(errors="replace").strip().splitlines() or ["lz4 fails"])[-1])
    if len(out) > MOST:
        raise Broken(f"it has more than {MOST >> 20} MiB")
    return out


def packer(data):
    """(its name, how it is undone) or nothing."""
    if data.startswith(GZIP):
        return "gzip", lambda: by_stream(zlib.decompressobj(16 + zlib.MAX_WBITS), data)
    if data.startswith(XZ):
        return "xz", lambda: by_stream(lzma.LZMADecompressor(), data)
    if data.startswith(LZ4):
        return "lz4", lambda: by_lz4(data)
    if data.startswith(BZIP2):
        return "bzip2", lambda: by_stream(bz2.BZ2Decompressor(), data)
    if data.startswith(LZMA):
        return "lzma", lambda: by_stream(lzma.LZMADecompressor(lzma.FORMAT_ALONE), data)
    return None


def is_bzimage(data):
    """A Linux bzImage?"""
    return data[BOOT_FLAG:BOOT_FLAG + 2] == b"\x55\xaa" and data[HEADER:HEADER + 4] == b"HdrS"


def payload(data):
    """What a bzImage unpacks when it starts: still packed, and without the word behind it in which Linux's build notes the
    unpacked size (gzip has its own)."""
    if len(data) < PAYLOAD + 8 or struct.unpack_from("<H", data, VERSION)[0] < PAYLOAD_SINCE:
        raise Broken("this bzImage does not say where its kernel is: boot protocol 2.08 or later does")
    offset, length = struct.unpack_from("<II", data, PAYLOAD)
    start = ((data[SETUP_SECTORS] or 4) + 1) * 512 + offset
    found = data[start:start + length]
    if not length:
        raise Broken("this bzImage has no packed kernel in it")
    if len(found) != length:
        raise Broken("this bzImage's kernel lies beyond its end")
    return found if found.startswith((GZIP, b"\x7fELF")) else found[:-4]


def unpack(data, inside=False):
    """(the kernel, how it was packed: "", "gzip", "bzImage, lz4" ...); `inside`: look into a bzImage, too."""
    ways = []
    for _ in range(LAYERS):
        way = packer(data)
        if way:
            ways.append(way[0])
            try:
                data = way[1]()
            except Broken as why:
                raise Broken(f"what {way[0]} packed does not unpack: {why}") from why
        elif inside and is_bzimage(data):
            ways.append("bzImage")
            data = payload(data)
            if data.startswith((ZSTD, LZO)):
                raise Broken(f"what is in this bzImage is packed by {'zstd' if data.startswith(ZSTD) else 'lzo'}: "
                             "unpack it first (Linux's scripts/extract-vmlinux)")
        else:
            break
    return data, ", ".join(ways)


def leave(path, data):
    """Writes an unpacked kernel, under the name that its file has; returns where."""
    os.makedirs(FOLDER, exist_ok=True)
    target = os.path.join(FOLDER, os.path.basename(path))
    with open(target + ".new", "wb") as file:
        file.write(data)
    os.rename(target + ".new", target)
    return target
