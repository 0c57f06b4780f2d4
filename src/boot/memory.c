/*
 * Machine memory at boot: the lasting page tables, and the frame table.
 *
 * Invariants
 *  - No page of the hypervisor's is both writable and executable after memory_init (the image: text
 * RX, rodata R, the rest RW NX; the direct map RW NX).
 *  - The L3 tables of slots 256..271 all exist and their L4 entries never change afterwards (slot
 * 260's: per domain), so that a copy of them in a guest's L4 stays true.
 */
#include "boot.h"
#include "boot_steps.h"
#include "frame.h"
#include "frame_setup.h"
#include "insn.h"
#include "layout.h"
#include "log.h"
#include "x86.h"

#include <string.h>

enum {
    FIRST_MIB = 1 << 20, /* stays untouched: firmware's data, the loader's */
    BOOT_MAPPED = 32,    /* boot.asm maps 2^32 bytes */
};
#define DEVICES_START 0xfec00000ULL /* I/O APIC, local APIC and what lies above them */
#define DEVICES_END   0x100000000ULL

u64 *hypervisor_l4;
static u64 pool_next, pool_end; /* machine memory for tables before the allocator stands */

static void *early_page(void)
{
    if (pool_next >= pool_end)
        panic("out of memory for the first page tables");
    void *p = mpa_to_va(mpa_of(pool_next));
    pool_next += PAGE_SIZE;
    memset(p, 0, PAGE_SIZE);
    return p;
}

static u64 *next_table(u64 *table, unsigned index)
{
    if (!(table[index] & PTE_P)) {
        u64 *t = early_page();
        table[index] = va_to_mpa(t).v | PTE_P | PTE_W;
        return t;
    }
    return mpa_to_va(mpa_of(table[index] & PTE_ADDR));
}

static void map_2m(u64 va, u64 pa, u64 flags)
{
    u64 *l3 = next_table(hypervisor_l4, pt_index(va, 4));
    u64 *l2 = next_table(l3, pt_index(va, 3));

    l2[pt_index(va, 2)] = pa | flags | PTE_P | PTE_PS | PTE_A | PTE_D;
}

static void map_4k(u64 va, u64 pa, u64 flags)
{
    u64 *l3 = next_table(hypervisor_l4, pt_index(va, 4));
    u64 *l2 = next_table(l3, pt_index(va, 3));
    u64 *l1 = next_table(l2, pt_index(va, 2));

    l1[pt_index(va, 1)] = pa | flags | PTE_P | PTE_A | PTE_D;
}

static void map_image(void)
{
    u64 start = (u64)(uintptr_t)image_start, end = (u64)(uintptr_t)image_end;

    for (u64 va = start & ~PAGE_OFFSET_MASK; va < end; va += PAGE_SIZE) {
        u64 flags = PTE_W | PTE_NX;
        if (va >= (u64)(uintptr_t)text_start && va < (u64)(uintptr_t)text_end)
            flags = 0;
        else if (va >= (u64)(uintptr_t)text_end && va < (u64)(uintptr_t)rodata_end)
            flags = PTE_NX;
        map_4k(va, va - IMAGE_BASE, flags);
    }
}

static u64 top_of_memory(void)
{
    u64 top = 0;

    for (u32 i = 0; i < boot_info.ranges; i++)
        if (boot_info.range[i].usable)
            top = MAX(top, boot_info.range[i].end);
    return top;
}

static void map_direct(u64 top)
{
    for (u64 pa = 0; pa < top; pa += 1ULL << PAGE_SHIFT_2M)
        if (pa < DEVICES_START || pa >= DEVICES_END)
            map_2m(DIRECT_MAP_BASE + pa, pa, PTE_W | PTE_NX);
    for (u64 pa = DEVICES_START; pa < DEVICES_END; pa += 1ULL << PAGE_SHIFT_2M)
        map_2m(DIRECT_MAP_BASE + pa, pa, PTE_W | PTE_NX | PTE_PCD | PTE_PWT);
}

void map_device(u64 start, u64 bytes)
{
    for (u64 pa = start & ~((1ULL << PAGE_SHIFT_2M) - 1); pa < start + bytes;
         pa += 1ULL << PAGE_SHIFT_2M)
        if (pa < DEVICES_START || pa >= DEVICES_END)
            map_2m(DIRECT_MAP_BASE + pa, pa, PTE_W | PTE_NX | PTE_PCD | PTE_PWT);
    write_cr3(read_cr3());
}

