"""Kernels that know nothing of the kit (guests/kernels/), by their paths as a user's own would be: started by
GRUB natively, where they must find all well (else they are wrong), then under shadow paging and EPT. And packed ones
under pv."""
import os
import re

from lib import columns, kernels, runs
from lib.boot import Boot
import packed_test
from result import Result
import suite

COLUMNS = ("native", "shadow", "ept")
FOLDER = "build/boots/kernels"
WORDS = "first x;y $z a&b (c) {d}"  # what GRUB's shell would take for its own
SIZES = (1, 4096, 70001)  # of the modules


def disks():
    """Files to hand over: [path]."""
    os.makedirs(FOLDER, exist_ok=True)
    paths = []
    for i, size in enumerate(SIZES):
        paths.append(f"{FOLDER}/disk{i}")
        with open(paths[-1], "wb") as file:
            file.write(bytes((k * k + i + 1) & 0xff for k in range(size)))
    return paths


def sum_of(paths):
    """As guests/kernels/plain.c counts."""
    total = 0
    for path in paths:
        with open(path, "rb") as file:
            for byte in file.read():
                total = (total * 31 + byte) & 0xffffffff
    return total


def boots():
    """Each kernel in each column, debug builds."""
    all_disks = disks()
    for file, count in (("multiboot1.elf", 3), ("multiboot1.bin", 2), ("bzimage", 1)):
        given = all_disks[-count:]
        line = f"{WORDS} modules={count:x} sum={sum_of(given):x}"
        for name in COLUMNS:
            if name in columns.available():
                column = columns.ALL[name]
                yield Boot(column, kernels.guest(column, f"build/guests/{file}", " ".join(given), line, "64M"), "debug")


def packed_boots():
    """The guest `hello` as paravirtualized kernels come: packed, or in a bzImage; debug builds."""
    column = columns.ALL["pv"]
    if column.name not in columns.available():
        return
    with open("build/guests/hello.elf", "rb") as file:
        hello = file.read()
    for name, data in (("hello.elf.gz", packed_test.PACKERS["gzip"](hello)), ("hello.xz", packed_test.PACKERS["xz"](hello)),
                       ("hello-bzimage", packed_test.bzimage(hello, "lz4"))):
        with open(f"{FOLDER}/{name}", "wb") as file:
            file.write(data)
        yield Boot(column, kernels.guest(column, f"{FOLDER}/{name}"), "debug")


def wrong_with(boot):
    """What the kernel printed: its command line and its modules' names."""
    with open(f"{boot.folder}/com1.txt", encoding="utf-8", errors="replace", newline="") as file:
        log = file.read().replace("\r", "")
    image = "BOOT_IMAGE=/boot/bzimage " if boot.guest.loader == "linux" and not boot.column.under else ""
    if boot.guest.loader == "none":
        return  # it is no kernel of guests/kernels/
    if f"command line: {image}{boot.kernel_line()}\n" not in log:
        yield "its command line is another"
    if boot.guest.loader == "multiboot":
        names = [os.path.basename(path) for path in boot.guest.initrd.split()]
        if re.findall(r"^(?:\[[^\]]*\] )?module 0x\w+ to 0x\w+: (.*)$", log, re.M) != names:
            yield "its modules have other names"


def run(jobs):
    """Boots them all; a failure names the log."""
    todo = [*boots(), *packed_boots()]
    for boot, result in runs.all_of(todo, jobs, runs.Progress(len(todo))):
        wrong = list(wrong_with(boot)) if result["ok"] else []
        yield Result(0, [f"boot {boot.label}: {'; '.join(wrong)} (see {result['log']})"]) if wrong else suite.judge(boot, result)
