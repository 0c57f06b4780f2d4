/*
 * A guest's registers in the VMCS and the processor: read when first asked for, written back before
 * the next entry (the cache itself is virt.c's).
 */
#include "insn.h"
#include "vmx.h"
#include "x86.h"

enum { SEGMENT_STEP = 2 }; /* between the encodings of two segments' fields */

u64 vmx_read_reg(struct vcpu *v, enum virt_reg r)
{
    struct vmx_vcpu *x = vmx_of(v);

    vmx_make_current(v);
    switch (r) {
    case VREG_RIP:
        return vmread(VMCS_GUEST_RIP);
    case VREG_RSP:
        return vmread(VMCS_GUEST_RSP);
    case VREG_RFLAGS:
        return vmread(VMCS_GUEST_RFLAGS);
    case VREG_FS_BASE:
        return vmread(VMCS_GUEST_FS_BASE);
    case VREG_GS_BASE:
        return vmread(VMCS_GUEST_GS_BASE);
    case VREG_CR0:
        return (vmread(VMCS_GUEST_CR0) & ~x->cr0_mask) | (x->cr0_shadow & x->cr0_mask);
    case VREG_CR4:
        return (vmread(VMCS_GUEST_CR4) & ~x->cr4_mask) | (x->cr4_shadow & x->cr4_mask);
    case VREG_CR3:
        return x->cr3_owned ? x->cr3 : vmread(VMCS_GUEST_CR3);
    case VREG_EFER:
        return x->efer_owned ? x->efer : vmread(VMCS_GUEST_EFER);
    case VREG_CR2:
        return x->common.live ? read_cr2() : x->cr2;
    case VREG_KERNEL_GS_BASE:
        return x->common.live ? rdmsr(MSR_KERNEL_GS_BASE) : x->kernel_gs_base;
    default:
        return 0;
    }
}

void vmx_write_dirty(struct vcpu *v, u32 dirty)
{
    const u64 *reg = v->virt->reg;
    const u32 control = 1u << VREG_CR0 | 1u << VREG_CR3 | 1u << VREG_CR4 | 1u << VREG_EFER;

    if (dirty & 1u << VREG_RSP)
        vmwrite(VMCS_GUEST_RSP, reg[VREG_RSP]);
    if (dirty & 1u << VREG_RFLAGS)
        vmwrite(VMCS_GUEST_RFLAGS, reg[VREG_RFLAGS]);
    if (dirty & 1u << VREG_FS_BASE)
        vmwrite(VMCS_GUEST_FS_BASE, reg[VREG_FS_BASE]);
    if (dirty & 1u << VREG_GS_BASE)
        vmwrite(VMCS_GUEST_GS_BASE, reg[VREG_GS_BASE]);
    if (dirty & 1u << VREG_KERNEL_GS_BASE)
        wrmsr(MSR_KERNEL_GS_BASE, reg[VREG_KERNEL_GS_BASE]);
    if (dirty & (control | DIRTY_PAGING))
        vmx_apply_control_registers(v, dirty);
}

/* "Guest Register State", access rights: bits 0-7 and 12-16; struct segment closes the gap. */
enum rights {
    RIGHTS_LOW = 0xff,
    RIGHTS_GAP = 4,
    ATTR_HIGH = 0x1f00,
    RIGHTS_L = 1 << 13,
};

void vmx_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
    vmx_make_current(v);
    out->selector = (u16)vmread(VMCS_GUEST_ES_SELECTOR + s * SEGMENT_STEP);
    out->base = vmread(VMCS_GUEST_ES_BASE + s * SEGMENT_STEP);
    out->limit = (u32)vmread(VMCS_GUEST_ES_LIMIT + s * SEGMENT_STEP);
    u32 rights = (u32)vmread(VMCS_GUEST_ES_RIGHTS + s * SEGMENT_STEP);
    out->attr = (u16)((rights & RIGHTS_LOW) | (rights >> RIGHTS_GAP & ATTR_HIGH));
}

