/*
 * What the tests on this world have in common: each begins with a new one, and gives structures to
 * its calls, and takes them from these, at one place of the running guest's memory.
 */
#ifndef PVWORLD_CASE_H
#define PVWORLD_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pvworld/world.h"

#define SCRATCH ((u64)WORLD_SCRATCH << PAGE_SHIFT)

static inline int setup(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    world_end();
    return 0;
}

/* Stores a structure; returns where. */
static inline u64 put(const void *from, size_t len)
{
    assert_true(world_store(SCRATCH, from, len));
    return SCRATCH;
}

static inline void get(void *to, size_t len)
{
    assert_true(pv_copy_bytes_from(to, SCRATCH, len));
}

#endif
