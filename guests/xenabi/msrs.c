/*
 * The MSRs of a kernel without privilege: which it can read and write, and what comes of it. Those
 * below are the same on each processor of Intel's. Source: Xen's answers.
 */
#include "xenabi.h"

#include "kit/insn.h"

enum msr_access { READ = 1, SAME = 2, OTHER = 4 }; /* reading; writing what was read, and another */
static const struct msr_case {
    u32 first, last; /* MSRs */
    u8 can;          /* enum msr_access: the rest is #GP */
    u64 value;       /* when it is read, before and after */
} cases[] = {
    {0x17, 0x17, READ, 0},
    {0x1b, 0x1b, READ, 0xfee00900},
    {0x3a, 0x3a, READ, 1},
    {0x48, 0x49, 0, 0},
    {0x79, 0x79, 0, 0},
    {0x8b, 0x8b, READ | SAME, 0},
    {0xc1, 0xc8, READ | SAME | OTHER, 0},
    {0xce, 0xce, READ, 0},
    {0xe7, 0xe8, SAME | OTHER, 0},
    {0xfe, 0xfe, 0, 0},
    {0x140, 0x140, READ | SAME, 0},
    {0x174, 0x176, 0, 0},
    {0x186, 0x189, READ | SAME | OTHER, 0},
    {0x198, 0x198, READ, 0},
    {0x199, 0x199, READ | SAME | OTHER, 0},
    {0x19a, 0x19a, SAME | OTHER, 0},
    {0x19b, 0x19b, 0, 0},
    {0x19c, 0x19c, READ, 0},
    {0x1a2, 0x1a2, 0, 0},
    {0x1b0, 0x1b0, SAME | OTHER, 0},
    {0x1d9, 0x1d9, 0, 0},
    {0x200, 0x20f, 0, 0},
    {0x277, 0x277, READ, 0x50100070406},
    {0x2ff, 0x2ff, 0, 0},
    {0x309, 0x30b, READ | SAME | OTHER, 0},
    {0x345, 0x345, READ, 0},
    {0x38d, 0x390, READ | SAME | OTHER, 0},
    {0x480, 0x491, 0, 0},
    {0x6e0, 0x6e0, 0, 0},
    {0x800, 0x83f, 0, 0},
    {0xda0, 0xda0, 0, 0},
    {0x40000001, 0x400000ff, 0, 0},
    {0xc0000080, 0xc0000080, READ | SAME, 0xd01},
    {0xc0000081, 0xc0000084, 0, 0},
    {0xdeadbeef, 0xdeadbeef, 0, 0},
};

static volatile bool faulted;

static struct trap_frame *on_fault(struct trap_frame *f)
{
    enum { BYTES = 2 };

    faulted = true;
    f->rip += BYTES;
    return f;
}

static bool read(u32 msr, u64 *value)
{
    faulted = false;
    *value = rdmsr(msr);
    return !faulted;
}

static bool write(u32 msr, u64 value)
{
    faulted = false;
    wrmsr(msr, value);
    return !faulted;
}

static void check_msr(u32 msr, const struct msr_case *c)
{
    u64 before, after;
    unsigned can = read(msr, &before) ? READ : 0;

    can |= write(msr, c->value) ? SAME : 0;
    can |= write(msr, c->value ^ 0x1000) ? OTHER : 0;
    if (!check_equal("an MSR: read 1, written 2, changed 4", c->can, can) ||
        (can & READ &&
         !check("its value", before == c->value && read(msr, &after) && after == c->value)))
        print("MSR %x: can %x, reads %lx\n", msr, can, before);
}

void abi_msrs(void)
{
    u64 value;

    trap_handle(TRAP_GENERAL_PROTECTION, on_fault);
    if (cpuid(0, 0).ebx == 0x756e6547) /* GenuineIntel: AMD's have others */
        for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
            for (u32 msr = cases[i].first; msr <= cases[i].last; msr++)
                check_msr(msr, &cases[i]);
    check("the hypercall page's MSR is read as 0", read(0x40000000, &value) && !value);
    check("and refuses a second page", !write(0x40000000, abi_frame(abi_page) << PAGE_SHIFT | 1));
    check("nor takes one that is nobody's", !write(0x40000000, ABI_NO_FRAME << PAGE_SHIFT));
    check("IA32_MISC_ENABLE", read(0x1a0, &value) && write(0x1a0, value ^ 1));
    trap_handle(TRAP_GENERAL_PROTECTION, NULL);
}
