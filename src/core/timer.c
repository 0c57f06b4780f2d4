/*
 * Timers of one processor. Pure bookkeeping: the caller says what time it is.
 *
 * Invariants: the list is sorted by deadline and holds each timer at most once; a timer is on the
 * list exactly while its deadline is not 0; none fires before its deadline.
 */
#include "timer.h"

#include "pcpu.h"

void timer_cancel(struct timer *t)
{
    if (!t->deadline)
        return;
    struct timer **at = &this_pcpu()->timers;
    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
    t->deadline = 0;
}

void timer_set(struct timer *t, u64 deadline)
{
    timer_cancel(t);
    struct timer **at = &this_pcpu()->timers;
    while (*at && (*at)->deadline <= deadline)
        at = &(*at)->next;
    t->deadline = deadline ? deadline : 1;
    t->next = *at;
    *at = t;
    if (t->deadline < this_pcpu()->until)
        this_pcpu()->until = t->deadline;
}

void timer_run(u64 now)
{
    struct pcpu *cpu = this_pcpu();

    while (cpu->timers && cpu->timers->deadline <= now) {
        struct timer *t = cpu->timers;
        cpu->timers = t->next;
        t->deadline = 0;
        t->fire(t, now);
    }
}
