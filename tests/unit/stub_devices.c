/* See stub_devices.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "frame.h"
#include "pcpu.h"
#include "sched.h"
#include "stub_devices.h"
#include "timer.h"
#include "virt.h"

struct pcpu host_pcpu;
u64 tsc_khz = 50000;
u64 stub_now;
unsigned stub_wakes;
bool stub_elsewhere;
const char *stub_typed;
char stub_printed[256];
struct domain stub_domain;
struct vcpu stub_vcpu;
u64 stub_ended_with;
enum end_reason stub_end_reason;
static u32 seed;

void stub_begin(void)
{
    memset(&host_pcpu, 0, sizeof(host_pcpu));
    memset(&stub_domain, 0, sizeof(stub_domain));
    memset(&stub_vcpu, 0, sizeof(stub_vcpu));
    memset(stub_printed, 0, sizeof(stub_printed));
    stub_vcpu.domain = &stub_domain;
    stub_domain.vcpu[0] = &stub_vcpu;
    stub_domain.vcpu_count = 1;
    stub_typed = "";
    stub_now = 1000000;
    stub_wakes = 0;
    stub_elsewhere = false;
    stub_ended_with = ~0ULL;
    stub_end_reason = END_NONE;
    seed = 12345;
}

void stub_pass(u64 ticks)
{
    u64 end = stub_now + ticks;

    while (timer_next() <= end) {
        stub_now = MAX(timer_next(), stub_now);
        timer_run(stub_now);
    }
    stub_now = end;
}

u32 stub_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

u64 sched_now(void)
{
    return stub_now;
}
struct vcpu *sched_current(void)
{
    return stub_elsewhere ? NULL : &stub_vcpu;
}
void sched_wake(struct vcpu *v)
{
    (void)v;
    stub_wakes++;
}
void virt_kick(struct vcpu *v)
{
    (void)v;
}
void *hv_alloc(struct domain *d, size_t size)
{
    if (size > PAGE_SIZE)
        abort();
    d->overhead_bytes += size;
    return calloc(1, size);
}
void hv_free(struct domain *d, void *p, size_t size)
{
    d->overhead_bytes -= size;
    free(p);
}
void *hv_alloc_pages(struct domain *d, unsigned order)
{
    d->overhead_bytes += (size_t)PAGE_SIZE << order;
    return calloc(1, (size_t)PAGE_SIZE << order);
}
void hv_free_pages(struct domain *d, void *p, unsigned order)
{
    d->overhead_bytes -= (size_t)PAGE_SIZE << order;
    free(p);
}
int console_getc(const struct domain *d)
{
    (void)d;
    return *stub_typed ? *stub_typed++ : -1;
}
void console_guest_putc(struct domain *d, char c)
{
    size_t n = strlen(stub_printed);

    (void)d;
    if (n + 1 < sizeof(stub_printed))
        stub_printed[n] = c;
}
void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *detail, ...)
{
    (void)d;
    (void)detail;
    stub_end_reason = reason;
    stub_ended_with = code;
}
