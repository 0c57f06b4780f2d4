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

/* What mem_flags (XENMEMF_*) ask of new frames: *limit is one past the highest that they may have
 * (XENMEMF_address_bits). false: a node's, and only its, which is not a domain's to ask for. */
bool memory_flags(u32 flags, u64 *limit);
/* memory_exchange.c: as the ABI has it. */
s64 memory_exchange(struct domain *d, u64 argument);

#endif
