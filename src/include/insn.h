/*
 * Privileged and special instructions, one to a function. The only place in C where they
 * stand; what includes this header does not compile into the host tests.
 */
#ifndef INSN_H
#define INSN_H

#include "types.h"

#define READ_REG(name)                                                                             \
    static inline u64 read_##name(void)                                                            \
    {                                                                                              \
        u64 v;                                                                                     \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(v));                                         \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_##name(u64 v)                                                         \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory");                                \
    }
READ_REG(cr0)
READ_REG(cr2)
READ_REG(cr3)
READ_REG(cr4)
READ_REG(dr0)
READ_REG(dr1)
READ_REG(dr2)
READ_REG(dr3)
READ_REG(dr6)
READ_REG(dr7)
#undef READ_REG

#define READ_SELECTOR(name)                                                                        \
    static inline u16 read_##name(void)                                                            \
    {                                                                                              \
        u16 v;                                                                                     \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(v));                                         \
        return v;                                                                                  \
    }
READ_SELECTOR(cs)
READ_SELECTOR(ss)
READ_SELECTOR(ds)
READ_SELECTOR(es)
READ_SELECTOR(fs)
READ_SELECTOR(gs)
#undef READ_SELECTOR

static inline u64 rdtsc(void)
{
    u32 lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (u64)hi << 32 | lo;
}

/* a * b / c with a product of 128 bits; the quotient must fit into 64. */
static inline u64 mul_div(u64 a, u64 b, u64 c)
{
    u64 lo, hi;
    __asm__("mul %3" : "=a"(lo), "=d"(hi) : "a"(a), "r"(b) : "cc");
    __asm__("div %2" : "+a"(lo), "+d"(hi) : "r"(c) : "cc");
    return lo;
}

static inline u64 rdmsr(u32 msr)
{
    u32 lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

struct cpuid_regs {
    u32 eax, ebx, ecx, edx; /* as the instruction leaves them */
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline u8 inb(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void outb(u16 port, u8 v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline u32 inl(u16 port)
{
    u32 v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void outl(u16 port, u32 v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline void invlpg(u64 la)
{
    __asm__ volatile("invlpg (%0)" : : "r"(la) : "memory");
}
static inline void cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}
/* Opens the interrupt window for one instruction and closes it again. */
static inline void interrupt_window(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}
/* Waits for an interrupt, atomically with enabling them; returns with IF=0. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}
/* Exchanges the bases of GS and IA32_KERNEL_GS_BASE (pv). */
static inline void swapgs(void)
{
    __asm__ volatile("swapgs" : : : "memory");
}
static inline void halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}
static inline void pause(void)
{
    __asm__ volatile("pause");
}
/* Stops Bochs (magic_break) and does nothing anywhere else. */
static inline void bochs_magic_break(void)
{
    __asm__ volatile("xchg %%bx, %%bx" : : : "memory");
}

struct table_register {
    u16 limit;
    u64 base;
} __attribute__((packed));

static inline void lgdt(const struct table_register *r)
{
    __asm__ volatile("lgdt %0" : : "m"(*r) : "memory");
}
static inline void lidt(const struct table_register *r)
{
    __asm__ volatile("lidt %0" : : "m"(*r) : "memory");
}
static inline void ltr(u16 sel)
{
    __asm__ volatile("ltr %0" : : "r"(sel) : "memory");
}
static inline void lldt(u16 sel)
{
    __asm__ volatile("lldt %0" : : "r"(sel) : "memory");
}
static inline void xsetbv(u32 index, u64 v)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((u32)v), "d"((u32)(v >> 32)));
}
static inline u64 xgetbv(u32 index)
{
    u32 lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
    return (u64)hi << 32 | lo;
}
static inline void xsave64(void *area, u64 mask)
{
    __asm__ volatile("xsave64 (%0)"
                     :
                     : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
}
static inline void xrstor64(const void *area, u64 mask)
{
    __asm__ volatile("xrstor64 (%0)"
                     :
                     : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
                     : "memory");
}
static inline void fxsave64(void *area)
{
    __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}
static inline void fxrstor64(const void *area)
{
    __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}
static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

#endif
