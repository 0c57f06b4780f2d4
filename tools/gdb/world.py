"""Domains, vcpus and frames, found in the hypervisor's own structures."""
import struct

import target

FRAME_BYTES = 32  # struct frame
NO_GFN = 0xffffffff
FRAME_FORMAT = "<IIHBBHHIIII"
TYPES = ["none", "writable", "L1", "L2", "L3", "L4", "segdesc"]
FLAGS = ["ZEROED", "PINNED", "VALIDATED", "PARTIAL", "SHADOWED", "SHADOW", "XEN_HEAP", "DIRTY", "NOT_RAM"]


def pcpu():
    """The processor's data, at the bottom of its stack."""
    target.need_hypervisor("pcpu")
    return target.dereferenced(target.value("(struct pcpu *)&boot_stack"), "processor's data")


def current():
    """The vcpu that is loaded."""
    return target.dereferenced(pcpu()["current"], "vcpu on the processor")


def domains():
    """All that exist."""
    table = target.variable("domains", "domain.c")
    first, last = table.type.range()
    return [table[i].dereference() for i in range(first, last + 1) if int(table[i])]


def domain_named(name):
    """By its name; the current vcpu's if it is empty."""
    if not name:
        return target.dereferenced(current()["domain"], "domain")
    there = domains()
    for domain in there:
        if target.text(domain["config"]["name"]) == name:
            return domain
    return target.fail(f"There is no domain {name}" + (": there are " if there else ", nor any other") +
                       ", ".join(target.text(domain["config"]["name"]) for domain in there) + ".")


def domain_name(number):
    """Whose a frame is, by its owner field."""
    if number == int(target.value("DOMID_NONE")):
        return "nobody (free)"
    if number == int(target.value("DOMID_HYPERVISOR")):
        return "the hypervisor"
    for domain in domains():
        if int(domain["id"]) == number:
            return target.text(domain["config"]["name"])
    return f"domain {number}"


class Frame:
    """A record of the frame table."""

    def __init__(self, mfn, data):
        (self.refs, self.type_count, self.owner, self.type, _, self.flags, _, _, _, self.extra,
         self.gfn) = struct.unpack(FRAME_FORMAT, data)
        self.mfn = mfn

    def number(self):
        """Its number within its domain, if it has one."""
        return "" if self.gfn == NO_GFN else f", gfn {self.gfn:#x}"

    def flag_names(self):
        """The flags that are set."""
        known = target.enumerators("FRAME_", FLAGS)
        return [name for name, bit in known if self.flags & bit]


def frame_count():
    """Frames that have a record."""
    count = int(target.variable("frames_limit", "frame.c"))
    if not count:
        target.fail("There is no frame table yet: go on (`hbreak core_main`, `c`).")
    return count


def frame(mfn):
    """One record."""
    target.need_hypervisor("mfn")
    count = frame_count()
    if mfn >= count:
        target.fail(f"{mfn:#x} is past the last frame of this machine, {count - 1:#x}.")
    return Frame(mfn, target.read(int(target.value("frame_table")) + mfn * FRAME_BYTES, FRAME_BYTES))


def frames_by_number(owner):
    """gfn -> [Frame] of all that are an owner's."""
    count = frame_count()
    data = target.read(int(target.value("frame_table")), count * FRAME_BYTES)
    found = {}
    for mfn, record in enumerate(struct.iter_unpack(FRAME_FORMAT, data)):
        if record[2] == owner and record[10] != NO_GFN:
            found.setdefault(record[10], []).append(Frame(mfn, data[mfn * FRAME_BYTES:(mfn + 1) * FRAME_BYTES]))
    return found
