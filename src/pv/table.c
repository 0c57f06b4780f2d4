/*
 * Guest page tables: what an entry may say, the references that it holds, its change.
 *
 * Invariant: every present entry of a table that is in use (FRAME_VALIDATED) names a frame of the
 * domain's (at level 1 also one that was granted to it) and holds the references of page_type.c's
 * rules 1 and 2; at levels 2 to 4 none is a large page; U is set in all (the guest's kernel runs in
 * ring 3). Errors are those that Xen gives to a domain that may reach no device's memory.
 *
 * Linear tables: a read-only entry of an L2, L3 or L4 may lead to a table of its own level, so that
 * the tables appear in the guest's address space. If it leads to its own table it holds nothing. If
 * it leads to another one that one must be in use already; the entry holds a reference of each
 * kind, and `linear` of the two frames sees to it that a table that is led to in this way leads to
 * none itself: so there is no cycle, and rule 4 still holds. What the processor reaches through
 * such an entry is a table, and never writable. An L4 holds the hypervisor's slots, too; what that
 * means is at the head of linear.c.
 */
#include "table.h"

#include "layout.h"
#include "log.h"
#include "sched.h"
#include "segment.h"
#include "tlb.h"
#include "trace.h"

/* What a guest may set; the processor ignores the AVAIL bits. Whether the frame exists says
 * whether address bits are too high. No cache attributes, as under Xen for a domain without
 * devices: what the hypervisor has written to a frame, or cleared, may still be in the cache, and
 * an access that goes past it would find what its last owner left. */
#define TABLE_ALLOWED (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_ADDR | PTE_AVAIL | PTE_NX)
#define L1_ALLOWED    (TABLE_ALLOWED | PTE_G)

static inline u64 entry_mfn(u64 entry)
{
    return (entry & PTE_ADDR) >> PAGE_SHIFT;
}

/* As it is kept, and as Xen keeps it: the guest's kernel is in ring 3 too, so its pages get U, and
 * a mark that this was not the guest's; all others are global (CR4.PGE is 0: it means nothing). */
static inline u64 l1_adjusted(u64 entry)
{
    if (!(entry & PTE_U))
        entry |= PTE_U | PTE_GUEST_KERNEL;
    return entry & PTE_GUEST_KERNEL ? entry : entry | PTE_G;
}

int table_stranger(u64 entry)
{
    u64 mfn = entry_mfn(entry);

    if (frame_of(mfn_of(mfn)))
        return -EBUSY;
    return mfn == PTE_ADDR >> PAGE_SHIFT ? -EINVAL : -EPERM;
}

/* Takes the references of a present entry of an L1: rules 1 and 2 of page_type.c. 0, or, nothing
 * having been taken: -EINVAL: it has bits that are not in L1_ALLOWED; its frame is not the
 * domain's: what table_stranger says; -EBUSY: one of the two references is not to be had, whatever
 * the reason. */
static inline int l1_get(struct domain *d, u64 entry)
{
    struct frame *f;

    /* lab pv.5: return lab_missing("pv.5"), 0; */
    if (unlikely(entry & ~L1_ALLOWED))
        return -EINVAL;
    f = page_of(d, entry_mfn(entry));
    if (unlikely(!f))
        return table_stranger(entry);
    if (unlikely(!page_get(f)))
        return -EBUSY;
    if (!(entry & PTE_W) || likely(!page_get_type(d, f, FT_WRITABLE)))
        return 0;
    page_put(d, f);
    return -EBUSY;
    /* lab end pv.5 */
}

/* Drops what l1_get has taken for this entry. A TLB may remember the translation: the frame's
 * record is told (page_note_ended), and so is tlb.h's ledger, which wants to know it for any root
 * and any address. */
static inline void l1_put(struct domain *d, u64 entry)
{
    struct frame *f = &frame_table[entry_mfn(entry)];

    /* lab pv.5: lab_missing("pv.5"); */
    page_note_ended(f);
    tlb_note_stale(TLB_ANY_ROOT, TLB_ANY_GVA, frame_mfn(f));
    if (entry & PTE_W)
        page_put_type(d, f);
    page_put(d, f);
    /* lab end pv.5 */
}

/* The table is to lead to f, which is of its own type. 0, or -EINVAL: neither of the two ways of
 * the head. An L4 that does changes how its domain's memory is read (linear.c), before it is
 * stored. */
static int linear_get(struct domain *d, struct frame *table, struct frame *f)
{
    if (f != table) {
        if (!(f->flags & FRAME_VALIDATED) || f->type != table->type || f->linear < 0 ||
            table->linear > 0 || f->linear == INT8_MAX || table->linear == INT8_MIN ||
            f->type_count == ~0u || !page_get(f))
            return -EINVAL;
        f->type_count++;
        f->linear++;
        table->linear--;
    }
    if (table->type == FT_L4 && !d->linear_l4) {
        d->linear_l4 = true;
        l4_linear_noted(d);
    }
    return 0;
}

