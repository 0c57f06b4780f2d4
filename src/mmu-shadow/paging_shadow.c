/*
 * paging.h by shadow tables: the processor never sees the guest's page tables; CR3, page faults and
 * INVLPG exit.
 *
 * The processor always runs with paging, with CR0.WP and with NXE: a guest in long mode runs on its
 * own format, any other on PAE's (pae_root.c), which a processor outside long mode has.
 */
#include "paging.h"

#include "../cpu/cpuid_policy.h"
#include "domain.h"
#include "errno.h"
#include "shadow.h"
#include "tlb.h"
#include "trace.h"

const bool paging_needs_second_stage = false;

/* The root for a CR3 that names no memory: nothing is ever found through it. */
#define NOWHERE (~0ULL >> PAGE_SHIFT)
enum {
    ROLE_NOWHERE = WALK_MAX_LEVEL | ROLE_DIRECT,
    ROLE_UNPAGED = 3 | ROLE_DIRECT | ROLE_PAE_ROOT,
};

const char *paging_name(void)
{
    return "shadow";
}

int paging_vcpu_init(struct vcpu *v)
{
    v->paging = hv_alloc(v->domain, sizeof(*v->paging));
    if (!v->paging)
        return -ENOMEM;
    v->paging->mode_stale = true;
    return 0;
}

static inline void run_on(struct vcpu *v, struct shadow *root)
{
    struct paging_vcpu *p = v->paging;

    p->root = shadow_slot(&v->domain->physmap->pool, root);
    p->quick = (root->role & ~ROLE_NXE) == WALK_MAX_LEVEL ? root->table : NULL;
    root->used = true;
    root->writes = 0;
}

void paging_vcpu_destroy(struct vcpu *v)
{
    if (!v->paging)
        return;
    hv_free(v->domain, v->paging, sizeof(*v->paging));
    v->paging = NULL;
}

/*
 * Tour 40: everything of paging exits. Without a second stage the processor walks one set of
 * tables, and they must be ours. So every load of CR3, every INVLPG and every page fault exits. The
 * guest reads back what it wrote, because the register's shadow and its own tables still hold it.
 */
void paging_get_controls(struct vcpu *v, struct paging_controls *out)
{
    const struct paging_vcpu *p = v->paging;

    *out = (struct paging_controls){
        .intercept_cr3 = true,
        .intercept_pf = true,
        .cr3 = mfn_to_mpa(shadow_mfn(&v->domain->physmap->pool.shadow[p->root])).v,
        .cr0_force_set = CR0_PG | CR0_WP | CR0_PE,
        .cr0_owned = CR0_PG | CR0_WP | CR0_PE,
        .cr4_force_set = CR4_PAE,
        /* Without paging of the guest's, every page is a user's. */
        .cr4_force_clear =
            CR4_PCIDE | CR4_LA57 | CR4_PKE | (p->mode.levels ? 0 : CR4_SMEP | CR4_SMAP),
        .cr4_owned = CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP,
        .efer_force_set = EFER_NXE,
    };
}

static u16 root_role(const struct walk_mode *m, u64 cr4, u64 efer)
{
    unsigned role = m->wp ? 0 : ROLE_WP0;

    if (!m->wp && m->smap)
        role |= m->levels == 2 ? ROLE_SMAP_32BIT : ROLE_SMAP_WIDE;

    switch (m->levels) {
    case 0:
        return ROLE_UNPAGED;
    case 2:
        return (u16)(role | 3 | ROLE_PAE_ROOT | ROLE_32BIT | (cr4 & CR4_PSE ? ROLE_PSE : 0));
    case 3:
        role |= 3 | ROLE_PAE_ROOT | ROLE_PAE;
        break;
    default:
        role |= WALK_MAX_LEVEL;
    }
    return (u16)(role | (efer & EFER_NXE ? ROLE_NXE : 0));
}

/* Whether a change of CR0 or CR4 loads the PDPTEs anew: "PDPTE Registers". */
static bool loads_pdptes(const struct paging_vcpu *p, u64 cr0, u64 cr4)
{
    return (p->cr0 ^ cr0) & (CR0_PG | CR0_CD | CR0_NW) ||
           (p->cr4 ^ cr4) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP);
}

