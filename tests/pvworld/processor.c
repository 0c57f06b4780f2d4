/*
 * The small machine's processor: accesses, of the guest in ring 3 and of the hypervisor for it in
 * ring 0, each by a walk of the tables that are loaded; and a TLB that forgets only when it is
 * flushed.
 */
#include "pvworld/parts.h"

#include <string.h>

#include "../../src/pv/table.h"
#include "layout.h"

/* What a TLB may remember of the running domain since the last flush. */
static bool cached_read[WORLD_FRAMES], cached_write[WORLD_FRAMES];

void world_cr3_loaded(void)
{
    memset(cached_read, 0, sizeof(cached_read));
    memset(cached_write, 0, sizeof(cached_write));
}

/* Keeps what it has: a model that forgets less finds more. */
void world_page_flushed(u64 la)
{
    (void)la;
    world_cpu.invlpgs++;
}

static const u64 *table_of(u64 entry)
{
    u64 mfn = (entry & PTE_ADDR) >> PAGE_SHIFT;

    if (mfn >= WORLD_FRAMES)
        world_fail("a table's entry leads out of the machine", entry);
    return mfn_to_va(mfn_of(mfn));
}

/* The L1 entry of an address in the tables that are loaded, W being that of all levels; 0: none, or
 * none for ring 3. In ring 0 U means nothing. */
static u64 walk(u64 va, unsigned ring)
{
    u64 entry = world_cpu.cr3 | PTE_P, all = PTE_W | PTE_U;

    if (!canonical(va) || slot_is_hypervisors(pt_index(va, 4)))
        return 0;
    for (unsigned level = 4; level > 0 && entry & PTE_P; level--) {
        entry = table_of(entry)[pt_index(va, level)];
        all &= entry;
    }
    if (!(entry & PTE_P) || (ring == 3 && !(all & PTE_U)))
        return 0;
    return (entry & ~(u64)PTE_W) | (all & PTE_W);
}

/* A frame that the running guest reaches: its own, granted, or left behind by one that has ended.
 */
static void check_reached(u64 mfn, bool write)
{
    const struct frame *f = frame_of(mfn_of(mfn));
    const struct domain *d = world_domain[world_running];

    if (!f)
        world_fail("a translation leads out of memory", mfn);
    if (f->owner != d->id && !pv_grant_explains(d, mfn << PAGE_SHIFT | (write ? PTE_W : 0)) &&
        !pv_grant_explains(d, mfn << PAGE_SHIFT | PTE_W))
        world_fail("a translation leads to a frame of another's", mfn);
    if (write && f->type != FT_WRITABLE)
        world_fail("a writable translation leads to what is no such memory", mfn);
}

/* One access within a page: our pointer to it, or NULL. */
static void *reach(u64 va, bool write, unsigned ring)
{
    u64 entry = walk(va, ring);

    if (!entry || (write && !(entry & PTE_W)))
        return NULL;
    check_reached((entry & PTE_ADDR) >> PAGE_SHIFT, write);
    return (u8 *)mfn_to_va(mfn_of((entry & PTE_ADDR) >> PAGE_SHIFT)) + (va & PAGE_OFFSET_MASK);
}

static bool copy(u64 gva, void *ours, size_t len, bool write, unsigned ring)
{
    for (size_t done = 0; done < len;) {
        size_t part = MIN(len - done, PAGE_SIZE - ((gva + done) & PAGE_OFFSET_MASK));
        void *p = reach(gva + done, write, ring), *q = (u8 *)ours + done;

        if (!p)
            return false;
        memcpy(write ? p : q, write ? q : p, part);
        done += part;
    }
    return true;
}

/* The hypervisor's own accesses, in ring 0; those of guest_memory.c and access.asm. */
size_t safe_copy(void *to, const void *from, size_t len, u64 *error)
{
    *error = 0;
    return copy((u64)(uintptr_t)from, to, len, false, 0) ? 0 : len;
}

bool pv_copy_bytes_from(void *to, u64 gva, size_t len)
{
    u64 error;

    if (!pv_read_plain(gva))
        return !pv_read_careful(to, gva, len, &error);
    return copy(gva, to, len, false, 0);
}

bool pv_copy_to(u64 gva, const void *from, size_t len)
{
    return pv_range_ok(gva, len) && copy(gva, (void *)(uintptr_t)from, len, true, 0);
}

u64 pv_put_word(u64 gva, u64 value)
{
    return !copy(gva, &value, sizeof(value), true, 0);
}

u64 pv_get_half(void *to, u64 gva)
{
    return !copy(gva, to, sizeof(u32), false, 0);
}

u64 pv_get_words(void *to, u64 gva, u64 words)
{
    return !copy(gva, to, words * sizeof(u64), false, 0);
}

bool world_store(u64 gva, const void *from, size_t len)
{
    return copy(gva, (void *)(uintptr_t)from, len, true, 3);
}

bool world_load(void *to, u64 gva, size_t len)
{
    return copy(gva, to, len, false, 3);
}

/* Everything that the running guest can reach now is remembered; what was remembered must still be
 * the guest's to reach. */
void world_check_tlb(void)
{
    for (u64 page = 0; page < WORLD_PAGES + PT_ENTRIES; page++) {
        u64 entry = walk(page << PAGE_SHIFT, 3), mfn = (entry & PTE_ADDR) >> PAGE_SHIFT;

        if (!entry)
            continue;
        check_reached(mfn, entry & PTE_W);
        cached_read[mfn] = true;
        cached_write[mfn] |= !!(entry & PTE_W);
    }
    for (u64 mfn = 0; mfn < WORLD_FRAMES; mfn++) {
        const struct frame *f = &frame_table[mfn];

        if (cached_write[mfn] && f->type != FT_WRITABLE)
            world_fail("a TLB can write what has become something else", mfn);
        if (cached_read[mfn] && f->owner != world_running && !f->refs)
            world_fail("a TLB reads a frame that has been given back", mfn);
    }
}

/* What the guests write to control and debug registers: the processor's are all 0 but for what they
 * may have there. */
void world_check_registers(void)
{
    enum { CONDITIONS = 16, ON = 3, ON_PORT = 2 };

    if (world_cpu.cr0 & ~CR0_TS || world_cpu.cr4 & ~CR4_TSD)
        world_fail("a control register", world_cpu.cr0 | world_cpu.cr4);
    if (world_cpu.dr7 & DR7_GD)
        world_fail("general detect", world_cpu.dr7);
    for (unsigned i = 0; i < 4; i++)
        if (world_cpu.dr7 >> 2 * i & 3 && (world_cpu.dr7 >> (CONDITIONS + 4 * i) & ON) == ON_PORT)
            world_fail("a breakpoint on a port", world_cpu.dr7);
}
