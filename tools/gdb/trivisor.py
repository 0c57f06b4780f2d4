"""Commands for looking at the hypervisor and its guests; `make debug EMU=qemu` loads them. `help trivisor` lists them."""
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import full  # noqa: E402
import rings  # noqa: E402
import tables  # noqa: E402
import target  # noqa: E402
import world  # noqa: E402

GENERAL = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]
STATES = ["runnable", "blocked", "down"]


class Trivisor(gdb.Command):
    """Commands for looking at the hypervisor and its guests:
  vcpu          the vcpu on the processor: where it is, its registers, its tables; and all the others
  walk ADDR     the guest's page tables for an address, entry by entry
  p2m GFN       which machine frame a guest's frame number is
  frame mfn MFN the hypervisor's record of a machine frame
  ledger        what a domain has cost so far
  ring          the newest records of the trace, and the console ring
`help COMMAND` says more of each."""

    def __init__(self):
        super().__init__("trivisor", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, argument, from_tty):
        """Alone it lists them."""
        print(self.__doc__)


def print_registers(read):
    """General registers, two pairs of columns."""
    for i in range(0, len(GENERAL), 4):
        print("  " + "  ".join(f"{name:3} {read(name):016x}" for name in GENERAL[i:i + 4]))


def print_native():
    """The processor itself."""
    print(f"The guest runs natively, in ring {target.register('cs') & 3}, at {target.named(target.register('rip'))}.")
    print_registers(target.register)
    print(f"  cr0 {target.register('cr0'):#x}  cr2 {target.register('cr2'):#x}  cr3 {target.register('cr3'):#x}  "
          f"cr4 {target.register('cr4'):#x}")


def print_pv(virt):
    """What the paravirtual mode keeps of a vcpu."""
    half = "kernel" if bool(virt["kernel_mode"]) else "user program"
    print(f"  its {half} runs; kernel's table {int(virt['kernel_root']):#x}, user's {int(virt['user_root']):#x}, "
          f"kernel stack {int(virt['kernel_sp']):#x}")
    for name in ("event", "syscall", "failsafe"):
        print(f"  {name} callback: {target.named(int(virt[name]['address']))}")
    if int(virt["info"]):
        info = virt["info"].dereference()
        print(f"  events pending: {int(info['evtchn_upcall_pending'])}, masked: {int(info['evtchn_upcall_mask'])}")


