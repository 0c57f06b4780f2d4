/*
 * The ring of records: blocks of memory that are written round and round.
 *
 * Invariant: made holds how many records were ever made; those numbered made - count .. made - 1
 * are there, record n in slot n % capacity.
 */
#include "errno.h"
#include "frame.h"
#include "trace.h"

#include <string.h>

enum {
    MOST_ORDER = 9, /* of a block: 2 MiB */
    MOST_BLOCKS = TRACE_MAX_KIB >> (MOST_ORDER + PAGE_SHIFT - 10),
};

static struct trace_record *block[MOST_BLOCKS];
static u64 block_records; /* records in each */
static u64 blocks;        /* blocks there are */
static u64 made;          /* records ever made */

bool trace_ring_make(u64 kib)
{
    u64 pages = MAX((kib << 10) >> PAGE_SHIFT, 1ULL);
    unsigned order = 0;

    while (order < MOST_ORDER && 1ULL << order < pages)
        order++;
    block_records = ((u64)PAGE_SIZE << order) / sizeof(struct trace_record);
    made = 0;
    for (blocks = 0; blocks << order < pages; blocks++) {
        if (blocks == MOST_BLOCKS || !(block[blocks] = hv_alloc_pages(NULL, order)))
            return false;
    }
    return true;
}

u64 trace_ring_capacity(void)
{
    return blocks * block_records;
}

u64 trace_ring_count(void)
{
    return MIN(made, trace_ring_capacity());
}

u64 trace_ring_lost(void)
{
    return made - trace_ring_count();
}

static struct trace_record *slot(u64 number)
{
    u64 at = number % trace_ring_capacity();

    return &block[at / block_records][at % block_records];
}

const struct trace_record *trace_ring_at(u64 i)
{
    return slot(trace_ring_lost() + i);
}

void trace_ring_clear(void)
{
    made = 0;
}

struct trace_record *trace_ring_next(void)
{
    return slot(made++);
}
