/*
 * What a person needs when a domain falls over or is stopped because of an exit, on one screen: the
 * faults that led to it, the registers, where its addresses lead through both tables, its last
 * exits.
 *
 * Nothing is filled, and no flag set, by looking.
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "domain.h"
#include "layout.h"
#include "log.h"
#include "physmap.h"
#include "sched.h"
#include "trace.h"
#include "walk.h"

#include "public/trivisor.h"

static bool peek_entry(void *ctx, u64 gpa, unsigned size, u64 *value)
{
    mfn_t mfn;

    if (physmap_lookup(ctx, gpa_to_gfn(gpa_of(gpa)), &mfn) != PHYSMAP_RAM)
        return false;
    const char *p = (const char *)mfn_to_va(mfn) + (gpa & PAGE_OFFSET_MASK);
    *value = size == 8 ? *(const u64 *)(const void *)p : *(const u32 *)(const void *)p;
    return true;
}

static const struct walk_memory peek = {.read_entry = peek_entry};

/* "L4 103023 at 101000  L3 ...": what the walk read. */
static void print_entries(const struct walk_mode *m, const struct walk_result *r)
{
    char text[200] = "";
    size_t n = 0;

    for (unsigned level = m->levels; level >= MAX(r->level, 1) && n < sizeof(text); level--) {
        const struct walk_entry *e = &r->entry[level];
        if (r->status == WALK_NO_TABLE && level == r->level)
            n +=
                (size_t)format_text(text + n, sizeof(text) - n, "  L%u none at %lx", level, e->gpa);
        else if (e->gpa == ~0ULL)
            n += (size_t)format_text(text + n, sizeof(text) - n, "  PDPTE %lx", e->value);
        else
            n += (size_t)format_text(text + n, sizeof(text) - n, "  L%u %lx at %lx", level,
                                     e->value, e->gpa);
    }
    log_line("    guest:%s", m->levels ? text : "  no paging");
}

static void print_outcome(const struct walk_result *r)
{
    if (r->mapped)
        log_line("    guest-physical %lx: page of %lu KiB, %s, %s%s", r->gpa,
                 (1UL << r->page_shift) >> 10, r->user ? "user" : "kernel",
                 r->write ? "writable" : "read-only", r->nx ? ", no execute" : "");
    else if (r->status == WALK_NO_TABLE)
        log_line("    no memory where the table of level %u should be", r->level);
    else
        log_line("    the entry of level %u is %s", r->level,
                 r->error & PF_P ? "present with a reserved bit set" : "not present");
}

void cpu_report_walk(struct vcpu *v, const char *name, u64 gva)
{
    const struct walk_features cpu = {.maxphyaddr = cpuid_policy_maxphyaddr(),
                                      .page1gb = cpuid_policy_page1gb()};
    struct walk_mode m;
    struct walk_result r = {.status = WALK_FAULT};

    walk_mode_init(&m, virt_get(v, VREG_CR0), virt_get(v, VREG_CR3), virt_get(v, VREG_CR4),
                   virt_get(v, VREG_EFER), &cpu);
    if (m.levels == 3)
        walk_load_pdptes(&m, &peek, v->domain);
    log_line("  %s %lx:", name, gva);
    if (m.levels == 4 && !canonical(gva)) {
        log_line("    not canonical");
        return;
    }
    walk(&m, gva, WALK_PEEK, &peek, v->domain, &r);
    print_entries(&m, &r);
    print_outcome(&r);
    paging_report(v, gva, r.mapped ? r.gpa : ~0ULL);
}

/* The address that the exit is about, if it is about one. */
static bool address_of(const struct exit *e, u64 *gva)
{
    *gva = e->gva;
    return e->reason == EXIT_PAGE_FAULT || (e->reason == EXIT_STAGE2 && e->gva_valid);
}

/* The guest means to come to this end: its registers are enough. */
static bool expected(const struct vcpu *v)
{
    return v->domain->expect != TRIVISOR_EXPECT_NONE;
}

