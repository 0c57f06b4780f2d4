/*
 * Which instructions tell a kernel that it is not in ring 0?
 *
 * Each of user_probes.h is executed twice. First in ring 0, where a kernel belongs, with descriptor
 * tables of its own, interrupts off and CR0.TS set: that is what it must see. Then in ring 3, as
 * the kernel of a virtual machine under a hypervisor of the kind that VM/370 is: the hypervisor is
 * in ring 0 with its own tables, interrupts on and TS clear, and learns only of what traps. An
 * instruction that traps can be emulated, so that the kernel sees what it should. One that does
 * not, and gives another answer, cannot be helped: that is the hole in the architecture.
 */
#include "kit/kit.h"
#include "tables.h"
#include "user_probes.h"

#include "public/trivisor.h"

const char guest_name[] = "trap-guest_sensitive";

enum cr0 { CR0_TS = 1 << 3 };
enum regions { REGION_RING0 = 1 };

struct probe {
    const char *name, *text, *result; /* as in SENSITIVE */
    u64 (*run)(u64);                  /* the function */
    bool listed;                      /* on Robin and Irvine's list */
};

#define ROW(function, words, answer)                                                               \
    {.name = #function,                                                                            \
     .text = (words),                                                                              \
     .result = (answer),                                                                           \
     .run = user_##function,                                                                       \
     .listed = true},
#define CONTROL_ROW(function, words, answer)                                                       \
    {.name = #function, .text = (words), .result = (answer), .run = user_##function},
static const struct probe probes[] = {SENSITIVE(ROW) PRIVILEGED(CONTROL_ROW)};

static struct space space;
static u64 in_ring0[ARRAY_SIZE(probes)], in_ring3[ARRAY_SIZE(probes)];
static bool traps[ARRAY_SIZE(probes)];
static volatile bool trapped;

/* The hypervisor: it sees the trap, and would emulate; here it takes note of it. */
static struct trap_frame *on_trap(struct trap_frame *frame)
{
    trapped = true;
    frame->rip = frame->r15;
    return frame;
}

static struct trap_frame *on_int(struct trap_frame *frame)
{
    frame->rax = frame->vector;
    return frame;
}

static void mark(u64 command)
{
    if (platform->trivisor)
        platform->trivisor(command, REGION_RING0, 0);
}

static void run_in_ring0(void)
{
    u64 cr0 = read_cr0();

    tables_of_kernel();
    write_cr0(cr0 | CR0_TS);
    platform->irq_off();
    mark(TRIVISOR_MARK_BEGIN);
    for (unsigned i = 0; i < ARRAY_SIZE(probes); i++) {
        if (!probes[i].listed)
            break;
        in_ring0[i] = probes[i].run(0);
    }
    mark(TRIVISOR_MARK_END);
    for (unsigned i = 0; i < ARRAY_SIZE(probes); i++)
        if (!probes[i].listed)
            in_ring0[i] = probes[i].run(0);
    write_cr0(cr0);
}

static void run_in_ring3(void)
{
    user_space_create(&space);
    platform->space_load(&space);
    write_cr0(read_cr0() & ~(u64)CR0_TS);
    for (unsigned i = 0; i < ARRAY_SIZE(probes); i++) {
        tables_of_hypervisor();
        trapped = false;
        in_ring3[i] = user_run(&space, probes[i].run, 0);
        traps[i] = trapped;
    }
    tables_of_kernel();
}

static void print_row(unsigned i)
{
    const struct probe *p = &probes[i];
    bool same = !traps[i] && in_ring0[i] == in_ring3[i];

    print("%s%s%s%s", p->text, &"               "[strlen(p->text)],
          traps[i] ? "traps   " : "silent  ", p->result);
    if (traps[i])
        print(": 0x%lx; can be emulated\n", in_ring0[i]);
    else
        print(": 0x%lx, but in ring 3 0x%lx%s\n", in_ring0[i], in_ring3[i], same ? "" : " (!)");
    print("@sensitive "
          "{\"name\":\"%s\",\"listed\":%s,\"traps\":%s,\"ring0\":\"0x%lx\",\"ring3\":\"0x%lx\"}\n",
          p->name, p->listed ? "true" : "false", traps[i] ? "true" : "false", in_ring0[i],
          in_ring3[i]);
}

void guest_main(void)
{
    if (!check("a kernel in ring 0: native, shadow or ept", !platform->pv))
        return;
    trap_handle(TRAP_GENERAL_PROTECTION, on_trap);
    trap_handle(TRAP_UNDEFINED, on_trap);
    trap_handle(PROBE_VECTOR, on_int);
    tables_init();
    run_in_ring0();
    run_in_ring3();
    check_equal("SGDT in ring 0 sees the kernel's table", tables_kernel_gdt(), in_ring0[0]);
    check_equal("SIDT in ring 0 sees the kernel's table", tables_kernel_idt(), in_ring0[1]);
    for (unsigned i = 0; i < ARRAY_SIZE(probes); i++)
        print_row(i);
}
