/*
 * Tour 34: what the processor still remembers.
 *
 * A processor keeps translations that it has found, and nobody tells it that a table has changed:
 * one that was taken away or weakened works on until it is flushed. One that was added or
 * strengthened needs no flush, since what is absent is not kept, and a fault looks anew.
 *
 * The one place that flushes. A root is the CR3 value's frame (pv, shadow) or the EPT root's.
 *
 * In debug builds (and host tests) it keeps the ledger of stale translations: the (root, gva,
 * frame) that were removed or weakened in a table and not yet flushed. Freeing, retyping or handing
 * on a frame in that set is an assertion (tlb_assert_gone).
 */
#ifndef TLB_H
#define TLB_H

#include "types.h"

/* A translation that the processor may hold was removed or lost rights. gva TLB_ANY_GVA: unknown.
 */
#define TLB_ANY_GVA  (~0ULL)
#define TLB_ANY_ROOT MFN_INVALID
#if defined(DEBUG_BUILD) || defined(HOST_TEST)
void tlb_note_stale(mfn_t root, u64 gva, mfn_t frame);
#else
static inline void tlb_note_stale(mfn_t root, u64 gva, mfn_t frame)
{
    (void)root;
    (void)gva;
    (void)frame;
}
#endif
/* Flushes; each also drops what it covers from the stale set. */
void tlb_flush_page(mfn_t root, u64 gva);
void tlb_flush_root(mfn_t root);
void tlb_flush_all(void);
/* Asserts that no translation to this frame may be left in any TLB. */
#if defined(DEBUG_BUILD) || defined(HOST_TEST)
void tlb_assert_gone(mfn_t frame);
#else
static inline void tlb_assert_gone(mfn_t frame)
{
    (void)frame;
}
#endif

/*
 * What the mode does to the hardware; one implementation linked in: pv uses INVLPG and CR3, VT-x
 * INVVPID and INVEPT, a host test its model of a TLB.
 */
void tlb_hw_flush_page(mfn_t root, u64 gva);
void tlb_hw_flush_root(mfn_t root);
void tlb_hw_flush_all(void);

#endif
