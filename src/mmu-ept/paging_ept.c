/*
 * paging.h with a second stage: the guest's page tables, its CR3 and its page faults are its own
 * affair; what is left are violations of the second stage.
 */
#include "paging.h"

#include "domain.h"
#include "errno.h"
#include "physmap_ept.h"
#include "stage2.h"
#include "tlb.h"
#include "x86.h"

const bool paging_needs_second_stage = true;

const char *paging_name(void)
{
    return "ept";
}

int paging_vcpu_init(struct vcpu *v)
{
    (void)v;
    return 0;
}

void paging_vcpu_destroy(struct vcpu *v)
{
    (void)v;
}

/*
 * Tour 35 [MODE=ept: a second stage]: almost nothing to do. With extended page tables the processor
 * translates twice: the guest's tables give a guest-physical address, ours a machine address. So
 * nothing of the guest's paging is intercepted: not CR3, not INVLPG, not page faults. The read of
 * the missing page faults in the guest and arrives in its handler without a single exit. Compare
 * with the same function in src/mmu-shadow/paging_shadow.c.
 */
void paging_get_controls(struct vcpu *v, struct paging_controls *out)
{
    const struct physmap *p = v->domain->physmap;

    *out = (struct paging_controls){.use_ept = true,
                                    .stage2_root = physmap_root(v->domain),
                                    .keep_flags = p->accessed_log || p->by_processor,
                                    .log_writes = p->by_processor};
}

/* Neither exits. */
u64 paging_toggle(struct vcpu *v, bool wp, bool pge)
{
    (void)v;
    (void)wp;
    (void)pge;
    return 0;
}

enum paging_result paging_load_root(struct vcpu *v, struct paging_fault *out)
{
    (void)v;
    (void)out;
    return PAGING_FIXED;
}

u64 paging_switch_root(struct vcpu *v, u64 cr3)
{
    (void)v;
    (void)cr3;
    return 0;
}

/* The guest's INVLPG, INVPCID and flushes act on the processor without an exit; but an INVPCID
 * whose descriptor is in a device's memory is emulated. */
void paging_forget(struct vcpu *v)
{
    tlb_flush_root(physmap_root(v->domain));
}

void paging_invalidate(struct vcpu *v, u64 gva)
{
    (void)gva;
    paging_forget(v);
}

void paging_flush(struct vcpu *v)
{
    (void)v;
}

/*
 * Tour 36: a violation of the second stage. What does exit is an access to guest-physical memory
 * that our tables do not map: RAM that nobody has touched yet, a page that is write-protected so
 * that its first write is noticed, or no RAM at all. The guest knows nothing of any of them.
 */

/*
 * An EPT violation (struct exit: virt.h): e->gpa is the guest-physical address, e->error what it
 * was, as in a page fault's error code: PF_P, a leaf maps the address but forbids the access; PF_W,
 * a write.
 *
 *  - RAM that is in no leaf is filled (physmap_populate): PAGING_FIXED. If that fails for want of
 *    memory, PAGING_KILL, with out->why a sentence.
 *  - A write that the leaf forbids is a write that the dirty log waits for (physmap_allow_write):
 *    PAGING_FIXED. If that returns false: as anything else.
 *  - Anything else is no RAM but a device's address, or nobody's: PAGING_EMULATE, with out->gpa the
 *    address and out->table_write false.
 *
 * A new or more generous entry needs no flush: the processor caches neither absent entries nor the
 * translation that was violated ("Operations that Invalidate Cached Mappings").
 */
enum paging_result paging_fault(struct vcpu *v, const struct exit *e, struct paging_fault *out)
{
    /* lab ept.5 */
    struct domain *d = v->domain;
    gfn_t gfn = gpa_to_gfn(gpa_of(e->gpa));
    mfn_t mfn;
    int error;

    if (likely(!(e->error & PF_P))) {
        error = physmap_populate(d, gfn, &mfn);
        if (likely(!error))
            return PAGING_FIXED;
        if (error == -ENOMEM) {
            out->why = "there is no memory left to fill its RAM";
            return PAGING_KILL;
        }
    } else if (e->error & PF_W && physmap_allow_write(d, gfn)) {
        return PAGING_FIXED;
    }
    out->gpa = e->gpa;
    out->table_write = false;
    return PAGING_EMULATE;
    /* lab end ept.5 */
}

const u8 *paging_code(struct vcpu *v, u64 gva)
{
    (void)v;
    (void)gva;
    return NULL;
}

void paging_guest_written(struct domain *d, u64 gpa, unsigned len)
{
    physmap_allow_write(d, gpa_to_gfn(gpa_of(gpa)));
    if (len && (gpa ^ (gpa + len - 1)) >> PAGE_SHIFT)
        physmap_allow_write(d, gpa_to_gfn(gpa_of(gpa + len - 1)));
}

/* There are no shadowed tables. */
void paging_table_stored(struct domain *d, void *entry)
{
    (void)d;
    (void)entry;
}

bool paging_table_given_up(struct domain *d, void *entry)
{
    (void)d;
    (void)entry;
    return true;
}

bool paging_stop_shadowing(struct vcpu *v, u64 gva, u64 gpa)
{
    (void)v;
    (void)gva;
    (void)gpa;
    return false;
}
