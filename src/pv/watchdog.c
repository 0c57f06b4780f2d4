/*
 * A domain's watchdogs (SCHEDOP_watchdog): one that is not set again in time shuts its domain down,
 * whichever of its vcpus should have done so. Source: xen/sched.h, struct sched_watchdog.
 *
 * Invariant: a watchdog is taken from when its number is told until it is stopped; only one that is
 * taken is armed.
 */
#include "errno.h"
#include "sched.h"
#include "timer.h"
#include "watchdog.h"

#include <xen/sched.h>

/* Longer than any machine runs, and its ticks still fit into 64 bits. */
enum { TIMEOUT_MAX_S = 1 << 28, MS_PER_S = 1000 };

static void bite(struct timer *t, u64 now)
{
    struct pv_watchdog *w = container_of(t, struct pv_watchdog, timer);

    (void)now;
    pv_shutdown(w->domain, SHUTDOWN_watchdog);
}

static void arm(struct domain *d, struct pv_watchdog *w, u32 seconds)
{
    w->domain = d;
    w->taken = true;
    w->timer.fire = bite;
    timer_set(&w->timer, sched_now() + MIN(seconds, (u32)TIMEOUT_MAX_S) * tsc_khz * MS_PER_S);
    pv_current()->kicked = 1; /* the run loop arms the hardware for what is first now */
}

/* Number 0 takes a free one, and its number is the answer; no seconds stop the one that is named.
 * As Xen does: number 0 with no seconds takes one that ends the domain at once. */
s64 pv_watchdog(struct domain *d, u32 number, u32 seconds)
{
    struct pv_watchdog *list = d->pv->watchdog;

    if (number > PV_WATCHDOGS)
        return -EINVAL;
    if (!number) {
        while (number < PV_WATCHDOGS && list[number].taken)
            number++;
        if (number == PV_WATCHDOGS)
            return -ENOSPC;
        arm(d, &list[number], seconds);
        return number + 1;
    }
    if (!list[number - 1].taken)
        return -EINVAL;
    if (seconds) {
        arm(d, &list[number - 1], seconds);
        return 0;
    }
    timer_cancel(&list[number - 1].timer);
    list[number - 1].taken = false;
    return 0;
}

void pv_watchdogs_end(struct domain *d)
{
    for (unsigned i = 0; i < PV_WATCHDOGS; i++)
        timer_cancel(&d->pv->watchdog[i].timer);
}
