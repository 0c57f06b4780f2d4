/*
 * How long a vcpu has run, waited and slept (xen/vcpu.h, struct vcpu_runstate_info). Called while
 * the vcpu's tables are loaded, so the guest's copy can be written.
 */
#include "pv.h"
#include "sched.h"
#include "timer.h"

/* The guest's copy; while it is written its time has XEN_RUNSTATE_UPDATE set, if the guest looks at
 * that. */
static void pv_runstate_write(const struct virt_vcpu *x)
{
    const struct vcpu_runstate_info *r = &x->runstate;
    const u64 time_at = x->runstate_gva + offsetof(struct vcpu_runstate_info, state_entry_time);

    if (x->runstate_flag && pv_put_word(time_at, r->state_entry_time | XEN_RUNSTATE_UPDATE))
        return;
    if (!x->runstate_flag) {
        (void)pv_copy_to(x->runstate_gva, r, sizeof(*r));
        return;
    }
    struct vcpu_runstate_info marked = *r;
    marked.state_entry_time |= XEN_RUNSTATE_UPDATE;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (pv_copy_to(x->runstate_gva, &marked, sizeof(marked))) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        (void)pv_put_word(time_at, r->state_entry_time);
    }
}

void pv_runstate_change(struct vcpu *v, u32 state)
{
    struct vcpu_runstate_info *r = &v->virt->runstate;
    u64 now = system_time_ns(sched_now());

    if (r->state_entry_time)
        r->time[r->state] += now - r->state_entry_time;
    r->state = (int)state;
    r->state_entry_time = now;
    if (v->virt->runstate_gva && v->virt->kernel_mode)
        pv_runstate_write(v->virt);
}
