/*
 * Page frames: a bump pointer through the free memory, and a list of pages that came back.
 * Invariant: a page on the list is mapped writable and is no page table.
 */
#include "kit/kit.h"
#include "kit/pv.h"

enum memory_defaults { MEMORY_WANTED = 24 << 20 };

u64 guest_memory_wanted __attribute__((weak)) = MEMORY_WANTED;

struct free_page {
    struct free_page *next; /* NULL: the last */
};
static struct free_page *free_pages;
static u64 next, limit;

void memory_init(void)
{
    next = boot_info.free_start;
    limit = boot_info.free_end;
    if (limit > next + guest_memory_wanted)
        limit = next + guest_memory_wanted;
    if (platform->pv)
        limit = pv_map_memory(next, limit);
}

void *memory_take(u64 bytes, u64 align)
{
    u64 at = (next + align - 1) & ~(align - 1);

    if (!check("memory suffices", at + bytes <= limit))
        finish();
    next = at + bytes;
    return (void *)at;
}

u64 memory_left(void)
{
    return limit - next;
}

void *page_alloc(void)
{
    struct free_page *page = free_pages;

    if (page) {
        free_pages = page->next;
        return page;
    }
    if (next >= limit) {
        check("memory suffices", false);
        finish();
    }
    next += PAGE_SIZE;
    return (void *)(next - PAGE_SIZE);
}

void *page_alloc_zeroed(void)
{
    void *page = page_alloc();

    page_clear(page);
    return page;
}

void page_free(void *page)
{
    struct free_page *f = page;

    f->next = free_pages;
    free_pages = f;
}

void page_clear(void *page)
{
    u64 count = PAGE_SIZE / sizeof(u64);

    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0) : "memory");
}

void page_copy(void *to, const void *from)
{
    u64 count = PAGE_SIZE / sizeof(u64);

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}
