/*
 * From the guest's entry to the shadow's, at level 1: what a leaf permits.
 *
 * Invariants
 *  - A leaf permits no more than the guest's entry does, and the guest's entry is accessed.
 *  - It is writable only if the guest's entry is dirty, and if nobody has to see the write first:
 *    frame_may_be_written.
 */
#include "rights.h"
#include "shadow.h"

/*
 * Tour 45: rights, and a trick with D. A shadow's leaf never permits more than the guest's entry.
 * And it is writable only once the guest's entry is dirty: until then the first write faults, the
 * hypervisor sets D in the guest's entry, as the processor would have done, and only then lets
 * writes pass.
 */

/* The leaf that leads to f with the rights of the guest's entry. entry: present and accessed; its
 * R/W, U/S, XD and D are looked at, its address is not. In the leaf A is set, since the guest's is;
 * so is D wherever the leaf is writable. */
static inline u64 leaf_for(const struct physmap *p, u64 entry, const struct frame *f)
{
    /* lab shadow.1: return lab_missing("shadow.1"), 0ULL; */
    u64 value = mfn_to_mpa(frame_mfn(f)).v | PTE_P | PTE_A | (entry & (PTE_U | PTE_NX));

    if ((entry & (PTE_W | PTE_D)) == (PTE_W | PTE_D) && frame_may_be_written(p, f))
        value |= PTE_W | PTE_D;
    return value;
    /* lab end shadow.1 */
}

u64 shadow_leaf_value(const struct physmap *p, u16 role, u64 entry, const struct frame *f,
                      bool kernel_write)
{
    const u64 written = PTE_W | PTE_D;

    if (unlikely(role & ROLE_WP0)) {
        if (role & ROLE_NO_USER)
            entry &= ~PTE_U;
        if (role & ROLE_NO_FETCH)
            entry |= PTE_NX;
        if (role & ROLE_NO_WRITE)
            entry &= ~PTE_W;
        if (kernel_write && (entry & written) != written)
            entry = ((entry & PTE_U ? entry | PTE_NX : entry) | written) & ~PTE_U; /* smap.c */
    }
    return leaf_for(p, entry, f);
}

u64 shadow_leaf_after(const struct physmap *p, const struct shadow *s, u64 entry)
{
    /* lab shadow.1: return lab_missing("shadow.1"), 0ULL; */
    u32 mfn;

    if ((entry & (PTE_P | PTE_A | s->rsvd)) != (PTE_P | PTE_A))
        return 0;
    mfn = physmap_mfn(p, (entry & PTE_ADDR) >> PAGE_SHIFT);
    return mfn ? shadow_leaf_value(p, s->role, entry, &frame_table[mfn], false) : 0;
    /* lab end shadow.1 */
}
