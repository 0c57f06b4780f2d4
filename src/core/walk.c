/*
 * The page walker: what the processor makes of a linear address. See walk.h for the contract; the
 * sections named in quotes are those of the SDM, Volume 3, chapter "Paging".
 *
 * Invariant: no flag is set in any entry unless the whole access is permitted.
 */
#include "walk.h"

enum entry_bits {
    ENTRY_ADDR_TOP = 51,      /* highest address bit of an 8-byte entry */
    ENTRY_PAE_RSVD_TOP = 62,  /* PAE: reserved up to here, as the ignored bits are not */
    ENTRY_PAGE_RSVD_LOW = 13, /* a large page: reserved from here to its first address bit */
};
/* A page of 4 MiB: PDE bits 20:13 are address bits 39:32 ("32-Bit Paging"). */
enum pse36 {
    PSE36_ADDR = 0xffc00000, /* the PDE's bits that are address bits 31:22 */
    PSE36_LOW = 13,
    PSE36_HIGH = 32,
    PSE36_MASK = 0xff,
    PSE36_MAXPHYADDR = 40,   /* a 4 MiB page reaches no farther */
    PSE36_RSVD_TOP = 21,     /* its last reserved bit */
    PSE36_RSVD_LOW_OFF = 19, /* its first one is M - 19 */
};
/* "PDPTE Registers": reserved in a present PDPTE, besides the bits above MAXPHYADDR. */
#define PDPTE_RSVD 0x1e6ULL

/* A mask of the bits first to last, both included; none if first > last. */
static u64 bits(unsigned first, unsigned last)
{
    return first > last ? 0 : (~0ULL >> (63 - last)) & ~((1ULL << first) - 1);
}

/*
 * "Access Rights" and the table "Paging-Mode Modifiers" before it. For a user-mode access: never to
 * a supervisor-mode page, writes by R/W, fetches by XD. For a supervisor-mode access: writes to
 * read-only pages only with CR0.WP = 0; no fetch from a user-mode page under SMEP; under SMAP no
 * data access to one, unless RFLAGS.AC is 1 and the access is an explicit one.
 */
bool walk_permits(const struct walk_mode *m, unsigned access, bool user, bool write, bool nx)
{
    /* lab walk.1: return lab_missing("walk.1"), false; */
    if (access & WALK_USER) {
        if (!user || ((access & WALK_WRITE) && !write))
            return false;
        return !((access & WALK_FETCH) && nx);
    }
    if (access & WALK_FETCH)
        return !(nx || (user && m->smep));
    if ((access & WALK_WRITE) && m->wp && !write)
        return false;
    return !(user && m->smap && (!(access & WALK_AC) || (access & WALK_IMPLICIT)));
    /* lab end walk.1 */
}

/* What the control registers say of rights and of error codes: the members of walk_mode from wp to
 * error_i. Error codes have the I/D flag only in the modes in which the processor tells fetches
 * from reads: with SMEP, or with execute-disable, which needs 8-byte entries ("Page-Fault
 * Exceptions"). */
static inline void set_rights(struct walk_mode *m, u64 cr0, u64 cr4, u64 efer)
{
    /* lab walk.2: lab_missing("walk.2"); */
    m->wp = cr0 & CR0_WP;
    m->smep = cr4 & CR4_SMEP;
    m->smap = cr4 & CR4_SMAP;
    m->pge = cr4 & CR4_PGE;
    m->error_i = (cr4 & CR4_SMEP) || ((cr4 & CR4_PAE) && (efer & EFER_NXE));
    /* lab end walk.2 */
}

u32 walk_error(const struct walk_mode *m, unsigned access, u32 why)
{
    /* lab walk.2: return lab_missing("walk.2"), 0; */
    u32 told = PF_W | PF_U;

    if (m->error_i)
        told |= PF_I;
    return (access & told) | why;
    /* lab end walk.2 */
}

/*
 * Which bits are reserved in a present entry of 8 bytes, for each level: "PAE Paging" and "4-Level
 * Paging", the tables of formats. rsvd_table is for an entry that names a table, rsvd_page for one
 * that maps a page; all are 0 when this is called. Reserved are, at every level: the address bits
 * from MAXPHYADDR to 51 (PAE: to 62), and XD if it is not enabled. In a large page: the bits from
 * 13 to its first address bit. PTE_PS, where it cannot mean a page, in rsvd_table: at level 4, and
 * at level 3 without pages of 1 GiB.
 */
static void set_reserved(struct walk_mode *m, bool long_mode, bool nxe, bool page1gb)
{
    /* lab walk.3: (void)bits, lab_missing("walk.3"); */
    u64 rsvd = bits(m->maxphyaddr, long_mode ? ENTRY_ADDR_TOP : ENTRY_PAE_RSVD_TOP);

    if (!nxe)
        rsvd |= PTE_NX;
    for (unsigned level = 1; level <= m->levels; level++)
        m->rsvd_table[level] = m->rsvd_page[level] = rsvd;
    m->rsvd_page[2] |= bits(ENTRY_PAGE_RSVD_LOW, PAGE_SHIFT_2M - 1);
    m->rsvd_page[3] |= bits(ENTRY_PAGE_RSVD_LOW, PAGE_SHIFT_1G - 1);
    if (!page1gb)
        m->rsvd_table[3] |= PTE_PS;
    m->rsvd_table[4] |= PTE_PS;
    /* lab end walk.3 */
}

