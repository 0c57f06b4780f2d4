"""The guest set: guests/NAME/guest.cfg, as docs/formats.md describes it."""
import os
from dataclasses import dataclass

from lib.usage import Mistake, choose

# The order of the tables: from the simplest to the one that attacks.
ORDER = ["hello", "compute", "privileged", "syscall", "fault", "pagetable", "forkexit", "switch", "walk", "tick",
         "print", "hostile"]
# Run only by name: one never ends well, one is for Xen's interface, the others are for full virtualization.
APART = ["stumble", "xenabi", "real", "events", "torture", "devices", "disk", "chaos", "stage2", "msrs", "mmio", "control", "startup"]
KEYS = {"MEM": "32M", "BUDGET": "2000000000", "CONFIG": "", "ARGS": "", "BESIDE": "", "XEN": "yes", "QEMU": "yes", "DISK": "0",
        "PROCESSORS": "1"}


@dataclass(frozen=True)
class Guest:
    """One guest: its configuration, by the keys of guest.cfg."""
    name: str
    mem: str  # as the hypervisor's mem= takes it
    budget: int  # ticks from power-on
    config: str  # further words for the domain's command line
    args: str  # the guest's own arguments
    beside: str  # name of a guest that runs together with it, and its arguments, or ""
    xen: bool  # does it belong in the Xen columns?
    qemu: bool  # is it tested under QEMU?
    kernel: str = ""  # its file, if it is not one of the kit's
    initrd: str = ""  # its RAM disk, or none; for some kernels several, with blanks between them
    loader: str = "multiboot2"  # GRUB's command that boots it natively: multiboot2, multiboot or linux
    disk: int = 0  # KiB of its ATA disk (lib/disk.py), 0: none
    processors: int = 1  # of the machine, natively
    cd: bool = False  # natively QEMU boots it by GRUB, too: its own loader cannot
    entry: int = 0  # where it begins to run natively (physical), the second time that the processor comes there

    @property
    def elf(self):
        """Its file; where the build leaves it for a guest of the kit's."""
        return self.kernel or f"build/guests/{self.name}.elf"


def names():
    """The guests of this tree, in the tables' order."""
    there = {entry for entry in os.listdir("guests") if os.path.exists(f"guests/{entry}/guest.cfg")}
    return [name for name in ORDER if name in there] + sorted(there - set(ORDER) - set(APART))


def load(name):
    """Reads guests/NAME/guest.cfg; labs/LAB/GUEST is a guest of a lab's own."""
    if name.startswith("labs/"):
        return lab_guest(name)
    choose("GUEST", name, names() + APART)
    path = f"guests/{name}/guest.cfg"
    values = dict(KEYS)
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            key, equals, value = line.partition("=")
            if not equals or key not in KEYS:
                raise Mistake(f"{path}:{number}: expected one of {', '.join(KEYS)} and `=`.")
            values[key] = value.strip().strip('"')
    return Guest(name, values["MEM"], int(values["BUDGET"]), values["CONFIG"], values["ARGS"], values["BESIDE"],
                 values["XEN"] != "no", values["QEMU"] != "no", disk=int(values["DISK"]),
                 processors=int(values["PROCESSORS"]), cd=values["QEMU"] == "grub")


def lab_guest(path):
    """The guest in a lab's folder."""
    from lib import lab_catalog  # which needs this module
    if not os.path.exists(os.path.join(path, "main.c")):
        raise Mistake(f"GUEST={path} is not there: a lab's guest is a folder labs/LAB/guest...")
    return lab_catalog.lab_guest(".", {"guest": path.rstrip("/")})


def chosen(words):
    """The guests named in a list of words, or all of them."""
    return [load(name) for name in words.split() or names()]
