/*
 * devices: a PC's devices as a kernel drives them, checked against what their manuals say and, run
 * natively, against the machine; and what it costs to reach them. Paravirtualized guests have none.
 */
#include "devices/devices.h"

const char guest_name[] = "devices";

void guest_main(void)
{
    if (not_for_pv())
        return;
    if (platform->trivisor)
        check_resets();
    check_pit();
    check_pit_modes();
    check_pic();
    check_board();
    check_timers();
    check_emulated();
    if (platform->trivisor)
        check_dirty_log();
    measure_devices();
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_X2APIC);
    x2apic_put(APIC_SVR, 0x100 | TRAP_SPURIOUS);
    measure_x2apic();
    check_deadline();
    check_tsc();
}
