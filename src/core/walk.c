/*
 * The page walker: paging modes, and what is off the fast path of walk_inline.h.
 */
#include "walk.h"
#include "walk_inline.h"

/* Bits first to last, both included. */
static u64 bits(unsigned first, unsigned last)
{
    return first > last ? 0 : (~0ULL >> (63 - last)) & ~((1ULL << first) - 1);
}

enum entry_bits {
    ENTRY_ADDR_TOP = 51,      /* highest address bit of an 8-byte entry */
    ENTRY_PAE_RSVD_TOP = 62,  /* PAE: reserved up to here, as the ignored bits are not */
    ENTRY_PAGE_RSVD_LOW = 13, /* a large page: reserved from here to its first address bit */
    PSE36_MAXPHYADDR = 40,    /* a 4 MiB page reaches no farther */
    PSE36_RSVD_TOP = 21,      /* its last reserved bit */
    PSE36_RSVD_LOW_OFF = 19,  /* its first one is M - 19 */
};
/* "PDPTE Registers": reserved in a present PDPTE, besides the bits above MAXPHYADDR. */
#define PDPTE_RSVD 0x1e6ULL

/* "32-Bit Paging" */
static void init_32bit(struct walk_mode *m, u64 cr4)
{
    unsigned maxphyaddr = MIN(m->maxphyaddr, PSE36_MAXPHYADDR);

    m->levels = 2;
    m->entry_size = 4;
    m->index_bits = 10;
    if (cr4 & CR4_PSE) {
        m->large_levels = 1 << 2;
        m->rsvd_page[2] = bits(maxphyaddr - PSE36_RSVD_LOW_OFF, PSE36_RSVD_TOP);
    }
}

/* "PAE Paging" and "4-Level Paging" */
static void init_64bit_entries(struct walk_mode *m, bool long_mode, bool nxe, bool page1gb)
{
    u64 rsvd = bits(m->maxphyaddr, long_mode ? ENTRY_ADDR_TOP : ENTRY_PAE_RSVD_TOP);

    if (!nxe)
        rsvd |= PTE_NX;
    m->levels = long_mode ? 4 : 3;
    m->entry_size = 8;
    m->index_bits = 9;
    m->large_levels = 1 << 2 | (long_mode && page1gb) << 3;
    for (unsigned level = 1; level <= m->levels; level++)
        m->rsvd_table[level] = m->rsvd_page[level] = rsvd;
    m->rsvd_page[2] |= bits(ENTRY_PAGE_RSVD_LOW, PAGE_SHIFT_2M - 1);
    m->rsvd_page[3] |= bits(ENTRY_PAGE_RSVD_LOW, PAGE_SHIFT_1G - 1);
    if (!page1gb)
        m->rsvd_table[3] |= PTE_PS;
    m->rsvd_table[4] |= PTE_PS;
}

void walk_mode_init(struct walk_mode *m, u64 cr0, u64 cr3, u64 cr4, u64 efer,
                    const struct walk_features *cpu)
{
    bool nxe = efer & EFER_NXE;

    *m = (struct walk_mode){
        .maxphyaddr = cpu->maxphyaddr,
        .wp = cr0 & CR0_WP,
        .smep = cr4 & CR4_SMEP,
        .smap = cr4 & CR4_SMAP,
        .pge = cr4 & CR4_PGE,
        .error_i = (cr4 & CR4_SMEP) || ((cr4 & CR4_PAE) && nxe),
    };
    if (!(cr0 & CR0_PG))
        return;
    if (cr4 & CR4_PAE)
        init_64bit_entries(m, efer & EFER_LMA, nxe, cpu->page1gb);
    else
        init_32bit(m, cr4);
    walk_set_root(m, cr3);
}

bool walk_load_pdptes(struct walk_mode *m, const struct walk_memory *mem, void *ctx)
{
    u64 rsvd = PDPTE_RSVD | bits(m->maxphyaddr, 63), pdpte[WALK_PDPTES];

    for (unsigned i = 0; i < WALK_PDPTES; i++) {
        if (!mem->read_entry(ctx, m->root + i * sizeof(u64), sizeof(u64), &pdpte[i]))
            return false;
        if ((pdpte[i] & PTE_P) && (pdpte[i] & rsvd))
            return false;
    }
    for (unsigned i = 0; i < WALK_PDPTES; i++)
        m->pdpte[i] = pdpte[i];
    return true;
}

/*
 * Tour 33: accessed and dirty. The processor sets A and D in the guest's entries while it walks,
 * and kernels rely on it. Software that walks in its place must do the same, and atomically:
 * another processor may change the entry in between, and then the whole walk begins anew.
 */

/* "Accessed and Dirty Flags". A PDPTE register has none. */
enum walk_cmpxchg walk_set_flags(const struct walk_mode *m, bool write,
                                 const struct walk_memory *mem, void *ctx, struct walk_result *r)
{
    for (unsigned level = m->levels == 3 ? 2 : m->levels; level >= r->level; level--) {
        struct walk_entry *e = &r->entry[level];
        u64 want = e->value | PTE_A | (write && level == r->level ? PTE_D : 0);
        enum walk_cmpxchg done;

        if (want == e->value)
            continue;
        done = mem->cmpxchg_entry(ctx, e->gpa, m->entry_size, e->value, want);
        if (done != WALK_EXCHANGED) {
            r->level = level;
            return done;
        }
        e->value = want;
    }
    r->dirty = r->entry[r->level].value & PTE_D;
    return WALK_EXCHANGED;
}

enum walk_status walk(const struct walk_mode *m, u64 la, unsigned access,
                      const struct walk_memory *mem, void *ctx, struct walk_result *r)
{
    return walk_inline(m, la, access, mem, ctx, r);
}
