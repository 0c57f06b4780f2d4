/*
 * The second stage's part of a report: its walk for one address.
 */
#include "domain.h"
#include "layout.h"
#include "log.h"
#include "paging.h"
#include "stage2.h"

void paging_report(struct vcpu *v, u64 gva, u64 gpa)
{
    const u64 *table = v->domain->physmap->root;
    char text[200] = "";
    size_t n = 0;
    unsigned level;
    u64 entry = 0;

    (void)gva;
    if (gpa == ~0ULL)
        return;
    for (level = STAGE2_TOP; level > 0 && n < sizeof(text); level--) {
        const u64 *at = &table[stage2_index(gpa >> PAGE_SHIFT, level)];
        entry = *at;
        n += (size_t)format_text(text + n, sizeof(text) - n, "  L%u %lx at %lx", level, entry,
                                 va_to_mpa(at).v);
        if (!stage2_present(entry) || stage2_is_leaf(entry, level))
            break;
        table = mfn_to_va(stage2_mfn(entry));
    }
    log_line("    %s:%s", paging_name(), text);
    if (stage2_present(entry)) {
        u64 offset = gpa & ((1ULL << (PAGE_SHIFT + STAGE2_BITS * (level - 1))) - 1);
        log_line("    machine address %lx", mfn_to_mpa(stage2_mfn(entry)).v + offset);
    } else {
        log_line("    nothing there: the next access exits");
    }
}
