/*
 * What the hypervisor emulates of a kernel's control and debug registers, and of its ports: the
 * bits of CR4 that are the kernel's own, breakpoints on ports, INS and OUTS, CLI and STI. Source:
 * SDM, "Control Registers", "Debug Registers"; Xen's answers.
 */
#include "xenabi.h"

#include "kit/insn.h"
#include "kit/space.h"
#include "kit/user.h"
#include "user_control.h"

#include <xen/physdev.h>

#define CR4_TSD     (1ULL << 2)
#define CR4_DE      (1ULL << 3)
#define CR4_PAE     (1ULL << 5)
#define CR4_OSXSAVE (1ULL << 18)
#define CR4_NOBODYS (1ULL << 31)
#define OWN         (CR4_TSD | CR4_DE | CR4_OSXSAVE)
enum debug_bits {
    DR7_L0 = 1,
    DR7_ON_PORT_0 = 2 << 16,
    DR7_GD = 1 << 13,
    DR7_FIXED = 0x400,
    DR6_FIXED = 0xffff0ff0,
    DR6_B0 = 1,
};
enum control_numbers {
    NO_FAULT = TRAP_EXCEPTIONS,
    LEFT_USER = 1000, /* + vector: what user_run returns then */
    PORT_SPEAKER = 0x61,
    PORT_POST = 0x80, /* takes what it is given */
};
#define NOWHERE 0x7f0000000000ULL /* not mapped */

static struct space program;
static u8 bytes[16];
static volatile unsigned fault, traps; /* the last one's vector; how many #DB */
static volatile u64 trap_dr6, trap_rip, fault_at;

static s64 get_dr(unsigned dr)
{
    return hypercall2(__HYPERVISOR_get_debugreg, dr, 0);
}

static s64 set_dr(unsigned dr, u64 value)
{
    return hypercall2(__HYPERVISOR_set_debugreg, dr, value);
}

/* rbx: where to go on. */
static struct trap_frame *on_fault(struct trap_frame *f)
{
    fault = (unsigned)f->vector;
    fault_at = f->vector == TRAP_PAGE_FAULT ? trap_fault_address() : 0;
    if (trap_from_user(f))
        leave_user(LEFT_USER + f->vector);
    f->rip = f->rbx;
    return f;
}

static struct trap_frame *on_debug(struct trap_frame *f)
{
    traps++;
    trap_dr6 = (u64)get_dr(6);
    trap_rip = f->rip;
    set_dr(6, DR6_FIXED);
    return f;
}

/* The vector of the instruction's fault, or NO_FAULT. */
#define FAULT_OF(instruction, ...)                                                                 \
    ({                                                                                             \
        fault = NO_FAULT;                                                                          \
        __asm__ volatile("lea 1f(%%rip), %%rbx\n\t" instruction "\n1:"                             \
                         :                                                                         \
                         : __VA_ARGS__                                                             \
                         : "rbx", "rax", "memory", "cc");                                          \
        fault;                                                                                     \
    })

static void check_cr4(void)
{
    u64 before = read_cr4();

    check_equal("CR4: what is one's own", OWN, (write_cr4(before | OWN), read_cr4() & OWN));
    check_equal("CR4: and nothing else", before & ~OWN, read_cr4() & ~OWN);
    write_cr4(CR4_NOBODYS);
    check_equal("CR4: it is taken away", 0, read_cr4() & (OWN | CR4_NOBODYS));
    check("CR4: what is not one's own stays", read_cr4() & CR4_PAE);
    write_cr4(before);
}

/* With TSD user mode has no RDTSC; the kernel, in ring 3 as well, has it. */
static void check_tsd(void)
{
    u64 cr4 = read_cr4(), before = rdtsc();

    check("RDTSC in user mode", user_run(&program, user_rdtsc, 0) > before);
    write_cr4(cr4 | CR4_TSD);
    check_equal("RDTSC in user mode, with TSD", LEFT_USER + TRAP_GENERAL_PROTECTION,
                user_run(&program, user_rdtsc, 0));
    before = rdtsc();
    check("RDTSC in the kernel, with TSD", rdtsc() > before);
    write_cr4(cr4 & ~CR4_TSD);
    check("RDTSC in user mode once more", user_run(&program, user_rdtsc, 0) > before);
}

static void check_other_names(void)
{
    u64 cr4 = read_cr4();

    write_cr4(cr4 & ~CR4_DE);
    abi_equal("get_debugreg: 4 is 6", get_dr(6), get_dr(4));
    abi_equal("get_debugreg: 5 is 7", get_dr(7), get_dr(5));
    abi_equal("set_debugreg: 4 is 6", 0, set_dr(4, DR6_FIXED));
    abi_equal("set_debugreg: 5 is 7", 0, set_dr(5, DR7_FIXED));
    check_equal("MOV from DR5", NO_FAULT, FAULT_OF("mov %%db5, %%rax", "r"(0)));
    write_cr4(cr4 | CR4_DE);
    abi_equal("get_debugreg: 4, with DE", -ABI_ENODEV, get_dr(4));
    abi_equal("get_debugreg: 5, with DE", -ABI_ENODEV, get_dr(5));
    abi_equal("set_debugreg: 4, with DE", -ABI_ENODEV, set_dr(4, DR6_FIXED));
    abi_equal("set_debugreg: 5, with DE", -ABI_ENODEV, set_dr(5, DR7_FIXED));
    check_equal("MOV from DR5, with DE", TRAP_UNDEFINED, FAULT_OF("mov %%db5, %%rax", "r"(0)));
    write_cr4(cr4);
}