void vmx_set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
    u32 rights = (in->attr & RIGHTS_LOW) | (u32)(in->attr & ATTR_HIGH) << RIGHTS_GAP;

    vmx_make_current(v);
    vmwrite(VMCS_GUEST_ES_SELECTOR + s * SEGMENT_STEP, in->selector);
    vmwrite(VMCS_GUEST_ES_BASE + s * SEGMENT_STEP, in->base);
    vmwrite(VMCS_GUEST_ES_LIMIT + s * SEGMENT_STEP, in->limit);
    vmwrite(VMCS_GUEST_ES_RIGHTS + s * SEGMENT_STEP, rights);
}

void vmx_get_table(struct vcpu *v, bool idt, u64 *base, u16 *limit)
{
    vmx_make_current(v);
    *base = vmread(idt ? VMCS_GUEST_IDTR_BASE : VMCS_GUEST_GDTR_BASE);
    *limit = (u16)vmread(idt ? VMCS_GUEST_IDTR_LIMIT : VMCS_GUEST_GDTR_LIMIT);
}

void vmx_set_table(struct vcpu *v, bool idt, u64 base, u16 limit)
{
    vmx_make_current(v);
    vmwrite(idt ? VMCS_GUEST_IDTR_BASE : VMCS_GUEST_GDTR_BASE, base);
    vmwrite(idt ? VMCS_GUEST_IDTR_LIMIT : VMCS_GUEST_GDTR_LIMIT, limit);
}

/* "Guest Register State": the DPL of SS is the current privilege level. */
unsigned vmx_cpl(struct vcpu *v)
{
    vmx_make_current(v);
    return (unsigned)(vmread(VMCS_GUEST_SS_RIGHTS) >> SEG_ATTR_DPL_SHIFT & 3);
}

u64 vmx_plain_64bit(struct vcpu *v)
{
    vmx_make_current(v);
    u64 rflags = vmread(VMCS_GUEST_RFLAGS);
    if (unlikely(!(vmread(VMCS_GUEST_ES_RIGHTS + SEG_CS * SEGMENT_STEP) & RIGHTS_L) ||
                 rflags & RFLAGS_TF || v->dr7 & DR7_ENABLES ||
                 vmread(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS)))
        return 0;
    return rflags;
}

u64 vmx_plain_64bit_root(struct vcpu *v)
{
    struct vmx_vcpu *x = vmx_of(v);
    u64 rflags = vmx_plain_64bit(v);

    if (!(x->common.valid & 1u << VREG_CR3)) {
        x->common.reg[VREG_CR3] = x->cr3_owned ? x->cr3 : vmread(VMCS_GUEST_CR3);
        x->common.valid |= 1u << VREG_CR3;
    }
    return rflags;
}

enum virt_blocking vmx_blocking(struct vcpu *v)
{
    vmx_make_current(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);
    enum virt_blocking b = BLOCKING_NONE;

    if (state & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
        b |= BLOCKING_INTERRUPTS;
    if (state & BLOCKED_BY_MOV_SS)
        b |= BLOCKING_DEBUG;
    if (state & BLOCKED_BY_NMI)
        b |= BLOCKING_NMI;
    return b;
}

void vmx_completed(struct vcpu *v, bool single_step)
{
    vmx_make_current(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    if (state & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS))
        vmwrite(VMCS_GUEST_INTERRUPTIBILITY, state & ~(u64)(BLOCKED_BY_STI | BLOCKED_BY_MOV_SS));
    if (single_step)
        vmwrite(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_BS);
}

void vmx_begin_shadow(struct vcpu *v, bool ss)
{
    vmx_make_current(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY);

    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, state | (ss ? BLOCKED_BY_MOV_SS : BLOCKED_BY_STI));
}

void vmx_block_nmi(struct vcpu *v, bool block)
{
    vmx_make_current(v);
    u64 state = vmread(VMCS_GUEST_INTERRUPTIBILITY) & ~(u64)BLOCKED_BY_NMI;

    vmwrite(VMCS_GUEST_INTERRUPTIBILITY, state | (block ? BLOCKED_BY_NMI : 0));
}

/* The field keeps it until the next entry is prepared (run.c). */
u64 vmx_exit_rip(struct vcpu *v)
{
    (void)v;
    return vmread(VMCS_GUEST_RIP);
}
