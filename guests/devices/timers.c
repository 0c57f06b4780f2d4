/*
 * Time: the TSC and IA32_TSC_ADJUST, the local APIC's timer in its three modes, the 8254 read back
 * and through the speaker port.
 */
#include "devices/devices.h"

enum tsc_msr { MSR_TSC = 0x10, MSR_TSC_ADJUST = 0x3b, MSR_TSC_DEADLINE = 0x6e0 };
enum lvt { TIMER_PERIODIC = 1 << 17, TIMER_DEADLINE = 1 << 18, TIMER_MASKED = 1 << 16 };
enum waits { SHORT = 20000, LONG = 2000000, DIVIDE_BY_16 = 3, DIVIDE_BY_1 = 0xb, TICKS = 8 };
enum pit { PIT_CHANNEL2 = 0x42, PIT_COMMAND = 0x43, PIT_SPEAKER = 0x61 };

static volatile unsigned fired;
static volatile u64 fired_at;

static struct trap_frame *on_timer(struct trap_frame *frame)
{
    fired++;
    fired_at = rdtsc();
    if (rdmsr(MSR_APIC_BASE) & BASE_X2APIC)
        x2apic_put(APIC_EOI, 0);
    else
        apic_put(APIC_EOI, 0);
    return frame;
}

/* Interrupts on until `count` have come, or LONG is over. */
static void wait_for(unsigned count)
{
    u64 start = rdtsc();

    sti();
    while (fired < count && rdtsc() - start < LONG)
        pause();
    cli();
}

static void check_one_shot(void)
{
    u64 start;

    fired = 0;
    apic_put(APIC_DIVIDE, DIVIDE_BY_16);
    apic_put(APIC_LVT_TIMER, TRAP_TIMER);
    start = rdtsc();
    apic_put(APIC_INITIAL, SHORT / 16);
    wait_for(1);
    check("one-shot: not early", fired == 1 && fired_at - start >= SHORT - 16);
    check_equal("one-shot: the count has run out", 0, apic_get(APIC_CURRENT));
    wait_for(2);
    check_equal("one-shot: it fires once", 1, fired);
}

static void check_periodic(void)
{
    u64 start;

    fired = 0;
    apic_put(APIC_DIVIDE, DIVIDE_BY_1);
    apic_put(APIC_LVT_TIMER, TRAP_TIMER | TIMER_PERIODIC);
    start = rdtsc();
    apic_put(APIC_INITIAL, SHORT);
    wait_for(TICKS);
    check("periodic: it goes on", fired >= TICKS);
    check("periodic: not too often", fired_at - start >= (TICKS - 1) * SHORT);
    apic_put(APIC_LVT_TIMER, TRAP_TIMER | TIMER_PERIODIC | TIMER_MASKED);
    fired = 0;
    wait_for(1);
    check_equal("periodic and masked: nothing", 0, fired);
    apic_put(APIC_INITIAL, 0);
    check_equal("periodic: stopped by 0", 0, apic_get(APIC_CURRENT));
}

/* A request that the task priority holds back comes when this is lowered. */
static void check_priority(void)
{
    enum { CLASS = 0xf0 };

    fired = 0;
    apic_put(APIC_TPR, TRAP_TIMER & CLASS);
    apic_put(APIC_ICR_LOW, 1 << 18 | TRAP_TIMER); /* to itself */
    sti();
    for (volatile unsigned i = 0; i < 100; i++)
        ;
    cli();
    check_equal("TPR holds it back", 0, fired);
    check_equal("it is requested", 1,
                apic_get(APIC_IRR + TRAP_TIMER / 32 * 16) >> TRAP_TIMER % 32 & 1);
    check_equal("PPR follows TPR", TRAP_TIMER & CLASS, apic_get(APIC_PPR));
    apic_put(APIC_TPR, 0);
    wait_for(1);
    check_equal("TPR lowered: it comes", 1, fired);
}

void check_timers(void)
{
    trap_handle(TRAP_TIMER, on_timer);
    apic_put(APIC_SVR, 0x100 | TRAP_SPURIOUS);
    check_one_shot();
    check_periodic();
    check_priority();
}

void check_deadline(void)
{
    u64 due;

    trap_handle(TRAP_TIMER, on_timer);
    fired = 0;
    x2apic_put(APIC_LVT_TIMER, TRAP_TIMER | TIMER_DEADLINE);
    due = rdtsc() + SHORT;
    wrmsr(MSR_TSC_DEADLINE, due);
    check_equal("deadline: reads as written", due, rdmsr(MSR_TSC_DEADLINE));
    wait_for(1);
    check("deadline: not early", fired == 1 && fired_at >= due);
    if (platform->trivisor) /* Bochs' own keeps the value */
        check_equal("deadline: disarmed", 0, rdmsr(MSR_TSC_DEADLINE));
    wrmsr(MSR_TSC_DEADLINE, rdtsc() + SHORT);
    wrmsr(MSR_TSC_DEADLINE, 0);
    fired = 0;
    wait_for(1);
    check_equal("deadline: 0 disarms", 0, fired);
}

/* Last of all, since what is measured in TSC ticks must not see it move. */
void check_tsc(void)
{
    const u64 jump = 1ULL << 40, adjust = rdmsr(MSR_TSC_ADJUST);
    u64 before = rdtsc(), due;

    wrmsr(MSR_TSC_ADJUST, adjust + jump);
    check("TSC_ADJUST moves the TSC", rdtsc() - before - jump < SHORT);
    wrmsr(MSR_TSC, before);
    check("the TSC can be written", rdtsc() - before < SHORT);
    check("TSC_ADJUST follows", adjust - rdmsr(MSR_TSC_ADJUST) < SHORT);
    fired = 0;
    due = rdtsc() + SHORT;
    wrmsr(MSR_TSC_DEADLINE, due);
    wait_for(1);
    check("a deadline is in the time that was written", fired == 1 && fired_at - due < SHORT);
}

/* The 8254's channel 2, whose gate and output are in port 0x61: mode 0 counts, stops while the gate
 * is low, and its output rises at the end. */
void check_pit(void)
{
    enum { GATE = 1, SPEAKER = 2, OUTPUT = 0x20, MODE_0 = 0xb0, LATCH_2 = 0x80, COUNT = 400 };
    u8 port = in8(PIT_SPEAKER) & (u8) ~(GATE | SPEAKER);
    unsigned first, second;
    u64 start;

    out8(PIT_SPEAKER, port);
    out8(PIT_COMMAND, MODE_0);
    out8(PIT_CHANNEL2, COUNT & 0xff);
    out8(PIT_CHANNEL2, COUNT >> 8);
    check_equal("8254: the output is low", 0, in8(PIT_SPEAKER) & OUTPUT);
    out8(PIT_COMMAND, LATCH_2);
    first = in8(PIT_CHANNEL2);
    first |= (unsigned)in8(PIT_CHANNEL2) << 8;
    for (start = rdtsc(); rdtsc() - start < SHORT;)
        pause();
    out8(PIT_COMMAND, LATCH_2);
    second = in8(PIT_CHANNEL2);
    second |= (unsigned)in8(PIT_CHANNEL2) << 8;
    check_equal("8254: the gate stops the count", first, second);
    out8(PIT_SPEAKER, port | GATE);
    for (start = rdtsc(); !(in8(PIT_SPEAKER) & OUTPUT) && rdtsc() - start < LONG;)
        pause();
    check("8254: the output rises", in8(PIT_SPEAKER) & OUTPUT);
    out8(PIT_SPEAKER, port);
}
