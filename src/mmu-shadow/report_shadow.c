/*
 * The shadow tables' part of a report: the walk that the processor makes for one address.
 */
#include "domain.h"
#include "layout.h"
#include "log.h"
#include "paging.h"
#include "shadow.h"

/* The root that the vcpu runs on is of 4-level paging, or of three levels under a PAE root. */
static const u64 *root_of(const struct vcpu *v, unsigned *level)
{
    const struct shadow_pool *pool = &v->domain->physmap->pool;
    const struct shadow *s = &pool->shadow[v->paging->root];

    if (!v->paging->root)
        return NULL;
    *level = shadow_level(s);
    return s->table;
}

void paging_report(struct vcpu *v, u64 gva, u64 gpa)
{
    char text[200] = "";
    size_t n = 0;
    unsigned level = 0;
    u64 entry = 0;
    const u64 *table = root_of(v, &level);

    if (!table) {
        log_line("    shadow: no root");
        return;
    }
    for (; level > 0 && n < sizeof(text); level--) {
        const u64 *at = &table[pt_index(gva, level)];
        entry = *at;
        n += (size_t)format_text(text + n, sizeof(text) - n, "  L%u %lx at %lx", level, entry,
                                 va_to_mpa(at).v);
        if (!(entry & PTE_P) || level == 1)
            break;
        table = shadow_table(entry);
    }
    log_line("    %s:%s", paging_name(), text);
    if (entry & PTE_P)
        log_line("    machine address %llx", (entry & PTE_ADDR) + (gva & PAGE_OFFSET_MASK));
    else if (gpa != ~0ULL)
        log_line("    nothing there yet: the next access exits and fills it");
}
