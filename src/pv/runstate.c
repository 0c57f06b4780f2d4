/*
 * How long a vcpu has run, waited and slept (xen/vcpu.h, struct vcpu_runstate_info). Called while
 * the vcpu's tables are loaded, so the guest's copy can be written.
 */
#include "pv.h"
#include "sched.h"
#include "timer.h"

void pv_runstate_change(struct vcpu *v, u32 state)
{
    struct vcpu_runstate_info *r = &v->virt->runstate;
    u64 now = system_time_ns(sched_now());

    if (r->state_entry_time)
        r->time[r->state] += now - r->state_entry_time;
    r->state = (int)state;
    r->state_entry_time = now;
    if (v->virt->runstate_gva && v->virt->kernel_mode)
        (void)pv_copy_to(v->virt->runstate_gva, r, sizeof(*r));
}
