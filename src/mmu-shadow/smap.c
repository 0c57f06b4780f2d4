/*
 * SMEP and SMAP under shadow paging. Source: SDM, "Access Rights".
 *
 * The processor runs with the guest's CR4.SMEP and CR4.SMAP, and with the guest's RFLAGS.AC. It
 * judges by U/S, and in a shadow the U/S of all levels together is the guest's: so it forbids what
 * it would forbid on the guest's own tables. Two things are left.
 *
 *  - What a fault means. When the shadow has no entry yet, the processor has not judged; the walk
 *    does, and has to know AC: mode.smap is 0 for an access that AC lets pass. It does not for an
 *    implicit access (to a descriptor table or the TSS). At CPL 3 every supervisor access is one;
 *    else it is one if the processor forbids the same instruction again and again what the shadow,
 *    with AC, permits: first it may know older translations, which the faults drop. (The guest has
 *    its fault then, and the count begins anew: it may come back without a change.)
 *  - CR0.WP = 0. There a leaf has a second form, the supervisor's alone and writable, for a write
 *    of the kernel's to a read-only page (leaf.c). If the page is a user's, the processor would
 *    judge by the wrong U/S. So that form permits no fetch: a kernel's fetch faults, and the walk
 *    judges it by SMEP. With SMAP the form is not made at all of a user's page: such a write, which
 *    needs AC, is emulated. Leaves made without SMAP are not used with it: the role differs.
 */
#include "fault.h"
#include "rights.h"
#include "walk.h"

enum { ODD_FAULTS = 2 }; /* may come from what the processor remembers */

/* The shadow maps gva for a supervisor with AC = 1 to read, or to write. */
static bool shadow_permits(const struct vcpu *v, u64 gva, bool write)
{
    const struct shadow *root = &v->domain->physmap->pool.shadow[v->paging->root];
    const u64 *table = root->table;
    u64 all = ~0ULL;

    for (unsigned level = shadow_level(root); level; level--) {
        u64 entry = table[pt_index(gva, level)];
        if (!entry)
            return false;
        if (level != 3 || !(root->role & ROLE_PAE_ROOT))
            all &= entry; /* a PDPTE has no rights */
        table = shadow_table(entry);
    }
    return !write || all & PTE_W;
}

void shadow_judge_smap(struct vcpu *v, const struct exit *e)
{
    struct paging_vcpu *p = v->paging;
    bool passes = virt_get(v, VREG_RFLAGS) & RFLAGS_AC && virt_cpl(v) < 3;
    bool odd = passes && e->error & PF_P && shadow_permits(v, e->gva, e->error & PF_W);
    u64 rip = odd ? virt_get(v, VREG_RIP) : 0;
    bool again = odd && p->odd_gva == e->gva && p->odd_rip == rip && p->odd_faults < ODD_FAULTS;

    p->odd_faults = again ? p->odd_faults + 1 : 0;
    p->odd_gva = e->gva;
    p->odd_rip = rip;
    p->mode.smap = !passes || p->odd_faults == ODD_FAULTS;
}

bool shadow_write_by_emulation(const struct vcpu *v, const struct exit *e, const struct shadow *s,
                               u64 entry)
{
    bool kernel_write = (e->error & (PF_W | PF_U)) == PF_W && !e->event_being_delivered;
    bool user = entry & PTE_U && !(s->role & ROLE_NO_USER);
    bool read_only = !(entry & PTE_W) || s->role & ROLE_NO_WRITE;

    return v->paging->smap && kernel_write && user && read_only;
}
