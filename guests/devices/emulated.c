/*
 * A device's registers reached by many kinds of instructions, with many ways to say the address: a
 * hypervisor has to decode each. The register is the local APIC's initial count of a timer that is
 * masked, or its divide configuration; what memory would hold is computed beside.
 */
#include "devices/devices.h"

enum { MASKED = 1 << 16 };
#define REGISTER ((volatile u32 *)(APIC_BASE + APIC_INITIAL))

static u32 get(void)
{
    return *REGISTER;
}
static void put(u32 value)
{
    *REGISTER = value;
}

/* The instruction makes `before` to `after`. */
#define FORM(text, before, after, ...)                                                             \
    do {                                                                                           \
        put(before);                                                                               \
        __asm__ volatile(text : : __VA_ARGS__ : "rax", "rcx", "rdx", "r8", "r9", "memory", "cc");  \
        check_equal(text, (u32)(after), get());                                                    \
    } while (0)
#define AT     "D"(REGISTER)
#define OFF(n) "D"((u64)REGISTER - (u64)(n))

static void check_addresses(void)
{
    FORM("movl $7, (%0)", 1, 7, AT);
    FORM("movl $8, 16(%0)", 1, 8, OFF(16));
    FORM("movl $9, -128(%0)", 1, 9, OFF(-128));
    FORM("movl $10, 0x12345(%0)", 1, 10, OFF(0x12345));
    FORM("mov $4, %%ecx; movl $11, (%0, %%rcx, 8)", 1, 11, OFF(32));
    FORM("mov $4, %%r9d; movl $12, -3(%0, %%r9, 2)", 1, 12, OFF(5));
    FORM("mov %0, %%r8; mov $13, %%eax; mov %%eax, (%%r8)", 1, 13, AT);
    FORM("mov $14, %%eax; movabs %%eax, 0xfee00380", 1, 14, AT);
    FORM("mov $15, %%r9d; mov %%r9d, (%0)", 1, 15, AT);
    FORM("addr32 movl $16, (%%edi)", 1, 16, AT);
}

static void check_operations(void)
{
    FORM("addl $5, (%0)", 6, 11, AT);
    FORM("orl $0x70, (%0)", 0x101, 0x171, AT);
    FORM("andl $0xff00, (%0)", 0x1234, 0x1200, AT);
    FORM("subl $1, (%0)", 0x1000, 0xfff, AT);
    FORM("xorl $-1, (%0)", 0x1000, ~0x1000u, AT);
    FORM("incl (%0)", 41, 42, AT);
    FORM("decl (%0)", 41, 40, AT);
    FORM("notl (%0)", 41, ~41u, AT);
    FORM("negl (%0)", 41, -41, AT);
    FORM("shll $3, (%0)", 5, 40, AT);
    FORM("btsl $9, (%0)", 1, 0x201, AT);
    FORM("btrl $0, (%0)", 0x201, 0x200, AT);
    FORM("mov $77, %%eax; xchg %%eax, (%0)", 1, 77, AT);
    FORM("mov $3, %%eax; lock xadd %%eax, (%0)", 4, 7, AT);
    FORM("mov $4, %%eax; mov $9, %%ecx; lock cmpxchg %%ecx, (%0)", 4, 9, AT);
    FORM("mov $5, %%eax; mov $9, %%ecx; lock cmpxchg %%ecx, (%0)", 4, 4, AT);
    FORM("push $1234; popq %%rax; mov %%eax, (%0)", 4, 1234, AT);
    FORM("mov $99, %%eax; stosl", 4, 99, AT);
}

/* What is read. */
static void check_reads(void)
{
    u64 a = 0, b = 0;

    put(0x89abcdef);
    __asm__ volatile("mov (%2), %%eax; movslq (%2), %1; mov %%rax, %0"
                     : "=&r"(a), "=&r"(b)
                     : "D"(REGISTER)
                     : "rax", "memory");
    check_equal("mov clears the upper half", 0x89abcdef, a);
    check_equal("movslq extends the sign", 0xffffffff89abcdefULL, b);
    __asm__ volatile("movabs 0xfee00380, %%eax; mov %%rax, %0" : "=r"(a) : : "rax", "memory");
    check_equal("movabs", 0x89abcdef, a);
    __asm__ volatile("lodsl; mov %%rax, %0" : "=r"(a) : "S"(REGISTER), "a"(0) : "memory");
    check_equal("lodsl", 0x89abcdef, a & 0xffffffff);
    __asm__ volatile("xor %%eax, %%eax; cmpl $0x89abcdef, (%1); sete %%al; mov %%rax, %0"
                     : "=r"(a)
                     : "D"(REGISTER)
                     : "rax", "cc", "memory");
    check_equal("cmpl", 1, a);
    put(0);
}

void check_emulated(void)
{
    apic_put(APIC_LVT_TIMER, MASKED | TRAP_TIMER);
    check_addresses();
    check_operations();
    check_reads();
}
