/*
 * The machine behind the grader's host part (grade_pv.h).
 */
#include "grade_pv.h"

#include "frame_setup.h"
#include "layout.h"
#include "log.h"
#include "machine.h"
#include "sched.h"
#include "stub_pv_copy.h"
#include "tlb.h"
#include "trivisor_op.h"

#include "../../src/pv/page_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct domain world_self, world_other;
struct vcpu world_vcpu;
bool world_hurry;
unsigned world_clears;
u8 *host_machine_memory;
struct pcpu host_pcpu;

extern const struct hypercall __start_hypercalls[], __stop_hypercalls[];
static struct virt_vcpu virt;
static struct pv_domain pv;
static void *records;
static unsigned flushes;
static u64 m2p;
static const u64 *watch; /* or NULL */
static u64 watched;
static struct frame *used[WORLD_FRAMES]; /* those that world_used made */
static unsigned uses[WORLD_FRAMES], used_count;

/* What the sources under test need of the rest of the hypervisor. */

bool sched_time_is_up(void)
{
    return world_hurry;
}
s64 trivisor_op(struct vcpu *v, u64 command, u64 argument, enum ledger_counter own)
{
    (void)v;
    (void)command;
    (void)argument;
    (void)own;
    return -ENOSYS;
}
struct domain *domain_by_id(u16 id)
{
    return id == SELF ? &world_self : id == OTHER ? &world_other : NULL;
}
void l4_linear_noted(const struct domain *d)
{
    (void)d;
}
void l4_fill(const struct domain *d, u64 *table)
{
    (void)d;
    for (unsigned i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        table[i] = PTE_P;
}
void l4_clear(u64 *table)
{
    for (unsigned i = HYPERVISOR_FIRST_SLOT; i <= HYPERVISOR_LAST_SLOT; i++)
        table[i] = 0;
    world_clears++;
}
void pv_load_root(struct vcpu *v)
{
    (void)v;
    tlb_flush_all();
}
void pv_show_m2p(const struct domain *d, u64 l4, bool show)
{
    (void)d;
    (void)l4;
    (void)show;
}
int pv_set_ldt(struct vcpu *v, u64 gva, u32 entries)
{
    (void)v;
    (void)gva;
    (void)entries;
    return 0;
}
void pv_drop_ldt(struct vcpu *v)
{
    (void)v;
}
void m2p_set(u64 mfn, u64 gfn)
{
    m2p = mfn << 32 | gfn;
}
u64 world_m2p(void)
{
    u64 last = m2p;

    m2p = 0;
    return last;
}
void world_hide(const void *p)
{
    stub_pv_bad = (uintptr_t)p;
    stub_pv_bad_bytes = p ? PAGE_SIZE : 0;
}
/* The TLB, which is flushed whole. */

void tlb_hw_flush_all(void)
{
    page_note_flush();
    flushes++;
    if (watch)
        watched = *watch;
}
void world_watch(const u64 *word)
{
    watch = word;
}
u64 world_watched(void)
{
    return watched;
}
void tlb_hw_flush_root(mfn_t root)
{
    (void)root;
}
void tlb_hw_flush_page(mfn_t root, u64 gva)
{
    (void)root;
    (void)gva;
}
unsigned world_flushes(void)
{
    unsigned n = flushes;

    flushes = 0;
    return n;
}

/* The recount asks who holds what: world_used's uses are the hypervisor's. */
void page_each_held(struct domain *d, void (*visit)(void *context, struct frame *f, bool typed),
                    void *context)
{
    for (unsigned i = 0; i < used_count; i++)
        for (unsigned k = 0; used[i]->owner == d->id && k < uses[i]; k++)
            visit(context, used[i], true);
}
bool page_granted(const struct domain *d, u64 entry)
{
    (void)d;
    (void)entry;
    return false;
}

void world_start(void)
{
    host_machine_memory = aligned_alloc(PAGE_SIZE, (size_t)WORLD_FRAMES * PAGE_SIZE);
    memset(host_machine_memory, 0, (size_t)WORLD_FRAMES * PAGE_SIZE);
    records = calloc(1, frame_table_bytes(WORLD_FRAMES));
    frame_table_init(records, WORLD_FRAMES);
    frame_table_add_ram(0, WORLD_FRAMES - 1);
    frame_table_release(4, WORLD_FRAMES - 1);
    world_self = (struct domain){.id = SELF, .config.name = "self", .pv = &pv};
    world_other = (struct domain){.id = OTHER, .config.name = "other"};
    virt = (struct virt_vcpu){.owner = &world_vcpu, .kernel_mode = true};
    world_vcpu = (struct vcpu){.domain = &world_self, .virt = &virt, .regs.rip = PAGE_SIZE};
    host_pcpu = (struct pcpu){.current = &world_vcpu};
    used_count = world_clears = 0;
    world_hurry = false;
    grade_forget_violation();
    m2p = watched = 0;
    world_hide(NULL);
    watch = NULL;
    tlb_flush_all();
    flushes = 0;
}

void world_end(const char *where)
{
    world_hurry = false;
    GRADE_CASE("the recount of all references (page_check.c)");
    page_check(&world_self);
    grade_same("what it finds wrong", grade_violation(), "", where);
    free(records);
    free(host_machine_memory);
}

struct frame *world_own(struct domain *d)
{
    struct frame *f = frame_alloc(d->id);

    page_adopt(d, f, 0);
    return f;
}

struct frame *world_used(enum frame_type type, unsigned n)
{
    struct frame *f = world_own(&world_self);

    f->type = (u8)type;
    f->type_count = n;
    f->refs += n;
    if (type != FT_WRITABLE)
        f->flags |= FRAME_VALIDATED;
    used[used_count] = f;
    uses[used_count++] = n;
    return f;
}

u64 *world_words(const struct frame *f)
{
    return mfn_to_va(frame_mfn(f));
}
u64 world_number(const struct frame *f)
{
    return frame_mfn(f).v;
}
u64 world_entry(const struct frame *f, u64 flags)
{
    return world_number(f) << PAGE_SHIFT | flags;
}

s64 world_call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    for (const struct hypercall *h = __start_hypercalls; h < __stop_hypercalls; h++)
        if (h->number == number)
            return h->handler(a, b, c, d, 0, 0);
    grade_error("nobody handles hypercall %lu", (unsigned long)number);
}

const char *world_error(s64 error)
{
    static const struct {
        s64 value;
        const char *name;
    } names[] = {{0, "0"},
                 {-EPERM, "-EPERM"},
                 {-ESRCH, "-ESRCH"},
                 {-EAGAIN, "-EAGAIN"},
                 {-EACCES, "-EACCES"},
                 {-EFAULT, "-EFAULT"},
                 {-EBUSY, "-EBUSY"},
                 {-EINVAL, "-EINVAL"},
                 {-ENOSYS, "-ENOSYS"},
                 {-ERESTART, "-ERESTART"}};
    static char other[4][24];
    static unsigned next;

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].value == error)
            return names[i].name;
    next = (next + 1) % 4;
    snprintf(other[next], sizeof(other[next]), "%ld", (long)error);
    return other[next];
}

void world_expect(const char *name, const struct frame *f, unsigned refs, unsigned type_count,
                  const char *where)
{
    char what[100];

    snprintf(what, sizeof(what), "references to %s", name);
    GRADE_EQUAL(what, f->refs, refs, where);
    snprintf(what, sizeof(what), "type references to %s", name);
    GRADE_EQUAL(what, f->type_count, type_count, where);
}
