/*
 * From an exit to its handler. A handler leaves the guest so that it can be entered again, blocked,
 * or its domain ended.
 */
#include "cpu.h"
#include "domain.h"
#include "errno.h"
#include "event.h"
#include "host_trap.h"
#include "lapic.h"
#include "log.h"
#include "paging.h"
#include "port.h"
#include "sched.h"
#include "tlb.h"
#include "trivisor_op.h"
#include "virt_ops.h"
#include "x86.h"

#include "public/trivisor.h"

typedef void (*exit_handler)(struct vcpu *v, struct exit *e);

/* Only those in vmx/setup.c's bitmap arrive; all but the machine check are the guest's own. */
static void on_exception(struct vcpu *v, struct exit *e)
{
    if (e->vector == VEC_MC)
        panic("machine check in a guest");
    if (e->vector == VEC_DB) {
        virt_set(v, VREG_RIP, virt_get(v, VREG_RIP) + e->insn_len);
        virt_ops->completed(v, false);
        cpu_trap(v, e->gva & DR6_TRAPPED);
        return;
    }
    virt_inject_fault(v, e->vector, e->error);
}

/* The access is not the instruction's but the delivery of an event's: a descriptor, or the stack.
 * Page tables where there is no memory read as all ones, a reserved bit is set; anything else there
 * no kernel can go on with. */
static void __attribute__((noinline)) delivered_nowhere(struct vcpu *v, struct exit *e)
{
    if (e->reason == EXIT_STAGE2 && e->on_table_walk)
        virt_inject_page_fault(v, e->gva, PF_P | PF_RSVD | (e->error & PF_W));
    else
        cpu_kill(v, e, "an event was to be delivered where there is no memory");
}

/* As paging.h's results say; but a store to a page table is first tried the quick way. */
static bool handle_result(struct vcpu *v, struct exit *e, struct paging_fault *f,
                          enum paging_result result)
{
    bool alone = !v->virt->has_event;

    switch (result) {
    case PAGING_FIXED:
        return true;
    case PAGING_INJECT:
        virt_inject_page_fault(v, f->cr2, f->error);
        return alone;
    case PAGING_KILL:
        cpu_kill(v, e, f->why);
        return false;
    case PAGING_EMULATE:
        break;
    }
    if (f->table_write &&
        (likely(cpu_store_to_table(v, e, f->bytes)) || paging_table_given_up(v->domain, f->bytes)))
        return true;
    e->gpa = f->gpa;
    if (unlikely(e->event_being_delivered))
        delivered_nowhere(v, e);
    else if (f->table_write || !cpu_mmio_quickly(v, e))
        cpu_emulate(v, e);
    return false;
}

bool cpu_handle_fault(struct vcpu *v, struct exit *e, struct paging_fault *f,
                      enum paging_result result)
{
    bool again = handle_result(v, e, f, result);

    if (unlikely(!again))
        e->reason = EXIT_PREEMPTION; /* nothing is left to do */
    return again;
}

static void on_memory(struct vcpu *v, struct exit *e)
{
    struct paging_fault f;

    handle_result(v, e, &f, paging_fault(v, e, &f));
}

static void on_interrupt(struct vcpu *v, struct exit *e)
{
    (void)v;
    host_interrupt(e->vector);
}

/* The run loop looks at the clock and at what is pending by itself. */
static void on_nothing(struct vcpu *v, struct exit *e)
{
    (void)v;
    (void)e;
}

/*
 * HLT: the guest sleeps until an interrupt, which returns to the instruction behind the HLT: in all
 * cases RIP is moved first (cpu_skip), which also ends the shadow of an STI before the HLT; what is
 * pending is asked for after that. If RFLAGS.IF is 0 nothing can wake it: the domain ends as
 * crashed (domain_end, END_CRASH, code 0) with a sentence that says so. If something is pending
 * already (event_pending) it does not sleep at all; otherwise it leaves the processor (sched_block)
 * until something is. "HLT-Halt".
 */
static void on_hlt(struct vcpu *v, struct exit *e)
{
    /* lab trap.9 */
    cpu_skip(v, e);
    if (!(virt_get(v, VREG_RFLAGS) & RFLAGS_IF))
        domain_end(v->domain, END_CRASH, 0, "it halted with interrupts off: nothing can wake it");
    else if (!event_pending(v))
        sched_block(v);
    /* lab end trap.9 */
}

