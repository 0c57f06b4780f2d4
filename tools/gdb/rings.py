"""The trace's ring and the guest's console ring."""
import gdb

import target

NO_VCPU = 0xff


def record_text(record):
    """One line."""
    info = target.value("trace_kind_info")[int(record["kind"])]
    names = info["args"].string().split()
    args = " ".join(f"{name}={int(record['arg'][i]):#x}" for i, name in enumerate(names))
    who = "" if int(record["vcpu"]) == NO_VCPU else f" vcpu {int(record['vcpu'])}"
    ticks = f" {int(record['ticks'])} ticks" if int(record["ticks"]) else ""
    return f"  {int(record['tsc'])} life {int(record['life'])}{who}: {info['name'].string().lower()}{ticks} {args}".rstrip()


def print_trace(wanted):
    """The newest records, the oldest of them first."""
    file = "trace_ring.c"
    blocks, each = int(target.variable("blocks", file)), int(target.variable("block_records", file))
    made = int(target.variable("made", file))
    if not blocks:
        print('There is no trace: give OPTIONS="trace=all" to `make debug`.')
        return
    there = min(made, blocks * each)
    print(f"trace: {made} records made, {there} there, the newest {min(wanted, there)}:")
    table = target.variable("block", file)
    for number in range(made - min(wanted, there), made):
        at = number % (blocks * each)
        print(record_text(table[at // each][at % each]))


def print_console(domain):
    """What the guest has written and the hypervisor has not read yet."""
    if not int(domain["pv"]):
        print("This domain has no console ring: it is not paravirtualized.")
        return
    pointer = domain["pv"]["console"]
    if not int(pointer):
        print("There is no console ring yet.")
        return
    try:
        ring = pointer.dereference()
        prod, cons = int(ring["out_prod"]), int(ring["out_cons"])
        size = ring["out"].type.sizeof
        out = target.read(int(ring["out"].address), size)
    except gdb.error as error:
        target.fail(f"the console ring: {error}")
    waiting = (prod - cons) & 0xffffffff
    print(f"console ring of {target.text(domain['config']['name'])}: produced {prod}, consumed {cons}, {waiting} bytes waiting")
    if 0 < waiting <= size:
        data = bytes(out[(cons + i) % size] for i in range(waiting))
        print("  waiting: " + repr(data.decode("latin-1")))
    last = bytes(out[(cons - i) % size] for i in range(min(cons, 64), 0, -1))
    print("  last read: " + repr(last.decode("latin-1")))
