/*
 * Reads of the running guest's memory where its tables may lead through the hypervisor's.
 *
 * Each L4 holds the hypervisor's slots (layout.h), the kernel's that of the M2P, too. Through an
 * entry by which an L4 leads to itself, or to another (table.c), they appear a level lower, at
 * addresses that are the guest's: with such an entry in slot s the address [s][262][i][j] names
 * what entry j of the direct map's i-th L2 says, large pages being taken for tables' entries or for
 * small pages. Who gets what there:
 *
 *  - Whatever runs in ring 3 (the guest): nothing, for the hypervisor's entries have no U. Only the
 *    M2P's have, and the guest reads that anyway; of its tables it learns where they lie, and as no
 *    frame can be had by its number, that is of no use.
 *  - Writes, the guest's or the hypervisor's own for it (results, the bounce frame): nothing, for
 *    the entry in s has no W, a write needs it at every level, and CR0.WP is 1.
 *  - The processor's own reads (descriptors): these are at addresses that the hypervisor chooses.
 *  - The hypervisor's reads for the guest (arguments, the iret frame, instructions to emulate):
 *    in ring 0, where U means nothing, the machine's memory. They are what this file is for.
 *
 * Invariants
 *  - From the moment that a domain has such an entry (linear_l4, never false again) the hypervisor
 *    reads nothing of its memory through the loaded tables: pv_read_plain says no to every address,
 *    since the bounds in struct pcpu, which go with the domain that is loaded, leave it none.
 * (bounce.asm looks once more at a word that it has stored: what cannot be written it never comes
 * to.) A domain that never had one pays nothing: the bounds are then those of its own addresses.
 *  - Instead the tables are walked here, each entry needs U, and what they name is read through the
 *    direct map: so it does not matter what a TLB remembers of older entries.
 *  - Reads that the guest itself could make succeed, those of its own tables, too.
 */
#include "extable.h"
#include "layout.h"
#include "pv.h"

#include <string.h>

void pv_set_reach(const struct domain *d)
{
    struct pcpu *p = this_pcpu();

    p->read_below = d->linear_l4 ? 0 : 1ULL << PV_LOW_HALF_BITS;
    p->read_above = d->linear_l4 ? ~0ULL : HYPERVISOR_VIRT_END - 1;
}

/* As the processor does for a read in ring 3, accessed flags included. NULL: a fault. */
static const void *walk_for_guest(u64 gva, u64 *error)
{
    u64 at = pv_active_root();

    for (unsigned level = 4; level > 0; level--) {
        u64 *p = (u64 *)mpa_to_va(mpa_of(at)) + pt_index(gva, level);
        u64 entry = __atomic_load_n(p, __ATOMIC_RELAXED);

        *error = entry & PTE_P ? PF_P : 0;
        if (!(entry & PTE_P) || !(entry & PTE_U) || (level > 1 && entry & PTE_PS))
            return NULL;
        if (!(entry & PTE_A))
            __atomic_fetch_or(p, PTE_A, __ATOMIC_RELAXED);
        at = entry & PTE_ADDR;
    }
    return mpa_to_va(mpa_of(at | (gva & PAGE_OFFSET_MASK)));
}

size_t pv_read_careful(void *to, u64 gva, size_t len, u64 *error)
{
    size_t done = 0;

    *error = PF_P | PF_U;
    if (!pv_range_ok(gva, len) || !canonical(gva))
        return len;
    if (!pv_current()->domain->linear_l4)
        return safe_copy(to, (const void *)(uintptr_t)gva, len, error);
    while (done < len) {
        u64 at = gva + done;
        size_t part = MIN(len - done, PAGE_SIZE - (at & PAGE_OFFSET_MASK));
        const void *from = canonical(at) ? walk_for_guest(at, error) : NULL;

        if (!from)
            break;
        memcpy((u8 *)to + done, from, part);
        done += part;
    }
    return len - done;
}

const struct iret_context *pv_iret_frame(struct vcpu *v)
{
    struct iret_context *frame = &v->virt->iret_frame;

    return pv_copy_bytes_from(frame, v->regs.rsp, sizeof(*frame)) ? frame : NULL;
}
