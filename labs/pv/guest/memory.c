/*
 * What a guest may do with its own page tables and pages, and what is refused.
 */
#include "judge.h"
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"
#include "kit/pv_paging.h"

#include "grade_guest.h"

#define WHERE_UPDATE "pv.7 and before: src/pv/mmu_update.c, table.c, page_type.c"
#define WHERE_PAGES  "pv.10: src/pv/mmuext_op.c"
#define WINDOW       0x40000000ULL

enum { ERROR_PERM = 1, ERROR_BUSY = 16, MACHINE_FRAME = 0xb8 };

static u64 mfn(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}

static s64 update(const u64 *entry, u64 value)
{
    struct mmu_update u = {pv_machine((u64)entry) | MMU_NORMAL_PT_UPDATE, value};

    return hypercall4(__HYPERVISOR_mmu_update, (u64)&u, 1, 0, DOMID_SELF);
}

static s64 extended(unsigned command, const void *to, const void *from)
{
    struct mmuext_op op = {.cmd = command};

    op.arg1.mfn = mfn(to);
    op.arg2.src_mfn = from ? mfn(from) : 0;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static void own_tables(void)
{
    u64 *entry = space_entry(&kernel_space, WINDOW, 1, true), *page = page_alloc_zeroed();
    volatile u64 *window = (volatile u64 *)WINDOW;
    const u64 *table = (const u64 *)((u64)entry & ~(u64)(PAGE_SIZE - 1));

    grade_begin("own_tables");
    grade_equal("mapping a page of its own, writable", 0,
                (u64)update(entry, pv_entry_of((u64)page, ENTRY_USER_RW)), WHERE_UPDATE);
    window[7] = 0x77;
    grade_equal("what was written through the new mapping", 0x77, page[7], WHERE_UPDATE);
    grade_equal("mapping a page table writable", (u64)-ERROR_BUSY,
                (u64)update(entry, pv_entry_of((u64)table, ENTRY_USER_RW)), WHERE_UPDATE);
    grade_equal("mapping a frame of the machine's", (u64)-ERROR_PERM,
                (u64)update(entry, (u64)MACHINE_FRAME << PAGE_SHIFT | ENTRY_USER_RO), WHERE_UPDATE);
    grade_equal("the mapping after that", 0x77, window[7], WHERE_UPDATE);
    grade_equal("taking the mapping away", 0, (u64)update(entry, 0), WHERE_UPDATE);
    grade_end();
}

static void pages(void)
{
    u64 *from = page_alloc_zeroed(), *to = page_alloc_zeroed();

    grade_begin("pages");
    from[511] = 0x1234;
    grade_equal("MMUEXT_COPY_PAGE between two of its pages", 0,
                (u64)extended(MMUEXT_COPY_PAGE, to, from), WHERE_PAGES);
    grade_equal("the copy's last word", 0x1234, to[511], WHERE_PAGES);
    grade_equal("MMUEXT_CLEAR_PAGE of one", 0, (u64)extended(MMUEXT_CLEAR_PAGE, to, NULL),
                WHERE_PAGES);
    grade_equal("its last word", 0, to[511], WHERE_PAGES);
    grade_end();
}

void test_memory(void)
{
    own_tables();
    pages();
}
