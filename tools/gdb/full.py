"""What is known of a fully virtualized vcpu without its VMCS: the registers that the hypervisor has read since the
last exit (src/include/virt_ops.h), and under shadow paging the guest's CR3 and the root of its shadow."""
import gdb

import target

CACHED = ["CR0", "CR2", "CR3", "CR4", "EFER", "RFLAGS"]


def is_full():
    """Is this hypervisor a full virtualizer?"""
    return gdb.lookup_global_symbol("virt_ops") is not None


def cached(vcpu, name):
    """A register from the cache, or None: it is in the VMCS."""
    number = int(target.value("VREG_" + name))
    virt = target.dereferenced(vcpu["virt"], "virtual processor")
    return int(virt["reg"][number]) if int(virt["valid"]) >> number & 1 else None


def register(vcpu, name):
    """A general register; rip and rsp are the cache's."""
    if name in ("rip", "rsp"):
        return cached(vcpu, name.upper()) or 0
    return int(vcpu["regs"][name])


def vmx(vcpu):
    """The vendor's part."""
    return target.dereferenced(vcpu["virt"].cast(gdb.lookup_type("struct vmx_vcpu").pointer()), "virtual processor")


def guest_cr3(vcpu):
    """The guest's CR3."""
    if bool(vmx(vcpu)["cr3_owned"]):
        return int(vmx(vcpu)["cr3"])
    found = cached(vcpu, "CR3")
    if found is None:
        target.fail("The guest's CR3 is in the VMCS, and the hypervisor has not read it since the last exit: stop where it "
                    "has (AT=walk, where an instruction is emulated), or look at it in Bochs' debugger (`creg` in the guest).")
    return found


def shadow_root(vcpu):
    """The table that the processor runs on in the guest's stead, or 0 under EPT."""
    return int(vmx(vcpu)["cr3_written"]) if bool(vmx(vcpu)["cr3_owned"]) else 0


def print_state(vcpu):
    """What the cache has."""
    known = [(name, cached(vcpu, name)) for name in CACHED]
    print("  read since the exit: " + ", ".join(f"{name.lower()} {value:#x}" for name, value in known if value is not None))
    print("  in the VMCS: " + ", ".join([name.lower() for name, value in known if value is None] +
                                        ([] if cached(vcpu, "RSP") is not None else ["rsp (shown as 0)"])))
    if bool(vmx(vcpu)["cr3_owned"]):
        print(f"  the guest's CR3 is {int(vmx(vcpu)['cr3']):#x}, its shadow's root {shadow_root(vcpu):#x}")
