/*
 * The newest records of one vcpu, for a person: what led to its end, or to the hypervisor's. A
 * debug build keeps a small ring for this even if nobody asked for a trace.
 */
#include "domain.h"
#include "log.h"
#include "trace.h"

/* Of v's life, and no newer than `now`. */
static bool is_of(const struct trace_record *r, const struct vcpu *v, u64 now)
{
    return r->tsc <= now && r->life == v->domain->trace_life && r->vcpu == v->id;
}

static bool is_delivery(const struct trace_record *r)
{
    return r->kind == TRACE_KIND_DELIVERED_FAULT || r->kind == TRACE_KIND_DELIVERED_INTERRUPT;
}

bool trace_newest_is_interrupt(const struct vcpu *v)
{
    for (u64 i = trace_ring_count(); i-- > 0;)
        if (is_of(trace_ring_at(i), v, ~0ULL))
            return trace_ring_at(i)->kind == TRACE_KIND_DELIVERED_INTERRUPT;
    return false;
}

/* Nothing new: the same kind, for the same first thing after rip. */
static bool alike(const struct trace_record *a, const struct trace_record *b)
{
    return a->kind == b->kind && a->arg[1] == b->arg[1] && !is_delivery(a);
}

/* The name and its arguments, "rip 104006 port 3f8". */
static void print(const struct trace_record *r, u64 now, unsigned times)
{
    const struct trace_kind_info *info = &trace_kind_info[r->kind];
    const char *names = info->args;
    char text[160] = "";
    size_t n = 0;

    for (unsigned i = 0; *names && i < TRACE_ARGS && n < sizeof(text); i++) {
        unsigned length = 0;
        while (names[length] && names[length] != ' ')
            length++;
        char name[16];
        format_text(name, MIN(sizeof(name), length + 1UL), "%s", names);
        n += (size_t)format_text(text + n, sizeof(text) - n, " %s %lx", name, r->arg[i]);
        names += length + (names[length] == ' ');
    }
    if (times > 1)
        log_line("  %9lu  %s%s (the last of %u like it)", now - r->tsc, info->name, text, times);
    else
        log_line("  %9lu  %s%s", now - r->tsc, info->name, text);
}

/* The number of the record from which on v's make so many lines. */
static u64 first_of(const struct vcpu *v, u64 now, unsigned lines)
{
    const struct trace_record *after = NULL;
    u64 first = trace_ring_count();

    for (u64 i = first; i-- > 0;) {
        const struct trace_record *r = trace_ring_at(i);
        if (!is_of(r, v, now))
            continue;
        if ((!after || !alike(r, after)) && lines-- == 0)
            break;
        after = r;
        first = i;
    }
    return first;
}

void trace_print_recent(const struct vcpu *v, u64 now, unsigned lines)
{
    const struct trace_record *before = NULL;
    unsigned times = 0;

    if (!trace_ring_capacity()) {
        log_line("its last exits: not recorded (a debug build records them, and `trace=exits`)");
        return;
    }
    log_line("its last exits and what was delivered to it, the newest last (ticks ago):");
    for (u64 i = first_of(v, now, lines); i < trace_ring_count(); i++) {
        const struct trace_record *r = trace_ring_at(i);
        if (!is_of(r, v, now))
            continue;
        if (before && !alike(before, r)) {
            print(before, now, times);
            times = 0;
        }
        before = r;
        times++;
    }
    if (before)
        print(before, now, times);
}
