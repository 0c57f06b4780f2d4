/*
 * The PV platforms: Trivisor's and Xen's. They differ only in the console, which follows from
 * SIF_INITDOMAIN, and in the ledger.
 */
#include "kit/hypercall.h"
#include "kit/platform.h"
#include "kit/pv.h"
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

#define PV_OPERATIONS                                                                              \
    .pv = true, .init = init, .console_write = write, .end = xen_end, .tsc_khz = tsc_khz

const struct platform platform_pv = {
    .name = "pv",
    .trivisor = call_trivisor,
    PV_OPERATIONS,
};

const struct platform platform_xen_pv = {
    .name = "xen-pv",
    PV_OPERATIONS,
};