class Vcpu(gdb.Command):
    """vcpu: the vcpu that is on the processor, and the state of all the others.
Says whether the processor stopped in the guest or in the hypervisor; the registers are the guest's in either case
(in the hypervisor: as they were when the guest left). Natively it shows the processor itself."""

    def __init__(self):
        super().__init__("vcpu", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        """No argument."""
        if not target.has_hypervisor():
            print_native()
            return
        vcpu = world.current()
        regs, live = vcpu["regs"], target.in_guest()

        def read(name):
            if live:
                return target.register(name)
            return full.register(vcpu, name) if full.is_full() else int(regs[name])
        domain = target.dereferenced(vcpu["domain"], "domain")
        name = target.text(domain["config"]["name"])
        print(f"{name}, life {int(domain['life'])}, vcpu {int(vcpu['id'])}; the processor stopped in "
              f"{'the guest' if live else 'the hypervisor'}")
        print(f"  rip {target.named(read('rip'))}")
        print_registers(read)
        if full.is_full():
            full.print_state(vcpu)
        else:
            print_pv(vcpu["virt"].dereference())
        for other in world.domains():
            for i in range(int(other["vcpu_count"])):
                state = STATES[int(other["vcpu"][i]["state"])]
                print(f"{target.text(other['config']['name'])}, vcpu {i}: {state}")


def frame_note(address):
    """Whose frame it is, in brackets."""
    if not target.has_hypervisor() or address >> 12 >= world.frame_count():
        return ""
    frame = world.frame(address >> 12)
    return f"  (mfn {frame.mfn:#x}: {world.domain_name(frame.owner)}'s{frame.number()})"


def print_walk(root, address, machine=tables.same):
    """One walk; returns the address that it leads to, or None."""
    steps, leads = tables.walk(root, address, machine)
    print(f"{target.named(address)}, by the table at {root & tables.ADDRESS:#x}")
    for level, where, entry in steps:
        print(f"  L{level} {where:#012x}: {entry:#018x}  {tables.flags(entry, level) or 'not present'}")
    if leads is None:
        print("  nothing is mapped there")
    return leads


def walk_full(vcpu, address):
    """Full virtualization: the guest's tables hold its own frame numbers. Under shadow paging the processor's next."""
    frames = world.frames_by_number(int(vcpu["domain"]["id"]))

    def machine(gpa):
        there = frames.get(gpa >> 12)
        return (there[0].mfn << 12 | gpa & 0xfff) if there else None
    leads = print_walk(full.guest_cr3(vcpu), address, machine)
    if leads is not None:
        where = machine(leads)
        print(f"  leads to guest-physical {leads:#x}" + (f", machine address {where:#x}" if where else ": no RAM, or not filled"))
    root = full.shadow_root(vcpu)
    if root:
        print("The processor's own, the shadow:")
        leads = print_walk(root, address)
        if leads is not None:
            print(f"  leads to machine address {leads:#x}{frame_note(leads)}")


class Walk(gdb.Command):
    """walk ADDR: the walk of the guest's page tables for a linear address, entry by entry.
ADDR is any expression: walk 0x400000, walk $rsp, walk guest_main. Under pv the tables are those of the half of the
guest that runs (kernel or user program); their entries hold machine frames, and behind the last is whose frame that is. Under
shadow and ept (EMU=dump) they hold the guest's own frame numbers; under shadow the processor's tables follow."""

    def __init__(self):
        super().__init__("walk", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        """An address."""
        address = target.number(argument, "ADDR")
        if not target.has_hypervisor():
            root = target.register("cr3")
        elif full.is_full():
            walk_full(world.current(), address)
            return
        else:
            virt = world.current()["virt"]
            root = int(virt["kernel_root" if bool(virt["kernel_mode"]) else "user_root"])
        leads = print_walk(root, address)
        if leads is not None:
            print(f"  leads to machine address {leads:#x}{frame_note(leads)}")


class P2m(gdb.Command):
    """p2m GFN [DOMAIN]: which machine frame a guest's frame number is.
GFN is a page frame number, an address shifted by 12. Without DOMAIN it is the current one's. Looked up in the frame
table, which knows the number of each of a domain's frames."""

    def __init__(self):
        super().__init__("p2m", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        """A frame number, and perhaps a name."""
        target.need_hypervisor("p2m")
        words = argument.split()
        gfn = target.number(words[0] if words else "", "GFN")
        domain = world.domain_named(words[1] if len(words) > 1 else "")
        name = target.text(domain["config"]["name"])
        found = world.frames_by_number(int(domain["id"])).get(gfn)
        if not found:
            target.fail(f"{name} has no frame {gfn:#x}.")
        for frame in found:
            print(f"{name}: gfn {gfn:#x} is mfn {frame.mfn:#x}, machine address {frame.mfn << 12:#x}, "
                  f"type {world.TYPES[frame.type]}")


class FrameOf(gdb.Command):
    """frame mfn MFN, or mfn MFN: the hypervisor's record of a machine frame.
Whose it is, what it is used as, how many rely on that, its number within its domain. (`frame N` is gdb's own: a frame
of the stack.)"""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        """A machine frame number."""
        frame = world.frame(target.number(argument, "MFN"))
        print(f"mfn {frame.mfn:#x}, machine address {frame.mfn << 12:#x}")
        print(f"  owner {world.domain_name(frame.owner)}{frame.number()}")
        print(f"  references {frame.refs}, type {world.TYPES[frame.type]} relied on {frame.type_count} times")
        print(f"  flags {' '.join(frame.flag_names()) or 'none'}")


class Ledger(gdb.Command):
    """ledger [DOMAIN]: what a domain has cost so far: how often each thing happened, and the ticks in the hypervisor.
Without DOMAIN it is the current one's."""

    def __init__(self):
        super().__init__("ledger", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        """Perhaps a name."""
        target.need_hypervisor("ledger")
        domain = world.domain_named(argument.strip())
        ledger, names = domain["ledger"], target.variable("names", "ledger.c")
        print(f"ledger of {target.text(domain['config']['name'])}, life {int(domain['life'])}: count, ticks")
        cells = ledger["cell"]
        for i in range(cells.type.range()[1] + 1):
            if int(cells[i]["n"]):
                name = names[i].string().lower()
                print(f"  {name:24} {int(cells[i]['n']):10} {int(cells[i]['ticks']):12}")
        if int(ledger["open_region"]) >= 0:
            print(f"  region {int(ledger['open_region'])} is open")


class Ring(gdb.Command):
    """ring [COUNT]: the newest COUNT records of the trace (8), and the guest's console ring.
The trace has to be on: make debug ... OPTIONS="trace=all"."""

    def __init__(self):
        super().__init__("ring", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        """Perhaps a number."""
        target.need_hypervisor("ring")
        rings.print_trace(target.number(argument, "COUNT") if argument.strip() else 8)
        rings.print_console(world.domain_named(""))


for command in (Trivisor, Vcpu, Walk, P2m, Ledger, Ring):
    command()
FrameOf("frame mfn")
FrameOf("mfn")
