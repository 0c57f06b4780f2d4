"""Packed kernels, and the modes' view of them: each packer, bzImages with a kernel inside, and what is broken."""
import bz2
import gzip
import io
import lzma
import os
import struct
import subprocess
import tarfile
import tempfile
import unittest
from unittest import mock

from lib import columns, grub_xen, kernels, packed
from lib.usage import Mistake

XEN_NOTE = struct.pack("<III4sQ", 4, 8, kernels.NOTE_ENTRY, b"Xen\0", 0)


def pv_elf():
    """The least that is taken for a Xen PV ELF: a header, one segment of notes."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(XEN_NOTE), len(XEN_NOTE), 4)
    return head + segment + XEN_NOTE + bytes(range(256)) * 64


def by_lz4(data):
    """As Linux packs: the legacy frame."""
    return subprocess.run(["lz4", "-lc"], input=data, check=True, capture_output=True).stdout


def by_xz(data):
    """As Linux packs: the filter for x86 code, CRC32."""
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)


PACKERS = {"gzip": gzip.compress, "xz": by_xz, "lz4": by_lz4, "bzip2": bz2.compress,
           "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE)}


def bzimage(data, name, version=0x20f, cut=0):
    """A bzImage with this kernel in it, packed by `name` ("": not packed)."""
    payload = PACKERS[name](data) if name else data
    if name not in ("gzip", ""):
        payload += struct.pack("<I", len(data))
    head = bytearray(1024 + 512)  # boot sector, two of set-up
    head[0x1f1] = 2
    head[0x1fe:0x200], head[0x202:0x206] = b"\x55\xaa", b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    struct.pack_into("<II", head, 0x248, 64, len(payload))
    return bytes(head) + b"\x90" * 64 + payload[:len(payload) - cut] + (b"" if cut else b"\xcc" * 100)


class Packed(unittest.TestCase):
    """What comes out is what went in."""

    def test_files(self):
        """Each packer; nothing at all; one around the other."""
        self.assertEqual(packed.unpack(pv_elf()), (pv_elf(), ""))
        for name, pack in PACKERS.items():
            self.assertEqual(packed.unpack(pack(pv_elf())), (pv_elf(), name))
        self.assertEqual(packed.unpack(gzip.compress(by_xz(pv_elf()))), (pv_elf(), "gzip, xz"))

    def test_bzimages(self):
        """A kernel inside, which only who wants it looks for."""
        for name in (*PACKERS, ""):
            ways = f"bzImage, {name}" if name else "bzImage"
            self.assertEqual(packed.unpack(bzimage(pv_elf(), name), inside=True), (pv_elf(), ways))
        image = bzimage(pv_elf(), "lz4")
        self.assertEqual(packed.unpack(image), (image, ""))

    def test_broken(self):
        """Each in a sentence."""
        for name, pack in PACKERS.items():
            with self.assertRaisesRegex(packed.Broken, f"what {name} packed does not unpack: "):
                packed.unpack(pack(os.urandom(5000))[:-2500])
        for image, sentence in ((bzimage(b"", "", 0x207), "boot protocol 2.08"), (bzimage(b"", ""), "no packed kernel"),
                                (bzimage(pv_elf(), "gzip", cut=9), "beyond its end"),
                                (bzimage(packed.ZSTD + bytes(90), ""), "packed by zstd")):
            with self.assertRaisesRegex(packed.Broken, sentence):
                packed.unpack(image, inside=True)

    def test_bomb(self):
        """It ends at the limit."""
        bomb = gzip.compress(bytes(packed.CHUNK * 4))
        with mock.patch.object(packed, "MOST", packed.CHUNK), self.assertRaisesRegex(packed.Broken, "more than"):
            packed.unpack(bomb)


class Guests(unittest.TestCase):
    """What `make boot KERNEL=` makes of them."""

    def guest(self, mode, data):
        """The Guest, and what is in its file."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/packed-test"
            with open(path, "wb") as file:
                file.write(data)
            guest = kernels.guest(columns.ALL[mode], path)
            with open(guest.kernel, "rb") as file:
                return guest, file.read()

    def test_pv(self):
        """The ELF is handed over."""
        for data in (pv_elf(), by_xz(pv_elf()), bzimage(pv_elf(), "lz4"), gzip.compress(bzimage(pv_elf(), "gzip"))):
            self.assertEqual(self.guest("pv", data)[1], pv_elf())

    def test_others(self):
        """A bzImage is started as one; a packed one after unpacking."""
        image = bzimage(pv_elf(), "lz4")
        self.assertEqual(self.guest("ept", image)[1], image)
        self.assertEqual(self.guest("ept", gzip.compress(image))[1], image)

    def test_refused(self):
        """No PV notes inside."""
        with self.assertRaisesRegex(Mistake, r"packed-test \(bzImage, gzip\) is neither a PVH ELF"):
            self.guest("pv", bzimage(b"nothing of that kind", "gzip"))


class Grub(unittest.TestCase):
    """The RAM disk in a PV GRUB's file."""

    @staticmethod
    def grub():
        """The least of one: modules of three types behind a header."""
        disk = io.BytesIO()
        with tarfile.open(fileobj=disk, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("grub.cfg"))
        body = b"".join(grub_xen.ENTRY.pack(kind, 8 + len(content)) + content
                        for kind, content in ((0, b"an ELF.."), (grub_xen.MEMDISK, disk.getvalue()), (2, b"normal\0\0")))
        whole = grub_xen.INFO.pack(grub_xen.MAGIC, 0, 24, 24 + len(body)) + body
        head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        return head + struct.pack("<IIQQQQQQ", 1, 7, 120, 0x1000, 0x1000, len(whole), len(whole), 8) + whole

    def test_add(self):
        """What was there stays as it was; the file is there beside it."""
        elf = self.grub()
        self.assertTrue(grub_xen.is_grub(elf))
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/kernel", "wb") as file:
                file.write(b"K" * 12345)
            made = grub_xen.add(elf, [f"{folder}/kernel"])
        before, after = grub_xen.entries(elf), grub_xen.entries(made)
        self.assertEqual([(kind, None if kind == 1 else content) for kind, content in before],
                         [(kind, None if kind == 1 else content) for kind, content in after])
        self.assertEqual(made[120:len(elf)], elf[120:])
        with tarfile.open(fileobj=io.BytesIO(after[1][1])) as archive:
            self.assertEqual(archive.getnames(), ["grub.cfg", "kernel"])
            self.assertEqual(archive.extractfile("kernel").read(), b"K" * 12345)

    def test_others(self):
        """No other ELF is taken for one."""
        for data in (pv_elf(), b"", self.grub().replace(grub_xen.MAGIC, b"none")):
            self.assertFalse(grub_xen.is_grub(data))


CASES = (Packed, Guests, Grub)
