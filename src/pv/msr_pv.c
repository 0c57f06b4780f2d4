/*
 * The MSRs that a paravirtualized guest's kernel may name; any other is #GP(0). Source: SDM,
 * "Model-Specific Registers (MSRs)"; what Xen answers to its PV guests.
 *
 * Invariant: of the machine's only the bases of FS and GS are ever written, with canonical values.
 */
#include "extable.h"
#include "hypercall.h"
#include "insn.h"
#include "layout.h"
#include "page_type.h"
#include "pv_emulate.h"
#include "x86.h"

enum pv_msr { MSR_BIOS_SIGN_ID = 0x8b };
enum pv_msr_bits {
    MISC_PERFORMANCE = 1 << 7,    /* performance monitoring is available */
    MISC_BTS_MISSING = 1 << 11,   /* no branch trace store */
    MISC_PEBS_MISSING = 1 << 12,  /* no precise events */
    MISC_MONITOR = 1 << 18,       /* MONITOR and MWAIT */
    MISC_XTPR_DISABLED = 1 << 23, /* no messages about task priority */
    APIC_BASE_BSP = 1 << 8,
    APIC_BASE_ENABLED = 1 << 11,
};
#define APIC_BASE_ADDRESS 0xfee00000u

/* The machine's, without what a guest has not; false: this processor has no such MSR. */
static bool misc_enable(u64 *value)
{
    if (safe_rdmsr(MSR_MISC_ENABLE, value))
        return false;
    *value &= ~(u64)(MISC_PERFORMANCE | MISC_MONITOR);
    *value |= MISC_BTS_MISSING | MISC_PEBS_MISSING | MISC_XTPR_DISABLED;
    return true;
}

bool pv_read_msr(const struct vcpu *v, u32 msr, u64 *value)
{
    switch (msr) {
    case MSR_EFER:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
    case MSR_PAT:
        *value = rdmsr(msr);
        return true;
    case MSR_TSC:
        *value = rdtsc();
        return true;
    case MSR_APIC_BASE: /* Linux reads it, though there is none for it */
        *value = APIC_BASE_ADDRESS | APIC_BASE_ENABLED | (v->id ? 0 : APIC_BASE_BSP);
        return true;
    case MSR_MISC_ENABLE:
        return misc_enable(value);
    case MSR_BIOS_SIGN_ID: /* the microcode's revision */
        return !safe_rdmsr(msr, value);
    default:
        return false;
    }
}

/* The value is a machine address; its lowest bits number the page, of which there is one. */
static bool write_hypercall_page(struct domain *d, u64 value)
{
    struct frame *f;

    if (value & PAGE_OFFSET_MASK || page_get_and_type(d, value >> PAGE_SHIFT, FT_WRITABLE, &f))
        return false;
    hypercall_page_fill(mpa_to_va(mpa_of(value)));
    page_put_and_type(d, f);
    return true;
}

bool pv_write_msr(struct vcpu *v, u32 msr, u64 value)
{
    u64 now;

    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        if (!canonical(value))
            return false;
        wrmsr(msr, value);
        return true;
    case MSR_EFER: /* to what they are */
    case MSR_PAT:
        return value == rdmsr(msr);
    case MSR_MISC_ENABLE:
        return misc_enable(&now) && value == now;
    case MSR_BIOS_SIGN_ID: /* what comes before the revision is read */
        return !value;
    case PV_MSR_HYPERCALL_PAGE:
        return write_hypercall_page(v->domain, value);
    default:
        return false;
    }
}
