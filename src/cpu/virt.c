/*
 * virt.h for full virtualization, as far as it is the same for every vendor: the cache of
 * registers, the combining of exceptions, the skipping of instructions. What the processor does
 * differently hangs on virt_ops (virt_ops.h).
 */
#include "virt.h"

#include "cpu.h"
#include "errno.h"
#include "domain.h"
#include "lapic.h"
#include "log.h"
#include "paging.h"
#include "trace.h"
#include "virt_ops.h"
#include "x86.h"

/* "Memory Type That Can Be Encoded in the PAT": WB, WT, UC-, UC, twice. */
#define PAT_AT_RESET 0x0007040600070406ULL

const struct virt_ops *virt_ops;

void virt_init(void)
{
    for (const struct virt_ops *const *o = virt_vendors; *o; o++) {
        if ((*o)->present()) {
            virt_ops = *o;
            virt_ops->init();
            cpu_policy_init();
            return;
        }
    }
    refuse("This processor has no VT-x: use a model that has it, or build MODE=pv.");
}

const char *virt_vendor(void)
{
    return virt_ops->name;
}

int virt_vcpu_init(struct vcpu *v)
{
    v->virt = virt_ops->create(v);
    if (!v->virt)
        return -ENOMEM;
    v->virt->run = virt_ops->run;
    v->virt->pat = PAT_AT_RESET;
    return 0;
}

void virt_vcpu_destroy(struct vcpu *v)
{
    paging_vcpu_destroy(v);
    lapic_destroy(v);
    if (v->virt)
        virt_ops->destroy(v);
    v->virt = NULL;
}

void virt_vcpu_load(struct vcpu *v)
{
    virt_ops->load(v);
    v->virt->live = true;
}

void virt_vcpu_put(struct vcpu *v)
{
    virt_ops->put(v);
    v->virt->live = false;
}

void virt_vcpu_run(struct vcpu *v, u64 until, struct exit *e)
{
    v->virt->run(v, until, e);
}

u64 virt_get(struct vcpu *v, enum virt_reg r)
{
    struct virt_vcpu *x = v->virt;

    if (!(x->valid & 1u << r)) {
        x->reg[r] = virt_ops->read_reg(v, r);
        x->valid |= 1u << r;
    }
    return x->reg[r];
}

void virt_set(struct vcpu *v, enum virt_reg r, u64 value)
{
    struct virt_vcpu *x = v->virt;

    x->reg[r] = value;
    x->valid |= 1u << r;
    x->dirty |= 1u << r;
}

void virt_paging_changed(struct vcpu *v)
{
    virt_mark(v, DIRTY_PAGING);
}

void virt_get_segment(struct vcpu *v, enum seg s, struct segment *out)
{
    virt_ops->get_segment(v, s, out);
}

void virt_set_segment(struct vcpu *v, enum seg s, const struct segment *in)
{
    virt_ops->set_segment(v, s, in);
}

unsigned virt_cpl(struct vcpu *v)
{
    return virt_ops->cpl(v);
}

void virt_report(struct vcpu *v, const struct exit *e)
{
    virt_ops->report(v, e);
}

/* "Interrupt 8: Double Fault Exception": the classes that combine. */
enum exception_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum exception_class class_of(const struct virt_event *ev)
{
    if (ev->type != VIRT_EXCEPTION)
        return BENIGN;
    switch (ev->vector) {
    case VEC_DE:
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_GP:
        return CONTRIBUTORY;
    case VEC_PF:
        return PAGE_FAULT;
    case VEC_DF:
        return DOUBLE_FAULT;
    default:
        return BENIGN;
    }
}

/* Whether a second event during the delivery of the first makes a double fault ("Conditions for
 * Generating a Double Fault"); after a double fault the same makes a triple one. */
static bool combines(enum exception_class first, enum exception_class second)
{
    if (first == BENIGN || second == BENIGN)
        return false;
    return first != CONTRIBUTORY || second != PAGE_FAULT;
}

static void count_delivered(struct vcpu *v, const struct virt_event *ev)
{
    if (ev->type == VIRT_EXCEPTION) {
        ledger_count(&v->domain->ledger, LC_DELIVERED_FAULT);
        TRACE(v->domain, DELIVERED_FAULT, ev->vector, ev->error, ev->vector == VEC_PF ? ev->cr2 : 0,
              virt_get(v, VREG_RIP));
    } else {
        ledger_count(&v->domain->ledger, LC_DELIVERED_INTERRUPT);
        TRACE(v->domain, DELIVERED_INTERRUPT, ev->vector);
    }
}

void virt_inject(struct vcpu *v, const struct virt_event *ev)
{
    struct virt_vcpu *x = v->virt;
    enum exception_class first = x->has_event ? class_of(&x->event) : BENIGN;

    if (combines(first, class_of(ev))) {
        if (first == DOUBLE_FAULT) {
            cpu_fault_during_df(v, ev->vector);
            return;
        }
        x->event = (struct virt_event){.type = VIRT_EXCEPTION, .vector = VEC_DF, .has_error = true};
    } else {
        x->event = *ev;
        if (ev->type == VIRT_EXCEPTION && ev->vector == VEC_PF)
            virt_set(v, VREG_CR2, ev->cr2);
    }
    x->has_event = true;
    virt_mark(v, DIRTY_EVENT);
    count_delivered(v, &x->event);
}

