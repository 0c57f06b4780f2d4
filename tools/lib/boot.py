"""One boot: which guest, in which column, and the command lines that follow from it."""
import os
from dataclasses import dataclass

from lib import columns, disk, guests


@dataclass(frozen=True)
class Boot:
    """What is to be booted. Two equal Boots make byte-identical images and, under Bochs, logs."""
    column: columns.Column
    guest: guests.Guest
    build: str = "release"
    megs: int = 512
    model: str = "corei7_skylake_x"  # the CPU that Bochs plays
    config: str = ""  # more words for the domain's command line
    args: str = ""  # more arguments for the guest
    hypervisor: str = ""  # more words for the hypervisor's command line
    tag: str = ""  # tells apart boots that differ only in the emulator's settings

    @property
    def label(self):
        """What people call it, and its folder below build/boots."""
        words = [self.column.name, self.guest.name]
        words += [word for word in (self.tag, self.build if self.build != "release" else "") if word]
        return "-".join(words)

    @property
    def folder(self):
        """Where the image, the emulator's files and the log lie."""
        return os.path.join("build", "boots", self.label)

    @property
    def processors(self):
        """How many the machine has: the hypervisor uses one."""
        return 1 if self.column.under else self.guest.processors

    def hypervisor_line(self):
        """The command line of the hypervisor."""
        return " ".join(word for word in ("domains=serial", self.hypervisor) if word)

    def kernel_line(self):
        """The guest's own command line."""
        return " ".join(word for word in (self.guest.args, self.args) if word)

    def domain_line(self):
        """The command line of the guest's module, or natively its own."""
        guest = self.guest
        words = [f"name={guest.name}", f"mem={guest.mem}", guest.config, self.config, "--", guest.args, self.args]
        return " ".join(word for word in words if word)

    def modules(self):
        """(file, command line) of each domain, and of its RAM disk."""
        result = [(self.guest.elf, self.domain_line())]
        result += [(path, f"initrd-for={self.guest.name} -- {os.path.basename(path)}") for path in self.guest.initrd.split()]
        if self.guest.disk and self.column.under == "trivisor":
            result.append((disk.make(self.folder, self.guest.disk), f"disk-for={self.guest.name}"))
        if self.guest.beside and self.column.under == "trivisor":
            beside, _, arguments = self.guest.beside.partition(" ")
            other = guests.load(beside)
            name = other.name if other.name != self.guest.name else other.name + "2"
            line = f"name={name} mem={other.mem} with={self.guest.name} -- {other.args} {arguments}".rstrip()
            result.append((other.elf, line))
        return result
