/*
 * One table of handlers for all platforms. A trap without a handler is reported and fails the
 * guest.
 */
#include "kit/kit.h"

static trap_handler handlers[TRAP_COUNT];

/* From the stubs. Returns the frame to resume. */
struct trap_frame *trap_dispatch(struct trap_frame *frame);

static void report(const struct trap_frame *f)
{
    print("Unexpected trap %lu, error 0x%lx, address 0x%lx, at 0x%lx:0x%lx, flags 0x%lx, stack "
          "0x%lx\n",
          f->vector, f->error, f->vector == TRAP_PAGE_FAULT ? trap_fault_address() : 0, f->cs,
          f->rip, f->rflags, f->rsp);
    print("rax 0x%lx rbx 0x%lx rcx 0x%lx rdx 0x%lx rsi 0x%lx rdi 0x%lx rbp 0x%lx\n", f->rax, f->rbx,
          f->rcx, f->rdx, f->rsi, f->rdi, f->rbp);
}

struct trap_frame *trap_dispatch(struct trap_frame *frame)
{
    trap_handler handler = handlers[frame->vector];

    if (handler)
        return handler(frame);
    report(frame);
    check_equal("no unexpected trap", ~0ULL, frame->vector);
    finish();
}

struct trap_frame *trap_default_system_call(struct trap_frame *frame)
{
    if (frame->rax == SYS_EXIT)
        leave_user(frame->rdi);
    frame->rax = 0;
    return frame;
}

void trap_init(void)
{
    handlers[TRAP_SYSCALL] = handlers[TRAP_INT80] = trap_default_system_call;
    platform->trap_init();
}

void trap_handle(unsigned vector, trap_handler handler)
{
    if (!handler && (vector == TRAP_SYSCALL || vector == TRAP_INT80))
        handler = trap_default_system_call;
    handlers[vector] = handler;
}

void trap_enter_at(unsigned vector, void (*stub)(void))
{
    platform->trap_enter_at(vector, stub);
}

u64 trap_fault_address(void)
{
    return platform->fault_address();
}