void virt_inject_fault(struct vcpu *v, u8 vector, u32 error)
{
    virt_inject(v, &(struct virt_event){
                       .type = VIRT_EXCEPTION,
                       .vector = vector,
                       .has_error = VECTORS_WITH_ERROR_CODE >> vector & 1,
                       .error = error,
                   });
}

/* The usual case quick: nothing else is to be delivered. */
void virt_inject_page_fault(struct vcpu *v, u64 gva, u32 error)
{
    const struct virt_event ev = {
        .type = VIRT_EXCEPTION, .vector = VEC_PF, .has_error = true, .error = error, .cr2 = gva};

    if (unlikely(v->virt->has_event)) {
        virt_inject(v, &ev);
        return;
    }
    v->virt->event = ev;
    v->virt->has_event = true;
    v->virt->reg[VREG_CR2] = gva;
    v->virt->valid |= 1u << VREG_CR2;
    v->virt->dirty |= 1u << VREG_CR2 | DIRTY_EVENT;
    ledger_count(&v->domain->ledger, LC_DELIVERED_FAULT);
    TRACE(v->domain, DELIVERED_FAULT, VEC_PF, error, gva, virt_get(v, VREG_RIP));
}

bool virt_can_inject(struct vcpu *v, enum virt_event_type type)
{
    if (type == VIRT_EXCEPTION)
        return true;
    if (v->virt->has_event)
        return false;
    if (type == VIRT_INTERRUPT && !(virt_get(v, VREG_RFLAGS) & RFLAGS_IF))
        return false;
    enum virt_blocking b = virt_ops->blocking(v);
    return !(b & BLOCKING_INTERRUPTS) && (type != VIRT_NMI || !(b & BLOCKING_NMI));
}

void virt_request_nmi_window(struct vcpu *v)
{
    /* STI's shadow is no obstacle to an NMI's window, but may be one to the NMI: the other window
     * opens when it ends, as IF is 1. */
    if (virt_get(v, VREG_RFLAGS) & RFLAGS_IF && virt_ops->blocking(v) & BLOCKING_INTERRUPTS) {
        virt_request_window(v);
        return;
    }
    if (v->virt->nmi_window_wanted)
        return;
    v->virt->nmi_window_wanted = true;
    virt_mark(v, DIRTY_WINDOW);
}

void virt_request_window(struct vcpu *v)
{
    if (v->virt->window_wanted)
        return;
    v->virt->window_wanted = true;
    virt_mark(v, DIRTY_WINDOW);
}

void virt_kick(struct vcpu *v)
{
    /* One processor runs guests: whoever calls this has just taken v, or another, out of the
     * guest, and the run loop looks at what is pending before it enters again. */
    v->kicked = 1;
}

/* 64-bit mode, where the instruction pointer has 64 bits. */
static bool in_64bit_mode(struct vcpu *v)
{
    struct segment cs;

    virt_get_segment(v, SEG_CS, &cs);
    return virt_get(v, VREG_EFER) & EFER_LMA && cs.attr & SEG_ATTR_L;
}

/* "Debug Status Register (DR6)": B0 to B3 are new, what else was set stays set. */
void cpu_trap(struct vcpu *v, u64 why)
{
    v->dr6 = (v->dr6 & ~DR6_BREAKPOINTS) | why;
    v->dr7 &= ~DR7_GD; /* its handler may use the debug registers */
    virt_mark(v, DIRTY_DEBUG);
    virt_inject_fault(v, VEC_DB, 0);
}

/* By hand the #DB is due at once: of a single step, and of what a load of SS held back. */
static void completed_by_hand(struct vcpu *v, bool single_step)
{
    u64 why = v->virt->held | (single_step ? DR6_BS : 0);

    v->virt->held = 0;
    if (why)
        cpu_trap(v, why);
}

void cpu_completed(struct vcpu *v, bool single_step)
{
    bool by_hand = v->virt->by_hand;

    virt_ops->completed(v, single_step && !by_hand);
    if (unlikely(by_hand))
        completed_by_hand(v, single_step);
}

void virt_skip(struct vcpu *v, unsigned len)
{
    u64 from = virt_get(v, VREG_RIP), to = from + len, rflags = virt_get(v, VREG_RFLAGS);

    if ((from ^ to) >> 32 && !in_64bit_mode(v))
        to = (u32)to;
    virt_set(v, VREG_RIP, to);
    if (rflags & RFLAGS_RF)
        virt_set(v, VREG_RFLAGS, rflags & ~RFLAGS_RF);
    cpu_completed(v, rflags & RFLAGS_TF);
}
