/*
 * Exceptions while delivering exceptions ("Conditions for Generating a Double Fault"), with gates
 * that are not present; and RF in what a fault pushes.
 */
#include "events.h"

enum vectors { NOT_PRESENT = 11, DOUBLE_FAULT = 8 };
enum { GATE_BYTES = 16, TYPE_BYTE = 5, GATE_P = 0x80 };
#define RFLAGS_RF 0x10000UL
#define NOWHERE   0x7f0000000000UL /* user mode's, and nobody maps it */

static struct {
    unsigned count;
    u64 vector, error, rflags;
} seen;
static u64 resume;

/* Notes the exception and goes on behind what caused it. */
static struct trap_frame *on_exception(struct trap_frame *f)
{
    seen.count++;
    seen.vector = f->vector;
    seen.error = f->error;
    seen.rflags = f->rflags;
    f->rip = resume;
    return f;
}

static u8 *gate_type(unsigned vector)
{
    struct table_register idt;

    __asm__ volatile("sidt %0" : "=m"(idt));
    return (u8 *)idt.base + vector * GATE_BYTES + TYPE_BYTE;
}

static void gate_present(unsigned vector, bool present)
{
    u8 *type = gate_type(vector);

    *type = (u8)(present ? *type | GATE_P : *type & ~GATE_P);
}

/* Executes an instruction that faults. */
#define FAULT(instruction, ...)                                                                    \
    do {                                                                                           \
        seen.vector = ~0UL;                                                                        \
        __asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\t" instruction "\n1:"            \
                         : "=m"(resume)                                                            \
                         : __VA_ARGS__                                                             \
                         : "rax", "rcx", "rdx", "memory");                                         \
    } while (0)

static void ud(void)
{
    FAULT("ud2");
}
/* Bits of EFER that nobody has: under a hypervisor it exits. */
static void gp(void)
{
    FAULT("mov $0xc0000080, %%ecx\n\tmov $-1, %%eax\n\tmov $-1, %%edx\n\twrmsr");
}
static void pf(void)
{
    FAULT("mov (%1), %%rdx", "b"(NOWHERE));
}

static void expect(const char *what, u64 vector, u64 error)
{
    check_equal(what, vector, seen.vector);
    check_equal("with its error code", error, seen.error);
}

void check_nested(void)
{
    static const u8 handled[] = {TRAP_UNDEFINED, DOUBLE_FAULT, NOT_PRESENT, TRAP_GENERAL_PROTECTION,
                                 TRAP_PAGE_FAULT};

    for (unsigned n = 0; n < sizeof(handled); n++)
        trap_handle(handled[n], on_exception);
    ud();
    expect("#UD", TRAP_UNDEFINED, 0);
    check_equal("it is pushed with RF", RFLAGS_RF, seen.rflags & RFLAGS_RF);
    gp();
    expect("#GP", TRAP_GENERAL_PROTECTION, 0);
    check_equal("it is pushed with RF", RFLAGS_RF, seen.rflags & RFLAGS_RF);
    pf();
    expect("#PF", TRAP_PAGE_FAULT, 0);
    check_equal("it is pushed with RF", RFLAGS_RF, seen.rflags & RFLAGS_RF);
    check_equal("its address", NOWHERE, read_cr2());
    gate_present(TRAP_UNDEFINED, false);
    ud();
    expect("#UD without a gate is #NP", NOT_PRESENT, TRAP_UNDEFINED * 8 + 2 + 1);
    gate_present(TRAP_UNDEFINED, true);
    gate_present(TRAP_GENERAL_PROTECTION, false);
    gp();
    expect("#GP without a gate is #DF", DOUBLE_FAULT, 0);
    gate_present(TRAP_GENERAL_PROTECTION, true);
    gate_present(TRAP_PAGE_FAULT, false);
    pf();
    expect("#PF without a gate is #DF", DOUBLE_FAULT, 0);
    gate_present(TRAP_PAGE_FAULT, true);
    for (unsigned n = 0; n < sizeof(handled); n++)
        trap_handle(handled[n], NULL);
}