/* "PAE Paging" and "4-Level Paging" */
static void init_64bit_entries(struct walk_mode *m, bool long_mode, bool nxe, bool page1gb)
{
    m->levels = long_mode ? 4 : 3;
    m->entry_size = 8;
    m->index_bits = 9;
    m->large_levels = 1 << 2 | (long_mode && page1gb) << 3;
    set_reserved(m, long_mode, nxe, page1gb);
}

/*
 * "32-Bit Paging": two levels of 4-byte entries, ten address bits each. With CR4.PSE a PDE may map
 * 4 MiB; then the bits are reserved that would be address bits from MAXPHYADDR (at most 40) on, and
 * bit 21 (enum pse36). Without it PTE_PS means nothing, and nothing is reserved.
 */
static void init_32bit(struct walk_mode *m, u64 cr4)
{
    /* lab walk.9: lab_missing("walk.9"); */
    unsigned maxphyaddr = MIN(m->maxphyaddr, PSE36_MAXPHYADDR);

    m->levels = 2;
    m->entry_size = 4;
    m->index_bits = 10;
    if (cr4 & CR4_PSE) {
        m->large_levels = 1 << 2;
        m->rsvd_page[2] = bits(maxphyaddr - PSE36_RSVD_LOW_OFF, PSE36_RSVD_TOP);
    }
    /* lab end walk.9 */
}

void walk_mode_init(struct walk_mode *m, u64 cr0, u64 cr3, u64 cr4, u64 efer,
                    const struct walk_features *cpu)
{
    *m = (struct walk_mode){.maxphyaddr = cpu->maxphyaddr};
    set_rights(m, cr0, cr4, efer);
    if (!(cr0 & CR0_PG))
        return;
    if (cr4 & CR4_PAE)
        init_64bit_entries(m, efer & EFER_LMA, efer & EFER_NXE, cpu->page1gb);
    else
        init_32bit(m, cr4);
    walk_set_root(m, cr3);
}

bool walk_load_pdptes(struct walk_mode *m, const struct walk_memory *mem, void *ctx)
{
    /* lab walk.8: return lab_missing("walk.8"), false; */
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
    /* lab end walk.8 */
}

/* Ends a walk with a fault, found in the entry of this level; why as for walk_error. */
static enum walk_status fault(const struct walk_mode *m, unsigned access, u32 why, unsigned level,
                              struct walk_result *r)
{
    r->status = WALK_FAULT;
    r->error = walk_error(m, access, why);
    r->level = level;
    return WALK_FAULT;
}

/* The first address of a page of 4 MiB, from its PDE: see enum pse36. */
static u64 pse36_base(u64 pde)
{
    /* lab walk.9: return lab_missing("walk.9"), 0; */
    u64 high = pde >> PSE36_LOW & PSE36_MASK;

    return (pde & PSE36_ADDR) | high << PSE36_HIGH;
    /* lab end walk.9 */
}

/*
 * The walk has reached a page: fills in what r says of it, status and error excepted. `leaf` is the
 * entry that maps it, of this level; its page has 1 << shift bytes. `all` is the AND over the
 * entries used, with XD inverted in each: PTE_NX in it means that XD is 0 at every level.
 */
static void take_page(const struct walk_mode *m, u64 la, u64 leaf, unsigned level, unsigned shift,
                      u64 all, struct walk_result *r)
{
    u64 offset_mask = (1ULL << shift) - 1;

    /* lab walk.5: (void)offset_mask, (void)pse36_base, lab_missing("walk.5"); */
    r->mapped = true;
    r->level = level;
    r->page_shift = shift;
    r->user = all & PTE_U;
    r->write = all & PTE_W;
    r->nx = !(all & PTE_NX);
    r->global = m->pge && (leaf & PTE_G);
    r->dirty = leaf & PTE_D;
    r->gpa = leaf & PTE_ADDR & ~offset_mask;
    if (m->entry_size == 4 && level == 2)
        r->gpa = pse36_base(leaf);
    r->gpa |= la & offset_mask;
    /* lab end walk.5 */
}

/*
 * Tour 32: one descent. From the root to the page: read an entry, look whether it is present and
 * well formed, remember its rights, go on. The rights of all levels are combined and judged once,
 * at the end, because that is how the processor does it; the level at which the walk failed and the
 * error code are part of the answer. No flag is set on the way.
 */

/*
 * One descent, from the table of level `top` at `table`, to a page or to what stops it: an entry
 * where there is no memory (WALK_NO_TABLE), one that is not present, one with a reserved bit, or
 * the page's rights (fault). Each entry read is noted in r->entry. On WALK_OK flags_missing says
 * whether an accessed flag, or for a write the page's dirty flag, is to be set.
 */
