/*
 * guest_access.h for guest-virtual addresses under full virtualization: the software walker over
 * the guest's own tables, then the physical map. Accessed and dirty flags are set as the processor
 * would.
 */
#include "cpu.h"
#include "cpuid_policy.h"
#include "domain.h"
#include "errno.h"
#include "guest_access.h"
#include "layout.h"
#include "paging.h"
#include "physmap.h"
#include "walk.h"
#include "x86.h"

#include <string.h>

char *cpu_guest_page(struct domain *d, u64 gpa)
{
    mfn_t mfn;
    int error = physmap_populate(d, gpa_to_gfn(gpa_of(gpa)), &mfn);

    if (unlikely(error == -ENOMEM))
        domain_end(d, END_KILLED, 0, "there is no memory left to fill its RAM");
    return error ? NULL : mfn_to_va(mfn);
}

/* A frame that can only be executed, and this is no fetch. */
static inline bool forbidden(struct domain *d, u64 gpa, unsigned access)
{
    return unlikely(d->execute_only) && !(access & PF_I) &&
           physmap_execute_only(d, gpa_to_gfn(gpa_of(gpa)));
}

/* Where an entry lies; NULL: no memory there, or none that can be read. */
static void *entry_at(void *ctx, u64 gpa)
{
    char *page = forbidden(ctx, gpa, WALK_READ) ? NULL : cpu_guest_page(ctx, gpa);

    return page ? page + (gpa & PAGE_OFFSET_MASK) : NULL;
}

static bool read_entry(void *ctx, u64 gpa, unsigned size, u64 *value)
{
    const void *p = entry_at(ctx, gpa);

    if (!p)
        return false;
    *value = size == 8 ? __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED)
                       : __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
    return true;
}

bool cpu_exchange(void *p, unsigned size, u64 *old, u64 value)
{
    u64 expected = *old;
    bool done;

#define EXCHANGE(type)                                                                             \
    {                                                                                              \
        type e = (type)expected;                                                                   \
        done = __atomic_compare_exchange_n((type *)p, &e, (type)value, false, __ATOMIC_SEQ_CST,    \
                                           __ATOMIC_SEQ_CST);                                      \
        *old = e;                                                                                  \
    }
    switch (size) {
    case 1:
        EXCHANGE(u8) break;
    case 2:
        EXCHANGE(u16) break;
    case 4:
        EXCHANGE(u32) break;
    default:
        EXCHANGE(u64)
    }
#undef EXCHANGE
    return done;
}

static enum walk_cmpxchg cmpxchg_entry(void *ctx, u64 gpa, unsigned size, u64 old, u64 new_value)
{
    void *p = entry_at(ctx, gpa);

    if (!p)
        return WALK_NO_MEMORY;
    if (!cpu_exchange(p, size, &old, new_value))
        return WALK_CHANGED;
    paging_guest_written(ctx, gpa, size);
    return WALK_EXCHANGED;
}

static const struct walk_memory memory = {.read_entry = read_entry, .cmpxchg_entry = cmpxchg_entry};

/* Translates gva for an access with the rights of the current privilege level. */
static enum walk_status translate(struct vcpu *v, u64 gva, unsigned access, struct walk_result *r)
{
    const struct walk_features cpu = {.maxphyaddr = cpuid_policy_maxphyaddr(),
                                      .page1gb = cpuid_policy_page1gb()};
    struct walk_mode m;

    walk_mode_init(&m, virt_get(v, VREG_CR0), virt_get(v, VREG_CR3), virt_get(v, VREG_CR4),
                   virt_get(v, VREG_EFER), &cpu);
    if (m.levels == 3)
        walk_load_pdptes(&m, &memory, v->domain);
    if (virt_cpl(v) == 3 && !(access & WALK_IMPLICIT))
        access |= WALK_USER;
    if (virt_get(v, VREG_RFLAGS) & RFLAGS_AC)
        access |= WALK_AC;
    return walk(&m, gva, access, &memory, v->domain, r);
}

char *cpu_reach(struct vcpu *v, u64 gva, unsigned access, u64 *gpa, struct access_fault *f)
{
    struct walk_result r;
    enum walk_status status = translate(v, gva, access, &r);

    *f = (struct access_fault){.gva = gva, .error = r.error};
    if (status != WALK_OK) {
        /* A table where there is no memory reads as all ones: a reserved bit is set. */
        if (status == WALK_NO_TABLE)
            f->error =
                (access & (PF_W | PF_I)) | PF_P | PF_RSVD | (virt_cpl(v) == 3 ? (u32)PF_U : 0);
        return NULL;
    }
    if (forbidden(v->domain, r.gpa, access)) {
        f->error = (access & PF_W) | PF_P | (virt_cpl(v) == 3 ? (u32)PF_U : 0);
        return NULL;
    }
    char *page = cpu_guest_page(v->domain, r.gpa);
    *gpa = f->gpa = r.gpa;
    f->mmio = !page;
    return page ? page + (r.gpa & PAGE_OFFSET_MASK) : NULL;
}

static size_t copy(struct vcpu *v, u64 gva, void *to, const void *from, size_t len, unsigned access,
                   struct access_fault *f)
{
    struct access_fault ignored;
    size_t done = 0;

    while (done < len) {
        u64 at = gva + done, gpa;
        size_t part = MIN(len - done, PAGE_SIZE - (at & PAGE_OFFSET_MASK));
        char *p = cpu_reach(v, at, access, &gpa, f ? f : &ignored);
        if (!p)
            break;
        if (from) {
            memcpy(p, (const char *)from + done, part);
            paging_guest_written(v->domain, gpa, (unsigned)part);
        } else {
            memcpy((char *)to + done, p, part);
        }
        done += part;
    }
    return done;
}

size_t guest_read(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f)
{
    return copy(v, gva, to, NULL, len, WALK_READ, f);
}

size_t guest_write(struct vcpu *v, u64 gva, const void *from, size_t len, struct access_fault *f)
{
    return copy(v, gva, NULL, from, len, WALK_WRITE, f);
}

size_t guest_fetch(struct vcpu *v, void *to, u64 gva, size_t len, struct access_fault *f)
{
    return copy(v, gva, to, NULL, len, WALK_FETCH, f);
}

bool guest_cmpxchg(struct vcpu *v, u64 gva, u64 *old, u64 new_value, size_t len,
                   struct access_fault *f)
{
    struct access_fault ignored;
    u64 gpa, expected = *old;
    void *p = cpu_reach(v, gva, WALK_WRITE, &gpa, f ? f : &ignored);

    if (!p)
        return false;
    cpu_exchange(p, (unsigned)len, old, new_value);
    if (*old == expected)
        paging_guest_written(v->domain, gpa, (unsigned)len);
    return true;
}
