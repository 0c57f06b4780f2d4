/*
 * Memory that can be executed and not read, at the guest's own request, and the other commands that
 * only a second stage can do. The guest's own tables cannot say "execute, do not read".
 *
 * Invariants
 *  - A leaf without the right to read has no right to write either (that would be a
 *    misconfiguration), is at level 1, and is counted in the domain's execute_only.
 *  - What the hypervisor reads and writes for an instruction of the guest's is forbidden there
 *    too: guest_access_full.c asks physmap_execute_only.
 */
#include "domain.h"
#include "errno.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"
#include "virt_ops.h"

#include "public/trivisor.h"

bool physmap_execute_only(struct domain *d, gfn_t gfn)
{
    unsigned level;

    if (gfn.v >= d->physmap->ram_frames)
        return false;
    u64 entry = *stage2_find(d->physmap, gfn.v, &level);
    return stage2_present(entry) && !(entry & stage2_format->read);
}

/* The level-1 entry of gfn, which is filled, and leaves around it are split, if need be. */
static int small_leaf(struct domain *d, gfn_t gfn, u64 **entry)
{
    struct physmap *p = d->physmap;
    unsigned level;
    mfn_t mfn;
    int error = physmap_populate(d, gfn, &mfn);

    *entry = stage2_find(p, gfn.v, &level);
    if (!error && level == 3) {
        error = physmap_split_1g(d, *entry);
        *entry = stage2_find(p, gfn.v, &level);
    }
    if (!error && level == 2) {
        ledger_count(&d->ledger, LC_SPLIT_LEAF);
        error = stage2_split(p, *entry);
        *entry = stage2_find(p, gfn.v, &level);
    }
    return error;
}

static s64 set_execute_only(struct domain *d, gfn_t gfn, bool on)
{
    const u64 data = stage2_format->read | stage2_format->write;
    struct physmap *p = d->physmap;
    u64 *entry;

    if (!(virt_ops->second_stage() & SECOND_STAGE_EXECUTE_ONLY))
        return -EOPNOTSUPP;
    if (p->dirty_log || p->accessed_log)
        return -EBUSY;
    if (gfn.v >= p->ram_frames)
        return -EINVAL;
    if (on == physmap_execute_only(d, gfn))
        return 0;
    int error = small_leaf(d, gfn, &entry);
    if (error)
        return error;
    if (on) {
        *entry &= ~data;
        d->execute_only++;
        tlb_note_stale(physmap_root(d), TLB_ANY_GVA, stage2_mfn(*entry));
        tlb_flush_root(physmap_root(d));
    } else {
        *entry |= data; /* it stays small until a log ends */
        d->execute_only--;
    }
    return 0;
}

static s64 accessed_word(struct domain *d, u64 first)
{
    u8 bits[TRIVISOR_DIRTY_FRAMES / 8];
    s64 found = physmap_accessed_read(d, gfn_of(first), TRIVISOR_DIRTY_FRAMES, bits);
    u64 word = 0;

    for (unsigned i = 0; i < sizeof(bits) && found >= 0; i++)
        word |= (u64)bits[i] << 8 * i;
    return found < 0 ? found : (s64)word;
}

s64 physmap_second_stage_command(struct domain *d, u64 command, u64 argument)
{
    switch (command) {
    case TRIVISOR_ACCESSED_START:
        return physmap_accessed_start(d);
    case TRIVISOR_ACCESSED_STOP:
        physmap_accessed_stop(d);
        return 0;
    case TRIVISOR_ACCESSED_READ:
        return accessed_word(d, argument);
    case TRIVISOR_EXECUTE_ONLY:
        return set_execute_only(d, gfn_of(argument), true);
    case TRIVISOR_ALL_RIGHTS:
        return set_execute_only(d, gfn_of(argument), false);
    default:
        return -ENOSYS;
    }
}
