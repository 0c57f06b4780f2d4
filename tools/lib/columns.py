"""The columns of the comparison: the ways in which the same guest is run."""
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One way to run a guest."""
    name: str
    under: str  # "" natively, "trivisor" or "xen"
    vtx: bool  # does it need VT-x?

    def kernel(self, build):
        """The hypervisor's image, or None natively."""
        if self.under == "trivisor":
            return f"build/{self.name}/{build}/trivisor.elf"
        return "build/xen/xen" if self.under == "xen" else None


ALL = {column.name: column for column in [
    Column("native", "", False),
    Column("shadow", "trivisor", True),
    Column("ept", "trivisor", True),
    Column("pv", "trivisor", False),
    Column("xen-pv", "xen", False),
    Column("xen-pvh", "xen", True),
]}
OURS = [name for name, column in ALL.items() if column.under != "xen"]
XEN = [name for name, column in ALL.items() if column.under == "xen"]
SOURCES = {"shadow": "src/mmu-shadow", "ept": "src/mmu-ept", "pv": "src/pv"}


def available():
    """The columns that this tree can build."""
    return [name for name in OURS if name not in SOURCES or os.path.isdir(SOURCES[name])]
