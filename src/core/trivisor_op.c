/*
 * Trivisor's own commands, the same in every mode.
 */
#include "trivisor_op.h"

#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "physmap.h"

#include "public/trivisor.h"

/* Everything that can be recomputed, recomputed. */
static s64 check(struct domain *d)
{
#ifdef DEBUG_BUILD
    return frame_check() + physmap_check(d);
#else
    (void)d;
    return -ENOSYS;
#endif
}

s64 trivisor_op(struct vcpu *v, u64 command, u64 argument, enum ledger_counter own)
{
    struct domain *d = v->domain;

    switch (command) {
    case TRIVISOR_NULL:
        return 0;
    case TRIVISOR_MARK_BEGIN:
        return ledger_mark_begin(&d->ledger, d, argument, own);
    case TRIVISOR_MARK_END:
        return ledger_mark_end(&d->ledger, argument);
    case TRIVISOR_CHECK:
        return check(d);
    case TRIVISOR_LIFE:
        return d->life;
    case TRIVISOR_EXPECT:
        if (argument > TRIVISOR_EXPECT_CRASH)
            return -EINVAL;
        d->expect = (u32)argument;
        return 0;
    case TRIVISOR_DIRTY_START:
    case TRIVISOR_DIRTY_STOP:
    case TRIVISOR_DIRTY_READ:
        return physmap_dirty_command(d, command, argument);
    default:
        return -ENOSYS;
    }
}
