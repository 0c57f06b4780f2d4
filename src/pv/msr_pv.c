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

enum pv_msr {
    MSR_PLATFORM_ID = 0x17,
    MSR_BIOS_SIGN_ID = 0x8b,
    MSR_PMC0 = 0xc1,
    MSR_PMC7 = 0xc8,
    MSR_PLATFORM_INFO = 0xce,
    MSR_MPERF = 0xe7,
    MSR_APERF = 0xe8,
    MSR_MISC_FEATURES = 0x140,
    MSR_PERFEVTSEL0 = 0x186,
    MSR_PERFEVTSEL3 = 0x189,
    MSR_PERF_STATUS = 0x198,
    MSR_PERF_CTL = 0x199,
    MSR_CLOCK_MODULATION = 0x19a,
    MSR_THERM_STATUS = 0x19c,
    MSR_ENERGY_PERF_BIAS = 0x1b0,
    MSR_FIXED_CTR0 = 0x309,
    MSR_FIXED_CTR2 = 0x30b,
    MSR_PERF_CAPABILITIES = 0x345,
    MSR_FIXED_CTR_CTRL = 0x38d,
    MSR_PERF_GLOBAL_OVF_CTRL = 0x390,
    FEATURE_CONTROL_LOCKED = 1,
};
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
/* WB, WT, UC-, UC, WC, WP, UC, UC: what the Xen ABI has; not a guest's to use (table.c). */
#define PAT_OF_XEN 0x0000050100070406ULL

/* Of an Intel processor: what kernels touch without asking CPUID for it, and Xen lets them. */
enum quiet_access { READS_0 = 1 << 0, WRITES_LOST = 1 << 1, QUIET = READS_0 | WRITES_LOST };
static const struct quiet {
    u16 first, last; /* MSRs */
    u8 access;       /* enum quiet_access; the rest is #GP(0) */
} quiet[] = {
    {MSR_PMC0, MSR_PMC7, QUIET},
    {MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, READS_0},
    {MSR_MPERF, MSR_APERF, WRITES_LOST},
    {MSR_MISC_FEATURES, MSR_MISC_FEATURES, READS_0},
    {MSR_PERFEVTSEL0, MSR_PERFEVTSEL3, QUIET},
    {MSR_PERF_STATUS, MSR_PERF_STATUS, READS_0},
    {MSR_PERF_CTL, MSR_PERF_CTL, QUIET},
    {MSR_CLOCK_MODULATION, MSR_CLOCK_MODULATION, WRITES_LOST},
    {MSR_THERM_STATUS, MSR_THERM_STATUS, READS_0},
    {MSR_ENERGY_PERF_BIAS, MSR_ENERGY_PERF_BIAS, WRITES_LOST},
    {MSR_FIXED_CTR0, MSR_FIXED_CTR2, QUIET},
    {MSR_PERF_CAPABILITIES, MSR_PERF_CAPABILITIES, READS_0},
    {MSR_FIXED_CTR_CTRL, MSR_PERF_GLOBAL_OVF_CTRL, QUIET},
};

static bool is_quiet(u32 msr, enum quiet_access access)
{
    enum { VENDOR_GENU = 0x756e6547 }; /* "Genu", of GenuineIntel */

    u32 vendor[4];

    pv_cpuid(0, 0, vendor);
    for (unsigned i = 0; i < ARRAY_SIZE(quiet); i++)
        if (msr >= quiet[i].first && msr <= quiet[i].last)
            return quiet[i].access & access && vendor[1] == VENDOR_GENU;
    return false;
}

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
        *value = rdmsr(msr);
        return true;
    case MSR_PAT:
        *value = PAT_OF_XEN;
        return true;
    case MSR_TSC:
        *value = rdtsc();
        return true;
    case MSR_APIC_BASE: /* Linux reads it, though there is none for it */
        *value = APIC_BASE_ADDRESS | APIC_BASE_ENABLED | (v->id ? 0 : APIC_BASE_BSP);
        return true;
    case MSR_MISC_ENABLE:
        return misc_enable(value);
    case MSR_PLATFORM_ID:
    case MSR_BIOS_SIGN_ID: /* the microcode's revision */
        return !safe_rdmsr(msr, value);
    case MSR_FEATURE_CONTROL: /* neither VMX nor SGX */
        *value = FEATURE_CONTROL_LOCKED;
        return true;
    case PV_MSR_HYPERCALL_PAGE:
        *value = 0;
        return true;
    default:
        *value = 0;
        return is_quiet(msr, READS_0);
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
    case MSR_EFER: /* to what it is */
        return value == rdmsr(msr);
    case MSR_MISC_ENABLE: /* nothing changes */
        return misc_enable(&now);
    case MSR_BIOS_SIGN_ID: /* what comes before the revision is read */
    case MSR_MISC_FEATURES:
        return !value;
    case PV_MSR_HYPERCALL_PAGE:
        return write_hypercall_page(v->domain, value);
    default:
        return is_quiet(msr, WRITES_LOST);
    }
}