static enum walk_status descend(const struct walk_mode *m, unsigned top, u64 table, u64 la,
                                unsigned access, const struct walk_memory *mem, void *ctx,
                                struct walk_result *r, bool *flags_missing)
{
    u64 entry = 0, all = ~0ULL; /* the entry of this level; all: see take_page */
    unsigned level, shift = 0;  /* address bits below those that this level takes */

    r->mapped = false;
    /* lab walk.4: level = top, lab_missing("walk.4"); */
    for (level = top; level > 0; level--) {
        u64 index, reserved;
        bool page;

        shift = PAGE_SHIFT + m->index_bits * (level - 1);
        index = la >> shift & ((1u << m->index_bits) - 1);
        r->entry[level].gpa = table + index * m->entry_size;
        if (!mem->read_entry(ctx, r->entry[level].gpa, m->entry_size, &entry)) {
            r->level = level;
            return r->status = WALK_NO_TABLE;
        }
        r->entry[level].value = entry;
        if (!(entry & PTE_P))
            return fault(m, access, 0, level, r);
        page = level == 1 || ((entry & PTE_PS) && (m->large_levels >> level & 1));
        reserved = page ? m->rsvd_page[level] : m->rsvd_table[level];
        if (entry & reserved)
            return fault(m, access, PF_P | PF_RSVD, level, r);
        all &= entry ^ PTE_NX;
        if (page)
            break;
        table = entry & PTE_ADDR;
    }
    /* lab end walk.4 */
    take_page(m, la, entry, level, shift, all, r);
    if (!walk_permits(m, access, r->user, r->write, r->nx))
        return fault(m, access, PF_P, level, r);
    *flags_missing = !(all & PTE_A) || ((access & WALK_WRITE) && !(entry & PTE_D));
    r->error = 0;
    return r->status = WALK_OK;
}

/* PAE: the top level is in registers, and carries no rights. Notes the entry (its gpa is ~0), and
 * descends from the table that it names, if it is present. */
static enum walk_status descend_pae(const struct walk_mode *m, u64 la, unsigned access,
                                    const struct walk_memory *mem, void *ctx, struct walk_result *r,
                                    bool *flags_missing)
{
    /* lab walk.8: return lab_missing("walk.8"), WALK_FAULT; */
    u64 entry = m->pdpte[la >> PAGE_SHIFT_1G & (WALK_PDPTES - 1)];

    r->mapped = false;
    r->entry[3] = (struct walk_entry){~0ULL, entry};
    if (!(entry & PTE_P))
        return fault(m, access, 0, 3, r);
    return descend(m, 2, entry & PTE_ADDR, la, access, mem, ctx, r, flags_missing);
    /* lab end walk.8 */
}

/*
 * Tour 33: accessed and dirty. The processor sets A and D in the guest's entries while it walks,
 * and kernels rely on it. Software that walks in its place must do the same, and atomically:
 * another processor may change the entry in between, and then the whole walk begins anew.
 */

/* "Accessed and Dirty Flags". A PDPTE register has none. Only what lacks a flag is exchanged. */
enum walk_cmpxchg walk_set_flags(const struct walk_mode *m, bool write,
                                 const struct walk_memory *mem, void *ctx, struct walk_result *r)
{
    /* lab walk.6: return lab_missing("walk.6"), WALK_NO_MEMORY; */
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
    /* lab end walk.6 */
}

/* Without paging a linear address is the physical one, and all is permitted. */
static enum walk_status unpaged(u64 la, struct walk_result *r)
{
    r->status = WALK_OK;
    r->level = 0;
    r->page_shift = PAGE_SHIFT;
    r->mapped = r->user = r->write = r->dirty = true;
    r->nx = r->global = false;
    r->error = 0;
    r->gpa = (u32)la;
    return WALK_OK;
}

/*
 * Between the descent and the setting of flags another processor may change an entry. Then nothing
 * that the descent found holds any more: walk_set_flags says WALK_CHANGED, and the walk begins
 * anew, WALK_TRIES descents at most, after which it gives up with WALK_RETRY.
 */
enum walk_status walk(const struct walk_mode *m, u64 la, unsigned access,
                      const struct walk_memory *mem, void *ctx, struct walk_result *r)
{
    if (m->levels == 0)
        return unpaged(la, r);
    for (unsigned i = 0; i < WALK_TRIES; i++) {
        bool flags_missing;
        enum walk_status status =
            m->levels == 3
                ? descend_pae(m, la, access, mem, ctx, r, &flags_missing)
                : descend(m, m->levels, m->root, la, access, mem, ctx, r, &flags_missing);

        if (status != WALK_OK || !flags_missing || (access & WALK_PEEK))
            return status;
        /* lab walk.7: return lab_missing("walk.7"), WALK_RETRY; */
        switch (walk_set_flags(m, access & WALK_WRITE, mem, ctx, r)) {
        case WALK_EXCHANGED:
            return WALK_OK;
        case WALK_NO_MEMORY:
            r->mapped = false;
            return r->status = WALK_NO_TABLE;
        case WALK_CHANGED:
            break;
        }
        /* lab end walk.7 */
    }
    r->mapped = false;
    return r->status = WALK_RETRY;
}
