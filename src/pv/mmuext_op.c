/*
 * mmuext_op: pins, roots, flushes and whole pages. Source: xen/xen.h.
 */
#include "errno.h"
#include "layout.h"
#include "page_type.h"
#include "hypercall.h"
#include "sched.h"
#include "tlb.h"

#include <string.h>

/* Takes the new before it drops the old. -ERESTART: time is up, to be called again. */
static int change_root(struct vcpu *v, u64 *root, u64 mfn)
{
    struct frame *f;
    u64 old = *root;
    int error = page_get_and_type(v->domain, mfn, FT_L4, &f);

    if (error)
        return error;
    *root = mfn << PAGE_SHIFT;
    pv_show_m2p(v->domain, *root, root == &v->virt->kernel_root);
    if (root == &v->virt->kernel_root) {
        if (unlikely(v->virt->ldt_entries))
            pv_drop_ldt(v); /* its pages are those of the new table: taken when they are used */
        pv_load_root(v);
    }
    if (old)
        page_put_and_type(v->domain, &frame_table[old >> PAGE_SHIFT]);
    return 0;
}

int pv_new_kernel_root(struct vcpu *v, u64 mfn)
{
    if (mfn == v->virt->kernel_root >> PAGE_SHIFT) {
        pv_show_m2p(v->domain, v->virt->kernel_root, true);
        tlb_flush_all();
        return 0;
    }
    return change_root(v, &v->virt->kernel_root, mfn);
}

static int new_user_root(struct vcpu *v, u64 mfn)
{
    u64 old = v->virt->user_root;

    if (mfn == old >> PAGE_SHIFT)
        return 0;
    if (mfn)
        return change_root(v, &v->virt->user_root, mfn);
    v->virt->user_root = 0;
    page_put_and_type(v->domain, &frame_table[old >> PAGE_SHIFT]);
    return 0;
}

static int clear_page(struct domain *d, u64 mfn)
{
    /* lab pv.10 weak: struct frame *f = page_of(d, mfn);  if (!f) return page_error(mfn); if
     * (f->flags & FRAME_PINNED) return -EBUSY; memset(mfn_to_va(mfn_of(mfn)), 0, PAGE_SIZE); return
     * 0; */
    struct frame *f;
    int error = page_get_and_type(d, mfn, FT_WRITABLE, &f);

    if (error)
        return error;
    memset(mfn_to_va(mfn_of(mfn)), 0, PAGE_SIZE);
    page_put_and_type(d, f);
    return 0;
    /* lab end pv.10 */
}

static int copy_page(struct domain *d, u64 to, u64 from)
{
    /* lab pv.10 weak: struct frame *f = page_of(d, to);  if (!page_of(d, from)) return
     * page_error(from); if (!f) return page_error(to); if (f->flags & FRAME_PINNED) return -EBUSY;
     * memmove(mfn_to_va(mfn_of(to)), mfn_to_va(mfn_of(from)), PAGE_SIZE); return 0; */
    struct frame *f;
    int error;

    if (!page_of(d, from))
        return page_error(from);
    error = page_get_and_type(d, to, FT_WRITABLE, &f);
    if (error)
        return error;
    if (to != from)
        memcpy(mfn_to_va(mfn_of(to)), mfn_to_va(mfn_of(from)), PAGE_SIZE);
    page_put_and_type(d, f);
    return 0;
    /* lab end pv.10 */
}

/* Of all the TLB, or of a page if the guest may have one there. -EINVAL: the set of vcpus cannot be
 * read; there is one processor, so beyond that it does not matter which they are. */
static int flush(const struct vcpu *v, const struct mmuext_op *op)
{
    u64 vcpus;

    if ((op->cmd == MMUEXT_TLB_FLUSH_MULTI || op->cmd == MMUEXT_INVLPG_MULTI) &&
        !pv_copy_from(&vcpus, (uintptr_t)op->arg2.vcpumask.p, sizeof(vcpus)))
        return -EINVAL;
    if (op->cmd == MMUEXT_TLB_FLUSH_LOCAL || op->cmd == MMUEXT_TLB_FLUSH_MULTI ||
        op->cmd == MMUEXT_TLB_FLUSH_ALL)
        tlb_flush_all();
    else if (pv_range_ok(op->arg1.linear_addr, 1))
        tlb_flush_page(mfn_of(v->virt->kernel_root >> PAGE_SHIFT), op->arg1.linear_addr);
    return 0;
}

static int operate(struct vcpu *v, const struct mmuext_op *op)
{
    struct domain *d = v->domain;

    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return page_pin(d, op->arg1.mfn, FT_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE));
    case MMUEXT_UNPIN_TABLE:
        return page_unpin(d, op->arg1.mfn);
    case MMUEXT_NEW_BASEPTR:
        return pv_new_kernel_root(v, op->arg1.mfn);
    case MMUEXT_NEW_USER_BASEPTR:
        return new_user_root(v, op->arg1.mfn);
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_INVLPG_ALL:
        return flush(v, op);
    case MMUEXT_SET_LDT:
        return pv_set_ldt(v, op->arg1.linear_addr, op->arg2.nr_ents);
    case MMUEXT_CLEAR_PAGE:
        return clear_page(d, op->arg1.mfn);
    case MMUEXT_COPY_PAGE:
        return copy_page(d, op->arg1.mfn, op->arg2.src_mfn);
    case MMUEXT_FLUSH_CACHE:
        return -EACCES;
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return -EINVAL;
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}

/* To a guest what is wrong with a frame itself is -EINVAL, as under Xen; of one that was to become
 * a table and has a bad entry it hears what is wrong with that. */
static int error_told(const struct domain *d, const struct mmuext_op *op, int error)
{
    const struct frame *f = page_of(d, op->arg1.mfn);
    bool to_be_table = op->cmd <= MMUEXT_PIN_L4_TABLE || op->cmd == MMUEXT_NEW_BASEPTR ||
                       op->cmd == MMUEXT_NEW_USER_BASEPTR;

    if (error != -EPERM && error != -EBUSY)
        return error;
    return to_be_table && f && !f->type_count ? error : -EINVAL;
}

static s64 do_mmuext_op(u64 list, u32 count, u64 done, u32 foreign)
{
    struct vcpu *v = pv_current();
    struct mmuext_op op;
    u32 before = pv_done_before(&count, done), i = 0;
    int error = 0;

    if (unlikely(!pv_address_ok(list)))
        return -EFAULT;
    if (unlikely(foreign != DOMID_SELF)) {
        error = pv_foreign_frames(v->domain, (u16)foreign);
        if (error)
            return error;
    }
    while (i < count) {
        if (unlikely(!pv_copy_from(&op, list + i * sizeof(op), sizeof(op))))
            error = -EFAULT;
        else
            error = operate(v, &op);
        if (unlikely(error)) {
            error = error_told(v->domain, &op, error);
            break;
        }
        i++;
        if (i < count && sched_time_is_up())
            break;
    }
    if (done)
        (void)pv_put_done(done, before + i); /* as under Xen: no error if it cannot be told */
    if (likely((error && error != -ERESTART) || i == count))
        return error;
    return pv_again(v, __HYPERVISOR_mmuext_op, list + i * sizeof(op), pv_count_left(count - i));
}
HYPERCALL(__HYPERVISOR_mmuext_op, do_mmuext_op, LC_HC_MMUEXT_OP);
