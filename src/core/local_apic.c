/*
 * The processor's own local APIC. Source: SDM, "Advanced Programmable Interrupt Controller".
 */
#include "local_apic.h"

#include "insn.h"
#include "layout.h"
#include "x86.h"

#define APIC_DEFAULT_BASE 0xfee00000ULL
#define APIC_BASE_ENABLE  (1ULL << 11)

enum apic_register {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};
enum apic_bits {
    SVR_ENABLE = 0x100,
    LVT_MASKED = 0x10000,
    DIVIDE_BY_1 = 0xb,
    ID_SHIFT = 24,
};

/* The 8259s: masked for good. */
enum pic_ports { PIC_MASTER_DATA = 0x21, PIC_SLAVE_DATA = 0xa1, PIC_MASK_ALL = 0xff };

static volatile u32 *apic;

static u32 apic_read(enum apic_register r)
{
    return apic[r / 4];
}

static void apic_write(enum apic_register r, u32 v)
{
    apic[r / 4] = v;
}

void local_apic_init(void)
{
    outb(PIC_MASTER_DATA, PIC_MASK_ALL);
    outb(PIC_SLAVE_DATA, PIC_MASK_ALL);
    wrmsr(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) & 0xfff) | APIC_DEFAULT_BASE | APIC_BASE_ENABLE);
    apic = mpa_to_va(mpa_of(APIC_DEFAULT_BASE));
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SVR, SVR_ENABLE | APIC_SPURIOUS_VECTOR);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, APIC_TIMER_VECTOR);
    apic_write(APIC_TIMER_INITIAL, 0);
}

void local_apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

void local_apic_timer(u32 ticks)
{
    apic_write(APIC_TIMER_INITIAL, ticks);
}

u32 local_apic_timer_left(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

u8 local_apic_id(void)
{
    return (u8)(apic_read(APIC_ID) >> ID_SHIFT);
}
