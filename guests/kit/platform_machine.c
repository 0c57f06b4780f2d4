/*
 * The platforms on which the machine's own instructions work: native, full and xen-pvh. They differ
 * in the console, the end, and where the TSC's rate comes from.
 */
#include "kit/boot.h"
#include "kit/hypercall.h"
#include "kit/insn.h"
#include "kit/machine.h"
#include "kit/machine_paging.h"
#include "kit/platform.h"
#include "kit/uart.h"
#include "kit/xen_calls.h"

#include "public/trivisor.h"

#include <xen/arch-x86/cpuid.h>

enum {
    LEAF_TIMING = TRIVISOR_CPUID_LEAF + 0x10, /* EAX: the TSC's rate in kHz */
    XEN_LEAF_MSR = XEN_CPUID_LEAF(2),         /* EBX: the MSR that fills the hypercall page */
    XEN_LEAF_TIME = XEN_CPUID_LEAF(3),        /* ECX: the TSC's rate in kHz */
};

static u32 khz;

static void init_native(void)
{
    uart_init();
    machine_mask_pics();
    khz = machine_measure_tsc_khz();
}

static void init_full(void)
{
    uart_init();
    khz = cpuid(LEAF_TIMING, 0).eax;
}

static void init_xen_pvh(void)
{
    wrmsr(cpuid(XEN_LEAF_MSR, 0).ebx, (u64)hypercall_page);
    khz = cpuid(XEN_LEAF_TIME, 0).ecx;
    if (!boot_info.memory_bytes)
        xen_read_memory();
}

static s64 call_trivisor(u64 command, u64 a, u64 b)
{
    return vmcall(TRIVISOR_HYPERCALL, command, a, b);
}

static u32 tsc_khz(void)
{
    return khz;
}

static u64 fault_address(void)
{
    return read_cr2();
}
static void irq_off(void)
{
    cli();
}
static void irq_on(void)
{
    sti();
}
static void idle(void)
{
    sti_hlt();
    cli();
}
static void flush_page(u64 va)
{
    invlpg(va);
}

#define MACHINE_OPERATIONS                                                                         \
    .large_pages = true, .apic_timer = true, .user_cs = MACHINE_USER_CS,                           \
    .user_ss = MACHINE_USER_SS, .tsc_khz = tsc_khz, .trap_init = machine_trap_init,                \
    .trap_enter_at = machine_trap_enter_at, .set_kernel_stack = machine_set_kernel_stack,          \
    .resume = machine_resume, .fault_address = fault_address, .irq_off = irq_off,                  \
    .probe_plain = probe_native_plain, .probe_error = probe_native_error,                          \
    .probe_call = probe_native_call, .irq_on = irq_on, .idle = idle, .entry = machine_entry,       \
    .entry_pa = machine_entry_pa, .set_entry = machine_set_entry,                                  \
    .set_entries = machine_set_entries, .set_mapping = machine_set_mapping,                        \
    .table_begin = machine_table_nothing, .table_end = machine_table_nothing,                      \
    .space_pin = machine_space_nothing, .space_unpin = machine_space_nothing,                      \
    .space_load = machine_space_load, .flush_page = flush_page, .flush_all = machine_flush_all,    \
    .timer_init = apic_init, .timer_once = apic_once, .timer_periodic = apic_periodic,             \
    .timer_stop = apic_stop

const struct platform platform_native = {
    .name = "native",
    .init = init_native,
    .console_write = uart_write,
    .end = machine_end,
    MACHINE_OPERATIONS,
};

const struct platform platform_full = {
    .name = "full",
    .init = init_full,
    .console_write = uart_write,
    .end = machine_end,
    .trivisor = call_trivisor,
    MACHINE_OPERATIONS,
};

const struct platform platform_xen_pvh = {
    .name = "xen-pvh",
    .xen_calls = true,
    .init = init_xen_pvh,
    .console_write = xen_console_write,
    .end = xen_end,
    MACHINE_OPERATIONS,
};
