/*
 * Traps under PV: the trap table, the callbacks, the kernel's stack. The hypervisor's own flat
 * segments serve, so that no GDT is needed. Sources: xen/xen.h, xen/callback.h,
 * xen/arch-x86/xen-x86_64.h.
 */
#include "kit/hypercall.h"
#include "kit/memory.h"
#include "kit/pv.h"
#include "kit/trap.h"

#include <xen/callback.h>

enum trap_info_flags { INFO_RING3 = 3, INFO_MASK_EVENTS = 4 };

extern void (*const pv_stubs[TRAP_VECTORS])(void);
extern void pv_syscall_stub(void), pv_upcall_stub(void), pv_failsafe_stub(void);

static u8 trap_stack[4 * PAGE_SIZE] __attribute__((aligned(16)));

static void set_callback(u16 type, u16 flags, u64 address)
{
    struct callback_register c = {.type = type, .flags = flags, .address = address};

    hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, (u64)&c);
}

static void set_trap(unsigned vector, u64 entry)
{
    trap_info_t info[2] = {0};

    info[0].vector = (u8)vector;
    info[0].flags = INFO_MASK_EVENTS;
    if (vector == TRAP_INT80 || vector == TRAP_BREAKPOINT)
        info[0].flags |= INFO_RING3;
    info[0].cs = FLAT_KERNEL_CS;
    info[0].address = entry;
    hypercall2(__HYPERVISOR_set_trap_table, (u64)info, 0);
}

void pv_trap_enter_at(unsigned vector, void (*stub)(void))
{
    if (vector == TRAP_SYSCALL)
        set_callback(CALLBACKTYPE_syscall, CALLBACKF_mask_events,
                     (u64)(stub ? stub : pv_syscall_stub));
    else if (vector == TRAP_UPCALL)
        set_callback(CALLBACKTYPE_event, 0, (u64)(stub ? stub : pv_upcall_stub));
    else
        set_trap(vector, (u64)(stub ? stub : pv_stubs[vector]));
}

void pv_set_kernel_stack(u64 top)
{
    hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, top);
}

void pv_trap_init(void)
{
    for (unsigned v = 0; v < TRAP_EXCEPTIONS; v++)
        set_trap(v, (u64)pv_stubs[v]);
    set_trap(TRAP_INT80, (u64)pv_stubs[TRAP_INT80]);
    pv_trap_enter_at(TRAP_SYSCALL, NULL);
    pv_trap_enter_at(TRAP_UPCALL, NULL);
    set_callback(CALLBACKTYPE_failsafe, 0, (u64)pv_failsafe_stub);
    pv_set_kernel_stack((u64)trap_stack + sizeof(trap_stack));
}