static void met(const char *what, unsigned count)
{
    check_equal(what, count, traps);
    check_equal("its DR6", count ? DR6_B0 : 0, trap_dr6 & 0xf);
    traps = 0;
    trap_dr6 = 0;
}

static void check_breakpoints(void)
{
    u64 cr4 = read_cr4(), count = 3;
    const void *from = bytes;

    write_cr4(cr4 & ~CR4_DE);
    abi_equal("set_debugreg: general detect", -ABI_EPERM, set_dr(7, DR7_FIXED | DR7_GD));
    abi_equal("set_debugreg: on a port, without DE", -ABI_EPERM,
              set_dr(7, DR7_FIXED | DR7_L0 | DR7_ON_PORT_0));
    write_cr4(cr4 | CR4_DE);
    set_dr(0, PORT_POST);
    abi_equal("set_debugreg: on a port", 0, set_dr(7, DR7_FIXED | DR7_L0 | DR7_ON_PORT_0));
    abi_equal("get_debugreg: it is there", DR7_FIXED | DR7_L0 | DR7_ON_PORT_0, get_dr(7));
    in8(PORT_SPEAKER);
    met("a breakpoint on another port", 0);
    out8(PORT_POST, 0);
    met("OUT meets it", 1);
    in8(PORT_POST);
    met("IN meets it", 1);
    __asm__ volatile("outb %%al, $0x80\n1: lea 1b(%%rip), %0" : "=r"(count) : "a"(0));
    check_equal("it is told behind the instruction", count, trap_rip);
    met("and once", 1);
    count = 3;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(PORT_POST) : "memory");
    met("REP OUTSB meets it each time", 3);
    check("and ends", !count && from == bytes + 3);
    set_dr(7, DR7_FIXED);
    out8(PORT_POST, 0);
    met("it is off", 0);
    write_cr4(cr4);
}

static void check_strings(void)
{
    u64 count = sizeof(bytes);
    void *to = bytes;

    memset(bytes, 0xa5, sizeof(bytes));
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(PORT_SPEAKER) : "memory");
    check("REP INSB", !count && to == bytes + sizeof(bytes));
    check_equal("what it read", in8(PORT_SPEAKER) & 3, bytes[15] & 3);
    check("is not what was there", bytes[0] != 0xa5 && bytes[15] != 0xa5);
    check_equal("INSB to nowhere", TRAP_PAGE_FAULT,
                FAULT_OF("insb", "D"(NOWHERE), "d"(PORT_SPEAKER)));
    check_equal("its address", NOWHERE, fault_at);
    check_equal("OUTSB from nowhere", TRAP_PAGE_FAULT,
                FAULT_OF("outsb", "S"(NOWHERE + 1), "d"(PORT_POST)));
    check_equal("its address", NOWHERE + 1, fault_at);
}

static void set_iopl(u32 iopl)
{
    struct physdev_set_iopl level = {.iopl = iopl};

    hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&level);
}

/* Level 0 suffices with VMASST_TYPE_architectural_iopl. */
static void check_levels(void)
{
    set_iopl(0);
    check_equal("CLI at level 0", TRAP_GENERAL_PROTECTION, FAULT_OF("cli", "r"(0)));
    check_equal("OUTSB at level 0", TRAP_GENERAL_PROTECTION,
                FAULT_OF("outsb", "S"(bytes), "d"(PORT_POST)));
    hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl);
    check_equal("CLI, the kernel being level 0", NO_FAULT, FAULT_OF("cli", "r"(0)));
    check_equal("STI, the kernel being level 0", NO_FAULT, FAULT_OF("sti", "r"(0)));
    check_equal("OUTSB, the kernel being level 0", NO_FAULT,
                FAULT_OF("outsb", "S"(bytes), "d"(PORT_POST)));
    hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_architectural_iopl);
}

void abi_control(void)
{
    static const unsigned vectors[] = {TRAP_UNDEFINED, TRAP_GENERAL_PROTECTION, TRAP_PAGE_FAULT};

    user_space_create(&program);
    platform->space_load(&program);
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
        trap_handle(vectors[i], on_fault);
    trap_handle(TRAP_DEBUG, on_debug);
    set_iopl(1);
    check_cr4();
    check_tsd();
    check_other_names();
    check_breakpoints();
    check_strings();
    check_levels();
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
        trap_handle(vectors[i], NULL);
    trap_handle(TRAP_DEBUG, NULL);
    platform->space_load(&kernel_space);
}
