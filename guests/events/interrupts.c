/*
 * NMIs and interrupts that the processor sends itself through its local APIC: what blocks them, in
 * which order they come, and when exactly. Sources: SDM, "Interrupt Command Register", "Task and
 * Processor Priorities", "STI", "MOV".
 */
#include "events.h"

#define APIC_BASE 0xfee00000UL
enum apic {
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_ICR = 0x300,
    ICR_NMI = 4 << 8,
    ICR_ASSERT = 1 << 14,
    ICR_SELF = 1 << 18,
};
enum vectors { NMI = 2, LOW = 0x50, MIDDLE = 0x60, HIGH = 0x70 };

static void apic_write(unsigned reg, u32 value)
{
    *(volatile u32 *)(APIC_BASE + reg) = value;
}

static volatile unsigned nmis, depth, deepest;
static volatile u64 arrivals; /* the vectors, a byte each, the last one lowest */
static u64 nmi_rip;

/* To the first local APIC, whose number is 0. */
static void send_nmi(void)
{
    apic_write(APIC_ICR + 0x10, 0);
    apic_write(APIC_ICR, ICR_NMI | ICR_ASSERT);
}

static struct trap_frame *on_nmi(struct trap_frame *f)
{
    nmis++;
    nmi_rip = f->rip;
    if (++depth > deepest)
        deepest = depth;
    if (nmis == 2) { /* another one, which waits for IRET */
        send_nmi();
        __asm__ volatile("nop");
    }
    depth--;
    return f;
}

static struct trap_frame *on_interrupt(struct trap_frame *f)
{
    arrivals = arrivals << 8 | f->vector;
    apic_write(APIC_EOI, 0);
    return f;
}

static void check_nmi(void)
{
    trap_handle(NMI, on_nmi);
    send_nmi();
    check_equal("an NMI, with IF = 0", 1, nmis);
    send_nmi();
    check_equal("two NMIs, the second from the first one's handler", 3, nmis);
    check_equal("one after the other", 1, deepest);
    trap_handle(NMI, NULL);
}

static void request(u8 vector)
{
    apic_write(APIC_ICR, ICR_SELF | ICR_ASSERT | vector);
}

static void sti_cli(void)
{
    __asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

static void check_order(void)
{
    arrivals = 0;
    request(LOW);
    request(HIGH);
    request(MIDDLE);
    check_equal("none comes while IF is 0", 0, arrivals);
    sti_cli();
    check_equal("the highest first", HIGH << 16 | MIDDLE << 8 | LOW, arrivals);
    arrivals = 0;
    apic_write(APIC_TPR, MIDDLE);
    request(LOW);
    request(MIDDLE);
    request(HIGH);
    sti_cli();
    check_equal("only what is above TPR", HIGH, arrivals);
    __asm__ volatile("mov %0, %%cr8" : : "r"(5UL) : "memory");
    sti_cli();
    check_equal("CR8 is TPR's upper half", HIGH << 8 | MIDDLE, arrivals);
    apic_write(APIC_TPR, 0);
    sti_cli();
    check_equal("the last", HIGH << 16 | MIDDLE << 8 | LOW, arrivals);
}

/* What has arrived an instruction after the window's opening, and two after. */
static void check_windows(void)
{
    u64 after1, after2;
    u32 ss;

    arrivals = 0;
    request(LOW);
    __asm__ volatile("sti\n\tmov %2, %0\n\tmov %2, %1\n\tcli"
                     : "=&r"(after1), "=&r"(after2)
                     : "m"(arrivals)
                     : "memory");
    check_equal("nothing in STI's shadow", 0, after1);
    check_equal("then the interrupt", LOW, after2);
    arrivals = 0;
    request(LOW);
    __asm__ volatile("pushfq\n\torq $0x200, (%%rsp)\n\tmov %%ss, %2\n\tpopfq\n\t"
                     "mov %3, %0\n\tcli\n\tmov %3, %1"
                     : "=&r"(after1), "=&r"(after2), "=&r"(ss)
                     : "m"(arrivals)
                     : "memory", "cc");
    check_equal("POPF has no shadow", LOW, after1);
    check_equal("and one interrupt is one", LOW, after2);
    arrivals = 0;
    request(LOW);
    __asm__ volatile("mov %%ss, %2\n\tsti\n\tmov %2, %%ss\n\tmov %3, %0\n\tmov %3, %1\n\tcli"
                     : "=&r"(after1), "=&r"(after2), "=&r"(ss)
                     : "m"(arrivals)
                     : "memory");
    check("an interrupt behind STI and MOV SS", after2 == LOW);
    request(LOW);
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
    check_equal("STI, HLT: it wakes", LOW << 8 | LOW, arrivals);
}

void check_interrupts(void)
{
    static const u8 vectors[] = {LOW, MIDDLE, HIGH};

    cli();
    for (unsigned n = 0; n < sizeof(vectors); n++)
        trap_handle(vectors[n], on_interrupt);
    check_nmi();
    check_order();
    check_windows();
    for (unsigned n = 0; n < sizeof(vectors); n++)
        trap_handle(vectors[n], NULL);
}
