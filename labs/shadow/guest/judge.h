/* What the files of the guest share. */
#ifndef JUDGE_H
#define JUDGE_H

#include "kit/kit.h"

/* More than the access itself takes with nothing in its way, less than any exit does. */
enum { TICKS_OF_AN_EXIT = 60 };

/* Different from call to call, the same in each run. */
u64 random_u64(void);
/* Whether a read, or a write, at va took the time of an exit. */
bool slow_read(u64 va);
bool slow_write(u64 va, u64 value);
static inline u64 word(u64 va)
{
    return *(volatile u64 *)va;
}

/* A page of the guest's, whose words all hold `value`. */
u64 *page_with(u64 value);
/* A store to a page table, and the flush that makes it count. */
void change(u64 va, u64 *entry, u64 value);
/* One access to va that may fault: the error code, or NO_FAULT. */
enum { NO_FAULT = 0x1000 };
u64 try_read(u64 va);
u64 try_write(u64 va);

/* tables.c: one address space. */
void test_tables(void);
/* spaces.c: several of them. */
void test_spaces(void);

#endif
