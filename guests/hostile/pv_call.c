/*
 * Paravirtualization: attacks by hypercall: numbers, pointers and lengths that are wild, and calls
 * at random.
 */
#include "hostile/attack.h"
#include "hostile/pv_attack.h"
#include "hostile/random_calls.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include "public/trivisor.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>

#define HYPERVISOR_IMAGE 0xffff828000000000ULL
#define DIRECT_MAP       0xffff830000000000ULL
#define NOT_CANONICAL    0x0000800000000000ULL
#define UNMAPPED         0x00007f0000000000ULL

enum { NUMBERS = 64 };

/* Without the page, whose stubs end at 127; all of rax counts. */
static s64 raw_call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    register u64 r10 __asm__("r10") = d;
    s64 result;

    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
                     : "0"(number)
                     : "rcx", "r8", "r9", "r11", "memory");
    return result;
}
/* Every number beyond the table, and those that nobody implements. Counts the answers that are not
 * -ENOSYS. */
static s64 wild_numbers(void)
{
    s64 wrong = 0;

    for (u64 n = NUMBERS; n < 2 * NUMBERS; n++)
        if (raw_call(n, 0, 0, 0, 0) != -PV_ENOSYS)
            wrong++;
    return wrong;
}
static s64 huge_number(void)
{
    return raw_call(1ULL << 32, 0, 0, 0, 0) == -PV_ENOSYS &&
           raw_call(~0ULL, 0, 0, 0, 0) == -PV_ENOSYS &&
           raw_call(1ULL << 63, 0, 0, 0, 0) == -PV_ENOSYS;
}

