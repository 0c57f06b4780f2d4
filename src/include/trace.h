/*
 * The trace: what happened and when, as fixed-size records in a ring of the hypervisor's memory.
 * Switched on by the command line (docs/formats.md); it leaves the machine when that stops.
 *
 * Invariants
 *  - A place that is traced costs one test and a branch that is not taken as long as no domain's
 *    records are wanted.
 *  - The ring keeps the newest records; `lost` says how many older ones were overwritten.
 *  - A record of an exit or a hypercall is made at its end, so it comes after the records of what
 *    was done inside; tsc is when it began.
 */
#ifndef TRACE_H
#define TRACE_H

#include "ledger.h"
#include "trace_kinds.h"
#include "types.h"

struct domain;
struct vcpu;

enum trace_group_number {
#define GROUP(name, meaning) TRACE_GROUP_##name,
    TRACE_GROUPS(GROUP)
#undef GROUP
        TRACE_GROUP_COUNT
};
/* Groups as bits. */
enum trace_group {
#define GROUP(name, meaning) TRACE_##name = 1 << TRACE_GROUP_##name,
    TRACE_GROUPS(GROUP)
#undef GROUP
        TRACE_ALL = TRACE_ALWAYS - 1 /* all that can be chosen */
};

enum trace_kind {
#define KIND(name, group, args) TRACE_KIND_##name,
    TRACE_COUNTED(KIND) TRACE_UNCOUNTED(KIND)
#undef KIND
        TRACE_KINDS
};
/* The group of each kind, known to the compiler. */
enum trace_kind_group {
#define KIND(name, group, args) TRACE_GROUP_OF_##name = TRACE_##group,
    TRACE_COUNTED(KIND) TRACE_UNCOUNTED(KIND)
#undef KIND
};

enum trace_limits {
    TRACE_ARGS = 5,    /* arguments of a record */
    TRACE_LIVES = 128, /* lives that have a name in the trace; later ones are one nameless */
    TRACE_DEFAULT_KIB = 4096,
    TRACE_MAX_KIB = 131072,
    TRACE_NO_VCPU = 0xff, /* vcpu of what concerns the whole domain */
};

struct trace_record {
    u64 tsc;             /* when it happened, or began */
    u32 ticks;           /* how long it took; 0: no time of its own */
    u32 cost;            /* ticks that making the record took, which are nobody's */
    u16 life;            /* whose: index into the table of lives; 0: unknown */
    u8 kind;             /* enum trace_kind */
    u8 vcpu;             /* number within the domain, or TRACE_NO_VCPU */
    u32 reserved;        /* 0 */
    u64 arg[TRACE_ARGS]; /* as the kind names them */
};
_Static_assert(sizeof(struct trace_record) == 64, "a cache line");

/* When a domain's records are kept (`trace_in=`). */
enum trace_scope {
    TRACE_IN_LIFE,    /* always; but a guest may switch its own off and on (TRIVISOR_TRACE) */
    TRACE_IN_REGIONS, /* while it has a region of the ledger open */
    TRACE_IN_CALLS,   /* from TRIVISOR_TRACE on, to TRIVISOR_TRACE off */
};

/* What a domain has said of its own records (struct domain's trace_switch). */
enum trace_switched { TRACE_UNSWITCHED, TRACE_SWITCHED_OFF, TRACE_SWITCHED_ON };

/* enum trace_group bits that are recorded at present; 0: the trace is off, or there is none. */
extern u32 trace_groups;
/* Records are kept for reports alone: nobody asked for a trace. */
extern bool trace_for_reports;
/* Whether any of these is: the one test that a traced place makes. Host tests of such places are
 * linked without the trace. */
static inline __attribute__((always_inline)) bool trace_wants(u32 groups)
{
#ifdef HOST_TEST
    return groups && false;
#else
    return unlikely(trace_groups & groups);
#endif
}

/* Records something of d's, now: TRACE(d, SHADOW_FILL, gva, gfn, mfn). The name is that of a line
 * of trace_kinds.h; the arguments, at most four, are evaluated only if it is recorded. */
#define TRACE(d, NAME, ...)                                                                        \
    do {                                                                                           \
        if (trace_wants(TRACE_GROUP_OF_##NAME))                                                    \
            TRACE_FOUR((d), TRACE_KIND_##NAME, ##__VA_ARGS__, 0, 0, 0, 0);                         \
    } while (0)
#define TRACE_FOUR(d, kind, a, b, c, e, ...) trace_now(d, kind, a, b, c, e)
void trace_now(const struct domain *d, enum trace_kind kind, u64 a, u64 b, u64 c, u64 e)
    __attribute__((noinline));
/* Records an exit or hypercall of v's that was charged to `counter`, from tsc on for so many ticks;
 * nothing if the counter's group is off. */
void trace_span(const struct vcpu *v, enum ledger_counter counter, u64 tsc, u64 ticks,
                const u64 arg[TRACE_ARGS]);

/* At boot: reads `trace=`, `trace_kib=` and `trace_in=`, takes the memory. refuse()s what it cannot
 * do. */
void trace_init(void);
/* A life begins: it gets a number for its records. It ends. */
void trace_life_begin(struct domain *d);
void trace_life_end(struct domain *d);
/* A region of d's ledger has been opened or closed. */
void trace_mark(struct domain *d, bool begin, u64 region);
/* TRIVISOR_TRACE: 0, -EINVAL, -ENODEV if there is no trace. */
s64 trace_switch(struct domain *d, u64 on);
/* After trace_init: a debug build without a trace keeps the newest exits and deliveries, for
 * reports alone. */
void trace_init_reports(void);
/* The newest records of v's, printed with their age at `now`, but for those made later; those that
 * are alike on one line, so many lines at the most. */
enum { TRACE_SCREEN = 32 };
void trace_print_recent(const struct vcpu *v, u64 now, unsigned lines);
/* v's newest record is an interrupt delivered to it. */
bool trace_newest_is_interrupt(const struct vcpu *v);
/* When the machine stops: everything out to the debug port (docs/formats.md). */
void trace_drain(void);

/*
 * The ring itself.
 */
/* Parses the words of `trace=`, separated by commas, into enum trace_group bits; 0: one of them is
 * no group. */
u32 trace_parse_groups(const char *words);
/* A ring of `kib` KiB (rounded up to a whole number of its blocks). False: no memory. */
bool trace_ring_make(u64 kib);
void trace_ring_clear(void);
/* The next record, to be filled: the oldest one's place if the ring is full. */
struct trace_record *trace_ring_next(void);
/* Records that the ring can hold, that it holds, and that it has lost. */
u64 trace_ring_capacity(void);
u64 trace_ring_count(void);
u64 trace_ring_lost(void);
/* The i-th oldest of trace_ring_count(). */
const struct trace_record *trace_ring_at(u64 i);
void trace_set_scope(enum trace_scope scope);
const char *trace_scope_name(void); /* as `trace_in=` has it */
/* Name of a kind in the X-macro's spelling, the names of its arguments, and its group. */
struct trace_kind_info {
    const char *name; /* as SHADOW_FILL */
    const char *args; /* separated by single spaces */
    u32 group;        /* enum trace_group */
};
extern const struct trace_kind_info trace_kind_info[TRACE_KINDS];
/* Who a life is; index below trace_lives(). */
struct trace_life {
    char name[24]; /* the domain's */
    u32 life;      /* 1, 2, ... */
};
u32 trace_lives(void);
const struct trace_life *trace_life_at(u32 index);

#endif
