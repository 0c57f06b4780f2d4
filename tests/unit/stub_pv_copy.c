/*
 * For host tests of src/pv/ and a lab's grader: a guest's memory is the test's own, and copies that
 * touch the bad bytes fail.
 */
#include <string.h>

#include "stub_pv_copy.h"

#include "../../src/pv/pv.h"

u64 stub_pv_bad, stub_pv_bad_bytes;

static bool reachable(u64 gva, size_t len)
{
    bool apart =
        gva < stub_pv_bad ? stub_pv_bad - gva >= len : gva - stub_pv_bad >= stub_pv_bad_bytes;

    return pv_range_ok(gva, len) && (apart || !stub_pv_bad_bytes);
}

bool pv_copy_bytes_from(void *to, u64 gva, size_t len)
{
    if (!reachable(gva, len))
        return false;
    memcpy(to, (const void *)(uintptr_t)gva, len);
    return true;
}

bool pv_copy_to(u64 gva, const void *from, size_t len)
{
    if (!reachable(gva, len))
        return false;
    memcpy((void *)(uintptr_t)gva, from, len);
    return true;
}

u64 pv_get_words(void *to, u64 gva, u64 count)
{
    return !pv_copy_bytes_from(to, gva, count * sizeof(u64));
}

u64 pv_get_half(void *to, u64 gva)
{
    return !pv_copy_bytes_from(to, gva, sizeof(u32));
}

u64 pv_put_word(u64 gva, u64 value)
{
    return !pv_copy_to(gva, &value, sizeof(value));
}
