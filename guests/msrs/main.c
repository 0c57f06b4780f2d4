/*
 * msrs: the model-specific registers that CPUID promises are there, keep what they are given, and
 * refuse what the manual says that they refuse.
 */
#include "kit/kit.h"

const char guest_name[] = "msrs";

enum features {
    FEATURE_MCE = 1 << 7,
    FEATURE_MTRR = 1 << 12,
    FEATURE_MCA = 1 << 14,
    FEATURE_PAT = 1 << 16,
};
enum msr {
    PLATFORM_ID = 0x17,
    BIOS_SIGN_ID = 0x8b,
    MTRRCAP = 0xfe,
    MCG_CAP = 0x179,
    MCG_STATUS = 0x17a,
    MISC_ENABLE = 0x1a0,
    MTRR_PHYSBASE0 = 0x200,
    MTRR_FIX64K = 0x250,
    PAT = 0x277,
    MTRR_DEF_TYPE = 0x2ff,
    MC0_STATUS = 0x401,
};
enum { INSN_BYTES = 2, CAP_COUNT = 0xff, CAP_FIXED = 1 << 8, MASK_VALID = 1 << 11 };
enum { TYPE_UNCACHEABLE = 0, TYPE_BAD = 2, TYPE_WRITE_BACK = 6, LEAF_ADDRESSES = 0x80000008 };
#define EACH_BYTE 0x0101010101010101ULL

static volatile bool refused;
static volatile u64 sink; /* what is read only to see whether it can be */

/* RDMSR and WRMSR fault: past it. */
static struct trap_frame *on_fault(struct trap_frame *f)
{
    refused = true;
    f->rip += INSN_BYTES;
    return f;
}

/* Whether the MSR takes the value, and keeps it. */
static bool takes(u32 msr, u64 value)
{
    refused = false;
    wrmsr(msr, value);
    return !refused && rdmsr(msr) == value;
}

static bool refuses(u32 msr, u64 value)
{
    u64 before = rdmsr(msr);

    refused = false;
    wrmsr(msr, value);
    return refused && rdmsr(msr) == before;
}

static bool readable(u32 msr)
{
    refused = false;
    sink = rdmsr(msr);
    return !refused;
}

static unsigned address_bits(void)
{
    return cpuid(LEAF_ADDRESSES, 0).eax & 0xff;
}

/* A range that lies above all RAM, of no consequence to anybody. */
static void check_range(u32 base, u64 def_type)
{
    const u64 old_base = rdmsr(base), old_mask = rdmsr(base + 1);
    const u64 top = 1ULL << (address_bits() - 1);

    wrmsr(MTRR_DEF_TYPE, def_type & ~(u64)MASK_VALID); /* off, as the manual wants it */
    check("a range's base", takes(base, top | TYPE_WRITE_BACK));
    check("a range's mask", takes(base + 1, top | MASK_VALID));
    check("a range's reserved type", refuses(base, top | TYPE_BAD));
    check("a range's base, reserved bits", refuses(base, top | 1 << 8));
    check("a range's mask, reserved bits", refuses(base + 1, top | MASK_VALID | 1));
    check("a range's base, beyond the address width", refuses(base, top << 1));
    check("a range's mask, beyond the address width", refuses(base + 1, top << 1));
    check("a range's mask as it was", takes(base + 1, old_mask));
    check("a range's base as it was", takes(base, old_base));
    wrmsr(MTRR_DEF_TYPE, def_type);
}

static void check_mtrrs(void)
{
    const u64 cap = rdmsr(MTRRCAP), def_type = rdmsr(MTRR_DEF_TYPE);
    const u32 last = MTRR_PHYSBASE0 + 2 * (u32)((cap & CAP_COUNT) - 1);

    check("IA32_MTRRCAP counts ranges", cap & CAP_COUNT);
    check("IA32_MTRR_DEF_TYPE, a reserved type", refuses(MTRR_DEF_TYPE, def_type | 0xff));
    check("IA32_MTRR_DEF_TYPE, reserved bits", refuses(MTRR_DEF_TYPE, def_type | 1 << 9));
    check("IA32_MTRR_DEF_TYPE, more of them", refuses(MTRR_DEF_TYPE, def_type | 1ULL << 32));
    check_range(last, def_type);
    if (cap & CAP_FIXED) {
        u64 old = rdmsr(MTRR_FIX64K);
        check("a fixed range", takes(MTRR_FIX64K, TYPE_WRITE_BACK * EACH_BYTE));
        check("a fixed range, a reserved type",
              refuses(MTRR_FIX64K, TYPE_WRITE_BACK * EACH_BYTE | 7ULL << 40));
        wrmsr(MTRR_FIX64K, old);
    }
    check("IA32_MTRR_DEF_TYPE as it was", takes(MTRR_DEF_TYPE, def_type));
}

static void check_pat(void)
{
    const u64 old = rdmsr(PAT);

    check("IA32_PAT", takes(PAT, old ^ (old & 7) ^ 1));
    check("IA32_PAT, a reserved type", refuses(PAT, (old & ~7ULL) | TYPE_BAD));
    check("IA32_PAT, reserved bits", refuses(PAT, old | 1ULL << 63));
    check("IA32_PAT as it was", takes(PAT, old));
}

static void check_machine_check(void)
{
    const u64 banks = rdmsr(MCG_CAP) & CAP_COUNT;

    check("IA32_MCG_STATUS", readable(MCG_STATUS));
    for (u64 i = 0; i < banks; i++)
        check("a machine-check bank", readable(MC0_STATUS + 4 * (u32)i));
    if (platform->trivisor) {
        check("there is no bank behind the last", !readable(MC0_STATUS + 4 * (u32)banks));
        check("IA32_MCG_CAP can only be read", refuses(MCG_CAP, 1));
        check("IA32_MTRRCAP can only be read", refuses(MTRRCAP, 0));
    }
}

void guest_main(void)
{
    u32 features = cpuid(1, 0).edx;

    if (not_for_pv())
        return;
    trap_handle(TRAP_GENERAL_PROTECTION, on_fault);
    check("CPUID has MTRRs", features & FEATURE_MTRR);
    check("CPUID has the PAT", features & FEATURE_PAT);
    check("CPUID has machine checks", features & FEATURE_MCE && features & FEATURE_MCA);
    check_mtrrs();
    check_pat();
    check_machine_check();
    check("IA32_PLATFORM_ID", readable(PLATFORM_ID));
    check("IA32_BIOS_SIGN_ID", readable(BIOS_SIGN_ID));
    check("IA32_MISC_ENABLE", readable(MISC_ENABLE) && takes(MISC_ENABLE, rdmsr(MISC_ENABLE)));
    trap_handle(TRAP_GENERAL_PROTECTION, NULL);
}