static s64 trap_table_in_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_set_trap_table, HYPERVISOR_IMAGE, 0);
}
static s64 trap_table_not_canonical(void)
{
    return hypercall2(__HYPERVISOR_set_trap_table, NOT_CANONICAL, 0);
}
static s64 trap_table_unmapped(void)
{
    return hypercall2(__HYPERVISOR_set_trap_table, UNMAPPED, 0);
}
static s64 updates_in_hypervisor(void)
{
    return hypercall4(__HYPERVISOR_mmu_update, DIRECT_MAP, 1, 0, DOMID_SELF);
}
static s64 updates_across_the_end(void)
{
    return hypercall4(__HYPERVISOR_mmu_update, NOT_CANONICAL - 8, 1, 0, DOMID_SELF);
}
static s64 updates_without_end(void)
{
    return hypercall4(__HYPERVISOR_mmu_update, UNMAPPED, 0x7fffffff, 0, DOMID_SELF);
}
static s64 ext_in_hypervisor(void)
{
    return hypercall4(__HYPERVISOR_mmuext_op, HYPERVISOR_IMAGE, 1, 0, DOMID_SELF);
}
static s64 done_count_in_hypervisor(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, DIRECT_MAP, DOMID_SELF);
}
static s64 ext_wild_command(void)
{
    return pv_ext(0x7777, 0, 0);
}
static s64 multicall_in_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_multicall, HYPERVISOR_IMAGE, 1);
}
static s64 multicall_without_end(void)
{
    return hypercall2(__HYPERVISOR_multicall, UNMAPPED, 0xffffffff);
}
/* A multicall inside a multicall. */
static s64 multicall_nested(void)
{
    static multicall_entry_t inner, outer;

    inner = (multicall_entry_t){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    outer = (multicall_entry_t){.op = __HYPERVISOR_multicall, .args = {(u64)&inner, 1}};
    s64 result = hypercall2(__HYPERVISOR_multicall, (u64)&outer, 1);
    return result ? result : (s64)outer.result;
}
static s64 console_from_hypervisor(void)
{
    return hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 64, HYPERVISOR_IMAGE);
}
static s64 version_into_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, HYPERVISOR_IMAGE);
}
static s64 version_into_table(void)
{
    return hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, pv_start.pt_base);
}
static s64 version_wild(void)
{
    return hypercall2(__HYPERVISOR_xen_version, 0x7777, 0);
}
static s64 sched_wild(void)
{
    return hypercall2(__HYPERVISOR_sched_op, 0x7777, 0);
}
static s64 sched_in_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, HYPERVISOR_IMAGE);
}
static s64 vcpu_wild_number(void)
{
    return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0x7777, 0);
}
/* The hypervisor writes there whenever the vcpu's state changes, with the flag even before. */
static s64 runstate_in_hypervisor(void)
{
    struct vcpu_register_runstate_memory_area area = {.addr.p = DIRECT_MAP};

    hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag);
    return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (u64)&area);
}
static s64 time_in_hypervisor(void)
{
    struct vcpu_register_time_memory_area area = {.addr.p = DIRECT_MAP};

    return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, (u64)&area);
}
static s64 vcpu_info_in_hypervisor(void)
{
    struct vcpu_register_vcpu_info info = {.mfn = 0x210};

    return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info);
}
static s64 vcpu_info_in_table(void)
{
    struct vcpu_register_vcpu_info info = {.mfn = pv_machine(pv_start.pt_base) >> PAGE_SHIFT};

    return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info);
}
static s64 event_wild_port(void)
{
    struct evtchn_send send = {.port = 0x7fffffff};

    return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send);
}
static s64 event_close_wild(void)
{
    struct evtchn_close close = {.port = 0x7fffffff};

    return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&close);
}
static s64 event_virq_wild(void)
{
    struct evtchn_bind_virq bind = {.virq = 0x7777};

    return hypercall2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (u64)&bind);
}
static s64 gdt_too_long(void)
{
    return hypercall2(__HYPERVISOR_set_gdt, UNMAPPED, 0x10000);
}
static s64 gdt_in_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_set_gdt, HYPERVISOR_IMAGE, 512);
}
static s64 segment_base_wild(void)
{
    return hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, NOT_CANONICAL);
}
static s64 segment_base_which(void)
{
    return hypercall2(__HYPERVISOR_set_segment_base, 0x7777, 0);
}
static s64 callback_wild(void)
{
    return hypercall2(__HYPERVISOR_callback_op, 0x7777, 0);
}
static s64 debug_register_wild(void)
{
    return hypercall2(__HYPERVISOR_set_debugreg, 0x7777, 0);
}
/* A breakpoint in the hypervisor. */
static s64 breakpoint_in_hypervisor(void)
{
    return hypercall2(__HYPERVISOR_set_debugreg, 0, HYPERVISOR_IMAGE);
}
static s64 region_wild(void)
{
    return hypercall3(TRIVISOR_HYPERCALL, TRIVISOR_MARK_BEGIN, TRIVISOR_REGIONS, 0);
}
static s64 command_wild(void)
{
    return hypercall3(TRIVISOR_HYPERCALL, ~0ULL, ~0ULL, ~0ULL);
}

/* One call that takes most of a second: lists of updates in a list of calls. The guest's own timer
 * must come through in the middle of it, as must every other domain. */
enum { LIST_UPDATES = 4096, LIST_CALLS = 64, TIMER_MS = 1, LATE_MS = 40 };
static struct mmu_update updates[LIST_UPDATES];
static multicall_entry_t calls[LIST_CALLS];
static u64 updated[1];
static volatile u64 timer_came;
static void on_timer(void)
{
    timer_came = rdtsc();
}
static s64 long_call(void)
{
    u64 start, end;
    bool all = true;

    for (unsigned i = 0; i < LIST_UPDATES; i++)
        updates[i] = (struct mmu_update){.ptr = pv_machine((u64)updated), .val = i};
    for (unsigned i = 0; i < LIST_CALLS; i++)
        calls[i] = (multicall_entry_t){.op = __HYPERVISOR_mmu_update,
                                       .result = 1,
                                       .args = {(u64)updates, LIST_UPDATES, 0, DOMID_SELF}};
    timer_came = 0;
    timer_handler = on_timer;
    platform->timer_init();
    start = rdtsc();
    platform->timer_once((u64)TIMER_MS * platform->tsc_khz());
    platform->irq_on();
    s64 result = hypercall2(__HYPERVISOR_multicall, (u64)calls, LIST_CALLS);
    platform->irq_off();
    end = rdtsc();
    platform->timer_stop();
    for (unsigned i = 0; i < LIST_CALLS; i++)
        all = all && calls[i].result == 0;
    return result == 0 && all && updated[0] == LIST_UPDATES - 1 && timer_came &&
           timer_came - start < (u64)LATE_MS * platform->tsc_khz() && timer_came < end;
}

