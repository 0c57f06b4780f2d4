/*
 * Paravirtualization: attacks on the processor's state from the guest kernel, which runs in ring 3
 * like its programs: selectors, returns to wild places, privileged instructions, debug traps that
 * become due on the hypervisor's side of the door.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/callback.h>
#include <xen/sched.h>
#include <xen/version.h>
#include <xen/xen.h>

#define NOT_CANONICAL 0x0000800000000000ULL
#define DATA_SEGMENT  0x00cff2000000ffffULL /* flat, level 3 */
enum { MSR_ATTEMPTS = 3000 };
enum selectors { HYPERVISOR_CODE = 0xe008, HYPERVISOR_DATA = 0xe010, BEYOND = 0xfff8 };
/* Of a return that stays in kernel mode: privilege level 0 stands for it. */
enum { KERNEL_CS = FLAT_KERNEL_CS & ~3 };
enum rflags { RFLAGS_RESERVED_1 = 2, RFLAGS_IOPL = 3 << 12, RFLAGS_NT = 1 << 14 };

/* probe_iret.asm: the iret hypercall with this context; the failsafe callback. */
void probe_iret(const struct iret_context *c);
void probe_failsafe(void);
extern volatile bool probe_failsafe_seen;
extern u64 probe_stack;
void probe_recover(void);

#define INSTRUCTION(name, text)                                                                    \
    static s64 name(void)                                                                          \
    {                                                                                              \
        __asm__ volatile(text : : : "rax", "rcx", "rdx", "memory", "cc");                          \
        return 0;                                                                                  \
    }
INSTRUCTION(lgdt_here, "sub $16, %%rsp; lgdt (%%rsp); add $16, %%rsp")
INSTRUCTION(lidt_here, "sub $16, %%rsp; lidt (%%rsp); add $16, %%rsp")
INSTRUCTION(ltr_here, "mov $0xe040, %%ax; ltr %%ax")
INSTRUCTION(invd_here, "invd")
INSTRUCTION(sysret_here, "sysretq")
INSTRUCTION(swapgs_here, "swapgs")
INSTRUCTION(load_ds, "mov $0xe010, %%eax; mov %%eax, %%ds")
INSTRUCTION(load_ss, "mov $0xe010, %%eax; mov %%eax, %%ss")
INSTRUCTION(load_ds_empty, "mov $0x13, %%eax; mov %%eax, %%ds")
INSTRUCTION(load_gs_beyond, "mov $0xfffb, %%eax; mov %%eax, %%gs")
INSTRUCTION(far_return, "push $0xe008; push $0; lretq")
INSTRUCTION(iret_to_hypervisor,
            "mov %%rsp, %%rax; push $0xe010; push %%rax; pushfq; push $0xe008; push $0; iretq")
INSTRUCTION(int_without_gate, "int $0xfe")
INSTRUCTION(int_of_hypervisor, "int $0x2")
INSTRUCTION(jump_to_hypervisor, "mov $0xffff828000210000, %%rax; jmp *%%rax")
INSTRUCTION(jump_not_canonical, "mov $0x800000000000, %%rax; jmp *%%rax")
INSTRUCTION(vmcall_here, "xor %%eax, %%eax; vmcall")
INSTRUCTION(vmxon_here, "push $0; vmxon (%%rsp); pop %%rax")

/* The user's GS as a selector of the hypervisor's: it may be refused, but never be there with the
 * hypervisor's privilege level. */
static s64 gs_of_hypervisor(void)
{
    u16 gs;

    hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, HYPERVISOR_DATA);
    __asm__ volatile("mov %%gs, %0" : "=r"(gs));
    hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0);
    return gs == HYPERVISOR_DATA;
}

/* Only TSD, DE and OSXSAVE are its own; the bits that it gets besides. */
static s64 cr4_wild(void)
{
    const u64 own = 1 << 2 | 1 << 3 | 1 << 18;
    u64 before = read_cr4(), after;

    write_cr4(~0ULL);
    after = read_cr4();
    write_cr4(before);
    return (s64)((after ^ before) & ~own);
}
static s64 cr3_wild(void)
{
    write_cr3(0x100000);
    return 0;
}

