/*
 * mtrr.h: the registers are kept and checked as the manual says, and nothing obeys them: a guest's
 * RAM is write-back, its devices exit. Source: SDM, "Memory Type Range Registers (MTRRs)".
 *
 * Invariant: no register holds a value that WRMSR would refuse.
 */
#include "mtrr.h"

#include "x86.h"

enum mtrr_msr {
    MSR_RANGE = 0x200, /* base and mask, by turns */
    MSR_FIX64K = 0x250,
    MSR_FIX16K = 0x258, /* two */
    MSR_FIX4K = 0x268,  /* eight */
    MSR_DEF_TYPE = 0x2ff,
};
enum mtrr_bits {
    CAP_FIXED = 1 << 8,
    CAP_WRITE_COMBINING = 1 << 10,
    DEF_FIXED_ENABLE = 1 << 10,
    DEF_ENABLE = 1 << 11,
    MASK_VALID = 1 << 11,
    TYPE = 0xff,
};
enum { UNCACHEABLE = 0, WRITE_PROTECTED = 5, WRITE_BACK = 6 };
/* 0 uncacheable, 1 write combining, 4 write-through, 5 write-protected, 6 write-back */
enum { TYPES = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 };
#define EACH_BYTE 0x0101010101010101ULL
/* Below 4 GiB, where the devices are: 4 MiB with the I/O APIC and the local APIC, then 16 MiB. */
#define DEVICES_LOW  0xfec00000ULL
#define DEVICES_HIGH 0xff000000ULL

static bool type_exists(u64 type)
{
    return type < 8 && TYPES >> type & 1;
}

void mtrr_init(struct mtrr *m, u8 maxphyaddr)
{
    const u64 whole = (1ULL << maxphyaddr) + MASK_VALID;

    *m = (struct mtrr){
        .range = {DEVICES_LOW | UNCACHEABLE, whole - (4 << 20), DEVICES_HIGH | UNCACHEABLE,
                  whole - (16 << 20)},
        .fixed = {WRITE_BACK * EACH_BYTE, WRITE_BACK * EACH_BYTE, UNCACHEABLE * EACH_BYTE},
        .def_type = DEF_ENABLE | DEF_FIXED_ENABLE | WRITE_BACK,
    };
    for (unsigned i = 3; i < MTRR_FIXED; i++)
        m->fixed[i] = WRITE_PROTECTED * EACH_BYTE;
}

/* Where a register is kept; NULL: there is none. */
static u64 *find(struct mtrr *m, u32 msr)
{
    if (msr - MSR_RANGE < 2 * MTRR_RANGES)
        return &m->range[msr - MSR_RANGE];
    if (msr == MSR_FIX64K)
        return &m->fixed[0];
    if (msr - MSR_FIX16K < 2)
        return &m->fixed[1 + msr - MSR_FIX16K];
    if (msr - MSR_FIX4K < 8)
        return &m->fixed[3 + msr - MSR_FIX4K];
    return msr == MSR_DEF_TYPE ? &m->def_type : NULL;
}

bool mtrr_read(const struct mtrr *m, u32 msr, u64 *value)
{
    const u64 *r = find((struct mtrr *)(uintptr_t)m, msr);

    if (!r && msr != MSR_MTRRCAP)
        return false;
    *value = r ? *r : (u64)(MTRR_RANGES | CAP_FIXED | CAP_WRITE_COMBINING);
    return true;
}

static bool legal(u32 msr, u64 value, u8 maxphyaddr)
{
    if (msr == MSR_DEF_TYPE)
        return !(value & ~(u64)(TYPE | DEF_FIXED_ENABLE | DEF_ENABLE)) && type_exists(value & TYPE);
    if (msr >= MSR_FIX64K) {
        for (; value; value >>= 8)
            if (!type_exists(value & TYPE))
                return false;
        return true;
    }
    if (value >> maxphyaddr)
        return false;
    if (msr & 1) /* a mask */
        return !(value & (MASK_VALID - 1));
    return !(value & PAGE_OFFSET_MASK & ~(u64)TYPE) && type_exists(value & TYPE);
}

bool mtrr_write(struct mtrr *m, u32 msr, u64 value, u8 maxphyaddr)
{
    u64 *r = find(m, msr);

    if (!r || !legal(msr, value, maxphyaddr))
        return false;
    *r = value;
    return true;
}