/* Calls that end the life, or from which there is no coming back. */
static bool is_final(u64 number)
{
    return number == __HYPERVISOR_iret || number == __HYPERVISOR_sched_op ||
           number == __HYPERVISOR_sched_op_compat || number == __HYPERVISOR_stack_switch;
}
/* Those whose success would only harm the guest itself: its own handlers. */
static bool is_own(u64 number)
{
    return number == __HYPERVISOR_set_trap_table || number == __HYPERVISOR_set_debugreg ||
           number == __HYPERVISOR_set_callbacks || number == __HYPERVISOR_callback_op ||
           number == __HYPERVISOR_event_channel_op_compat || number == __HYPERVISOR_nmi_op ||
           number == __HYPERVISOR_set_segment_base;
}

/* Those of vcpu_op: the end of its only vcpu, an NMI, areas that are written for ever after. */
static bool is_own_vcpu(u32 command)
{
    return command == VCPUOP_down || command == VCPUOP_send_nmi ||
           command == VCPUOP_register_runstate_memory_area ||
           command == VCPUOP_register_vcpu_time_memory_area || command == VCPUOP_register_vcpu_info;
}

/* Whether a word names memory of the guest's own, as a frame or a machine address. Calls may well
 * succeed with it, and then the guest only harms itself: its code, its stack, its tables. */
static bool names_own(u64 word)
{
    enum { M2P_SIZE = 0x20000 };
    const u64 *m2p = (const u64 *)MACH2PHYS_VIRT_START;
    const u64 frame[] = {word, word >> PAGE_SHIFT};

    for (unsigned i = 0; i < ARRAY_SIZE(frame); i++) {
        if (frame[i] >= M2P_SIZE || m2p[frame[i]] >= pv_start.nr_pages)
            continue;
        if (pv_machine(m2p[frame[i]] << PAGE_SHIFT) >> PAGE_SHIFT == frame[i])
            return true;
    }
    return false;
}

/* What a structure of the ABI may hold: an operation's number, frames, addresses, wild words. */
static u64 random_word(void)
{
    u64 r = random_next(), word;

    switch (r % 5) {
    case 0:
        return (r >> 8) % 32;
    case 1:
        return pv_machine(random_place() & ~(u64)(PAGE_SIZE - 1)) >>
               ((r >> 8) % 2 ? PAGE_SHIFT : 0);
    case 2:
        word = (r >> 8) % 0x20000; /* any frame of the machine */
        break;
    case 3:
        word = (r >> 8) % 0x20000 << PAGE_SHIFT;
        break;
    default:
        word = random_argument();
        break;
    }
    return names_own(word) ? 0 : word;
}

/* The guest's own memory, but for what random_place gives. */
static bool is_needed(u64 va)
{
    return va < boot_info.free_end && (va ^ random_place()) >> (PAGE_SHIFT + 1);
}

static bool is_allowed(u64 number, u64 first)
{
    if (is_final(number) || is_own(number))
        return false;
    if (number == __HYPERVISOR_vcpu_op && is_own_vcpu((u32)first))
        return false;
    if (number == TRIVISOR_HYPERCALL && first == TRIVISOR_CHECK)
        return false; /* looks at all memory: see random_calls.c */
    return number != __HYPERVISOR_update_va_mapping || !is_needed(first);
}

/* Results of grant_table_op go back into its list: that is one item, where nobody needs the memory.
 */
static void tame_grants(u64 *argument)
{
    enum { COMMAND = 63 };

    argument[0] &= COMMAND;
    argument[1] = random_place() & ~(u64)COMMAND;
    argument[2] %= 2;
}

