/*
 * Where a processor begins: after INIT, and at the address that a start-up message names. Source:
 * SDM, "Processor State After Reset" (the column INIT), "MP Initialization Protocol".
 *
 * A domain has one vcpu so far, which its loader starts, so with start_at= (docs/formats.md); who
 * gives it more calls this for a vcpu that is VCPU_DOWN when its local APIC receives the second of
 * INIT and start-up. What INIT leaves alone (x87 and SSE state, XCR0, TSC, MSRs but EFER) is not
 * touched; CR0.CD and CR0.NW are as no code has ever changed them.
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "lapic.h"
#include "paging.h"
#include "virt_ops.h"
#include "x86.h"

enum start {
    VECTOR_TO_SEGMENT = 8,
    VECTOR_TO_BASE = 12,
    LIMIT = 0xffff,
    CODE = SEG_ATTR_P | SEG_ATTR_S | 0xb,
    DATA = SEG_ATTR_P | SEG_ATTR_S | 0x3,
    LDT = SEG_ATTR_P | 0x2,
    TSS_BUSY = SEG_ATTR_P | 0xb,
};

enum paging_result cpu_start_up(struct vcpu *v, u8 vector, struct paging_fault *f)
{
    const struct segment code = {.selector = (u16)(vector << VECTOR_TO_SEGMENT),
                                 .base = (u64)vector << VECTOR_TO_BASE,
                                 .limit = LIMIT,
                                 .attr = CODE};
    const struct segment data = {.limit = LIMIT, .attr = DATA};
    const struct segment ldt = {.limit = LIMIT, .attr = LDT};
    const struct segment tss = {.limit = LIMIT, .attr = TSS_BUSY};
    enum paging_result loaded;

    /* The processor's signature. */
    v->regs = (struct regs){.rdx = cpuid_tables.basic[LEAF_FEATURES][CPUID_EAX]};
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        virt_set_segment(v, s, s == SEG_CS ? &code : &data);
    virt_set_segment(v, SEG_LDTR, &ldt);
    virt_set_segment(v, SEG_TR, &tss);
    virt_ops->set_table(v, false, 0, LIMIT);
    virt_ops->set_table(v, true, 0, LIMIT);
    virt_set(v, VREG_RIP, 0);
    virt_set(v, VREG_RSP, 0);
    virt_set(v, VREG_RFLAGS, RFLAGS_FIXED);
    virt_set(v, VREG_CR0, CR0_CD | CR0_NW | CR0_ET);
    virt_set(v, VREG_CR2, 0);
    virt_set(v, VREG_CR3, 0);
    virt_set(v, VREG_CR4, 0);
    virt_set(v, VREG_EFER, 0);
    for (unsigned n = 0; n < ARRAY_SIZE(v->dr); n++)
        v->dr[n] = 0;
    v->dr6 = DR6_RESET;
    v->dr7 = DR7_RESET;
    virt_mark(v, DIRTY_DEBUG);
    v->virt->has_event = false;
    virt_ops->completed(v, false);
    virt_ops->block_nmi(v, false);
    lapic_reset(v->lapic);
    paging_flush(v);
    loaded = paging_load_root(v, f);
    cpu_look_at_state(v);
    return loaded;
}
