/*
 * The machine-to-physical table: a guest reads it at MACH2PHYS_VIRT_START, the first of the
 * hypervisor's slots, and can change an entry of its own frames by MMU_MACHPHYS_UPDATE only, and,
 * as under Xen, those of frames that are no RAM, which nobody relies on.
 *
 * Invariant: it is mapped for ring 3, read-only at every level, in slot 256 (of those L4s that have
 * it: l4_fill); the hypervisor writes it through its direct map. Of the hypervisor's slots it is
 * the only one that has U, so all that a guest can read through a linear L4 (linear.c) beside its
 * own are these tables.
 */
#include "boot_steps.h"
#include "frame.h"
#include "layout.h"
#include "log.h"
#include "pv.h"
#include "x86.h"

#include <string.h>

_Static_assert(M2P_BASE == HYPERVISOR_VIRT_START, "slot 256 begins with it");

enum { M2P_PER_PAGE = PAGE_SIZE / sizeof(u64) };
static u64 **m2p_page; /* its pages, in the direct map */

static u64 *table_below(u64 *entry)
{
    if (!(*entry & PTE_P)) {
        void *t = hv_alloc_pages(NULL, 0);
        if (!t)
            panic("no memory for the M2P's page tables");
        *entry = va_to_mpa(t).v;
    }
    *entry |= PTE_P | PTE_U;
    return mpa_to_va(mpa_of(*entry & PTE_ADDR));
}

void m2p_init(void)
{
    u64 pages = (frame_limit() + M2P_PER_PAGE - 1) / M2P_PER_PAGE;
    unsigned order = 0;

    while ((u64)PAGE_SIZE << order < pages * sizeof(*m2p_page))
        order++;
    m2p_page = hv_alloc_pages(NULL, order);
    if (!m2p_page)
        panic("no memory for the M2P");
    for (u64 i = 0; i < pages; i++) {
        u64 va = M2P_BASE + i * PAGE_SIZE;
        u64 *l3 = table_below(&hypervisor_l4[pt_index(va, 4)]);
        u64 *l2 = table_below(&l3[pt_index(va, 3)]);
        u64 *l1 = table_below(&l2[pt_index(va, 2)]);

        m2p_page[i] = hv_alloc_pages(NULL, 0);
        if (!m2p_page[i])
            panic("no memory for the M2P");
        memset(m2p_page[i], 0xff, PAGE_SIZE);
        l1[pt_index(va, 1)] = va_to_mpa(m2p_page[i]).v | PTE_P | PTE_U | PTE_NX | PTE_A;
    }
}

void m2p_set(u64 mfn, u64 gfn)
{
    m2p_page[mfn / M2P_PER_PAGE][mfn % M2P_PER_PAGE] = gfn;
}
