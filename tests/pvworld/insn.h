/*
 * In place of src/include/insn.h for host programs that link all of src/pv/: the privileged
 * instructions act on plain variables (struct world_cpu). Included before everything else by the
 * compiler's -include, so that the real one is skipped.
 */
#ifndef INSN_H
#define INSN_H

#include "types.h"

/* What the instructions act on. */
struct world_cpu {
    u64 cr0, cr2, cr3, cr4;                     /* control registers */
    u64 dr0, dr1, dr2, dr3, dr6, dr7;           /* debug registers */
    u64 fs_base, gs_base, kernel_gs_base, efer; /* MSRs that are looked at */
    u64 tsc;                                    /* goes on with each look */
    u16 ds, es, fs, gs;                         /* selectors */
    u64 invlpgs;                                /* how many */
};
extern struct world_cpu world_cpu;
/* world.c: CR3 was loaded, a page was flushed. */
void world_cr3_loaded(void);
void world_page_flushed(u64 la);

#define WORLD_REGISTER(name, type)                                                                 \
    static inline type read_##name(void)                                                           \
    {                                                                                              \
        return world_cpu.name;                                                                     \
    }
WORLD_REGISTER(cr0, u64)
WORLD_REGISTER(cr2, u64)
WORLD_REGISTER(cr4, u64)
WORLD_REGISTER(dr6, u64)
WORLD_REGISTER(ds, u16)
WORLD_REGISTER(es, u16)
WORLD_REGISTER(fs, u16)
WORLD_REGISTER(gs, u16)
#define WORLD_WRITE(name)                                                                          \
    static inline void write_##name(u64 v)                                                         \
    {                                                                                              \
        world_cpu.name = v;                                                                        \
    }
WORLD_WRITE(cr0)
WORLD_WRITE(cr4)
WORLD_WRITE(dr0)
WORLD_WRITE(dr1)
WORLD_WRITE(dr2)
WORLD_WRITE(dr3)
WORLD_WRITE(dr6)
WORLD_WRITE(dr7)

static inline void write_cr3(u64 v)
{
    world_cpu.cr3 = v;
    world_cr3_loaded();
}

static inline u64 rdtsc(void)
{
    return world_cpu.tsc += 100;
}

static inline u64 mul_div(u64 a, u64 b, u64 c)
{
    return (u64)((unsigned __int128)a * b / c);
}

u64 *world_msr(u32 msr);
static inline u64 rdmsr(u32 msr)
{
    return *world_msr(msr);
}
static inline void wrmsr(u32 msr, u64 v)
{
    *world_msr(msr) = v;
}

static inline void invlpg(u64 la)
{
    world_page_flushed(la);
}

static inline void swapgs(void)
{
    u64 base = world_cpu.gs_base;

    world_cpu.gs_base = world_cpu.kernel_gs_base;
    world_cpu.kernel_gs_base = base;
}

struct table_register {
    u16 limit; /* of the table */
    u64 base;  /* its address */
} __attribute__((packed));

static inline void lgdt(const struct table_register *r)
{
    (void)r;
}
static inline void lldt(u16 sel)
{
    (void)sel;
}

#endif