/* Takes the references of a present entry of an L2, L3 or L4; nothing having been taken: as l1_get,
 * but that a frame which is not the domain's, or in use as something else, is -EINVAL, as under
 * Xen; and what is wrong with an entry of a table that it would make. */
static int table_get(struct domain *d, struct frame *table, u64 entry)
{
    struct frame *f;
    int error;

    if (entry & ~TABLE_ALLOWED)
        return -EINVAL;
    error = page_get_and_type(d, entry_mfn(entry), table->type - 1, &f);
    if (likely(!error))
        return 0;
    if (!page_of(d, entry_mfn(entry)))
        return -EINVAL;
    if (error != -EBUSY)
        return error;
    f = &frame_table[entry_mfn(entry)];
    if (!f->type_count || f->type == table->type - 1)
        return -EBUSY;
    return entry & PTE_W ? -EINVAL : linear_get(d, table, f);
}

static void table_put(struct domain *d, struct frame *table, u64 entry)
{
    struct frame *f = &frame_table[entry_mfn(entry)];

    tlb_note_stale(TLB_ANY_ROOT, TLB_ANY_GVA, frame_mfn(f));
    if (unlikely(f == table))
        return;
    if (unlikely(f->type == table->type)) {
        f->linear--;
        table->linear++;
    }
    page_put_and_type(d, f);
}

static inline void put_entry(struct domain *d, struct frame *table, u64 entry)
{
    if (table->type == FT_L1)
        l1_put(d, entry);
    else
        table_put(d, table, entry);
}

static inline int get_entry(struct domain *d, struct frame *table, u64 *entry)
{
    bool l1 = table->type == FT_L1;
    int error = l1 ? l1_get(d, *entry) : table_get(d, table, *entry);

    if (likely(!error))
        *entry = l1 ? l1_adjusted(*entry) : *entry | PTE_U;
    return error;
}

/* Tables are mostly empty: the first entry from i on that may be present, found by eights where
 * none is. */
static inline unsigned skip_empty(const u64 *t, unsigned i)
{
    enum { TOGETHER = 8 };

    for (; i % TOGETHER == 0 && i < PT_ENTRIES; i += TOGETHER)
        if ((t[i] | t[i + 1] | t[i + 2] | t[i + 3] | t[i + 4] | t[i + 5] | t[i + 6] | t[i + 7]) &
            PTE_P)
            break;
    return i;
}

/* The guest's entries from 0 to end drop what they hold. */
static void put_entries(struct domain *d, struct frame *f, unsigned end)
{
    const u64 *table = mfn_to_va(frame_mfn(f));

    /* lab pv.6: lab_missing("pv.6"); */
    for (unsigned i = skip_empty(table, 0); i < end; i = skip_empty(table, i + 1))
        if (table[i] & PTE_P && !(f->type == FT_L4 && slot_is_hypervisors(i)))
            put_entry(d, f, table[i]);
    /* lab end pv.6 */
}

/*
 * Tour 57: a frame becomes a page table. The guest may fill a page with whatever it likes; when it
 * is first used as a table every entry is checked, and each takes its references, which may make
 * further frames into tables. If one entry is bad, those before it give back what they took. If
 * a table was made on the way and time is up, it breaks off, to go on from there.
 * Compare with shadow_protect_frame: shadow paging notices that a frame became a table; here the
 * guest has to say so.
 */
/* The present entries from *done on, without the hypervisor's slots of an L4, take what they refer
 * to (get_entry) and stand in the table as they come back from it. Before an entry is looked at
 * *done is its number, after that one more, so it says at each moment how many hold something.
 * Returns get_entry's error; -ERESTART if tables were made for an entry (d->tables_made has
 * changed), time is up (sched_time_is_up) and it was not the last of the table. */
static int validate_entries(struct domain *d, struct frame *f, unsigned *done)
{
    u64 *table = mfn_to_va(frame_mfn(f));

    /* lab pv.6: return lab_missing("pv.6"), 0; */
    for (unsigned i = skip_empty(table, *done); i < PT_ENTRIES; i = skip_empty(table, i + 1)) {
        u32 made = d->tables_made;
        u64 entry = table[i];
        int error;

        if (!(entry & PTE_P) || (f->type == FT_L4 && slot_is_hypervisors(i)))
            continue;
        *done = i;
        error = get_entry(d, f, &entry);
        if (unlikely(error))
            return error;
        table[i] = entry;
        *done = i + 1;
        if (d->tables_made != made && sched_time_is_up() && *done < PT_ENTRIES)
            return -ERESTART;
    }
    return 0;
    /* lab end pv.6 */
}

