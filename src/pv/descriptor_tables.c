/*
 * A vcpu's GDT and LDT: the guest's own pages, in the vcpu's part of the per-domain window
 * (slot 260), above them the hypervisor's page of descriptors. Source: SDM, "Segment Descriptor
 * Tables"; xen/arch-x86/xen.h, FIRST_RESERVED_GDT_PAGE.
 *
 * Invariants
 *  - The window maps frames of type FT_SEGDESC that this vcpu holds, and the hypervisor's page; the
 *    guest cannot reach the window.
 *  - An LDT's pages are taken when the processor first looks there, wherever it does: for the guest
 *    (#PF), in iretq and in loads of segments (the exception table). They are let go with the LDT,
 *    and when the kernel has another root.
 *  - GDTR points to the window only while the vcpu is loaded, since the window goes with its
 * tables.
 */
#include "descriptors.h"
#include "errno.h"
#include "insn.h"
#include "layout.h"
#include "log.h"
#include "hypercall.h"
#include "segment.h"
#include "sched.h"
#include "table.h"
#include "tlb.h"

enum {
    DESC_LDT = 0x82, /* present, LDT */
    ENTRIES_PER_FRAME = PAGE_SIZE / sizeof(u64),
    LDT_WINDOW = 16, /* first entry of the LDT in a vcpu's part */
    LDT_MAX = 8192,
};

static u64 window_va(const struct vcpu *v, unsigned index)
{
    return PERDOMAIN_BASE + ((u64)v->id * PV_WINDOW_FRAMES + index) * PAGE_SIZE;
}

/* Where the guest has no GDT there are null descriptors: a selector of them is #GP, not a page
 * fault in the window. */
