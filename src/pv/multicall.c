/*
 * multicall: a list of hypercalls in one. Source: xen/xen.h, struct multicall_entry.
 *
 * Invariant: an entry is copied in once; what is written back is its result. A call that changes
 * the guest's control flow (iret) or a nested multicall is refused.
 */
#include "pv.h"

#include "errno.h"
#include "sched.h"

static bool allowed(u64 op)
{
    return op < HYPERCALL_UNKNOWN && op != __HYPERVISOR_multicall && op != __HYPERVISOR_iret;
}

static s64 __attribute__((noinline)) refused(u64 op)
{
    return op == __HYPERVISOR_multicall ? -EINVAL : -ENOSYS;
}

static s64 do_multicall(u64 list, u32 calls)
{
    struct vcpu *v = pv_current();
    struct multicall_entry call;
    s64 result;

    if (!pv_range_ok(list, (u64)calls * sizeof(call)))
        return -EFAULT;
    for (u32 i = 0; i < calls; i++, list += sizeof(call)) {
        if (unlikely(!pv_copy_from(&call, list, sizeof(call))))
            return -EFAULT;
        ledger_count(&v->domain->ledger, LC_PV_MULTICALL_ITEM);
        result = likely(allowed(call.op))
                     ? hypercall_slot[call.op].handler(call.args[0], call.args[1], call.args[2],
                                                       call.args[3], call.args[4], call.args[5])
                     : refused(call.op);
        if (unlikely(pv_put_word(list + offsetof(struct multicall_entry, result), (u64)result)))
            return -EFAULT;
        if (unlikely(v->domain->doomed))
            return 0;
    }
    return 0;
}
HYPERCALL(__HYPERVISOR_multicall, do_multicall, LC_HC_MULTICALL);
