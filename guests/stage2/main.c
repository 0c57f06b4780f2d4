/*
 * stage2: what a second stage of translation can tell and forbid, asked for by the guest itself:
 * the log of written frames, the log of used frames, memory that can be executed and not read.
 *
 * Arguments: pml: the domain has dirty_log=pml.
 */
#include "stage2.h"

const char guest_name[] = "stage2";

void guest_main(void)
{
    if (!check("it is for Trivisor's full virtualization", platform->trivisor && !platform->pv))
        return;
    check_dirty(boot_has_argument("pml"));
    if (command(TRIVISOR_ACCESSED_STOP, 0) == (u64)-ERROR_NO_SYSTEM) {
        figure_none("working_set", "no second stage");
        return;
    }
    check_accessed();
    check_execute_only();
    check_dirty(boot_has_argument("pml"));
}
