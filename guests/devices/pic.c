/*
 * The two 8259s, by polling, so that what they would say is seen one by one: priorities, ends of
 * interrupt, rotation, special mask mode, automatic end, the cascade; and one delivered, and one
 * that is gone when it is asked for. Its sources are the 16550 (IRQ 4: the transmitter is empty),
 * the 8254 (IRQ 0: a count has run out) and the clock (IRQ 8, periodic).
 */
#include "devices/devices.h"

enum pic {
    MASTER = 0x20,
    SLAVE = 0xa0,
    DATA = 1,
    BASE = 0x70, /* vectors of the master, the slave's behind them */
    ICW1 = 0x11,
    ICW4 = 1,
    AUTO_EOI = 2,
    EOI = 0x20,
    SPECIFIC_EOI = 0x60,
    LOWEST = 0xc0,
    READ_IRR = 0x0a,
    READ_ISR = 0x0b,
    POLL = 0x0c,
    POLL_REQUEST = 0x80,
    SPECIAL_MASK = 0x68,
    NO_SPECIAL_MASK = 0x48,
    ALL = 0xff,
    CASCADE = 2,
    SPURIOUS = 7,
};
enum uart { UART_IER = 0x3f9, UART_MCR = 0x3fc, IER_EMPTY = 2, MCR_OUT2 = 0xb, MCR_USUAL = 3 };
enum pit {
    PIT_0 = 0x40,
    PIT_COMMAND = 0x43,
    PIT_TERMINAL_0 = 0x30,
    SHORT_COUNT = 10,
    PIT_TICKS = 2000
};
enum lvt { APIC_LINT0 = 0x350, LINT0_EXTINT = 0x700, LVT_MASKED = 1 << 16 };
enum { UART_IRQ = 4, TIMER_IRQ = 0, CLOCK_IRQ = 8, WAIT = 400000 };

static volatile unsigned delivered, spurious;

static void program(u8 icw4)
{
    out8(MASTER, ICW1);
    out8(MASTER + DATA, BASE);
    out8(MASTER + DATA, 1 << CASCADE);
    out8(MASTER + DATA, icw4);
    out8(SLAVE, ICW1);
    out8(SLAVE + DATA, BASE + 8);
    out8(SLAVE + DATA, CASCADE);
    out8(SLAVE + DATA, icw4);
    out8(MASTER + DATA, ALL);
    out8(SLAVE + DATA, ALL);
}

static u8 get(u16 chip, u8 what)
{
    out8(chip, what);
    return in8(chip);
}

static void uart_lower(void)
{
    out8(UART_IER, 0);
}
static void uart_raise(void)
{
    uart_lower();
    out8(UART_IER, IER_EMPTY);
}
/* Its output falls at the mode and rises when the count is over. */
static void timer_lower(void)
{
    out8(PIT_COMMAND, PIT_TERMINAL_0);
}
static void timer_raise(void)
{
    u64 start;

    timer_lower();
    out8(PIT_0, SHORT_COUNT);
    out8(PIT_0, 0);
    for (start = rdtsc(); rdtsc() - start < PIT_TICKS;)
        pause();
}

static void check_requests(void)
{
    program(ICW4);
    uart_raise();
    check_equal("8259: a masked request is seen", 1 << UART_IRQ,
                get(MASTER, READ_IRR) & 1 << UART_IRQ);
    check_equal("8259: and not told", 0, get(MASTER, POLL) & POLL_REQUEST);
    out8(MASTER + DATA, (u8) ~(1 << UART_IRQ));
    check_equal("8259: polled", POLL_REQUEST | UART_IRQ, get(MASTER, POLL) & 0x87);
    check_equal("8259: it is in service", 1 << UART_IRQ, get(MASTER, READ_ISR));
    uart_raise();
    check_equal("8259: the next waits for the end", 0, get(MASTER, POLL) & POLL_REQUEST);
    out8(MASTER, EOI);
    check_equal("8259: the end", 0, get(MASTER, READ_ISR));
    check_equal("8259: the next", POLL_REQUEST | UART_IRQ, get(MASTER, POLL) & 0x87);
    out8(MASTER, SPECIFIC_EOI | UART_IRQ);
    check_equal("8259: a specific end", 0, get(MASTER, READ_ISR));
    uart_lower();
}