/* What is in use before the allocator stands: the lowest MiB, the image, the modules, the first
 * tables. */
static struct {
    u64 start, end; /* machine addresses */
} in_use[BOOT_MODULES + 3];
static u32 in_use_count;

static void use(u64 start, u64 end)
{
    in_use[in_use_count].start = start & ~PAGE_OFFSET_MASK;
    in_use[in_use_count].end = PAGE_ALIGN_UP(end);
    in_use_count++;
}

static void find_in_use(void)
{
    use(0, FIRST_MIB);
    use((u64)(uintptr_t)loaded_start - IMAGE_BASE, (u64)(uintptr_t)image_end - IMAGE_BASE);
    for (u32 i = 0; i < boot_info.modules; i++)
        use(boot_info.module[i].start, boot_info.module[i].end);
}

/* The lowest address from `at` on that is not in use; *stop is where the next used range begins. */
static u64 skip_in_use(u64 at, u64 *stop)
{
    *stop = ~0ULL;
    for (u32 i = 0; i < in_use_count; i++) {
        if (in_use[i].start <= at && at < in_use[i].end) {
            at = in_use[i].end;
            *stop = ~0ULL;
            i = ~0u; /* again from the first */
        } else if (in_use[i].start > at)
            *stop = MIN(*stop, in_use[i].start);
    }
    return at;
}

/* Finds RAM that boot.asm has mapped, of this many bytes, and marks it used. */
static u64 take_pool(u64 bytes)
{
    for (u32 i = 0; i < boot_info.ranges; i++) {
        const struct memory_range *r = &boot_info.range[i];
        u64 end = MIN(r->end, 1ULL << BOOT_MAPPED), stop;
        if (!r->usable)
            continue;
        for (u64 at = skip_in_use(PAGE_ALIGN_UP(r->start), &stop); at < end;
             at = skip_in_use(stop, &stop)) {
            if (at + bytes <= MIN(end, stop)) {
                use(at, at + bytes);
                return at;
            }
            if (stop >= end)
                break;
        }
    }
    refuse("There is not enough memory for the hypervisor: %lu KiB are needed beside the modules.",
           bytes >> 10);
}

/* Gives [start, end) to the allocator, except what is in use. */
static void release(u64 start, u64 end)
{
    u64 stop;

    for (u64 at = skip_in_use(start, &stop); at < end; at = skip_in_use(stop, &stop)) {
        frame_table_release(at >> PAGE_SHIFT, MIN(stop, end) >> PAGE_SHIFT);
        if (stop >= end)
            return;
    }
}

static void frames_init(u64 top)
{
    u64 limit = top >> PAGE_SHIFT;
    void *table = mpa_to_va(mpa_of(pool_next));

    pool_next += frame_table_bytes(limit);
    frame_table_init(table, limit);
    for (u32 i = 0; i < boot_info.ranges; i++)
        if (boot_info.range[i].usable)
            frame_table_add_ram(PAGE_ALIGN_UP(boot_info.range[i].start) >> PAGE_SHIFT,
                                boot_info.range[i].end >> PAGE_SHIFT);
}

/*
 * Tour 7: the lasting tables, and who owns memory. Replaces the tables of boot.asm: text that
 * cannot be written, data that cannot be executed, and all of machine memory at one fixed distance,
 * so that `mfn_to_va` is an addition. Before there is an allocator its memory comes from a pool
 * that is found by hand, between what the loader already uses. At the end whatever is left goes to
 * the frame table.
 */
void memory_init(void)
{
    u64 top = MIN(top_of_memory(), DIRECT_MAP_SIZE);
    u64 tables = (top >> PAGE_SHIFT_1G) + 4 + 32 + 16;
    u64 need = frame_table_bytes(top >> PAGE_SHIFT) + tables * PAGE_SIZE;

    find_in_use();
    pool_next = take_pool(need);
    pool_end = pool_next + need;
    hypervisor_l4 = early_page();
    for (unsigned slot = HYPERVISOR_FIRST_SLOT; slot <= HYPERVISOR_LAST_SLOT; slot++)
        next_table(hypervisor_l4, slot);
    map_image();
    map_direct(top);
    write_cr3(va_to_mpa(hypervisor_l4).v);
    frames_init(top);
    for (u32 i = 0; i < boot_info.ranges; i++)
        if (boot_info.range[i].usable)
            release(PAGE_ALIGN_UP(boot_info.range[i].start),
                    boot_info.range[i].end & ~PAGE_OFFSET_MASK);
}
