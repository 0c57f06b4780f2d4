/*
 * 32-bit programs under a 64-bit guest, and the ways into its kernel that tables alone do not show:
 * the callbacks for `syscall` in 32-bit code, for `sysenter`, for a frame that cannot be loaded,
 * for an NMI; an LDT whose pages are brought when they are used; what becomes of an entry's flags.
 * Source: xen/callback.h, xen/arch-x86/xen-x86_64.h.
 */
#include "xenabi.h"

#include "kit/insn.h"
#include "kit/pv_paging.h"
#include "kit/user.h"

#include <xen/callback.h>
#include <xen/physdev.h>
#include <xen/vcpu.h>

enum compat_numbers {
    BY_TRAP = 100, /* + vector: what enter_user returns */
    BY_SYSCALL32 = 1,
    BY_SYSENTER = 2,
    BY_FAILSAFE = 3,
    NO_SEGMENT = 0x1233, /* a selector that the GDT does not have */
    SELECTOR_LDT_1 = 0xf,
    FLAGS_IF = 1 << 9,
    FLAGS_START = 0x202,
};
#define DATA_SEGMENT 0x00cff2000000ffffULL /* flat, level 3 */
#define GUEST_KERNEL (1ULL << 52)          /* Xen's mark of an entry that came without U */
#define ENTRY_GLOBAL 0x100ULL

/* What a callback finds on its stack, from the top: the failsafe's has four selectors more. */
enum seen_words { SEEN_RIP = 2, SEEN_CS, SEEN_FLAGS, SEEN_RSP, SEEN_SS, FAILSAFE_RIP = 6 };
extern u64 compat_seen[];
extern u32 compat_nmis;
extern void compat_syscall(void), compat_syscall_next(void), compat_sysenter(void);
extern void compat_load_ldt(void), compat_loaded(void), compat_nmi(void);
extern void callback_syscall32(void), callback_sysenter(void), callback_failsafe(void);

static struct space space; /* its user table has the kernel's slot, too */
static u8 stack[4096] __attribute__((aligned(16)));
static u64 ldt[512] __attribute__((aligned(4096)));
static u64 trap_rip, trap_cr2; /* of the last trap */
static bool bring_ldt;         /* a page fault brings its page */

static s64 callback(u32 command, u16 type, void (*address)(void))
{
    struct callback_register c = {
        .type = type, .flags = CALLBACKF_mask_events, .address = (u64)address};

    return hypercall2(__HYPERVISOR_callback_op, command, (u64)&c);
}

static struct trap_frame *on_trap(struct trap_frame *f)
{
    trap_rip = f->rip;
    trap_cr2 = f->vector == TRAP_PAGE_FAULT ? trap_fault_address() : 0;
    if (!bring_ldt || f->vector != TRAP_PAGE_FAULT)
        leave_user(BY_TRAP + f->vector);
    bring_ldt = false;
    pv_set_mapping((u64)ldt, NULL, pv_entry_of((u64)ldt, ENTRY_PRESENT | ENTRY_ACCESSED));
    return f;
}

static u64 run(void (*code)(void), u64 cs, u64 rdx)
{
    struct trap_frame f = {.rip = (u64)code,
                           .cs = cs,
                           .rflags = FLAGS_START,
                           .rsp = (u64)stack + sizeof(stack),
                           .ss = FLAT_USER_SS,
                           .rdx = rdx};

    return enter_user(&f, platform->resume);
}

static u64 run32(void (*code)(void))
{
    return run(code, FLAT_USER_CS32, 0);
}

