/*
 * xenabi: each hypercall of the paravirtual interface once as it should be made, and once for each
 * error that it can answer, with Xen's answers: under Trivisor and under Xen the same. Not part of
 * the measured set.
 */
#include "xenabi.h"

const char guest_name[] = "xenabi";

u64 abi_page[512] __attribute__((aligned(4096)));

u64 abi_frame(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}

void abi_run(const struct abi_case *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        abi_equal(list[i].what, list[i].expected,
                  hypercall4(list[i].number, list[i].a, list[i].b, list[i].c, list[i].d));
}

void guest_main(void)
{
    if (!platform->pv) {
        figure_none("xenabi", "paravirtual guests only");
        return;
    }
    abi_domain_u(); /* first: the domain beside this one comes to its end */
    abi_edges_unused();
    abi_processor();
    abi_memory();
    abi_linear();
    abi_events();
    abi_grants();
    abi_compat();
    abi_traps();
    abi_msrs();
    abi_control();
    abi_tables();
    abi_foreign();
    abi_lists();
    abi_exchange();
    abi_exhaust();
    abi_grant_device();
    abi_grant_errors();
    abi_edges();
    abi_edges_memory();
    abi_edges_events();
    abi_vcpu_info();
}