int table_validate(struct domain *d, struct frame *f, unsigned *done)
{
    u64 *table = mfn_to_va(frame_mfn(f));
    int error;

    if (f->type == FT_SEGDESC)
        return segment_page_adjust(table);
    error = validate_entries(d, f, done);
    if (error) {
        if (error != -ERESTART)
            put_entries(d, f, *done);
        return error;
    }
    if (f->type == FT_L4)
        l4_fill(d, table);
    d->tables_made++;
    ledger_count(&d->ledger, LC_PV_TABLE_VALIDATED);
    TRACE(d, PV_TABLE_VALIDATED, frame_mfn(f).v, type_level(f->type));
    return 0;
}

void table_invalidate(struct domain *d, struct frame *f, unsigned end)
{
    put_entries(d, f, end);
    if (end != PT_ENTRIES) /* it never was in use */
        return;
    if (f->type == FT_L4)
        l4_clear(mfn_to_va(frame_mfn(f)));
    ledger_count(&d->ledger, LC_PV_TABLE_INVALIDATED);
    TRACE(d, PV_TABLE_INVALIDATED, frame_mfn(f).v, type_level(f->type));
}

/* The last step of each change; old is what the entry was. */
static void note_update(struct domain *d, const u64 *p, u64 old, u64 entry)
{
    ledger_count(&d->ledger, LC_PV_PTE_UPDATE);
    TRACE(d, PV_PTE_UPDATE, va_to_mpa(p).v >> PAGE_SHIFT, (uintptr_t)p % PAGE_SIZE / sizeof(*p),
          old, entry);
}

/* An L1 entry to which table_same_use applies: what the old one holds the new one holds. */
static void store_same_use(struct domain *d, u64 *p, u64 entry, bool keep_ad)
{
    u64 old = *p;

    entry = l1_adjusted(entry) | (keep_ad ? old & (PTE_A | PTE_D) : 0);
    old = __atomic_exchange_n(p, entry, __ATOMIC_SEQ_CST);
    note_update(d, p, old, entry);
}

/*
 * Tour 56: take, store, drop. Three steps whose order is the proof: the references that the new
 * entry needs are taken while nothing has changed yet, so failure costs nothing; the entry is
 * stored in one atomic exchange; then the old entry's references are dropped. At no moment does an
 * entry exist that nobody has counted.
 */
int table_set_entry(struct domain *d, struct frame *f, u64 *p, u64 entry, bool keep_ad)
{
    enum frame_type type = f->type;
    u64 old = *p;

    ASSERT(f->flags & FRAME_VALIDATED && type_is_table(type));
    if (type == FT_L1 && table_same_use(old, entry)) {
        store_same_use(d, p, entry, keep_ad);
        return 0;
    }
    /* lab pv.4: (void)type, (void)old; return lab_missing("pv.4"), 0; */
    if (unlikely(type == FT_L4 && slot_is_hypervisors(((uintptr_t)p & PAGE_OFFSET_MASK) / 8)))
        return -EINVAL;
    if (entry & PTE_P) {
        int error = get_entry(d, f, &entry);
        if (unlikely(error))
            return error;
        if (keep_ad)
            entry |= old & (PTE_A | PTE_D);
    }
    old = __atomic_exchange_n(p, entry, __ATOMIC_SEQ_CST);
    if (old & PTE_P)
        put_entry(d, f, old);
    /* lab end pv.4 */
    note_update(d, p, old, entry);
    return 0;
}

void table_store_held(struct domain *d, u64 *p, u64 entry)
{
    u64 old = __atomic_exchange_n(p, entry, __ATOMIC_SEQ_CST);

    if (old & PTE_P)
        l1_put(d, old);
    note_update(d, p, old, entry);
}

u64 *table_find_l1(const struct domain *d, u64 root, u64 va, struct frame **table)
{
    u64 mfn = root >> PAGE_SHIFT;

    if (unlikely(!canonical(va) || slot_is_hypervisors(pt_index(va, 4))))
        return NULL;
    for (unsigned level = 4; level > 1; level--) {
        const u64 *t = mfn_to_va(mfn_of(mfn));
        u64 entry = t[pt_index(va, level)];

        if (unlikely(!(entry & PTE_P)))
            return NULL;
        mfn = entry_mfn(entry);
        if (unlikely(frame_table[mfn].type != FT_L1 + level - 2)) /* through a linear table */
            return NULL;
    }
    *table = &frame_table[mfn];
    ASSERT((*table)->owner == d->id);
    (void)d;
    return (u64 *)mfn_to_va(mfn_of(mfn)) + pt_index(va, 1);
}
