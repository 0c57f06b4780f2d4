/* The guest's memory: page frames to be had, and bytes to be moved. */
#ifndef KIT_MEMORY_H
#define KIT_MEMORY_H

#include "kit/types.h"

enum memory_sizes { PAGE_SIZE = 4096, PAGE_SHIFT = 12, LARGE_PAGE_SIZE = 1 << 21 };
#define PAGE_ALIGN_UP(a) (((a) + PAGE_SIZE - 1) & ~(u64)(PAGE_SIZE - 1))

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);

#endif
