/*
 * A guest's calls for its own dirty log, the same over a second stage and over shadows.
 */
#include "errno.h"
#include "physmap.h"

#include "public/trivisor.h"

s64 physmap_dirty_command(struct domain *d, u64 command, u64 argument)
{
    u8 bits[TRIVISOR_DIRTY_FRAMES / 8];
    u64 word = 0;
    s64 found;

    switch (command) {
    case TRIVISOR_DIRTY_START:
        return physmap_dirty_start(d);
    case TRIVISOR_DIRTY_STOP:
        physmap_dirty_stop(d);
        return 0;
    case TRIVISOR_DIRTY_READ:
        found = physmap_dirty_read(d, gfn_of(argument), TRIVISOR_DIRTY_FRAMES, bits);
        for (unsigned i = 0; i < sizeof(bits); i++)
            word |= (u64)bits[i] << 8 * i;
        return found < 0 ? found : (s64)word;
    default:
        return physmap_second_stage_command(d, command, argument);
    }
}
