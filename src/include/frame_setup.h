/*
 * Setting the frame table up: what boot code and host tests call once.
 */
#ifndef FRAME_SETUP_H
#define FRAME_SETUP_H

#include "types.h"

/* Bytes that a table for `limit` frames takes. */
u64 frame_table_bytes(u64 limit);
/* Uses `table` (frame_table_bytes(limit) long) for frames [0, limit): none of them RAM yet. */
void frame_table_init(void *table, u64 limit);
/* Frames [first, end) are RAM, all of it the hypervisor's for now. */
void frame_table_add_ram(u64 first, u64 end);
/* Frames [first, end), RAM, become free. Frame 0 is kept. */
void frame_table_release(u64 first, u64 end);

#endif
