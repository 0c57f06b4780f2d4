/*
 * Debug registers of a guest. Source: SDM, "Debug Registers".
 *
 * Invariants
 *  - No breakpoint lies in the hypervisor's slots; GD and the reserved bits of DR7 stay as they are
 *    after reset, so that the hypervisor never traps on its own accesses.
 *  - The processor never gets one on a port: those are the guest's to have with CR4.DE, and what
 *    emulates its IN and OUT looks for them here.
 */
#include "errno.h"
#include "insn.h"
#include "hypercall.h"
#include "pv_emulate.h"
#include "sched.h"
#include "x86.h"

enum dr7_conditions {
    DR7_FIRST_CONDITION = 16, /* four bits a breakpoint: R/W, LEN */
    DR7_CONDITION_BITS = 4,
    DR7_RW_IO = 2,
    DR7_RW_MASK = 3,
    DR7_LEN_SHIFT = 2,   /* in a condition */
    DR7_ENABLE_BITS = 2, /* local, global */
    DR7_ENABLE_MASK = 3,
    BREAKPOINTS = 4,
};

/* The enables in dr7 of those that are on ports. */
static u64 on_ports(u64 dr7)
{
    u64 enables = 0;

    for (unsigned i = 0; i < BREAKPOINTS; i++)
        if ((dr7 >> (DR7_FIRST_CONDITION + DR7_CONDITION_BITS * i) & DR7_RW_MASK) == DR7_RW_IO)
            enables |= dr7 & DR7_ENABLE_MASK << DR7_ENABLE_BITS * i;
    return enables;
}

/* Whether one of them would be on a port, were it on: without CR4.DE that is refused as soon as any
 * breakpoint is on, as under Xen. */
static bool names_port(u64 dr7)
{
    return on_ports(dr7 | DR7_ENABLES);
}

u8 pv_breakpoints_on_port(const struct vcpu *v, u16 port, unsigned len)
{
    static const u8 lengths[] = {1, 2, 8, 4};
    u64 on = v->virt->cr4 & CR4_DE ? on_ports(v->dr7) : 0;
    u8 met = 0;

    for (unsigned i = 0; on >> DR7_ENABLE_BITS * i; i++) {
        u64 condition = v->dr7 >> (DR7_FIRST_CONDITION + DR7_CONDITION_BITS * i);
        u64 length = lengths[condition >> DR7_LEN_SHIFT & (ARRAY_SIZE(lengths) - 1)];
        u64 first = v->dr[i] & ~(length - 1); /* "lower-order address bits are ignored" */

        if (on >> DR7_ENABLE_BITS * i & DR7_ENABLE_MASK && first < port + len &&
            port < first + length)
            met |= 1u << i;
    }
    return met;
}

/* DR4 and DR5 are other names of DR6 and DR7, or with CR4.DE none. */
static unsigned real_number(const struct vcpu *v, unsigned dr)
{
    return (dr == 4 || dr == 5) && !(v->virt->cr4 & CR4_DE) ? dr + 2 : dr;
}

s64 pv_debug_register(const struct vcpu *v, unsigned dr)
{
    dr = real_number(v, dr);
    switch (dr) {
    case 0 ... 3:
        return (s64)v->dr[dr];
    case 6:
        return (s64)v->dr6;
    case 7:
        return (s64)v->dr7;
    default:
        return -ENODEV;
    }
}

void pv_load_debug_registers(const struct vcpu *v)
{
    write_dr0(v->dr[0]);
    write_dr1(v->dr[1]);
    write_dr2(v->dr[2]);
    write_dr3(v->dr[3]);
    write_dr7(v->dr7 & ~on_ports(v->dr7));
}

static void load(const struct vcpu *v)
{
    if (v == pv_current())
        pv_load_debug_registers(v);
}

static int set_control(struct vcpu *v, u64 value)
{
    if (value >> 32)
        return -EINVAL;
    if (value & DR7_GD || (value & DR7_ENABLES && names_port(value) && !(v->virt->cr4 & CR4_DE)))
        return -EPERM;
    v->dr7 = (value & ~DR7_ZERO) | DR7_RESET;
    load(v);
    return 0;
}

int pv_set_debug_register(struct vcpu *v, unsigned dr, u64 value)
{
    dr = real_number(v, dr);
    switch (dr) {
    case 0 ... 3:
        if (!canonical(value) || !pv_range_ok(value, sizeof(u64)))
            return -EPERM;
        v->dr[dr] = value;
        if (v->dr7 & DR7_ENABLES)
            load(v);
        return 0;
    case 6:
        if (value >> 32)
            return -EINVAL;
        v->dr6 = (value & DR6_WRITABLE) | DR6_RESET;
        return 0;
    case 7:
        return set_control(v, value);
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
    return pv_debug_register(pv_current(), dr);
}
HYPERCALL(__HYPERVISOR_get_debugreg, do_get_debugreg, LC_HC_DEBUGREG);