/* What is written by console_io stands in the log: not much of it. */
static void tame_console(u64 *argument)
{
    enum { COUNT_MAX = 1024 };

    if ((u32)argument[1] > COUNT_MAX)
        argument[1] = 0;
}

static void tame(u64 number, u64 *argument)
{
    if (number == __HYPERVISOR_grant_table_op)
        tame_grants(argument);
    if (number == __HYPERVISOR_console_io)
        tame_console(argument);
}

void random_call_pv(unsigned i)
{
    enum { WORDS = 8, LIST = __HYPERVISOR_multicall };
    static u64 structure[WORDS]; /* as a multicall entry: op, result, arguments */
    u64 number = random_next() % 8 ? random_next() % NUMBERS : random_next() % 256;
    u64 argument[4];

    for (unsigned k = 0; k < WORDS; k++)
        structure[k] = random_word();
    for (unsigned k = 0; k < ARRAY_SIZE(argument); k++)
        argument[k] = random_next() % 3 ? random_word() : (u64)structure;
    if (number == LIST) {
        structure[0] = random_next() % NUMBERS;
        tame(structure[0], &structure[2]);
        if (structure[0] == LIST || !is_allowed(structure[0], structure[2]))
            return;
        argument[0] = (u64)structure;
        argument[1] = 1;
    }
    tame(number, argument);
    if (!is_allowed(number, argument[0]))
        return;
    if (boot_has_argument("verbose"))
        print("%u: call %lu %lx %lx %lx %lx\n", i, number, argument[0], argument[1], argument[2],
              argument[3]);
    raw_call(number, argument[0], argument[1], argument[2], argument[3]);
}

ATTEMPT(wild_numbers)
ATTEMPT(huge_number)
ATTEMPT(trap_table_in_hypervisor)
ATTEMPT(trap_table_not_canonical)
ATTEMPT(trap_table_unmapped)
ATTEMPT(updates_in_hypervisor)
ATTEMPT(updates_across_the_end)
ATTEMPT(updates_without_end)
ATTEMPT(ext_in_hypervisor)
ATTEMPT(done_count_in_hypervisor)
ATTEMPT(ext_wild_command)
ATTEMPT(multicall_in_hypervisor)
ATTEMPT(multicall_without_end)
ATTEMPT(multicall_nested)
ATTEMPT(console_from_hypervisor)
ATTEMPT(version_into_hypervisor)
ATTEMPT(version_into_table)
ATTEMPT(version_wild)
ATTEMPT(sched_wild)
ATTEMPT(sched_in_hypervisor)
ATTEMPT(vcpu_wild_number)
ATTEMPT(runstate_in_hypervisor)
ATTEMPT(time_in_hypervisor)
ATTEMPT(vcpu_info_in_hypervisor)
ATTEMPT(vcpu_info_in_table)
ATTEMPT(event_wild_port)
ATTEMPT(event_close_wild)
ATTEMPT(event_virq_wild)
ATTEMPT(gdt_too_long)
ATTEMPT(gdt_in_hypervisor)
ATTEMPT(segment_base_wild)
ATTEMPT(segment_base_which)
ATTEMPT(callback_wild)
ATTEMPT(debug_register_wild)
ATTEMPT(breakpoint_in_hypervisor)
ATTEMPT(region_wild)
ATTEMPT(command_wild)
ATTEMPT(long_call)

