/*
 * The hypervisor's access to the running guest's memory: through the guest's own tables, which are
 * loaded, with the exception table behind it.
 *
 * Invariants: no access reaches the hypervisor's slots (pv_range_ok before each; before a read
 * pv_read_plain, or it is linear.c's); CR0.WP is set, so what the guest may not write the
 * hypervisor does not write for it.
 */
#include "extable.h"
#include "guest_access.h"
#include "layout.h"
#include "page_type.h"
#include "physmap.h"
#include "pv.h"

#include <string.h>

/* Bytes not copied, as safe_copy. */
static inline size_t copy_in(void *to, u64 gva, size_t len, u64 *error)
{
    if (unlikely(!pv_read_plain(gva)))
        return pv_read_careful(to, gva, len, error);
    return safe_copy(to, (const void *)(uintptr_t)gva, len, error);
}

bool pv_copy_bytes_from(void *to, u64 gva, size_t len)
{
    u64 error;

    return likely(!copy_in(to, gva, len, &error));
}

bool pv_copy_to(u64 gva, const void *from, size_t len)
{
    u64 error;

    return likely(pv_range_ok(gva, len)) &&
           likely(!safe_copy((void *)(uintptr_t)gva, from, len, &error));
}

/* What safe_copy found, as the guest's own access would have been told. */
static size_t account(const struct vcpu *v, u64 gva, size_t len, size_t left, u64 error,
                      struct access_fault *f)
{
    if (f && left)
        *f = (struct access_fault){
            .gva = gva + len - left,
            .error = (u32)error | (v->virt->kernel_mode ? 0 : (u32)PF_U),
        };
    return len - left;
}

static bool in_reach(u64 gva, size_t len, struct access_fault *f)
{
    if (pv_range_ok(gva, len))
        return true;
    if (f)
        *f = (struct access_fault){.gva = gva, .error = PF_P | PF_U};
    return false;
}

size_t guest_read(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f)
{
    u64 error = 0;

    return account(v, gva, len, copy_in(to, gva, len, &error), error, f);
}

size_t guest_write(struct vcpu *v, u64 gva, const void *from, size_t len, struct access_fault *f)
{
    u64 error = 0;

    if (!in_reach(gva, len, f))
        return 0;
    return account(v, gva, len, safe_copy((void *)(uintptr_t)gva, from, len, &error), error, f);
}

size_t guest_fetch(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f)
{
    return guest_read(v, to, gva, len, f);
}

/* Not a table, and not one in the making or on its way out (page_type.c, rule 7). */
static bool may_be_written(const struct frame *f)
{
    return !(f->flags & (FRAME_PARTIAL | FRAME_UNDOING)) &&
           (!f->type_count || f->type == FT_WRITABLE);
}

/* Machine addresses: a pv guest has no others. Frames that are tables are read only. */
static void *own_memory(struct domain *d, u64 address, bool write)
{
    struct frame *f = page_of(d, address >> PAGE_SHIFT);

    if (!f || (write && !may_be_written(f)))
        return NULL;
    return mpa_to_va(mpa_of(address));
}

/* Page by page, as far as the domain's memory goes; bytes done. */
static size_t copy_phys(struct domain *d, u64 gpa, void *ours, size_t len, bool write)
{
    size_t done = 0;

    while (done < len) {
        size_t part = MIN(len - done, PAGE_SIZE - ((gpa + done) & PAGE_OFFSET_MASK));
        void *p = own_memory(d, gpa + done, write), *q = (char *)ours + done;

        if (!p)
            break;
        memcpy(write ? p : q, write ? q : p, part);
        done += part;
    }
    return done;
}

size_t guest_phys_read(struct domain *d, void *to, u64 gpa, size_t len)
{
    return copy_phys(d, gpa, to, len, false);
}

size_t guest_phys_write(struct domain *d, u64 gpa, const void *from, size_t len)
{
    return copy_phys(d, gpa, (void *)(uintptr_t)from, len, true);
}

enum physmap_kind physmap_lookup(struct domain *d, gfn_t gfn, mfn_t *mfn)
{
    if (!page_of(d, gfn.v))
        return PHYSMAP_NONE;
    *mfn = mfn_of(gfn.v);
    return PHYSMAP_RAM;
}

/* Under pv there is no dirty log yet. */
s64 physmap_dirty_command(struct domain *d, u64 command, u64 argument)
{
    (void)d;
    (void)command;
    (void)argument;
    return -ENOSYS;
}

unsigned physmap_check(struct domain *d)
{
    return page_check(d);
}
