/*
 * Entries beside one that was just filled: a guest that maps several pages at once (Linux, around
 * a fault in a file) uses them at once, and each would cost a fault. One whose accessed flag is set
 * may be filled ahead: nobody can tell the difference.
 */
#include "domain.h"
#include "rights.h"
#include "shadow.h"

enum { AROUND = 8 /* entries, aligned */ };

void shadow_prefetch(struct domain *d, struct shadow *s, unsigned index)
{
    const u64 usual = s->rsvd | PTE_P | PTE_A;
    unsigned first = index & ~(AROUND - 1u);

    for (unsigned i = first; i < first + AROUND; i++) {
        u64 entry = __atomic_load_n(&s->guest[i], __ATOMIC_RELAXED);
        if ((entry & usual) != (PTE_P | PTE_A) || s->table[i])
            continue;
        u64 value = shadow_leaf_after(d->physmap, s, entry);
        if (!value)
            continue;
        shadow_set_leaf(d, s, i, value);
        ledger_count(&d->ledger, LC_SHADOW_PREFETCH);
    }
}
