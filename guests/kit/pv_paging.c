/*
 * Page tables under PV: entries hold machine frames, a table is mapped read-only and changes by
 * mmu_update. Sources: xen/xen.h, "mmu_update" and "mmuext_op"; xen/arch-x86/xen-x86_64.h for M2P.
 */
#include "kit/hypercall.h"
#include "kit/kit.h"
#include "kit/pv.h"
#include "kit/pv_paging.h"

enum pv_paging_limits { BATCH = 64 };

u64 pv_machine(u64 pa)
{
    const u64 *mfn = (const u64 *)pv_start.mfn_list;

    return mfn[pa >> PAGE_SHIFT] << PAGE_SHIFT | (pa & (PAGE_SIZE - 1));
}

u64 pv_entry_of(u64 pa, u64 bits)
{
    return pv_machine(pa) | bits;
}

u64 pv_entry_pa(u64 entry)
{
    return (u64)machine_to_phys_mapping[(entry & ENTRY_ADDRESS) >> PAGE_SHIFT] << PAGE_SHIFT;
}

static mmu_update_t update_of(const u64 *entry, u64 value)
{
    return (mmu_update_t){.ptr = pv_machine((u64)entry) | MMU_NORMAL_PT_UPDATE, .val = value};
}

static void update(const mmu_update_t *u, unsigned count)
{
    if (hypercall4(__HYPERVISOR_mmu_update, (u64)u, count, 0, DOMID_SELF))
        check("mmu_update succeeds", false);
}

void pv_set_entry(u64 *entry, u64 value)
{
    mmu_update_t u = update_of(entry, value);

    update(&u, 1);
}

void pv_set_entries(const struct entry_change *change, unsigned count)
{
    mmu_update_t u[BATCH];

    for (unsigned done = 0; done < count;) {
        unsigned n = count - done < BATCH ? count - done : BATCH;

        for (unsigned i = 0; i < n; i++)
            u[i] = update_of(change[done + i].entry, change[done + i].value);
        update(u, n);
        done += n;
    }
}

void pv_set_mapping(u64 va, u64 *entry, u64 value)
{
    (void)entry;
    if (hypercall3(__HYPERVISOR_update_va_mapping, va, value, UVMF_INVLPG | UVMF_LOCAL))
        check("update_va_mapping succeeds", false);
}

void pv_map_here(void *page, u64 machine)
{
    pv_set_mapping((u64)page, NULL, machine | ENTRY_RW | ENTRY_ACCESSED | ENTRY_DIRTY);
}

/* A page table must not be mapped writable: the guest's own map of it becomes read-only. */
void pv_table_begin(void *page)
{
    pv_set_mapping((u64)page, NULL, pv_entry_of((u64)page, ENTRY_PRESENT | ENTRY_ACCESSED));
}

void pv_table_end(void *page)
{
    pv_set_mapping((u64)page, NULL,
                   pv_entry_of((u64)page, ENTRY_RW | ENTRY_ACCESSED | ENTRY_DIRTY));
}

static void mmuext(struct mmuext_op *op, unsigned count)
{
    if (hypercall4(__HYPERVISOR_mmuext_op, (u64)op, count, 0, DOMID_SELF))
        check("mmuext_op succeeds", false);
}

static void pin(struct space *s, unsigned command)
{
    struct mmuext_op op[2] = {{.cmd = command}, {.cmd = command}};

    op[0].arg1.mfn = pv_machine((u64)s->root) >> PAGE_SHIFT;
    op[1].arg1.mfn = pv_machine((u64)s->user_root) >> PAGE_SHIFT;
    mmuext(op, ARRAY_SIZE(op));
}

void pv_space_pin(struct space *s)
{
    pin(s, MMUEXT_PIN_L4_TABLE);
}

void pv_space_unpin(struct space *s)
{
    pin(s, MMUEXT_UNPIN_TABLE);
}

void pv_space_load(struct space *s)
{
    struct mmuext_op op[2] = {{.cmd = MMUEXT_NEW_BASEPTR}, {.cmd = MMUEXT_NEW_USER_BASEPTR}};

    op[0].arg1.mfn = pv_machine((u64)s->root) >> PAGE_SHIFT;
    /* The boot's space has no user root: none at all then. */
    op[1].arg1.mfn = s->user_root == s->root ? 0 : pv_machine((u64)s->user_root) >> PAGE_SHIFT;
    mmuext(op, ARRAY_SIZE(op));
}

void pv_flush_page(u64 va)
{
    struct mmuext_op op = {.cmd = MMUEXT_INVLPG_LOCAL};

    op.arg1.linear_addr = va;
    mmuext(&op, 1);
}

void pv_flush_all(void)
{
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    mmuext(&op, 1);
}

/*
 * The builder mapped the image and at least 512 KiB more (xen/xen.h, "Start-of-day memory layout"),
 * by whole L1 tables. The rest of [start, end) is mapped here at its guest-physical address,
 * upwards, so that the pages for new tables lie in what is mapped already.
 */
u64 pv_map_memory(u64 start, u64 end)
{
    struct entry_change c[BATCH];
    unsigned n = 0;

    for (u64 pa = start; pa < end; pa += PAGE_SIZE) {
        u64 *upper = space_entry(&kernel_space, pa, 2, true);

        if (!(*upper & ENTRY_PRESENT)) {
            u64 *table = page_alloc_zeroed();

            if (pa % LARGE_PAGE_SIZE)
                check("the builder's map ends with a whole table", false);
            for (unsigned i = 0; i < TABLE_ENTRIES && pa + i * PAGE_SIZE < end; i++)
                table[i] = pv_entry_of(pa + i * PAGE_SIZE, ENTRY_RW);
            pv_table_begin(table);
            pv_set_entry(upper, pv_entry_of((u64)table, ENTRY_USER_RW));
            pa += (TABLE_ENTRIES - 1) * PAGE_SIZE;
            continue;
        }
        u64 *entry = space_entry(&kernel_space, pa, 1, false);
        if (*entry & ENTRY_PRESENT)
            continue;
        c[n++] = (struct entry_change){entry, pv_entry_of(pa, ENTRY_RW)};
        if (n == BATCH || pa + PAGE_SIZE >= end) {
            pv_set_entries(c, n);
            n = 0;
        }
    }
    pv_set_entries(c, n);
    return end;
}