/*
 * IN and OUT of e->size bytes, 1, 2 or 4, at e->port; e->in tells which. port.h's functions reach
 * the device. IN of one or two bytes leaves the rest of RAX as it is, IN of four clears the upper
 * half; OUT hands on e->size bytes of RAX and nothing above them. INS and OUTS (e->string) also
 * touch memory: cpu_emulate does the whole of them, RIP included. "IN-Input from Port".
 */
static void on_io(struct vcpu *v, struct exit *e)
{
    /* lab trap.5 */
    u64 mask = ~0ULL >> (64 - 8 * e->size);

    if (e->string) {
        cpu_emulate(v, e);
        return;
    }
    if (e->in) {
        u64 value = port_read(v->domain, e->port, e->size);
        v->regs.rax = e->size == 4 ? value : (v->regs.rax & ~mask) | value;
    } else {
        port_write(v->domain, e->port, e->size, (u32)(v->regs.rax & mask));
    }
    cpu_skip(v, e);
    /* lab end trap.5 */
}

/* The same; and breakpoints on ports, which the processor would have looked at after the access. */
static void on_io_watched(struct vcpu *v, struct exit *e)
{
    on_io(v, e);
    if (likely(!(v->dr7 & DR7_ENABLES)) || e->string || v->domain->doomed)
        return;
    u64 met = cpu_breakpoints_met(v, ACCESS_PORT, e->port, e->size);
    if (met)
        cpu_trap(v, met | (virt_get(v, VREG_RFLAGS) & RFLAGS_TF ? DR6_BS : 0));
}

/*
 * RDMSR: the MSR that ECX names, by cpu_rdmsr; its halves into EDX and EAX, the upper halves of RDX
 * and RAX cleared. One that the guest does not have is #GP(0), and a fault leaves the guest where
 * it was: at this instruction, its registers untouched. "RDMSR-Read From Model Specific Register".
 */
static void on_rdmsr(struct vcpu *v, struct exit *e)
{
    /* lab trap.2 */
    u64 value;

    if (!cpu_rdmsr(v, (u32)v->regs.rcx, &value)) {
        virt_inject_fault(v, VEC_GP, 0);
        return;
    }
    v->regs.rax = (u32)value;
    v->regs.rdx = value >> 32;
    cpu_skip(v, e);
    /* lab end trap.2 */
}

/* WRMSR: EDX:EAX into the MSR that ECX names, by cpu_wrmsr, which answers false if the MSR is not
 * there or refuses the value: #GP(0), as above. The upper halves of all three do not count. */
static void on_wrmsr(struct vcpu *v, struct exit *e)
{
    /* lab trap.2 */
    if (cpu_wrmsr(v, (u32)v->regs.rcx, (u32)v->regs.rax | v->regs.rdx << 32))
        cpu_skip(v, e);
    else
        virt_inject_fault(v, VEC_GP, 0);
    /* lab end trap.2 */
}

static void on_invlpg(struct vcpu *v, struct exit *e)
{
    paging_invalidate(v, e->gva);
    cpu_skip(v, e);
}

/* Seldom: the emulator fetches it, reads its descriptor and judges both. */
static void on_invpcid(struct vcpu *v, struct exit *e)
{
    e->gva = TLB_ANY_GVA; /* for the trace */
    cpu_emulate(v, e);
}

static void on_misconfig(struct vcpu *v, struct exit *e)
{
    cpu_kill(v, e, "misconfigured second-stage entry");
}

static void on_log_full(struct vcpu *v, struct exit *e)
{
    (void)e;
    virt_ops->log_collect(v);
}

static void on_vmcall(struct vcpu *v, struct exit *e)
{
    struct regs *r = &v->regs;

    if (virt_cpl(v))
        r->rax = (u64)-EPERM;
    else if ((u32)r->rax != TRIVISOR_HYPERCALL)
        r->rax = (u64)-ENOSYS;
    else
        r->rax = (u64)trivisor_op(v, r->rdi, r->rsi, LC_EXIT_VMCALL);
    cpu_skip(v, e);
}

/* Nothing that a guest does reaches the machine's caches. */
static void on_wbinvd(struct vcpu *v, struct exit *e)
{
    cpu_skip(v, e);
}

static void on_triple_fault(struct vcpu *v, struct exit *e)
{
    cpu_triple_fault(v, e);
}