/* The iret hypercall with a context that no guest may have. */
static struct iret_context context;
static s64 do_iret(void)
{
    context.rsp = probe_stack;
    probe_iret(&context);
    return 0;
}
static void landed(void)
{
    __asm__ volatile("mov %0, %%rsp\n xor %%eax, %%eax\n jmp probe_recover"
                     :
                     : "m"(probe_stack)
                     : "memory");
}
/* The kernel's own level is 0 in an iret context; 3 is user mode. */
static struct outcome iret_with(u64 rip, u64 cs, u64 rflags, u64 ss)
{
    context = (struct iret_context){.rip = rip, .cs = cs, .rflags = rflags, .ss = ss};
    return probe(do_iret);
}
/* Where it cannot be obeyed, the guest meets the fault there; where the hypervisor corrects the
 * selector's privilege level, the guest lands where it said. */
static struct outcome try_iret_hypervisor_code(void)
{
    return iret_with((u64)landed, HYPERVISOR_CODE, RFLAGS_RESERVED_1, FLAT_KERNEL_SS);
}
static struct outcome try_iret_hypervisor_data(void)
{
    return iret_with((u64)landed, KERNEL_CS, RFLAGS_RESERVED_1, HYPERVISOR_DATA);
}
static struct outcome try_iret_beyond(void)
{
    return iret_with((u64)landed, BEYOND, RFLAGS_RESERVED_1, FLAT_KERNEL_SS);
}
static struct outcome try_iret_not_canonical(void)
{
    return iret_with(NOT_CANONICAL, KERNEL_CS, RFLAGS_RESERVED_1, FLAT_KERNEL_SS);
}
static struct outcome try_iret_hypervisor_address(void)
{
    return iret_with(0xffff828000210000, KERNEL_CS, RFLAGS_RESERVED_1, FLAT_KERNEL_SS);
}
static struct outcome try_iret_without_user(void)
{
    return iret_with((u64)landed, FLAT_USER_CS, RFLAGS_RESERVED_1, FLAT_USER_SS);
}
static u64 flags_seen;
static void show_flags(void)
{
    __asm__ volatile("mov %1, %%rsp\n pushfq\n pop %0\n xor %%eax, %%eax\n jmp probe_recover"
                     : "=m"(flags_seen)
                     : "m"(probe_stack)
                     : "memory");
}
/* IOPL 3 and NT asked for: the first would let it do ports and CLI, the second breaks IRET. */
static struct outcome try_iret_flags(void)
{
    struct outcome o = iret_with((u64)show_flags, KERNEL_CS,
                                 RFLAGS_RESERVED_1 | RFLAGS_IOPL | RFLAGS_NT, FLAT_KERNEL_SS);

    if (o.kind == VALUE)
        o.value = (s64)(flags_seen & RFLAGS_IOPL);
    return o;
}

/* A data breakpoint due in MOV SS, when the next instruction is the door into the hypervisor: the
 * trap arrives on its side. It must come back as the guest's own #DB, or not at all. */
static volatile u64 watched;
enum { DR7_WATCH_READS_WRITES_0 = 1 << 0 | 3 << 16 | 1 << 18 };
static s64 movss_syscall(void)
{
    s64 result;

    __asm__ volatile("mov %1, %%ss\n syscall\n nop"
                     : "=a"(result)
                     : "m"(watched), "0"(__HYPERVISOR_xen_version), "D"(XENVER_version), "S"(0)
                     : "rcx", "r11", "memory");
    return result > 0;
}
static s64 movss_int3(void)
{
    __asm__ volatile("mov %0, %%ss\n int3\n nop" : : "m"(watched) : "memory");
    return 0;
}
static struct outcome with_breakpoint(s64 (*code)(void), struct outcome also)
{
    u16 ss;