static void rest_of_screen(struct vcpu *v, const struct exit *e, u64 now, u64 address,
                           bool has_address)
{
    virt_report(v, e);
    log_line("where its addresses lead:");
    cpu_report_walk(v, "rip", virt_get(v, VREG_RIP));
    cpu_report_walk(v, "rsp", virt_get(v, VREG_RSP));
    if (has_address)
        cpu_report_walk(v, "address", address);
    trace_print_recent(v, now, TRACE_SCREEN);
}

void cpu_kill(struct vcpu *v, const struct exit *e, const char *why)
{
    u64 rip = virt_get(v, VREG_RIP), address;
    bool has_address = address_of(e, &address);

    if (v->domain->doomed)
        return;
    log_line("%s is stopped: %s", v->domain->config.name, why);
    if (expected(v))
        virt_report(v, e);
    else
        rest_of_screen(v, e, e->tsc, address, has_address);
    domain_end(v->domain, END_KILLED, 0, "%s, at rip %lx", why, rip);
}

static const char *vector_name(u8 vector, char *number, size_t size)
{
    static const char *const names[] = {
        [VEC_DE] = "#DE", [VEC_DB] = "#DB", [VEC_NMI] = "NMI", [VEC_BP] = "#BP", [VEC_OF] = "#OF",
        [VEC_BR] = "#BR", [VEC_UD] = "#UD", [VEC_NM] = "#NM",  [VEC_DF] = "#DF", [VEC_TS] = "#TS",
        [VEC_NP] = "#NP", [VEC_SS] = "#SS", [VEC_GP] = "#GP",  [VEC_PF] = "#PF", [VEC_MF] = "#MF",
        [VEC_AC] = "#AC", [VEC_MC] = "#MC", [VEC_XM] = "#XM",  [VEC_VE] = "#VE", [VEC_CP] = "#CP",
    };

    if (vector < ARRAY_SIZE(names) && names[vector])
        return names[vector];
    format_text(number, size, "vector %u", vector);
    return number;
}

static void print_fault(const struct virt_fault *f, u64 rip)
{
    char a[16], b[16], address[40] = "";

    if (f->vector == VEC_PF)
        format_text(address, sizeof(address), ", address %lx", f->address);
    if (f->during)
        log_line("  while %s was delivered: %s, error code %x%s",
                 vector_name(f->during_vector, b, sizeof(b)), vector_name(f->vector, a, sizeof(a)),
                 f->error, address);
    else
        log_line("  %s, error code %x%s, at rip %lx", vector_name(f->vector, a, sizeof(a)),
                 f->error, address, rip);
}

/* Tells the faults that led to a triple fault, by letting the guest fall once more with every
 * exception exiting. The address of the last page fault goes to *address. */
static bool print_faults(struct vcpu *v, u64 rip, u64 *address)
{
    enum { MOST = 8 };
    struct virt_fault fault[MOST];
    bool can = virt_ops->replay && !v->virt->by_hand;
    unsigned n = can ? virt_ops->replay(v, fault, MOST) : 0;
    bool found = false;

    log_line(n ? "the faults that led to it:" : "the faults that led to it could not be told");
    for (unsigned i = 0; i < n; i++) {
        print_fault(&fault[i], rip);
        if (fault[i].vector == VEC_PF) {
            *address = fault[i].address;
            found = true;
        }
    }
    return found;
}

static void fall(struct vcpu *v, const struct exit *e, u64 now)
{
    u64 address = 0;

    if (expected(v)) {
        virt_report(v, e);
        return;
    }
    log_line("%s has fallen: triple fault", v->domain->config.name);
    bool has_address = print_faults(v, virt_get(v, VREG_RIP), &address);
    rest_of_screen(v, e, now, address, has_address);
}

void cpu_triple_fault(struct vcpu *v, const struct exit *e)
{
    u64 rip = virt_get(v, VREG_RIP);

    fall(v, e, e->tsc);
    domain_end(v->domain, END_CRASH, 0, "triple fault at %lx", rip);
}

void cpu_fault_during_df(struct vcpu *v, u8 vector)
{
    if (!v->domain->doomed)
        fall(v, NULL, sched_now());
    domain_end(v->domain, END_CRASH, 0, "triple fault: vector %u while delivering #DF", vector);
}
