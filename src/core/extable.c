/*
 * The exception table's look-up. The table is short and looked at only on a fault, so it is not
 * sorted.
 */
#include "extable.h"

extern const struct extable_entry extable_start[], extable_end[];

u64 extable_lookup(u64 rip)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++)
        if (e->fault == rip)
            return e->fixup;
    return 0;
}
