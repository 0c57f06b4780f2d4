/*
 * Domains: made from modules, run one after another or together, ended with a reason.
 *
 * Invariants
 *  - A domain's memory is given back only from domain_reap, when none of its vcpus is loaded on a
 *    processor; whoever ends a domain earlier only marks it.
 *  - It is given back in pieces, others running between them. Meanwhile the domain keeps its number
 *    and is doomed, has no vcpu, and nobody can come to hold more of it: no call of another's that
 *    takes from a domain takes from a doomed one.
 */
#include "domain.h"

#include "boot.h"
#include "console.h"
#include "errno.h"
#include "fpu.h"
#include "frame.h"
#include "log.h"
#include "lives.h"
#include "sched.h"
#include "timer.h"
#include "trace.h"
#include "virt.h"
#include "x86.h"

#include "public/trivisor.h"

#include <string.h>

static struct domain *domains[DOMAIN_MAX];
static bool all_well = true;

struct domain *domain_by_id(u16 id)
{
    return id < DOMAIN_MAX ? domains[id] : NULL;
}

bool domain_all_well(void)
{
    return all_well;
}

void domain_note_failure(void)
{
    all_well = false;
}

static int free_id(void)
{
    for (int i = 0; i < DOMAIN_MAX; i++)
        if (!domains[i])
            return i;
    return -ENOSPC;
}

static void vcpus_destroy(struct domain *d)
{
    for (u32 i = 0; i < d->vcpu_count; i++) {
        struct vcpu *v = d->vcpu[i];
        sched_remove(v);
        timer_cancel(&v->timer);
        virt_vcpu_destroy(v);
        fpu_vcpu_destroy(v);
        hv_free(d, v, sizeof(*v));
        d->vcpu[i] = NULL;
    }
    d->vcpu_count = 0;
}

static int vcpu_create(struct domain *d)
{
    struct vcpu *v = hv_alloc(d, sizeof(*v));

    if (!v)
        return -ENOMEM;
    v->domain = d;
    v->id = d->vcpu_count;
    v->state = VCPU_DOWN;
    v->dr6 = DR6_RESET;
    v->dr7 = DR7_RESET;
    d->vcpu[d->vcpu_count++] = v;
    int error = fpu_vcpu_init(v);
    return error ? error : virt_vcpu_init(v);
}

/* Gives everything of a domain back, some now and some at the next call if time is up. True: it is
 * no more. */
static bool dissolve(struct domain *d)
{
    timer_cancel(&d->life_end);
    vcpus_destroy(d);
    while (!domain_unbuild(d))
        if (sched_time_is_up())
            return false;
    ASSERT(d->frames == 0);
    ledger_reset(&d->ledger, d);
    domains[d->id] = NULL;
    hv_free_pages(NULL, d, DOMAIN_PAGES_ORDER);
    return true;
}

static int build(struct domain *d, char *why, size_t whysize)
{
    if (d->config.mem_bytes >> PAGE_SHIFT > frame_free_count()) {
        format_text(why, whysize, "mem=%luK is more than the %lu KiB that are free",
                    d->config.mem_bytes >> 10, frame_free_count() << 2);
        return -ENOMEM;
    }
    trace_life_begin(d);
    d->frames_max = d->config.mem_bytes >> PAGE_SHIFT;
    frame_scrub(d->frames_max + DOMAIN_SPARE_FRAMES);
    for (u32 i = 0; i < d->config.vcpus; i++) {
        int error = vcpu_create(d);
        if (error) {
            format_text(why, whysize, "not enough memory for its vcpus");
            return error;
        }
    }
    return domain_build(d, why, whysize);
}

/*
 * Tour 12: a module becomes a domain. A domain is a guest's virtual machine: memory, vcpus, devices
 * and an account. Its command line is parsed, its vcpus made, and `domain_build` loads its image in
 * the way of the mode. Note how failure is handled: with a sentence for a person (`why`), and
 * `dissolve` copes with whatever had been built so far.
 */

/* One life of a domain; *born is its number. */
static struct domain *create(const struct module *image, u32 life, char *why, size_t whysize)
{
    int id = free_id();
    struct domain *d = id < 0 ? NULL : hv_alloc_pages(NULL, DOMAIN_PAGES_ORDER);

    _Static_assert(sizeof(struct domain) <= PAGE_SIZE << DOMAIN_PAGES_ORDER, "room for it");
    if (!d) {
        format_text(why, whysize, "no room for another domain");
        return NULL;
    }
    d->id = (u16)id;
    d->image = image;
    d->initrd = lives_initrd(image, 0);
    d->disk = lives_disk(image);
    d->life = life;
    d->overhead_bytes = PAGE_SIZE << DOMAIN_PAGES_ORDER;
    domains[id] = d;
    ledger_reset(&d->ledger, d);
    if (config_parse(image->cmdline, &d->config, why, whysize) == 0 && build(d, why, whysize) == 0)
        return d;
    trace_life_end(d);
    while (!dissolve(d))
        ;
    return NULL;
}

