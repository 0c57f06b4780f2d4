/*
 * multicall: a list of hypercalls in one. Source: xen/xen.h, struct multicall_entry.
 *
 * Invariant: an entry is copied in once; what is written back is its result. A call that changes
 * the guest's control flow (iret) or a nested multicall is refused.
 */
#include "hypercall.h"

#include "errno.h"
#include "sched.h"
#include "trace.h"

static s64 __attribute__((noinline)) refused(u64 op)
{
    return op == __HYPERVISOR_multicall ? -EINVAL : -ENOSYS;
}

/* Makes one of the calls; its result, or that of `refused` for a number that is no hypercall's
 * (HYPERCALL_UNKNOWN and above), multicall and iret. */
static s64 make_call(struct vcpu *v, const struct multicall_entry *call)
{
    ledger_count(&v->domain->ledger, LC_PV_MULTICALL_ITEM);
    TRACE(v->domain, PV_MULTICALL_ITEM, call->op, call->args[0], call->args[1], call->args[2]);
    /* lab pv.1: return lab_missing("pv.1"), 0; */
    if (unlikely(call->op >= HYPERCALL_UNKNOWN || call->op == __HYPERVISOR_multicall ||
                 call->op == __HYPERVISOR_iret))
        return refused(call->op);
    return hypercall_slot[call->op].handler(call->args[0], call->args[1], call->args[2],
                                            call->args[3], call->args[4], call->args[5]);
    /* lab end pv.1 */
}

/* The item that was broken off is made again when the multicall is. */
static s64 break_off(struct vcpu *v, u64 list, u32 calls)
{
    struct virt_vcpu *x = v->virt;

    if (x->again) {
        bool more = x->again_more;

        x->again = x->again_more = false;
        if (pv_put_word(list + offsetof(struct multicall_entry, args[0]), x->again_first) ||
            pv_put_word(list + offsetof(struct multicall_entry, args[1]), x->again_second) ||
            (more && pv_put_word(list + offsetof(struct multicall_entry, args[2]), x->again_third)))
            return -EFAULT;
    }
    return pv_again(v, __HYPERVISOR_multicall, list, calls);
}

/* Returns -EAGAIN if the item at *list is to be made again, or time is up before it. */
static s64 make_calls(struct vcpu *v, u64 *list, u32 *calls)
{
    struct multicall_entry call;

    for (; *calls; --*calls, *list += sizeof(call)) {
        if (unlikely(!pv_copy_from(&call, *list, sizeof(call))))
            return -EFAULT;
        s64 result = make_call(v, &call);
        if (unlikely(v->virt->again))
            return -EAGAIN;
        if (unlikely(pv_put_word(*list + offsetof(struct multicall_entry, result), (u64)result)))
            return -EFAULT;
        if (unlikely(v->domain->doomed))
            return 0;
        if (unlikely(pv_time_is_up_now()) && *calls > 1) {
            --*calls;
            *list += sizeof(call);
            return -EAGAIN;
        }
    }
    return 0;
}

static s64 do_multicall(u64 list, u32 calls)
{
    struct vcpu *v = pv_current();
    s64 result;

    if (!pv_range_ok(list, (u64)calls * sizeof(struct multicall_entry)))
        return -EFAULT;
    v->virt->in_multicall = true;
    result = make_calls(v, &list, &calls);
    v->virt->in_multicall = false;
    return unlikely(result == -EAGAIN) ? break_off(v, list, calls) : result;
}
HYPERCALL(__HYPERVISOR_multicall, do_multicall, LC_HC_MULTICALL);
