/*
 * Giving up: panic for the hypervisor's own bugs, refuse for a machine or a configuration that it
 * cannot serve.
 */
#include "boot.h"
#include "console.h"
#include "domain.h"
#include "insn.h"
#include "log.h"
#include "names.h"
#include "panic.h"
#include "pcpu.h"
#include "sched.h"
#include "table_report.h"
#include "trace.h"

enum { BACKTRACE_DEPTH = 16 };

static bool panicking;

static void print_address(const char *what, u64 a)
{
    u64 into = 0;
    const char *name = name_of(a, &into);

    if (name)
        log_line("  %s %016lx  %s+0x%lx", what, a, name, into);
    else
        log_line("  %s %016lx", what, a);
}

/* With frame pointers (debug builds) each frame; in release builds every return address on the
 * stack. */
static void backtrace(u64 rsp)
{
    u64 end = (u64)(uintptr_t)image_end; /* an interrupt stack has other data above it */
    u64 limit = MIN(rsp | (PCPU_STACK_SIZE - 1), end) & ~7ULL;
    unsigned printed = 0;

    log_line("stack (return addresses found on it):");
    for (u64 at = (rsp + 7) & ~7ULL; at < limit && printed < BACKTRACE_DEPTH; at += 8) {
        u64 a = *(const u64 *)(uintptr_t)at, into;
        if (name_of(a, &into)) {
            print_address("  ", a);
            printed++;
        }
    }
}

static void print_regs(const struct regs *r)
{
    log_line("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_line("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", r->rsi, r->rdi, r->rbp, r->rsp);
    log_line("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9, r->r10, r->r11);
    log_line("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", r->r12, r->r13, r->r14, r->r15);
    log_line("cs %lx ss %lx rflags %lx cr2 %lx cr3 %lx", r->cs, r->ss, r->rflags, read_cr2(),
             read_cr3());
    print_address("rip", r->rip);
}

/* The processor's data, also from an interrupt stack, where the stack pointer does not lead to it.
 */
static const struct pcpu *find_pcpu(void)
{
    extern u8 boot_stack[PCPU_STACK_SIZE]; /* boot/stacks.asm */

    return (const struct pcpu *)(const void *)boot_stack;
}

static void begin(const char *format, va_list ap)
{
    char what[256];

    cli();
    format_text_v(what, sizeof(what), format, ap);
    if (panicking) {
        log_line("panic while panicking: %s", what);
        machine_stop(false);
    }
    panicking = true;
    log_line("PANIC: %s", what);
    log_line("@panic {\"what\":\"%s\"}", what);
    const struct vcpu *v = find_pcpu()->current;
    if (v)
        log_line("running domain %s, vcpu %u, guest rip %lx", v->domain->config.name, v->id,
                 v->regs.rip);
}

void panic(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    begin(format, ap);
    va_end(ap);
    backtrace((u64)(uintptr_t)__builtin_frame_address(0));
    machine_stop(false);
}

void panic_with_regs(const struct regs *r, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    begin(format, ap);
    va_end(ap);
    print_regs(r);
    report_tables("cr2", read_cr2(), read_cr3());
    report_tables("rsp", r->rsp, read_cr3());
    backtrace(r->rsp);
    if (find_pcpu()->current)
        trace_print_recent(find_pcpu()->current, sched_now(), TRACE_SCREEN);
    machine_stop(false);
}

void refuse(const char *format, ...)
{
    char what[512];
    va_list ap;

    va_start(ap, format);
    format_text_v(what, sizeof(what), format, ap);
    va_end(ap);
    log_line("cannot start: %s", what);
    log_line("@machine {\"ok\":false,\"domains\":0,\"violations\":0,\"refused\":true}");
    machine_stop(false);
}
