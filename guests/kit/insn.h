/* Single instructions. Source: SDM volume 2. */
#ifndef KIT_INSN_H
#define KIT_INSN_H

#include "kit/types.h"

static inline u64 rdtsc(void)
{
    u32 low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

struct cpuid_result {
    u32 eax, ebx, ecx, edx; /* as the registers */
};

static inline struct cpuid_result cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_result r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline u8 in8(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline u64 rdmsr(u32 msr)
{
    u32 low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}
static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

#define CONTROL_REGISTER(n)                                                                        \
    static inline u64 read_cr##n(void)                                                             \
    {                                                                                              \
        u64 value;                                                                                 \
                                                                                                   \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));                                      \
        return value;                                                                              \
    }                                                                                              \
    static inline void write_cr##n(u64 value)                                                      \
    {                                                                                              \
        __asm__ volatile("mov %0, %%cr" #n : : "r"(value) : "memory");                             \
    }
CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

static inline void invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}
static inline void cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}
static inline void sti(void)
{
    __asm__ volatile("sti" : : : "memory");
}
/* Interrupts on, and wait for one: STI's shadow makes the pair atomic. */
static inline void sti_hlt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}
static inline void hlt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}
static inline void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* LGDT's and LIDT's operand. */
struct table_register {
    u16 limit; /* its last byte */
    u64 base;  /* linear address */
} __attribute__((packed));

static inline void lgdt(const struct table_register *r)
{
    __asm__ volatile("lgdt %0" : : "m"(*r) : "memory");
}
static inline void lidt(const struct table_register *r)
{
    __asm__ volatile("lidt %0" : : "m"(*r) : "memory");
}
static inline void ltr(u16 selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}
static inline void load_data_segments(u16 selector)
{
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(selector) : "memory");
}
/* Trivisor's own call under full virtualization (public/trivisor.h). */
static inline s64 vmcall(u64 number, u64 command, u64 a, u64 b)
{
    s64 result;

    __asm__ volatile("vmcall"
                     : "=a"(result)
                     : "a"(number), "D"(command), "S"(a), "d"(b)
                     : "memory");
    return result;
}
/* Bochs' magic break: stops the emulator. */
static inline void magic_break(void)
{
    __asm__ volatile("xchgw %%bx, %%bx" : : : "memory");
}

#endif
