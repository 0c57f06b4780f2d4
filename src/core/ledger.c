/*
 * The ledger's arithmetic: regions and totals. Printing is in ledger_print.c.
 */
#include "ledger.h"

#include "errno.h"
#include "frame.h"

#include <string.h>

static const char *const names[LC_COUNT] = {
#define COUNTER(name, meaning) #name,
    LEDGER_COUNTERS(COUNTER)
#undef COUNTER
};

const char *ledger_name(enum ledger_counter c)
{
    return names[c];
}

void ledger_reset(struct ledger *l, struct domain *owner)
{
    for (unsigned i = 0; i < ARRAY_SIZE(l->region); i++)
        hv_free(owner, l->region[i].gained, sizeof(struct ledger_gain) * LC_COUNT);
    memset(l, 0, sizeof(*l));
    l->open_region = -1;
}

int ledger_mark_begin(struct ledger *l, struct domain *owner, u64 id, enum ledger_counter own)
{
    if (id >= ARRAY_SIZE(l->region) || l->open_region >= 0)
        return -EINVAL;
    struct ledger_region *r = &l->region[id];
    if (!r->gained && !(r->gained = hv_alloc(owner, sizeof(struct ledger_gain) * LC_COUNT)))
        return -ENOMEM;
    l->open_region = (s32)id;
    r->opened++;
    memcpy(l->at_begin, l->cell, sizeof(l->cell));
    l->at_begin[own].n++;
    return 0;
}

static void gain(u32 *sum, u64 more)
{
    *sum = (u32)MIN(*sum + more, (u64)~0u);
}

int ledger_mark_end(struct ledger *l, u64 id)
{
    if (l->open_region < 0 || (u64)l->open_region != id)
        return -EINVAL;
    struct ledger_gain *gained = l->region[id].gained;
    for (unsigned i = 0; i < LC_COUNT; i++) {
        gain(&gained[i].n, l->cell[i].n - l->at_begin[i].n);
        gain(&gained[i].ticks, l->cell[i].ticks - l->at_begin[i].ticks);
    }
    l->open_region = -1;
    return 0;
}

u64 ledger_hypervisor_ticks(const struct ledger *l)
{
    u64 sum = 0;

    for (unsigned i = 0; i < LC_COUNT; i++)
        sum += l->cell[i].ticks;
    return sum;
}
