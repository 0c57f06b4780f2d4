"""What the helpers read of the stopped machine: the hypervisor's variables by their types, and machine memory."""
import contextlib

import gdb

PAGE = 4096
DIRECT_MAP = 0xffff830000000000  # src/include/layout.h
GUEST_RPL = 3
NOT_YET = "the hypervisor's tables are not loaded yet (`hbreak core_main`, `c`)."


def fail(text):
    """Ends the command with a sentence."""
    raise gdb.GdbError(text)


def number(text, what):
    """The value of an expression that the user typed."""
    if not text.strip():
        fail(f"{what} is missing: see `help`.")
    try:
        return int(gdb.parse_and_eval(text).cast(gdb.lookup_type("unsigned long")))
    except gdb.error as error:
        return fail(f"{text}: {error}")


def has_hypervisor():
    """Is Trivisor below the guest?"""
    return gdb.lookup_global_symbol("core_main") is not None


def need_hypervisor(what):
    """Natively there is none."""
    if not has_hypervisor():
        fail(f"{what}: there is no hypervisor here. The guest runs natively; use MODE=pv.")


def value(expression):
    """A value of the hypervisor's."""
    try:
        found = gdb.parse_and_eval(expression)
        found.fetch_lazy()
        return found
    except gdb.MemoryError:
        return fail(f"{expression} cannot be read from here: {NOT_YET}")
    except gdb.error as error:
        return fail(f"{expression}: {error}")


def variable(name, file):
    """A variable of one file's own."""
    return value(f"'{file}'::{name}")


def dereferenced(pointer, what):
    """What a pointer leads to; a sentence if it leads nowhere."""
    if int(pointer) == 0:
        fail(f"There is no {what} yet: go on (for instance `hbreak sched_run`, `c`).")
    try:
        there = pointer.dereference()
        there.fetch_lazy()
        return there
    except gdb.MemoryError:
        return fail(f"The {what} at {int(pointer):#x} cannot be read from here: {NOT_YET}")


def register(name):
    """A register of the processor, as it is now."""
    try:
        return int(gdb.newest_frame().read_register(name)) & (1 << 64) - 1
    except (gdb.error, ValueError) as error:
        return fail(f"register {name}: {error}")


def in_guest():
    """Did the processor stop in ring 3, where a paravirtualized guest runs?"""
    return register("cs") & GUEST_RPL == GUEST_RPL


@contextlib.contextmanager
def machine_memory():
    """Inside, QEMU's stub takes addresses for those of the machine."""
    def mode(on):
        answer = gdb.execute(f"maintenance packet Qqemu.PhyMemMode:{on}", to_string=True)
        if "OK" not in answer:
            fail("This target cannot read machine memory: attach to QEMU.")
    mode(1)
    try:
        gdb.execute("maintenance flush dcache", to_string=True)
        yield
    finally:
        mode(0)
        gdb.execute("maintenance flush dcache", to_string=True)


def in_core():
    """Is it a file that stands for the machine, and not QEMU?"""
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == "core"


def read_machine(address, length):
    """Bytes of machine memory."""
    if in_core():
        return read(DIRECT_MAP + address, length)
    with machine_memory():
        try:
            return bytes(gdb.selected_inferior().read_memory(address, length))
        except gdb.MemoryError:
            return fail(f"There is no machine memory at {address:#x}.")


def read(address, length):
    """Bytes at an address of the present tables."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    except gdb.MemoryError:
        return fail(f"{address:#x} cannot be read with the present tables.")


def text(array):
    """A C string in an array."""
    return array.string(errors="replace")


def symbol(address):
    """`function+0x12`, or ""."""
    answer = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    if answer.startswith("No symbol"):
        return ""
    return answer.split(" in section")[0].replace(" + ", "+")


def named(address):
    """An address with the function that it lies in."""
    name = symbol(address)
    return f"{address:#x}" + (f" <{name}>" if name else "")


def enumerators(prefix, names):
    """[(name without prefix, value)] of those enumerators that there are."""
    found = []
    for name in names:
        try:
            found.append((name, int(gdb.parse_and_eval(prefix + name))))
        except gdb.error:
            continue
    return found
