/*
 * An exit as a record of the trace: its arguments, as trace_kinds.h names them. Called when the
 * exit has been handled, so a register that the instruction changed holds the result.
 */
#include "cpu.h"
#include "trace.h"
#include "virt_ops.h"

static void cr_args(struct vcpu *v, const struct exit *e, u64 *arg)
{
    if (e->counter == LC_EXIT_CR3_WRITE) {
        arg[0] = virt_get(v, VREG_CR3);
        return;
    }
    arg[0] = e->cr;
    arg[1] = e->cr_op == CR_LMSW ? e->port : e->cr_op == CR_CLTS ? 0 : cpu_gpr(v, e->gpr);
    arg[2] = e->cr_op;
}

static void io_args(const struct vcpu *v, const struct exit *e, u64 *arg)
{
    arg[0] = e->port;
    arg[1] = e->size;
    arg[2] = e->in;
    arg[3] = e->string ? 0 : v->regs.rax & ~0ULL >> (64 - 8 * e->size);
}

static void memory_args(const struct exit *e, u64 *arg)
{
    arg[0] = e->counter == LC_EXIT_STAGE2 ? e->gpa : e->gva;
    arg[1] = e->error;
    arg[2] = e->counter == LC_EXIT_STAGE2 && e->gva_valid ? e->gva : 0;
}

/* What comes after rip. */
static void args(struct vcpu *v, const struct exit *e, u64 *arg)
{
    const struct regs *r = &v->regs;

    switch (e->counter) {
    case LC_EXIT_EXCEPTION:
        arg[0] = e->vector;
        arg[1] = e->error;
        arg[2] = e->gva;
        break;
    case LC_EXIT_PAGE_FAULT:
    case LC_EXIT_STAGE2:
        memory_args(e, arg);
        break;
    case LC_EXIT_INTERRUPT:
        arg[0] = e->vector;
        break;
    case LC_EXIT_CPUID:
        arg[0] = e->error;
        break;
    case LC_EXIT_IO:
        io_args(v, e, arg);
        break;
    case LC_EXIT_RDMSR:
    case LC_EXIT_WRMSR:
    case LC_EXIT_XSETBV:
        arg[0] = (u32)r->rcx;
        arg[1] = (u32)r->rax | r->rdx << 32;
        break;
    case LC_EXIT_CR_READ:
    case LC_EXIT_CR_WRITE:
    case LC_EXIT_CR3_WRITE:
        cr_args(v, e, arg);
        break;
    case LC_EXIT_DR_ACCESS:
        arg[0] = e->cr;
        arg[1] = cpu_gpr(v, e->gpr);
        arg[2] = e->in;
        break;
    case LC_EXIT_TASK_SWITCH:
        arg[0] = e->error;
        break;
    case LC_EXIT_INVLPG:
        arg[0] = e->gva;
        break;
    case LC_EXIT_MISCONFIG:
        arg[0] = e->gpa;
        break;
    case LC_EXIT_VMCALL:
        arg[0] = r->rax;
        arg[1] = r->rdi;
        arg[2] = r->rsi;
        break;
    case LC_EXIT_OTHER:
        arg[0] = e->raw;
        break;
    default:
        break;
    }
}

void virt_trace_exit(struct vcpu *v, const struct exit *e, u64 ticks)
{
    u64 arg[TRACE_ARGS] = {virt_ops->exit_rip(v)};

    args(v, e, &arg[1]);
    trace_span(v, e->counter, e->tsc, ticks, arg);
}
