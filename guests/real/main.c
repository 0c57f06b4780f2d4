/*
 * real: 16-bit code as a processor runs it that has just been switched on. It goes down from 64-bit
 * mode to real mode and back (kit/low.inc), and checks there what a boot loader and a kernel's
 * set-up code rely on: arithmetic, strings, interrupts through the table at 0, far calls, faults,
 * the switch to protected mode and back, segments that kept their limits (code.asm).
 */
#include "kit/low.h"

const char guest_name[] = "real";

void guest_main(void)
{
    if (not_for_pv())
        return;
    low_run();
    check("64-bit mode is back", true);
}
