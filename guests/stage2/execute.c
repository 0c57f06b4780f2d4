/*
 * Memory that can be executed and not read: its code runs, and every other access is a page fault,
 * also by an instruction that the hypervisor executes for the guest.
 */
#include "stage2.h"

#define APIC_DIVIDE                                                                                \
    0xfee003e0ULL /* a device's register, which an instruction reaches by an exit                  \
                   */
#define FAULTED (~0ULL)

u64 try_read(const void *address);
u64 try_write(void *address, u64 value);
u64 try_copy(u64 to, const void *from);
u64 try_push(const void *address, u64 *to);

static u64 fault_error, fault_address, faults;

/* Returns FAULTED to the caller of a function of try.asm. */
static struct trap_frame *on_fault(struct trap_frame *f)
{
    faults++;
    fault_error = f->error;
    fault_address = trap_fault_address();
    f->rip = *(const u64 *)f->rsp;
    f->rsp += sizeof(u64);
    f->rax = FAULTED;
    return f;
}

static void expect_fault(const char *what, u64 result, const void *address, u64 error)
{
    check_equal(what, FAULTED, result);
    check_equal("execute only: error code", error, fault_error);
    check_equal("execute only: address", (u64)address, fault_address);
}

static void refused(u8 *page)
{
    u64 copied = 0;

    expect_fault("execute only: a read", try_read(page), page, FAULT_PRESENT);
    expect_fault("execute only: a read of its end", try_read(page + PAGE_SIZE - 8),
                 page + PAGE_SIZE - 8, FAULT_PRESENT);
    expect_fault("execute only: a read that reaches into it", try_read(page - 4), page,
                 FAULT_PRESENT);
    expect_fault("execute only: a write", try_write(page, 0), page, FAULT_PRESENT | FAULT_WRITE);
    expect_fault("execute only: a copy to a device", try_copy(APIC_DIVIDE, page), page,
                 FAULT_PRESENT);
    expect_fault("execute only: PUSH", try_push(page, &copied), page, FAULT_PRESENT);
    check_equal("execute only: faults", 6, faults);
}

void check_execute_only(void)
{
    static const u8 code[] = {0xb8, 0x78, 0x56, 0x34, 0x12, 0xc3}; /* mov eax, 0x12345678; ret */
    u8 *page = (u8 *)memory_take(3 * PAGE_SIZE, PAGE_SIZE) + PAGE_SIZE;
    u64 gfn = (u64)page >> PAGE_SHIFT, start, first;
    unsigned (*function)(void);

    memcpy(&function, &page, sizeof(function));
    memset(page - PAGE_SIZE, 0, 3 * PAGE_SIZE);
    memcpy(page, code, sizeof(code));
    memcpy(&first, page, sizeof(first));
    trap_handle(TRAP_PAGE_FAULT, on_fault);
    check_equal("execute only: no RAM", (u64)-ERROR_INVALID,
                command(TRIVISOR_EXECUTE_ONLY, 1ULL << 40));
    check_equal("execute only: on", 0, command(TRIVISOR_EXECUTE_ONLY, gfn));
    check_equal("execute only: on again", 0, command(TRIVISOR_EXECUTE_ONLY, gfn));
    check_equal("execute only: it runs", 0x12345678, function());
    start = rdtsc();
    function();
    check("execute only: it runs without an exit", rdtsc() - start < TICKS_OF_AN_EXIT);
    refused(page);
    check_equal("execute only: the page before", 0, try_read(page - 8));
    check_equal("execute only: the page behind", 0, try_read(page + PAGE_SIZE));
    check_equal("execute only: it still runs", 0x12345678, function());
    check_equal("execute only: off", 0, command(TRIVISOR_ALL_RIGHTS, gfn));
    check_equal("execute only: what it was", first, try_read(page));
    check_equal("execute only: a write when it is off", 0, try_write(page + 64, 1));
    check_equal("execute only: no more faults", 6, faults);
    trap_handle(TRAP_PAGE_FAULT, NULL);
    command(TRIVISOR_CHECK, 0);
}