static u8 null_descriptors[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static u64 null_entry(unsigned index)
{
    u64 address = (u64)(uintptr_t)null_descriptors - IMAGE_BASE;

    return index < PV_GDT_FRAMES ? address | PTE_P | PTE_NX | PTE_A : 0;
}

static void window_map(struct vcpu *v, unsigned index, u64 mfn)
{
    v->virt->window[index] =
        mfn ? mfn << PAGE_SHIFT | PTE_P | PTE_W | PTE_NX | PTE_A | PTE_D : null_entry(index);
    if (pv_current() == v)
        invlpg(window_va(v, index));
}

/* Replaces the pages held in `held` by those in `mfn`, which are the guest's numbers. */
static int hold_pages(struct domain *d, const u64 *mfn, u32 count, struct frame **out)
{
    for (u32 i = 0; i < count; i++) {
        int error = mfn[i] ? page_get_and_type(d, mfn[i], FT_SEGDESC, &out[i]) : 0;

        if (!mfn[i])
            out[i] = NULL;
        if (!error)
            continue;
        while (i-- > 0)
            if (out[i])
                page_put_and_type(d, out[i]);
        return error;
    }
    return 0;
}

static void replace(struct vcpu *v, u64 *held, unsigned first, unsigned slots, struct frame **frame,
                    u32 count)
{
    for (unsigned i = 0; i < slots; i++) {
        u64 old = held[i];

        held[i] = i < count && frame[i] ? frame_mfn(frame[i]).v : 0;
        window_map(v, first + i, held[i]);
        if (old)
            page_put_and_type(v->domain, &frame_table[old]);
    }
}

int pv_set_gdt(struct vcpu *v, const u64 *mfn, u32 frames)
{
    struct frame *frame[PV_GDT_FRAMES];
    int error;

    ASSERT(frames <= PV_GDT_FRAMES);
    for (u32 i = 0; i < frames; i++)
        if (!mfn[i])
            return -EINVAL;
    error = hold_pages(v->domain, mfn, frames, frame);
    if (error)
        return -EINVAL; /* whatever it was, as under Xen */
    replace(v, v->virt->gdt_mfn, 0, PV_GDT_FRAMES, frame, frames);
    v->virt->gdt_frames = frames;
    return 0;
}

static void load_ldt(struct vcpu *v)
{
    u32 entries = v->virt->ldt_entries;

    if (!entries) {
        lldt(0);
        return;
    }
    gdt_set_system(this_pcpu()->gdt, SEL_LDT, window_va(v, LDT_WINDOW),
                   entries * (u32)sizeof(u64) - 1, DESC_LDT);
    lldt(SEL_LDT);
}

int pv_set_ldt(struct vcpu *v, u64 gva, u32 entries)
{
    if (!entries)
        gva = 0;
    if (entries > LDT_MAX || gva & PAGE_OFFSET_MASK || !pv_address_ok(gva))
        return -EINVAL;
    lldt(0);
    pv_drop_ldt(v);
    v->virt->ldt_gva = gva;
    v->virt->ldt_entries = entries;
    load_ldt(v);
    return 0;
}

static bool ldt_page(struct vcpu *v, unsigned index)
{
    struct virt_vcpu *x = v->virt;
    struct frame *table, *f;
    const u64 *l1 =
        table_find_l1(v->domain, x->kernel_root, x->ldt_gva + index * PAGE_SIZE, &table);

    if (!l1 || !(*l1 & PTE_P) ||
        page_get_and_type(v->domain, (*l1 & PTE_ADDR) >> PAGE_SHIFT, FT_SEGDESC, &f))
        return false;
    x->ldt_mfn[index] = frame_mfn(f).v;
    window_map(v, LDT_WINDOW + index, x->ldt_mfn[index]);
    return true;
}

bool pv_ldt_fault(struct vcpu *v, u64 *cr2)
{
    u64 offset = *cr2 - window_va(v, LDT_WINDOW);

    if (offset >= PV_LDT_FRAMES * PAGE_SIZE || offset / sizeof(u64) >= v->virt->ldt_entries)
        return false;
    if (!v->virt->ldt_mfn[offset >> PAGE_SHIFT] && ldt_page(v, (unsigned)(offset >> PAGE_SHIFT)))
        return true;
    *cr2 = v->virt->ldt_gva + offset;
    return false;
}

bool pv_ldt_missing(struct vcpu *v, u64 fault)
{
    enum { VECTOR_SHIFT = 32 };
    u64 cr2;

    if (!fault || (fault - 1) >> VECTOR_SHIFT != VEC_PF)
        return false;
    cr2 = read_cr2();
    return pv_ldt_fault(v, &cr2);
}

void pv_load_tables(struct vcpu *v)
{
    struct table_register gdtr = {GDT_LIMIT, window_va(v, 0)};

    v->virt->window[PV_GDT_FRAMES] =
        ((u64)(uintptr_t)this_pcpu()->gdt - IMAGE_BASE) | PTE_P | PTE_W | PTE_NX | PTE_A | PTE_D;
    lgdt(&gdtr);
    load_ldt(v);
}

void pv_unload_tables(struct vcpu *v)
{
    struct table_register gdtr = {GDT_LIMIT, (u64)(uintptr_t)this_pcpu()->gdt - GDT_RESERVED_BYTES};

    (void)v;
    lldt(0);
    lgdt(&gdtr);
}

void pv_drop_ldt(struct vcpu *v)
{
    replace(v, v->virt->ldt_mfn, LDT_WINDOW, PV_LDT_FRAMES, NULL, 0);
}

/* What the processor found there when it loaded the selector, unless the guest has changed it. */
bool pv_code_is_64bit(const struct vcpu *v, u64 selector)
{
    enum { INDEX_SHIFT = 3, TABLE_LDT = 1 << 2 };
    u64 at = (selector & 0xffff) >> INDEX_SHIFT, page = at / ENTRIES_PER_FRAME, mfn;
    const struct virt_vcpu *x = v->virt;

    if (selector == SEL_GUEST_CS64)
        return true;
    if (selector & TABLE_LDT ? at >= x->ldt_entries : page >= PV_GDT_FRAMES)
        return false;
    mfn = selector & TABLE_LDT ? x->ldt_mfn[page] : x->gdt_mfn[page];
    return mfn && segment_descriptor_is_code64(
                      ((const u64 *)mfn_to_va(mfn_of(mfn)))[at % ENTRIES_PER_FRAME]);
}

static s64 do_set_gdt(u64 list, u32 entries)
{
    u64 mfn[PV_GDT_FRAMES];
    u32 frames = (entries + ENTRIES_PER_FRAME - 1) / ENTRIES_PER_FRAME;

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -EINVAL;
    if (!pv_copy_from(mfn, list, frames * sizeof(u64)))
        return -EFAULT;
    return pv_set_gdt(pv_current(), mfn, frames);
}
HYPERCALL(__HYPERVISOR_set_gdt, do_set_gdt, LC_HC_SET_GDT);

/* Writes one descriptor into a page of descriptors, or into a page that is none yet. */
static s64 do_update_descriptor(u64 address, u64 descriptor)
{
    struct domain *d = pv_current()->domain;
    struct frame *f = page_of(d, address >> PAGE_SHIFT);

    if (!f || address & (sizeof(u64) - 1) || !segment_descriptor_adjust(&descriptor))
        return -EINVAL;
    if (f->type_count && f->type == FT_SEGDESC) {
        *(volatile u64 *)mpa_to_va(mpa_of(address)) = descriptor;
        return 0;
    }
    if (page_get_type(d, f, FT_WRITABLE))
        return -EINVAL; /* whatever it was, as under Xen */
    *(u64 *)mpa_to_va(mpa_of(address)) = descriptor;
    page_put_type(d, f);
    return 0;
}
HYPERCALL(__HYPERVISOR_update_descriptor, do_update_descriptor, LC_HC_UPDATE_DESCRIPTOR);