#define EFAULT_ RETURNS(-PV_EFAULT)
#define EINVAL_ RETURNS(-PV_EINVAL)
#define ENOSYS_ RETURNS(-PV_ENOSYS)
static const struct attack attacks[] = {
    {"hypercall numbers beyond the table", SURVIVES, try_wild_numbers, RETURNS(0), 0},
    {"a hypercall number of 64 bits", SURVIVES, try_huge_number, RETURNS(1), 0},
    {"a trap table at the hypervisor's address", SURVIVES, try_trap_table_in_hypervisor, EFAULT_,
     0},
    {"a trap table that is not canonical", SURVIVES, try_trap_table_not_canonical, EFAULT_, 0},
    {"a trap table that is not mapped", SURVIVES, try_trap_table_unmapped, EFAULT_, 0},
    {"mmu_update's list in the hypervisor", SURVIVES, try_updates_in_hypervisor, EFAULT_, 0},
    {"mmu_update's list across the end of addresses", SURVIVES, try_updates_across_the_end, EFAULT_,
     0},
    {"mmu_update's list without end", SURVIVES, try_updates_without_end, EFAULT_, 0},
    {"mmuext_op's list in the hypervisor", SURVIVES, try_ext_in_hypervisor, EFAULT_, 0},
    {"mmuext_op's count in the hypervisor", SURVIVES, try_done_count_in_hypervisor, RETURNS(0), 0},
    {"mmuext_op with a wild command", SURVIVES, try_ext_wild_command, ENOSYS_, 0},
    {"multicall's list in the hypervisor", SURVIVES, try_multicall_in_hypervisor, EFAULT_, 0},
    {"multicall's list without end", SURVIVES, try_multicall_without_end, EFAULT_, 0},
    {"a multicall in a multicall", SURVIVES, try_multicall_nested, EINVAL_, 0},
    {"console output of the hypervisor's memory", SURVIVES, try_console_from_hypervisor, EFAULT_,
     0},
    {"xen_version into the hypervisor", SURVIVES, try_version_into_hypervisor, EFAULT_, 0},
    {"xen_version into a page table", SURVIVES, try_version_into_table, EFAULT_, 0},
    {"xen_version with a wild command", SURVIVES, try_version_wild, ENOSYS_, 0},
    {"sched_op with a wild command", SURVIVES, try_sched_wild, ENOSYS_, 0},
    {"sched_op's structure in the hypervisor", SURVIVES, try_sched_in_hypervisor, EFAULT_, 0},
    {"vcpu_op for a vcpu that does not exist", SURVIVES, try_vcpu_wild_number, RETURNS(-PV_ENOENT),
     0},
    {"runstate written to the hypervisor", SURVIVES, try_runstate_in_hypervisor, EFAULT_, 0},
    {"time written to the hypervisor", SURVIVES, try_time_in_hypervisor, EFAULT_, 0},
    {"vcpu_info in a frame of the hypervisor's", SURVIVES, try_vcpu_info_in_hypervisor, EINVAL_, 0},
    {"vcpu_info in a page table", SURVIVES, try_vcpu_info_in_table, EINVAL_, 0},
    {"an event to a wild port", SURVIVES, try_event_wild_port, EINVAL_, 0},
    {"closing a wild port", SURVIVES, try_event_close_wild, EINVAL_, 0},
    {"binding a wild virq", SURVIVES, try_event_virq_wild, EINVAL_, 0},
    {"a GDT that is too long", SURVIVES, try_gdt_too_long, EINVAL_, 0},
    {"a GDT's frames in the hypervisor", SURVIVES, try_gdt_in_hypervisor, EFAULT_, 0},
    {"a segment base that is not canonical", SURVIVES, try_segment_base_wild, EINVAL_, 0},
    {"a segment base that does not exist", SURVIVES, try_segment_base_which, EINVAL_, 0},
    {"callback_op with a wild command", SURVIVES, try_callback_wild, ENOSYS_, 0},
    {"a debug register that does not exist", SURVIVES, try_debug_register_wild, RETURNS(-19), 0},
    {"a breakpoint in the hypervisor", SURVIVES, try_breakpoint_in_hypervisor, RETURNS(-PV_EPERM),
     0},
    {"opening a region that does not exist", SURVIVES, try_region_wild, EINVAL_, 0},
    {"a wild command of Trivisor's", SURVIVES, try_command_wild, ENOSYS_, 0},
    {"a call that takes most of a second", SURVIVES, try_long_call, RETURNS(1), 0},
};
const struct attack_list pv_call_attacks = {attacks, ARRAY_SIZE(attacks)};
