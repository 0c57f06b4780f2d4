/*
 * mmu_update and update_va_mapping: changing entries of the guest's page tables. Source:
 * xen/xen.h.
 */
#include "errno.h"
#include "layout.h"
#include "hypercall.h"
#include "sched.h"
#include "table.h"
#include "tlb.h"

enum { MMU_COMMAND = 7 }; /* of ptr: an entry is aligned */

/* What is no table in use is memory like other memory. 0, or -EINVAL: it cannot be written now. */
static int write_plain(struct domain *d, struct frame *f, u64 *p, u64 value)
{
    if (page_get_type(d, f, FT_WRITABLE))
        return -EINVAL;
    *p = value;
    page_put_type(d, f);
    return 0;
}

/* Stores value at the machine address ptr, which is aligned: in a table that is in use by
 * table_set_entry, else as in plain memory. Their errors, or -EINVAL: its frame is not the
 * domain's. */
static inline int update_entry(struct domain *d, u64 ptr, u64 value, bool keep_ad)
{
    struct frame *f = page_of(d, ptr >> PAGE_SHIFT);
    u64 *p = mpa_to_va(mpa_of(ptr));

    /* lab pv.7: return lab_missing("pv.7"), 0; */
    if (unlikely(!f))
        return -EINVAL;
    if (likely(f->flags & FRAME_VALIDATED && type_is_table(f->type)))
        return table_set_entry(d, f, p, value, keep_ad);
    return write_plain(d, f, p, value);
    /* lab end pv.7 */
}

/* One request; xen/xen.h says what the commands in its low bits are. MMU_MACHPHYS_UPDATE is for a
 * frame of the domain's own, else -EINVAL; MMU_PT_UPDATE_NO_TRANSLATE counts as
 * MMU_NORMAL_PT_UPDATE; any other number (MMU_COMMAND has three bits) is -ENOSYS. */
static int update(struct domain *d, const struct mmu_update *u)
{
    u64 ptr = u->ptr & ~(u64)MMU_COMMAND;

    /* lab pv.7: return lab_missing("pv.7"), 0; */
    switch (u->ptr & MMU_COMMAND) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_entry(d, ptr, u->val, false);
    case MMU_PT_UPDATE_PRESERVE_AD:
        return update_entry(d, ptr, u->val, true);
    case MMU_MACHPHYS_UPDATE:
        if (!page_of(d, ptr >> PAGE_SHIFT))
            return -EINVAL;
        m2p_set(ptr >> PAGE_SHIFT, u->val);
        return 0;
    default:
        return -ENOSYS;
    }
    /* lab end pv.7 */
}

/* A request by one who has named others than itself. Those who are PV_OTHERS are not the caller's
 * to name. DOMID_IO may be named, though no domain may map a device's frames: so an L1 takes only
 * what maps none, or what it maps already; the other tables take nothing, other memory everything;
 * and the numbers of frames that are no RAM may be set, which nobody looks at. */
static int update_for(struct domain *d, const struct mmu_update *u, enum pv_owner whose)
{
    u64 mfn = u->ptr >> PAGE_SHIFT;
    const struct frame *f = page_of(d, mfn);
    u64 old;

    if ((u->ptr & MMU_COMMAND) > MMU_PT_UPDATE_NO_TRANSLATE)
        return -ENOSYS;
    if (whose == PV_OTHERS)
        return -EPERM;
    if ((u->ptr & MMU_COMMAND) == MMU_MACHPHYS_UPDATE) {
        if (mfn >= frame_limit() || frame_of(mfn_of(mfn)))
            return -EINVAL;
        m2p_set(mfn, u->val);
        return 0;
    }
    if (f && f->flags & FRAME_VALIDATED && type_is_table(f->type)) {
        if (f->type != FT_L1)
            return -EINVAL;
        old = *(const u64 *)mpa_to_va(mpa_of(u->ptr & ~(u64)MMU_COMMAND));
        if (u->val & PTE_P && !table_same_use(old, u->val))
            return table_stranger(u->val);
    }
    return update(d, u);
}

/* Whom the fourth argument names: its lower half whose frames the new entries map (pv_owner_of),
 * its upper half, if it is not 0, the owner of the tables, by its number + 1: the caller, by its
 * own number, or another domain, which makes *whose PV_OTHERS unless it is PV_NOBODYS. 0, or
 * -ESRCH: no domain has the number of the upper half. */
