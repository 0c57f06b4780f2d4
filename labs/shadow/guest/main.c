/*
 * The guest that judges the lab shadow: a kernel that changes its page tables, and looks at what
 * comes of it: which memory it reaches, which faults it gets, which flags are set, and what takes
 * the time of an exit. In the order of the exercises.
 */
#include "judge.h"

const char guest_name[] = "shadow-guest";

static u64 state;
static volatile u64 fault_error, fault_address;

/* Marsaglia's xorshift. */
u64 random_u64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

bool slow_read(u64 va)
{
    u64 start = rdtsc();

    word(va);
    return rdtsc() - start > TICKS_OF_AN_EXIT;
}

bool slow_write(u64 va, u64 value)
{
    u64 start = rdtsc();

    *(volatile u64 *)va = value;
    return rdtsc() - start > TICKS_OF_AN_EXIT;
}

u64 *page_with(u64 value)
{
    u64 *page = page_alloc();

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(u64); i++)
        page[i] = value;
    return page;
}

void change(u64 va, u64 *entry, u64 value)
{
    platform->set_entry(entry, value);
    platform->flush_page(va);
}

static struct trap_frame *on_page_fault(struct trap_frame *frame)
{
    fault_error = frame->error;
    fault_address = trap_fault_address();
    frame->rip = probe_resume;
    return frame;
}

/* CR2 that is not the address counts as another error. */
static u64 try(u64 (*access)(u64), u64 va)
{
    fault_error = NO_FAULT;
    fault_address = va;
    trap_handle(TRAP_PAGE_FAULT, on_page_fault);
    access(va);
    trap_handle(TRAP_PAGE_FAULT, NULL);
    return fault_address == va ? fault_error : 2 * NO_FAULT;
}
u64 try_read(u64 va)
{
    return try(probe_read, va);
}
u64 try_write(u64 va)
{
    return try(probe_write, va);
}

void guest_main(void)
{
    state = 0x9e3779b97f4a7c15ULL * (2 * boot_number("seed", 1) + 1);
    test_tables();
    test_spaces();
}
