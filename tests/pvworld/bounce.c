/*
 * In place of src/pv/bounce.asm, in the small machine: the same frames, stored by way of the
 * guest's tables. That the assembly lays them so is for the guests to test.
 */
#include "pvworld/world.h"

#include "descriptors.h"

enum { LONGEST = 11 };

/* The vcpu comes into its kernel. */
void world_enter_kernel(struct vcpu *v)
{
    if (v->virt->kernel_mode)
        return;
    swapgs();
    v->virt->kernel_mode = true;
    write_cr3(v->virt->kernel_root);
}

/* What lies below rip; returns how many words. */
static unsigned lay_rest(const struct vcpu *v, const struct pv_gate *gate, u32 error, u64 *down)
{
    const struct virt_vcpu *x = v->virt;
    unsigned n = 0;

    if (gate->flags & BOUNCE_ERROR) {
        down[n++] = error;
    } else if (gate->flags & BOUNCE_SELECTORS) {
        down[n++] = x->gs;
        down[n++] = x->fs;
        down[n++] = x->es;
        down[n++] = x->ds;
    }
    down[n++] = v->regs.r11;
    down[n++] = v->regs.rcx;
    return n;
}

void pv_bounce(struct vcpu *v, const struct pv_gate *gate, u32 error)
{
    struct vcpu_info *info = v->virt->info;
    bool user = !v->virt->kernel_mode, masked = info->evtchn_upcall_mask;
    u64 sp = user ? v->virt->kernel_sp : v->regs.rsp;
    u64 cs = (v->regs.cs & (user ? 0xffff : 0xfffc)) | (u64)masked << PV_FRAME_MASK_BIT;
    u64 flags = masked ? v->regs.rflags & ~(u64)RFLAGS_IF : v->regs.rflags;
    if (gate->flags & BOUNCE_IOPL)
        flags |= (u64)v->virt->iopl << PV_RFLAGS_IOPL_SHIFT;
    u64 down[LONGEST] = {v->regs.ss, v->regs.rsp, flags, cs, v->regs.rip};
    unsigned n = 5;

    if (!gate->address) {
        pv_no_handler(v, gate);
        return;
    }
    n += lay_rest(v, gate, error, down + n);
    world_enter_kernel(v);
    sp &= ~15ULL;
    for (unsigned i = 0; i < n; i++) {
        sp -= sizeof(u64);
        if (!pv_copy_to(sp, &down[i], sizeof(u64))) {
            pv_no_stack(v);
            return;
        }
    }
    info->evtchn_upcall_mask |= gate->flags & BOUNCE_MASK;
    v->regs.rip = gate->address;
    v->regs.cs = gate->cs;
    v->regs.rflags &= ~(u64)PV_FLAGS_CLEARED;
    v->regs.rsp = sp;
    v->regs.ss = SEL_GUEST_DS;
    v->regs.vector = 0;
}
