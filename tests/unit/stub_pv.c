/*
 * For host tests of src/pv/: a guest's memory is the test's own, and copies to it fail at
 * stub_pv_bad.
 */
#include <stdlib.h>
#include <string.h>

#include "stub_pv.h"

#include "sched.h"

u64 stub_pv_bad = ~0ULL;
unsigned stub_pv_woken, stub_pv_drained;
struct pcpu host_pcpu;
u64 stub_pv_now;

static bool reaches_bad(u64 gva, size_t len)
{
    return gva <= stub_pv_bad && stub_pv_bad - gva < len;
}

bool pv_copy_bytes_from(void *to, u64 gva, size_t len)
{
    if (!pv_range_ok(gva, len) || reaches_bad(gva, len))
        return false;
    memcpy(to, (const void *)(uintptr_t)gva, len);
    return true;
}

bool pv_copy_to(u64 gva, const void *from, size_t len)
{
    if (!pv_range_ok(gva, len) || reaches_bad(gva, len))
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

void sched_wake(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
    stub_pv_woken++;
}

u64 sched_now(void)
{
    return stub_pv_now;
}

/* The running domain is the only one. */
struct domain *domain_by_id(u16 id)
{
    struct domain *d = host_pcpu.current->domain;

    return d->id == id ? d : NULL;
}

void *hv_alloc(struct domain *d, size_t size)
{
    (void)d;
    return calloc(1, size);
}

void hv_free(struct domain *d, void *p, size_t size)
{
    (void)d;
    (void)size;
    free(p);
}

bool sched_time_is_up(void)
{
    return sched_now() >= host_pcpu.until;
}

bool pv_store_notify(struct domain *d)
{
    (void)d;
    return true;
}

void pv_console_drain(struct domain *d)
{
    (void)d;
    stub_pv_drained++;
}