struct domain *domain_create(const struct module *image, char *why, size_t whysize)
{
    return create(image, 1, why, whysize);
}

static void life_is_over(struct timer *t, u64 now)
{
    struct domain *d = container_of(t, struct domain, life_end);

    (void)now;
    domain_end(d, END_KILLED, 0, "its life_ms=%u are over", d->config.life_ms);
}

void domain_start(struct domain *d)
{
    d->started = true;
    d->life_end.fire = life_is_over;
    if (d->config.life_ms)
        timer_set(&d->life_end, sched_now() + d->config.life_ms * tsc_khz);
    if (d->life > 1)
        log_line("@life {\"domain\":\"%s\",\"life\":%u}", d->config.name, d->life);
    sched_wake(d->vcpu[0]);
}

void domain_end(struct domain *d, enum end_reason reason, u64 code, const char *detail, ...)
{
    va_list ap;

    if (d->doomed)
        return;
    d->doomed = true;
    d->end = reason;
    d->end_code = code;
    va_start(ap, detail);
    format_text_v(d->end_detail, sizeof(d->end_detail), detail, ap);
    va_end(ap);
    for (u32 i = 0; i < d->vcpu_count; i++) {
        sched_remove(d->vcpu[i]);
        virt_kick(d->vcpu[i]);
    }
    lives_note_doomed();
}

void domain_end_sleepers(void)
{
    for (unsigned i = 0; i < DOMAIN_MAX; i++)
        if (domains[i])
            domain_end(domains[i], END_KILLED, 0, "it sleeps, and nothing is left to wake it");
}

/* Whether a life ended as it was expected to. */
static bool ended_well(const struct domain *d)
{
    if (d->expect == TRIVISOR_EXPECT_KILLED)
        return d->end == END_KILLED;
    if (d->expect == TRIVISOR_EXPECT_CRASH)
        return d->end == END_CRASH;
    if (d->expect == TRIVISOR_EXPECT_ANY)
        return true;
    return (d->end == END_POWEROFF && d->end_code == 0) || d->end == END_REBOOT;
}

static void report_end(const struct domain *d, bool well)
{
    static const char *const reason[] = {"none", "poweroff", "reboot", "crash", "killed"};
    u64 ticks = d->ledger.first_entry ? sched_now() - d->ledger.first_entry : 0;

    if (d->end_detail[0])
        log_line("%s ended: %s: %s", d->config.name, reason[d->end], d->end_detail);
    log_line(
        "@domain {\"domain\":\"%s\",\"life\":%u,\"reason\":\"%s\",\"code\":%lu,\"detail\":\"%s\","
        "\"expected\":%s,\"entered\":%lu,\"ticks\":%lu,\"hypervisor_ticks\":%lu,\"overhead_bytes\":"
        "%lu}",
        d->config.name, d->life, reason[d->end], d->end_code, d->end_detail,
        well ? "true" : "false", d->ledger.first_entry, ticks, ledger_hypervisor_ticks(&d->ledger),
        d->overhead_bytes);
}

/*
 * Tour 59 [The end]: a domain ends. Whoever ended it (itself, a triple fault, a rule that it broke)
 * only marked it; it is buried from the run loop, when nothing of it is loaded on the processor.
 * Its reason and its ledger are printed: these lines are what the tests, the tables and the graders
 * of the labs read. Then every frame goes back, in pieces, so that the others have their turns
 * however much memory it had; and `dissolve` asserts that none is missing.
 */

/* The last that is heard of it. */
static void tell_end(struct domain *d)
{
    bool well = ended_well(d);

    d->told = true;
    console_guest_flush(d);
    report_end(d, well);
    ledger_print(d);
    trace_life_end(d);
    if (!well)
        all_well = false;
}

/* Prints its end, gives everything back, which may take several calls, and then makes its next life
 * if it has one. */
static void bury(struct domain *d)
{
    const struct module *image = d->image;
    bool again = d->end == END_REBOOT || (d->config.restart && d->end != END_POWEROFF);
    u32 life = d->life;
    char why[160];

    if (!d->told)
        tell_end(d);
    if (!dissolve(d)) {
        lives_note_doomed();
        return;
    }
    if (!again)
        return;
    d = create(image, life + 1, why, sizeof(why));
    if (d)
        domain_start(d);
    else {
        log_line("cannot restart: %s", why);
        all_well = false;
    }
}

bool domain_reap(void)
{
    lives_reaping();
    for (unsigned i = 0; i < DOMAIN_MAX; i++)
        if (domains[i] && domains[i]->doomed)
            bury(domains[i]);
    for (unsigned i = 0; i < DOMAIN_MAX; i++)
        if (domains[i])
            return true;
    return lives_start_next();
}
