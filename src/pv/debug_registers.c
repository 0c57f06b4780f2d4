/*
 * Debug registers of a guest. Source: SDM, "Debug Registers".
 *
 * Invariants: no breakpoint lies in the hypervisor's slots; GD and the reserved bits of DR7 stay as
 * they are after reset, so that the hypervisor never traps on its own accesses.
 */
#include "errno.h"
#include "insn.h"
#include "hypercall.h"
#include "sched.h"
#include "x86.h"

enum dr7_conditions {
    DR7_FIRST_CONDITION = 16, /* four bits a breakpoint: R/W, LEN */
    DR7_CONDITION_BITS = 4,
    DR7_RW_IO = 2,
    DR7_RW_MASK = 3,
    BREAKPOINTS = 4,
};

u64 pv_debug_register(struct vcpu *v, unsigned dr)
{
    switch (dr) {
    case 0 ... 3:
        return v->dr[dr];
    case 6:
        return v->dr6;
    case 7:
        return v->dr7;
    default:
        return 0;
    }
}

static bool watches_io(u64 dr7)
{
    for (unsigned i = 0; i < BREAKPOINTS; i++)
        if ((dr7 >> (DR7_FIRST_CONDITION + DR7_CONDITION_BITS * i) & DR7_RW_MASK) == DR7_RW_IO)
            return true;
    return false;
}

static void load(const struct vcpu *v)
{
    if (v != pv_current())
        return;
    write_dr0(v->dr[0]);
    write_dr1(v->dr[1]);
    write_dr2(v->dr[2]);
    write_dr3(v->dr[3]);
    write_dr7(v->dr7);
}

int pv_set_debug_register(struct vcpu *v, unsigned dr, u64 value)
{
    switch (dr) {
    case 0 ... 3:
        if (!canonical(value) || !pv_range_ok(value, sizeof(u64)))
            return -EPERM;
        v->dr[dr] = value;
        if (v->dr7 & DR7_ENABLES)
            load(v);
        return 0;
    case 4:
    case 6:
        if (value >> 32)
            return -EINVAL;
        v->dr6 = (value & DR6_WRITABLE) | DR6_RESET;
        return 0;
    case 5:
    case 7:
        if (value >> 32)
            return -EINVAL;
        if (watches_io(value))
            return -EPERM;
        v->dr7 = (value & ~(DR7_ZERO | DR7_GD)) | DR7_RESET;
        load(v);
        return 0;
    default:
        return -ENODEV;
    }
}

static s64 do_set_debugreg(u32 dr, u64 value)
{
    return pv_set_debug_register(pv_current(), dr, value);
}
HYPERCALL(__HYPERVISOR_set_debugreg, do_set_debugreg, LC_HC_DEBUGREG);

static s64 do_get_debugreg(u32 dr)
{
    if (dr > 7)
        return -ENODEV;
    return (s64)pv_debug_register(pv_current(), dr);
}
HYPERCALL(__HYPERVISOR_get_debugreg, do_get_debugreg, LC_HC_DEBUGREG);
