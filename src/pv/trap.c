/*
 * What happens in ring 3 that is not a hypercall: exceptions, the machine's interrupts, `int n`,
 * and system calls of user programs.
 */
#include "pv.h"

#include "extable.h"
#include "host_trap.h"
#include "insn.h"
#include "local_apic.h"
#include "log.h"
#include "sched.h"
#include "trace.h"
#include "virt.h"
#include "x86.h"

enum trap_constants {
    ERROR_IDT = 1 << 1, /* error code of #GP: it was about a gate */
    INT_N_BYTES = 2,
    OPCODE_INT_N = 0xcd,
    ERROR_SELECTOR_SHIFT = 3,
    OLD_SYSTEM_CALL = 0x80,
};

/* The guest's kernel counts as level 1. A gate that is not there is as one that may not be used. As
 * under Xen nobody asks for the level of vector 0x80, the system calls of old. */
static bool may_raise(const struct vcpu *v, u8 vector)
{
    const struct pv_gate *g = &v->virt->gate[vector];

    return g->address && (g->dpl >= (v->virt->kernel_mode ? 1 : 3) || vector == OLD_SYSTEM_CALL);
}

/* `int n`: rip is behind the instruction. It never has an error code, whatever its vector. */
static void soft_interrupt(struct vcpu *v, u8 vector)
{
    if (likely(may_raise(v, vector))) {
        pv_bounce_soft(v, vector);
        return;
    }
    v->regs.rip -= INT_N_BYTES;
    v->regs.rflags |= RFLAGS_RF; /* a fault, as it would have arrived */
    pv_bounce_trap(v, VEC_GP, (u32)vector << ERROR_SELECTOR_SHIFT | ERROR_IDT);
}

/* #GP because of a gate that ring 3 may not use: `int n`. */
static bool refused_int(struct vcpu *v)
{
    u8 code[INT_N_BYTES];

    if (!pv_copy_from(code, v->regs.rip, sizeof(code)) || code[0] != OPCODE_INT_N)
        return false;
    v->regs.rip += INT_N_BYTES;
    soft_interrupt(v, code[1]);
    return true;
}

static u32 general_protection(struct vcpu *v)
{
    if (v->regs.error & ERROR_IDT && refused_int(v))
        return LC_EXIT_SOFT_INT;
    if (v->regs.error || !pv_emulate(v))
        pv_bounce_trap(v, VEC_GP, (u32)v->regs.error);
    return LC_EXIT_GP;
}

static u32 invalid_opcode(struct vcpu *v)
{
    if (!pv_emulate(v))
        pv_bounce_trap(v, VEC_UD, 0);
    return LC_EXIT_EXCEPTION;
}

static u32 device_not_available(struct vcpu *v)
{
    write_cr0(read_cr0() & ~CR0_TS);
    v->virt->ts = false;
    pv_bounce_trap(v, VEC_NM, 0);
    return LC_EXIT_EXCEPTION;
}

static u32 debug(struct vcpu *v)
{
    v->dr6 |= read_dr6() & DR6_TRAPPED; /* the guest clears it */
    write_dr6(DR6_RESET);
    pv_bounce_trap(v, VEC_DB, 0);
    return LC_EXIT_EXCEPTION;
}

static u32 other(struct vcpu *v, u8 vector)
{
    switch (vector) {
    case VEC_GP:
        return general_protection(v);
    case VEC_UD:
        return invalid_opcode(v);
    case VEC_NM:
        return device_not_available(v);
    case VEC_DB:
        return debug(v);
    case VEC_NMI:
        return LC_EXIT_OTHER;
    case VEC_MC:
        panic("machine check in a guest");
    case VEC_DF:
        panic("double fault in a guest");
    case VEC_BP:
    case VEC_OF:
        pv_bounce_trap(v, vector, 0); /* whatever its gate's level: as under Xen */
        return LC_EXIT_SOFT_INT;
    case APIC_TIMER_VECTOR:
    case APIC_SPURIOUS_VECTOR:
        host_interrupt(vector);
        v->kicked = 1;
        return LC_EXIT_INTERRUPT;
    default:
        if (vector >= VEC_FIRST_EXTERNAL) {
            soft_interrupt(v, vector);
            return LC_EXIT_SOFT_INT;
        }
        pv_bounce_trap(v, vector, (u32)v->regs.error);
        return LC_EXIT_EXCEPTION;
    }
}

/* The kernel may not write what is mapped there; it may be one of its tables. */
static inline bool is_table_write(const struct vcpu *v)
{
    enum { WRITE_TO_READ_ONLY = PF_P | PF_W };

    return (v->regs.error & ~(u64)PF_U) == WRITE_TO_READ_ONLY && v->virt->kernel_mode &&
           pv_assisted(v->domain, VMASST_TYPE_writable_pagetables);
}

/*
 * Tour 52: a page fault in ring 3. The read of the missing page, for the third time. The IDT is the
 * hypervisor's, so the fault arrives here; but the tables are the guest's own, and the processor
 * walked exactly these. There is no question whose fault it is. It is passed on.
 */
static inline u32 trap(struct vcpu *v)
{
    u8 vector = (u8)v->regs.vector;

    if (likely(vector == VEC_PF)) {
        u64 cr2 = read_cr2();

        if (unlikely(is_table_write(v)) && pv_write_table(v, cr2))
            return LC_EXIT_PAGE_FAULT;
        pv_bounce_page_fault(v, cr2, (u32)v->regs.error);
        return LC_EXIT_PAGE_FAULT;
    }
    return other(v, vector);
}

/* The same while the trace is on; apart, so that the usual way has nothing to keep across a call.
 */
static u32 __attribute__((noinline, cold)) trap_traced(struct vcpu *v)
{
    pv_trace_arrival(v);
    return trap(v);
}

u32 pv_trap(struct vcpu *v)
{
    return trace_wants(TRACE_ALL) ? trap_traced(v) : trap(v);
}

/* The frame that the guest wanted could not be loaded; `fault` as the exception table gives it, 0:
 * its rip is not canonical. As if the guest had been there, and met the fault. */
u32 pv_iret_failed(struct vcpu *v, u64 fault)
{
    enum { VECTOR_SHIFT = 32 };
    u64 what = fault ? fault - 1 : (u64)VEC_GP << VECTOR_SHIFT;

    if (what >> VECTOR_SHIFT == VEC_PF)
        pv_bounce_page_fault(v, read_cr2(), (u32)what);
    else
        pv_bounce_trap(v, (u8)(what >> VECTOR_SHIFT), (u32)what);
    return LC_EXIT_OTHER;
}