static void check_syscall32(void)
{
    u64 way;

    abi_equal("SYSCALL in 32-bit code without a callback", BY_TRAP + TRAP_UNDEFINED,
              (s64)run32(compat_syscall));
    check_equal("it is at the instruction", (u64)compat_syscall, trap_rip);
    abi_equal("callback_op: syscall32", 0,
              callback(CALLBACKOP_register, CALLBACKTYPE_syscall32, callback_syscall32));
    abi_equal("callback_op: syscall32 stays", -ABI_EINVAL,
              callback(CALLBACKOP_unregister, CALLBACKTYPE_syscall32, NULL));
    way = run32(compat_syscall);
    if (way == BY_TRAP + TRAP_UNDEFINED)
        return; /* Intel's processors have none in 32-bit code */
    abi_equal("SYSCALL in 32-bit code", BY_SYSCALL32, (s64)way);
    check_equal("SYSCALL in 32-bit code: rip", (u64)compat_syscall_next, compat_seen[SEEN_RIP]);
    check_equal("its cs", FLAT_USER_CS32, (u16)compat_seen[SEEN_CS]);
    check_equal("its rsp", (u64)stack + sizeof(stack), compat_seen[SEEN_RSP]);
    check_equal("its ss", FLAT_USER_SS, (u16)compat_seen[SEEN_SS]);
}

static void check_sysenter(void)
{
    u64 without = run32(compat_sysenter);

    abi_equal("callback_op: sysenter", 0,
              callback(CALLBACKOP_register, CALLBACKTYPE_sysenter, callback_sysenter));
    abi_equal("callback_op: sysenter stays", -ABI_EINVAL,
              callback(CALLBACKOP_unregister, CALLBACKTYPE_sysenter, NULL));
    if (without == BY_TRAP + TRAP_UNDEFINED)
        return; /* AMD's have none in long mode */
    abi_equal("SYSENTER without a callback", BY_TRAP + TRAP_GENERAL_PROTECTION, (s64)without);
    abi_equal("SYSENTER", BY_SYSENTER, (s64)run32(compat_sysenter));
    check_equal("SYSENTER: rip is lost", 0, compat_seen[SEEN_RIP]);
    check_equal("its cs is null", 3, (u16)compat_seen[SEEN_CS]);
    check_equal("its rsp is lost", 0, compat_seen[SEEN_RSP]);
    check_equal("events were not masked", FLAGS_IF, compat_seen[SEEN_FLAGS] & FLAGS_IF);
}

static void check_failsafe(void)
{
    abi_equal("callback_op: failsafe", 0,
              callback(CALLBACKOP_register, CALLBACKTYPE_failsafe, callback_failsafe));
    abi_equal("a frame that cannot be loaded", BY_TRAP + TRAP_GENERAL_PROTECTION,
              (s64)run(compat_syscall, NO_SEGMENT, 0));
    check_equal("the fault is where the frame leads", (u64)compat_syscall, trap_rip);
}

static void check_nmi(void)
{
    abi_equal("callback_op: NMI", 0, callback(CALLBACKOP_register, CALLBACKTYPE_nmi, compat_nmi));
    abi_equal("vcpu_op: send an NMI", 0, hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0));
    for (unsigned i = 0; i < 100 && !*(volatile u32 *)&compat_nmis; i++)
        hypercall2(__HYPERVISOR_sched_op, 0, 0);
    check_equal("it came", 1, compat_nmis);
    abi_equal("callback_op: no NMI", 0, callback(CALLBACKOP_unregister, CALLBACKTYPE_nmi, NULL));
    abi_equal("vcpu_op: an NMI without a handler", 0,
              hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0));
}

static s64 set_ldt(u64 address, u32 entries)
{
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = address};

    op.arg2.nr_ents = entries;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static s64 map_ldt(u64 bits)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (u64)ldt,
                      bits ? pv_entry_of((u64)ldt, bits) : 0, UVMF_INVLPG);
}