    __asm__ volatile("mov %%ss, %0" : "=r"(ss));
    watched = ss;
    hypercall2(__HYPERVISOR_set_debugreg, 0, (u64)&watched);
    hypercall2(__HYPERVISOR_set_debugreg, 7, DR7_WATCH_READS_WRITES_0);
    struct outcome o = probe(code);
    hypercall2(__HYPERVISOR_set_debugreg, 7, 0);
    hypercall2(__HYPERVISOR_set_debugreg, 6, 0);
    if (o.kind == TRAPPED && o.vector == TRAP_DEBUG)
        return also;
    return o;
}
static struct outcome try_movss_syscall(void)
{
    return with_breakpoint(movss_syscall, returned(1));
}
static struct outcome try_movss_int3(void)
{
    return with_breakpoint(movss_int3,
                           (struct outcome){.kind = TRAPPED, .vector = TRAP_BREAKPOINT});
}

/* A segment whose descriptor goes while the guest sleeps: it cannot be loaded again. The failsafe
 * callback must say so, and the register be null. */
static u64 descriptors[512] __attribute__((aligned(4096)));
static s64 sleep_without_segment(void)
{
    enum { OWN_LDT_1 = 0xf };
    struct sched_poll poll = {.timeout = pv_now() + 1000000};

    __asm__ volatile("mov %0, %%ds" : : "r"(OWN_LDT_1));
    pv_ext(MMUEXT_SET_LDT, 0, 0);
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll);
    return 0;
}
static struct outcome try_lost_segment(void)
{
    struct callback_register failsafe = {.type = CALLBACKTYPE_failsafe,
                                         .address = (u64)probe_failsafe};
    u16 ds;

    hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, (u64)&failsafe);
    descriptors[1] = DATA_SEGMENT;
    pv_map(descriptors, pv_machine((u64)descriptors) | ENTRY_PRESENT);
    pv_ext(MMUEXT_SET_LDT, (u64)descriptors, ARRAY_SIZE(descriptors));
    probe_failsafe_seen = false;
    probe(sleep_without_segment);
    __asm__ volatile("mov %%ds, %0" : "=r"(ds));
    return returned(probe_failsafe_seen ? ds : -1);
}

static u32 msr;
static u64 msr_value;
static s64 read_msr(void)
{
    rdmsr(msr);
    return 0;
}
static s64 write_msr(void)
{
    wrmsr(msr, msr_value);
    return 0;
}
static struct outcome random_msrs(void)
{
    static const u32 base[] = {0, 0xc0000080, 0xc0010000, 0x1a0, 0x480, 0x800};
    s64 wrong = 0;

    for (unsigned i = 0; i < MSR_ATTEMPTS; i++) {
        u64 r = random_next();
        msr = base[r % ARRAY_SIZE(base)] + (u32)(r >> 32) % 0x100;
        msr_value = random_next() >> (random_next() & 63);
        struct outcome o = probe(i % 2 ? write_msr : read_msr);
        if (o.kind == TRAPPED && (o.vector != TRAP_GENERAL_PROTECTION || o.error))
            wrong++;
    }
    return returned(wrong);
}
static u16 port;
static s64 port_access(void)
{
    out8(port, 0xff);
    return in8(port) != 0xff;
}
static struct outcome random_ports(void)
{
    s64 wrong = 0;

    for (unsigned i = 0; i < MSR_ATTEMPTS; i++) {
        port = (u16)random_next();
        struct outcome o = probe(port_access);
        if (o.kind == TRAPPED ? o.vector != TRAP_GENERAL_PROTECTION || o.error : o.value != 0)
            wrong++;
    }
    return returned(wrong);
}

ATTEMPT(lgdt_here)
ATTEMPT(lidt_here)
ATTEMPT(ltr_here)
ATTEMPT(invd_here)
ATTEMPT(sysret_here)
ATTEMPT(swapgs_here)
ATTEMPT(load_ds)
ATTEMPT(load_ss)
ATTEMPT(load_ds_empty)
ATTEMPT(load_gs_beyond)
ATTEMPT(far_return)
ATTEMPT(iret_to_hypervisor)
ATTEMPT(int_without_gate)
ATTEMPT(int_of_hypervisor)
ATTEMPT(jump_to_hypervisor)
ATTEMPT(jump_not_canonical)
ATTEMPT(vmcall_here)
ATTEMPT(vmxon_here)
ATTEMPT(gs_of_hypervisor)
ATTEMPT(cr4_wild)
ATTEMPT(cr3_wild)

