/*
 * Trivisor's own commands, the same in every mode.
 */
#include "trivisor_op.h"

#include "domain.h"
#include "errno.h"
#include "frame.h"
#include "physmap.h"
#include "trace.h"

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

static s64 mark_begin(struct domain *d, u64 region, enum ledger_counter own)
{
    int error = ledger_mark_begin(&d->ledger, d, region, own);

    if (!error)
        trace_mark(d, true, region);
    return error;
}

static s64 mark_end(struct domain *d, u64 region)
{
    int error = ledger_mark_end(&d->ledger, region);

    if (!error)
        trace_mark(d, false, region);
    return error;
}

s64 trivisor_op(struct vcpu *v, u64 command, u64 argument, enum ledger_counter own)
{
    struct domain *d = v->domain;

    switch (command) {
    case TRIVISOR_NULL:
        return 0;
    case TRIVISOR_MARK_BEGIN:
        return mark_begin(d, argument, own);
    case TRIVISOR_MARK_END:
        return mark_end(d, argument);
    case TRIVISOR_CHECK:
        return check(d);
    case TRIVISOR_LIFE:
        return d->life;
    case TRIVISOR_EXPECT:
        if (argument > TRIVISOR_EXPECT_ANY)
            return -EINVAL;
        d->expect = (u32)argument;
        return 0;
    case TRIVISOR_DIRTY_START:
    case TRIVISOR_DIRTY_STOP:
    case TRIVISOR_DIRTY_READ:
    case TRIVISOR_ACCESSED_START:
    case TRIVISOR_ACCESSED_STOP:
    case TRIVISOR_ACCESSED_READ:
    case TRIVISOR_EXECUTE_ONLY:
    case TRIVISOR_ALL_RIGHTS:
        return physmap_dirty_command(d, command, argument);
    case TRIVISOR_TRACE:
        return trace_switch(d, argument);
    default:
        return -ENOSYS;
    }
}
