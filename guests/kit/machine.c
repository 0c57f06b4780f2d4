/*
 * Stopping the machine, and measuring its clock.
 */
#include "kit/machine.h"
#include "kit/insn.h"
#include "kit/uart.h"

#include "public/trivisor.h"

enum pic { PIC_MASTER_MASK = 0x21, PIC_SLAVE_MASK = 0xa1, PIC_MASK_ALL = 0xff };
enum bochs { BOCHS_SHUTDOWN_PORT = 0x8900 };

/* The 8254, channel 2, whose gate and output are in port 0x61. */
enum pit {
    PIT_CHANNEL2 = 0x42,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL2_ONE_SHOT = 0xb0, /* low byte then high, mode 0 */
    PIT_GATE = 0x61,
    GATE_ON = 1,
    GATE_SPEAKER = 2,
    GATE_OUTPUT = 0x20,
    PIT_HZ = 1193182,
    MEASURE_HZ = 100,
};

void machine_end(unsigned code)
{
    static const char word[] = "Shutdown";

    uart_drain();
    out8(TRIVISOR_PORT_END, (u8)code);
    if (code)
        for (const char *p = word; *p; p++)
            out8(BOCHS_SHUTDOWN_PORT, (u8)*p);
    else
        magic_break();
    for (;;) {
        cli();
        hlt();
    }
}

void machine_mask_pics(void)
{
    out8(PIC_MASTER_MASK, PIC_MASK_ALL);
    out8(PIC_SLAVE_MASK, PIC_MASK_ALL);
}

u32 machine_measure_tsc_khz(void)
{
    const u16 count = PIT_HZ / MEASURE_HZ;
    u64 start;

    out8(PIT_GATE, (u8)((in8(PIT_GATE) & ~GATE_SPEAKER) | GATE_ON));
    out8(PIT_COMMAND, PIT_CHANNEL2_ONE_SHOT);
    out8(PIT_CHANNEL2, (u8)count);
    out8(PIT_CHANNEL2, (u8)(count >> 8));
    start = rdtsc();
    while (!(in8(PIT_GATE) & GATE_OUTPUT))
        pause();
    return (u32)((rdtsc() - start) * MEASURE_HZ / 1000);
}