static int foreign_owner(const struct domain *d, u32 foreign, enum pv_owner *whose)
{
    enum { OWNER_SHIFT = 16 };
    /* lab pv.7: return lab_missing("pv.7"), 0; */
    u32 owner = foreign >> OWNER_SHIFT;

    *whose = pv_owner_of(d, (u16)foreign);
    if (!owner || owner - 1 == d->id)
        return 0;
    if (!domain_by_id((u16)(owner - 1)))
        return -ESRCH;
    if (*whose != PV_NOBODYS)
        *whose = PV_OTHERS;
    return 0;
    /* lab end pv.7 */
}

/* As under Xen, *done stays as it is if the list is the hypervisor's, or nobody owns the tables;
 * and whom else the caller may not name is said by the first request, so a list of none is in
 * order. */
static s64 do_mmu_update(u64 list, u32 count, u64 done, u32 foreign)
{
    struct vcpu *v = pv_current();
    struct domain *d = v->domain;
    struct mmu_update u;
    enum pv_owner whose = PV_OWN;
    u32 before = pv_done_before(&count, done), i = 0;
    int error = 0;

    if (unlikely(!pv_address_ok(list)))
        return -EFAULT;
    if (unlikely(foreign != DOMID_SELF)) {
        error = foreign_owner(d, foreign, &whose);
        if (error)
            return error;
        error = whose == PV_NOBODYS ? -ESRCH : 0;
    }
    while (i < count && likely(!error)) {
        if (unlikely(!pv_copy_from(&u, list + i * sizeof(u), sizeof(u))))
            error = -EFAULT;
        else
            error = likely(whose == PV_OWN) ? update(d, &u) : update_for(d, &u, whose);
        if (unlikely(error))
            break;
        if (unlikely(pv_time_is_up(i++) || d->undoing) && i < count)
            break;
    }
    if (done)
        (void)pv_put_done(done, before + i); /* as under Xen: no error if it cannot be told */
    if (likely((error && error != -ERESTART) || i == count))
        return error;
    return pv_again(v, __HYPERVISOR_mmu_update, list + i * sizeof(u), pv_count_left(count - i));
}
HYPERCALL(__HYPERVISOR_mmu_update, do_mmu_update, LC_HC_MMU_UPDATE);

/* What UVMF_* asks for after a change. 0, or -EFAULT: the set of vcpus cannot be read; there is one
 * processor, so beyond that it does not matter which they are. */
static int flush_as_asked(const struct vcpu *v, u64 va, u64 flags)
{
    u64 vcpus, set = flags & ~(UVMF_FLUSHTYPE_MASK | UVMF_ALL);
    u64 kind = flags & UVMF_FLUSHTYPE_MASK;

    if (kind != UVMF_TLB_FLUSH && kind != UVMF_INVLPG)
        return 0;
    if (unlikely(set) &&
        unlikely(!pv_copy_from(&vcpus, flags & ~UVMF_FLUSHTYPE_MASK, sizeof(vcpus))))
        return -EFAULT;
    if (kind == UVMF_TLB_FLUSH)
        tlb_flush_all();
    else
        tlb_flush_page(mfn_of(v->virt->kernel_root >> PAGE_SHIFT), va);
    return 0;
}

/*
 * Tour 55: change one entry, please. The request for the commonest case: this address, this entry,
 * this flush. Finding the entry is a walk through tables that are known to be good, so it needs no
 * checks on the way. The list form, `do_mmu_update`, copies each request in before it looks at it,
 * and stops when the time is up.
 */
static s64 do_update_va_mapping(u64 va, u64 entry, u64 flags)
{
    struct vcpu *v = pv_current();
    struct frame *table;
    u64 *p = table_find_l1(v->domain, v->virt->kernel_root, va, &table);
    int error;

    if (unlikely(!p))
        return -EINVAL;
    error = table_set_entry(v->domain, table, p, entry, false);
    return likely(!error) ? flush_as_asked(v, va, flags) : error;
}
HYPERCALL(__HYPERVISOR_update_va_mapping, do_update_va_mapping, LC_HC_UPDATE_VA_MAPPING);

/* The entry may name a frame of that domain's: the caller's own is the only one that may be named.
 */
static s64 do_update_va_mapping_otherdomain(u64 va, u64 entry, u64 flags, u32 id)
{
    int error = pv_foreign_frames(pv_current()->domain, (u16)id);

    return error ? error : do_update_va_mapping(va, entry, flags);
}
HYPERCALL(__HYPERVISOR_update_va_mapping_otherdomain, do_update_va_mapping_otherdomain,
          LC_HC_UPDATE_VA_MAPPING);
