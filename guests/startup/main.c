/*
 * startup: secondary start-up code (code.asm), from the state that INIT and a start-up message
 * leave to 64-bit C. Natively the first processor, where the kit runs, starts the second one with
 * these messages, twice; under full virtualization a domain has one processor, which begins as a
 * secondary one does (start_at=), comes to the kit by itself, and does so again after a reset. In
 * both cases the state that was found must be the manual's. Source: SDM, "Processor State After
 * Reset" (the column INIT), "MP Initialization Protocol".
 */
#include "kit/kit.h"

#include "public/trivisor.h"

const char guest_name[] = "startup";

/* From code.asm. */
struct expectation {
    const char *what; /* for the @check line */
    u32 value;        /* that is to be found */
    u32 not_tcg;      /* but not under QEMU's TCG */
};
extern const struct expectation expectations[];
extern u32 results[], kit_runs, first_cr0, first_edx;
extern const u32 result_count;

/* "Local APIC Register Address Map", "Interrupt Command Register (ICR)". */
#define APIC_AT 0xfee00000UL
enum apic_registers { APIC_ID = 0x20, APIC_ICR_LOW = 0x300, APIC_ICR_HIGH = 0x310 };
enum icr {
    ICR_INIT = 0x500,
    ICR_START_UP = 0x600,
    ICR_BUSY = 1 << 12,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    ICR_OTHERS = 3 << 18,
};
/* "MP Initialization Protocol Algorithm": INIT, 10 ms, start-up, 200 us, start-up. */
enum { START_UP_PAGE = 8, STARTS = 2, INIT_US = 10000, START_UP_US = 200, PATIENCE_US = 500000 };
enum { HYPERVISOR_LEAF = 0x40000000, SIGNATURE_TCG = 0x54474354 };
#define HYPERVISOR (1u << 31)
enum { CR0_AFTER_RESET = 0x60000010 };

static volatile u32 arrived; /* how often secondary code has come to C */

void secondary_main(void);

/* On the secondary processor, or in a domain before the kit. */
void secondary_main(void)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

static volatile u32 *apic(unsigned reg)
{
    return (volatile u32 *)(APIC_AT + reg);
}

static void send(u32 command)
{
    *apic(APIC_ICR_LOW) = command;
    while (*apic(APIC_ICR_LOW) & ICR_BUSY)
        pause();
}

/* Until so many microseconds are over, or `arrived` is count. */
static void wait(u32 us, u32 count)
{
    u64 start = rdtsc(), ticks = (u64)platform->tsc_khz() * us / 1000;

    while (rdtsc() - start < ticks && arrived != count)
        pause();
}

/* Whether this is QEMU's translator, by its CPUID signature. */
static bool is_tcg(void)
{
    return cpuid(1, 0).ecx & HYPERVISOR && cpuid(HYPERVISOR_LEAF, 0).ebx == SIGNATURE_TCG;
}

/* The processor's signature in EDX. Bochs 2.7 leaves 0 there, natively. */
static void check_signature(bool tcg)
{
    if (platform->trivisor || tcg || first_edx)
        check_equal("EDX is the processor's signature", cpuid(1, 0).eax, first_edx);
}

static void check_state(void)
{
    bool tcg = is_tcg();

    check_signature(tcg);
    for (u32 i = 0; i < result_count; i++) {
        const struct expectation *e = &expectations[i];

        if (!tcg || !e->not_tcg)
            check_equal(e->what, e->value, results[i]);
        results[i] = ~e->value;
    }
}

/* Starts the other processor, as a kernel does. */
static bool start_other(u32 count)
{
    send(ICR_OTHERS | ICR_LEVEL | ICR_ASSERT | ICR_INIT);
    wait(INIT_US, ~0u);
    send(ICR_OTHERS | ICR_LEVEL | ICR_INIT);
    for (unsigned i = 0; i < 2 && arrived != count; i++) {
        send(ICR_OTHERS | ICR_ASSERT | ICR_START_UP | START_UP_PAGE);
        wait(START_UP_US, count);
    }
    wait(PATIENCE_US, count);
    return check_equal("the secondary processor comes to C", count, arrived);
}

/* As a domain's first life: INIT to itself is a reset, after which it begins so again. */
static void begin_again(void)
{
    *apic(APIC_ICR_HIGH) = *apic(APIC_ID);
    send(ICR_ASSERT | ICR_INIT);
    wait(PATIENCE_US, 0);
}

void guest_main(void)
{
    if (not_for_pv())
        return;
    if (!platform->trivisor) {
        kit_runs = 1;
        for (u32 i = 1; i <= STARTS && start_other(i); i++)
            check_state();
        return;
    }
    if (!check_equal("the domain began at start_at=", 1, arrived))
        return;
    check_state();
    check_equal("CR0.CD and CR0.NW, which no code has changed", CR0_AFTER_RESET, first_cr0);
    if (platform->trivisor(TRIVISOR_LIFE, 0, 0) == 1)
        begin_again();
    check("there was a second life", platform->trivisor(TRIVISOR_LIFE, 0, 0) == 2);
}
