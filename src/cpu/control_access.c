/*
 * A guest's accesses to control and debug registers, EFER and XCR0: the checks that the processor
 * would make, then the new value, then paging is told. Source: SDM, "MOV-Move to/from Control
 * Registers", "MOV-Move to/from Debug Registers", "XSETBV", "Extended Feature Enable Register".
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "domain.h"
#include "fpu.h"
#include "lapic.h"
#include "paging.h"
#include "virt_ops.h"
#include "x86.h"

#define CR0_UPPER (~0xffffffffULL)
/* Bits of CR0 that exist; the others read back as 0. */
#define CR0_KNOWN                                                                                  \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD |     \
     CR0_PG)
#define CR4_KNOWN                                                                                  \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR |   \
     CR4_OSXMMEXCPT | CR4_FSGSBASE)
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

enum { REGISTER_RSP = 4 };

const u8 cpu_gpr_offset[16] = {
    offsetof(struct regs, rax), offsetof(struct regs, rcx), offsetof(struct regs, rdx),
    offsetof(struct regs, rbx), offsetof(struct regs, rsp), offsetof(struct regs, rbp),
    offsetof(struct regs, rsi), offsetof(struct regs, rdi), offsetof(struct regs, r8),
    offsetof(struct regs, r9),  offsetof(struct regs, r10), offsetof(struct regs, r11),
    offsetof(struct regs, r12), offsetof(struct regs, r13), offsetof(struct regs, r14),
    offsetof(struct regs, r15),
};

u64 cpu_gpr(struct vcpu *v, unsigned number)
{
    if (number == REGISTER_RSP)
        return virt_get(v, VREG_RSP);
    return *(u64 *)((char *)&v->regs + cpu_gpr_offset[number]);
}

void cpu_set_gpr(struct vcpu *v, unsigned number, u64 value)
{
    if (number == REGISTER_RSP)
        virt_set(v, VREG_RSP, value);
    else
        *(u64 *)((char *)&v->regs + cpu_gpr_offset[number]) = value;
}

static bool code_is_64bit(struct vcpu *v)
{
    struct segment cs;

    virt_get_segment(v, SEG_CS, &cs);
    return cs.attr & SEG_ATTR_L;
}

/* Tells paging that the root, or the mode, has changed: reg, which was `old`, has its new value. If
 * paging refuses it, it becomes what it was, and it is #GP(0): false. */
static bool load_root(struct vcpu *v, enum virt_reg reg, u64 old)
{
    struct paging_fault f = {0};
    enum paging_result result = paging_load_root(v, &f);

    if (result == PAGING_KILL)
        domain_end(v->domain, END_KILLED, 0, "%s", f.why);
    if (unlikely(result == PAGING_INJECT))
        virt_set(v, reg, old);
    return result != PAGING_INJECT;
}

bool cpu_write_cr0(struct vcpu *v, u64 value)
{
    u64 old = virt_get(v, VREG_CR0), efer = virt_get(v, VREG_EFER), changed = old ^ value;

    if (value & CR0_UPPER || (value & CR0_NW && !(value & CR0_CD)) ||
        (value & CR0_PG && !(value & CR0_PE)))
        return false;
    if (changed & CR0_PG && virt_get(v, VREG_CR4) & CR4_PCIDE)
        return false;
    if (changed & CR0_PG && efer & EFER_LME) {
        if (code_is_64bit(v) || (value & CR0_PG && !(virt_get(v, VREG_CR4) & CR4_PAE)))
            return false;
        virt_set(v, VREG_EFER, value & CR0_PG ? efer | EFER_LMA : efer & ~EFER_LMA);
    }
    virt_set(v, VREG_CR0, (value & CR0_KNOWN) | CR0_ET);
    if (!(changed & (CR0_PG | CR0_PE | CR0_WP)))
        return true;
    paging_flush(v);
    bool accepted = load_root(v, VREG_CR0, old);
    if (changed & CR0_PE)
        cpu_look_at_state(v);
    return accepted;
}

/*
 * With PCIDs, under shadow paging, the processor has CR4.PCIDE 0 all the same, and each load of CR3
 * flushes everything and syncs the tables that are behind. It may: a processor may forget what it
 * likes at any time. And what bit 63 lets it keep, it may not keep so simply: a shadow that is
 * behind serves all PCIDs that have its table, and one that has never used the old entry is
 * promised the new one.
 */
bool cpu_write_cr3(struct vcpu *v, u64 value)
{
    if (value & CR3_NO_FLUSH && virt_get(v, VREG_CR4) & CR4_PCIDE)
        value &= ~CR3_NO_FLUSH;
    u64 root = paging_switch_root(v, value);

    if (likely(root)) {
        virt_ops->load_root(v, value, root);
        return true;
    }
    if (virt_get(v, VREG_EFER) & EFER_LMA && value >> cpuid_policy_maxphyaddr())
        return false;
    u64 old = virt_get(v, VREG_CR3);
    virt_set(v, VREG_CR3, value);
    return load_root(v, VREG_CR3, old);
}