#define GP(e) FAULTS(TRAP_GENERAL_PROTECTION, e)
#define UD    FAULTS(TRAP_UNDEFINED, 0)
enum { PRESENT = 1, IDT_BIT = 2 };

static const struct attack attacks[] = {
    {"LGDT", SURVIVES, try_lgdt_here, GP(0), 0},
    {"LIDT", SURVIVES, try_lidt_here, GP(0), 0},
    {"LTR", SURVIVES, try_ltr_here, GP(0), 0},
    {"INVD", SURVIVES, try_invd_here, GP(0), 0},
    {"SYSRET", SURVIVES, try_sysret_here, GP(0), 0},
    {"SWAPGS", SURVIVES, try_swapgs_here, GP(0), 0},
    {"VMCALL", SURVIVES, try_vmcall_here, UD, 0},
    {"VMXON", SURVIVES, try_vmxon_here, UD, 0},
    {"CR4, all ones", SURVIVES, try_cr4_wild, RETURNS(0), 0},
    {"CR3 of the hypervisor's", SURVIVES, try_cr3_wild, GP(0), 0},
    {"DS = a selector of the hypervisor's", SURVIVES, try_load_ds, GP(HYPERVISOR_DATA), 0},
    {"SS = a selector of the hypervisor's", SURVIVES, try_load_ss, GP(HYPERVISOR_DATA), 0},
    {"DS = a selector of a GDT that is not there", SURVIVES, try_load_ds_empty, GP(0x10), 0},
    {"GS = a selector beyond the GDT", SURVIVES, try_load_gs_beyond, GP(BEYOND), 0},
    {"the user's GS = a selector of the hypervisor's", SURVIVES, try_gs_of_hypervisor, RETURNS(0),
     0},
    {"far return to the hypervisor's code", SURVIVES, try_far_return, GP(HYPERVISOR_CODE), 0},
    {"IRET to the hypervisor's code", SURVIVES, try_iret_to_hypervisor, GP(HYPERVISOR_CODE), 0},
    {"iret hypercall to user mode without a user table",
     CRASHES,
     try_iret_without_user,
     {0},
     "without a user page table"},
    {"INT without a gate", SURVIVES, try_int_without_gate, GP(0xfe * 8 + IDT_BIT), 0},
    {"INT of an exception", SURVIVES, try_int_of_hypervisor, GP(2 * 8 + IDT_BIT), 0},
    {"jump into the hypervisor", SURVIVES, try_jump_to_hypervisor,
     FAULTS(TRAP_PAGE_FAULT, PRESENT | FAULT_FETCH), 0},
    {"jump to an address that is not canonical", SURVIVES, try_jump_not_canonical, GP(0), 0},
    {"iret hypercall to the hypervisor's code", SURVIVES, try_iret_hypervisor_code,
     GP(HYPERVISOR_CODE), 0},
    {"iret hypercall to the hypervisor's stack", SURVIVES, try_iret_hypervisor_data,
     GP(HYPERVISOR_DATA), 0},
    {"iret hypercall beyond the GDT", SURVIVES, try_iret_beyond, GP(BEYOND), 0},
    {"iret hypercall to an address that is not canonical", SURVIVES, try_iret_not_canonical, GP(0),
     0},
    {"iret hypercall to an address of the hypervisor's", SURVIVES, try_iret_hypervisor_address,
     FAULTS(TRAP_PAGE_FAULT, PRESENT | FAULT_FETCH), 0},
    {"iret hypercall with IOPL 3 and NT", SURVIVES, try_iret_flags, RETURNS(0), 0},
    {"a segment that is lost while the guest sleeps", SURVIVES, try_lost_segment, RETURNS(0), 0},
    {"breakpoint due in MOV SS, then a hypercall", SURVIVES, try_movss_syscall, RETURNS(1), 0},
    {"breakpoint due in MOV SS, then INT3", SURVIVES, try_movss_int3, FAULTS(TRAP_BREAKPOINT, 0),
     0},
    {"MSRs at random", SURVIVES, random_msrs, RETURNS(0), 0},
    {"ports at random", SURVIVES, random_ports, RETURNS(0), 0},
};
const struct attack_list pv_processor_attacks = {attacks, ARRAY_SIZE(attacks)};
