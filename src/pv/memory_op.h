/*
 * What the files of memory_op share.
 */
#ifndef MEMORY_OP_H
#define MEMORY_OP_H

#include "page_type.h"
#include "pv.h"

enum memory_limits {
    MEMORY_ORDER_MAX = 9, /* frames of an extent: 2^order */
    /* Above the command's bits: the extent with which a call that is made again goes on. */
    MEMOP_EXTENT_SHIFT = 6,
};

/* An extent for the domain, its numbers from gfn on; false: it may not have
 * so much, or there is not so much. */
bool memory_populate(struct domain *d, unsigned order, u64 gfn, bool set_gfn, u64 *mfn);
/* memory_exchange.c: as the ABI has it. */
s64 memory_exchange(struct domain *d, u64 argument);

#endif
