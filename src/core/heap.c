/*
 * Memory for the hypervisor's own objects. Whole pages come from the frame table; small objects
 * from size classes (powers of two, 16 bytes to half a page) whose free objects are chained through
 * their first word. Pages given to a class stay with it.
 *
 * What is taken for a domain is added to its overhead_bytes, and subtracted when given back.
 */
#include "domain.h"
#include "frame.h"
#include "layout.h"
#include "log.h"

#include <string.h>

enum { CLASS_MIN_SHIFT = 4, CLASS_MAX_SHIFT = 11, CLASSES = CLASS_MAX_SHIFT - CLASS_MIN_SHIFT + 1 };

struct free_object {
    struct free_object *next; /* in the same class */
};
static struct free_object *free_objects[CLASSES];

void *hv_alloc_pages(struct domain *d, unsigned order)
{
    struct frame *f = frame_alloc_order(DOMID_HYPERVISOR, order);

    if (!f)
        return NULL;
    if (d)
        d->overhead_bytes += (u64)PAGE_SIZE << order;
    return mfn_to_va(frame_mfn(f));
}

void hv_free_pages(struct domain *d, void *p, unsigned order)
{
    if (!p)
        return;
    if (d)
        d->overhead_bytes -= (u64)PAGE_SIZE << order;
    struct frame *f = frame_of(va_to_mfn(p));
    for (unsigned i = 0; i < 1u << order; i++)
        frame_put(&f[i]);
}

/* Index of the class for objects of this size; CLASSES if they take a page. */
static unsigned class_of(size_t size)
{
    unsigned c = 0;

    while (c < CLASSES && size > 1ULL << (c + CLASS_MIN_SHIFT))
        c++;
    return c;
}

static bool refill(unsigned class)
{
    char *page = hv_alloc_pages(NULL, 0);
    size_t size = 1ULL << (class + CLASS_MIN_SHIFT);

    if (!page)
        return false;
    for (size_t at = 0; at < PAGE_SIZE; at += size) {
        struct free_object *o = (struct free_object *)(page + at);
        o->next = free_objects[class];
        free_objects[class] = o;
    }
    return true;
}

void *hv_alloc(struct domain *d, size_t size)
{
    unsigned class = class_of(size);

    ASSERT(size <= PAGE_SIZE);
    if (class == CLASSES)
        return hv_alloc_pages(d, 0);
    if (!free_objects[class] && !refill(class))
        return NULL;
    struct free_object *o = free_objects[class];
    free_objects[class] = o->next;
    memset(o, 0, 1ULL << (class + CLASS_MIN_SHIFT));
    if (d)
        d->overhead_bytes += 1ULL << (class + CLASS_MIN_SHIFT);
    return o;
}

void hv_free(struct domain *d, void *p, size_t size)
{
    unsigned class = class_of(size);

    if (!p)
        return;
    if (class == CLASSES) {
        hv_free_pages(d, p, 0);
        return;
    }
    if (d)
        d->overhead_bytes -= 1ULL << (class + CLASS_MIN_SHIFT);
    struct free_object *o = p;
    o->next = free_objects[class];
    free_objects[class] = o;
}
