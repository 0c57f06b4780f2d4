/*
 * A paravirtualized guest's exits and hypercalls as records of the trace, made when they have been
 * handled: the arguments of a call are still in the registers, its result is in rax.
 */
#include "insn.h"
#include "pv.h"
#include "trace.h"
#include "virt.h"

void pv_trace_arrival(struct vcpu *v)
{
    const struct regs *r = &v->regs;

    v->virt->arrived.rip = r->rip;
    v->virt->arrived.vector = (u32)r->vector;
    v->virt->arrived.error = (u32)r->error;
    v->virt->arrived.cr2 = read_cr2();
}

/* `syscall` leaves the guest's rip in rcx. */
static void call_args(const struct regs *r, u64 *arg)
{
    arg[0] = r->rcx;
    arg[1] = r->rax;
    arg[2] = r->rdi;
    arg[3] = r->rsi;
    arg[4] = r->rdx;
}

static void args(const struct vcpu *v, enum ledger_counter counter, u64 *arg)
{
    const struct virt_vcpu *x = v->virt;

    arg[0] = x->arrived.rip;
    switch (counter) {
    case LC_EXIT_PAGE_FAULT:
        arg[1] = x->arrived.cr2;
        arg[2] = x->arrived.error;
        break;
    case LC_EXIT_GP:
        arg[1] = x->arrived.error;
        break;
    case LC_EXIT_EXCEPTION:
    case LC_EXIT_INTERRUPT:
    case LC_EXIT_SOFT_INT:
        arg[1] = x->arrived.vector;
        arg[2] = x->arrived.error;
        break;
    case LC_EXIT_SYSCALL:
        arg[0] = v->regs.rcx;
        arg[1] = v->regs.rax;
        break;
    case LC_HC_IRET:
        arg[0] = v->regs.rip;
        break;
    case LC_EXIT_OTHER:
        arg[1] = x->arrived.vector;
        break;
    default:
        call_args(&v->regs, arg);
        break;
    }
}

void pv_trace_exit(struct vcpu *v, const struct ledger_cell *cell, u64 tsc, u64 ticks)
{
    enum ledger_counter counter = (enum ledger_counter)(cell - v->domain->ledger.cell);
    u64 arg[TRACE_ARGS] = {0};

    args(v, counter, arg);
    trace_span(v, counter, tsc, ticks, arg);
}

/* The one exit that pv_enter returned with. */
void virt_trace_exit(struct vcpu *v, const struct exit *e, u64 ticks)
{
    pv_trace_exit(v, &v->domain->ledger.cell[e->counter], e->tsc, ticks);
}
