/*
 * Traps from ring 0: the machine's interrupts in idle and at poll points, faults on a guest's
 * account (recovered through the exception table), and bugs.
 */
#include "host_trap.h"

#include "extable.h"
#include "insn.h"
#include "local_apic.h"
#include "log.h"
#include "panic.h"
#include "x86.h"

static void (*nmi_handler)(void);

void host_set_nmi_handler(void (*handler)(void))
{
    nmi_handler = handler;
}

void host_interrupt(u8 vector)
{
    if (vector == APIC_SPURIOUS_VECTOR)
        return;
    local_apic_eoi();
    if (vector != APIC_TIMER_VECTOR)
        log_line("interrupt %u that nobody asked for", vector);
}

/*
 * Tour 16: when the hypervisor itself faults. A fault in ring 0 is a bug, with one exception: an
 * instruction that was given a guest's value (a pointer to copy from, an MSR to write) may fault on
 * the guest's account. Each such instruction stands in a table with the place to go on;
 * extable_ops.asm shows how short they are. A fault anywhere else is `panic`, and no guest can
 * cause one.
 */
void host_trap(struct regs *r)
{
    u64 fixup;

    if (r->vector >= VEC_FIRST_EXTERNAL) {
        host_interrupt((u8)r->vector);
        return;
    }
    if (r->vector == VEC_NMI && nmi_handler) {
        nmi_handler();
        return;
    }
    if (r->vector == VEC_DB) {
        /* A guest's breakpoint, put off by MOV SS to the hypervisor's first instruction ("Masking
         * Exceptions and Interrupts When Switching Stacks"): nothing of the hypervisor's. */
        write_dr6(DR6_RESET);
        r->rflags |= RFLAGS_RF;
        return;
    }
    fixup = r->vector == VEC_NMI || r->vector == VEC_MC ? 0 : extable_lookup(r->rip);
    if (fixup) {
        r->rip = fixup;
        r->rax = (r->vector << 32 | (u32)r->error) + 1;
        return;
    }
    panic_with_regs(r, "exception %lu in the hypervisor, error code %lx", r->vector, r->error);
}
