/*
 * The trace leaves the machine through the debug port (Bochs' port 0xe9 hack, QEMU's isa-debugcon),
 * which takes a byte at the cost of an instruction; the format is in docs/formats.md.
 */
#include "boot.h"
#include "insn.h"
#include "log.h"
#include "timer.h"
#include "trace.h"

#include <string.h>

enum { PORT_DEBUG = 0xe9 };

extern const char build_commit[];

/* Once: a panic on the way must not come back here. */
static bool drained;

static void put_bytes(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        outb(PORT_DEBUG, (u8)s[i]);
}

static void put_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put_line(const char *format, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, format);
    int n = format_text_v(text, sizeof(text), format, ap);
    va_end(ap);
    put_bytes(text, MIN((size_t)n, sizeof(text) - 1));
    put_bytes("\n", 1);
}

/* A space and the number in hexadecimal. */
static void put_number(u64 v)
{
    unsigned shift = 60;

    outb(PORT_DEBUG, ' ');
    while (shift && !(v >> shift))
        shift -= 4;
    for (;; shift -= 4) {
        outb(PORT_DEBUG, (u8) "0123456789abcdef"[v >> shift & 0xf]);
        if (!shift)
            return;
    }
}

static unsigned args_of(const char *names)
{
    unsigned n = *names != 0;

    for (; *names; names++)
        n += *names == ' ';
    return n;
}

static void put_record(const struct trace_record *r)
{
    outb(PORT_DEBUG, 'T');
    put_number(r->tsc);
    put_number(r->ticks);
    put_number(r->cost);
    put_number(r->life);
    put_number(r->vcpu);
    put_number(r->kind);
    for (unsigned i = 0, n = args_of(trace_kind_info[r->kind].args); i < n; i++)
        put_number(r->arg[i]);
    outb(PORT_DEBUG, '\n');
}

static const char *group_name(u32 group)
{
    switch (group) {
#define GROUP(name, meaning)                                                                       \
    case TRACE_##name:                                                                             \
        return #name;
        TRACE_GROUPS(GROUP)
#undef GROUP
    default:
        return "";
    }
}

static void put_head(void)
{
    char kinds[80];

    if (!boot_option("trace", kinds, sizeof(kinds)))
        kinds[0] = 0;
    put_line("\n@trace {\"mode\":\"" MODE_NAME "\",\"build\":\"" BUILD_NAME
             "\",\"commit\":\"%s\",\"tsc_khz\":%lu,\"kinds\":\"%s\",\"in\":\"%s\",\"records\":%lu,"
             "\"lost\":%lu}",
             build_commit, tsc_khz, kinds, trace_scope_name(), trace_ring_count(),
             trace_ring_lost());
    for (u32 i = 1; i < trace_lives(); i++)
        put_line("@trace_life {\"number\":%u,\"domain\":\"%s\",\"life\":%u}", i,
                 trace_life_at(i)->name, trace_life_at(i)->life);
    for (unsigned i = 0; i < TRACE_KINDS; i++)
        put_line("@trace_kind {\"kind\":%u,\"name\":\"%s\",\"group\":\"%s\",\"args\":\"%s\"}", i,
                 trace_kind_info[i].name, group_name(trace_kind_info[i].group),
                 trace_kind_info[i].args);
}

void trace_drain(void)
{
    if (!trace_ring_capacity() || trace_for_reports || drained)
        return;
    drained = true;
    trace_groups = 0;
    put_head();
    for (u64 i = 0, n = trace_ring_count(); i < n; i++)
        put_record(trace_ring_at(i));
    put_line("@trace_end {\"records\":%lu}", trace_ring_count());
}
