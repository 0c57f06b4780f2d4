/*
 * Where the parts of a new paravirtualized domain lie, and its first page tables. Source:
 * xen/xen.h, "Start-of-day memory layout"; xen/elfnote.h.
 *
 * In memory from frame 0 on, mapped from VIRT_BASE on, each part aligned to 4 KiB: the image; the
 * RAM disk; the list of frames; start_info; the rings of XenStore and of the console; the page
 * tables, read-only; a page of stack; at least 512 KiB of slack to an end aligned to 4 MiB. With
 * the note INIT_P2M the list of frames comes behind that end and is mapped at that address; with
 * MOD_START_PFN so does the RAM disk, and is not mapped at all.
 */
#include "build.h"
#include "log.h"
#include "x86.h"

enum layout_constants {
    SLACK_BYTES = 512 << 10,
    END_ALIGN = 4 << 20,
    TOP_TABLE = 1, /* the L4 */
    ENTRY_FLAGS = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D,
};

const char *build_read_notes(struct building *b, const struct elf_notes *n)
{
    u64 p2m_bytes;

    b->virt_base = n->virt_base == ELF_NOTE_ABSENT ? 0 : n->virt_base;
    b->p2m_apart = n->init_p2m != ELF_NOTE_ABSENT;
    b->p2m_base = n->init_p2m;
    b->initrd_unmapped = n->mod_start_pfn != ELF_NOTE_ABSENT && n->mod_start_pfn;
    b->p2m_pages = PAGE_ALIGN_UP(b->pages * sizeof(u64)) >> PAGE_SHIFT;
    p2m_bytes = b->p2m_pages << PAGE_SHIFT;
    if (b->virt_base & (END_ALIGN - 1))
        return "its VIRT_BASE is not a multiple of 4 MiB";
    if (!canonical(b->virt_base) || !pv_range_ok(b->virt_base, b->pages << PAGE_SHIFT) ||
        b->virt_base + (b->pages << PAGE_SHIFT) < b->virt_base)
        return "its VIRT_BASE is not an address that a guest may have";
    if (!b->p2m_apart)
        return NULL;
    if (b->p2m_base & PAGE_OFFSET_MASK || !canonical(b->p2m_base) ||
        !pv_range_ok(b->p2m_base, p2m_bytes) || b->p2m_base + p2m_bytes < b->p2m_base)
        return "its INIT_P2M is not an address that a guest may have";
    if (b->p2m_base < b->virt_base + (b->pages << PAGE_SHIFT) &&
        b->virt_base < b->p2m_base + p2m_bytes)
        return "its INIT_P2M lies in what is mapped from VIRT_BASE on";
    return NULL;
}

/* Tables of one level that [start, end) takes, level being that of the entries' own table. */
static u64 tables_of(u64 start, u64 end, unsigned level)
{
    unsigned shift = PAGE_SHIFT + 9 * level;

    return ((end - 1) >> shift) - (start >> shift) + 1;
}

/* Tables below the L4 that [start, start + bytes) takes. */
static u64 tables_below(u64 start, u64 bytes)
{
    u64 end = start + bytes;

    return tables_of(start, end, 3) + tables_of(start, end, 2) + tables_of(start, end, 1);
}

bool build_lay_out(struct building *b)
{
    u64 next, p2m_tables = 0;

    b->initrd = b->image_pages;
    b->p2m = b->initrd + (b->initrd_unmapped ? 0 : b->initrd_pages);
    b->start_info = b->p2m + (b->p2m_apart ? 0 : b->p2m_pages);
    b->store = b->start_info + 1;
    b->console = b->store + 1;
    b->tables = b->console + 1;
    if (b->p2m_apart)
        p2m_tables = tables_below(b->p2m_base, b->p2m_pages << PAGE_SHIFT);
    for (b->table_count = TOP_TABLE;;) {
        u64 bytes, need;

        b->stack = b->tables + b->table_count;
        bytes = ((b->stack + 1) << PAGE_SHIFT) + SLACK_BYTES;
        bytes = (bytes + END_ALIGN - 1) & ~(u64)(END_ALIGN - 1);
        b->end = bytes >> PAGE_SHIFT;
        if (b->end > b->pages)
            return false;
        need = TOP_TABLE + tables_below(b->virt_base, bytes) + p2m_tables;
        if (need <= b->table_count)
            break;
        b->table_count = need;
    }
    next = b->end;
    if (b->p2m_apart) {
        b->p2m = next;
        next += b->p2m_pages;
    }
    if (b->initrd_unmapped) {
        b->initrd = next;
        next += b->initrd_pages;
    }
    return next <= b->pages;
}

/* The next free page of the tables, or the one that the entry leads to already. */
static u64 *table_below(const struct building *b, u64 *entry, u64 *next)
{
    if (!(*entry & PTE_P))
        *entry = b->mfn[(*next)++] << PAGE_SHIFT | ENTRY_FLAGS;
    return mpa_to_va(mpa_of(*entry & PTE_ADDR));
}

static void map(const struct building *b, u64 va, u64 page, u64 *next)
{
    u64 *l4 = page_at(b, b->tables);
    u64 *l3 = table_below(b, &l4[pt_index(va, 4)], next);
    u64 *l2 = table_below(b, &l3[pt_index(va, 3)], next);
    u64 *l1 = table_below(b, &l2[pt_index(va, 2)], next);
    bool is_table = page >= b->tables && page < b->tables + b->table_count;

    l1[pt_index(va, 1)] =
        b->mfn[page] << PAGE_SHIFT | (is_table ? ENTRY_FLAGS & ~PTE_W : ENTRY_FLAGS);
}

/* L4 first (pt_base), the others in the order in which they are reached. */
void build_tables(const struct building *b)
{
    u64 next = b->tables + TOP_TABLE;

    for (u64 i = 0; i < b->end; i++)
        map(b, va_of(b, i), i, &next);
    for (u64 i = 0; b->p2m_apart && i < b->p2m_pages; i++)
        map(b, b->p2m_base + (i << PAGE_SHIFT), b->p2m + i, &next);
    ASSERT(next <= b->tables + b->table_count);
}
