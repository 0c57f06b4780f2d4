/* The guest's memory: page frames to be had, and bytes to be moved. */
#ifndef KIT_MEMORY_H
#define KIT_MEMORY_H

#include "kit/types.h"

enum memory_sizes { PAGE_SIZE = 4096, PAGE_SHIFT = 12, LARGE_PAGE_SIZE = 1 << 21 };
#define PAGE_ALIGN_UP(a) (((a) + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1))

/* Makes all of the free memory usable; called once, by kit_main. */
void memory_init(void);
/* A page of memory, which lies at its guest-physical address; its contents are whatever. Running
 * out ends the guest with a failed check. */
void *page_alloc(void);
void *page_alloc_zeroed(void);
void page_free(void *page);
/* A run of pages, aligned to `align` bytes, that is never given back. */
void *memory_take(u64 bytes, u64 align);
/* Bytes that memory_take could still have. */
u64 memory_left(void);
/* How much of the memory the guest wants mapped under PV; the kit's own is 24 MiB. */
extern u64 guest_memory_wanted;

void page_clear(void *page);
void page_copy(void *to, const void *from);
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);

#endif
