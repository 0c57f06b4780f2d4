/*
 * events: what can happen between two instructions, and in the middle of one. Task switches
 * (code.asm), single steps, debug registers, NMIs, exceptions while delivering exceptions,
 * priorities and windows of interrupts.
 */
#include "kit/low.h"

#include "events.h"

const char guest_name[] = "events";

/* The kit's TSS again: its descriptor is busy. */
static void reload_task_register(void)
{
    enum { TSS_SELECTOR = 0x30, BUSY = 1 << 1, TYPE_BYTE = 5 };
    struct table_register gdt;

    __asm__ volatile("sgdt %0" : "=m"(gdt));
    ((u8 *)gdt.base)[TSS_SELECTOR + TYPE_BYTE] &= (u8)~BUSY;
    ltr(TSS_SELECTOR);
}

void guest_main(void)
{
    if (not_for_pv())
        return;
    low_run();
    reload_task_register();
    check_debug();
    check_nested();
    check_interrupts();
}
