/*
 * Guest-physical access by the hypervisor: a page at a time through the physical map, which fills
 * lazy RAM on the way.
 */
#include "domain.h"
#include "guest_access.h"
#include "paging.h"
#include "physmap.h"

#include <string.h>

/* Copies between the guest's memory and the hypervisor's; exactly one of to and from is set. */
static size_t copy(struct domain *d, u64 gpa, void *to, const void *from, size_t len)
{
    size_t done = 0;

    while (done < len) {
        u64 at = gpa + done, offset = at & PAGE_OFFSET_MASK;
        size_t part = MIN(len - done, PAGE_SIZE - offset);
        char *page = at < gpa ? NULL : physmap_map(d, gpa_to_gfn(gpa_of(at)));
        if (!page)
            break;
        if (to) {
            memcpy((char *)to + done, page + offset, part);
        } else {
            memcpy(page + offset, (const char *)from + done, part);
            paging_guest_written(d, at, (unsigned)part);
        }
        done += part;
    }
    return done;
}

size_t guest_phys_read(struct domain *d, void *to, u64 gpa, size_t len)
{
    return copy(d, gpa, to, NULL, len);
}

size_t guest_phys_write(struct domain *d, u64 gpa, const void *from, size_t len)
{
    return copy(d, gpa, NULL, from, len);
}
