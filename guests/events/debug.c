/*
 * Single steps over instructions that exit and instructions that do not, over MOV SS; breakpoints
 * on code and data; DR7.GD; DR4 and DR5. Source: SDM, "Debug, Branch Profile, TSC...".
 */
#include "events.h"

enum debug_bits {
    DR6_B0 = 1 << 0,
    DR6_B1 = 1 << 1,
    DR6_BD = 1 << 13,
    DR6_BS = 1 << 14,
    DR7_L0 = 1 << 0,
    DR7_L1 = 1 << 2,
    DR7_GD = 1 << 13,
    DR7_WRITE4_1 = 0xd << 20, /* breakpoint 1: four bytes, writes */
    DR7_ANY4_1 = 0xf << 20,   /* four bytes, reads and writes */
    DR7_PORT1_1 = 0x2 << 20,  /* a port */
    CR4_DE = 1 << 3,
};
#define RFLAGS_RF 0x10000UL

#define DEBUG_REGISTER(n)                                                                          \
    static inline u64 read_dr##n(void)                                                             \
    {                                                                                              \
        u64 value;                                                                                 \
                                                                                                   \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(value));                                      \
        return value;                                                                              \
    }                                                                                              \
    static inline void write_dr##n(u64 value)                                                      \
    {                                                                                              \
        __asm__ volatile("mov %0, %%dr" #n : : "r"(value) : "memory");                             \
    }
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

static unsigned steps, undefined;
static u64 dr6_all, last_dr6, last_rip, last_dr7;
static volatile u32 watched;
extern const u8 step_probe_hit[], data_probe_after[], guard_probe_at[];

static struct trap_frame *on_debug(struct trap_frame *f)
{
    last_dr7 = read_dr7();
    last_dr6 = read_dr6();
    last_rip = f->rip;
    dr6_all |= last_dr6;
    write_dr6(0);
    steps++;
    f->rflags |= RFLAGS_RF; /* or a breakpoint on code would be hit again */
    return f;
}

static struct trap_frame *on_undefined(struct trap_frame *f)
{
    undefined++;
    f->rip += 3; /* MOV DR */
    return f;
}

static void check_steps(void)
{
    u64 rax, rbx, rcx, rdx;

    steps = 0;
    dr6_all = 0;
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "nop\n\t"             /* 1 */
                     "mov %%ss, %%eax\n\t" /* 2 */
                     "mov %%eax, %%ss\n\t" /* lost, with its shadow */
                     "nop\n\t"             /* 3 */
                     "xor %%eax, %%eax\n\t"
                     "cpuid\n\t"                                    /* 5: it exits */
                     "in $0x80, %%al\n\t"                           /* 6: so does this */
                     "mov 0xfee00030, %%eax\n\t"                    /* 7: a device's memory */
                     "mov %%cr0, %%rax\n\t"                         /* 8 */
                     "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t" /* 11 */
                     "nop"
                     : "=a"(rax), "=b"(rbx), "=c"(rcx), "=d"(rdx)
                     :
                     : "memory", "cc");
    check_equal("single steps: instructions that exit too, one lost behind MOV SS", 11, steps);
    check_equal("a single step's DR6", DR6_BS, dr6_all & 0xe00f);
}

static void check_breakpoints(void)
{
    steps = 0;
    write_dr0((u64)step_probe_hit);
    write_dr7(DR7_L0);
    __asm__ volatile("nop\n.globl step_probe_hit\nstep_probe_hit:\n\tnop" : : : "memory");
    check_equal("a breakpoint on code: once", 1, steps);
    check_equal("its DR6", DR6_B0, last_dr6 & 0xe00f);
    check_equal("it is a fault", (u64)step_probe_hit, last_rip);
    steps = 0;
    write_dr1((u64)&watched);
    write_dr7(DR7_L1 | DR7_WRITE4_1);
    __asm__ volatile("movl $1, %0\n.globl data_probe_after\ndata_probe_after:\n\tnop"
                     : "=m"(watched)
                     :
                     : "memory");
    check_equal("a breakpoint on data: once", 1, steps);
    check_equal("its DR6", DR6_B1, last_dr6 & 0xe00f);
    check_equal("it is a trap", (u64)data_probe_after, last_rip);
    steps = 0;
    if (watched == 1)
        write_dr7(0);
    watched = 2;
    check_equal("no breakpoint when it is off", 0, steps);
    check_equal("DR0 keeps its value", (u64)step_probe_hit, read_dr0());
}

