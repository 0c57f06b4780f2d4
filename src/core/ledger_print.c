/*
 * Printing a domain's ledger: `@ledger` lines for machines, a table for people.
 */
#include "domain.h"
#include "ledger.h"
#include "log.h"

enum { LINE_ROOM = 900 };

struct json_line {
    char text[1000]; /* the counters so far */
    int length;      /* bytes in it */
};

static void flush(const struct domain *d, int region, struct json_line *j)
{
    char id[40];

    if (region < 0)
        format_text(id, sizeof(id), "null");
    else
        format_text(id, sizeof(id), "%d,\"opened\":%u", region, d->ledger.region[region].opened);
    log_line("@ledger {\"domain\":\"%s\",\"life\":%u,\"region\":%s,\"counters\":{%s}}",
             d->config.name, d->life, id, j->text);
    j->length = 0;
    j->text[0] = 0;
}

static void lower(char *to, size_t size, const char *from)
{
    size_t i = 0;

    for (; from[i] && i + 1 < size; i++)
        to[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
    to[i] = 0;
}

static void print_cells(const struct domain *d, int region, const struct ledger_cell *cells)
{
    struct json_line j = {.length = 0};
    bool any = false;

    for (unsigned i = 0; i < LC_COUNT; i++) {
        char name[40];
        if (!cells[i].n && !cells[i].ticks)
            continue;
        any = true;
        if (j.length > LINE_ROOM - 120)
            flush(d, region, &j);
        lower(name, sizeof(name), ledger_name(i));
        j.length += format_text(j.text + j.length, sizeof(j.text) - (size_t)j.length,
                                "%s\"%s\":{\"n\":%lu,\"ticks\":%lu}", j.length ? "," : "", name,
                                cells[i].n, cells[i].ticks);
    }
    if (j.length || !any)
        flush(d, region, &j);
}

static void print_region(const struct domain *d, int region, const struct ledger_gain *gained)
{
    struct ledger_cell cell[LC_COUNT];

    for (unsigned i = 0; i < LC_COUNT; i++)
        cell[i] = (struct ledger_cell){gained[i].n, gained[i].ticks};
    print_cells(d, region, cell);
}

void ledger_print(const struct domain *d)
{
    const struct ledger *l = &d->ledger;

    log_line("ledger of %s: count, ticks in the hypervisor, ticks each", d->config.name);
    for (unsigned i = 0; i < LC_COUNT; i++) {
        char name[40];
        const struct ledger_cell *c = &l->cell[i];
        if (!c->n)
            continue;
        lower(name, sizeof(name), ledger_name(i));
        if (c->ticks)
            log_line("  %-24s %10lu %12lu %8lu", name, c->n, c->ticks, c->ticks / c->n);
        else
            log_line("  %-24s %10lu", name, c->n);
    }
    print_cells(d, -1, l->cell);
    for (int r = 0; r < (int)ARRAY_SIZE(l->region); r++)
        if (l->region[r].gained)
            print_region(d, r, l->region[r].gained);
}
