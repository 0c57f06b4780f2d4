"""Debian's own kernel as a guest: the kernel and busybox come out of Debian's packages, which are
never installed; the RAM disk is made of busybox and guests/linux/."""
import glob
import hashlib
import os
import shutil
import struct
import subprocess

from lib import guests
from lib.usage import Mistake

META, BUSYBOX = "linux-image-cloud-amd64", "busybox-static"
FOLDER = "build/linux"
KERNEL, BZIMAGE, INITRD, MACHINE = (os.path.join(FOLDER, name) for name in ("vmlinux", "vmlinuz", "initrd", "machine"))
# The quick command line leaves out what a machine without a chipset's zoo has no use for. KHZ is the TSC's rate.
QUICK = ("nokaslr mitigations=off acpi=off pci=off noapic nolapic cryptomgr.notests "
         "initcall_blacklist=load_system_certificate_list quiet noreplace-smp reboot=t")
# As a Xen domain it has no APIC of its own, and panics where it is told to leave it out.
QUICK_PV = ("nokaslr mitigations=off acpi=off pci=off cryptomgr.notests "
            "initcall_blacklist=load_system_certificate_list quiet nr_cpus=1")
CLOCK = "tsc_early_khz={khz} tsc=reliable lpj={lpj}"  # where the rate is known beforehand
COLUMNS = ("native", "shadow", "ept", "pv")  # where it runs
KHZ = 50000  # under Bochs
ENTRY = 0x1000000  # where the unpacked kernel begins to run (physical, with nokaslr)
BUDGET = 6_000_000_000


def download(package):
    """Leaves the package's files in build/linux/PACKAGE; returns that folder."""
    target = os.path.join(FOLDER, package)
    if os.path.isdir(target):
        return target
    print(f"fetching {package} (unpacked, not installed)", flush=True)
    for old in glob.glob(os.path.join(FOLDER, f"{package}_*.deb")):
        os.remove(old)
    done = subprocess.run(["apt-get", "-qq", "download", package], cwd=FOLDER, check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    found = glob.glob(os.path.join(FOLDER, f"{package}_*.deb"))
    if done.returncode or not found:
        raise Mistake(f"{package} cannot be downloaded: run `apt-get update` first; it comes from Debian 12's archive.")
    subprocess.run(["dpkg-deb", "-x", found[0], target + ".new"], check=True)
    os.rename(target + ".new", target)
    return target


def image_package():
    """The package that holds the kernel which linux-image-cloud-amd64 stands for."""
    text = subprocess.run(["apt-cache", "depends", META], check=False, capture_output=True, text=True).stdout
    for line in text.splitlines():
        if "Depends: linux-image-" in line:
            return line.split()[-1]
    raise Mistake(f"{META} is unknown to apt: run `apt-get update` first.")


def unpack(path):
    """The ELF inside a bzImage that is packed with LZ4 (Documentation/x86/boot.rst, payload_offset)."""
    with open(path, "rb") as file:
        data = file.read()
    sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = data[start:start + length - 4]  # the last word is the unpacked size
    return subprocess.run(["lz4", "-dc"], input=payload, check=True, capture_output=True).stdout


def pattern_digest():
    """The md5sum of what `machine pattern` writes, computed here."""
    digest, state, mask = hashlib.md5(), 1, (1 << 64) - 1
    for _ in range((8 << 20) // 4096):
        words = []
        for _ in range(512):
            state ^= state >> 12
            state = (state ^ state << 25) & mask
            state ^= state >> 27
            words.append(state * 0x2545f4914f6cdd1d & mask)
        digest.update(struct.pack("<512Q", *words))
    return digest.hexdigest()


def newer(target, *sources):
    """Is target there, and no older than its sources?"""
    return os.path.exists(target) and all(os.path.getmtime(target) >= os.path.getmtime(s) for s in sources)


def build_initrd():
    """busybox, our init and checks, as an uncompressed newc archive."""
    sources = [f"guests/linux/{name}" for name in ("init", "check", "machine.c")] + [__file__]
    if newer(INITRD, *sources):
        return
    busybox = os.path.join(download(BUSYBOX), "bin", "busybox")
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-ffreestanding", "-fno-pie",
                    "-no-pie", "-fno-stack-protector", "-o", MACHINE, "guests/linux/machine.c"], check=True)
    root = os.path.join(FOLDER, "root")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.join(root, "bin"))
    for source, name, mode in ((busybox, "bin/busybox", 0o755), (MACHINE, "bin/machine", 0o755),
                               ("guests/linux/init", "init", 0o755), ("guests/linux/check", "check", 0o644)):
        shutil.copyfile(source, os.path.join(root, name))
        os.chmod(os.path.join(root, name), mode)
    with open(os.path.join(root, "expected"), "w", encoding="ascii") as file:
        file.write(pattern_digest() + "\n")
    names = sorted(os.path.relpath(os.path.join(folder, name), root)
                   for folder, folders, files in os.walk(root) for name in folders + files)
    for name in names:  # dates are part of the archive, and two builds must be equal
        os.utime(os.path.join(root, name), (946684800, 946684800))
    with open(INITRD + ".new", "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0", "--reproducible"], cwd=root, check=True,
                       input="\n".join(names).encode(), stdout=out)
    os.rename(INITRD + ".new", INITRD)


def fetch():
    """Leaves kernel and RAM disk in build/linux."""
    os.makedirs(FOLDER, exist_ok=True)
    if not os.path.exists(KERNEL):
        boot = os.path.join(download(image_package()), "boot")
        shutil.copyfile(glob.glob(os.path.join(boot, "vmlinuz-*"))[0], BZIMAGE)
        with open(KERNEL + ".new", "wb") as file:
            file.write(unpack(BZIMAGE))
        os.rename(KERNEL + ".new", KERNEL)
    build_initrd()


def guest(column, quick=True, words="", mem="128M", khz=KHZ):
    """Linux as a guest of a column; words: further ones for the kernel's command line; khz: the
    TSC's rate, 0 if it is not known."""
    under_pv = column.name in ("pv", "xen-pv")
    console = "hvc0" if under_pv else "ttyS0"
    line = [f"console={console}", f"mem={mem}"]  # as much natively as in a domain
    if quick:
        line.append(QUICK_PV if under_pv else QUICK)
        line += [CLOCK.format(khz=khz, lpj=4 * khz)] if khz else []
    return guests.Guest("linux", mem, BUDGET, "", " ".join(line + words.split()), "", False, True,
                        kernel=KERNEL if column.under else BZIMAGE, initrd=INITRD, loader="linux", entry=ENTRY)
