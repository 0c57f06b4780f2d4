"""Disks for guests with DISK= in their guest.cfg: an image whose every word tells where it is, made anew for each boot."""
import os
import struct

SECTOR, HEADS, TRACK = 512, 16, 63
NAME = "disk.img"


def words(sector):
    """A sector's bytes: word i of sector s, as guests/disk expects it."""
    return struct.pack("<128I", *((sector * 0x9e3779b1 + i * 0x85ebca6b) & 0xffffffff for i in range(SECTOR // 4)))


def make(folder, kib):
    """Writes FOLDER/disk.img of so many KiB; returns its path."""
    path = os.path.join(folder, NAME)
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(path + ".lock"):  # of an emulator that was ended
        os.remove(path + ".lock")
    with open(path, "wb") as file:
        for sector in range(kib * 1024 // SECTOR):
            file.write(words(sector))
    return path


def cylinders(kib):
    """Of the geometry that both the emulator's and the hypervisor's disk have."""
    return kib * 1024 // SECTOR // (HEADS * TRACK)
