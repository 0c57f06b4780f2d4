"""A walk of page tables in machine memory, entry by entry ("4-Level Paging")."""
import target

PRESENT, PS, ADDRESS = 1, 1 << 7, 0x000ffffffffff000
BITS = [(1 << 0, "P"), (1 << 1, "W"), (1 << 2, "U"), (1 << 3, "PWT"), (1 << 4, "PCD"), (1 << 5, "A"), (1 << 6, "D"),
        (1 << 8, "G"), (1 << 63, "NX")]
LEVELS = 4


def flags(entry, level):
    """The names of the bits that are set."""
    names = [name for bit, name in BITS if entry & bit]
    return " ".join(names + (["PS"] if level > 1 and entry & PS else []))


def canonical(address):
    """Are the upper bits copies of bit 47?"""
    return address >> 47 in (0, (1 << 17) - 1)


def same(address):
    """Where the entries hold machine addresses."""
    return address


def walk(root, address, machine=same):
    """[(level, address of the entry, entry)], and the address that it leads to, or None. `machine` gives the machine
    address of what the entries hold, or None."""
    if not canonical(address):
        target.fail(f"{address:#x} is not canonical: no table leads there.")
    table, steps = root & ADDRESS, []
    for level in range(LEVELS, 0, -1):
        shift = 12 + 9 * (level - 1)
        where = table + (address >> shift & 511) * 8
        if machine(where) is None:
            target.fail(f"The table at {table:#x} is in no frame of the guest's.")
        entry = int.from_bytes(target.read_machine(machine(where), 8), "little")
        steps.append((level, where, entry))
        if not entry & PRESENT:
            return steps, None
        if level == 1 or entry & PS and level < LEVELS:
            offset = (1 << shift) - 1
            return steps, (entry & ADDRESS & ~offset) | address & offset
        table = entry & ADDRESS
    return steps, None
