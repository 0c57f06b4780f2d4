/*
 * sched_op: giving the processor up, and ending. Source: xen/sched.h.
 */
#include "errno.h"
#include "event.h"
#include "event_channel.h"
#include "hypercall.h"
#include "sched.h"
#include "watchdog.h"

#include <xen/sched.h>

enum { POLL_PORTS_MAX = 128 };

void pv_block(struct vcpu *v)
{
    v->virt->info->evtchn_upcall_mask = 0;
    pv_console_drain(v->domain);
    if (event_pending(v))
        return;
    sched_block(v);
    v->kicked = 1;
}

static s64 yield(struct vcpu *v)
{
    pv_console_drain(v->domain);
    sched_yield_vcpu(v);
    v->kicked = 1;
    return 0;
}

/* As Xen's toolstack takes a reason. One for which the domain should be resumed, made anew in its
 * memory, or that nobody knows is its end, too, and not the good one: its code is not 0. */
void pv_shutdown(struct domain *d, u8 reason)
{
    pv_console_drain(d);
    if (d->pv->shutdown_said)
        reason = d->pv->shutdown_code;
    switch (reason) {
    case SHUTDOWN_poweroff:
        domain_end(d, END_POWEROFF, 0, "%s", "");
        break;
    case SHUTDOWN_reboot:
        domain_end(d, END_REBOOT, 0, "%s", "");
        break;
    case SHUTDOWN_crash:
        domain_end(d, END_CRASH, reason, "its kernel said that it crashed");
        break;
    case SHUTDOWN_watchdog:
        domain_end(d, END_CRASH, reason, "its watchdog was not set again in time");
        break;
    case SHUTDOWN_suspend:
        domain_end(d, END_POWEROFF, reason, "it suspended itself, and nobody here can resume it");
        break;
    case SHUTDOWN_soft_reset:
        domain_end(d, END_POWEROFF, reason, "it asked for a soft reset, which is not done here");
        break;
    default:
        domain_end(d, END_POWEROFF, reason, "it shut down for reason %u, which nobody knows",
                   reason);
        break;
    }
}

/* Sleeps until one of the ports is pending or the time has come; of several may wake for another.
 */
static s64 poll(struct vcpu *v, const struct sched_poll *p)
{
    const struct shared_info *s = v->domain->pv->shared;
    u64 list = (u64)(uintptr_t)p->ports.p;
    evtchn_port_t port = 0;

    if (p->nr_ports > POLL_PORTS_MAX)
        return -EINVAL;
    if (!pv_address_ok(list))
        return -EFAULT;
    if (event_pending(v))
        return 0;
    for (u32 i = 0; i < p->nr_ports; i++) {
        if (!pv_copy_from(&port, list + i * sizeof(port), sizeof(port)))
            return -EFAULT;
        if (!port_of(v->domain, port))
            return -EINVAL;
        if (s->evtchn_pending[port / EVENT_WORD_BITS] >> (port % EVENT_WORD_BITS) & 1)
            return 0;
    }
    pv_console_drain(v->domain);
    v->virt->polling = true;
    v->virt->poll_port = p->nr_ports == 1 ? port : 0;
    if (p->timeout)
        pv_set_poll_timer(v, p->timeout);
    sched_block(v);
    v->kicked = 1;
    return 0;
}

/* What the next shutdown says, whatever reason it gives; the first one counts. */
static s64 shutdown_code(struct pv_domain *p, u32 reason)
{
    if (!p->shutdown_said) {
        p->shutdown_said = true;
        p->shutdown_code = (u8)reason;
    }
    return 0;
}

/* Only who controls the other may. */
static s64 remote_shutdown(domid_t id)
{
    return domain_by_id(id) ? -EPERM : -ESRCH;
}

static s64 do_sched_op(u32 command, u64 argument)
{
    struct vcpu *v = pv_current();
    struct sched_remote_shutdown remote;
    struct sched_watchdog watchdog;
    struct sched_shutdown s;
    struct sched_poll p;

    switch (command) {
    case SCHEDOP_yield:
        return yield(v);
    case SCHEDOP_block:
        pv_block(v);
        return 0;
    case SCHEDOP_shutdown:
        if (!pv_copy_from(&s, argument, sizeof(s)))
            return -EFAULT;
        pv_shutdown(v->domain, (u8)s.reason);
        return 0;
    case SCHEDOP_shutdown_code:
        return pv_copy_from(&s, argument, sizeof(s)) ? shutdown_code(v->domain->pv, s.reason)
                                                     : -EFAULT;
    case SCHEDOP_poll:
        return pv_copy_from(&p, argument, sizeof(p)) ? poll(v, &p) : -EFAULT;
    case SCHEDOP_remote_shutdown:
        return pv_copy_from(&remote, argument, sizeof(remote)) ? remote_shutdown(remote.domain_id)
                                                               : -EFAULT;
    case SCHEDOP_watchdog:
        return pv_copy_from(&watchdog, argument, sizeof(watchdog))
                   ? pv_watchdog(v->domain, watchdog.id, watchdog.timeout)
                   : -EFAULT;
    case SCHEDOP_pin_override:
        return -EPERM; /* for the domain that controls the machine */
    default:
        return -ENOSYS;
    }
}
HYPERCALL(__HYPERVISOR_sched_op, do_sched_op, LC_HC_SCHED_OP);