bool cpu_write_cr4(struct vcpu *v, u64 value)
{
    u64 known = CR4_KNOWN | cpuid_policy_cr4() | (cpuid_policy_xsave() ? CR4_OSXSAVE : 0);
    u64 old = virt_get(v, VREG_CR4), changed = old ^ value;
    bool lma = virt_get(v, VREG_EFER) & EFER_LMA;

    if (value & ~known || (lma && !(value & CR4_PAE)))
        return false;
    if (changed & value & CR4_PCIDE && (!lma || virt_get(v, VREG_CR3) & CR3_PCID))
        return false;
    virt_set(v, VREG_CR4, value);
    if (!(changed & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)))
        return true;
    paging_flush(v);
    return load_root(v, VREG_CR4, old);
}

bool cpu_write_efer(struct vcpu *v, u64 value)
{
    u64 old = virt_get(v, VREG_EFER);

    if (value & ~EFER_KNOWN)
        return false;
    if ((old ^ value) & EFER_LME && virt_get(v, VREG_CR0) & CR0_PG)
        return false;
    virt_set(v, VREG_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
    if (!((old ^ value) & EFER_NXE))
        return true;
    paging_flush(v);
    return load_root(v, VREG_EFER, old);
}

bool cpu_write_cr(struct vcpu *v, unsigned cr, u64 value)
{
    switch (cr) {
    case 0:
        return cpu_write_cr0(v, value);
    case 2:
        virt_set(v, VREG_CR2, value);
        return true;
    case 3:
        return cpu_write_cr3(v, value);
    case 4:
        return cpu_write_cr4(v, value);
    case 8:
        if (value >> 4)
            return false;
        lapic_set_cr8(v->lapic, value);
        return true;
    default:
        return false;
    }
}

u64 cpu_read_cr(struct vcpu *v, unsigned cr)
{
    switch (cr) {
    case 0:
        return virt_get(v, VREG_CR0);
    case 2:
        return virt_get(v, VREG_CR2);
    case 3:
        return virt_get(v, VREG_CR3);
    case 4:
        return virt_get(v, VREG_CR4);
    default:
        return lapic_cr8(v->lapic);
    }
}

void cpu_exit_cr(struct vcpu *v, struct exit *e)
{
    /* "LMSW": loads the low four bits, and cannot clear PE. */
    const u64 lmsw = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    u64 cr0;
    bool ok = true;

    switch (e->cr_op) {
    case CR_WRITE:
        ok = cpu_write_cr(v, e->cr, cpu_gpr(v, e->gpr));
        break;
    case CR_READ:
        cpu_set_gpr(v, e->gpr, cpu_read_cr(v, e->cr));
        break;
    case CR_CLTS:
        ok = cpu_write_cr0(v, virt_get(v, VREG_CR0) & ~CR0_TS);
        break;
    case CR_LMSW:
        cr0 = virt_get(v, VREG_CR0);
        ok = cpu_write_cr0(v, (cr0 & ~(lmsw & ~CR0_PE)) | (e->port & lmsw));
        break;
    }
    if (ok)
        cpu_skip(v, e);
    else
        virt_inject_fault(v, VEC_GP, 0);
}

u64 cpu_read_dr(const struct vcpu *v, unsigned dr)
{
    if (dr < 4)
        return v->dr[dr];
    return dr == 6 ? v->dr6 : v->dr7;
}

bool cpu_write_dr(struct vcpu *v, unsigned dr, u64 value)
{
    if (dr >= 4 && value >> 32)
        return false;
    if (dr < 4)
        v->dr[dr] = value;
    else if (dr == 6)
        v->dr6 = (value & DR6_WRITABLE) | DR6_RESET;
    else
        v->dr7 = (value & ~DR7_ZERO) | DR7_RESET;
    virt_mark(v, DIRTY_DEBUG);
    return true;
}

void cpu_exit_dr(struct vcpu *v, struct exit *e)
{
    unsigned dr = e->cr;

    if (dr == 4 || dr == 5) {
        if (virt_get(v, VREG_CR4) & CR4_DE) {
            virt_inject_fault(v, VEC_UD, 0);
            return;
        }
        dr += 2;
    }
    if (v->dr7 & DR7_GD) {
        v->dr6 |= DR6_BD;
        v->dr7 &= ~(u64)DR7_GD;
        virt_mark(v, DIRTY_DEBUG);
        virt_inject_fault(v, VEC_DB, 0);
        return;
    }
    if (e->in)
        cpu_set_gpr(v, e->gpr, cpu_read_dr(v, dr));
    else if (!cpu_write_dr(v, dr, cpu_gpr(v, e->gpr))) {
        virt_inject_fault(v, VEC_GP, 0);
        return;
    }
    cpu_skip(v, e);
}

void cpu_exit_xsetbv(struct vcpu *v, struct exit *e)
{
    u64 value = (u32)v->regs.rax | v->regs.rdx << 32;

    if (!(virt_get(v, VREG_CR4) & CR4_OSXSAVE))
        virt_inject_fault(v, VEC_UD, 0);
    else if (virt_cpl(v) || (u32)v->regs.rcx || fpu_set_xcr0(v, value))
        virt_inject_fault(v, VEC_GP, 0);
    else
        cpu_skip(v, e);
}