static void check_priorities(void)
{
    program(ICW4);
    out8(MASTER + DATA, (u8) ~(1 << UART_IRQ | 1 << TIMER_IRQ));
    uart_raise();
    timer_raise();
    check_equal("8259: IRQ 0 goes before IRQ 4", POLL_REQUEST | TIMER_IRQ,
                get(MASTER, POLL) & 0x87);
    check_equal("8259: and holds it back", 0, get(MASTER, POLL) & POLL_REQUEST);
    out8(MASTER, SPECIAL_MASK);
    out8(MASTER + DATA, (u8) ~(1 << UART_IRQ));
    check_equal("8259: special mask mode", POLL_REQUEST | UART_IRQ, get(MASTER, POLL) & 0x87);
    out8(MASTER, NO_SPECIAL_MASK);
    out8(MASTER, SPECIFIC_EOI | UART_IRQ);
    out8(MASTER, SPECIFIC_EOI | TIMER_IRQ);
    out8(MASTER + DATA, (u8) ~(1 << UART_IRQ | 1 << TIMER_IRQ));
    out8(MASTER, LOWEST | TIMER_IRQ);
    uart_raise();
    timer_raise();
    check_equal("8259: IRQ 0 is the lowest now", POLL_REQUEST | UART_IRQ, get(MASTER, POLL) & 0x87);
    out8(MASTER, EOI);
    check_equal("8259: and comes next", POLL_REQUEST | TIMER_IRQ, get(MASTER, POLL) & 0x87);
    out8(MASTER, EOI);
    uart_lower();
    timer_lower();
}

static void check_automatic_end(void)
{
    program(ICW4 | AUTO_EOI);
    out8(MASTER + DATA, (u8) ~(1 << UART_IRQ));
    uart_raise();
    check_equal("8259: automatic end, polled", POLL_REQUEST | UART_IRQ, get(MASTER, POLL) & 0x87);
    check_equal("8259: automatic end, none in service", 0, get(MASTER, READ_ISR));
    uart_lower();
}

/* The clock's periodic interrupt, at 1,024 Hz, arrives through the slave. */
static void check_cascade(void)
{
    enum {
        REGISTER_A = 10,
        REGISTER_B = 11,
        REGISTER_C = 12,
        PERIODIC = 0x40,
        HZ_1024 = 0x26,
        REQUEST = 0x80
    };
    u64 start;
    u8 b;

    program(ICW4);
    cmos_put(REGISTER_A, HZ_1024);
    b = cmos_get(REGISTER_B);
    cmos_put(REGISTER_B, b | PERIODIC);
    (void)cmos_get(REGISTER_C);
    for (start = rdtsc(); !(get(SLAVE, READ_IRR) & 1) && rdtsc() - start < WAIT;)
        pause();
    out8(MASTER + DATA, (u8) ~(1 << CASCADE));
    out8(SLAVE + DATA, (u8)~1);
    check_equal("8259: the cascade's input", POLL_REQUEST | CASCADE, get(MASTER, POLL) & 0x87);
    check_equal("8259: the slave's", POLL_REQUEST | (CLOCK_IRQ - 8), get(SLAVE, POLL) & 0x87);
    check_equal("clock: it was the periodic interrupt", REQUEST | PERIODIC,
                cmos_get(REGISTER_C) & (REQUEST | PERIODIC));
    check_equal("clock: reading the flags clears them", 0, cmos_get(REGISTER_C) & PERIODIC);
    cmos_put(REGISTER_B, b);
    (void)cmos_get(REGISTER_C);
    out8(SLAVE, EOI);
    out8(MASTER, EOI);
}

static struct trap_frame *on_uart(struct trap_frame *frame)
{
    delivered++;
    uart_lower();
    out8(MASTER, EOI);
    return frame;
}
static struct trap_frame *on_spurious(struct trap_frame *frame)
{
    spurious++;
    check_equal("8259: a spurious request is not in service", 0, get(MASTER, READ_ISR));
    return frame;
}

static void check_delivery(void)
{
    u64 start;

    trap_handle(BASE + UART_IRQ, on_uart);
    trap_handle(BASE + SPURIOUS, on_spurious);
    apic_put(APIC_LINT0, LINT0_EXTINT);
    program(ICW4);
    out8(MASTER + DATA, (u8) ~(1 << UART_IRQ));
    uart_raise();
    sti();
    for (start = rdtsc(); !delivered && rdtsc() - start < WAIT;)
        pause();
    cli();
    check_equal("8259: delivered through LINT0", 1, delivered);
    uart_raise();
    uart_lower();
    sti();
    for (start = rdtsc(); rdtsc() - start < WAIT / 10;)
        pause();
    cli();
    check_equal("8259: a request that is gone is not delivered", 1, delivered);
    check("8259: or as the spurious one", spurious <= 1);
    out8(MASTER + DATA, ALL);
    apic_put(APIC_LINT0, LINT0_EXTINT | LVT_MASKED);
    trap_handle(BASE + UART_IRQ, NULL);
    trap_handle(BASE + SPURIOUS, NULL);
}

void check_pic(void)
{
    cli();
    out8(UART_MCR, MCR_OUT2);
    if (platform->trivisor) { /* Bochs' own answers a poll without its request bit, and acknowledges
                                 nothing */
        check_requests();
        check_priorities();
        check_automatic_end();
        check_cascade();
    }
    check_delivery();
    program(ICW4);
    out8(UART_MCR, MCR_USUAL);
}