/* Computes the guest's mode again. False, and nothing is changed: its PDPTEs are refused. */
static bool take_mode(struct vcpu *v)
{
    const struct walk_features cpu = {.maxphyaddr = cpuid_policy_maxphyaddr(),
                                      .page1gb = cpuid_policy_page1gb()};
    struct paging_vcpu *p = v->paging;
    u64 cr0 = virt_get(v, VREG_CR0), cr4 = virt_get(v, VREG_CR4), efer = virt_get(v, VREG_EFER);
    struct walk_mode m;

    walk_mode_init(&m, cr0, virt_get(v, VREG_CR3), cr4, efer, &cpu);
    p->mode_stale = false;
    if (m.levels == 3 && p->mode.levels == 3 && !loads_pdptes(p, cr0, cr4))
        __builtin_memcpy(m.pdpte, p->mode.pdpte, sizeof(m.pdpte));
    else if (m.levels == 3 && !walk_load_pdptes(&m, &shadow_walk_memory, v->domain))
        return false;
    p->mode = m;
    p->cr0 = cr0;
    p->cr4 = cr4;
    p->root_role = root_role(&m, cr4, efer);
    p->smap = m.levels && m.smap;
    virt_paging_changed(v);
    return true;
}

/* CR3 alone has changed. False, and nothing is changed: the PDPTEs that it names are refused. */
static bool take_cr3(struct vcpu *v)
{
    struct walk_mode *m = &v->paging->mode;
    u64 before = m->root;

    walk_set_root(m, virt_get(v, VREG_CR3));
    if (likely(m->levels != 3) || walk_load_pdptes(m, &shadow_walk_memory, v->domain))
        return true;
    m->root = before;
    return false;
}

/* The root for the guest's CR3 is not there yet. NULL: no memory. */
static struct shadow *__attribute__((noinline)) make_root(struct vcpu *v, u64 gfn)
{
    struct domain *d = v->domain;
    u16 role = v->paging->root_role;
    mfn_t mfn;
    int error = role == ROLE_UNPAGED ? 0 : physmap_populate(d, gfn_of(gfn), &mfn);

    if (role & ROLE_PAE_ROOT && role != ROLE_UNPAGED)
        return shadow_pae_root(v);
    if (error == -ENOMEM)
        return NULL;
    return error ? shadow_get(d, NOWHERE, ROLE_NOWHERE) : shadow_get(d, gfn, role);
}

/*
 * Tour 41: MOV to CR3. A process switch. If the root that the guest loads was used before, its
 * shadow is still there, with all that hangs below it, and is found by its frame number: a look-up
 * in a hash. That tables are kept, and kept true, is the difference between shadow paging that
 * crawls and shadow paging that was good enough for a decade of products.
 */

/* A root that is the old one all the same means that the guest wants a flush; a new one is
 * followed by a flush wherever CR3 is loaded. */
enum paging_result paging_load_root(struct vcpu *v, struct paging_fault *out)
{
    struct paging_vcpu *p = v->paging;
    struct shadow_pool *pool = &v->domain->physmap->pool;

    if (unlikely(p->mode_stale) ? !take_mode(v) : !take_cr3(v))
        return PAGING_INJECT;
    shadow_sync_all(v->domain);
    u64 gfn = p->root_role == ROLE_UNPAGED ? 0 : p->mode.root >> PAGE_SHIFT;
    struct shadow *root =
        p->mode.levels == 2 || p->mode.levels == 3 ? NULL : shadow_find(pool, gfn, p->root_role);
    if (likely(root)) {
        ledger_count(&v->domain->ledger, LC_SHADOW_ROOT_SWITCH);
        TRACE(v->domain, SHADOW_ROOT_SWITCH, virt_get(v, VREG_CR3));
    } else if (!(root = make_root(v, gfn))) {
        out->why = "there is no memory left for its shadow page tables";
        return PAGING_KILL;
    }
    run_on(v, root);
    tlb_flush_root(shadow_mfn(root));
    return PAGING_FIXED;
}

