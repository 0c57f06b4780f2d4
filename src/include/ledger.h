/*
 * Tour 15: what is counted.
 *
 * The ledger: every exit, hypercall, delivered fault, emulated instruction and paging
 * operation of a domain, with the number of times and the TSC ticks spent on it in the
 * hypervisor. One line a counter below; storage, printing and documentation follow.
 *
 * Ticks are charged to exactly one counter: that of the exit (EXIT_* group, or HC_* where
 * the exit is a hypercall) which brought the processor into the hypervisor; the other groups
 * count events and have no ticks of their own. So the sum of all ticks is the time spent
 * in the hypervisor on the domain's account.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "types.h"
#include "ledger_counters.h"

struct domain;

enum ledger_counter {
#define COUNTER(name, meaning) LC_##name,
    LEDGER_COUNTERS(COUNTER)
#undef COUNTER
        LC_COUNT
};

struct ledger_cell {
    u64 n;     /* how often */
    u64 ticks; /* TSC ticks spent; 0 for counters that only count */
};

/* What a counter gained in a region: as struct ledger_cell, but no more than fits; a domain may
 * have many regions. */
struct ledger_gain {
    u32 n;     /* how often, at most 2^32 - 1 */
    u32 ticks; /* spent, at most 2^32 - 1 */
};

/* A region bracketed by the guest (TRIVISOR_MARK_BEGIN, _END). */
struct ledger_region {
    struct ledger_gain *gained; /* LC_COUNT of them, what the counters gained inside */
    u32 opened;                 /* how often it was opened */
};

struct ledger {
    struct ledger_cell cell[LC_COUNT];     /* the whole life */
    struct ledger_cell at_begin[LC_COUNT]; /* snapshot when the open region was opened */
    struct ledger_region region[64];       /* TRIVISOR_REGIONS */
    s32 open_region;                       /* the open one, or -1 */
    u64 first_entry;                       /* TSC at the first entry of this life, or 0 */
};

static inline void ledger_add(struct ledger *l, enum ledger_counter c, u64 ticks)
{
    l->cell[c].n++;
    l->cell[c].ticks += ticks;
}

static inline void ledger_count(struct ledger *l, enum ledger_counter c)
{
    l->cell[c].n++;
}

/* Begins a new life: all zero, no region. `owner` is charged with the memory of its regions (NULL:
 * nobody). */
void ledger_reset(struct ledger *l, struct domain *owner);
/* Region marks; 0, or -EINVAL for a bad id, an id other than the open one at the end, or a
 * region already open at the begin. The mark's own exit, which is charged to `own` after the
 * begin, is not counted in the region. */
int ledger_mark_begin(struct ledger *l, struct domain *owner, u64 id, enum ledger_counter own);
int ledger_mark_end(struct ledger *l, u64 id);
/* Sum of all ticks: time in the hypervisor. */
u64 ledger_hypervisor_ticks(const struct ledger *l);
/* Name of a counter in lower case, as in the JSON. */
const char *ledger_name(enum ledger_counter c);
/* Prints the `@ledger` lines (docs/formats.md) and a table for people. */
void ledger_print(const struct domain *d);

#endif
