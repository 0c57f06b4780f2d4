/*
 * The PV platforms: Trivisor's and Xen's. They differ only in the console, which follows from
 * SIF_INITDOMAIN, and in the ledger.
 */
#include "kit/hypercall.h"
#include "kit/platform.h"
#include "kit/pv.h"
#include "kit/pv_paging.h"
#include "kit/trap.h"
#include "kit/xen_calls.h"

#include "public/trivisor.h"

static bool is_first_domain(void)
{
    return pv_start.flags & SIF_INITDOMAIN;
}

static void init(void)
{
    if (!is_first_domain())
        pv_ring_init();
    pv_map_here(pv_shared_page, pv_start.shared_info);
}

static void write(const char *text, size_t bytes)
{
    if (is_first_domain())
        xen_console_write(text, bytes);
    else
        pv_ring_write(text, bytes);
}

static s64 call_trivisor(u64 command, u64 a, u64 b)
{
    return hypercall3(TRIVISOR_HYPERCALL, command, a, b);
}

/* From the scale that turns ticks into nanoseconds: see struct vcpu_time_info. */
static u32 tsc_khz(void)
{
    const volatile struct vcpu_time_info *t = &PV_SHARED->vcpu_info[0].time;
    u64 khz = (1000000ULL << 32) / t->tsc_to_system_mul;

    return (u32)(t->tsc_shift < 0 ? khz << -t->tsc_shift : khz >> t->tsc_shift);
}

static u64 fault_address(void)
{
    return PV_SHARED->vcpu_info[0].arch.cr2;
}

static void trap_start(void)
{
    pv_trap_init();
    pv_events_init();
}

#define PV_OPERATIONS                                                                              \
    .pv = true, .xen_calls = true, .user_cs = FLAT_USER_CS, .user_ss = FLAT_USER_SS, .init = init, \
    .console_write = write, .end = xen_end, .tsc_khz = tsc_khz, .trap_init = trap_start,           \
    .trap_enter_at = pv_trap_enter_at, .set_kernel_stack = pv_set_kernel_stack,                    \
    .resume = pv_resume, .fault_address = fault_address, .irq_off = pv_irq_off,                    \
    .probe_plain = probe_pv_plain, .probe_error = probe_pv_error, .probe_call = probe_pv_call,     \
    .irq_on = pv_irq_on, .idle = pv_idle, .entry = pv_entry_of, .entry_pa = pv_entry_pa,           \
    .set_entry = pv_set_entry, .set_entries = pv_set_entries, .set_mapping = pv_set_mapping,       \
    .table_begin = pv_table_begin, .table_end = pv_table_end, .space_pin = pv_space_pin,           \
    .space_unpin = pv_space_unpin, .space_load = pv_space_load, .flush_page = pv_flush_page,       \
    .flush_all = pv_flush_all, .timer_init = pv_timer_init, .timer_once = pv_timer_once,           \
    .timer_periodic = pv_timer_periodic, .timer_stop = pv_timer_stop

const struct platform platform_pv = {
    .name = "pv",
    .trivisor = call_trivisor,
    PV_OPERATIONS,
};

const struct platform platform_xen_pv = {
    .name = "xen-pv",
    PV_OPERATIONS,
};
