/*
 * The debugger's desk, debug builds only. Bochs' debugger has no view of the VMCS, so it asks the
 * hypervisor: it writes into desk_request and lets the machine run; at the next exit what was asked
 * for is on the console, and the machine stops at the debugger's prompt again (tools/lib/desk.py).
 */
#include "../cpu.h"
#include "console.h"
#include "desk.h"
#include "domain.h"
#include "log.h"
#include "sched.h"
#include "trace.h"
#include "vmx.h"

#ifdef DEBUG_BUILD

volatile u32 desk_request;
volatile u64 desk_address;

static void print_fields(enum vmcs_field_type type)
{
    u64 value;

    for (u32 f = VMCS_VPID; f != VMCS_NO_FIELD; f = vmcs_next_field(f))
        if (vmcs_field_type(f) == type && vmread_checked(f, &value))
            log_line("  %04x  %-38s %lx", f, vmcs_field_name(f), value);
}

static void print_exit(struct vcpu *v)
{
    u32 raw = (u32)vmread(VMCS_EXIT_REASON), basic = raw & EXIT_BASIC_REASON;

    log_line("exit %u: %s, qualification %lx, at rip %lx of %s", basic, vmx_exit_name(basic),
             vmread(VMCS_EXIT_QUALIFICATION), vmread(VMCS_GUEST_RIP), v->domain->config.name);
    if (basic == VMX_EXCEPTION_NMI)
        log_line("  exception %lu, error code %lx", vmread(VMCS_EXIT_EVENT) & EVENT_VECTOR,
                 vmread(VMCS_EXIT_EVENT_ERROR));
    if (basic == VMX_EPT_VIOLATION)
        log_line("  guest-physical %lx, linear %lx", vmread(VMCS_GUEST_PHYSICAL_ADDRESS),
                 vmread(VMCS_GUEST_LINEAR_ADDRESS));
    if (vmread(VMCS_IDT_VECTORING) & EVENT_VALID)
        log_line("  while vector %lu was delivered", vmread(VMCS_IDT_VECTORING) & EVENT_VECTOR);
}

void vmx_serve_desk(struct vcpu *v)
{
    struct virt_vcpu *x = v->virt;
    u32 request = desk_request;

    desk_request = 0;
    x->valid = x->dirty = 0; /* it has just exited: nothing has been read */
    if (request & DESK_EXIT)
        print_exit(v);
    if (request & DESK_CONTROLS)
        print_fields(FIELD_CONTROL);
    if (request & DESK_EXIT_INFORMATION)
        print_fields(FIELD_EXIT_INFORMATION);
    if (request & DESK_GUEST)
        print_fields(FIELD_GUEST);
    if (request & DESK_HOST)
        print_fields(FIELD_HOST);
    if (request & DESK_WALK)
        cpu_report_walk(v, "address", desk_address);
    if (request & DESK_STATE)
        virt_report(v, NULL);
    if (request & DESK_RECENT)
        trace_print_recent(v, sched_now(), TRACE_SCREEN);
    x->valid = 0;
    console_drain();
    desk_stop();
}

#endif