static void on_unsupported(struct vcpu *v, struct exit *e)
{
    e->counter = LC_EXIT_OTHER;
    virt_inject_fault(v, VEC_UD, 0);
}

/* A reason of the vendor's that has no business here, with its name in the report. */
static void on_unexpected(struct vcpu *v, struct exit *e)
{
    e->counter = LC_EXIT_OTHER;
    cpu_kill(v, e, "the processor left it for a reason that is switched off");
}

static void on_failed_entry(struct vcpu *v, struct exit *e)
{
    (void)e;
    domain_end(v->domain, END_KILLED, 0, "the processor refused to enter it");
}

/*
 * Tour 28: who handles what. From here on nothing knows of VT-x. A handler leaves the vcpu in one
 * of three states: ready to be entered again, blocked, or its domain ended. Read three: `on_hlt`,
 * which is how a guest gives up the processor; `on_io`, which is how it reaches a device;
 * `on_memory`, which is where the two ways of virtualizing memory part.
 */
static const exit_handler handlers[EXIT_REASONS] = {
    [EXIT_EXCEPTION] = on_exception,
    [EXIT_PAGE_FAULT] = on_memory,
    [EXIT_INTERRUPT] = on_interrupt,
    [EXIT_PREEMPTION] = on_nothing,
    [EXIT_WINDOW] = on_nothing,
    [EXIT_CPUID] = cpu_exit_cpuid,
    [EXIT_HLT] = on_hlt,
    [EXIT_IO] = on_io_watched,
    [EXIT_RDMSR] = on_rdmsr,
    [EXIT_WRMSR] = on_wrmsr,
    [EXIT_CR] = cpu_exit_cr,
    [EXIT_DR] = cpu_exit_dr,
    [EXIT_INVLPG] = on_invlpg,
    [EXIT_INVPCID] = on_invpcid,
    [EXIT_STAGE2] = on_memory,
    [EXIT_MISCONFIG] = on_misconfig,
    [EXIT_LOG_FULL] = on_log_full,
    [EXIT_HYPERCALL] = on_vmcall,
    [EXIT_SYSCALL] = on_unsupported,
    [EXIT_XSETBV] = cpu_exit_xsetbv,
    [EXIT_WBINVD] = on_wbinvd,
    [EXIT_TASK_SWITCH] = cpu_exit_task_switch,
    [EXIT_TRIPLE_FAULT] = on_triple_fault,
    [EXIT_UNSUPPORTED] = on_unsupported,
    [EXIT_UNEXPECTED] = on_unexpected,
    [EXIT_FAILED_ENTRY] = on_failed_entry,
};

/* CR0 (or CR4) becomes `value`, which differs in WP (or PGE) alone, so that it is as legal as
 * before. False: nothing has been done. */
static inline bool toggle(struct vcpu *v, enum virt_reg r, u64 value)
{
    u64 root = paging_toggle(v, r == VREG_CR0, r == VREG_CR4);

    if (root)
        virt_ops->show(v, r, value, root);
    return root;
}

/* A write that inverts CR0.WP or CR4.PGE and nothing else, done shortly. */
static inline bool toggled(struct vcpu *v, struct exit *e)
{
    enum virt_reg r = e->cr == 0 ? VREG_CR0 : VREG_CR4;
    u64 value;

    if (e->cr == 3)
        return false;
    value = cpu_gpr(v, e->gpr);
    if ((virt_get(v, r) ^ value) != (e->cr == 0 ? CR0_WP : CR4_PGE) || e->cr == 8 ||
        !toggle(v, r, value))
        return false;
    cpu_skip(v, e);
    return true;
}

bool cpu_handle_shortly(struct vcpu *v, struct exit *e)
{
    struct paging_fault f;

    if (e->reason == EXIT_PAGE_FAULT || e->reason == EXIT_STAGE2)
        return cpu_handle_fault(v, e, &f, paging_fault(v, e, &f));
    if (e->reason == EXIT_INVLPG) {
        on_invlpg(v, e);
        return true;
    }
    if (e->reason == EXIT_CR && e->cr_op == CR_WRITE && toggled(v, e))
        return true;
    if (e->reason == EXIT_CR && e->cr == 3 && e->cr_op == CR_WRITE) {
        cpu_exit_cr(v, e);
        return !v->domain->doomed;
    }
    return false;
}

void virt_handle_exit(struct vcpu *v, struct exit *e)
{
    handlers[e->reason](v, e);
}
