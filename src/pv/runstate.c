/*
 * How long a vcpu has run, waited and slept (xen/vcpu.h, struct vcpu_runstate_info). Called while
 * the vcpu's tables are loaded, so the guest's copy can be written.
 */
#include "pv.h"
#include "sched.h"
#include "timer.h"

/* With VMASST_TYPE_runstate_update_flag a reader sees from the topmost bit of the time that the
 * rest is being written. A guest that gave a bad address gets nothing. */
static void write_out(struct vcpu *v, const struct vcpu_runstate_info *r)
{
    struct vcpu_runstate_info out = *r;
    u64 gva = v->virt->runstate_gva;
    u64 entry_at = gva + offsetof(struct vcpu_runstate_info, state_entry_time);
    bool flagged = pv_assisted(v->domain, VMASST_TYPE_runstate_update_flag);

    if (flagged) {
        out.state_entry_time |= XEN_RUNSTATE_UPDATE;
        if (!pv_copy_to(entry_at, &out.state_entry_time, sizeof(out.state_entry_time)))
            return;
    }
    if (pv_copy_to(gva, &out, sizeof(out)) && flagged)
        (void)pv_copy_to(entry_at, &r->state_entry_time, sizeof(r->state_entry_time));
}

void pv_runstate_change(struct vcpu *v, u32 state)
{
    struct vcpu_runstate_info *r = &v->virt->runstate;
    u64 now = system_time_ns(sched_now());

    if (r->state_entry_time)
        r->time[r->state] += now - r->state_entry_time;
    r->state = (int)state;
    r->state_entry_time = now;
    if (v->virt->runstate_gva) {
        pv_kernel_root_begin(v);
        write_out(v, r);
        pv_kernel_root_end(v);
    }
}
