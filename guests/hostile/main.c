/*
 * hostile: tries to break out. Each attack declares the outcome that it expects, and any other
 * fails. The first life makes all attacks that a guest survives, each later one ends in one that
 * it does not; the life after the last of those ends well. After each attempt the
 * hypervisor is asked to recompute its invariants (debug builds), also at the start of each life.
 *
 * Arguments: seed=N; verbose: each call at random (PV) is printed.
 */
#include "hostile/attack.h"

#include "kit/kit.h"

#include "public/trivisor.h"

const char guest_name[] = "hostile";

enum { OUTCOME_TEXT = 64 };

static const struct attack_list *const full_lists[] = {
    &common_attacks,      &full_memory_attacks, &full_processor_attacks, &full_user_attacks,
    &full_device_attacks, &full_storm_attacks,  &random_attacks,         NULL};
static const struct attack_list *const pv_lists[] = {&common_attacks,
                                                     &pv_memory_attacks,
                                                     &pv_call_attacks,
                                                     &pv_processor_attacks,
                                                     &pv_user_attacks,
                                                     &pv_sharing_attacks,
                                                     &pv_device_attacks,
                                                     &pv_ring_attacks,
                                                     &pv_linear_attacks,
                                                     &random_attacks,
                                                     NULL};

/* All attacks of this life so far ended as expected. */
static bool well = true;

static bool same(const struct outcome *a, const struct outcome *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == VALUE ? a->value == b->value : a->vector == b->vector && a->error == b->error;
}

static void describe(char *text, size_t size, const struct outcome *o)
{
    if (o->kind == TRAPPED)
        format_text(text, size, "trap %u(%lx)", o->vector, o->error);
    else if (o->value < 0 && o->value > -4096)
        format_text(text, size, "-%ld", -o->value);
    else
        format_text(text, size, "0x%lx", (u64)o->value);
}

/* The hypervisor's own recount. Release builds have none. */
static void recount(const char *after)
{
    s64 violations = platform->trivisor(TRIVISOR_CHECK, 0, 0);

    if (violations > 0)
        well = check_equal(after, 0, (u64)violations);
}

static void survive(unsigned id, const struct attack *a)
{
    char expected[OUTCOME_TEXT], got[OUTCOME_TEXT];
    struct outcome o = a->attempt();
    bool ok = same(&o, &a->expected);

    describe(expected, sizeof(expected), &a->expected);
    describe(got, sizeof(got), &o);
    print("@attack {\"id\":%u,\"name\":\"%s\",\"expect\":\"%s\",\"got\":\"%s\",\"ok\":%s}\n", id,
          a->name, expected, got, ok ? "true" : "false");
    well = check(a->name, ok) && well;
    recount(a->name);
}

/* Does not return if the hypervisor does as expected. */
static void die(unsigned id, const struct attack *a)
{
    bool killed = a->end == KILLED;

    print("@attack {\"id\":%u,\"name\":\"%s\",\"expect\":\"%s\",\"detail\":\"%s\"}\n", id, a->name,
          killed ? "killed" : "crash", a->detail);
    platform->trivisor(TRIVISOR_EXPECT, killed ? TRIVISOR_EXPECT_KILLED : TRIVISOR_EXPECT_CRASH, 0);
    a->attempt();
    platform->trivisor(TRIVISOR_EXPECT, TRIVISOR_EXPECT_NONE, 0);
    check(a->name, false);
}

/* Calls visit for each attack of this platform; *which counts those of the kind. */
static void each(bool lethal, void (*visit)(unsigned id, const struct attack *a), unsigned only)
{
    const struct attack_list *const *list = platform->pv ? pv_lists : full_lists;
    unsigned id = 0, nth = 0;

    for (; *list; list++) {
        for (unsigned i = 0; i < (*list)->count; i++, id++) {
            const struct attack *a = &(*list)->attack[i];
            if ((a->end != SURVIVES) != lethal)
                continue;
            if (only == ~0u || only == nth)
                visit(id, a);
            nth++;
        }
    }
}

/* The attacks of this platform, of all lives. */
static u64 attacks(void)
{
    const struct attack_list *const *list = platform->pv ? pv_lists : full_lists;
    u64 count = 0;

    for (; *list; list++)
        count += (*list)->count;
    return count;
}

void guest_main(void)
{
    u64 life;

    if (!platform->trivisor) {
        figure_none("attacks", "there is no Trivisor here to attack");
        return;
    }
    probe_init();
    random_state = boot_number("seed", 1);
    life = (u64)platform->trivisor(TRIVISOR_LIFE, 0, 0);
    recount("a new life");
    if (life == 1) {
        each(false, survive, ~0u);
        if (well)
            each(true, die, 0);
    } else {
        each(true, die, (unsigned)life - 1);
    }
    figure_value("attacks", attacks(), "count");
    figure_value("lives", life, "count");
}