static u64 __attribute__((noinline)) switch_behind(struct vcpu *v, u64 cr3)
{
    shadow_sync_all(v->domain);
    return paging_switch_root(v, cr3);
}

/* A known root is one of a frame of RAM, so that its CR3 has no reserved bit set. */
u64 paging_switch_root(struct vcpu *v, u64 cr3)
{
    struct paging_vcpu *p = v->paging;
    const struct shadow_pool *pool = &v->domain->physmap->pool;
    u64 gfn = cr3 >> PAGE_SHIFT;
    u16 role = p->root_role, slot = *shadow_bucket(pool, gfn, role);

    if (unlikely(!p->quick))
        return 0;
    if (unlikely(pool->behind_count))
        return switch_behind(v, cr3);
    for (; slot; slot = pool->shadow[slot].hash_next) {
        struct shadow *root = &pool->shadow[slot];
        if (unlikely(root->gfn != gfn || root->role != role))
            continue;
        p->mode.root = gfn << PAGE_SHIFT;
        p->root = slot;
        p->quick = root->table;
        root->used = true;
        root->writes = 0;
        ledger_count(&v->domain->ledger, LC_SHADOW_ROOT_SWITCH);
        TRACE(v->domain, SHADOW_ROOT_SWITCH, cr3);
        return va_to_mpa(root->table).v;
    }
    return 0;
}

/* The global flag is in no shadow, so that only what a flush wants is left of CR4.PGE. */
u64 paging_toggle(struct vcpu *v, bool wp, bool pge)
{
    struct paging_vcpu *p = v->paging;
    const struct shadow_pool *pool = &v->domain->physmap->pool;
    struct shadow *root = &pool->shadow[p->root];

    if (p->mode_stale || p->mode.levels != WALK_MAX_LEVEL || p->smap)
        return 0;
    if (pool->behind_count)
        shadow_sync_all(v->domain);
    if (wp) {
        u16 role = (u16)(p->root_role ^ ROLE_WP0);
        root = shadow_find(pool, p->mode.root >> PAGE_SHIFT, role);
        if (!root)
            return 0;
        p->root_role = role;
        p->mode.wp ^= true;
        run_on(v, root);
    }
    if (pge) {
        p->mode.pge ^= true;
        p->cr4 ^= CR4_PGE;
    }
    return va_to_mpa(root->table).v;
}

/* Unless its table is out of sync the shadow is as the guest's entry is, and only the processor's
 * memory of it is to be dropped. */
void paging_invalidate(struct vcpu *v, u64 gva)
{
    const struct shadow_pool *pool = &v->domain->physmap->pool;
    const struct shadow *root = &pool->shadow[v->paging->root];

    if (unlikely(!canonical(gva)))
        return;
    if (pool->behind_count)
        shadow_sync_page(v->domain, root, gva);
    tlb_flush_page(shadow_mfn(root), gva);
}

void paging_forget(struct vcpu *v)
{
    shadow_sync_all(v->domain);
    tlb_flush_root(shadow_mfn(&v->domain->physmap->pool.shadow[v->paging->root]));
}

/* A leaf that the processor has used for a fetch is as good as a walk. */
const u8 *paging_code(struct vcpu *v, u64 gva)
{
    u64 *table = v->paging->quick, entry;

    if (unlikely(!table))
        return NULL;
#pragma GCC unroll 3
    for (unsigned level = WALK_MAX_LEVEL; level > 1; level--) {
        entry = table[pt_index(gva, level)];
        if (unlikely(!entry))
            return NULL;
        table = shadow_table(entry);
    }
    entry = table[pt_index(gva, 1)];
    return entry ? (const u8 *)shadow_table(entry) + (gva & PAGE_OFFSET_MASK) : NULL;
}

/* Comes with each change of CR0, CR4 or EFER that paging knows of; paging_load_root follows. */
void paging_flush(struct vcpu *v)
{
    v->paging->mode_stale = true;
    tlb_flush_root(shadow_mfn(&v->domain->physmap->pool.shadow[v->paging->root]));
}
