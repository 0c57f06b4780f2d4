#!/usr/bin/env python3
"""`make doctor`: looks whether this machine has what the project needs. Changes nothing."""
import os
import re
import subprocess

from lib.usage import main

# (command, the oldest version that is known to work, what it is for)
TOOLS = [
    (["gcc", "--version"], (12,), "compiling"),
    (["ld", "--version"], (2, 40), "linking"),
    (["nasm", "--version"], (2, 16), "assembling"),
    (["make", "--version"], (4, 3), "the verbs"),
    (["python3", "--version"], (3, 9), "the tools"),
    (["grub-mkimage", "--version"], (2, 6), "images"),
    (["xorriso", "--version"], (1, 5), "images"),
    (["bochs", "--help"], (2, 7), "running, and everything that is measured"),
    (["qemu-system-x86_64", "--version"], (7, 2), "running native and pv, fast"),
    (["gdb", "--version"], (13,), "make debug EMU=qemu"),
]
FILES = ["/usr/share/bochs/BIOS-bochs-latest", "/usr/share/vgabios/vgabios.bin", "/usr/include/xen/xen.h",
         "/usr/lib/grub/i386-pc/multiboot2.mod"]


def version(command):
    """The version that a tool says, as numbers and as text; None if it is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              text=True, errors="replace", check=False)
    except FileNotFoundError:
        return None
    found = re.search(r"(?<![\w.])\d+\.\d+(\.\d+)*", re.sub(r"\([^)]*\)", "", done.stdout))
    return found.group(0) if found else "0"


def say(good, text):
    """One line; returns good."""
    print(f"{'ok     ' if good else 'MISSING'} {text}")
    return good


def tools():
    """Every tool, new enough."""
    good = True
    for command, oldest, purpose in TOOLS:
        found = version(command)
        enough = found is not None and tuple(int(part) for part in found.split(".")) >= oldest
        wanted = ".".join(map(str, oldest))
        good &= say(enough, f"{command[0]} {found or 'is not there'} (at least {wanted}): {purpose}")
    return good


def packages():
    """The package lists."""
    good = True
    for name in ("run", "test", "docs"):
        done = subprocess.run(["tools/install", "--check", name], stdout=subprocess.PIPE, text=True, check=False)
        good &= say(done.returncode == 0, f"packages/{name}.txt {done.stdout.strip()}".rstrip())
    return good


def doctor():
    """Exit status 1 if anything is missing."""
    good = tools()
    for path in FILES:
        good &= say(os.path.exists(path), path)
    good &= packages()
    kvm = "there, untested" if os.path.exists("/dev/kvm") else "not there, and not needed"
    print(f"        /dev/kvm is {kvm}; {os.cpu_count()} processors")
    if not good:
        print("`make setup` installs what is missing of running and testing.")
    return 0 if good else 1


if __name__ == "__main__":
    main(doctor)