/* One instruction with breakpoint 1 armed so; it is hit once, behind the instruction. */
#define WATCHED(what, at, condition, text, ...)                                                    \
    do {                                                                                           \
        u64 after;                                                                                 \
        steps = 0;                                                                                 \
        write_dr1((u64)(at));                                                                      \
        write_dr7(DR7_L1 | (condition));                                                           \
        __asm__ volatile(text "\n1:\tlea 1b(%%rip), %0"                                            \
                         : "=&r"(after)                                                            \
                         : __VA_ARGS__                                                             \
                         : "rax", "memory");                                                       \
        write_dr7(0);                                                                              \
        check_equal("a breakpoint on " what ": once", 1, steps);                                   \
        check_equal("its DR6", DR6_B1, last_dr6 & 0xe00f);                                         \
        check_equal("it is a trap", after, last_rip);                                              \
    } while (0)

/* Accesses that a hypervisor makes for the guest: the processor does not see them. */
static void check_emulated_breakpoints(void)
{
    volatile u64 *entry = space_entry(&kernel_space, (u64)&watched, 2, false);
    u64 value = *entry, cr4 = read_cr4();
    const u64 version = 0xfee00030;

    WATCHED("a device's memory", version, DR7_ANY4_1, "movl (%1), %%eax", "r"(version));
    WATCHED("a page table's entry", entry, DR7_WRITE4_1, "movq %2, (%1)", "r"(entry), "r"(value));
    write_cr4(cr4 | CR4_DE);
    WATCHED("a port, read", 0x80, DR7_PORT1_1, "inb $0x80, %%al", "r"(0));
    WATCHED("a port, written", 0x80, DR7_PORT1_1, "outb %%al, $0x80", "r"(0));
    write_cr4(cr4);
    steps = 0;
    write_dr1(version);
    write_dr7(DR7_L1 | DR7_WRITE4_1);
    __asm__ volatile("movl (%0), %%eax" : : "r"(version) : "rax", "memory");
    write_dr7(0);
    check_equal("a read is no write", 0, steps);
}

static void check_guard(void)
{
    u64 value = 0;

    steps = 0;
    write_dr7(DR7_GD);
    __asm__ volatile(".globl guard_probe_at\nguard_probe_at:\n\tmov %%dr0, %0"
                     : "=r"(value)
                     :
                     : "memory");
    check_equal("DR7.GD: an access is #DB", 1, steps);
    check_equal("its DR6", DR6_BD, last_dr6 & 0xe00f);
    check_equal("it is a fault", (u64)guard_probe_at, last_rip);
    check_equal("GD is off in the handler", 0, last_dr7 & DR7_GD);
    check_equal("the access comes through then", (u64)step_probe_hit, value);
}

static void check_names(void)
{
    u64 cr4 = read_cr4(), value;

    write_dr6(0);
    __asm__ volatile("mov %%db4, %0" : "=r"(value));
    check_equal("DR4 is DR6", 0xffff0ff0, value);
    write_cr4(cr4 | CR4_DE);
    undefined = 0;
    __asm__ volatile("mov %%db4, %0" : "=r"(value) : "0"(0UL) : "memory");
    check_equal("with CR4.DE it is #UD", 1, undefined);
    write_cr4(cr4);
}

void check_debug(void)
{
    trap_handle(TRAP_DEBUG, on_debug);
    trap_handle(TRAP_UNDEFINED, on_undefined);
    check_steps();
    check_breakpoints();
    check_emulated_breakpoints();
    check_guard();
    check_names();
    trap_handle(TRAP_DEBUG, NULL);
    trap_handle(TRAP_UNDEFINED, NULL);
}