/* Its page is away when the program loads a selector, and brought by the handler of the fault. */
static void check_ldt(void)
{
    ldt[1] = DATA_SEGMENT;
    abi_equal("the LDT's page is unmapped", 0, map_ldt(0));
    abi_equal("mmuext_op: an LDT that is not there", 0, set_ldt((u64)ldt, 512));
    bring_ldt = true;
    abi_equal("its segment is loaded", BY_TRAP + TRAP_UNDEFINED,
              (s64)run(compat_load_ldt, FLAT_USER_CS32, SELECTOR_LDT_1));
    check_equal("after a page fault", 0, bring_ldt);
    check_equal("and not before the instruction's end", (u64)compat_loaded, trap_rip);
    abi_equal("it cannot be made writable", -ABI_EBUSY, map_ldt(ENTRY_RW));
    abi_equal("mmuext_op: no LDT", 0, set_ldt(0, 0));
    __asm__ volatile("mov %0, %%ds" : : "r"(0)); /* nobody shall load its selector again */
    abi_equal("it is a page like any other", 0, map_ldt(ENTRY_RW));
    ldt[1] = 0;
}

/* Channel 2 of the timer counts a millisecond for a kernel that has the right to ports. */
static void check_timer_port(void)
{
    enum { COMMAND_2_TERMINAL = 0xb0, CLOCKS = 1193, GATE = 1, OUT = 0x20, POLLS_MAX = 100000 };
    struct physdev_set_iopl level = {.iopl = 1};
    unsigned polls = 0;
    u64 begin, us;

    hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&level);
    out8(0x61, 0);
    out8(0x43, COMMAND_2_TERMINAL);
    out8(0x42, CLOCKS & 0xff);
    out8(0x42, CLOCKS >> 8);
    check_equal("channel 2 has not counted", 0, in8(0x61) & OUT);
    begin = rdtsc();
    out8(0x61, GATE);
    while (!(in8(0x61) & OUT) && polls < POLLS_MAX)
        polls++;
    us = (rdtsc() - begin) * 1000 / platform->tsc_khz();
    check("it counted a millisecond", us >= 900 && us < 20000);
    level.iopl = 0;
    hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, (u64)&level);
}

/* What the hypervisor adds to an entry: U and its mark to the kernel's, G to the others. */
static u64 flags_of(u64 bits)
{
    u64 *entry = space_entry(&kernel_space, (u64)abi_page, 1, false);

    hypercall3(__HYPERVISOR_update_va_mapping, (u64)abi_page, pv_entry_of((u64)abi_page, bits),
               UVMF_INVLPG);
    return *entry & (ENTRY_USER | ENTRY_GLOBAL | GUEST_KERNEL);
}

static void check_flags(void)
{
    check_equal("an entry of a program's is global", ENTRY_USER | ENTRY_GLOBAL,
                flags_of(ENTRY_USER_RW));
    check_equal("one of the kernel's is not", ENTRY_USER | GUEST_KERNEL, flags_of(ENTRY_RW));
}

/* Programs do not see the M2P, their kernel does. */
static void check_strict(void)
{
    enum { M2P_SLOT = 256 };
    static struct space strict;

    abi_equal("vm_assist: a strict M2P", 0,
              hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_m2p_strict));
    space_create(&strict);
    space_publish(&strict);
    platform->space_load(&strict);
    check_equal("the M2P in the user's table", 0, strict.user_root[M2P_SLOT]);
    check("and in the kernel's", strict.root[M2P_SLOT] & ENTRY_PRESENT);
    platform->space_load(&kernel_space);
    space_destroy(&strict);
    abi_equal("vm_assist: not strict", 0,
              hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_m2p_strict));
}

void abi_compat(void)
{
    static const unsigned vectors[] = {TRAP_UNDEFINED, TRAP_GENERAL_PROTECTION, TRAP_PAGE_FAULT};

    space_create(&space);
    space.user_root[0] = space.root[0];
    space_publish(&space);
    platform->space_load(&space);
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
        trap_handle(vectors[i], on_trap);
    check_syscall32();
    check_sysenter();
    check_failsafe();
    check_nmi();
    check_ldt();
    check_flags();
    check_timer_port();
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
        trap_handle(vectors[i], NULL);
    platform->space_load(&kernel_space);
    check_strict();
}
