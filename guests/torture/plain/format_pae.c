/*
 * "PAE Paging": entries of 8 bytes, two levels below four PDPTEs; PS maps 2 MiB.
 */
#include "format.h"

enum { CR4_PAE = 1 << 5, PDPTES = 4, EFER = 0xc0000080, EFER_NXE = 1 << 11 };
#define RSVD       (1ULL << 60) /* which long mode ignores */
#define RSVD_LARGE (1ULL << 13)

const struct format format = {
    .name = "torturepae",
    .entry_size = 8,
    .index_bits = 9,
    .cr4 = CR4_PAE,
    .bits = {.nx = BIT_NX, .rsvd = RSVD, .rsvd_large = RSVD_LARGE},
};

/* A directory maps 1 GiB. */
u32 format_root(const void *low, const void *high)
{
    static u64 pdpte[PDPTES] __attribute__((aligned(32)));

    pdpte[0] = (u32)(uintptr_t)low | BIT_P;
    pdpte[1] = (u32)(uintptr_t)high | BIT_P;
    return (u32)(uintptr_t)pdpte;
}

void format_set(bool on, struct mode *m)
{
    u32 low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(EFER));
    low = (low & ~(u32)EFER_NXE) | (on ? EFER_NXE : 0);
    __asm__ volatile("wrmsr" : : "a"(low), "d"(high), "c"(EFER));
    m->wide = m->large = true;
    m->nxe = on;
    m->reserved = RSVD;
    m->reserved_large = RSVD_LARGE;
}

/* CMPXCHG8B: stores if there is still what was there, and says whether; else reads what is there.
 */
static bool exchange(volatile u64 *entry, u64 *old, u64 value)
{
    bool done;

    __asm__ volatile("lock cmpxchg8b %0"
                     : "+m"(*entry), "+A"(*old), "=@ccz"(done)
                     : "b"((u32)value), "c"((u32)(value >> 32))
                     : "memory");
    return done;
}

/* At once if it is to be present, as a processor may translate by it at any time; otherwise as
 * kernels do who know that: its first half, which has P, and then the other. */
void format_store(volatile void *entry, u64 value)
{
    volatile u32 *half = entry;
    volatile u64 *whole = entry;
    u64 old = *whole;

    if (value & BIT_P) {
        while (!exchange(whole, &old, value))
            ;
        return;
    }
    half[0] = (u32)value;
    half[1] = (u32)(value >> 32);
}
