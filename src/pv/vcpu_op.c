/*
 * vcpu_op: a vcpu's timers, its vcpu_info, its runstate. Source: xen/vcpu.h. A domain has one vcpu.
 */
#include "errno.h"
#include "layout.h"
#include "log.h"
#include "page_type.h"
#include "hypercall.h"
#include "sched.h"
#include "timer.h"

#include <string.h>

static s64 set_singleshot(struct vcpu *v, u64 argument)
{
    struct vcpu_set_singleshot_timer s;

    if (!pv_copy_from(&s, argument, sizeof(s)))
        return -EFAULT;
    /* VCPU_SSHOTTMR_future may be ignored, and is, as under Xen: what is past comes at once. */
    pv_set_timer(v, s.timeout_abs_ns);
    return 0;
}

static s64 set_periodic(struct vcpu *v, u64 argument)
{
    struct vcpu_set_periodic_timer s;

    return pv_copy_from(&s, argument, sizeof(s)) ? pv_set_periodic(v, s.period_ns) : -EFAULT;
}

/* Moves vcpu_info out of shared_info, once. The frame stays writable memory from then on. */
static s64 register_info(struct vcpu *v, u64 argument)
{
    struct vcpu_register_vcpu_info r;
    struct virt_vcpu *x = v->virt;
    struct vcpu_info *info;
    struct frame *f;

    if (!pv_copy_from(&r, argument, sizeof(r)))
        return -EFAULT;
    if (r.offset > PAGE_SIZE - sizeof(*info) || r.offset % sizeof(u64))
        return -ENXIO;
    if (x->info_frame)
        return -EINVAL;
    if (page_get_and_type(v->domain, r.mfn, FT_WRITABLE, &f))
        return -EINVAL;
    info = (struct vcpu_info *)((u8 *)mfn_to_va(mfn_of(r.mfn)) + r.offset);
    memcpy(info, x->info, sizeof(*info));
    x->info_frame = f;
    x->info = info;
    info->evtchn_upcall_pending = 1;
    info->evtchn_pending_sel = ~0UL;
    return 0;
}

/* With the time in the present state up to now. */
static s64 get_runstate(const struct vcpu *v, u64 argument)
{
    struct vcpu_runstate_info r = v->virt->runstate;

    r.time[r.state] += system_time_ns(sched_now()) - r.state_entry_time;
    return pv_copy_to(argument, &r, sizeof(r)) ? 0 : -EFAULT;
}

static s64 register_runstate(struct vcpu *v, u64 argument)
{
    struct vcpu_register_runstate_memory_area r;

    if (!pv_copy_from(&r, argument, sizeof(r)))
        return -EFAULT;
    if (!pv_address_ok(r.addr.p))
        return -EFAULT;
    v->virt->runstate_gva = r.addr.p;
    pv_runstate_change(v, RUNSTATE_running);
    return 0;
}

/* A structure that nobody needs can be read: every page of it. */
static bool readable(u64 at, size_t size)
{
    u64 word, end = at + size - sizeof(word);

    for (; at < end; at += PAGE_SIZE)
        if (!pv_copy_from(&word, at, sizeof(word)))
            return false;
    return pv_copy_from(&word, end, sizeof(word));
}

/* Also written with each change of the scale, by pv_time_update. */
static s64 register_time(struct vcpu *v, u64 argument)
{
    struct vcpu_register_time_memory_area r;

    if (!pv_copy_from(&r, argument, sizeof(r)))
        return -EFAULT;
    if (!pv_address_ok(r.addr.p))
        return -EFAULT;
    v->virt->time_gva = r.addr.p;
    pv_time_update(v);
    return 0;
}

/* The last vcpu that goes down takes its domain with it. */
static s64 down(struct vcpu *v)
{
    pv_console_drain(v->domain);
    domain_end(v->domain, END_POWEROFF, 0, "%s", "");
    return 0;
}

static s64 do_vcpu_op(u32 command, u32 id, u64 argument)
{
    struct vcpu *v = pv_current();

    if (id >= v->domain->vcpu_count)
        return -ENOENT;
    ASSERT(id == v->id);
    switch (command) {
    case VCPUOP_initialise:
        return readable(argument, sizeof(struct vcpu_guest_context)) ? -EEXIST : -EFAULT;
    case VCPUOP_up:
        return 0;
    case VCPUOP_is_up:
        return 1;
    case VCPUOP_get_runstate_info:
        return get_runstate(v, argument);
    case VCPUOP_down:
        return down(v);
    case VCPUOP_send_nmi:
        pv_send_nmi(v);
        return 0;
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time(v, argument);
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(v, argument);
    case VCPUOP_stop_singleshot_timer:
        timer_cancel(&v->timer);
        return 0;
    case VCPUOP_set_periodic_timer:
        return set_periodic(v, argument);
    case VCPUOP_stop_periodic_timer:
        timer_cancel(&v->virt->periodic);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_info(v, argument);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, argument);
    case VCPUOP_get_physid:
        return -EINVAL; /* vcpus are pinned to no processor */
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_vcpu_op, do_vcpu_op, LC_HC_VCPU_OP);
