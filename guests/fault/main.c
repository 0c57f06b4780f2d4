/*
 * fault: exceptions that belong to the guest, from the instruction to the handler and back: a page
 * that is missing, a write to a read-only page, a breakpoint, a division by zero, an undefined
 * instruction; and a page fault through the kit's whole dispatch.
 */
#include "kit/kit.h"

const char guest_name[] = "fault";

/* Kernel addresses in slot 1 of a space of this guest's own. */
enum fault_pages { MISSING_PAGE = 0, READONLY_PAGE = 1 };

static struct space space;
static volatile u64 faults, fault_error, fault_address;

static u64 page_va(unsigned page)
{
    return USER_BASE + page * PAGE_SIZE;
}

static u64 read_missing(void)
{
    return probe_read(page_va(MISSING_PAGE));
}
static u64 write_readonly(void)
{
    return probe_write(page_va(READONLY_PAGE));
}
static u64 hit_breakpoint(void)
{
    return probe_breakpoint(0);
}
static u64 divide_by_zero(void)
{
    return probe_divide(0);
}
static u64 run_undefined(void)
{
    return probe_undefined(0);
}

/* Each entry figure has its round-trip twin: the same instruction, the other reading. */
static u64 (*round_of)(void);

static u64 sample_round(void)
{
    round_of();
    return probe_round;
}

static void measure(const char *entry_name, const char *round_name, unsigned vector, bool error,
                    u64 (*trap)(void))
{
    trap_enter_at(vector, error ? platform->probe_error : platform->probe_plain);
    figure(&(struct figure){.name = entry_name, .sample = trap, .overhead = probe_nothing});
    round_of = trap;
    figure(&(struct figure){.name = round_name, .sample = sample_round, .overhead = probe_nothing});
    trap_enter_at(vector, NULL);
}

/* Steps over the instruction that probe_traps.asm let fault. */
static struct trap_frame *on_page_fault(struct trap_frame *frame)
{
    faults++;
    fault_error = frame->error;
    fault_address = trap_fault_address();
    frame->rip = probe_resume;
    return frame;
}

static u64 sample_dispatched(void)
{
    read_missing();
    return probe_round;
}

static void check_page_faults(void)
{
    trap_handle(TRAP_PAGE_FAULT, on_page_fault);
    read_missing();
    check_equal("a missing page faults", 1, faults);
    check_equal("error code of a read of a missing page", 0, fault_error & ~(u64)FAULT_USER);
    check_equal("its address", page_va(MISSING_PAGE), fault_address);
    write_readonly();
    check_equal("a write to a read-only page faults", 2, faults);
    check_equal("its error code", FAULT_PRESENT | FAULT_WRITE, fault_error & ~(u64)FAULT_USER);
    check_equal("its address", page_va(READONLY_PAGE), fault_address);
    figure(&(struct figure){
        .name = "page_fault_dispatched", .sample = sample_dispatched, .overhead = probe_nothing});
}

void guest_main(void)
{
    space_create(&space);
    space_map(&space, page_va(READONLY_PAGE), (u64)page_alloc_zeroed(), ENTRY_USER_RO);
    space_publish(&space);
    platform->space_load(&space);
    measure("page_fault_entry", "page_fault_round", TRAP_PAGE_FAULT, true, read_missing);
    measure("write_fault_entry", "write_fault_round", TRAP_PAGE_FAULT, true, write_readonly);
    measure("breakpoint_entry", "breakpoint_round", TRAP_BREAKPOINT, false, hit_breakpoint);
    measure("divide_entry", "divide_round", TRAP_DIVIDE, false, divide_by_zero);
    measure("undefined_entry", "undefined_round", TRAP_UNDEFINED, false, run_undefined);
    check_page_faults();
    platform->space_load(&kernel_space);
    space_destroy(&space);
}
